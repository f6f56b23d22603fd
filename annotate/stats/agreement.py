"""Agreement between raters of the same units.

Raters are taken as they are; units are what is drawn. See docs/statistics/agreement.md.
"""

from dataclasses import dataclass, replace
from itertools import combinations

import krippendorff
import numpy as np

from annotate.stats import bootstrap, coefficients
from annotate.stats.association import Units, Weights, figures_over_units, kappas, mean_kappa
from annotate.stats.figure import Figure, Floats, Ints, Level, Reason, counts, not_enough
from annotate.stats.marginals import Marginals, marginal_homogeneity

MINIMUM_UNITS = 10
"""Units rated by two or more people below which an agreement figure is withheld."""
LINEARISED: dict[Level, Weights] = {"nominal": "unweighted", "interval": "quadratic"}
"""Levels whose alpha has an analytic interval, and the weights that give it."""
MINIMUM_REPEATS = 3
"""Units shown twice below which nothing is said of a rater's consistency with himself."""


@dataclass(frozen=True)
class Agreement:
    """Agreement on one criterion, in three measures that fail in different ways."""

    alpha: Figure
    """Krippendorff's alpha."""
    ac: Figure
    """Gwet's AC1 (nominal) or AC2 (quadratic weights)."""
    percent: Figure
    """The share of pairs of raters who gave the same value."""
    level: Level
    n_units: int
    """Units that two or more people rated."""
    n_ratings: int
    n_raters: int
    prevalence: tuple[float, ...]
    """The share of each value of the scale among all ratings."""


def agreement(
    values: Floats,
    *,
    domain: tuple[float, ...],
    level: Level,
    minimum_units: int = MINIMUM_UNITS,
    resamples: int = bootstrap.RESAMPLES,
    seed: int = bootstrap.SEED,
) -> Agreement:
    """Alpha, AC1 or AC2, and percent agreement of a criterion.

    values: (units, raters), NaN where nobody rated.
    domain: the rubric's whole scale, ascending; AC and percent depend on it.
    minimum_units: with fewer pairable units every figure is "not enough ratings".
    Raises ValueError for a value outside the scale.
    """
    table = counts(values, domain)
    n = int((table.sum(axis=1) >= 2).sum())
    total = int(table.sum())
    if 0 < n < minimum_units:
        alpha = ac = percent = Figure.undefined(not_enough(minimum_units - n), n)
    else:
        alpha = _alpha(table, domain, level, resamples, seed)
        ac = coefficients.ac_of(table, domain, "unweighted" if level == "nominal" else "quadratic")
        percent = coefficients.percent_of(table, domain)
    return Agreement(
        alpha=alpha,
        ac=ac,
        percent=percent,
        level=level,
        n_units=n,
        n_ratings=total,
        n_raters=int((~np.isnan(values)).any(axis=0).sum()),
        prevalence=tuple((table.sum(axis=0) / max(1, total)).tolist()),
    )


def krippendorff_alpha(
    values: Floats,
    *,
    domain: tuple[float, ...],
    level: Level,
    interval: bootstrap.Resampling = "bca",
    resamples: int = bootstrap.RESAMPLES,
    seed: int = bootstrap.SEED,
) -> Figure:
    """Krippendorff's alpha; units with fewer than two ratings do not count.

    values: (units, raters), NaN where nobody rated. The point is that of the package
    `krippendorff`; the interval is a bootstrap over units, or the jackknife (see
    `bootstrap.interval_of`); `weighted_alpha` has the analytic one.
    Undefined without a unit rated twice, and without variation (never 1 by convention).
    Raises ValueError for a value outside the scale, and for a ratio scale with values below 0.
    """
    if level == "ratio" and min(domain) < 0:
        raise ValueError(f"a ratio scale has no value below 0, this one has {min(domain):g}")
    return _alpha(counts(values, domain), domain, level, resamples, seed, interval)


def _alpha(
    table: Ints,
    domain: tuple[float, ...],
    level: Level,
    resamples: int,
    seed: int,
    how: bootstrap.Resampling = "bca",
) -> Figure:
    method = f"Krippendorff's alpha, {level}"
    patterns = bootstrap.collapse(table)
    if not patterns.units:
        return Figure.undefined(Reason.NOT_TWICE, 0, method)
    n = patterns.units
    if (patterns.rows.sum(axis=0) > 0).sum() < 2:
        return Figure.undefined(Reason.NO_VARIATION, n, method)
    pairable = np.repeat(patterns.rows, patterns.weights, axis=0)
    point = float(
        krippendorff.alpha(
            value_counts=pairable, value_domain=list(domain), level_of_measurement=level
        )
    )
    statistic = bootstrap.alpha_statistic(patterns, domain, level)
    interval = bootstrap.interval_of(statistic, how=how, resamples=resamples, seed=seed)
    if interval.low is None and level in LINEARISED and n >= 3:
        # No unit may be left out, but each one's influence is known.
        linear = coefficients.alpha_of(table, domain, LINEARISED[level])
        interval = bootstrap.Interval(linear.low, linear.high, linear.interval)
    low, high = interval.low, interval.high
    # The package and the bootstrap sum in another order: the last bit may differ.
    return Figure(
        point,
        None if low is None else min(low, point),
        None if high is None else max(high, point),
        n,
        method=method,
        interval=interval.method,
        seed=seed,
    )


def pairwise_kappa(
    values: Floats, *, domain: tuple[float, ...], weights: Weights, seed: int = bootstrap.SEED
) -> Figure:
    """The mean of Cohen's kappa over pairs of raters, weighted by the units a pair shares.

    values: (units, raters), NaN where nobody rated. Light (1971) averages complete pairs; the
    weights are for raters who share few units. Interval: resampling units.
    Raises ValueError for a value outside the scale.
    """
    method = f"Cohen's kappa, {weights}, averaged over pairs of people"
    counts(values, domain)  # refuses a value outside the scale
    rated = values[(~np.isnan(values)).sum(axis=1) >= 2]
    if not len(rated):
        return Figure.undefined(Reason.NOT_TWICE, 0, method)
    units = Units.of(rated)
    pairs = [
        (units.rows[:, i], units.rows[:, j])
        for i in range(values.shape[1])
        for j in range(i + 1, values.shape[1])
    ]
    (found,) = figures_over_units(
        units,
        lambda draws: [mean_kappa(pairs, draws, domain, weights)],
        [(method, Reason.NO_VARIATION)],
        seed=seed,
    )
    return found


@dataclass(frozen=True)
class RaterPair:
    """Two raters on the units that both rated; the places are columns of the ratings."""

    first: int
    second: int
    kappa: Figure
    """Cohen's kappa, quadratic weights (unweighted on a nominal scale)."""
    percent: Figure
    marginals: Marginals
    """Whether the two use the scale alike, and who is more lenient."""


def rater_pairs(
    values: Floats,
    *,
    domain: tuple[float, ...],
    level: Level,
    minimum_units: int = MINIMUM_UNITS,
) -> list[RaterPair]:
    """Every pair of raters by itself, in the order of the columns.

    values: (units, raters), NaN where nobody rated. minimum_units: shared units below which a
    pair's figures are "not enough ratings". Raises ValueError for a value outside the scale.
    """
    weights: Weights = "unweighted" if level == "nominal" else "quadratic"
    counts(values, domain)  # refuses a value outside the scale
    found = []
    for i, j in combinations(range(values.shape[1]), 2):
        both = values[:, [i, j]]
        both = both[~np.isnan(both).any(axis=1)]
        n = len(both)
        alike = marginal_homogeneity(both[:, 0], both[:, 1], domain=domain, level=level)
        if n < minimum_units:
            few = Figure.undefined(not_enough(minimum_units - n), n)
            found.append(RaterPair(i, j, few, few, replace(alike, difference=few, p=None)))
            continue
        kappa = coefficients.cohen_kappa(both[:, 0], both[:, 1], domain=domain, weights=weights)
        percent = coefficients.percent_agreement(both, domain=domain)
        found.append(RaterPair(i, j, kappa, percent, alike))
    return found


def without_each_rater(
    values: Floats,
    *,
    domain: tuple[float, ...],
    level: Level,
    minimum_units: int = MINIMUM_UNITS,
    resamples: int = bootstrap.RESAMPLES,
    seed: int = bootstrap.SEED,
) -> list[Agreement]:
    """The agreement of the others, each rater left out in turn, in the order of the columns.

    A rater without whom agreement rises by more than the intervals' width rates differently.
    Arguments and errors as of `agreement`.
    """
    return [
        agreement(
            np.delete(values, i, axis=1),
            domain=domain,
            level=level,
            minimum_units=minimum_units,
            resamples=resamples,
            seed=seed,
        )
        for i in range(values.shape[1])
    ]


def intra_rater(
    first: Floats,
    again: Floats,
    *,
    domain: tuple[float, ...],
    level: Level,
    seed: int = bootstrap.SEED,
) -> Figure:
    """How far raters coincide with themselves on units that were shown twice.

    first, again: (pairs,), the same rater's value at each showing. Cohen's (1968) weighted kappa
    (quadratic, or unweighted for a nominal scale), interval by resampling pairs. Undefined for
    fewer than three pairs. Raises ValueError for a value outside the scale and for arrays of
    different length.
    """
    weights: Weights = "unweighted" if level == "nominal" else "quadratic"
    method = f"Cohen's kappa, {weights}, same rater"
    if len(first) != len(again):
        raise ValueError(f"{len(first)} values beside {len(again)}")
    if len(first) < MINIMUM_REPEATS:
        return Figure.undefined(not_enough(MINIMUM_REPEATS - len(first)), len(first), method)
    both = np.column_stack([first, again])
    counts(both, domain)  # refuses a value outside the scale
    units = Units.of(both)
    pair = units.rows[:, 0], units.rows[:, 1]
    (found,) = figures_over_units(
        units,
        lambda draws: [kappas([pair], draws, domain, weights)],
        [(method, Reason.NO_VARIATION)],
        seed=seed,
    )
    return found
