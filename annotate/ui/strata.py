"""The sample by stratum, as a table."""

from collections.abc import Iterable

import streamlit as st

from annotate.planned import StratumPlan


def show(strata: Iterable[StratumPlan]) -> None:
    """The sample by stratum: how many outputs, how many of them drawn, how probably."""
    st.dataframe(
        [
            {
                "stratum": s.stratum,
                "outputs": s.population,
                "fresh units": s.fresh,
                "anchors": s.anchors,
                "inclusion probability": round(s.inclusion_probability, 4),
            }
            for s in strata
        ],
        hide_index=True,
        width="stretch",
    )
