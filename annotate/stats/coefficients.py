"""Chance-corrected agreement of any number of raters: (observed - chance) / (1 - chance).

One formula with five ideas of chance. Gwet, Handbook of Inter-Rater Reliability, 4th ed. (2014),
chapters 2 to 5, with his linearised standard errors and Student's t with n - 1 degrees of freedom;
the values are those of his R package irrCAC. Units without any rating do not count; units with one
rating inform chance only. Raters are taken as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from annotate.stats.association import Weights, weight_matrix
from annotate.stats.figure import Figure, Floats, Ints, Reason, counts


def percent_agreement(
    values: Floats,
    *,
    domain: tuple[float, ...],
    weights: Weights = "unweighted",
    population: int | None = None,
) -> Figure:
    """The mean share of agreeing pairs of raters per unit, over units rated twice or more.

    values: (units, raters), NaN where nobody rated. domain: the whole scale, ascending.
    weights: with others than "unweighted", near values agree in part.
    population: the number of units from which these are a sample without replacement.
    Interval held within 0 and 1. Raises ValueError for a value outside the scale.
    """
    return percent_of(counts(values, domain), domain, weights, population)


def gwet_ac(
    values: Floats,
    *,
    domain: tuple[float, ...],
    weights: Weights,
    population: int | None = None,
) -> Figure:
    """Gwet's AC1 (unweighted) or AC2 over the declared scale: chance T_w/(q(q-1)) sum pi(1-pi).

    Arguments and errors as of `percent_agreement`. Gwet (2008), Computing inter-rater reliability
    and its variance in the presence of high agreement, BJMSP 61.
    """
    return ac_of(counts(values, domain), domain, weights, population)


def fleiss_kappa(
    values: Floats,
    *,
    domain: tuple[float, ...],
    weights: Weights = "unweighted",
    population: int | None = None,
) -> Figure:
    """Fleiss' kappa: chance is that two ratings drawn from all ratings agree.

    Arguments and errors as of `percent_agreement`. Fleiss (1971), Measuring nominal scale
    agreement among many raters, Psychological Bulletin 76; weights and missing ratings as in
    Gwet (2014). Undefined where every rating is the same.
    """
    table = _Table.of(counts(values, domain), domain, weights)
    return table.figure(
        _named("Fleiss' kappa", weights), *table.chance_of_two_ratings(), population
    )


def scott_pi(
    first: Floats, second: Floats, *, domain: tuple[float, ...], weights: Weights = "unweighted"
) -> Figure:
    """Scott's pi of two raters: chance from the marginals of both together.

    first, second: (units,), NaN where one did not rate; only units with both count. Scott (1955),
    Reliability of content analysis, Public Opinion Quarterly 19. It is Fleiss' kappa of two.
    Raises ValueError for a value outside the scale and for arrays of different length.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} values beside {len(second)}")
    both = ~(np.isnan(first) | np.isnan(second))
    table = _Table.of(counts(np.column_stack([first[both], second[both]]), domain), domain, weights)
    return table.figure(_named("Scott's pi", weights), *table.chance_of_two_ratings(), None)


def brennan_prediger(
    values: Floats,
    *,
    domain: tuple[float, ...],
    weights: Weights = "unweighted",
    population: int | None = None,
) -> Figure:
    """Brennan and Prediger's coefficient: chance is 1/q of the declared scale's q values.

    Arguments and errors as of `percent_agreement`. Brennan & Prediger (1981), Coefficient kappa:
    some uses, misuses, and alternatives, Educational and Psychological Measurement 41.
    """
    table = _Table.of(counts(values, domain), domain, weights)
    chance = float(table.matrix.mean())
    return table.figure(
        _named("Brennan-Prediger", weights), chance, np.full(len(table.counted), chance), population
    )


def cohen_kappa(
    first: Floats, second: Floats, *, domain: tuple[float, ...], weights: Weights
) -> Figure:
    """Cohen's weighted kappa of two raters: chance from the marginals of each.

    first, second: (units,), NaN where one did not rate; only units with both count. Cohen (1960,
    1968); the interval is normal with the standard error of Fleiss, Cohen & Everitt (1969), Large
    sample standard errors of kappa and weighted kappa, Psychological Bulletin 72. Undefined where
    both give one and the same value throughout.
    Raises ValueError for a value outside the scale and for arrays of different length.
    """
    method = f"Cohen's kappa, {weights}"
    if len(first) != len(second):
        raise ValueError(f"{len(first)} values beside {len(second)}")
    pair = np.column_stack([first, second])
    counts(pair, domain)  # refuses a value outside the scale
    one, other = pair[~np.isnan(pair).any(axis=1)].T
    n = len(one)
    if not n:
        return Figure.undefined(Reason.NOT_TWICE, 0, method)
    q = len(domain)
    cells = np.searchsorted(domain, one) * q + np.searchsorted(domain, other)
    joint = np.bincount(cells, minlength=q * q).reshape(q, q) / n
    matrix = weight_matrix(domain, weights)
    rows, columns = joint.sum(axis=1), joint.sum(axis=0)
    observed, chance = float((joint * matrix).sum()), float(rows @ matrix @ columns)
    if chance > 1 - 1e-12:
        return Figure.undefined(Reason.NO_VARIATION, n, method)
    point = (observed - chance) / (1 - chance)
    of_marginals = (matrix @ columns)[:, None] + (rows @ matrix)[None, :]
    each = joint * (matrix * (1 - chance) - of_marginals * (1 - observed)) ** 2
    variance = each.sum() - (observed * chance - 2 * chance + observed) ** 2
    error = float(np.sqrt(max(0.0, variance) / n)) / (1 - chance) ** 2
    if n < 3:
        return Figure(point, None, None, n, method=method)
    reach = 1.959964 * error
    return Figure(
        point, max(-1.0, point - reach), min(1.0, point + reach), n,
        method=method, interval="Fleiss, Cohen & Everitt (1969)",
    )  # fmt: skip


def weighted_alpha(
    values: Floats,
    *,
    domain: tuple[float, ...],
    weights: Weights = "unweighted",
    population: int | None = None,
) -> Figure:
    """Krippendorff's alpha in agreement form, with weights that do not depend on the data.

    Arguments and errors as of `percent_agreement`. Unweighted it is nominal alpha, with quadratic
    weights interval alpha; "ordinal" weights are Gwet's and give another coefficient than
    Krippendorff's ordinal alpha (`krippendorff_alpha`). It is here for its linearised interval.
    """
    method = _named("Krippendorff's alpha in agreement form", weights)
    table = _Table.of(counts(values, domain), domain, weights)
    rated = table.counted[table.raters >= 2]
    n = len(rated)
    if not n:
        return Figure.undefined(Reason.NOT_TWICE, 0, method)
    raters = rated.sum(axis=1)
    usual = raters.mean()
    share = rated.mean(axis=0) / usual
    chance = float(share @ table.matrix @ share)
    if chance > 1 - 1e-12:
        return Figure.undefined(Reason.NO_VARIATION, n, method)
    small = 1 / raters.sum()
    agreed = (rated * (rated @ table.matrix.T - 1)).sum(axis=1) / (usual * (raters - 1))
    observed = (1 - small) * agreed.mean() + small
    point = float((observed - chance) / (1 - chance))
    # Deviations from the usual number of ratings are linearised away; the variance is that of
    # the coefficient without the correction for small samples, as in irrCAC.
    more = (raters - usual) / usual
    plain = float((agreed.mean() - chance) / (1 - chance))
    of_chance = rated @ ((table.matrix + table.matrix.T) / 2 @ share) / usual - chance * more
    linear = (agreed - observed * more - chance) / (1 - chance)
    linear = linear - 2 * (1 - plain) * (of_chance - chance) / (1 - chance)
    low, high = _t_interval(linear - plain + point, point, n, population)
    return Figure(point, low, high, n, method=method, interval=LINEARISED)


LINEARISED = "linearised, t"


@dataclass(frozen=True)
class _Table:
    """Units by values, with what every coefficient needs of them."""

    counted: Floats
    """(units, values): units that anybody rated."""
    raters: Floats
    """(units,)"""
    matrix: Floats
    """(values, values): how much two values agree."""

    @classmethod
    def of(cls, counted: Ints, domain: Sequence[float], weights: Weights) -> "_Table":
        known = counted[counted.sum(axis=1) > 0].astype(float)
        return cls(known, known.sum(axis=1), weight_matrix(domain, weights))

    def shares(self) -> Floats:
        """Each unit's ratings by value, adding up to 1: (units, values)."""
        found: Floats = self.counted / self.raters[:, None]
        return found

    def chance_of_two_ratings(self) -> tuple[float, Floats]:
        """Chance by the marginals of all ratings, and each unit's part in it."""
        if not len(self.counted):
            return 0.0, np.empty(0)
        marginals = self.shares().mean(axis=0)
        both_ways = (self.matrix + self.matrix.T) / 2
        return float(marginals @ self.matrix @ marginals), self.shares() @ (both_ways @ marginals)

    def figure(
        self, method: str, chance: float, of_chance: Floats, population: int | None
    ) -> Figure:
        """The coefficient: `of_chance` holds each unit's part in chance, (units,)."""
        n, pairable = len(self.counted), self.raters >= 2
        pairs = int(pairable.sum())
        if not pairs:
            return Figure.undefined(Reason.NOT_TWICE, 0, method)
        if chance > 1 - 1e-12:
            return Figure.undefined(Reason.NO_VARIATION, pairs, method)
        some = self.counted[pairable]
        raters = self.raters[pairable]
        agreed = np.zeros(n)
        agreed[pairable] = (some * (some @ self.matrix.T - 1)).sum(axis=1) / (raters * (raters - 1))
        point = float((agreed.sum() / pairs - chance) / (1 - chance))
        linear = (n / pairs) * (agreed - chance * pairable) / (1 - chance)
        linear = linear - 2 * (1 - point) * (of_chance - chance) / (1 - chance)
        low, high = _t_interval(linear, point, n, population)
        return Figure(point, low, high, pairs, method=method, interval=LINEARISED)


def percent_of(
    counted: Ints,
    domain: Sequence[float],
    weights: Weights = "unweighted",
    population: int | None = None,
) -> Figure:
    """`percent_agreement` of what is counted already: (units, values)."""
    table = _Table.of(counted, domain, weights)
    found = table.figure(
        _named("percent agreement", weights), 0.0, np.zeros(len(table.counted)), population
    )
    if found.low is None:
        return found
    return Figure(
        found.value, max(0.0, found.low), found.high, found.n,
        method=found.method, interval=found.interval,
    )  # fmt: skip


def ac_of(
    counted: Ints, domain: Sequence[float], weights: Weights, population: int | None = None
) -> Figure:
    """`gwet_ac` of what is counted already: (units, values)."""
    name = "Gwet's AC1" if weights == "unweighted" else f"Gwet's AC2, {weights}"
    table = _Table.of(counted, domain, weights)
    q = len(domain)
    scale = table.matrix.sum() / (q * (q - 1))
    shares = table.shares()
    marginals = shares.mean(axis=0) if len(shares) else np.zeros(q)
    chance = float(scale * (marginals * (1 - marginals)).sum())
    return table.figure(name, chance, scale * shares @ (1 - marginals), population)


def _named(name: str, weights: Weights) -> str:
    return name if weights == "unweighted" else f"{name}, {weights}"


def _t_interval(
    linear: Floats, point: float, n: int, population: int | None
) -> tuple[float | None, float | None]:
    if n < 3:
        return None, None
    left = 1.0 if population is None else 1 - n / population
    error = float(np.sqrt(max(0.0, left) * ((linear - point) ** 2).sum() / (n * (n - 1))))
    reach = float(stats.t.ppf(0.975, n - 1)) * error
    return point - reach, min(1.0, point + reach)
