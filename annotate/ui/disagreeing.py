"""Units on which a judge and people differ, each with both sides' reasons."""

from collections.abc import Mapping, Sequence

import streamlit as st

from annotate import outputs
from annotate.reports.disagreements import Disagreement
from annotate.ui import dispute, messages, session
from db.tables import Round

AT_ONCE = 5
SHOWN = {"All": None, "False passes": "false pass", "False fails": "false fail"}


def show(found: Sequence[Disagreement], *, key: str) -> None:
    """The list, the farthest apart first; a unit's output is fetched when it is opened."""
    counts = {
        name: sum(error in (None, one.error) for one in found) for name, error in SHOWN.items()
    }
    if not found:
        st.caption("The judge never differs from what people say here.")
        return
    if counts["False passes"] or counts["False fails"]:
        which = st.segmented_control(
            "Which",
            [f"{name} ({counts[name]})" for name in SHOWN],
            default=f"All ({counts['All']})",
            key=f"{key}/which",
            required=True,
            label_visibility="collapsed",
        )
        error = SHOWN[(which or "All").rsplit(" (", 1)[0]]
        found = [one for one in found if error in (None, one.error)]
    more = len(found) > AT_ONCE and st.toggle(f"Show all {len(found)}", key=f"{key}/all")
    for place, one in enumerate(found if more else found[:AT_ONCE]):
        with st.container(border=True, key=f"{key}/{place}"):
            _show_one(one, f"{key}/{one.unit}/{one.criterion}")


def show_alone(found: Mapping[str, Sequence[Disagreement]], round_: Round) -> None:
    """Judge by judge the units on which people are of one mind and it is not."""
    if not found:
        st.success("No judge stands alone against people who all say the same.")
    for judge, rows in found.items():
        st.subheader(messages.as_plain_text(f"{judge} ({len(rows)})"))
        show(rows, key=f"alone/{round_.id}/{judge}")


def _show_one(one: Disagreement, key: str) -> None:
    error = f" · {one.error}" if one.error else ""
    apart = "" if one.categories else f" ({one.difference:+.2f})"
    people, judge = one.labels
    st.markdown(
        f"**{messages.as_plain_text(one.unit)}** · {messages.as_plain_text(one.segment)} · "
        f"people {messages.as_plain_text(people)}, judge {messages.as_plain_text(judge)}"
        f"{apart}{error}"
    )
    left, right = st.columns(2, gap="medium")
    with left:
        st.caption("People")
        for side in one.sides:
            st.text(
                f"{side.rater}: {side.value:g} {side.label}"
                + (f"\n{side.rationale}" if side.rationale else "")
            )
    with right:
        st.caption("Judge")
        st.text(one.reason or "It gave no reason.")
    if st.toggle("Show the output", key=f"{key}/output"):
        with session.lead_reads() as (db, lead):
            dispute.show_output(outputs.get_output(db, one.output, by=lead), None)
