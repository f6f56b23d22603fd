"""Agreement between raters of the same units.

Raters are taken as they are; units are what is drawn. See docs/statistics.md.
"""

from dataclasses import dataclass

import krippendorff
import numpy as np
from scipy import stats

from annotate.stats import bootstrap
from annotate.stats.association import (
    Units,
    Weights,
    figures_over_units,
    kappas,
    mean_kappa,
    weight_matrix,
)
from annotate.stats.figure import Figure, Floats, Ints, Level, Reason, counts, not_enough

MINIMUM_UNITS = 10
"""Units rated by two or more people below which an agreement figure is withheld."""
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
        ac = _gwet_ac(table, domain, "unweighted" if level == "nominal" else "quadratic")
        percent = _percent(table)
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
    resamples: int = bootstrap.RESAMPLES,
    seed: int = bootstrap.SEED,
) -> Figure:
    """Krippendorff's alpha; units with fewer than two ratings do not count.

    values: (units, raters), NaN where nobody rated. The point is that of the package
    `krippendorff`; the interval is a bootstrap over units (see `bootstrap.alpha_interval`).
    Undefined without a unit rated twice, and without variation (never 1 by convention).
    """
    return _alpha(counts(values, domain), domain, level, resamples, seed)


def _alpha(
    table: Ints, domain: tuple[float, ...], level: Level, resamples: int, seed: int
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
    interval = bootstrap.alpha_interval(patterns, domain, level, resamples=resamples, seed=seed)
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


def gwet_ac(values: Floats, *, domain: tuple[float, ...], weights: Weights) -> Figure:
    """Gwet's AC1 (unweighted) or AC2 over the declared scale.

    values: (units, raters). Gwet (2014), Handbook of Inter-Rater Reliability, 4th ed., ch. 4-5:
    chance agreement T_w / (q (q-1)) sum pi_k (1 - pi_k), interval by linearisation with t_(n-1).
    """
    return _gwet_ac(counts(values, domain), domain, weights)


def _gwet_ac(counted: Ints, domain: tuple[float, ...], weights: Weights) -> Figure:
    method = "Gwet's AC1" if weights == "unweighted" else f"Gwet's AC2, {weights}"
    table = counted[counted.sum(axis=1) > 0].astype(float)
    raters = table.sum(axis=1)
    pairable = raters >= 2
    n, pairs = len(table), int(pairable.sum())
    if not pairs:
        return Figure.undefined(Reason.NOT_TWICE, 0, method)
    matrix = weight_matrix(domain, weights)
    q = len(domain)
    weighted = table @ matrix.T
    each = np.zeros(n)
    r = raters[pairable]
    each[pairable] = (table[pairable] * (weighted[pairable] - 1)).sum(axis=1) / (r * (r - 1))
    observed = each.sum() / pairs
    share = (table / raters[:, None]).mean(axis=0)
    scale = matrix.sum() / (q * (q - 1))
    chance = scale * (share * (1 - share)).sum()
    point = float((observed - chance) / (1 - chance))
    linear = (n / pairs) * (each - chance * pairable) / (1 - chance)
    of_chance = scale * (table / raters[:, None]) @ (1 - share)
    linear = linear - 2 * (1 - point) * (of_chance - chance) / (1 - chance)
    low, high = _t_interval(linear, point, n)
    return Figure(point, low, high, pairs, method=method, interval="linearised, t")


def percent_agreement(values: Floats, *, domain: tuple[float, ...]) -> Figure:
    """The mean share of agreeing pairs of raters per unit, over units rated twice or more.

    values: (units, raters). Interval: Student's t as in Gwet (2014), held within 0 and 1.
    """
    return _percent(counts(values, domain))


def _percent(counted: Ints) -> Figure:
    table = counted[counted.sum(axis=1) > 0].astype(float)
    raters = table.sum(axis=1)
    pairable = raters >= 2
    n, pairs = len(table), int(pairable.sum())
    if not pairs:
        return Figure.undefined(Reason.NOT_TWICE, 0, "percent agreement")
    each = np.zeros(n)
    r = raters[pairable]
    each[pairable] = (table[pairable] * (table[pairable] - 1)).sum(axis=1) / (r * (r - 1))
    point = float(each.sum() / pairs)
    low, high = _t_interval((n / pairs) * each, point, n)
    return Figure(
        point,
        None if low is None else max(0.0, low),
        high,
        pairs,
        method="percent agreement",
        interval="linearised, t",
    )


def _t_interval(linear: Floats, point: float, n: int) -> tuple[float | None, float | None]:
    if n < 3:
        return None, None
    error = float(np.sqrt(((linear - point) ** 2).sum() / (n * (n - 1))))
    reach = float(stats.t.ppf(0.975, n - 1)) * error
    return float(point) - reach, min(1.0, float(point) + reach)


def pairwise_kappa(
    values: Floats, *, domain: tuple[float, ...], weights: Weights, seed: int = bootstrap.SEED
) -> Figure:
    """The mean of Cohen's kappa over pairs of raters, weighted by the units a pair shares.

    values: (units, raters), NaN where nobody rated. Light (1971) averages complete pairs; the
    weights are for raters who share few units. Interval: bootstrap over units.
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


def intra_rater(
    first: Floats,
    again: Floats,
    *,
    domain: tuple[float, ...],
    level: Level,
    seed: int = bootstrap.SEED,
) -> Figure:
    """How far raters coincide with themselves on units that were shown twice.

    first, again: (pairs,), the same rater's value at each showing. Weighted kappa (quadratic, or
    unweighted for a nominal scale), interval by bootstrap over pairs.
    """
    weights: Weights = "unweighted" if level == "nominal" else "quadratic"
    method = f"Cohen's kappa, {weights}, same rater"
    if len(first) < MINIMUM_REPEATS:
        return Figure.undefined(not_enough(MINIMUM_REPEATS - len(first)), len(first), method)
    units = Units.of(np.column_stack([first, again]))
    pair = units.rows[:, 0], units.rows[:, 1]
    (found,) = figures_over_units(
        units,
        lambda draws: [kappas([pair], draws, domain, weights)],
        [(method, Reason.NO_VARIATION)],
        seed=seed,
    )
    return found
