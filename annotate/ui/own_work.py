"""A rater's own work: per round how much, and unit by unit when and how long."""

from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from annotate.desk import OwnUnit
from annotate.ui.clock import own_zone
from annotate.ui.messages import as_plain_text
from db.tables import Round

STATES = {
    "claimed": "on the desk",
    "submitted": "submitted",
    "skipped": "skipped",
    "expired": "given back",
}


def show(work: list[tuple[Round, list[OwnUnit]]]) -> None:
    """Every round with what was done in it."""
    if not work:
        st.write("Nothing yet. What you rate on the page Rate appears here.")
    for round_, units in work:
        st.subheader(as_plain_text(round_.name))
        st.caption(summary(round_, units))
        st.dataframe(table(units, own_zone()), hide_index=True, width="stretch")


def summary(round_: Round, units: list[OwnUnit]) -> str:
    """`open · 12 submitted · 1 skipped · 34 min`"""
    counts = [
        f"{count} {words}"
        for state, words in STATES.items()
        if (count := sum(unit.state == state for unit in units))
    ]
    minutes = sum(unit.seconds for unit in units) / 60
    return " · ".join([round_.status, *counts, f"{minutes:.0f} min on screen"])


def table(units: list[OwnUnit], zone: ZoneInfo) -> pd.DataFrame:
    """One row a unit."""
    return pd.DataFrame(
        {
            "When": [unit.at.astimezone(zone).strftime("%Y-%m-%d %H:%M") for unit in units],
            "State": [
                STATES.get(unit.state, unit.state) + (", not counted" if unit.extra else "")
                for unit in units
            ],
            "Seconds": [round(unit.seconds) for unit in units],
            "Response": [unit.excerpt for unit in units],
        }
    )
