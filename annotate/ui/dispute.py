"""What the adjudication page draws: one dispute with every side, and the decision."""

from collections import Counter

import streamlit as st

from annotate import adjudication, pairs, rounds
from annotate.adjudication import Dispute
from annotate.errors import BadInput
from annotate.reports.causes import CAUSES, Explained
from annotate.rubric import Rubric
from annotate.ui import component, messages, session, viewer
from annotate.ui.keyboard import keys_of_points
from db.tables import Output, Round

ALL, ALONE = "all", "judge alone"
CHOICE = "adjudicate_dispute"
AFTER = "adjudicate_after"
"""The dispute that follows the one that is shown."""
HINTS = {
    "slip": "A rater departs from the others and from their own repeats: decide, and talk to them.",
    "unclear rubric": (
        "Steady raters differ the same way round more often than by chance: mend the rubric."
    ),
    "ambiguous": "Raters are steady and differ without a pattern: the unit can be seen either way.",
    ALONE: "People all say the same, and the judge does not. Metrics and word overlap are no judges.",
}
KEYS = "Keys: a digit chooses, r writes the reason, Ctrl or ⌘ Enter decides, n and p move"


def chosen_cause(found: list[Explained]) -> str:
    """Which disputes to look at, by their likeliest cause; ALONE is the judge's own.

    ALONE has no number: it is worked out once it is chosen.
    """
    counts = Counter(one.cause for one in found)
    names: dict[str, int] = {
        ALL: len(found),
        **{cause: counts[cause] for cause in CAUSES},
    }
    chosen = st.segmented_control(
        "By cause",
        [*names, ALONE],
        default=ALL,
        key="adjudicate_cause",
        required=True,
        format_func=lambda name: (
            f"{name[:1].upper()}{name[1:]}" + (f" ({names[name]})" if name in names else "")
        ),
    )
    if chosen in HINTS:
        st.caption(HINTS[chosen])
    return chosen or ALL


def chosen(found: list[Explained]) -> Explained:
    """The dispute to look at; the first open one unless the lead chooses another."""
    names = {_name(one.dispute): one for one in found}
    order = list(names)
    if st.session_state.get(CHOICE) not in names:
        # Set and not forgotten: the browser would go on showing the one that was settled.
        after = st.session_state.get(AFTER)
        st.session_state[CHOICE] = after if after in names else order[0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Dispute", order, key=CHOICE)
        place = order.index(name)
        st.session_state[AFTER] = order[min(place + 1, len(order) - 1)]
        for label, step in (("Previous", -1), ("Next", 1)):
            to = place + step
            with st.container(key=f"adjudicate-{label.lower()}", width="content"):
                st.button(
                    label,
                    key=f"adjudicate_{label}",
                    disabled=not 0 <= to < len(order),
                    on_click=_go,
                    args=(order[max(0, min(to, len(order) - 1))],),
                )
    waiting = sum(one.dispute.decision.open for one in found)
    st.caption(f"{waiting} wait for a decision.")
    return names[name]


def _go(name: str) -> None:
    st.session_state[CHOICE] = name


def show_evidence(one: Explained) -> None:
    """Why raters most likely differ here."""
    st.markdown(f":gray-badge[{one.cause}] {messages.as_plain_text(one.evidence)}")


def _name(dispute: Dispute) -> str:
    decision = dispute.decision
    mark = f" (settled by {decision.adjudicated_by})" if decision.adjudicated_by else ""
    return f"{decision.unit} · {decision.criterion} · {decision.segment}{mark}"


def show_output(output: Output, rival: Output | None) -> None:
    """The unit as raters saw it; of a pair both responses, and which is which."""
    reference, rival_reference = pairs.references(output, rival)
    apart = rival is not None and pairs.apart(output, rival)
    viewer.show_output(
        input=output.input,
        contexts=output.contexts,
        response=output.response,
        rival=None if rival is None else rival.response,
        rival_contexts=rival.contexts if rival is not None and apart else None,
        reference=reference,
        rival_reference=rival_reference,
        names=("A", "B") if rival is None else (
            f"of the base, {output.configuration}", f"of the candidate, {rival.configuration}"
        ),
    )  # fmt: skip


def show_sides(dispute: Dispute, rubric: Rubric) -> None:
    """Every rater's value and rationale, side by side."""
    decision = dispute.decision
    question = rubric.criterion(decision.criterion.split(".")[0]).question
    st.subheader(messages.as_plain_text(question))
    if decision.consensus.reason:
        st.caption(messages.as_plain_text(decision.consensus.reason))
    with st.container(horizontal=True):
        for vote in dispute.votes:
            with st.container(border=True, width=220):
                st.markdown(f"**{messages.as_plain_text(vote.rater)}**")
                value = "" if vote.value is None else f"{vote.value:g} · "
                st.text(value + vote.label)
                if not vote.counted:
                    st.caption("One more view, not counted")
                if vote.swapped is not None:
                    st.caption(f"A was the {'candidate' if vote.swapped else 'base'}")
                if vote.rationale:
                    st.text(vote.rationale)


def decision_form(dispute: Dispute, rubric: Rubric, round_: Round) -> None:
    """The lead's value and reason, stored as a rating of the lead's own; or one more rater's view."""
    decision = dispute.decision
    key = rubric.rating_key(decision.criterion)
    widget = f"{round_.name}/{decision.unit}/{decision.criterion}"
    numbered = bool(rubric.criterion(decision.criterion.split(".")[0]).points)
    keys = keys_of_points(key.domain, numbered=numbered)
    st.radio(
        "Your decision",
        key.domain,
        index=None,
        format_func=lambda value: messages.as_plain_text(f"{value:g} · {key.label(value)}"),
        key=f"decision/{widget}",
        on_change="ignore",
    )
    st.text_area("Reason", key=f"reason/{widget}", on_change="ignore", max_chars=20_000)
    args = (round_.name, decision.unit, decision.criterion, widget)
    with st.container(horizontal=True):
        with st.container(key="adjudicate-decide", width="content"):
            st.button("Decide", type="primary", key=f"decide/{widget}", on_click=_decide, args=args)
        if round_.status == "open":
            with st.container(key="adjudicate-more", width="content"):
                st.button(
                    "Ask one more rater",
                    key=f"more/{widget}",
                    on_click=_more,
                    args=args[:2],
                    help="Their rating is kept beside the others and not counted",
                )
    with st.expander("Note for the guideline"):
        st.text_area(
            "What should the rubric say, so that nobody differs here?",
            key=f"note/{widget}",
            on_change="ignore",
            max_chars=20_000,
        )
        st.button("Keep the note", key=f"keep/{widget}", on_click=_note, args=args)
    component.adjudication(
        key="adjudicate_keyboard",
        data={
            "digits": keys,
            "decision": f"decision/{widget}",
            "reason": f"reason/{widget}",
            "words": f"{KEYS}, m asks one more rater." if round_.status == "open" else f"{KEYS}.",
        },
    )


def _decide(round_name: str, unit: str, criterion: str, widget: str) -> None:
    with messages.kept_errors():
        value = st.session_state.get(f"decision/{widget}")
        if value is None:
            raise BadInput("choose a value first; nothing was stored")
        with session.lead_writes() as (db, lead):
            adjudication.adjudicate(
                db,
                rounds.get_round(db, round_name),
                unit,
                criterion,
                value,
                st.session_state.get(f"reason/{widget}", ""),
                by=lead,
            )
        st.toast(f"Stored: {criterion} of {messages.as_plain_text(unit)}")


def _more(round_name: str, unit: str) -> None:
    with messages.kept_errors():
        with session.lead_writes() as (db, lead):
            round_ = rounds.get_round(db, round_name)
            rater = adjudication.send_to_one_more(db, round_, unit, by=lead).name
        st.toast(messages.as_plain_text(f"{unit} is sent to {rater}."))


def _note(round_name: str, unit: str, criterion: str, widget: str) -> None:
    with messages.kept_errors():
        with session.lead_writes() as (db, lead):
            round_ = rounds.get_round(db, round_name)
            text = st.session_state.get(f"note/{widget}", "")
            adjudication.note_for_guideline(db, round_, unit, criterion, text, by=lead)
        st.session_state.pop(f"note/{widget}", None)
        st.toast("The note is kept for the rubric's next version.")
