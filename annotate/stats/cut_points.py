"""Where a judge's continuous score becomes the next level: refitted to people, without a new call."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotate.stats.coefficients import cohen_kappa
from annotate.stats.figure import Figure, Floats, not_enough

FOLDS = 5
LEAST = 20
"""Units below which cut points would follow chance."""


@dataclass(frozen=True)
class CutPoints:
    """The scores from which each next point of the scale is given."""

    cuts: tuple[float, ...] | None
    """Ascending, one fewer than the points; None with too few units."""
    before: Figure
    """Kappa with people's middle value, at the nearest points."""
    after: Figure
    """Kappa at the new cuts on units that were not used to fit them (cross-validated)."""


def fit_cut_points(
    scores: Floats,
    people: Floats,
    *,
    domain: tuple[float, ...],
    groups: Sequence[str] | None = None,
    minimum_units: int = LEAST,
) -> CutPoints:
    """Cuts that bring a judge's scores nearest to people's levels.

    scores: (units,), the judge's expected scores. people: (units,), points of the scale. Units
        where either is NaN do not count. The cuts minimise the sum of squared distances in points,
        which is what quadratic weights count, exactly (dynamic programming over the order of
        scores). `after` is of cuts fitted on four fifths and used on the last, five times over, in
        the order of the scores: what the cuts are worth on units that they have not seen.
    groups: (units,), what belongs together, such as outputs of one case: never on both sides of a
        fold. None is every unit by itself. With fewer than two groups nothing is unseen.
    Raises ValueError for arrays of different length, or a domain of fewer than two points.
    """
    if len(scores) != len(people):
        raise ValueError(f"{len(scores)} scores for {len(people)} units")
    if len(domain) < 2:
        raise ValueError("a scale has two points or more")
    if groups is not None and len(groups) != len(scores):
        raise ValueError(f"{len(groups)} groups for {len(scores)} units")
    known = ~np.isnan(scores) & ~np.isnan(people)
    scores, people = scores[known], people[known]
    together = (
        np.arange(len(known)) if groups is None else np.unique(groups, return_inverse=True)[1]
    )
    n, least = len(scores), max(minimum_units, 2 * FOLDS)
    if n < least:
        few = Figure.undefined(not_enough(least - n), n)
        return CutPoints(None, few, few)
    nearest = np.asarray(domain)[
        np.abs(scores[:, None] - np.asarray(domain)[None, :]).argmin(axis=1)
    ]
    fold = _folds(scores, together[known])
    before = cohen_kappa(nearest, people, domain=domain, weights="quadratic")
    cuts = _fitted(scores, people, domain)
    if fold.max() == 0:
        return CutPoints(cuts, before, Figure.undefined("all units are of one case", n))
    unseen = np.empty(n)
    for one in range(fold.max() + 1):
        others = _fitted(scores[fold != one], people[fold != one], domain)
        unseen[fold == one] = at_cuts(scores[fold == one], others, domain)
    return CutPoints(cuts, before, cohen_kappa(unseen, people, domain=domain, weights="quadratic"))


def _folds(
    scores: Floats, together: "np.typing.NDArray[np.int64]"
) -> "np.typing.NDArray[np.int64]":
    """The fold of each unit: groups in the order of their mean score, dealt out in turn."""
    _, group = np.unique(together, return_inverse=True)
    mean = np.bincount(group, weights=scores) / np.bincount(group)
    fold = np.empty(len(mean), dtype=np.int64)
    fold[np.argsort(mean, kind="stable")] = np.arange(len(mean)) % FOLDS
    return fold[group]


def at_cuts(scores: Floats, cuts: tuple[float, ...], domain: tuple[float, ...]) -> Floats:
    """The point of the scale for each score: the next one from each cut on.

    scores: (units,) without NaN. cuts: ascending, len(domain) - 1. Raises nothing.
    """
    found: Floats = np.asarray(domain, dtype=float)[np.searchsorted(cuts, scores, side="right")]
    return found


def _fitted(scores: Floats, people: Floats, domain: tuple[float, ...]) -> tuple[float, ...]:
    """The best division of the ordered scores into runs, one a point of the scale."""
    order = np.argsort(scores, kind="stable")
    ordered, said = scores[order], people[order]
    # A run ends only between two different scores.
    values, first = np.unique(ordered, return_index=True)
    costs = np.array([np.add.reduceat((said - point) ** 2, first) for point in domain])
    sums = np.concatenate([np.zeros((len(domain), 1)), np.cumsum(costs, axis=1)], axis=1)
    best = sums[0]
    back = []
    for point in range(1, len(domain)):
        # best[j]: the first j different scores lie at points up to this one.
        gain = best - sums[point]
        lowest = np.minimum.accumulate(gain)
        place = np.maximum.accumulate(np.where(gain == lowest, np.arange(len(gain)), 0))
        best = lowest + sums[point]
        back.append(place)
    cuts: list[float] = []
    j = len(values)
    for place in reversed(back):
        j = int(place[j])
        cuts.append(_between(values, j))
    return tuple(reversed(cuts))


def _between(values: Floats, j: int) -> float:
    """Half way between the j-th score and the one before it; beyond them at an end."""
    if j == 0:
        return float(values[0]) - 0.5
    if j == len(values):
        return float(values[-1]) + 0.5
    return float(values[j - 1] + values[j]) / 2
