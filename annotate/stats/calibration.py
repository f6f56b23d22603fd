"""A judge beside people who rated the same units.

No single measure decides: a judge can rank as people do and still be two points too lenient. See
docs/statistics.md.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from scipy import stats

from annotate.stats.association import (
    Pair,
    Units,
    Weights,
    figures_over_units,
    kappas,
    mean_correlation,
    mean_kappa,
    pooled_correlation,
)
from annotate.stats.bootstrap import SEED
from annotate.stats.estimate import rate
from annotate.stats.figure import Figure, Floats, Ints, Level, Reason, counts, not_enough, plural

MINIMUM_UNITS = 10
SHARED = 10
"""Where two people share fewer units than this on average (a large pool, each rating a few), no
person can be measured alone: people are then taken as interchangeable."""


class Verdict(StrEnum):
    """What a lead may do with the judge on this criterion."""

    TRUST = "trust"
    WATCH = "watch"
    DO_NOT_USE = "do not use"
    NOT_ENOUGH = "not enough ratings"


@dataclass(frozen=True)
class Thresholds:
    """What the verdict decides by."""

    of_ceiling: float = 0.8
    """Trust asks for this share of the agreement that people have with each other."""
    poor_of_ceiling: float = 0.5
    """Below this share the judge is not to be used; trust asks that the lower end of the interval
    lies above it."""
    ceiling: float = 0.4
    """People who agree less than this among themselves cannot calibrate anything."""
    bias: float = 0.125
    """Trust asks for a bias within this share of the scale's range (half a point of 1 to 5)."""
    poor_bias: float = 0.25
    """A bias beyond this share of the range: not to be used as it is; trust asks that the whole
    interval lies within it."""


@dataclass(frozen=True)
class Ceiling:
    """Agreement in the measures of a judge."""

    weighted_kappa: Figure
    spearman: Figure


@dataclass(frozen=True)
class Calibration:
    """One judge on one criterion."""

    weighted_kappa: Figure
    """With each person, averaged; to be read beside `ceiling.weighted_kappa`."""
    spearman: Figure
    """With the mean of the people, pooled over units."""
    kendall_tau_b: Figure
    bias: Figure
    """Judge minus people, in points: above 0 the judge is more lenient."""
    mae: Figure
    tpr: Figure
    """Of what people pass, the share that the judge passes."""
    tnr: Figure
    """Of what people fail, the share that the judge fails."""
    coverage: Figure
    """The share of people's units that the judge answered."""
    confusion: tuple[tuple[int, ...], ...]
    """Units by consensus (rows, lower median) and judge's nearest point (columns)."""
    confusion_labels: tuple[float, ...]
    ceiling: Ceiling
    """People with people: each pair's kappa, each person with the mean of the others."""
    judge_leave_one_out: Ceiling
    """The judge in exactly the ceiling's measures."""
    n_units: int
    verdict: Verdict
    verdict_reason: str


def calibrate(
    judge: Floats,
    humans: Floats,
    *,
    domain: tuple[float, ...],
    level: Level,
    pass_at: float | None = None,
    minimum_units: int = MINIMUM_UNITS,
    thresholds: Thresholds | None = None,
    seed: int = SEED,
) -> Calibration:
    """Compare a judge's scores with people's ratings.

    judge: (units,), any number within the scale, NaN where it did not answer.
    humans: (units, raters), points of the scale, NaN where nobody rated.
    domain: the whole scale, ascending. pass_at: the point from which a unit passes.
    Raises ValueError for arrays of different length, and for a rating outside the scale.

    Kappa is Cohen's with quadratic weights (unweighted on a nominal scale) with each person,
    averaged by units shared; Spearman, Kendall's tau-b, bias and MAE are against the mean of the
    people; TPR and TNR against their lower median. Intervals: kappa and Spearman bootstrap over
    units; tau-b Fieller, Hartley & Pearson (1957); bias and MAE t; rates Wilson (1927).
    """
    if len(judge) != len(humans):
        raise ValueError(f"{len(judge)} scores for {len(humans)} units")
    counts(humans, domain)  # refuses a value outside the scale
    rated = ~np.isnan(humans).all(axis=1)
    judge, humans = judge[rated], humans[rated]
    answered = ~np.isnan(judge)
    coverage = rate(int(answered.sum()), len(judge))
    judge, humans = judge[answered], humans[answered]
    n = len(judge)
    if n < minimum_units:
        return _withheld(n, minimum_units - n, coverage, domain)
    nearest = _nearest(judge, domain)
    middle = lower_median(humans)
    categories = level == "nominal" and len(domain) > 2
    figures = _compared(judge, nearest, humans, domain, level, seed)
    if categories:
        none = Figure.undefined(Reason.NOMINAL, n)
        spearman = tau = bias = mae = alone = ceiling_spearman = none
    else:
        spearman, alone, ceiling_spearman = figures[2:]
        mean = np.nanmean(humans, axis=1)
        tau = _tau(judge, mean)
        bias = _mean(judge - mean, "judge minus mean of people")
        mae = _mean(np.abs(judge - mean), "absolute error")
    kappa, ceiling_kappa = figures[:2]
    if np.ptp(nearest) == 0 and kappa.value is not None:
        # No resample differs, which says nothing of units not yet seen.
        kappa = replace(kappa, low=None, high=None, interval=f"none: {Reason.CONSTANT}")
    tpr, tnr = _pass_rates(nearest, middle, pass_at)
    ceiling = Ceiling(ceiling_kappa, ceiling_spearman)
    verdict, reason = _verdict(kappa, ceiling_kappa, bias, domain, thresholds or Thresholds())
    return Calibration(
        weighted_kappa=kappa,
        spearman=spearman,
        kendall_tau_b=tau,
        bias=bias,
        mae=mae,
        tpr=tpr,
        tnr=tnr,
        coverage=coverage,
        confusion=_confusion(middle, nearest, domain),
        confusion_labels=domain,
        ceiling=ceiling,
        judge_leave_one_out=Ceiling(kappa, alone),
        n_units=n,
        verdict=verdict,
        verdict_reason=reason,
    )


def lower_median(humans: Floats) -> Floats:
    """Each unit's middle rating, the lower one of two: always a point of the scale.

    humans: (units, raters), NaN where nobody rated; NaN for a unit without ratings.
    """
    ordered = np.sort(humans, axis=1)
    rated = (~np.isnan(humans)).sum(axis=1)
    middle: Floats = ordered[np.arange(len(humans)), np.maximum(rated - 1, 0) // 2]
    return middle


def _nearest(judge: Floats, domain: tuple[float, ...]) -> Floats:
    scale = np.asarray(domain, dtype=float)
    found: Floats = scale[np.abs(judge[:, None] - scale[None, :]).argmin(axis=1)]
    return found


def _compared(
    judge: Floats,
    nearest: Floats,
    humans: Floats,
    domain: tuple[float, ...],
    level: Level,
    seed: int,
) -> list[Figure]:
    """Judge with people and people with people: two kappas, then three rank correlations."""
    units = Units.of(np.column_stack([judge, nearest, humans]))
    score, point, said = units.rows[:, 0], units.rows[:, 1], units.rows[:, 2:]
    weights: Weights = "unweighted" if level == "nominal" else "quadratic"
    persons = [said[:, i] for i in range(said.shape[1])]
    with_judge = [(point, person) for person in persons]
    among = [(one, other) for i, one in enumerate(persons) for other in persons[i + 1 :]]
    means = _of_the_others(said)
    judge_alone = [(score, mean) for mean in means]
    person_alone = list(zip(persons, means, strict=True))
    everyone: Pair = (score, np.nanmean(said, axis=1))
    pool = _is_pool(said, units.weights)
    of_kappa = f"Cohen's kappa, {weights}, "
    of_rho = "Spearman's rho, "
    if pool:
        # A pair of interchangeable people has no order: both fill the table.
        among += [(other, one) for one, other in among]
        over, pairwise, alone = "people pooled", "pairs of people pooled", "leave one out, pooled"
    else:
        over, pairwise = "averaged over people", "averaged over pairs of people"
        alone = "leave one out, averaged over people"
    ranked = level != "nominal" or len(domain) == 2
    mean_rho = pooled_correlation if pool else mean_correlation

    def statistics(draws: Floats) -> list[Floats]:
        if pool:
            found = [kappas(pairs, draws, domain, weights) for pairs in (with_judge, among)]
        else:
            found = [mean_kappa(pairs, draws, domain, weights) for pairs in (with_judge, among)]
        if ranked:
            found.append(mean_correlation([everyone], draws))
            found += [mean_rho(pairs, draws) for pairs in (judge_alone, person_alone)]
        return found

    together = bool(((~np.isnan(said)).sum(axis=1) >= 2).any())
    lonely = Reason.NO_VARIATION if together else Reason.NOT_TWICE
    apart = Reason.CONSTANT if together else Reason.NOT_TWICE
    methods = [
        (of_kappa + over, Reason.NO_VARIATION),
        (of_kappa + pairwise, lonely),
        (of_rho + "pooled", Reason.CONSTANT),
        (of_rho + alone, apart),
        (of_rho + alone, apart),
    ]
    return figures_over_units(units, statistics, methods if ranked else methods[:2], seed=seed)


def _is_pool(said: Floats, weights: Floats) -> bool:
    """Whether people share too few units, two by two, to be measured one by one."""
    rated = ~np.isnan(said)
    voices = rated.sum(axis=1)
    people = int(rated.any(axis=0).sum())
    if people <= voices.max():
        return False
    shared = (weights * voices * (voices - 1) / 2).sum() / (people * (people - 1) / 2)
    return bool(shared < SHARED)


def _of_the_others(said: Floats) -> list[Floats]:
    """For each person the mean of the other people, on units which that person rated too."""
    rated = ~np.isnan(said)
    number = rated.sum(axis=1)
    total = np.nansum(said, axis=1)
    found = []
    for i in range(said.shape[1]):
        usable = rated[:, i] & (number >= 2)
        mean = np.full(len(said), np.nan)
        mean[usable] = (total[usable] - said[usable, i]) / (number[usable] - 1)
        # Sums in another order differ in the last bit, which would break ties between ranks.
        found.append(np.round(mean, 9))
    return found


def _tau(judge: Floats, mean: Floats) -> Figure:
    n = len(judge)
    value = float(stats.kendalltau(judge, mean).statistic)
    if np.isnan(value):
        return Figure.undefined(Reason.CONSTANT, n, "Kendall's tau-b, pooled")
    low = high = None
    if n > 4 and abs(value) < 1:
        reach = 1.959964 * np.sqrt(0.437 / (n - 4))
        low, high = (float(np.tanh(np.arctanh(value) + s * reach)) for s in (-1, 1))
    return Figure(value, low, high, n, method="Kendall's tau-b, pooled", interval="Fisher z")


def _mean(values: Floats, method: str) -> Figure:
    n = len(values)
    point = float(values.mean())
    if n < 3:
        return Figure(point, None, None, n, method=method)
    reach = float(stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n))
    return Figure(point, point - reach, point + reach, n, method=method, interval="t over units")


def _pass_rates(nearest: Floats, middle: Floats, pass_at: float | None) -> tuple[Figure, Figure]:
    if pass_at is None:
        none = Figure.undefined(Reason.NO_PASS, len(nearest), "share")
        return none, none
    passed, judged = middle >= pass_at, nearest >= pass_at
    tpr = rate(int((passed & judged).sum()), int(passed.sum()), reason=Reason.ONE_SIDED)
    tnr = rate(int((~passed & ~judged).sum()), int((~passed).sum()), reason=Reason.ONE_SIDED)
    return tpr, tnr


def _confusion(
    middle: Floats, nearest: Floats, domain: tuple[float, ...]
) -> tuple[tuple[int, ...], ...]:
    scale = np.asarray(domain, dtype=float)
    table: Ints = np.zeros((len(scale), len(scale)), dtype=np.int64)
    np.add.at(table, (np.searchsorted(scale, middle), np.searchsorted(scale, nearest)), 1)
    return tuple(tuple(int(x) for x in row) for row in table)


def _verdict(
    kappa: Figure,
    ceiling: Figure,
    bias: Figure,
    domain: tuple[float, ...],
    limits: Thresholds,
) -> tuple[Verdict, str]:
    """The verdict and the sentence that gives its reason."""
    if kappa.interval.endswith(Reason.CONSTANT):
        return Verdict.DO_NOT_USE, "it gave always the same value, whatever people saw"
    if kappa.value is None or kappa.low is None:
        return Verdict.WATCH, f"agreement with people is undefined: {kappa.reason or 'too few'}"
    if ceiling.value is None or ceiling.value < limits.ceiling:
        said = "is undefined" if ceiling.value is None else f"is {ceiling.value:.2f}"
        return (
            Verdict.WATCH,
            f"people's agreement with each other {said}: they cannot calibrate a judge; "
            "mend the rubric or train the raters first",
        )
    span = domain[-1] - domain[0]
    off = abs(bias.value) if bias.value is not None else 0.0
    share = kappa.value / ceiling.value
    beside = f"kappa {kappa.value:.2f} beside {ceiling.value:.2f} among people"
    direction = "lenient" if (bias.value or 0) > 0 else "strict"
    if off > limits.poor_bias * span:
        return Verdict.DO_NOT_USE, f"{off:.1f} points too {direction}; {beside}"
    if share < limits.poor_of_ceiling:
        return Verdict.DO_NOT_USE, f"it follows people too little: {beside}"
    if off > limits.bias * span:
        return Verdict.WATCH, f"{off:.1f} points too {direction}; {beside}"
    if share < limits.of_ceiling:
        return Verdict.WATCH, f"it follows people less than they follow each other: {beside}"
    if kappa.low < limits.poor_of_ceiling * ceiling.value:
        return Verdict.WATCH, f"too few ratings to be sure, from {kappa.low:.2f} up: {beside}"
    low, high = bias.low or 0.0, bias.high or 0.0
    if max(-low, high) > limits.poor_bias * span:
        return (
            Verdict.WATCH,
            f"too few ratings to be sure, a bias from {low:+.1f} to {high:+.1f} points is "
            f"possible: {beside}",
        )
    return Verdict.TRUST, f"it follows people as they follow each other: {beside}"


def _withheld(n: int, missing: int, coverage: Figure, domain: tuple[float, ...]) -> Calibration:
    few = Figure.undefined(not_enough(missing), n)
    none = Ceiling(few, few)
    return Calibration(
        weighted_kappa=few,
        spearman=few,
        kendall_tau_b=few,
        bias=few,
        mae=few,
        tpr=few,
        tnr=few,
        coverage=coverage,
        confusion=tuple((0,) * len(domain) for _ in domain),
        confusion_labels=domain,
        ceiling=none,
        judge_leave_one_out=none,
        n_units=n,
        verdict=Verdict.NOT_ENOUGH,
        verdict_reason=plural(missing, "unit that both people and the judge rated"),
    )
