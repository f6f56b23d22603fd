"""Before a round: how many units for a wished interval, or to see a wished shift."""

from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement
from math import ceil, sqrt

import numpy as np
from scipy import optimize, stats

from annotate.stats import bootstrap
from annotate.stats.association import Weights
from annotate.stats.coefficients import cohen_error, cohen_kappa
from annotate.stats.figure import Floats, Level, counts

MOST = 10_000_000
CONFIDENCE = 0.95
POWER = 0.80
SIGNIFICANCE = 0.05


def units_for_rate(rate: float, half_width: float) -> int:
    """Units after which Wilson's 95 % interval of a share reaches at most `half_width` each way.

    rate: the share expected. Wilson (1927). Raises ValueError outside 0 to 1.
    """
    if not 0 <= rate <= 1 or not 0 < half_width < 0.5:
        raise ValueError("a rate lies from 0 to 1, and a half width between 0 and 0.5")
    return _fewest(lambda n: rate_half_width(rate, n) <= half_width)


def rate_half_width(rate: float, units: float) -> float:
    """How far Wilson's 95 % interval of a share reaches each way.

    rate: the share expected. units: how many, or what they are worth (see `effective_size`). Wilson
    (1927). Raises ValueError for a rate outside 0 to 1 and for no units.
    """
    if not 0 <= rate <= 1 or not units > 0:
        raise ValueError("a rate lies from 0 to 1, of more than 0 units")
    z = _z(CONFIDENCE)
    reach = sqrt(rate * (1 - rate) / units + z**2 / (4 * units**2))
    return z / (1 + z**2 / units) * reach


def effective_size(weights: Floats) -> float:
    """How many units of equal weight tell as much: (sum w)^2 / sum w^2.

    weights: (units,), one over the inclusion probability. Kish (1965), Survey Sampling, 11.7.
    Raises ValueError for a weight that is not above 0, and without any.
    """
    if not len(weights) or not (weights > 0).all():
        raise ValueError("weights are needed, every one above 0")
    return float(weights.sum() ** 2 / (weights**2).sum())


def units_for_correlation(rho: float, half_width: float) -> int:
    """Units after which the 95 % interval of Spearman's rho is at most 2 `half_width` wide.

    rho: the correlation expected. Bonett & Wright (2000), Sample size requirements for estimating
    Pearson, Kendall and Spearman correlations, Psychometrika 65: Fisher's z with variance
    (1 + rho^2 / 2) / (n - 3). Raises ValueError for a correlation not between -1 and 1.
    """
    if not -1 < rho < 1 or not 0 < half_width < 1:
        raise ValueError("a correlation lies between -1 and 1, and a half width between 0 and 1")

    def narrow(n: int) -> bool:
        if n < 4:
            return False
        reach = _z(CONFIDENCE) * sqrt((1 + rho**2 / 2) / (n - 3))
        low, high = np.tanh(np.arctanh(rho) + np.array([-reach, reach]))
        return bool((high - low) / 2 <= half_width)

    return _fewest(narrow)


def unit_spread(values: Floats, *, domain: tuple[float, ...], level: Level) -> float | None:
    """How much one unit moves Krippendorff's alpha: the standard deviation of pseudo-values.

    values: (units, raters) of a pilot, NaN where nobody rated. What `units_for_alpha` asks for.
    Jackknife (Tukey 1958). None where alpha is undefined or fewer than three units were rated
    twice. Raises ValueError for a value outside the scale.
    """
    patterns = bootstrap.collapse(counts(values, domain))
    if patterns.units < 3:
        return None
    return _spread(bootstrap.alpha_statistic(patterns, domain, level))


def _spread(statistic: bootstrap.Statistic) -> float | None:
    """The standard deviation of pseudo-values; None where one is undefined."""
    without, weights, n = statistic.without_one(), statistic.weights, statistic.units
    if np.isnan(statistic.point) or np.isnan(without).any():
        return None
    centre = float(np.average(without, weights=weights))
    return float(np.sqrt((n - 1) * (weights * (without - centre) ** 2).sum()))


def expected_spread(
    alpha: float,
    prevalence: Sequence[float],
    *,
    raters: int,
    domain: tuple[float, ...],
    level: Level,
) -> float:
    """`unit_spread` without a pilot, from what is expected: how many raters are worth their cost?

    alpha: Krippendorff's, expected, between 0 and 1. prevalence: the share of units at each value
    of the domain. raters: of each unit. The model: raters err independently and equally often; on
    a nominal scale an error is any value by its prevalence, else nine of ten are a neighbouring
    point. The distribution of ratings follows exactly, without simulation. Skewed five-point
    scales come out within 3 % of simulated ones, balanced ones are up to a quarter too cautious.
    Raises ValueError for an alpha not between 0 and 1, shares that do not fit the domain or add up
    to 1, raters not from 2 to MOST_RATERS, and an alpha that raters cannot reach this way.
    """
    share = np.asarray(prevalence, dtype=float)
    if not 0 < alpha < 1:
        raise ValueError("alpha lies between 0 and 1")
    if len(share) != len(domain) or not (share >= 0).all() or abs(share.sum() - 1) > 1e-6:
        raise ValueError("the prevalence needs a share for each value, adding up to 1")
    if not 2 <= raters <= MOST_RATERS:
        raise ValueError(f"raters are from 2 to {MOST_RATERS}")
    places = combinations_with_replacement(range(len(domain)), raters)
    rows = np.array([np.bincount(given, minlength=len(domain)) for given in places])
    near = 0.0 if level == "nominal" else NEAR

    def statistic(right: float) -> bootstrap.Statistic:
        said = _said(right, near, share)
        chance = share @ [stats.multinomial.pmf(rows, raters, of_value) for of_value in said]
        often = np.round(MANY_UNITS * chance).astype(np.int64)
        seen = bootstrap.Patterns(rows[often > 0], often[often > 0])
        return bootstrap.alpha_statistic(seen, domain, level)

    reached = [statistic(right).point - alpha for right in (1e-6, 1 - 1e-6)]
    if not reached[0] < 0 < reached[1]:
        raise ValueError(f"raters who err alike cannot reach an alpha of {alpha:g} on such units")
    right = optimize.brentq(lambda right: statistic(right).point - alpha, 1e-6, 1 - 1e-6, xtol=1e-4)
    found = _spread(statistic(float(right)))
    if found is None:
        raise ValueError("units that are nearly all alike have no spread")
    return found


def _said(right: float, near: float, share: Floats) -> Floats:
    """What a rater says of a unit of each value: (true values, given values)."""
    values = len(share)
    found = np.tile((1 - near) * (1 - right) * share, (values, 1))
    for place in range(values):
        found[place, place] += right
        for side in (-1, 1):
            found[place, min(values - 1, max(0, place + side))] += near * (1 - right) / 2
    return found


NEAR = 0.9
"""Of errors on an ordered scale, the share that is one point off."""
MOST_RATERS = 10
MANY_UNITS = 10**7
TYPICAL_SPREAD = 0.66
"""Of ordinal ratings by three people where most units are good (alpha near .57): without a pilot."""


def units_for_alpha(half_width: float, *, spread: float = TYPICAL_SPREAD) -> int:
    """Units, each rated as in the pilot, after which alpha's 95 % interval reaches `half_width`.

    spread: `unit_spread` of a pilot, or `expected_spread`. (1.96 spread / half_width)^2.
    Raises ValueError for a spread or a half width that is not above 0.
    """
    return _units(half_width, spread)


def kappa_spread(
    first: Floats, second: Floats, *, domain: tuple[float, ...], weights: Weights
) -> float | None:
    """How much one unit moves Cohen's kappa of two raters, of whom one may be the judge.

    first, second: (units,) of a pilot, NaN where one did not rate. The standard error of Fleiss,
    Cohen & Everitt (1969) times the root of the units: what `units_for_kappa` asks for. None where
    kappa or its error is undefined. Raises ValueError as `cohen_kappa`.
    """
    found = cohen_kappa(first, second, domain=domain, weights=weights)
    error = cohen_error(first, second, domain=domain, weights=weights)
    return None if found.value is None or error is None else error * sqrt(found.n)


def units_for_kappa(half_width: float, *, spread: float) -> int:
    """Units after which the 95 % interval of the judge's kappa with a person reaches `half_width`.

    spread: `kappa_spread` of a pilot. Raises ValueError as `units_for_alpha`.
    """
    return _units(half_width, spread)


def _units(half_width: float, spread: float) -> int:
    if not spread > 0 or not half_width > 0:
        raise ValueError("spread and half width must be above 0")
    return max(3, ceil((_z(CONFIDENCE) * spread / half_width) ** 2))


def units_for_kappa_bound(kappa: float, lower: float, pass_rate: float, *, raters: int) -> int:
    """Units after which kappa's one-sided 95 % lower limit is `lower`, of pass and fail.

    kappa: expected. pass_rate: expected. raters: of each unit. Donner & Rotondi (2010), Sample size
    requirements for interval estimation of the kappa statistic, International Journal of
    Biostatistics 6; as R's kappaSize. Raises ValueError unless 0 <= lower < kappa <= 1, for a pass
    rate of 0 or 1, and for fewer than two raters.
    """
    if not 0 <= lower < kappa <= 1:
        raise ValueError("0 <= lower < kappa <= 1 must hold")
    reach = float(stats.norm.ppf(CONFIDENCE)) ** 2
    return ceil(reach / _distance(kappa, lower, pass_rate, raters))


def units_for_kappa_test(
    null: float, kappa: float, pass_rate: float, *, raters: int, power: float = POWER
) -> int:
    """Units after which a test finds kappa to differ from `null`, two-sided at .05.

    Donner & Eliasziw (1992), A goodness-of-fit approach to inference procedures for the kappa
    statistic, Statistics in Medicine 11; as R's kappaSize. Raises ValueError unless both kappas
    lie in 0 to 1 and differ, for a pass rate of 0 or 1, and for fewer than two raters.
    """
    if not 0 <= null < 1 or not 0 <= kappa <= 1 or null == kappa:
        raise ValueError("two different kappas from 0 to 1 are needed")
    reach = _z(1 - SIGNIFICANCE) + float(stats.norm.ppf(power))
    return ceil(reach**2 / _distance(kappa, null, pass_rate, raters))


def _distance(kappa: float, null: float, pass_rate: float, raters: int) -> float:
    """Pearson's chi-square of one unit between two kappas."""
    if not 0 < pass_rate < 1 or raters < 2:
        raise ValueError("a pass rate lies between 0 and 1, and raters are two or more")
    passes = np.arange(raters + 1)

    def shares(kappa: float) -> Floats:
        # A share of kappa of the units is seen alike by all; the rest by chance.
        found: Floats = (1 - kappa) * stats.binom.pmf(passes, raters, pass_rate)
        found[0] += kappa * (1 - pass_rate)
        found[-1] += kappa * pass_rate
        return found

    return float(((shares(kappa) - shares(null)) ** 2 / shares(null)).sum())


def cases_for_pass_rates(discordant: float, difference: float, *, power: float = POWER) -> int:
    """Cases after which McNemar's test finds a difference of two pass rates, two-sided at .05.

    discordant: the share of cases that only one of the two passes. difference: of the pass rates.
    Connor (1987), Sample size for testing differences in proportions for the paired-sample design,
    Biometrics 43. Raises ValueError unless 0 < |difference| <= discordant <= 1.
    """
    if not 0 < abs(difference) <= discordant <= 1:
        raise ValueError("0 < |difference| <= discordant <= 1 must hold")
    reach = _z(1 - SIGNIFICANCE) * sqrt(discordant)
    reach += float(stats.norm.ppf(power)) * sqrt(discordant - difference**2)
    return ceil((reach / difference) ** 2)


def cases_for_scores(spread: float, difference: float, *, power: float = POWER) -> int:
    """Cases after which a paired test finds a mean difference of scores, two-sided at .05.

    spread: the standard deviation of differences over cases, in points. difference: in points.
    Raises ValueError for a spread that is not above 0 or a difference of 0.
    """
    if not spread > 0 or difference == 0:
        raise ValueError("spread must be above 0, and the difference not 0")
    reach = _z(1 - SIGNIFICANCE) + float(stats.norm.ppf(power))
    return ceil((reach * spread / difference) ** 2)


def anchors_for_shift(spread: float, shift: float, *, power: float = POWER) -> int:
    """Anchors after which a shift of the judge or of the raters is found, Holm over four tests.

    spread: the standard deviation over anchors of the change from one round to the other, in
        points; about 0.6 for the mean of three runs of a judge, 0.9 for the mean of two people.
    shift: in points. Raises ValueError as `cases_for_scores`.
    """
    if not spread > 0 or shift == 0:
        raise ValueError("spread must be above 0, and the shift not 0")
    return ceil((detectable_shift(spread, tests=8, power=power) / shift) ** 2)


def detectable_shift(error: float, *, tests: int = 4, power: float = POWER) -> float:
    """The shift that is found although so many tests share the 5 %.

    error: the standard error of the estimate, in its units. power: the share of samples in which it
        is found. By the normal distribution; raises nothing. tests: 4 for Holm's strictest step over the four
        contrasts of drift; 8 for those of them that take the larger of two statistics.
    """
    strict = float(stats.norm.ppf(1 - SIGNIFICANCE / tests / 2))
    return (strict + float(stats.norm.ppf(power))) * error


def _z(confidence: float) -> float:
    return float(stats.norm.ppf((1 + confidence) / 2))


def _fewest(enough: Callable[[int], bool]) -> int:
    """The smallest number that is enough, of a condition that stays true once it is."""
    high = 1
    while not enough(high):
        high *= 2
        if high > MOST:
            raise ValueError("more than ten million units would be needed")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
