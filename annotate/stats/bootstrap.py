"""Intervals by resampling units.

A statistic of ratings is nearly always a function of sums over units: of counts, of agreeing
pairs, of cells of a table. Units with the same ratings add the same to every sum. They are
therefore collapsed to distinct patterns; drawing units with replacement is drawing pattern
frequencies from a multinomial, and the sums of all resamples are one matrix product. This is
exact: the same resample gives the same value as the direct computation.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from annotate.stats.figure import Floats, Ints, Level

Resampling = Literal["bca", "percentile", "jackknife"]
RESAMPLES = 2000
SEED = 20_260_901
SMALL = 20
"""Below so many units the jackknife covers better than the bootstrap."""
NEARLY_PERFECT = 0.999
CONFIDENCE = 0.95
Z = 1.959963984540054
BLOCK = 2_000_000
"""Weights held in memory at once."""


@dataclass(frozen=True)
class Patterns:
    """Distinct rows of counts, sorted, and how many units have each."""

    rows: Ints
    """(patterns, values)"""
    weights: Ints
    """(patterns,)"""

    @property
    def units(self) -> int:
        """How many units there are in all."""
        return int(self.weights.sum())


def collapse(counted: Ints, *, least: int = 2) -> Patterns:
    """The distinct patterns of units that were rated at least `least` times.

    counted: (units, values). Sorted, so that the order of units cannot change an interval.
    """
    chosen = counted[counted.sum(axis=1) >= least]
    if not len(chosen):
        return Patterns(np.empty((0, counted.shape[1]), np.int64), np.empty(0, np.int64))
    # One integer a row: sorting integers is much faster than sorting rows.
    base = int(chosen.max()) + 1
    if base ** counted.shape[1] < 2**62:
        powers = base ** np.arange(counted.shape[1] - 1, -1, -1, dtype=np.int64)
        _, first, weights = np.unique(chosen @ powers, return_index=True, return_counts=True)
        return Patterns(chosen[first], weights.astype(np.int64))
    rows, weights = np.unique(chosen, axis=0, return_counts=True)
    return Patterns(rows, weights.astype(np.int64))


@dataclass(frozen=True)
class Statistic:
    """A function of sums over units."""

    features: Floats
    """(patterns, features): what a unit of each pattern adds to every sum."""
    weights: Ints
    """(patterns,): how many units have each pattern."""
    finish: Callable[[Floats], Floats]
    """From sums (n, features) to values (n,), NaN where undefined."""
    apart: Floats
    """(features,): what a unit would add on which raters stand at both ends of the scale."""

    @property
    def units(self) -> int:
        """How many units there are in all."""
        return int(self.weights.sum())

    @property
    def point(self) -> float:
        """The value of the units as they are."""
        return float(self.of(self.weights[None, :])[0])

    def of(self, weights: Floats | Ints) -> Floats:
        """The value of each weighting of the patterns. weights: (n, patterns)."""
        return self.finish(weights @ self.features)

    def without_one(self) -> Floats:
        """The value with one unit of each pattern left out: (patterns,)."""
        return self.finish(self.weights @ self.features - self.features)

    def unanimous_low(self) -> float:
        """How low the value may be although no unit shows a disagreement.

        A share of 1 - .025^(1/n) of units on which raters stand at both ends stays unseen by n
        units in one round of forty.
        """
        n = self.units
        share = 1 - ((1 - CONFIDENCE) / 2) ** (1 / n)
        sums = (1 - share) * (self.weights @ self.features) + share * n * self.apart
        return float(self.finish(sums[None, :])[0])

    def drawn(self, resamples: int, seed: int) -> Floats:
        """The value of each resample of the units: (resamples,)."""
        blocks = draws(self.weights, resamples, seed)
        return np.concatenate([self.of(block) for block in blocks])


def draws(weights: Ints, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each pattern is drawn when units are drawn with replacement.

    weights: (patterns,), how many units have each. Yields blocks (resamples, patterns).
    """
    units, patterns = int(weights.sum()), len(weights)
    random = np.random.default_rng(seed)
    owner = np.repeat(np.arange(patterns), weights)
    step = max(1, BLOCK // max(1, patterns))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        if 2 * patterns < units:
            yield random.multinomial(units, weights / units, size=size).astype(float)
        else:
            # With next to no repeated rows, drawing units is faster than drawing frequencies.
            chosen = owner[random.integers(0, units, size=(size, units))]
            chosen += np.arange(size)[:, None] * patterns
            counted = np.bincount(chosen.ravel(), minlength=size * patterns)
            yield counted.reshape(size, -1).astype(float)


def alpha_statistic(patterns: Patterns, domain: tuple[float, ...], level: Level) -> Statistic:
    """Krippendorff's alpha; NaN where it is undefined."""
    return Statistic(
        alpha_features(patterns.rows.astype(float)),
        patterns.weights,
        lambda sums: alpha_of_sums(sums, domain, level),
        alpha_features(at_both_ends(patterns)[None, :])[0],
    )


def at_both_ends(patterns: Patterns) -> Floats:
    """The counts of a unit, rated as often as the others, with raters at both ends: (values,)."""
    raters = patterns.weights @ patterns.rows.sum(axis=1) / patterns.units
    found: Floats = np.zeros(patterns.rows.shape[1])
    found[[0, -1]] = max(2.0, raters) / 2
    return found


def alpha_features(rows: Floats) -> Floats:
    """What a unit adds to the sums that alpha is made of: (units, values + pairs of values).

    rows: (units, values), how many raters gave each value. Its ratings, and its coincidences
    o_ck of c below k, twice over; nothing for a unit that was rated less than twice.
    """
    per_unit = rows.sum(axis=1, keepdims=True)
    first, second = np.triu_indices(rows.shape[1], k=1)
    pairs = 2 * rows[:, first] * rows[:, second] / np.maximum(per_unit - 1, 1)
    found: Floats = np.where(per_unit >= 2, np.hstack([rows, pairs]), 0.0)
    return found


def alpha_of_sums(sums: Floats, domain: tuple[float, ...], level: Level) -> Floats:
    """Krippendorff's alpha of sums of `alpha_features`: (n, features) to (n,), NaN if undefined.

    Krippendorff (2018), Content Analysis, 4th ed., ch. 12: alpha = 1 - (n-1) D_o / D_e over
    coincidences o_ck; the ordinal distance is recomputed from each resample's marginals.
    """
    values = len(domain)
    first, second = np.triu_indices(values, k=1)
    marginals, between = sums[:, :values], sums[:, values:]
    scale = np.asarray(domain, dtype=float)
    gap = scale[first] - scale[second]
    if level == "nominal":
        gap = np.ones(len(first))
    elif level == "ratio":
        gap = gap / (scale[first] + scale[second])
    elif level == "ordinal":
        middle = np.cumsum(marginals, axis=1) - marginals / 2
        gap = middle[:, first] - middle[:, second]
    observed = (between * gap**2).sum(axis=1)
    expected = (2 * marginals[:, first] * marginals[:, second] * gap**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 1 - (marginals.sum(axis=1) - 1) * observed / expected
    return np.where(expected > 0, found, np.nan)


@dataclass(frozen=True)
class Interval:
    """A 95 % interval and how it was made."""

    low: float | None
    high: float | None
    method: str


def interval_of(
    statistic: Statistic, *, how: Resampling = "bca", resamples: int = RESAMPLES, seed: int = SEED
) -> Interval:
    """BCa over units, or as asked for; the jackknife below 20 units or where a resample is
    undefined.

    Efron (1987), Better bootstrap confidence intervals, JASA 82. Krippendorff's own bootstrap of
    pairs is not offered: it covers 74 to 82 % where it promises 95.
    """
    point, without = statistic.point, statistic.without_one()
    if unvaried(without):
        return unanimous(statistic)
    if statistic.units >= SMALL and how != "jackknife":
        drawn = statistic.drawn(resamples, seed)
        if not np.isnan(drawn).any() and not np.isnan(without).any():
            if how == "percentile":
                return Interval(*percentile(point, drawn), "percentiles over units")
            return bca(point, drawn, without, statistic.weights)
    return jackknife(point, without, statistic.weights)


def unvaried(without: Floats) -> bool:
    """Whether it makes no difference which unit is left out: (patterns,)."""
    return len(without) == 0 or bool(np.ptp(without) < 1e-12)


UNANIMOUS = "exact: no unit with a disagreement"
NO_SPREAD = "none: it makes no difference which units are drawn"


def unanimous(statistic: Statistic) -> Interval:
    """The interval where no resample differs: an exact one below perfect agreement, else none."""
    if statistic.point > 1 - 1e-12 and statistic.units:
        low = statistic.unanimous_low()
        if not np.isnan(low):
            return Interval(min(low, statistic.point), statistic.point, UNANIMOUS)
    return Interval(None, None, NO_SPREAD)


def bca(point: float, drawn: Floats, without: Floats, weights: Ints) -> Interval:
    """The bias-corrected and accelerated interval.

    drawn: the statistic of each resample. without: with one unit left out, a value per pattern
    (or unit), which stands `weights` times.
    """
    below = (np.sum(drawn < point) + np.sum(drawn == point) / 2) / len(drawn)
    if below in (0, 1):
        return jackknife(point, without, weights)
    shift = stats.norm.ppf(below)
    centre = float(np.average(without, weights=weights))
    gap = centre - without
    spread = float((weights * gap**2).sum())
    accelerated = 0.0 if spread == 0 else float((weights * gap**3).sum()) / (6 * spread**1.5)
    tails = stats.norm.ppf([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    levels = stats.norm.cdf(shift + (shift + tails) / (1 - accelerated * (shift + tails)))
    low, high = np.quantile(drawn, levels)
    return Interval(min(float(low), point), max(float(high), point), "BCa over units")


def jackknife(point: float, without: Floats, weights: Ints) -> Interval:
    """Student's t over the jackknife, on Fisher's z scale; nothing for fewer than three units.

    Where leaving out one unit leaves perfect agreement, which z would put infinitely far away, on
    the scale of the statistic itself.
    """
    n = int(weights.sum())
    if n < 3 or np.isnan(without).any() or abs(point) >= 1:
        return Interval(None, None, "none: too few units, or no unit may be left out")
    on_z = bool((np.abs(without) < NEARLY_PERFECT).all())
    values = np.arctanh(without) if on_z else without
    centre = np.average(values, weights=weights)
    error = float(np.sqrt((n - 1) / n * (weights * (values - centre) ** 2).sum()))
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * error
    ends = np.array([-reach, reach]) + (np.arctanh(point) if on_z else point)
    low, high = np.tanh(ends) if on_z else np.clip(ends, -1.0, 1.0)
    # Rounding alone could put the estimate outside an interval of no width.
    return Interval(min(float(low), point), max(float(high), point), "jackknife over units")


def percentile(point: float, drawn: Floats) -> tuple[float, float]:
    """The interval between the outer 2.5 % of resamples."""
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return min(float(low), point), max(float(high), point)
