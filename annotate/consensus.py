"""From several people's ratings to one value per unit. Pure.

In order: one voice only is reported as such; unanimous; else by the rule (majority, lower median
or mean) where enough people stand behind the value; else the unit is disputed and waits for a
lead. Raters may count alike, or by how well they agree with the others (`rater_weights`);
`dawid_skene_consensus` weighs them by their errors. See docs/statistics/consensus.md.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from annotate.stats import Figure, Level, Reason, counts, dawid_skene, rate
from annotate.stats.association import weight_matrix
from annotate.stats.figure import Floats

Rule = Literal["majority", "median", "mean"]
Ties = Literal["dispute", "lower", "upper"]
How = Literal[
    "single", "unanimous", "majority", "median", "mean", "dawid-skene", "undecided", "adjudicated"
]

SUPPORT = 2 / 3
"""The share of raters that must stand behind a value: exactly on it (nominal), or within one
point of it (ordinal, interval)."""
SPREAD = 2
"""Ratings that lie so many points of the scale apart are disputed, whatever the median says."""
ALIKE = 1e-9


@dataclass(frozen=True)
class Consensus:
    """What people's ratings of one unit come to."""

    value: float | None
    how: How
    votes: dict[float, int]
    """Raters by value, ascending."""
    agreement: float
    """The share of raters who gave the value; of the commonest where there is none."""
    disputed: bool
    """Whether it waits for a lead's decision."""
    reason: str | None = None
    """Why there is no value, or why it is disputed."""
    shares: dict[float, float] | None = None
    """The weight of each value where raters do not count alike, adding up to 1; of a model, how
    probable each value is. None: the votes themselves."""
    mean: float | None = None
    """The mean of the ratings, for the rule that goes by it."""

    @property
    def distribution(self) -> dict[float, float]:
        """The share of each value that anybody gave, adding up to 1."""
        if self.shares is not None:
            return self.shares
        total = sum(self.votes.values())
        return {value: count / total for value, count in self.votes.items()}

    @property
    def entropy(self) -> float:
        """How far the ratings are spread, in bits: 0 is unanimous, 1 two values alike often."""
        share = np.array([s for s in self.distribution.values() if s > 0])
        return max(0.0, -float((share * np.log2(share)).sum()))

    @property
    def support(self) -> Figure:
        """The share of raters who would give the value, with Wilson's interval over raters.

        Three of three is 1, from .44 up: so little do three people say of those not asked.
        """
        n = sum(self.votes.values())
        if self.value is None:
            return Figure.undefined(self.reason or Reason.NO_RATINGS, n, "support")
        return rate(self.votes.get(self.value, 0), n)


def consensus(
    values: Floats,
    *,
    level: Level,
    domain: tuple[float, ...],
    rule: Rule | None = None,
    ties: Ties = "dispute",
    support: float = SUPPORT,
    spread: int = SPREAD,
    weights: Floats | None = None,
) -> list[Consensus]:
    """The consensus of every unit.

    values: (units, raters), NaN where nobody rated; each unit is rated at least once.
    domain: the whole scale, ascending.
    rule: by default majority on a nominal scale and on one of two values, else the lower median.
        "mean" takes the point of the scale that is nearest to the mean.
    ties: who decides between two values as good (a tied majority; an even number of ratings; a
        mean half-way between two points): a lead, or always the lower or the upper one. The
        default rule of an ordinal scale takes the lower median of four or more.
    support, spread: see SUPPORT and SPREAD; a tie that a rule decides needs no further support.
    weights: (raters,), how much each rater counts, at least one of every unit above 0; see
        `rater_weights`. None: alike.
    One rater alone gives no value: gold needs a second voice or a lead's decision.
    Raises ValueError for a unit that nobody rated, a value outside the scale, a weight below 0, a
    unit without weight, and for a median or a mean of categories.
    """
    counts(values, domain)  # refuses a value outside the scale
    rule = rule or ("majority" if level == "nominal" or len(domain) == 2 else "median")
    if level == "nominal" and len(domain) > 2 and rule != "majority":
        raise ValueError(f"categories have no {rule}: use majority")
    worth = np.ones(values.shape[1]) if weights is None else weights
    if len(worth) != values.shape[1] or not (worth >= 0).all():
        raise ValueError("every rater needs a weight that is not below 0")
    decide = _Decision(domain, rule, ties, support, spread, weights is not None)
    # Units with the same votes have the same consensus: a round has few distinct ones.
    known: dict[tuple[tuple[float, float], ...], Consensus] = {}
    found = []
    order = np.lexsort((np.broadcast_to(worth, values.shape), values), axis=1)
    ordered, worths = np.take_along_axis(values, order, axis=1), worth[order]
    for row, worths_of_row in zip(ordered.tolist(), worths.tolist(), strict=True):
        said = tuple((v, w) for v, w in zip(row, worths_of_row, strict=True) if v == v)
        if said not in known:
            known[said] = decide.of(said)
        found.append(known[said])
    return found


@dataclass(frozen=True)
class _Decision:
    """The rule, applied to one unit's ratings at a time."""

    domain: tuple[float, ...]
    rule: Rule
    ties: Ties
    support: float
    spread: int
    weighted: bool

    def of(self, said: tuple[tuple[float, float], ...]) -> Consensus:
        """The consensus of (value, weight) pairs, ascending by value."""
        if not said:
            raise ValueError("a unit without ratings has no consensus")
        votes: dict[float, int] = defaultdict(int)
        shares: dict[float, float] = defaultdict(float)
        total = sum(weight for _, weight in said)
        if total <= 0:
            raise ValueError("a unit whose raters have no weight has no consensus")
        for value, weight in said:
            votes[value] += 1
            shares[value] += weight / total
        unit = _Unit(dict(votes), dict(shares), len(said), self.weighted)
        if unit.n == 1:
            return unit.without("single", "only one person rated it")
        if len(votes) == 1:
            return unit.settled(said[0][0], "unanimous")
        if self.rule == "majority":
            return self._majority(unit)
        return self._middle(unit)

    def _majority(self, unit: "_Unit") -> Consensus:
        top = max(unit.shares.values())
        leaders = [value for value, share in unit.shares.items() if share > top - ALIKE]
        if len(leaders) > 1:
            return self._tied(unit, leaders, "majority", "a tie")
        if top < self.support - ALIKE:
            return unit.disputed(f"{max(unit.votes.values())} of {unit.n} agree")
        return unit.settled(leaders[0], "majority")

    def _middle(self, unit: "_Unit") -> Consensus:
        """The median, or the point nearest to the mean."""
        point = {value: place for place, value in enumerate(self.domain)}
        places = [point[value] for value in unit.votes]
        if max(places) - min(places) >= self.spread:
            return unit.disputed(f"{max(places) - min(places)} points apart")
        lower, upper = self._medians(unit) if self.rule == "median" else self._nearest(unit)
        tied = lower != upper
        # Of two people who differ, neither has anybody behind him.
        if tied and (self.ties != "dispute" or unit.n == 2 or self.rule == "mean"):
            why = "the mean lies between two points" if self.rule == "mean" and unit.n > 2 else ""
            return self._tied(
                unit, [lower, upper], self.rule,
                why or f"{max(unit.votes.values())} of {unit.n} agree",
            )  # fmt: skip
        near = sum(s for v, s in unit.shares.items() if abs(point[v] - point[lower]) <= 1)
        if near < self.support - ALIKE:
            return unit.disputed(f"{max(unit.votes.values())} of {unit.n} agree")
        return unit.settled(lower, self.rule)

    def _medians(self, unit: "_Unit") -> tuple[float, float]:
        """The lower and the upper median of weighted ratings."""
        values, below = list(unit.shares), np.cumsum(list(unit.shares.values()))
        lower = values[int(np.argmax(below >= 0.5 - ALIKE))]
        upper = values[int(np.argmax(below > 0.5 + ALIKE))]
        return lower, upper

    def _nearest(self, unit: "_Unit") -> tuple[float, float]:
        """The points nearest to the mean, below and above: two where it lies half-way."""
        scale = np.asarray(self.domain, dtype=float)
        far = np.abs(scale - unit.mean)
        nearest = scale[far <= far.min() + ALIKE]
        return float(nearest[0]), float(nearest[-1])

    def _tied(self, unit: "_Unit", leaders: Sequence[float], how: How, why: str) -> Consensus:
        if self.ties == "dispute":
            return unit.disputed(why)
        return unit.settled(min(leaders) if self.ties == "lower" else max(leaders), how)


@dataclass(frozen=True)
class _Unit:
    """One unit's ratings, counted."""

    votes: dict[float, int]
    shares: dict[float, float]
    n: int
    weighted: bool

    @property
    def mean(self) -> float:
        return sum(value * share for value, share in self.shares.items())

    def settled(self, value: float, how: How) -> Consensus:
        share = self.votes.get(value, 0) / self.n
        mean = self.mean if how == "mean" else None
        return Consensus(value, how, self.votes, share, False, None, self._shares(), mean)

    def disputed(self, reason: str) -> Consensus:
        top = max(self.votes.values()) / self.n
        return Consensus(
            None, "undecided", self.votes, top, True, f"disputed: {reason}", self._shares()
        )

    def without(self, how: How, reason: str) -> Consensus:
        return Consensus(None, how, self.votes, 1.0, False, reason, self._shares())

    def _shares(self) -> dict[float, float] | None:
        return self.shares if self.weighted else None


def rater_weights(values: Floats, *, domain: tuple[float, ...], level: Level) -> Floats:
    """How much each rater should count: his agreement with the others, beyond chance.

    values: (units, raters), NaN where nobody rated. Per rater the mean agreement of his ratings
    with those of the others on the same unit (equal on a nominal scale, else quadratic weights),
    less what a rater who guesses over the declared scale would reach (Brennan & Prediger 1981),
    held within 0 and 1. A rater is never compared with himself, as he would be with a consensus
    that he is part of (Wawa). Returns (raters,): all 1 where nobody agrees beyond chance, and 1
    for a rater who shares no unit. Raises ValueError for a value outside the scale.
    """
    table = counts(values, domain)
    matrix = weight_matrix(domain, "unweighted" if level == "nominal" else "quadratic")
    chance = float(matrix.mean())
    found = np.ones(values.shape[1])
    for column in range(values.shape[1]):
        rated = ~np.isnan(values[:, column])
        code = np.searchsorted(domain, values[rated, column])
        others = table[rated].copy()
        others[np.arange(len(code)), code] -= 1
        number = others.sum(axis=1)
        shared = number > 0
        if shared.any():
            alike = (others * matrix[code]).sum(axis=1)[shared] / number[shared]
            found[column] = max(0.0, (float(alike.mean()) - chance) / (1 - chance))
    return found if (found > 0).any() else np.ones(values.shape[1])


def dawid_skene_consensus(
    values: Floats, *, domain: tuple[float, ...], prior: float = 0.01, one_coin: bool = False
) -> tuple[list[Consensus], bool]:
    """The probable value of every unit by Dawid and Skene's model, and whether it is advised.

    values: (units, raters), NaN where nobody rated; each unit is rated at least once. prior,
    one_coin: as of `dawid_skene`. A second opinion, for nominal values: it never disputes, and
    with few raters it is less often right than the majority (the second result is False then).
    Raises ValueError for a unit that nobody rated and a value outside the scale.
    """
    table = counts(values, domain)
    if (table.sum(axis=1) == 0).any():
        raise ValueError("a unit without ratings has no consensus")
    units, raters = np.nonzero(~np.isnan(values))
    given = np.searchsorted(domain, values[units, raters])
    model = dawid_skene(units, raters, given, n_values=len(domain), prior=prior, one_coin=one_coin)
    found = []
    for counted, posterior, place in zip(table, model.posterior, model.values, strict=True):
        votes = {v: int(n) for v, n in zip(domain, counted, strict=True) if n}
        shares = {v: float(p) for v, p in zip(domain, posterior, strict=True)}
        agreement = int(counted[place]) / int(counted.sum())
        found.append(Consensus(domain[place], "dawid-skene", votes, agreement, False, None, shares))
    return found, model.advised


def differing(first: Sequence[Consensus], second: Sequence[Consensus]) -> list[int]:
    """The units, by place, to which two ways of finding a consensus give different values.

    What a second opinion would change; units that either leaves without a value do not count.
    Raises ValueError for lists of different length.
    """
    return [
        place
        for place, (one, other) in enumerate(zip(first, second, strict=True))
        if None not in (one.value, other.value) and one.value != other.value
    ]
