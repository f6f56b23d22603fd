"""A judge beside people who rated the same units.

No single measure decides: a judge can rank as people do and still be two points too lenient. See
docs/statistics.md.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import stats

from annotate.stats.agreement import Weights, weight_matrix
from annotate.stats.bootstrap import SEED
from annotate.stats.figure import Figure, Floats, Ints, Level, Reason, not_enough

MINIMUM_UNITS = 10
RESAMPLES = 1000


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
    """A bias beyond this share of the range: not to be used as it is."""


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
    Raises ValueError for arrays of different length.

    Kappa is Cohen's with quadratic weights (unweighted on a nominal scale) with each person,
    averaged by units shared; Spearman, Kendall's tau-b, bias and MAE are against the mean of the
    people; TPR and TNR against their lower median. Intervals: kappa and Spearman bootstrap over
    units; tau-b Fieller, Hartley & Pearson (1957); bias and MAE t; rates Wilson (1927).
    """
    if len(judge) != len(humans):
        raise ValueError(f"{len(judge)} scores for {len(humans)} units")
    rated = ~np.isnan(humans).all(axis=1)
    judge, humans = judge[rated], humans[rated]
    answered = ~np.isnan(judge)
    coverage = _rate(int(answered.sum()), len(judge), Reason.NO_RATINGS)
    judge, humans = judge[answered], humans[answered]
    n = len(judge)
    if n < minimum_units:
        return _withheld(n, minimum_units - n, coverage, domain)
    nearest = _nearest(judge, domain)
    middle = lower_median(humans)
    draws = _draws(n, seed)
    weights: Weights = "unweighted" if level == "nominal" else "quadratic"
    kappa, ceiling_kappa = _kappas(nearest, humans, domain, weights, draws, seed)
    categories = level == "nominal" and len(domain) > 2
    if categories:
        none = Figure.undefined(Reason.NOMINAL, n)
        spearman = tau = bias = mae = alone = ceiling_spearman = none
    else:
        mean = np.nanmean(humans, axis=1)
        spearman = _spearman_figure([(judge, mean)], draws, seed, "pooled")
        alone, ceiling_spearman = _leave_one_out(judge, humans, draws, seed)
        tau = _tau(judge, mean)
        bias = _mean(judge - mean, "judge minus mean of people")
        mae = _mean(np.abs(judge - mean), "absolute error")
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


def _draws(n: int, seed: int) -> Floats:
    """How often each unit is in each resample; the first row is the sample itself."""
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    return np.vstack([np.ones((1, n)), drawn.astype(float)])


def _summary(
    values: Floats, n: int, seed: int, method: str, reason: str = Reason.CONSTANT
) -> Figure:
    """A figure from a statistic's value on the sample (first) and on every resample."""
    point, drawn = float(values[0]), values[1:]
    if np.isnan(point):
        return Figure.undefined(reason, n, method)
    drawn = drawn[~np.isnan(drawn)]
    if n < 3 or len(drawn) < 0.9 * RESAMPLES:
        return Figure(point, None, None, n, method=method, interval="none: too few units")
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Figure(
        point, min(float(low), point), max(float(high), point), n,
        method=method, interval="bootstrap over units", seed=seed,
    )  # fmt: skip


def _averaged(each: list[Floats], shared: list[int]) -> Floats:
    """The mean of what is defined, weighted by shared units: (resamples,)."""
    values = np.array(each)
    weight = np.where(np.isnan(values), 0.0, np.array(shared, dtype=float)[:, None])
    total = weight.sum(axis=0)
    with np.errstate(invalid="ignore"):
        found: Floats = (np.nan_to_num(values) * weight).sum(axis=0) / total
    return found


def _kappas(
    nearest: Floats,
    humans: Floats,
    domain: tuple[float, ...],
    weights: Weights,
    draws: Floats,
    seed: int,
) -> tuple[Figure, Figure]:
    """The judge with each person, and people with each other, averaged."""
    matrix = weight_matrix(domain, weights)
    raters = range(humans.shape[1])
    name = f"Cohen's kappa, {weights}, averaged over "

    def average(pairs: list[tuple[Floats, Floats]], of: str) -> Figure:
        each, shared = [], []
        for first, second in pairs:
            both = ~(np.isnan(first) | np.isnan(second))
            if both.sum() >= 2:
                each.append(_weighted_kappa(first, second, both, domain, matrix, draws))
                shared.append(int(both.sum()))
        if not each:
            return Figure.undefined(Reason.NOT_TWICE, len(nearest), name + of)
        return _summary(_averaged(each, shared), len(nearest), seed, name + of, Reason.NO_VARIATION)

    with_people = [(nearest, humans[:, i]) for i in raters]
    people = [(humans[:, i], humans[:, j]) for i in raters for j in raters if i < j]
    return average(with_people, "people"), average(people, "pairs of people")


def _weighted_kappa(
    first: Floats,
    second: Floats,
    both: "np.typing.NDArray[np.bool_]",
    domain: tuple[float, ...],
    matrix: Floats,
    draws: Floats,
) -> Floats:
    """Cohen's weighted kappa of every resample: one product with the units' cells."""
    scale = np.asarray(domain, dtype=float)
    q = len(scale)
    cells = np.searchsorted(scale, first[both]) * q + np.searchsorted(scale, second[both])
    used, place = np.unique(cells, return_inverse=True)
    indicator = np.zeros((len(cells), len(used)))
    indicator[np.arange(len(cells)), place] = 1
    flat = np.zeros((len(draws), q * q))
    flat[:, used] = draws[:, both] @ indicator
    table = flat.reshape(-1, q, q)
    total = table.sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = table / total[:, None, None]
        observed = (share * matrix).sum(axis=(1, 2))
        rows, columns = share.sum(axis=2), share.sum(axis=1)
        expected = np.einsum("bi,ij,bj->b", rows, matrix, columns)
        found: Floats = (observed - expected) / (1 - expected)
    return np.where(expected < 1 - 1e-12, found, np.nan)


def _ranks(values: Floats, draws: Floats) -> Floats:
    """Mid-ranks of every unit in every resample, without sorting one: (resamples, units)."""
    _, code = np.unique(values, return_inverse=True)
    indicator = np.zeros((len(values), int(code.max()) + 1))
    indicator[np.arange(len(values)), code] = 1
    counted = draws @ indicator
    middle = np.cumsum(counted, axis=1) - counted / 2
    ranks: Floats = middle[:, code]
    return ranks


def _correlations(first: Floats, second: Floats, draws: Floats) -> Floats:
    """Spearman's rho of every resample; NaN where one side is constant."""
    x, y = _ranks(first, draws), _ranks(second, draws)
    n = draws.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        x = x - (draws * x).sum(axis=1, keepdims=True) / n
        y = y - (draws * y).sum(axis=1, keepdims=True) / n
        spread = (draws * x * x).sum(axis=1) * (draws * y * y).sum(axis=1)
        found: Floats = (draws * x * y).sum(axis=1) / np.sqrt(spread)
    return np.where(spread > 1e-12, found, np.nan)


def _spearman_figure(
    pairs: list[tuple[Floats, Floats]], draws: Floats, seed: int, how: str
) -> Figure:
    each, shared = [], []
    for first, second in pairs:
        both = ~(np.isnan(first) | np.isnan(second))
        if both.sum() >= 3:
            each.append(_correlations(first[both], second[both], draws[:, both]))
            shared.append(int(both.sum()))
    n = draws.shape[1]
    method = f"Spearman's rho, {how}"
    if not each:
        return Figure.undefined(Reason.NOT_TWICE, n, method)
    return _summary(_averaged(each, shared), n, seed, method)


def _leave_one_out(
    judge: Floats, humans: Floats, draws: Floats, seed: int
) -> tuple[Figure, Figure]:
    """The judge, and each person, with the mean of the other people; averaged over persons."""
    judged, people = [], []
    rated = ~np.isnan(humans)
    for i in range(humans.shape[1]):
        others = np.delete(humans, i, axis=1)
        number = (~np.isnan(others)).sum(axis=1)
        usable = rated[:, i] & (number > 0)
        with np.errstate(invalid="ignore"):
            mean = np.where(usable, np.nansum(others, axis=1) / number, np.nan)
        judged.append((judge, mean))
        people.append((humans[:, i], mean))
    how = "leave one out, averaged"
    return (
        _spearman_figure(judged, draws, seed, how),
        _spearman_figure(people, draws, seed, how),
    )


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


def _rate(k: int, n: int, reason: str) -> Figure:
    if not n:
        return Figure.undefined(reason, 0, "share")
    interval = stats.binomtest(k, n).proportion_ci(method="wilson")
    return Figure(
        k / n, float(interval.low), float(interval.high), n, method="share", interval="Wilson"
    )


def _pass_rates(nearest: Floats, middle: Floats, pass_at: float | None) -> tuple[Figure, Figure]:
    if pass_at is None:
        none = Figure.undefined(Reason.NO_PASS, len(nearest), "share")
        return none, none
    passed, judged = middle >= pass_at, nearest >= pass_at
    tpr = _rate(int((passed & judged).sum()), int(passed.sum()), Reason.ONE_SIDED)
    tnr = _rate(int((~passed & ~judged).sum()), int((~passed).sum()), Reason.ONE_SIDED)
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
        verdict_reason=f"{missing} more units that both people and the judge rated",
    )


__all__ = [
    "Calibration",
    "Ceiling",
    "Thresholds",
    "Verdict",
    "calibrate",
    "lower_median",
]
