"""Rounds as a table: status and how far each is."""

import streamlit as st
from sqlmodel import Session

from annotate import rounds
from annotate.ui import clock
from db.tables import Rater, Round


def show(db: Session, known: list[Round], lead: Rater) -> None:
    """One row a round, in the order given."""
    found = [(round_, rounds.progress(db, round_, by=lead)) for round_ in known]
    st.dataframe(
        [
            {
                "round": round_.name,
                "status": round_.status,
                "units": done.units,
                "submitted": f"{done.submitted} of {done.assignments}",
                "progress": 100 * done.submitted // max(1, done.assignments),
                "launched": clock.day(round_.launched_at),
                "closed": clock.day(round_.closed_at),
            }
            for round_, done in found
        ],
        column_config={
            "progress": st.column_config.ProgressColumn(format="%d%%", min_value=0, max_value=100),
        },
        hide_index=True,
        width="stretch",
    )
