"""Chance-corrected agreement of any number of raters: (observed - chance) / (1 - chance).

One formula with six ideas of chance. Gwet, Handbook of Inter-Rater Reliability, 4th ed. (2014),
chapters 2 to 5, with his linearised standard errors and Student's t with n - 1 degrees of freedom;
the values are those of his R package irrCAC. Units without any rating do not count; units with one
rating inform chance only. Raters are taken as they are. Every coefficient also has the intervals of
`bootstrap.interval_of`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import stats

from annotate.stats.association import (
    Units,
    Weights,
    kappa_features,
    kappa_of_sums,
    weight_matrix,
)
from annotate.stats.bootstrap import (
    RESAMPLES,
    SEED,
    Patterns,
    Statistic,
    Z,
    at_both_ends,
    collapse,
    interval_of,
    unanimous,
)
from annotate.stats.figure import Figure, Floats, Ints, Reason, counts

IntervalMethod = Literal["analytic", "bca", "percentile", "jackknife"]
LINEARISED = "linearised, t"
SURE = 1e-12
"""Chance so near to 1 is 1: every rating is the same."""


@dataclass(frozen=True)
class Sampling:
    """How the interval of a coefficient is made."""

    interval: IntervalMethod = "analytic"
    """analytic: the published standard error. Else as `bootstrap.interval_of`."""
    population: int | None = None
    """The number of units from which these are a sample without replacement; analytic only."""
    resamples: int = RESAMPLES
    seed: int = SEED


ANALYTIC = Sampling()


def percent_agreement(
    values: Floats,
    *,
    domain: tuple[float, ...],
    weights: Weights = "unweighted",
    sampling: Sampling = ANALYTIC,
) -> Figure:
    """The mean share of agreeing pairs of raters per unit, over units rated twice or more.

    values: (units, raters), NaN where nobody rated. domain: the whole scale, ascending.
    weights: with others than "unweighted", near values agree in part.
    Interval held within 0 and 1. Raises ValueError for a value outside the scale.
    """
    return percent_of(counts(values, domain), domain, weights, sampling)


def gwet_ac(
    values: Floats,
    *,
    domain: tuple[float, ...],
    weights: Weights,
    sampling: Sampling = ANALYTIC,
) -> Figure:
    """Gwet's AC1 (unweighted) or AC2 over the declared scale: chance T_w/(q(q-1)) sum pi(1-pi).

    Arguments and errors as of `percent_agreement`. Gwet (2008), Computing inter-rater reliability
    and its variance in the presence of high agreement, BJMSP 61.
    """
    return ac_of(counts(values, domain), domain, weights, sampling)


def fleiss_kappa(
    values: Floats,
    *,
    domain: tuple[float, ...],
    weights: Weights = "unweighted",
    sampling: Sampling = ANALYTIC,
) -> Figure:
    """Fleiss' kappa: chance is that two ratings drawn from all ratings agree.

    Arguments and errors as of `percent_agreement`. Fleiss (1971), Measuring nominal scale
    agreement among many raters, Psychological Bulletin 76; weights and missing ratings as in
    Gwet (2014). Undefined where every rating is the same.
    """
    table = _Table.of(counts(values, domain), domain, weights)
    return table.figure(_named("Fleiss' kappa", weights), table.chance_of_two_ratings(), sampling)


def scott_pi(
    first: Floats,
    second: Floats,
    *,
    domain: tuple[float, ...],
    weights: Weights = "unweighted",
    sampling: Sampling = ANALYTIC,
) -> Figure:
    """Scott's pi of two raters: chance from the marginals of both together.

    first, second: (units,), NaN where one did not rate; only units with both count. Scott (1955),
    Reliability of content analysis, Public Opinion Quarterly 19. It is Fleiss' kappa of two.
    Raises ValueError for a value outside the scale and for arrays of different length.
    """
    table = _Table.of(counts(_both(first, second), domain), domain, weights)
    return table.figure(_named("Scott's pi", weights), table.chance_of_two_ratings(), sampling)


def brennan_prediger(
    values: Floats,
    *,
    domain: tuple[float, ...],
    weights: Weights = "unweighted",
    sampling: Sampling = ANALYTIC,
) -> Figure:
    """Brennan and Prediger's coefficient: chance is 1/q of the declared scale's q values.

    Arguments and errors as of `percent_agreement`. Brennan & Prediger (1981), Coefficient kappa:
    some uses, misuses, and alternatives, Educational and Psychological Measurement 41.
    """
    table = _Table.of(counts(values, domain), domain, weights)
    return table.figure(
        _named("Brennan-Prediger", weights), _fixed(float(table.matrix.mean())), sampling
    )


def conger_kappa(
    values: Floats,
    *,
    domain: tuple[float, ...],
    weights: Weights = "unweighted",
    sampling: Sampling = ANALYTIC,
) -> Figure:
    """Conger's kappa: Cohen's of any number of raters, chance from the marginals of each.

    Arguments and errors as of `percent_agreement`. Conger (1980), Integration and generalization
    of kappas for multiple raters, Psychological Bulletin 88; missing ratings and the linearised
    interval as in Gwet (2014). For two raters who rated every unit it is Cohen's kappa.
    """
    method = _named("Conger's kappa", weights)
    counts(values, domain)  # refuses a value outside the scale
    known = ~np.isnan(values)
    pairs = int((known.sum(axis=1) >= 2).sum())
    if not pairs:
        return Figure.undefined(Reason.NOT_TWICE, 0, method)
    units = Units.of(values[known.any(axis=1)][:, known.any(axis=0)])
    table = (units.rows[:, :, None] == np.asarray(domain)).astype(float)
    model = _Conger(units, table, weight_matrix(domain, weights))
    statistic = model.statistic()
    point = statistic.point
    if np.isnan(point):
        return Figure.undefined(Reason.NO_VARIATION, pairs, method)
    if sampling.interval != "analytic":
        return _resampled(statistic, point, pairs, method, sampling)
    return _linearised(statistic, model.linear(point), point, pairs, method, sampling)


def cohen_kappa(
    first: Floats,
    second: Floats,
    *,
    domain: tuple[float, ...],
    weights: Weights,
    sampling: Sampling = ANALYTIC,
) -> Figure:
    """Cohen's weighted kappa of two raters: chance from the marginals of each.

    first, second: (units,), NaN where one did not rate; only units with both count. Cohen (1960,
    1968); the analytic interval is normal with the standard error of Fleiss, Cohen & Everitt
    (1969), Large sample standard errors of kappa and weighted kappa, Psychological Bulletin 72.
    Undefined where both give one and the same value throughout.
    Raises ValueError for a value outside the scale and for arrays of different length.
    """
    method = f"Cohen's kappa, {weights}"
    pair = _both(first, second)
    counts(pair, domain)  # refuses a value outside the scale
    n = len(pair)
    if not n:
        return Figure.undefined(Reason.NOT_TWICE, 0, method)
    units = Units.of(pair)
    features = kappa_features([(units.rows[:, 0], units.rows[:, 1])], domain, weights)
    ends = np.array([domain[0]]), np.array([domain[-1]])
    statistic = Statistic(
        features,
        units.weights.astype(np.int64),
        lambda sums: kappa_of_sums(sums, domain, weights),
        kappa_features([ends], domain, weights)[0],
    )
    point = statistic.point
    if np.isnan(point):
        return Figure.undefined(Reason.NO_VARIATION, n, method)
    if sampling.interval != "analytic":
        return _resampled(statistic, point, n, method, sampling)
    error = _cohen_error(pair, domain, weights)
    if n < 3 or error < SURE:
        return _unvaried(statistic, point, n, method)
    reach = Z * error
    return Figure(
        point, max(-1.0, point - reach), min(1.0, point + reach), n,
        method=method, interval="Fleiss, Cohen & Everitt (1969)",
    )  # fmt: skip


@dataclass(frozen=True)
class ZeroTest:
    """A test of no agreement beyond chance."""

    error: float
    """The standard error if there is none."""
    z: float
    p: float
    """Two-sided."""


def cohen_zero_test(
    first: Floats, second: Floats, *, domain: tuple[float, ...], weights: Weights
) -> ZeroTest | None:
    """Do two raters agree beyond chance at all? A low bar: read the interval of kappa instead.

    Arguments and errors as of `cohen_kappa`; the standard error under no agreement is that of
    Fleiss, Cohen & Everitt (1969). None where kappa or its error is undefined.
    """
    kappa = cohen_kappa(first, second, domain=domain, weights=weights).value
    if kappa is None:
        return None
    pair = _both(first, second)
    n, matrix = len(pair), weight_matrix(domain, weights)
    rows, columns = (
        counts(pair[:, :1], domain).mean(axis=0),
        counts(pair[:, 1:], domain).mean(axis=0),
    )
    chance = float(rows @ matrix @ columns)
    of_marginals = (matrix @ columns)[:, None] + (rows @ matrix)[None, :]
    spread = float((np.outer(rows, columns) * (matrix - of_marginals) ** 2).sum()) - chance**2
    error = float(np.sqrt(max(0.0, spread) / n)) / (1 - chance)
    if error <= 0:
        return None
    z = kappa / error
    return ZeroTest(error, z, float(2 * stats.norm.sf(abs(z))))


def weighted_alpha(
    values: Floats,
    *,
    domain: tuple[float, ...],
    weights: Weights = "unweighted",
    sampling: Sampling = ANALYTIC,
) -> Figure:
    """Krippendorff's alpha in agreement form, with weights that do not depend on the data.

    Arguments and errors as of `percent_agreement`. Unweighted it is nominal alpha, with quadratic
    weights interval alpha; "ordinal" weights are Gwet's and give another coefficient than
    Krippendorff's ordinal alpha (`krippendorff_alpha`). It is here for its linearised interval.
    """
    return alpha_of(counts(values, domain), domain, weights, sampling)


def alpha_of(
    counted: Ints,
    domain: tuple[float, ...],
    weights: Weights = "unweighted",
    sampling: Sampling = ANALYTIC,
) -> Figure:
    """`weighted_alpha` of what is counted already: (units, values)."""
    method = _named("Krippendorff's alpha in agreement form", weights)
    patterns = collapse(counted)
    n = patterns.units
    if not n:
        return Figure.undefined(Reason.NOT_TWICE, 0, method)
    matrix = weight_matrix(domain, weights)
    rows = patterns.rows.astype(float)
    raters = rows.sum(axis=1)
    # Agreeing pairs of a unit, as a share of the pairs that one rating is in.
    agreed = (rows * (rows @ matrix.T - 1)).sum(axis=1) / (raters - 1)

    def finish(sums: Floats) -> Floats:
        ratings = sums[:, 1:].sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = sums[:, 1:] / ratings[:, None]
            chance = np.einsum("bi,ij,bj->b", share, matrix, share)
            observed = (1 - 1 / ratings) * sums[:, 0] / ratings + 1 / ratings
            return np.where(chance < 1 - SURE, (observed - chance) / (1 - chance), np.nan)

    ends = at_both_ends(patterns)
    apart = float(ends @ (matrix @ ends - 1)) / (ends.sum() - 1)
    statistic = Statistic(
        np.column_stack([agreed, rows]), patterns.weights, finish, np.append(apart, ends)
    )
    point = statistic.point
    if np.isnan(point):
        return Figure.undefined(Reason.NO_VARIATION, n, method)
    if sampling.interval != "analytic":
        return _resampled(statistic, point, n, method, sampling)
    usual = float(patterns.weights @ raters) / n
    share = patterns.weights @ rows / (n * usual)
    chance = float(share @ matrix @ share)
    here = agreed / usual
    mean = float(patterns.weights @ here) / n
    observed = (1 - 1 / (n * usual)) * mean + 1 / (n * usual)
    # Deviations from the usual number of ratings are linearised away; the variance is that of
    # the coefficient without the correction for small samples, as in irrCAC.
    more = (raters - usual) / usual
    plain = (mean - chance) / (1 - chance)
    of_chance = rows @ ((matrix + matrix.T) / 2 @ share) / usual - chance * more
    linear = (here - observed * more - chance) / (1 - chance)
    linear = linear - 2 * (1 - plain) * (of_chance - chance) / (1 - chance)
    linear = linear - plain + point
    return _linearised(statistic, linear, point, n, method, sampling)


Chance = Callable[[Floats], Floats]
"""From shares of the scale's values (n, values) to the agreement by chance (n,)."""


@dataclass(frozen=True)
class _ChanceModel:
    of: Chance
    """Chance of marginals."""
    part: Callable[[Floats, Floats], Floats]
    """Each pattern's part in it, from its shares (patterns, values) and the marginals (values,)."""


@dataclass(frozen=True)
class _Table:
    """Distinct units by values, with what every coefficient needs of them."""

    patterns: Patterns
    """Units that anybody rated."""
    raters: Floats
    """(patterns,)"""
    matrix: Floats
    """(values, values): how much two values agree."""

    @classmethod
    def of(cls, counted: Ints, domain: Sequence[float], weights: Weights) -> "_Table":
        patterns = collapse(counted, least=1)
        return cls(
            patterns, patterns.rows.sum(axis=1).astype(float), weight_matrix(domain, weights)
        )

    def shares(self) -> Floats:
        """Each pattern's ratings by value, adding up to 1: (patterns, values)."""
        found: Floats = self.patterns.rows / self.raters[:, None]
        return found

    def chance_of_two_ratings(self) -> _ChanceModel:
        """That two ratings drawn from all ratings agree."""
        matrix = self.matrix
        return _ChanceModel(
            lambda shares: np.einsum("bi,ij,bj->b", shares, matrix, shares),
            lambda shares, marginals: shares @ ((matrix + matrix.T) / 2 @ marginals),
        )

    def statistic(self, chance: Chance) -> Statistic:
        """The coefficient of any weighting of the patterns."""
        rows = self.patterns.rows.astype(float)
        agreed, pairable = _agreed(rows, self.matrix)

        def finish(sums: Floats) -> Floats:
            with np.errstate(divide="ignore", invalid="ignore"):
                by_chance = chance(sums[:, 3:] / sums[:, :1])
                observed = sums[:, 2] / sums[:, 1]
                found = (observed - by_chance) / (1 - by_chance)
            return np.where(by_chance < 1 - SURE, found, np.nan)

        features = np.column_stack([np.ones(len(rows)), pairable, agreed, self.shares()])
        ends = at_both_ends(self.patterns)
        apart = _agreed(ends[None, :], self.matrix)[0]
        return Statistic(
            features,
            self.patterns.weights,
            finish,
            np.concatenate([[1.0, 1.0], apart, ends / ends.sum()]),
        )

    def figure(self, method: str, model: _ChanceModel, sampling: Sampling) -> Figure:
        """The coefficient with its interval."""
        pairable = self.raters >= 2
        pairs = int(self.patterns.weights @ pairable)
        if not pairs:
            return Figure.undefined(Reason.NOT_TWICE, 0, method)
        statistic = self.statistic(model.of)
        point = statistic.point
        if np.isnan(point):
            return Figure.undefined(Reason.NO_VARIATION, pairs, method)
        if sampling.interval != "analytic":
            return _resampled(statistic, point, pairs, method, sampling)
        n, weights = self.patterns.units, self.patterns.weights
        marginals = weights @ self.shares() / n
        chance = float(model.of(marginals[None, :])[0])
        agreed = statistic.features[:, 2]
        linear = (n / pairs) * (agreed - chance * pairable) / (1 - chance)
        part = model.part(self.shares(), marginals)
        linear = linear - 2 * (1 - point) * (part - chance) / (1 - chance)
        return _linearised(statistic, linear, point, pairs, method, sampling)


def percent_of(
    counted: Ints,
    domain: Sequence[float],
    weights: Weights = "unweighted",
    sampling: Sampling = ANALYTIC,
) -> Figure:
    """`percent_agreement` of what is counted already: (units, values)."""
    found = _Table.of(counted, domain, weights).figure(
        _named("percent agreement", weights), _fixed(0.0), sampling
    )
    return found if found.low is None else replace(found, low=max(0.0, found.low))


def ac_of(
    counted: Ints, domain: Sequence[float], weights: Weights, sampling: Sampling = ANALYTIC
) -> Figure:
    """`gwet_ac` of what is counted already: (units, values)."""
    name = "Gwet's AC1" if weights == "unweighted" else f"Gwet's AC2, {weights}"
    table = _Table.of(counted, domain, weights)
    q = len(domain)
    scale = float(table.matrix.sum()) / (q * (q - 1))
    model = _ChanceModel(
        lambda shares: scale * (shares * (1 - shares)).sum(axis=1),
        lambda shares, marginals: scale * shares @ (1 - marginals),
    )
    return table.figure(name, model, sampling)


@dataclass(frozen=True)
class _Conger:
    """Chance from the marginals of every rater."""

    units: Units
    table: Floats
    """(patterns, raters, values), 1 where the rater gave the value."""
    matrix: Floats

    def statistic(self) -> Statistic:
        """The coefficient of any weighting of the patterns."""
        counted = self.table.sum(axis=1)
        agreed, pairable = _agreed(counted, self.matrix)
        _, raters, values = self.table.shape

        def finish(sums: Floats) -> Floats:
            with np.errstate(divide="ignore", invalid="ignore"):
                by_chance = self.chance(sums[:, 2:].reshape(-1, raters, values))
                found = (sums[:, 1] / sums[:, 0] - by_chance) / (1 - by_chance)
            return np.where(by_chance < 1 - SURE, found, np.nan)

        features = np.column_stack([pairable, agreed, self.table.reshape(len(self.table), -1)])
        # Raters alternate between the ends of the scale.
        ends = np.zeros((raters, values))
        ends[np.arange(raters), np.where(np.arange(raters) % 2, -1, 0)] = 1
        apart = _agreed(ends.sum(axis=0)[None, :], self.matrix)[0]
        return Statistic(
            features,
            self.units.weights.astype(np.int64),
            finish,
            np.concatenate([[1.0], apart, ends.ravel()]),
        )

    def chance(self, given: Floats) -> Floats:
        """That two raters agree, each by his own marginals. given: (n, raters, values) counts."""
        raters = given.shape[1]
        share = given / given.sum(axis=2, keepdims=True)
        total = share.sum(axis=1)
        both = np.einsum("bi,ij,bj->b", total, self.matrix, total)
        alone = np.einsum("bgi,ij,bgj->b", share, self.matrix, share)
        found: Floats = (both - alone) / (raters * (raters - 1))
        return found

    def linear(self, point: float) -> Floats:
        """Each pattern's linearised value: (patterns,)."""
        weights = self.units.weights
        n, raters = self.units.n, self.table.shape[1]
        agreed, pairable = _agreed(self.table.sum(axis=1), self.matrix)
        given = np.einsum("u,ugk->gk", weights, self.table)
        of_rater = given.sum(axis=1)
        share = given / of_rater[:, None]
        chance = float(self.chance(given[None])[0])
        rated = self.table.sum(axis=2)
        # How a unit moves each rater's shares, who did not rate all units.
        moves = (self.table - (rated - of_rater / n)[:, :, None] * share) * (n / of_rater)[:, None]
        others = share.sum(axis=0) - share
        part = np.einsum("ugl,kl,gk->u", moves, self.matrix, others) / (raters * (raters - 1))
        linear = (n / float(weights @ pairable)) * (agreed - chance * pairable) / (1 - chance)
        found: Floats = linear - 2 * (1 - point) * (part - chance) / (1 - chance)
        return found


def _agreed(counted: Floats, matrix: Floats) -> tuple[Floats, Floats]:
    """The share of agreeing pairs of a unit's ratings, and whether it has two: (units,) each.

    counted: (units, values).
    """
    raters = counted.sum(axis=1)
    pairable = raters >= 2
    agreed = np.zeros(len(counted))
    agreed[pairable] = (counted * (counted @ matrix.T - 1)).sum(axis=1)[pairable]
    agreed[pairable] /= (raters * (raters - 1))[pairable]
    return agreed, pairable.astype(float)


def _both(first: Floats, second: Floats) -> Floats:
    """The units that both rated: (units, 2)."""
    if len(first) != len(second):
        raise ValueError(f"{len(first)} values beside {len(second)}")
    pair = np.column_stack([first, second])
    found: Floats = pair[~np.isnan(pair).any(axis=1)]
    return found


def cohen_error(
    first: Floats, second: Floats, *, domain: tuple[float, ...], weights: Weights
) -> float | None:
    """The standard error of `cohen_kappa`: Fleiss, Cohen & Everitt (1969).

    Arguments and errors as of `cohen_kappa`. None where kappa is undefined, and where it makes no
    difference which units are drawn.
    """
    pair = _both(first, second)
    if cohen_kappa(first, second, domain=domain, weights=weights).value is None:
        return None
    error = _cohen_error(pair, domain, weights)
    return error if error >= SURE else None


def _cohen_error(pair: Floats, domain: tuple[float, ...], weights: Weights) -> float:
    """The standard error of Cohen's kappa. pair: (units, 2)."""
    matrix = weight_matrix(domain, weights)
    n, q = len(pair), len(domain)
    cells = np.searchsorted(domain, pair[:, 0]) * q + np.searchsorted(domain, pair[:, 1])
    joint = np.bincount(cells, minlength=q * q).reshape(q, q) / n
    rows, columns = joint.sum(axis=1), joint.sum(axis=0)
    observed, chance = float((joint * matrix).sum()), float(rows @ matrix @ columns)
    of_marginals = (matrix @ columns)[:, None] + (rows @ matrix)[None, :]
    each = joint * (matrix * (1 - chance) - of_marginals * (1 - observed)) ** 2
    variance = each.sum() - (observed * chance - 2 * chance + observed) ** 2
    return float(np.sqrt(max(0.0, variance) / n)) / (1 - chance) ** 2


def _fixed(chance: float) -> _ChanceModel:
    """Chance that does not depend on the ratings."""
    return _ChanceModel(
        lambda shares: np.full(len(shares), chance),
        lambda shares, _: np.full(len(shares), chance),
    )


def _named(name: str, weights: Weights) -> str:
    return name if weights == "unweighted" else f"{name}, {weights}"


def _resampled(
    statistic: Statistic, point: float, n: int, method: str, sampling: Sampling
) -> Figure:
    """A figure with the interval that resampling units gives."""
    if sampling.interval == "analytic":
        raise ValueError("an analytic interval is not resampled")
    if sampling.population is not None:
        raise ValueError("a finite population has the analytic interval only")
    interval = interval_of(
        statistic, how=sampling.interval, resamples=sampling.resamples, seed=sampling.seed
    )
    low, high = interval.low, interval.high
    return Figure(point, low, high, n, method=method, interval=interval.method, seed=sampling.seed)


def _linearised(
    statistic: Statistic, linear: Floats, point: float, n: int, method: str, sampling: Sampling
) -> Figure:
    """A figure with Student's t over linearised values (patterns,) of the statistic's units."""
    units, weights = statistic.units, statistic.weights
    spread = float((weights * (linear - point) ** 2).sum())
    if units < 3 or spread < SURE:
        return _unvaried(statistic, point, n, method)
    left = 1.0 if sampling.population is None else max(0.0, 1 - units / sampling.population)
    error = float(np.sqrt(left * spread / (units * (units - 1))))
    reach = float(stats.t.ppf(0.975, units - 1)) * error
    return Figure(
        point, point - reach, min(1.0, point + reach), n, method=method, interval=LINEARISED
    )


def _unvaried(statistic: Statistic, point: float, n: int, method: str) -> Figure:
    """A figure whose standard error says nothing: too few units, or none that differs."""
    found = unanimous(statistic)
    return Figure(point, found.low, found.high, n, method=method, interval=found.method)
