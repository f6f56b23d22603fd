"""The choices that several pages open with: which round, which criterion, which segment."""

import streamlit as st

from annotate.errors import BadInput
from db.tables import Round

ALL_SEGMENTS = "All segments"


def chosen_round(rounds: list[Round], *, key: str, label: str = "Round") -> Round | None:
    """A select box of rounds, newest first, opening with the newest closed one.

    Says what to do where there is none.
    """
    if not rounds:
        st.info("No round yet. Launch one on the page Rounds; its results will appear here.")
        return None
    names = [r.name for r in rounds]
    newest_closed = next((i for i, r in enumerate(rounds) if r.status == "closed"), 0)
    name = st.selectbox(label, names, index=newest_closed, key=key)
    chosen = next(r for r in rounds if r.name == name)
    if chosen.status == "open":
        st.caption("This round is open: its figures still change.")
    return chosen


def chosen_criterion(criteria: list[str], *, key: str) -> str:
    """Tabs would hide names on a phone; a segmented control wraps."""
    if not criteria:
        raise BadInput("there is no criterion with values to show here; choose another")
    chosen = st.segmented_control(
        "Criterion", criteria, default=criteria[0], key=key, required=True
    )
    return chosen or criteria[0]


def segment_name(segment: str | None) -> str:
    """The pooled row's name, or the segment's."""
    return ALL_SEGMENTS if segment is None else segment
