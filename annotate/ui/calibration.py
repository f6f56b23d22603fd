"""What stands behind a judge's verdict: who it could replace, and on what its error depends."""

import streamlit as st

from annotate.reports.calibration import CalibrationRow, Correlation
from annotate.stats import AlternativeAnnotatorTest, Dependence
from annotate.ui import figures

DEPENDS = {"length": "length of the response", "configuration": "configuration"}


def show_alternative(test: AlternativeAnnotatorTest) -> None:
    """The alternative annotator test, and how far it hangs on its epsilon."""
    if test.winning_rate is None or test.advantage is None:
        st.text(f"Cannot tell: {test.reason}.")
        return
    answer = "Yes" if test.passed else "No"
    st.text(
        f"{answer}: it holds its own against {test.winning_rate:.0%} of the people "
        f"(half are asked for), and is at least as close to the others as a person is on "
        f"{test.advantage:.0%} of the units."
    )
    st.dataframe(
        [
            {
                "it may lose (epsilon)": f"{epsilon:.2f}",
                "people against whom it holds its own": f"{rate:.0%}",
            }
            for epsilon, rate in test.winning_rate_at.items()
        ],
        hide_index=True,
        width="stretch",
    )
    st.caption(
        f"Each person is left out in turn, and judge and person are compared with the rest. "
        f"Epsilon, here {test.epsilon:g}, is what the judge may lose for its lower cost: a "
        "judgement of value, which is why every row is shown."
    )


def show_dependence(row: CalibrationRow) -> None:
    """Whether the judge's error goes with what quality does not depend on."""
    if row.correlation is None:
        st.text("Categories have no distances: there is no error in points.")
        return
    _show_correlation(row.correlation)
    st.dataframe(
        [line for name, found in row.dependence.items() for line in _lines(DEPENDS[name], found)],
        hide_index=True,
        width="stretch",
    )
    st.caption(
        "Error is judge less people, in points: a judge that likes long answers errs upwards "
        "with every doubling of the length. p is of no dependence at all."
    )


def _show_correlation(found: Correlation) -> None:
    within, between = found.within_case, found.between_configurations
    left = f", {within.constant} cases without a difference left out" if within.constant else ""
    st.text(f"Ranking outputs of one case (Spearman): {figures.words(within.figure)}{left}")
    st.text(f"Ranking configurations by their means: {figures.words(between)}")


def _lines(name: str, found: Dependence) -> list[dict[str, str | int | None]]:
    return [
        {
            "depends on": name,
            "which": group,
            "error (points)": figures.words(figure, signed=True),
            "units": figure.n,
            "p": None if found.p is None else f"{found.p:.3f}",
        }
        for group, figure in found.figures.items()
    ]
