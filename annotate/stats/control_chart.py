"""Between two rounds: has the judge's score on traffic moved, so that a round is due?

A chart cannot say who moved: traffic and judge move its line alike. It says when to look.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import optimize, stats

from annotate.stats.bootstrap import SEED
from annotate.stats.figure import Floats, Ints

SMOOTHING = 0.2
RUN_LENGTH = 370.0
"""Periods between false alarms, on average: a year of days."""
STATES = 501
DRAWS = 2000


@dataclass(frozen=True)
class Chart:
    """An EWMA chart of the judge's mean score by period, in standard errors from the baseline."""

    line: Floats
    """(periods,); a period without a score repeats the one before."""
    limit: float
    """The line raises an alarm above this and below minus this."""
    first_alarm: int | None
    """The first period out of limits."""
    smoothing: float
    run_length: float
    """Periods until a false alarm, on average, when nothing moves."""
    detects: float
    """Periods until an alarm, on average, when every period moves by one standard error."""


def ewma_chart(
    means: Floats,
    sizes: Ints | Floats,
    *,
    centre: float,
    spread: float,
    baseline_size: float | None = None,
    smoothing: float = SMOOTHING,
    run_length: float = RUN_LENGTH,
) -> Chart:
    """An exponentially weighted moving average of standardised period means.

    means, sizes: (periods,), the judge's mean score of a period (a day) in one segment, and how
        many scores it is of; NaN or 0 where there was none. Of scores that count unequally, the
        size of an even sample that would be as sure.
    centre, spread: mean and standard deviation of single scores in the baseline.
    baseline_size: how many scores the centre is the mean of; None where it is known. A centre that
        is itself uncertain moves the whole line: its variance, in units of a period's mean, is
        period size / baseline size, and widens the limits (Jensen et al. 2006, "Effects of
        parameter estimation on control chart properties", Journal of Quality Technology 38).
    smoothing: the weight of the newest period. run_length: the false-alarm rate, as periods
        between false alarms; the limits follow from it.
    Roberts (1959), Technometrics 1; limits and run lengths: Lucas & Saccucci (1990), Technometrics
    32, by the Markov chain of Brook & Evans (1972), Biometrika 59. Assumes independent scores:
    a traffic that goes with the weekday needs a baseline of whole weeks.
    Raises ValueError for arrays of different length, a spread that is not above 0 and a smoothing
    outside 0 to 1.
    """
    if len(means) != len(sizes):
        raise ValueError(f"{len(means)} means for {len(sizes)} sizes")
    if not spread > 0:
        raise ValueError("the baseline's spread must be above 0")
    limit = ewma_limit(smoothing, run_length)
    steady = smoothing / (2 - smoothing)
    there = sizes[sizes > 0]
    unsure = 0.0 if baseline_size is None or not len(there) else there.mean() / baseline_size
    wider = float(np.sqrt(1 + unsure / steady))
    reach = limit * wider * float(np.sqrt(steady))
    line = np.zeros(len(means))
    level = 0.0
    for period, (mean, size) in enumerate(zip(means.tolist(), sizes.tolist(), strict=True)):
        if size > 0 and not np.isnan(mean):
            standard = (mean - centre) / (spread / np.sqrt(size))
            level = smoothing * standard + (1 - smoothing) * level
        line[period] = level
    out = np.flatnonzero(np.abs(line) > reach)
    return Chart(
        line, reach, int(out[0]) if len(out) else None, smoothing,
        ewma_run_length(smoothing, limit), ewma_run_length(smoothing, limit * wider, shift=1.0),
    )  # fmt: skip


@dataclass(frozen=True)
class Baseline:
    """A segment's single scores while all was well."""

    centre: float
    spread: float
    """Their standard deviation, above 0."""
    size: float | None = None
    """How many they are (of an even sample that is as sure); None where centre and spread are
    known."""


@dataclass(frozen=True)
class Watch:
    """The charts of all segments, read together."""

    charts: dict[str, Chart]
    due: tuple[str, ...]
    """Segments whose line left its limits: a round is due, there above all."""
    run_length: float
    """Periods until a false alarm in any of them, on average, when nothing moves."""


def watch(
    periods: Mapping[str, tuple[Floats, Ints | Floats]],
    baselines: Mapping[str, Baseline],
    *,
    smoothing: float = SMOOTHING,
    run_length: float = RUN_LENGTH,
) -> Watch:
    """`ewma_chart` of every segment, so that false alarms of any of them are `run_length` apart.

    periods: by segment, the means and sizes of its periods. baselines: by segment.
    With k segments each chart gets k times the run length: independent alarms add up.
    Raises ValueError for a segment without a baseline, and as `ewma_chart`.
    """
    for segment in periods:
        if segment not in baselines:
            raise ValueError(f"segment {segment!r} has no baseline")
    found = {
        segment: ewma_chart(
            means,
            sizes,
            centre=baselines[segment].centre,
            spread=baselines[segment].spread,
            baseline_size=baselines[segment].size,
            smoothing=smoothing,
            run_length=run_length * len(periods),
        )
        for segment, (means, sizes) in periods.items()
    }
    due = tuple(segment for segment, chart in found.items() if chart.first_alarm is not None)
    return Watch(found, due, run_length)


@cache
def ewma_run_length(smoothing: float, limit: float, *, shift: float = 0.0) -> float:
    """Periods until an alarm, on average, when every period is moved by `shift` standard errors.

    limit: in standard deviations of the line. Brook & Evans (1972).
    Raises ValueError for a smoothing outside 0 to 1 and a limit that is not above 0.
    """
    if not 0 < smoothing <= 1 or not limit > 0:
        raise ValueError("smoothing lies in 0 to 1, and the limit above 0")
    reach = limit * np.sqrt(smoothing / (2 - smoothing))
    width = 2 * reach / STATES
    middles = -reach + width * (np.arange(STATES) + 0.5)
    # From a state, the next observation that leads into each state's cell.
    upper = (middles[None, :] + width / 2 - (1 - smoothing) * middles[:, None]) / smoothing
    lower = upper - width / smoothing
    stays = stats.norm.cdf(upper - shift) - stats.norm.cdf(lower - shift)
    lengths = np.linalg.solve(np.eye(STATES) - stays, np.ones(STATES))
    return float(lengths[STATES // 2])


@cache
def ewma_limit(smoothing: float, run_length: float) -> float:
    """The limit, in standard deviations of the line, at which false alarms are so far apart.

    Raises ValueError for a run length below 2.
    """
    if run_length < 2:
        raise ValueError("false alarms must be at least 2 periods apart")
    return float(
        optimize.brentq(lambda limit: ewma_run_length(smoothing, limit) - run_length, 0.2, 6.0)
    )


def cusum_run_length(slack: float, limit: float, *, shift: float = 0.0) -> float:
    """Periods until an alarm of a two-sided CUSUM (Page 1954), on average.

    slack (k), limit (h) and shift in standard errors. Brook & Evans (1972).
    Raises ValueError for a limit that is not above 0.
    """

    if not limit > 0:
        raise ValueError("the limit must be above 0")

    def one_sided(towards: float) -> float:
        width = 2 * limit / (2 * STATES - 1)
        place = np.arange(STATES)
        upper = (place[None, :] - place[:, None] + 0.5) * width + slack - towards
        stays = stats.norm.cdf(upper)
        stays[:, 1:] -= stats.norm.cdf(upper[:, 1:] - width)
        return float(np.linalg.solve(np.eye(STATES) - stays, np.ones(STATES))[0])

    return 1 / (1 / one_sided(shift) + 1 / one_sided(-shift))


@dataclass(frozen=True)
class Stability:
    """How far a distribution moved."""

    index: float
    """The population stability index: sum (q - p) ln(q / p)."""
    p: float
    """The share of random divisions of the same scores that move as far."""


def population_stability(
    before: Ints, after: Ints, *, draws: int = DRAWS, seed: int = SEED
) -> Stability:
    """The population stability index of two windows of scores, with its permutation p.

    before, after: (values,), how often each value of the scale occurred.
    draws: random divisions behind p. The index alone means nothing for the sizes of human evaluation: without any drift, windows of
    50 scores exceed the customary 0.1 in 69 of 100 cases. Read p. Half a count is added to every
    value, so that an unused one does not make the index infinite.
    Raises ValueError for windows of different scales, negative counts and an empty window.
    """
    if before.shape != after.shape:
        raise ValueError(f"{len(before)} values beside {len(after)}")
    if min(before.min(initial=0), after.min(initial=0)) < 0:
        raise ValueError("counts must not be negative")
    if not before.sum() or not after.sum():
        raise ValueError("a window without scores has no distribution")
    index = float(_index(before[None, :], after[None, :])[0])
    together = before + after
    random = np.random.default_rng(seed)
    drawn = random.multivariate_hypergeometric(together, int(before.sum()), size=draws)
    moved = _index(drawn, together[None, :] - drawn)
    return Stability(index, float((1 + (moved >= index - 1e-12).sum()) / (draws + 1)))


def _index(before: Ints, after: Ints) -> Floats:
    p, q = before + 0.5, after + 0.5
    p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
    found: Floats = ((q - p) * np.log(q / p)).sum(axis=1)
    return found
