"""What the adjudication page draws: one dispute with every side, and the decision."""

import streamlit as st

from annotate import adjudication, pairs, rounds
from annotate.adjudication import Dispute
from annotate.errors import BadInput
from annotate.rubric import Rubric
from annotate.ui import messages, session, viewer
from db.tables import Output


def chosen(found: list[Dispute]) -> Dispute:
    """The dispute to look at; the first open one unless the lead chooses another."""
    names = {_name(d): d for d in found}
    st.caption(f"{sum(d.decision.open for d in found)} wait for a decision.")
    name = st.selectbox("Dispute", list(names), key="adjudicate_dispute")
    return names[name]


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
                if vote.swapped is not None:
                    st.caption(f"A was the {'candidate' if vote.swapped else 'base'}")
                if vote.rationale:
                    st.text(vote.rationale)


def decision_form(dispute: Dispute, rubric: Rubric, round_name: str) -> None:
    """The lead's value and reason; stored as a rating of the lead's own."""
    decision = dispute.decision
    key = rubric.rating_key(decision.criterion)
    widget = f"{round_name}/{decision.unit}/{decision.criterion}"
    st.radio(
        "Your decision",
        key.domain,
        index=None,
        format_func=lambda value: f"{value:g} · {key.label(value)}",
        key=f"decision/{widget}",
        on_change="ignore",
    )
    st.text_area("Reason", key=f"reason/{widget}", on_change="ignore", max_chars=20_000)
    st.button(
        "Decide",
        type="primary",
        key=f"decide/{widget}",
        on_click=_decide,
        args=(round_name, decision.unit, decision.criterion, widget),
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
        st.session_state.pop("adjudicate_dispute", None)
        st.toast(f"Stored: {criterion} of {messages.as_plain_text(unit)}")
