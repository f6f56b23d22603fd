"""Why raters differ on a unit: a slip, an unclear rubric, or a unit that can be seen either way."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from annotate.stats.comparison import sign_test
from annotate.stats.figure import Floats, Ints, Level
from annotate.stats.multiplicity import holm

Cause = Literal["slip", "unclear rubric", "ambiguous"]
BY_CHANCE = 0.05
"""The adjusted p up to which two raters who differ the same way round do so by no chance."""
MOSTLY = 0.75
"""Of the units on which two raters differ, the share in one direction that explains one of them:
among thousands of units a slight leaning is no chance either."""
SHOWN_AGAIN = 3
"""Units shown twice before a rater is called inconsistent."""


@dataclass(frozen=True)
class Explanation:
    """The likeliest cause of one disputed unit, with its evidence in numbers."""

    cause: Cause
    raters: tuple[int, ...]
    """slip: whose. unclear rubric: the lower and the higher one; of categories, the two who give
    these two. ambiguous: who kept their value."""
    count: int
    """slip: repeats answered alike; unclear rubric: units on which the two stand this way round."""
    of: int
    """slip: units shown again; unclear rubric: units on which the two differ; of categories, units
    on which they give these two."""
    here: bool = False
    """Of a slip: on this very unit, shown again."""
    p: float | None = None
    """Of an unclear rubric: that they stand so by chance, adjusted for all pairs of raters."""


def explain(
    values: Floats, again: Floats, disputed: Sequence[int], *, level: Level
) -> list[Explanation]:
    """Of each disputed unit the likeliest cause.

    values: (units, raters), NaN where nobody rated. again: (units, raters), what a rater said of
        the unit when it was shown again, NaN where it was not. disputed: rows. level: on a nominal
        scale nobody stands above another.
    Tried in this order, after the error types of Weber-Genzel et al. (2024, VariErr: separating
    annotation error from human label variation):
    - slip: a rater departs from the others on this unit, and answered it otherwise when it was
      shown again, or answers most repeats otherwise. Who says what the middle or the most of the
      others say does not depart, however inconsistent.
    - unclear rubric: two steady raters stand apart here as they do again and again: MOSTLY the same
      way round, and by a sign test over units (Dixon & Mood 1946, JASA 41), adjusted by Holm (1979)
      over all that were tested, not by chance. On a nominal scale each two categories are a way
      round of their own.
    - ambiguous: what remains can be seen either way.
    Raises ValueError for arrays of different shapes.
    """
    if values.shape != again.shape:
        raise ValueError(f"values are {values.shape} and repeats {again.shape}")
    both = ~np.isnan(values) & ~np.isnan(again)
    shown = both.sum(axis=0)
    alike = (both & (values == again)).sum(axis=0)
    unsteady = (shown >= SHOWN_AGAIN) & (2 * alike < shown)
    ways = _standing(values, np.flatnonzero(~unsteady), level)
    return [_explained(row, values, again, shown, alike, unsteady, ways, level) for row in disputed]


@dataclass(frozen=True)
class _Way:
    """Two raters who stand apart the same way round again and again."""

    low: int
    high: int
    says: tuple[float, float] | None
    """Of categories: what the one gives and what the other."""
    count: int
    of: int
    p: float

    def stands(self, said: Floats) -> bool:
        """Whether they stand so in this row."""
        if self.says is None:
            return bool(said[self.low] < said[self.high])
        return (said[self.low], said[self.high]) == self.says


def _explained(
    row: int,
    values: Floats,
    again: Floats,
    shown: Ints,
    alike: Ints,
    unsteady: "np.typing.NDArray[np.bool_]",
    ways: list[_Way],
    level: Level,
) -> Explanation:
    said = values[row]
    rated = [int(i) for i in np.flatnonzero(~np.isnan(said))]
    departing = [i for i in rated if _departs(said[i], said[[j for j in rated if j != i]], level)]
    for i in departing:
        if not np.isnan(again[row, i]) and again[row, i] != said[i]:
            return Explanation("slip", (i,), int(alike[i]), int(shown[i]), here=True)
    for i in departing:
        if unsteady[i]:
            return Explanation("slip", (i,), int(alike[i]), int(shown[i]))
    found = [way for way in ways if way.stands(said)]
    if found:
        way = max(found, key=lambda one: (one.count, one.of, one.low, one.high))
        return Explanation("unclear rubric", (way.low, way.high), way.count, way.of, p=way.p)
    kept = tuple(i for i in rated if again[row, i] == said[i])
    return Explanation("ambiguous", kept, 0, 0)


def _departs(one: float, others: Floats, level: Level) -> bool:
    """Whether a value lies outside the others' middle; of categories, is none of their commonest.

    Of an even number of others the middle is all from the lower median to the upper one: of 1, 3
    and 3 the 1 departs, and neither 3.
    """
    if not len(others):
        return False
    if level == "nominal":
        points, number = np.unique(others, return_counts=True)
        return one not in points[number == number.max()]
    ordered, half = np.sort(others), len(others) // 2
    return not ordered[(len(others) - 1) // 2] <= one <= ordered[half]


def _standing(values: Floats, steady: "np.typing.NDArray[np.intp]", level: Level) -> list[_Way]:
    """The pairs of steady raters who differ mostly the same way round, and not by chance."""
    tested = [
        way for one, other in combinations(steady.tolist(), 2)
        for way in _ways(values, one, other, level)
    ]  # fmt: skip
    adjusted = holm([way.p for way in tested])
    return [
        _Way(way.low, way.high, way.says, way.count, way.of, float(p))
        for way, p in zip(tested, adjusted, strict=True)
        if p <= BY_CHANCE and way.count >= MOSTLY * way.of
    ]


def _ways(values: Floats, one: int, other: int, level: Level) -> Iterator[_Way]:
    """How two raters differ, the way round that is commoner, each with its own p."""
    if level != "nominal":
        below = int((values[:, one] < values[:, other]).sum())
        above = int((values[:, one] > values[:, other]).sum())
        if below + above:
            count, low, high = max((below, one, other), (above, other, one))
            yield _Way(low, high, None, count, below + above, sign_test(below, above))
        return
    both = ~np.isnan(values[:, [one, other]]).any(axis=1)
    apart = both & (values[:, one] != values[:, other])
    pairs = Counter(zip(values[apart, one].tolist(), values[apart, other].tolist(), strict=True))
    for first, second in sorted({(min(pair), max(pair)) for pair in pairs}):
        there, back = pairs[first, second], pairs[second, first]
        if there >= back:
            yield _Way(one, other, (first, second), there, there + back, sign_test(there, back))
        else:
            yield _Way(one, other, (second, first), back, there + back, sign_test(there, back))
