"""Quality of all traffic from a judge on everything and people on a sample; and the gate on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
from scipy import stats

from annotate.stats.bootstrap import Z
from annotate.stats.figure import Figure, Floats, Reason, not_enough, plural
from annotate.stats.means import ALIKE, variance_of_mean
from annotate.stats.multiplicity import holm
from annotate.stats.planner import effective_size

MeanInterval = Literal["wilson", "t"]
MINIMUM_LABELS = 10
"""Outputs rated by people and the judge below which no estimate is made."""


@dataclass(frozen=True)
class Estimate:
    """The mean of people's scores over all traffic, had people rated all of it."""

    figure: Figure
    """n: outputs that people rated."""
    judge_alone: float | None
    """The judge's mean over all traffic, uncorrected."""
    people_alone: Figure
    """The sample's mean, without the judge."""
    trust: float
    """How much of the judge was used, 0 to 1: lambda of PPI++."""
    n_judged: int
    """Outputs that the judge scored."""
    fixed_variance: float
    """The part of the variance that further ratings would not lessen."""
    variance: float
    """Of the figure, in all."""


def prediction_powered_mean(
    human: Floats,
    judge: Floats,
    judge_on_all: Floats,
    *,
    weights: Floats | None = None,
    minimum: int = MINIMUM_LABELS,
    interval: MeanInterval | None = None,
) -> Estimate:
    """Prediction-powered inference for a mean, with the variance-minimising lambda (PPI++).

    human, judge: (labelled,), the same outputs in the same order, on one scale; NaN where one of
        them has no score: such outputs do not count.
    judge_on_all: (judged,), the judge on all traffic; NaN does not count.
    weights: (labelled,), one over the inclusion probability; without them the sample is taken as
        drawn with equal probability.
    minimum: labelled outputs below which the figure is "not enough ratings".
    interval: "t" is Student's with n - 1 degrees of freedom, symmetric; "wilson" that of as many
        independent passes and fails as have this variance (Korn & Graubard 1998, with Wilson's
        score), which keeps within 0 and 1 and covers better near them. None is wilson where all
        labels are 0 or 1, else t.
    theta = mean(H) - lambda (mean(J on labelled) - mean(J on all)), lambda = cov(H, J) / ((1 +
    n/N) var J) within 0 and 1, var = var(H - lambda J)/n + lambda^2 var(J)/N. Angelopoulos, Duchi & Zrnic (2023), PPI++, arXiv 2311.01453.
    Holds if the labelled outputs are a random (or weighted) sample of the same traffic; for a set
    chosen otherwise, such as a golden dataset, use `rogan_gladen`.
    Raises ValueError for arrays of different length and for a weight that is not above 0.
    """
    weights = np.ones(len(human)) if weights is None else weights
    if not len(human) == len(judge) == len(weights):
        raise ValueError(f"{len(human)} ratings, {len(judge)} scores, {len(weights)} weights")
    if not (weights > 0).all():
        raise ValueError("every weight must be above 0")
    both = ~(np.isnan(human) | np.isnan(judge))
    said, scored, share = human[both], judge[both], weights[both] / max(weights[both].sum(), 1e-300)
    everything = judge_on_all[~np.isnan(judge_on_all)]
    n, judged = len(said), len(everything)
    method = "PPI++ mean"
    alone = float(everything.mean()) if judged else None
    if n < max(minimum, 2):
        few = Figure.undefined(not_enough(max(minimum, 2) - n), n, method)
        return Estimate(few, alone, few, 0.0, judged, 0.0, 0.0)
    passes = bool(np.isin(said, (0.0, 1.0)).all())
    how = interval or ("wilson" if passes else "t")
    people_variance = variance_of_mean(said, share)
    people = _with_interval(
        float(share @ said), people_variance, n, n - 1, "mean of people's ratings", how,
        alike=effective_size(share),
    )  # fmt: skip
    scores = np.concatenate([scored, everything])
    spread = float(scores.var(ddof=1))
    if judged < 2 or spread <= 0:
        return Estimate(people, alone, people, 0.0, judged, 0.0, people_variance)
    apart = share * (said - (share * said).sum()) * (scored - (share * scored).sum())
    together = n / (n - 1) * float(apart.sum())
    trust = min(1.0, max(0.0, together / ((1 + n / judged) * spread)))
    rectified = said - trust * scored
    value = float(share @ rectified) + trust * float(everything.mean())
    of_labels = variance_of_mean(rectified, share)
    fixed = trust**2 * float(everything.var(ddof=1)) / judged
    if of_labels < 1e-18:
        # The judge explains every label, or none differs: nothing tells how far that goes.
        return Estimate(people, alone, people, 0.0, judged, 0.0, people_variance)
    figure = _with_interval(value, of_labels + fixed, n, n - 1, method, how)
    return Estimate(figure, alone, people, trust, judged, fixed, of_labels + fixed)


def weighted_rate(passed: Floats, weights: Floats) -> Figure:
    """A share with its 95 % interval, of units drawn with unequal chances.

    passed: (units,), 1 or 0. weights: (units,), one over the inclusion probability. The variance is
    linearised; the interval is Wilson's of as many independent units as have this variance (Korn &
    Graubard 1998); where all are alike, and there is none, of Kish's effective number. With equal
    weights, and more than a few units, it is close to `rate`'s, a little wider. Raises ValueError for arrays of different length or without units, for a weight
    that is not above 0, and for anything but 0 and 1.
    """
    if len(passed) != len(weights) or not len(passed):
        raise ValueError(
            f"{len(passed)} units, {len(weights)} weights: as many, and more than none"
        )
    if not (weights > 0).all() or not np.isin(passed, (0.0, 1.0)).all():
        raise ValueError("a unit passes, 1, or does not, 0, and every weight is above 0")
    n = len(passed)
    share = weights / weights.sum()
    variance = variance_of_mean(passed, share) if n > 1 else 0.0
    value = float(share @ passed)
    if variance < 1e-18:
        value = float(value > 0.5)  # not a rounding error beside it
    return _with_interval(
        value, variance, n, n - 1, "pass rate", "wilson", alike=effective_size(weights)
    )


def _with_interval(
    value: float,
    variance: float,
    n: int,
    freedom: float,
    method: str,
    how: MeanInterval,
    *,
    alike: float | None = None,
) -> Figure:
    """A mean with Student's t, or with Wilson's interval of as many passes and fails.

    alike: the effective number of labels, where all of them are the same; None is n.
    """
    if how == "t":
        if variance < 1e-18:
            return Figure(value, None, None, n, method=method, interval=ALIKE)
        reach = float(stats.t.ppf(0.975, freedom)) * float(np.sqrt(variance))
        return Figure(value, value - reach, value + reach, n, method=method, interval="t")
    held = min(1.0, max(0.0, value))
    # All labels alike: they are few, not sure.
    few = float(n) if alike is None else alike
    effective = held * (1 - held) / variance if variance > 1e-18 and 0 < held < 1 else few
    z2 = (float(stats.t.ppf(0.975, freedom)) if variance > 1e-18 else Z) ** 2
    centre = (held + z2 / (2 * effective)) / (1 + z2 / effective)
    reach = np.sqrt(z2 * (held * (1 - held) / effective + z2 / (4 * effective**2)))
    reach = float(reach) / (1 + z2 / effective)
    return Figure(
        held, min(held, max(0.0, centre - reach)), max(held, min(1.0, centre + reach)), n,
        method=method, interval="Wilson, effective sample size",
    )  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """What people and the judge said of one segment's traffic."""

    human: Floats
    """(labelled,)"""
    judge: Floats
    """(labelled,), the judge on the same outputs."""
    judge_on_all: Floats
    """(judged,), the judge on all of the segment's traffic."""
    weights: Floats | None = None
    """(labelled,), one over the inclusion probability; None is equal probability."""


@dataclass(frozen=True)
class SegmentedEstimate:
    """Every segment by itself, and the traffic as a whole."""

    segments: dict[str, Estimate]
    pooled: Estimate


def estimate_by_segment(
    samples: Mapping[str, Sample], *, minimum: int = MINIMUM_LABELS
) -> SegmentedEstimate:
    """`prediction_powered_mean` in every segment, and pooled by the segments' share of traffic.

    samples: by segment. Pooled is the stratified estimate: the mean of the segments' estimates by
    how many outputs the judge scored in each, Student's t with Welch and Satterthwaite's degrees of
    freedom. It needs no weights between segments, so it also holds where a segment was
    over-sampled. Undefined while a segment with traffic lacks labels; its reason names the first.
    Raises ValueError as `prediction_powered_mean`, and without any segment.
    """
    if not samples:
        raise ValueError("there is no segment")
    found = {
        name: prediction_powered_mean(
            one.human, one.judge, one.judge_on_all, weights=one.weights, minimum=minimum
        )
        for name, one in samples.items()
    }
    labels = np.concatenate([one.human for one in samples.values()])
    passes = bool(np.isin(labels[~np.isnan(labels)], (0.0, 1.0)).all())
    return SegmentedEstimate(found, _stratified(found, "wilson" if passes else "t"))


def _stratified(found: Mapping[str, Estimate], how: MeanInterval) -> Estimate:
    """The whole from its segments, by their share of the traffic."""
    traffic = {name: one for name, one in found.items() if one.n_judged or one.figure.n}
    judged = sum(one.n_judged for one in traffic.values())
    n = sum(one.figure.n for one in traffic.values())
    method = "PPI++ mean, by segment"
    parts = [(one.n_judged / max(1, judged), one) for one in traffic.values()]
    known = [(share, one.judge_alone) for share, one in parts if one.judge_alone is not None]
    judge_alone = sum(share * mean for share, mean in known) if judged else None
    lacking = next((name for name, one in traffic.items() if one.figure.value is None), None)
    if not judged or lacking is not None:
        where = f"{traffic[lacking].figure.reason} in {lacking}" if lacking else Reason.NO_RATINGS
        few = Figure.undefined(where, n, method)
        return Estimate(few, judge_alone, few, 0.0, judged, 0.0, 0.0)
    labelled = [(share, one, one.figure.n) for share, one in parts if share > 0]
    figure, variance = _combined(
        [(s, one.figure.value or 0.0, one.variance, m) for s, one, m in labelled], n, method, how
    )
    people, _ = _combined(
        [(s, one.people_alone.value or 0.0, _variance(one.people_alone), m)
         for s, one, m in labelled],
        n, "mean of people's ratings, by segment", how,
    )  # fmt: skip
    return Estimate(
        figure, judge_alone, people, sum(s * one.trust for s, one in parts), judged,
        sum(s**2 * one.fixed_variance for s, one in parts), variance,
    )  # fmt: skip


def _variance(figure: Figure) -> float:
    """What a figure's interval says of its variance."""
    if figure.low is None or figure.high is None:
        return 0.0
    return float((figure.high - figure.low) / (2 * stats.t.ppf(0.975, max(1, figure.n - 1)))) ** 2


def _combined(
    parts: Sequence[tuple[float, float, float, int]], n: int, method: str, how: MeanInterval
) -> tuple[Figure, float]:
    """The mean of independent (share, value, variance, labels), and its variance."""
    value = sum(share * of_part for share, of_part, _, _ in parts)
    each = [(share**2 * variance, m - 1) for share, _, variance, m in parts]
    variance = sum(v for v, _ in each)
    freedom = n - 1.0
    if variance > 0:
        freedom = variance**2 / sum(v**2 / m for v, m in each if v > 0)
    return _with_interval(value, variance, n, freedom, method, how), variance


TOO_FEW_LABELS = "none: too few labels to say that the judge tells passes from fails"


def rogan_gladen(
    *,
    passed: int,
    passed_judged_pass: int,
    failed: int,
    failed_judged_pass: int,
    judged: int,
    judged_pass: int,
) -> Figure:
    """The pass rate of traffic from a judge's pass rate and its errors on labelled outputs.

    passed, failed: labelled outputs by people's verdict, of which the judge passed
    `passed_judged_pass` and `failed_judged_pass`. judged: outputs of the traffic that the judge
    scored, of which it passed `judged_pass`.
    (p + TNR - 1) / (TPR + TNR - 1): Rogan & Gladen (1978), American Journal of Epidemiology 107;
    interval: Lang & Reiczigel (2014), Confidence limits for prevalence of disease adjusted for
    estimated sensitivity and specificity, Preventive Veterinary Medicine 113. Holds for a
    labelled set of any mix of passes and fails, as long as the judge errs alike on the traffic.
    Undefined where the judge does not tell passes from fails (TPR + TNR at most 1).
    Raises ValueError for counts below 0 or above their total.
    """
    for part, whole in (
        (passed_judged_pass, passed), (failed_judged_pass, failed), (judged_pass, judged),
    ):  # fmt: skip
        if not 0 <= part <= whole:
            raise ValueError(f"{part} of {whole} is no share")
    n, method = passed + failed, "Rogan-Gladen"
    if not passed or not failed:
        return Figure.undefined(Reason.ONE_SIDED, n, method)
    if not judged:
        return Figure.undefined(Reason.NO_RATINGS, n, method)
    true_pass, true_fail = passed_judged_pass / passed, 1 - failed_judged_pass / failed
    rate = judged_pass / judged
    if true_pass + true_fail <= 1:
        return Figure.undefined("the judge does not tell passes from fails", n, method)
    value = (rate + true_fail - 1) / (true_pass + true_fail - 1)
    sure = (passed_judged_pass + 1) / (passed + 2)
    firm = (failed - failed_judged_pass + 1) / (failed + 2)
    if sure + firm <= 1:
        value = min(1.0, max(0.0, value))
        return Figure(value, None, None, n, method=method, interval=TOO_FEW_LABELS)
    smooth = (judged_pass + Z**2 / 2) / (judged + Z**2)
    middle = (smooth + firm - 1) / (sure + firm - 1)
    of_sure, of_firm = sure * (1 - sure) / (passed + 2), firm * (1 - firm) / (failed + 2)
    shift = 2 * Z**2 * (middle * of_sure - (1 - middle) * of_firm)
    variance = smooth * (1 - smooth) / (judged + Z**2)
    variance += middle**2 * of_sure + (1 - middle) ** 2 * of_firm
    reach = Z * float(np.sqrt(variance)) / (sure + firm - 1)
    value = min(1.0, max(0.0, value))
    # Smoothed and shifted, the interval may pass by an estimate at the edge.
    low = min(value, max(0.0, middle + shift - reach))
    high = max(value, min(1.0, middle + shift + reach))
    return Figure(value, low, high, n, method=method, interval="Lang & Reiczigel (2014)")


RateInterval = Literal["wilson", "clopper-pearson"]


def rate(
    k: int, n: int, *, interval: RateInterval = "wilson", reason: str = Reason.NO_RATINGS
) -> Figure:
    """A share with Wilson's (1927) interval, or Clopper & Pearson's (1934).

    Wilson covers 95 % on average and is the default; Clopper-Pearson covers at least 95 % always
    and is wider: where a promise must hold, such as "at most so many failures".
    Undefined for no trial, with the reason given. Raises ValueError for k below 0 or above n.
    """
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no share")
    if not n:
        return Figure.undefined(reason, 0, "share")
    exact = interval == "clopper-pearson"
    found = stats.binomtest(k, n).proportion_ci(method="exact" if exact else "wilson")
    name = "Clopper-Pearson" if exact else "Wilson"
    return Figure(k / n, float(found.low), float(found.high), n, method="share", interval=name)


class GateVerdict(StrEnum):
    """Whether a release may go out."""

    PASS = "PASS"
    FAIL = "FAIL"
    HOLD = "HOLD"


@dataclass(frozen=True)
class Gate:
    """A figure beside the minimum that a release needs."""

    verdict: GateVerdict
    figure: Figure
    minimum: float
    needed: int | None
    """On HOLD: further ratings that would decide in 80 of 100 samples, were the estimate the truth;
    None where no number of them would."""
    reason: str


def gate(figure: Figure, minimum: float, *, fixed_variance: float = 0.0) -> Gate:
    """PASS when the whole interval lies at or above the minimum, FAIL when below, else HOLD.

    figure: an estimate with its interval; minimum in the same units. fixed_variance: the part of the
    figure's variance that further ratings would not lessen (see `Estimate`). A figure without a
    number or an interval is HOLD, for its reason; raises nothing. Further ratings: the interval's reach falls with the root of their number.
    """
    value, low, high = figure.value, figure.low, figure.high
    if value is None or low is None or high is None:
        reason = figure.reason or "the figure has no interval"
        return Gate(GateVerdict.HOLD, figure, minimum, None, str(reason))
    if low >= minimum:
        return Gate(GateVerdict.PASS, figure, minimum, 0, f"at least {low:.3g}")
    if high < minimum:
        return Gate(GateVerdict.FAIL, figure, minimum, 0, f"at most {high:.3g}")
    needed = _deciding(value, (high - low) / 2, figure.n, minimum, fixed_variance)
    between = f"between {low:.3g} and {high:.3g}"
    if needed is None:
        return Gate(
            GateVerdict.HOLD, figure, minimum, None, f"{between}; more ratings would not decide"
        )
    more = plural(needed, "unit").removesuffix("s") if needed == 1 else plural(needed, "unit")
    return Gate(
        GateVerdict.HOLD, figure, minimum, needed, f"{between}; {more} would most likely decide"
    )


@dataclass(frozen=True)
class SegmentedGate:
    """A release beside its minimum, as a whole and in every segment."""

    verdict: GateVerdict
    pooled: Gate
    segments: dict[str, Gate]
    failing: tuple[str, ...]
    """Segments that fail although so many were looked at (Holm)."""
    reason: str


def gate_by_segment(
    pooled: Figure,
    segments: Mapping[str, Figure],
    minimum: float,
    *,
    fixed_variance: Mapping[str | None, float] | None = None,
) -> SegmentedGate:
    """The gate on the whole and on every segment: aggregates hide local regressions.

    pooled, segments: figures with intervals; minimum in their units.
    FAIL when the whole fails, or a segment does: one whose one-sided p of lying at or above the
    minimum, adjusted by Holm over segments, is at most 0.025. PASS when the whole passes and no
    segment fails. Else HOLD. fixed_variance: as of `gate`, by segment; None is the whole.
    The gates of `segments` go by each one's own interval, as if it were the only one. Holm (1979).
    Raises nothing.
    """
    fixed = fixed_variance or {}
    whole = gate(pooled, minimum, fixed_variance=fixed.get(None, 0.0))
    each = {
        name: gate(figure, minimum, fixed_variance=fixed.get(name, 0.0))
        for name, figure in segments.items()
    }
    below = {
        name: p for name, figure in segments.items() if (p := _below(figure, minimum)) is not None
    }
    adjusted = holm(list(below.values())).tolist()
    failing = tuple(name for name, p in zip(below, adjusted, strict=True) if p <= 0.025)
    if failing and whole.verdict is not GateVerdict.FAIL:
        reason = f"below the minimum in {', '.join(failing)}; as a whole {whole.reason}"
        return SegmentedGate(GateVerdict.FAIL, whole, each, failing, reason)
    return SegmentedGate(whole.verdict, whole, each, failing, whole.reason)


def _below(figure: Figure, minimum: float) -> float | None:
    """One-sided p of a figure whose truth is the minimum or more, by its interval."""
    if figure.value is None or figure.low is None or figure.high is None:
        return None
    error = (figure.high - figure.low) / (2 * Z)
    if error <= 0:
        return float(figure.value >= minimum)
    return float(stats.norm.cdf((figure.value - minimum) / error))


def _deciding(value: float, reach: float, n: int, minimum: float, fixed: float) -> int | None:
    """Further ratings after which 80 of 100 samples of such traffic would be decided."""
    distance = abs(value - minimum)
    variance = (reach / Z) ** 2
    aim = (distance / (Z + float(stats.norm.ppf(0.8)))) ** 2 - fixed
    if aim <= 0 or n == 0:
        return None
    return max(1, int(np.ceil(n * (variance - fixed) / aim)) - n)
