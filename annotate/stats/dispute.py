"""Why raters differ on a unit: a slip, an unclear rubric, or a unit that can be seen either way."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from annotate.stats.figure import Floats, Ints

Cause = Literal["slip", "unclear rubric", "ambiguous"]
STANDING = 3
"""Units on which one rater must stand above another before that is a reading of the rubric."""
MOSTLY = 0.75
"""Of the units on which two raters differ, the share in one direction that is no chance any more."""
SHOWN_AGAIN = 3
"""Units shown twice before a rater is called inconsistent."""


@dataclass(frozen=True)
class Explanation:
    """The likeliest cause of one disputed unit, with its evidence in numbers."""

    cause: Cause
    raters: tuple[int, ...]
    """slip: whose. unclear rubric: the lower and the higher one. ambiguous: who kept their value."""
    count: int
    """slip: repeats answered alike; unclear rubric: units on which the two stand this way round."""
    of: int
    """slip: units shown again; unclear rubric: units on which the two differ."""
    here: bool = False
    """Of a slip: on this very unit, shown again."""


def explain(values: Floats, again: Floats, disputed: Sequence[int]) -> list[Explanation]:
    """Of each disputed unit the likeliest cause.

    values: (units, raters), NaN where nobody rated. again: (units, raters), what a rater said of
        the unit when it was shown again, NaN where it was not. disputed: rows.
    Tried in this order, after the error types of Weber-Genzel et al. (2024, VariErr: separating
    annotation error from human label variation): a rater who departs from the others' middle and
    answered the unit otherwise when it was shown again, or answers most repeats otherwise, has
    slipped; two raters of whom one stands above the other on at least STANDING units, MOSTLY the
    same way round, read the rubric differently; what remains can be seen either way.
    Raises ValueError for arrays of different shapes.
    """
    if values.shape != again.shape:
        raise ValueError(f"values are {values.shape} and repeats {again.shape}")
    both = ~np.isnan(values) & ~np.isnan(again)
    shown = both.sum(axis=0)
    alike = (both & (values == again)).sum(axis=0)
    unsteady = (shown >= SHOWN_AGAIN) & (2 * alike < shown)
    standing = _standing(values, unsteady)
    return [_explained(row, values, again, shown, alike, unsteady, standing) for row in disputed]


def _explained(
    row: int,
    values: Floats,
    again: Floats,
    shown: Ints,
    alike: Ints,
    unsteady: "np.typing.NDArray[np.bool_]",
    standing: dict[tuple[int, int], tuple[int, int]],
) -> Explanation:
    rated = np.flatnonzero(~np.isnan(values[row]))
    departing = [
        i for i in rated if values[row, i] != _middle_of_others(values[row], rated, int(i))
    ]
    for i in departing:
        if not np.isnan(again[row, i]) and again[row, i] != values[row, i]:
            return Explanation("slip", (int(i),), int(alike[i]), int(shown[i]), here=True)
    for i in departing:
        if unsteady[i]:
            return Explanation("slip", (int(i),), int(alike[i]), int(shown[i]))
    found = [
        (count, of, low, high)
        for (low, high), (count, of) in standing.items()
        if values[row, low] < values[row, high]
    ]
    if found:
        count, of, low, high = max(found)
        return Explanation("unclear rubric", (low, high), count, of)
    kept = tuple(int(i) for i in rated if again[row, i] == values[row, i])
    return Explanation("ambiguous", kept, 0, 0)


def _middle_of_others(said: Floats, rated: "np.typing.NDArray[np.intp]", one: int) -> float:
    others = said[rated[rated != one]]
    return float(np.median(others)) if len(others) else float(said[one])


def _standing(
    values: Floats, unsteady: "np.typing.NDArray[np.bool_]"
) -> dict[tuple[int, int], tuple[int, int]]:
    """Pairs (lower, higher) of steady raters: on how many units they stand so, of those on which
    they differ."""
    found = {}
    steady = [i for i in range(values.shape[1]) if not unsteady[i]]
    for one, other in combinations(steady, 2):
        below = int((values[:, one] < values[:, other]).sum())
        above = int((values[:, one] > values[:, other]).sum())
        count, pair = max((below, (one, other)), (above, (other, one)))
        if count >= STANDING and count >= MOSTLY * (below + above):
            found[pair] = (count, below + above)
    return found
