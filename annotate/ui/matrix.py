"""The calibration matrix: a cell per segment and criterion, with its verdict and its evidence."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from annotate.reports.calibration import CalibrationRow
from annotate.stats import Figure, Verdict
from annotate.ui import choose

TINTS = {
    Verdict.TRUST: "rgba(47, 143, 120, .22)",
    Verdict.WATCH: "rgba(214, 150, 40, .24)",
    Verdict.DO_NOT_USE: "rgba(200, 70, 60, .24)",
    Verdict.NOT_ENOUGH: "rgba(128, 128, 128, .12)",
}
"""Behind a cell; its words say the same."""
FEW = 3
"""So many criteria share the window by themselves; of more, each is as wide as three lines need."""
NARROW = 168
"""Pixels of a column, where there are more."""


def show(rows: Sequence[CalibrationRow], *, key: str, chosen: tuple[str, str]) -> None:
    """The matrix; a click on a cell sets the keys of the criterion and the segment below.

    chosen: the session's keys for the criterion and for the segment.
    """
    criteria = list(dict.fromkeys(row.criterion for row in rows))
    segments = list(dict.fromkeys(choose.segment_name(row.segment) for row in rows))
    cells = {(choose.segment_name(row.segment), row.criterion): row for row in rows}
    table = pd.DataFrame(
        [[_words(cells.get((s, c))) for c in criteria] for s in segments],
        index=pd.Index(segments, name="segment"),
        columns=criteria,
    )
    tints = pd.DataFrame(
        [[_tint(cells.get((s, c))) for c in criteria] for s in segments],
        index=table.index,
        columns=criteria,
    )

    height = 56 if len(criteria) <= FEW else 76

    def pick() -> None:
        picked = st.session_state[key]["selection"]["cells"]
        if picked:
            row, column = picked[0]
            if column in criteria:
                st.session_state[chosen[0]] = column
            st.session_state[chosen[1]] = segments[row]

    st.dataframe(
        table.style.apply(lambda _: tints, axis=None),
        key=key,
        on_select=pick,
        selection_mode="single-cell",
        width="stretch",
        column_config=None
        if len(criteria) <= FEW
        else {name: st.column_config.Column(width=NARROW) for name in criteria},
        row_height=height,
        height=min(40 + (height + 1) * len(segments), 620),
    )
    st.caption(
        "Each cell: the verdict; kappa of the judge with people and its 95 % interval; the units; "
        "and kappa of people with each other, the ceiling. Choose a cell to see what is behind it."
    )


def _words(row: CalibrationRow | None) -> str:
    if row is None:
        return "not asked"
    if row.result.verdict is Verdict.NOT_ENOUGH:
        return f"not enough: {row.result.verdict_reason.split(' that ')[0]}"
    ceiling = row.result.ceiling.weighted_kappa.value
    # What belongs together stays on one line where the cell is narrow.
    people = "people -" if ceiling is None else f"people\N{NO-BREAK SPACE}{ceiling:z.2f}"
    kappa, n = short(row.result.weighted_kappa), f"n\N{NO-BREAK SPACE}{row.result.n_units}"
    return f"{row.result.verdict} · {kappa} · {n} · {people}"


def short(figure: Figure) -> str:
    """`0.71 [0.66, 0.76]`, or a dash where there is no number."""
    return "-" if figure.value is None else figure.words()


def _tint(row: CalibrationRow | None) -> str:
    return "" if row is None else f"background-color: {TINTS[row.result.verdict]}"
