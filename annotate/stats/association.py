"""Kappa and rank correlation of two columns of scores, for one weighting of units or thousands.

A bootstrap over units only changes how often each unit counts. Every measure here therefore takes
weights, (resamples, units), and gives a value per row of them without a loop over resamples.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from annotate.stats.bootstrap import NO_SPREAD, SEED, Z, bca, draws, jackknife, percentile, unvaried
from annotate.stats.figure import Figure, Floats

Weights = Literal[
    "unweighted", "linear", "quadratic", "radical", "ordinal", "ratio", "circular", "bipolar"
]
Pair = tuple[Floats, Floats]
RESAMPLES = 1000
SMALL = 50
"""Below so many units the jackknife covers better: pairs of raters share fewer of them still."""
MANY = 500
"""From so many units on, the percentiles of resamples are as good as BCa."""
LARGE = 2000
"""From so many units on, the interval is the estimate plus or minus 1.96 bootstrap standard
errors, for which 200 resamples are enough."""
RESAMPLES_OF_LARGE = 200
FEW = 64
"""Up to so many groups, a matrix product adds up units faster than sorting does."""


def weight_matrix(domain: Sequence[float], weights: Weights) -> Floats:
    """How much two values agree, 1 for the same: (values, values).

    linear, quadratic, radical: by the distance as a share of the range, its square, its root.
    ordinal: by how many pairs of points lie between them, whatever the distance. ratio: by the
    square of the distance as a share of the sum. circular: the ends of the scale are neighbours.
    bipolar: a distance counts more near the ends. All as in Gwet (2014).
    Raises ValueError for ratio weights of a scale with values below 0.
    """
    scale = np.asarray(domain, dtype=float)
    gap = np.abs(scale[:, None] - scale[None, :])
    together = scale[:, None] + scale[None, :]
    low, high = scale[0], scale[-1]
    match weights:
        case "unweighted":
            far = (gap > 0).astype(float)
        case "linear":
            far = gap
        case "quadratic":
            far = gap**2
        case "radical":
            far = np.sqrt(gap)
        case "ordinal":
            place = np.arange(len(scale), dtype=float)
            steps = np.abs(place[:, None] - place[None, :])
            far = steps * (steps + 1)
        case "ratio":
            if low < 0:
                raise ValueError(f"a ratio scale has no value below 0, this one has {low:g}")
            far = np.divide(gap, together, out=np.zeros_like(gap), where=gap > 0) ** 2
        case "circular":
            far = np.sin(np.pi * gap / (high - low + 1)) ** 2
        case "bipolar":
            room = (together - 2 * low) * (2 * high - together)
            far = np.divide(gap**2, room, out=np.zeros_like(gap), where=gap > 0)
    found: Floats = 1 - far / far.max()
    return found


def kappas(
    pairs: Sequence[Pair], draws: Floats, domain: Sequence[float], weights: Weights
) -> Floats:
    """Weighted kappa of every resample, from the one table that all pairs of columns fill.

    pairs: columns of (units,), NaN where nobody rated. draws: (resamples, units).
    NaN where both sides say one and the same value throughout.
    """
    return kappa_of_sums(draws @ kappa_features(pairs, domain, weights), domain, weights)


def kappa_features(pairs: Sequence[Pair], domain: Sequence[float], weights: Weights) -> Floats:
    """What a unit adds to the sums that kappa is made of: (units, 2 + 2 values).

    Pairs with both ratings, how much they agree, and how often either side gave each value.
    """
    scale = np.asarray(domain, dtype=float)
    matrix = weight_matrix(domain, weights)
    n, q = len(pairs[0][0]), len(scale)
    found = np.zeros((n, 2 + 2 * q))
    for first, second in pairs:
        both = np.flatnonzero(~(np.isnan(first) | np.isnan(second)))
        one, other = np.searchsorted(scale, first[both]), np.searchsorted(scale, second[both])
        found[both, 0] += 1
        found[both, 1] += matrix[one, other]
        found[both, 2 + one] += 1
        found[both, 2 + q + other] += 1
    return found


def kappa_of_sums(sums: Floats, domain: Sequence[float], weights: Weights) -> Floats:
    """Weighted kappa of sums of `kappa_features`: (n, features) to (n,), NaN where undefined."""
    q = len(domain)
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = sums[:, 1] / sums[:, 0]
        rows, columns = (side / sums[:, :1] for side in (sums[:, 2 : 2 + q], sums[:, 2 + q :]))
        matrix = weight_matrix(domain, weights)
        expected = np.einsum("bi,ij,bj->b", rows, matrix, columns, optimize=True)
        found: Floats = (observed - expected) / (1 - expected)
    return np.where(expected < 1 - 1e-12, found, np.nan)


def ac_of_sums(sums: Floats, domain: Sequence[float], weights: Weights) -> Floats:
    """Gwet's AC1 or AC2 of sums of `kappa_features`: (n, features) to (n,)."""
    q, matrix = len(domain), weight_matrix(domain, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (sums[:, 2 : 2 + q] + sums[:, 2 + q :]) / (2 * sums[:, :1])
        chance = matrix.sum() / (q * (q - 1)) * (share * (1 - share)).sum(axis=1)
        found: Floats = (sums[:, 1] / sums[:, 0] - chance) / (1 - chance)
    return found


def coefficients_of_pairs(
    pairs: Sequence[Pair],
    draws: Floats,
    domain: Sequence[float],
    weights: Weights,
    *,
    pooled: bool = False,
) -> tuple[Floats, Floats]:
    """Kappa and AC of pairs of columns, in every resample: (resamples,) each.

    The mean of the pairs' coefficients, each weighted by the units it shares; pooled: those of the
    one table that all pairs fill.
    """
    if not pairs:
        nothing = np.full(len(draws), np.nan)
        return nothing, nothing
    groups = [pairs] if pooled else [[pair] for pair in pairs]
    sums = [draws @ kappa_features(group, domain, weights) for group in groups]
    shared = [found[:, 0] for found in sums]
    kappa = _averaged([kappa_of_sums(found, domain, weights) for found in sums], shared)
    return kappa, _averaged([ac_of_sums(found, domain, weights) for found in sums], shared)


def mean_kappa(
    pairs: Sequence[Pair], draws: Floats, domain: Sequence[float], weights: Weights
) -> Floats:
    """The mean of the pairs' kappas, each weighted by the units it shares: (resamples,)."""
    return coefficients_of_pairs(pairs, draws, domain, weights)[0]


def correlations(first: Floats, second: Floats, draws: Floats) -> Floats:
    """Spearman's rho of every resample; NaN where one side is constant.

    first, second: (units,) without NaN. draws: (resamples, units).
    """
    # Units with the same two scores rank alike: they may be drawn as one.
    pair = np.column_stack([np.unique(side, return_inverse=True)[1] for side in (first, second)])
    _, one, cell = np.unique(pair @ [len(pair), 1], return_index=True, return_inverse=True)
    if len(one) <= FEW:
        first, second, draws = first[one], second[one], _summed(draws, cell, len(one))
    x, y = _ranks(first, draws), _ranks(second, draws)
    # Mid-ranks average to half the number of units, with ties or without.
    half = draws.sum(axis=1, keepdims=True) / 2
    x -= half
    y -= half
    weighted = draws * x
    product = np.einsum("bu,bu->b", weighted, y)
    spread = np.einsum("bu,bu->b", weighted, x) * np.einsum("bu,bu,bu->b", draws, y, y)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = product / np.sqrt(spread)
    return np.where(spread > 1e-9, found, np.nan)


def mean_correlation(pairs: Sequence[Pair], draws: Floats) -> Floats:
    """The mean of the pairs' rank correlations, each weighted by the units it shares."""
    values, shared = [], []
    for first, second in pairs:
        both = ~(np.isnan(first) | np.isnan(second))
        if both.any():
            here = draws if both.all() else draws[:, both]
            values.append(correlations(first[both], second[both], here))
            shared.append(here.sum(axis=1))
    return _averaged(values, shared) if values else np.full(len(draws), np.nan)


def pooled_correlation(pairs: Sequence[Pair], draws: Floats) -> Floats:
    """One rank correlation over the ratings of all pairs, one below the other."""
    unit, first, second = [], [], []
    for one, other in pairs:
        both = np.flatnonzero(~(np.isnan(one) | np.isnan(other)))
        unit.append(both)
        first.append(one[both])
        second.append(other[both])
    units = np.concatenate(unit)
    if not len(units):
        return np.full(len(draws), np.nan)
    return correlations(np.concatenate(first), np.concatenate(second), draws[:, units])


def _ranks(values: Floats, draws: Floats) -> Floats:
    """Mid-ranks of every unit in every resample, sorting once: (resamples, units)."""
    distinct, group = np.unique(values, return_inverse=True)
    counted = _summed(draws, group, len(distinct))
    middle: Floats = np.cumsum(counted, axis=1)
    middle -= counted / 2
    return middle if _in_order(group) else middle[:, group]


def _summed(draws: Floats, group: "np.typing.NDArray[np.intp]", groups: int) -> Floats:
    """How often each group of units is drawn: (resamples, groups)."""
    if _in_order(group):
        return draws
    if groups <= FEW:
        members = np.zeros((len(group), groups))
        members[np.arange(len(group)), group] = 1
        return draws @ members
    if (np.diff(group) < 0).any():
        order = np.argsort(group, kind="stable")
        draws, group = draws[:, order], group[order]
    starts = np.searchsorted(group, np.arange(groups))
    found: Floats = np.add.reduceat(draws, starts, axis=1)
    return found


def _in_order(group: "np.typing.NDArray[np.intp]") -> bool:
    """Whether every unit is a group of its own and they are sorted."""
    return bool(np.array_equal(group, np.arange(len(group))))


def _averaged(values: Sequence[Floats], shared: Sequence[Floats]) -> Floats:
    """The mean of what is defined, weighted by shared units: (resamples,)."""
    each = np.array(values)
    weight = np.where(np.isnan(each), 0.0, np.array(shared))
    with np.errstate(invalid="ignore"):
        found: Floats = (np.nan_to_num(each) * weight).sum(axis=0) / weight.sum(axis=0)
    return found


@dataclass(frozen=True)
class Units:
    """Distinct rows of scores, sorted, and how many units have each.

    Sorted, so that the order of units cannot change an interval; collapsed, so that a resample
    costs as much as there are distinct rows.
    """

    rows: Floats
    """(patterns, columns), NaN where there is no score."""
    weights: Floats
    """(patterns,)"""

    @classmethod
    def of(cls, rows: Floats) -> "Units":
        """Collapse (units, columns)."""
        known = np.where(np.isnan(rows), -np.inf, rows)
        known = known[np.lexsort(known.T[::-1])]
        new = np.r_[True, (known[1:] != known[:-1]).any(axis=1)] if len(known) else np.empty(0)
        starts = np.flatnonzero(new)
        weights = np.diff(np.r_[starts, len(known)]).astype(float)
        distinct = known[starts]
        return cls(np.where(np.isneginf(distinct), np.nan, distinct), weights)

    @property
    def n(self) -> int:
        """How many units there are in all."""
        return int(self.weights.sum())

    def resamples(self, seed: int) -> Iterator[Floats]:
        """Blocks of (resamples, patterns): how often each is drawn when units are drawn."""
        number = RESAMPLES if self.n < LARGE else RESAMPLES_OF_LARGE
        return draws(self.weights.astype(np.int64), number, seed)


def figures_over_units(
    units: Units,
    statistics: Callable[[Floats], Sequence[Floats]],
    methods: Sequence[tuple[str, str]],
    *,
    seed: int = SEED,
) -> list[Figure]:
    """Several statistics of the same units with their bootstrap intervals.

    statistics: from weights (resamples, patterns) to one (resamples,) array for each method.
    methods: of each statistic its name, and the reason to give where it is undefined.
    The jackknife below SMALL units, BCa below MANY, percentiles below LARGE, then plus or minus 1.96 standard errors.
    Resamples in which a statistic is undefined are left out; with more than a tenth of them
    undefined, or fewer than three units, there is no interval.
    """
    points = [float(found[0]) for found in statistics(units.weights[None, :])]
    drawn: list[Floats] = [np.empty(0)] * len(methods)
    without = drawn
    if units.n >= 3:
        blocks = [statistics(block) for block in units.resamples(seed)]
        drawn = [np.concatenate([block[i] for block in blocks]) for i in range(len(methods))]
    if 3 <= units.n < MANY:
        without = list(statistics(units.weights - np.eye(len(units.weights))))
    return [
        _figure(point, of_draws, of_rest, units, *method, seed)
        for point, of_draws, of_rest, method in zip(points, drawn, without, methods, strict=True)
    ]


def _figure(
    point: float,
    drawn: Floats,
    without: Floats,
    units: Units,
    method: str,
    reason: str,
    seed: int,
) -> Figure:
    n = units.n
    if np.isnan(point):
        return Figure.undefined(reason, n, method)
    defined = drawn[~np.isnan(drawn)]
    if not len(drawn) or len(defined) < 0.9 * len(drawn):
        return Figure(point, None, None, n, method=method, interval="none: too few units")
    if n >= MANY and np.ptp(defined) < 1e-12:
        return Figure(point, None, None, n, method=method, interval=NO_SPREAD)
    if n >= LARGE:
        reach = Z * float(defined.std(ddof=1))
        low, high, how = point - reach, point + reach, "bootstrap standard error over units"
    elif n >= MANY or np.isnan(without).any():
        low, high = percentile(point, defined)
        how = "percentiles over units"
    else:
        if unvaried(without):
            return Figure(point, None, None, n, method=method, interval=NO_SPREAD)
        weights = units.weights.astype(np.int64)
        interval = (
            jackknife(point, without, weights)
            if n < SMALL
            else bca(point, defined, without, weights)
        )
        if interval.low is None or interval.high is None:
            return Figure(point, None, None, n, method=method, interval=interval.method)
        low, high, how = interval.low, interval.high, interval.method
    return Figure(
        point,
        max(-1.0, low),
        min(1.0, high),
        n,
        method=method,
        interval=how,
        seed=seed,
    )
