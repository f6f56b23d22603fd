"""Drift between a baseline round and a later one, with its cause.

An anchored difference-in-differences. Anchors are units that both rounds rated and judged; the
same raters' change on them is the ruler by which everything else is measured:

- J, the judge: its change on anchors.
- H, the raters: the same raters' change on anchors.
- T, the traffic: people's change on fresh units, less H.
- C, coverage: the judge's change relative to people on fresh units, less that on anchors.

Tests: J permutes run labels within anchors, H flips signs of anchors, each the larger of a shift
and a change of squared error (max-T); T and C are Welch's with inclusion weights. Holm over the
four. See docs/statistics.md for the source and the measured false-alarm rates.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from scipy import stats

from annotate.stats.bootstrap import SEED
from annotate.stats.figure import Floats, Level
from annotate.stats.multiplicity import benjamini_hochberg, holm

PERMUTATIONS = 1999
ALARM_AT = 0.01
WATCH_AT = 0.05
ACROSS = 0.10
"""The share of false alarms that is accepted among alarms over segments and criteria."""
MINIMUM_ANCHORS = 3
MINIMUM_FRESH = 5
CAUSES = {"J": "judge", "H": "raters", "T": "traffic", "C": "coverage"}


class DriftVerdict(StrEnum):
    """What the comparison of two rounds says."""

    ALARM = "ALARM"
    WATCH = "WATCH"
    STABLE = "STABLE"
    CANNOT_TELL = "CANNOT TELL"
    NOT_ENOUGH = "NOT ENOUGH RATINGS"


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
    noisier: bool = False
    """Flagged by its squared error rather than by its shift: it did not move, it scattered."""

    def within(self, delta: float) -> bool:
        """Whether the whole interval lies within plus or minus delta."""
        return (
            self.low is not None
            and self.high is not None
            and -delta <= self.low
            and self.high <= delta
        )


@dataclass(frozen=True)
class Drift:
    """The verdict on one criterion (in one segment, or pooled)."""

    verdict: DriftVerdict
    causes: tuple[str, ...]
    contrasts: dict[str, Contrast]
    delta: float
    needed: int | None = None
    """How many more anchors or fresh units would let the verdict be STABLE; None if not asked."""
    panel_change: tuple[str, ...] = field(default=())
    """Raters of only one of the two rounds: their turnover is not counted as drift."""

    def sentence(self, segment: str | None = None) -> str:
        """The verdict in a sentence that a lead understands."""
        where = f" in {segment}" if segment else ""
        moved = [
            _moved(name, self.contrasts[name], where)
            for name, cause in CAUSES.items()
            if cause in self.causes
        ]
        still = [
            CAUSES[name]
            for name in ("J", "H", "T")
            if CAUSES[name] not in self.causes and self.contrasts[name].within(self.delta)
        ]
        if self.verdict is DriftVerdict.NOT_ENOUGH:
            return f"Not enough ratings{where}: {self.needed} more anchors rated in both rounds."
        if self.verdict is DriftVerdict.STABLE:
            return f"Nothing moved by more than {self.delta:g} points{where}."
        if self.verdict is DriftVerdict.CANNOT_TELL:
            return (
                f"Cannot tell{where}: no sign of drift, but {self.delta:g} points could hide; "
                f"about {self.needed} more units would show them."
            )
        begun = "" if self.verdict is DriftVerdict.ALARM else "Perhaps: "
        rest = f"; {_listed(still)} did not move" if still else ""
        return begun + "; ".join(moved) + rest + "."


def drift(
    baseline: RoundScores,
    current: RoundScores,
    *,
    level: Level,
    domain: tuple[float, ...],
    delta: float | None = None,
    seed: int = SEED,
) -> Drift:
    """Did the judge move, did the raters move, or did the traffic move?

    delta: the largest change that counts as stable; by default a quarter point, or 0.05 on a
        scale of two values (5 points of pass rate).
    Raises ValueError when the anchors of the two rounds differ in number.
    Verdict: ALARM when an adjusted p is at most 0.01, WATCH at most 0.05; STABLE only when J, H
    and T lie within plus or minus delta; CANNOT TELL otherwise.
    """
    if len(baseline.anchors_judge) != len(current.anchors_judge):
        raise ValueError("the anchors of the two rounds differ in number")
    if delta is None:
        delta = 0.05 if len(domain) == 2 else 0.25
    if level == "nominal" and len(domain) > 2:
        return _categories(delta)
    before, after = _same_raters(baseline, current)
    judge_change = _mean_of(current.anchors_judge) - _mean_of(baseline.anchors_judge)
    judged = np.asarray(~np.isnan(judge_change))
    gold = _gold(baseline, current)
    weights = _post_stratified(gold, baseline, domain)
    change = _mean_of(after - before)
    contrasts = {
        "J": _judge(baseline, current, gold, judged, weights, seed),
        "H": _raters(before, after, gold, weights, seed),
        "T": _traffic(baseline, current, change, weights),
        "C": _coverage(baseline, current, judge_change - change, weights),
    }
    contrasts = _adjusted(contrasts)
    turnover = tuple(sorted(set(baseline.raters) ^ set(current.raters)))
    return _decided(contrasts, delta, int(judged.sum()), turnover)


def across(drifts: list[Drift]) -> list[Drift]:
    """Segments x criteria judged together: what Benjamini-Hochberg does not support is WATCH.

    Without it, twelve segments of four criteria would raise false alarms by their number alone.
    """
    flagged = [
        (i, name, c.p_adjusted)
        for i, one in enumerate(drifts)
        for name, c in one.contrasts.items()
        if c.p_adjusted is not None
    ]
    if not flagged:
        return drifts
    supported = benjamini_hochberg([p for _, _, p in flagged]) <= ACROSS
    kept = {(i, name) for (i, name, _), ok in zip(flagged, supported, strict=True) if ok}
    found = []
    for i, one in enumerate(drifts):
        causes = tuple(c for n, c in CAUSES.items() if c in one.causes and (i, n) in kept)
        alarm = one.verdict is DriftVerdict.ALARM and not causes
        found.append(replace(one, verdict=DriftVerdict.WATCH) if alarm else one)
    return found


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
    """Anchor weights that give anchors the traffic's mix of passes and fails (two-valued scales).

    Anchors are often balanced and traffic is not; unweighted, a judge that changed on fails alone
    would look like a coverage problem.
    """
    weights = np.ones(len(gold))
    if len(domain) != 2 or not len(baseline.fresh_human):
        return weights
    cut = sum(domain) / 2
    people = _mean_of(baseline.fresh_human)
    known = ~np.isnan(people)
    if not known.any():
        return weights
    traffic = np.average(people[known] > cut, weights=baseline.fresh_weight[known])
    high = gold > cut
    share = high.mean()
    if 0 < share < 1:
        weights[high] = traffic / share
        weights[~high] = (1 - traffic) / (1 - share)
    return weights


def _judge(
    baseline: RoundScores,
    current: RoundScores,
    gold: Floats,
    judged: "np.typing.NDArray[np.bool_]",
    weights: Floats,
    seed: int,
) -> Contrast:
    n = int(judged.sum())
    if n < MINIMUM_ANCHORS:
        return _missing(n, "anchors that the judge scored in both rounds", MINIMUM_ANCHORS)
    before, after = baseline.anchors_judge[judged], current.anchors_judge[judged]
    if np.isnan(before).any() or np.isnan(after).any():
        before, after = _mean_of(before)[:, None], _mean_of(after)[:, None]
    weight = weights[judged]
    truth = np.where(np.isnan(gold[judged]), _mean_of(before), gold[judged])
    runs = np.hstack([before, after])
    split = before.shape[1]
    labels = np.argsort(np.random.default_rng(seed).random((PERMUTATIONS, *runs.shape)), axis=2)
    as_they_are = np.broadcast_to(np.arange(runs.shape[1]), (1, *runs.shape))
    labels = np.concatenate([as_they_are, labels])
    shuffled = np.take_along_axis(np.broadcast_to(runs, labels.shape), labels, axis=2)
    error = (shuffled - truth[None, :, None]) ** 2

    def moved(values: Floats) -> Floats:
        change = values[:, :, split:].mean(axis=2) - values[:, :, :split].mean(axis=2)
        found: Floats = (change * weight).mean(axis=1)
        return found

    p, noisier = _max_t(moved(shuffled), moved(error))
    return _estimated(_mean_of(after) - _mean_of(before), weight, p, noisier)


def _raters(before: Floats, after: Floats, gold: Floats, weights: Floats, seed: int) -> Contrast:
    change = _mean_of(after - before)
    squared = _mean_of((after - gold[:, None]) ** 2 - (before - gold[:, None]) ** 2)
    usable = ~np.isnan(change)
    n = int(usable.sum())
    if n < MINIMUM_ANCHORS:
        return _missing(n, "anchors that the same people rated in both rounds", MINIMUM_ANCHORS)
    change, squared, weight = change[usable], squared[usable], weights[usable]
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(PERMUTATIONS, n))
    signs = np.vstack([np.ones((1, n)), signs])
    p, noisier = _max_t(signs @ (change * weight) / n, signs @ (squared * weight) / n)
    return _estimated(change, weight, p, noisier)


def _max_t(shift: Floats, error: Floats) -> tuple[float, bool]:
    """The permutation p of the larger of two standardised statistics; the first row is observed."""

    def standard(values: Floats) -> Floats:
        spread = values[1:].std()
        return np.abs(values) / spread if spread > 0 else np.zeros_like(values)

    both = np.vstack([standard(shift), standard(error)])
    largest = both.max(axis=0)
    p = float((1 + (largest[1:] >= largest[0] - 1e-12).sum()) / len(largest))
    return p, bool(both[1, 0] > both[0, 0])


def _estimated(change: Floats, weight: Floats, p: float, noisier: bool) -> Contrast:
    n = len(change)
    estimate, variance = _weighted(change, weight)
    reach = float(stats.t.ppf(0.975, n - 1)) * float(np.sqrt(variance))
    return Contrast(estimate, estimate - reach, estimate + reach, p, None, n, None, noisier)


def _weighted(values: Floats, weights: Floats) -> tuple[float, float]:
    """The weighted mean and its variance (linearised)."""
    n = len(values)
    share = weights / weights.sum()
    mean = float((share * values).sum())
    variance = float(n / (n - 1) * ((share * (values - mean)) ** 2).sum()) if n > 1 else 0.0
    return mean, variance


def _traffic(
    baseline: RoundScores, current: RoundScores, change: Floats, weights: Floats
) -> Contrast:
    sides = [(_mean_of(s.fresh_human), s.fresh_weight) for s in (current, baseline)]
    return _welch(sides, change, weights, "fresh units that people rated")


def _coverage(
    baseline: RoundScores, current: RoundScores, change: Floats, weights: Floats
) -> Contrast:
    sides = [(s.fresh_judge - _mean_of(s.fresh_human), s.fresh_weight) for s in (current, baseline)]
    return _welch(sides, change, weights, "fresh units that people and the judge rated")


def _welch(
    sides: list[tuple[Floats, Floats]], change: Floats, weights: Floats, what: str
) -> Contrast:
    """Current less baseline on fresh units, less the change on anchors; Welch-Satterthwaite."""
    parts = []
    for values, weight in sides:
        known = ~np.isnan(values)
        if known.sum() < MINIMUM_FRESH:
            return _missing(int(known.sum()), what, MINIMUM_FRESH)
        parts.append((*_weighted(values[known], weight[known]), int(known.sum())))
    known = ~np.isnan(change)
    if known.sum() < MINIMUM_ANCHORS:
        return _missing(int(known.sum()), "anchors rated in both rounds", MINIMUM_ANCHORS)
    parts.append((*_weighted(change[known], weights[known]), int(known.sum())))
    estimate = parts[0][0] - parts[1][0] - parts[2][0]
    variance = sum(part[1] for part in parts)
    n = parts[0][2]
    if variance <= 0:
        still = abs(estimate) < 1e-12
        return Contrast(estimate, estimate, estimate, 1.0 if still else 0.0, None, n)
    freedom = variance**2 / sum(v**2 / (m - 1) for _, v, m in parts if v > 0)
    error = float(np.sqrt(variance))
    reach = float(stats.t.ppf(0.975, freedom)) * error
    p = float(2 * stats.t.sf(abs(estimate) / error, freedom))
    return Contrast(estimate, estimate - reach, estimate + reach, p, None, n)


def _missing(n: int, what: str, minimum: int) -> Contrast:
    return Contrast(None, None, None, None, None, n, f"{minimum - n} more {what}")


def _adjusted(contrasts: dict[str, Contrast]) -> dict[str, Contrast]:
    tested = [name for name, c in contrasts.items() if c.p is not None]
    adjusted = holm([contrasts[name].p or 0.0 for name in tested])
    return contrasts | {
        name: replace(contrasts[name], p_adjusted=float(p))
        for name, p in zip(tested, adjusted, strict=True)
    }


def _decided(
    contrasts: dict[str, Contrast], delta: float, anchors: int, turnover: tuple[str, ...]
) -> Drift:
    adjusted = {n: c.p_adjusted for n, c in contrasts.items() if c.p_adjusted is not None}
    alarms = [name for name, p in adjusted.items() if p <= ALARM_AT]
    watched = [name for name, p in adjusted.items() if p <= WATCH_AT]
    if "J" not in adjusted:
        return Drift(
            DriftVerdict.NOT_ENOUGH, (), contrasts, delta, MINIMUM_ANCHORS - anchors, turnover
        )
    if alarms or watched:
        verdict = DriftVerdict.ALARM if alarms else DriftVerdict.WATCH
        causes = tuple(CAUSES[name] for name in (alarms or watched))
        return Drift(verdict, causes, contrasts, delta, None, turnover)
    if all(contrasts[name].within(delta) for name in ("J", "H", "T")):
        return Drift(DriftVerdict.STABLE, (), contrasts, delta, None, turnover)
    needed = max(_needed(c, delta) for c in contrasts.values())
    return Drift(DriftVerdict.CANNOT_TELL, (), contrasts, delta, needed, turnover)


def _needed(contrast: Contrast, delta: float) -> int:
    """Units beyond those there that would shrink the interval to plus or minus delta."""
    if contrast.low is None or contrast.high is None:
        return max(MINIMUM_FRESH - contrast.n, 0)
    half = (contrast.high - contrast.low) / 2
    return max(0, int(np.ceil(contrast.n * (half / delta) ** 2)) - contrast.n)


def _categories(delta: float) -> Drift:
    none = Contrast(None, None, None, None, None, 0, "a nominal scale has no distances")
    return Drift(DriftVerdict.CANNOT_TELL, (), dict.fromkeys(CAUSES, none), delta, 0)


def _moved(name: str, contrast: Contrast, where: str) -> str:
    estimate = contrast.estimate or 0.0
    points = f"{abs(estimate):.2g} points"
    if contrast.noisier and name in ("J", "H"):
        who = "The judge" if name == "J" else "The raters"
        return f"{who} scattered more{where} than in the baseline"
    if name == "J":
        return f"The judge became {points} more {'lenient' if estimate > 0 else 'strict'}{where}"
    if name == "H":
        return f"The raters became {points} more {'lenient' if estimate > 0 else 'strict'}{where}"
    if name == "T":
        return f"The traffic became {points} {'better' if estimate > 0 else 'worse'}{where}"
    above = "above" if estimate > 0 else "below"
    return f"On new traffic{where} the judge went {points} {above} people"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
