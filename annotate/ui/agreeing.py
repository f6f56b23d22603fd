"""Who rates like whom: pairs of raters, and the others without each."""

import streamlit as st

from annotate.reports.raters import RaterRow
from annotate.ui import figures


def show_raters(row: RaterRow) -> None:
    """One criterion, rater by rater."""
    st.dataframe(
        [
            {
                "without": name,
                "units": rest.n_units,
                "alpha of the others": figures.words(rest.alpha),
            }
            for name, rest in zip(row.raters, row.without, strict=True)
        ],
        hide_index=True,
        width="stretch",
    )
    st.caption(
        "A rater without whom the others agree much better rates differently from them: talk "
        "about the rubric before you blame anybody."
    )
    st.dataframe(
        [
            {"coefficient": name, "units": figure.n, "all raters": figures.words(figure)}
            for name, figure in row.coefficients.items()
        ],
        hide_index=True,
        width="stretch",
    )
    if not row.pairs:
        return
    st.dataframe(
        [
            {
                "rater": first,
                "and": second,
                "units": pair.kappa.n,
                "kappa": figures.words(pair.kappa),
                "percent agreement": figures.words(pair.percent, percent=True),
                "more lenient by (points)": figures.words(pair.marginals.difference, signed=True),
            }
            for pair in row.pairs
            for first, second in [row.named(pair)]
        ],
        hide_index=True,
        width="stretch",
    )
