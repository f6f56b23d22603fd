"""Quality of all traffic from a judge on everything and people on a sample; and the gate on it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
from scipy import stats

from annotate.stats.figure import Figure, Floats, Reason, not_enough, plural

MINIMUM_LABELS = 10
"""Outputs rated by people and the judge below which no estimate is made."""
Z = 1.959963984540054


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


def prediction_powered_mean(
    human: Floats,
    judge: Floats,
    judge_on_all: Floats,
    *,
    weights: Floats | None = None,
    minimum: int = MINIMUM_LABELS,
) -> Estimate:
    """Prediction-powered inference for a mean, with the variance-minimising lambda (PPI++).

    human, judge: (labelled,), the same outputs in the same order, on one scale; NaN where one of
        them has no score: such outputs do not count.
    judge_on_all: (judged,), the judge on all traffic; NaN does not count.
    weights: (labelled,), one over the inclusion probability; without them the sample is taken as
        drawn with equal probability.
    minimum: labelled outputs below which the figure is "not enough ratings".
    theta = mean(H) - lambda (mean(J on labelled) - mean(J on all)), lambda = cov(H, J) / ((1 +
    n/N) var J) within 0 and 1, var = var(H - lambda J)/n + lambda^2 var(J)/N, Student's t with
    n - 1 degrees of freedom. Angelopoulos, Duchi & Zrnic (2023), PPI++, arXiv 2311.01453.
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
        return Estimate(few, alone, few, 0.0, judged, 0.0)
    people = _weighted_mean(said, share, "mean of people's ratings")
    scores = np.concatenate([scored, everything])
    spread = float(scores.var(ddof=1))
    if judged < 2 or spread <= 0:
        return Estimate(people, alone, people, 0.0, judged, 0.0)
    apart = share * (said - (share * said).sum()) * (scored - (share * scored).sum())
    together = n / (n - 1) * float(apart.sum())
    trust = min(1.0, max(0.0, together / ((1 + n / judged) * spread)))
    rectified = said - trust * scored
    mean = float((share * rectified).sum())
    value = mean + trust * float(everything.mean())
    of_labels = n / (n - 1) * float(((share * (rectified - mean)) ** 2).sum())
    fixed = trust**2 * float(everything.var(ddof=1)) / judged
    reach = float(stats.t.ppf(0.975, n - 1)) * float(np.sqrt(of_labels + fixed))
    figure = Figure(value, value - reach, value + reach, n, method=method, interval="t")
    return Estimate(figure, alone, people, trust, judged, fixed)


def _weighted_mean(values: Floats, share: Floats, method: str) -> Figure:
    n = len(values)
    mean = float((share * values).sum())
    variance = n / (n - 1) * float(((share * (values - mean)) ** 2).sum())
    reach = float(stats.t.ppf(0.975, n - 1)) * float(np.sqrt(variance))
    return Figure(mean, mean - reach, mean + reach, n, method=method, interval="t")


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

    fixed_variance: the part of the figure's variance that further ratings would not lessen (see
    `Estimate`). Further ratings: the interval's reach falls with the root of their number.
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


def _deciding(value: float, reach: float, n: int, minimum: float, fixed: float) -> int | None:
    """Further ratings after which 80 of 100 samples of such traffic would be decided."""
    distance = abs(value - minimum)
    variance = (reach / Z) ** 2
    aim = (distance / (Z + float(stats.norm.ppf(0.8)))) ** 2 - fixed
    if aim <= 0 or n == 0:
        return None
    return max(1, int(np.ceil(n * (variance - fixed) / aim)) - n)
