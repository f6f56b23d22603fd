"""The four contrasts between two rounds: judge, raters, traffic, coverage.

An anchored difference-in-differences. Anchors are units that both rounds rated and judged; the
same raters' change on them is the ruler by which everything else is measured:

- J, the judge: its change on anchors.
- H, the raters: the same raters' change on anchors.
- T, the traffic: people's change on fresh units, less H.
- C, coverage: the judge's change relative to people on fresh units, less that on anchors.

Tests: J permutes run labels within anchors, H flips signs of anchors, each the larger of a shift
and a change of squared error (max-T); T and C are Welch's with inclusion weights. Holm over the
four. See docs/statistics/drift.md.
"""

from dataclasses import dataclass, replace
from itertools import combinations
from math import comb

import numpy as np
from scipy import stats

from annotate.stats.estimate import prediction_powered_mean
from annotate.stats.figure import Floats, plural
from annotate.stats.means import variance_of_mean
from annotate.stats.multiplicity import holm
from annotate.stats.planner import detectable_shift

PERMUTATIONS = 1999
MINIMUM_ANCHORS = 3
MINIMUM_FRESH = 5
NOTABLE = 0.05
"""The adjusted p from which a contrast is under watch."""
NO_ANCHORS = "the two rounds share no anchor"
MOST_WAYS = 20_000
"""Ways to choose the later runs beyond which a sample of them is used: from nine runs a round."""


@dataclass(frozen=True)
class RoundScores:
    """One round's half of the comparison, on one criterion.

    Rows of the anchor arrays are the same anchors in both rounds, in the same order.
    """

    anchors_judge: Floats
    """(anchors, runs), NaN where a run did not answer."""
    anchors_human: Floats
    """(anchors, raters), columns as in `raters`, NaN where nobody rated."""
    fresh_judge: Floats
    """(fresh units,)"""
    fresh_human: Floats
    """(fresh units, raters)"""
    fresh_weight: Floats
    """(fresh units,), one over the inclusion probability."""
    raters: tuple[str, ...]
    traffic_judge: Floats | None = None
    """(outputs,), the judge on all of the round's traffic, NaN where it did not answer: with it,
    T is estimated by PPI++ and finds smaller changes. None where it scored the sample only."""


@dataclass(frozen=True)
class Contrast:
    """One of the four: how far it moved, in points."""

    estimate: float | None
    low: float | None
    high: float | None
    p: float | None
    p_adjusted: float | None
    n: int
    reason: str | None = None
    scatter: int = 0
    """Which way the squared distance to people changed, if that and no shift gave the p: 1 is
    further away, -1 closer, 0 a shift."""
    detectable: float | None = None
    """The shift that would be found in 80 of 100 such comparisons: the power of this one."""

    @property
    def besides(self) -> str | None:
        """Why p is small although the interval holds 0; None where the two do not part.

        p asks whether anything moved on these anchors, beyond the noise of runs or ratings; the
        interval how far the mean of all such anchors did.
        """
        if self.p_adjusted is None or self.low is None or self.high is None:
            return None
        if self.p_adjusted > NOTABLE or self.one_way:
            return None
        if self.scatter:
            further = "further from" if self.scatter > 0 else "closer to"
            return f"single answers lie {further} people's, some above and some below"
        return (
            f"the {self.n} anchors moved by more than chance, and are too few to say how far others "
            "would"
        )

    @property
    def one_way(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high

    def within(self, delta: float) -> bool:
        """Whether the whole interval lies within plus or minus delta."""
        return (
            self.low is not None
            and self.high is not None
            and -delta <= self.low
            and self.high <= delta
        )


def contrasts(
    baseline: RoundScores, current: RoundScores, *, domain: tuple[float, ...], seed: int
) -> dict[str, Contrast]:
    """J, H, T and C with p adjusted by Holm over those that can be tested.

    Raises ValueError when the anchors of the two rounds differ in number.
    """
    if len(baseline.anchors_judge) != len(current.anchors_judge):
        raise ValueError("the anchors of the two rounds differ in number")
    before, after = _same_raters(baseline, current)
    judge_change = _mean_of(current.anchors_judge) - _mean_of(baseline.anchors_judge)
    change = _mean_of(after - before)
    gold = _gold(baseline, current)
    weights = _post_stratified(gold, baseline, domain)
    return _adjusted(
        {
            "J": _judge(baseline, current, gold, domain, seed),
            "H": _raters(before, after, gold, domain, seed),
            "T": _traffic(baseline, current, change, weights),
            "C": _coverage(baseline, current, judge_change - change, weights),
        }
    )


def _same_raters(baseline: RoundScores, current: RoundScores) -> tuple[Floats, Floats]:
    """The anchors' ratings by raters of both rounds, paired: NaN where one of the two is."""
    both = [name for name in baseline.raters if name in current.raters]
    before = baseline.anchors_human[:, [baseline.raters.index(name) for name in both]]
    after = current.anchors_human[:, [current.raters.index(name) for name in both]]
    missing = np.isnan(before) | np.isnan(after)
    return np.where(missing, np.nan, before), np.where(missing, np.nan, after)


def _mean_of(values: Floats) -> Floats:
    """Row means over what is there, NaN for an empty row."""
    number = (~np.isnan(values)).sum(axis=1)
    with np.errstate(invalid="ignore"):
        found: Floats = np.nansum(values, axis=1) / number
    return np.where(number > 0, found, np.nan)


def _gold(baseline: RoundScores, current: RoundScores) -> Floats:
    """Each anchor's median over all people of both rounds."""
    pooled = np.hstack([baseline.anchors_human, current.anchors_human])
    found = np.full(len(pooled), np.nan)
    rated = ~np.isnan(pooled).all(axis=1)
    if rated.any():
        found[rated] = np.nanmedian(pooled[rated], axis=1)
    return found


def _post_stratified(gold: Floats, baseline: RoundScores, domain: tuple[float, ...]) -> Floats:
    """Anchor weights that give anchors the traffic's mix of good and bad units.

    Good lies above the middle of the scale. Anchors are often balanced and traffic is not;
    unweighted, a judge that changed on bad units alone would look like a coverage problem. With
    fewer than MINIMUM_ANCHORS on one side, anchors count alike.
    """
    weights = np.ones(len(gold))
    if not len(baseline.fresh_human):
        return weights
    cut = (domain[0] + domain[-1]) / 2
    people = _mean_of(baseline.fresh_human)
    known = ~np.isnan(people)
    if not known.any():
        return weights
    traffic = np.average(people[known] > cut, weights=baseline.fresh_weight[known])
    high, low = gold > cut, gold <= cut
    if min(high.sum(), low.sum()) >= MINIMUM_ANCHORS:
        share = high.sum() / (high.sum() + low.sum())
        weights[high] = traffic / share
        weights[low] = (1 - traffic) / (1 - share)
    return weights


def _judge(
    baseline: RoundScores, current: RoundScores, gold: Floats, domain: tuple[float, ...], seed: int
) -> Contrast:
    """Under no change it is chance which of an anchor's runs are the later ones."""
    if not len(gold):
        return _shared_none()
    silent = np.isnan(baseline.anchors_judge).all(axis=1)
    judged = ~(silent | np.isnan(current.anchors_judge).all(axis=1))
    n = int(judged.sum())
    if n < MINIMUM_ANCHORS:
        return _missing(n, "anchor that the judge scored in both rounds", MINIMUM_ANCHORS)
    before, after = baseline.anchors_judge[judged], current.anchors_judge[judged]
    # Where no person rated, the mean of all runs stands in: what favours neither round's runs.
    everything = _mean_of(np.hstack([before, after]))
    truth = np.where(np.isnan(gold[judged]), everything, gold[judged])
    shift, distance = _exchanged(before, after, truth, np.random.default_rng(seed))
    change = _mean_of(after) - _mean_of(before)
    return _estimated(change, domain, *_max_t(shift, distance))


def _exchanged(
    before: Floats, after: Floats, truth: Floats, random: np.random.Generator
) -> tuple[Floats, Floats]:
    """Mean change of the scores and of their squared distance to the truth, over exchanges of runs.

    before, after: (anchors, runs), an answer at least in each row. Anchors with as many answers
    are exchanged together: the mean of one run scatters more than that of three, so means of
    unequally many runs must not change places. Returns the observed value first, then those of
    the permutations.
    """
    shift, distance = np.zeros(1 + PERMUTATIONS), np.zeros(1 + PERMUTATIONS)
    answers = np.column_stack([(~np.isnan(side)).sum(axis=1) for side in (before, after)])
    for earlier, later in np.unique(answers, axis=0).tolist():
        rows = np.flatnonzero((answers == (earlier, later)).all(axis=1))
        runs = np.hstack([_answers(before[rows], earlier), _answers(after[rows], later)])
        changes = _ways(earlier + later, later, random)
        drawn = random.integers(0, changes.shape[1], size=(PERMUTATIONS, len(rows)))
        # The last way is the observed one: the later runs are the later ones.
        drawn = np.vstack([np.full((1, len(rows)), changes.shape[1] - 1), drawn])
        each = np.arange(len(rows))
        shift += (runs @ changes)[each, drawn].sum(axis=1)
        distance += ((runs - truth[rows, None]) ** 2 @ changes)[each, drawn].sum(axis=1)
    return shift / len(truth), distance / len(truth)


def _answers(runs: Floats, number: int) -> Floats:
    """The given number of answers of each row, without the gaps between them."""
    order = np.argsort(np.isnan(runs), axis=1, kind="stable")
    found: Floats = np.take_along_axis(runs, order, axis=1)[:, :number]
    return found


def _ways(runs: int, later: int, random: np.random.Generator) -> Floats:
    """Mean of the later less mean of the earlier runs, for the choices of the later ones.

    Every choice, or a random `MOST_WAYS` of them. Returns coefficients (runs, choices); the last
    choice is the last runs.
    """
    if comb(runs, later) <= MOST_WAYS:
        chosen = np.array(list(combinations(range(runs), later)))
    else:
        chosen = random.random((MOST_WAYS, runs)).argsort(axis=1)[:, :later]
        chosen[-1] = np.arange(runs - later, runs)
    found = np.full((runs, len(chosen)), -1 / (runs - later))
    found[chosen, np.arange(len(chosen))[:, None]] = 1 / later
    return found


def _raters(
    before: Floats, after: Floats, gold: Floats, domain: tuple[float, ...], seed: int
) -> Contrast:
    """Under no change it is chance whether an anchor's ratings went up or down."""
    if not len(gold):
        return _shared_none()
    change = _mean_of(after - before)
    squared = _mean_of((after - gold[:, None]) ** 2 - (before - gold[:, None]) ** 2)
    usable = ~np.isnan(change)
    n = int(usable.sum())
    if n < MINIMUM_ANCHORS:
        return _missing(n, "anchor that the same people rated in both rounds", MINIMUM_ANCHORS)
    change, squared = change[usable], squared[usable]
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(PERMUTATIONS, n))
    signs = np.vstack([np.ones((1, n)), signs])
    return _estimated(change, domain, *_max_t(signs @ change / n, signs @ squared / n))


def _max_t(shift: Floats, distance: Floats) -> tuple[float, int]:
    """The permutation p of the larger of two standardised statistics, and `Contrast.scatter`.

    shift, distance: the observed value first, then those of the permutations.
    """

    def standard(values: Floats) -> Floats:
        spread = values[1:].std()
        return np.abs(values) / spread if spread > 0 else np.zeros_like(values)

    both = np.vstack([standard(shift), standard(distance)])
    largest = both.max(axis=0)
    p = float((1 + (largest[1:] >= largest[0] - 1e-12).sum()) / len(largest))
    return p, int(np.sign(distance[0])) if both[1, 0] > both[0, 0] else 0


def _estimated(change: Floats, domain: tuple[float, ...], p: float, scatter: int) -> Contrast:
    n = len(change)
    estimate, variance = _weighted(change, np.ones(n))
    if variance > 1e-18:
        reach = float(stats.t.ppf(0.975, n - 1)) * float(np.sqrt(variance))
    else:
        # All anchors changed alike. Of a share of 1 - .025^(1/n) that changes by one point more,
        # n anchors show none in one round of forty: so much can be excluded and no more.
        reach = float((1 - 0.025 ** (1 / n)) * np.diff(domain).min())
    # Of two statistics the larger counts: each is tested twice as strictly.
    power = detectable_shift(reach / float(stats.t.ppf(0.975, n - 1)), tests=8)
    return Contrast(estimate, estimate - reach, estimate + reach, p, None, n, None, scatter, power)


def _weighted(values: Floats, weights: Floats) -> tuple[float, float]:
    """The weighted mean and its variance (linearised)."""
    share = weights / weights.sum()
    return float(share @ values), variance_of_mean(values, share) if len(values) > 1 else 0.0


Part = tuple[float, float, int]
"""A mean, its variance, and of how many units it is."""


def _traffic(
    baseline: RoundScores, current: RoundScores, change: Floats, weights: Floats
) -> Contrast:
    sides = [_quality(scores) for scores in (current, baseline)]
    return _welch(sides, change, weights, "fresh unit that people rated")


def _quality(scores: RoundScores) -> Part:
    """What people would have said of the traffic: the sample's mean, or with the judge's help."""
    people = _mean_of(scores.fresh_human)
    if scores.traffic_judge is not None:
        found = prediction_powered_mean(
            people, scores.fresh_judge, scores.traffic_judge, weights=scores.fresh_weight,
            minimum=MINIMUM_FRESH, interval="t",
        )  # fmt: skip
        if found.figure.value is not None:
            return found.figure.value, found.variance, found.figure.n
    return _mean_part(people, scores.fresh_weight)


def _coverage(
    baseline: RoundScores, current: RoundScores, change: Floats, weights: Floats
) -> Contrast:
    sides = [
        _mean_part(s.fresh_judge - _mean_of(s.fresh_human), s.fresh_weight)
        for s in (current, baseline)
    ]
    return _welch(sides, change, weights, "fresh unit that people and the judge rated")


def _mean_part(values: Floats, weight: Floats) -> Part:
    """The mean of what is known."""
    known = ~np.isnan(values)
    n = int(known.sum())
    return (*_weighted(values[known], weight[known]), n) if n else (0.0, 0.0, 0)


def _welch(sides: list[Part], change: Floats, weights: Floats, what: str) -> Contrast:
    """Current less baseline on fresh units, less the change on anchors; Welch-Satterthwaite."""
    if not len(change):
        return _shared_none()
    fewest = min(n for _, _, n in sides)
    if fewest < MINIMUM_FRESH:
        return _missing(fewest, what, MINIMUM_FRESH)
    # An anchor counts nothing if it stands for a class that the traffic lacks.
    known = ~np.isnan(change) & (weights > 0)
    if known.sum() < MINIMUM_ANCHORS:
        return _missing(int(known.sum()), "anchor rated in both rounds", MINIMUM_ANCHORS)
    parts = [*sides, _mean_part(np.where(known, change, np.nan), weights)]
    estimate = parts[0][0] - parts[1][0] - parts[2][0]
    variance = sum(part[1] for part in parts)
    n = parts[0][2]
    if variance <= 0:
        return Contrast(None, None, None, None, None, n, "no variation to weigh a change against")
    freedom = variance**2 / sum(v**2 / (m - 1) for _, v, m in parts if v > 0)
    error = float(np.sqrt(variance))
    reach = float(stats.t.ppf(0.975, freedom)) * error
    p = float(2 * stats.t.sf(abs(estimate) / error, freedom))
    return Contrast(
        estimate, estimate - reach, estimate + reach, p, None, n,
        detectable=detectable_shift(error),
    )  # fmt: skip


def _shared_none() -> Contrast:
    """More of the same would be no help: there is nothing to measure by."""
    return Contrast(None, None, None, None, None, 0, NO_ANCHORS)


def _missing(n: int, what: str, minimum: int) -> Contrast:
    return Contrast(None, None, None, None, None, n, plural(minimum - n, what))


def _adjusted(contrasts: dict[str, Contrast]) -> dict[str, Contrast]:
    tested = [name for name, c in contrasts.items() if c.p is not None]
    adjusted = holm([contrasts[name].p or 0.0 for name in tested])
    return contrasts | {
        name: replace(contrasts[name], p_adjusted=float(p))
        for name, p in zip(tested, adjusted, strict=True)
    }
