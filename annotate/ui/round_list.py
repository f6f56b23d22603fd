"""Rounds as a table: status and how far each is."""

import streamlit as st
from sqlmodel import Session

from annotate import progress
from annotate.ui import clock
from db.tables import Rater, Round


def show(db: Session, known: list[Round], lead: Rater) -> None:
    """One row a round, in the order given."""
    done = progress.counts(db, known, by=lead)
    found = [(round_, done[round_.name]) for round_ in known]
    st.dataframe(
        [
            {
                "round": round_.name,
                "status": round_.status,
                "units": count.units,
                "submitted": f"{count.submitted} of {count.assignments}",
                "progress": 100 * count.submitted // max(1, count.assignments),
                "launched": clock.day(round_.launched_at),
                "closed": clock.day(round_.closed_at),
            }
            for round_, count in found
        ],
        column_config={
            "progress": st.column_config.ProgressColumn(format="%d%%", min_value=0, max_value=100),
        },
        hide_index=True,
        width="stretch",
    )
