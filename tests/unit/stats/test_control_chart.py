"""Control charts: published run lengths, simulated false alarms; stability and its p."""

import numpy as np
import pytest

from annotate.stats import (
    Baseline,
    cusum_run_length,
    ewma_chart,
    ewma_limit,
    ewma_run_length,
    population_stability,
    watch,
)
from tests.unit.stats.published import REFERENCE

CHARTS = REFERENCE["control_charts"]


@pytest.mark.parametrize("name", CHARTS["ewma"])
def test_run_lengths_of_ewma_are_the_published_ones(name: str) -> None:
    """Lucas & Saccucci (1990): 500 periods for (.1, 2.814) and (.25, 2.998)."""
    smoothing, limit = map(float, name.split(","))
    quiet, moved = CHARTS["ewma"][name]
    assert ewma_run_length(smoothing, limit) == pytest.approx(quiet, abs=0.06)
    assert ewma_run_length(smoothing, limit, shift=1) == pytest.approx(moved, abs=0.05)
    assert ewma_limit(smoothing, ewma_run_length(smoothing, limit)) == pytest.approx(limit)


@pytest.mark.parametrize("name", CHARTS["cusum"])
def test_run_lengths_of_cusum_are_the_published_ones(name: str) -> None:
    slack, limit = (float(part[1:]) for part in name.split(","))
    quiet, moved = CHARTS["cusum"][name]
    assert cusum_run_length(slack, limit) == pytest.approx(quiet, abs=0.06)
    assert cusum_run_length(slack, limit, shift=1) == pytest.approx(moved, abs=0.006)


def test_false_alarms_come_as_seldom_as_asked_for() -> None:
    random, lengths = np.random.default_rng(12), []
    for _ in range(300):
        means = random.normal(4.0, 0.8 / np.sqrt(50), 400)
        chart = ewma_chart(means, np.full(400, 50), centre=4.0, spread=0.8, run_length=60)
        lengths.append(400 if chart.first_alarm is None else chart.first_alarm + 1)
    assert np.mean(lengths) == pytest.approx(60, rel=0.2)


def test_a_judge_that_moves_by_half_an_error_is_seen_within_days() -> None:
    random = np.random.default_rng(1)
    means = np.r_[random.normal(4.0, 0.1, 30), random.normal(4.2, 0.1, 30)]
    chart = ewma_chart(means, np.full(60, 64), centre=4.0, spread=0.8)
    assert chart.first_alarm is not None and 30 < chart.first_alarm < 45
    assert chart.run_length == pytest.approx(370, rel=1e-6)


def test_a_day_without_scores_leaves_the_line_where_it_was() -> None:
    means = np.array([4.5, np.nan, 4.5])
    chart = ewma_chart(means, np.array([10, 0, 10]), centre=4.0, spread=1.0)
    assert chart.line[0] == chart.line[1] < chart.line[2]


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (lambda: ewma_run_length(0, 3), "smoothing lies"),
        (lambda: ewma_limit(0.2, 1), "at least 2 periods"),
        (lambda: ewma_chart(np.ones(2), np.ones(3, int), centre=0, spread=1), "2 means"),
        (lambda: ewma_chart(np.ones(2), np.ones(2, int), centre=0, spread=0), "above 0"),
    ],
)
def test_charts_that_cannot_be_are_refused(wish: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        wish()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("window", "share"), [(30, 0.86), (50, 0.69), (100, 0.32), (200, 0.05), (500, 0.0)]
)
def test_small_windows_of_one_distribution_exceed_a_tenth(window: int, share: float) -> None:
    """Reference, section 3.4: 69 of 100 windows of 50 without any drift, on a five-point scale."""
    random = np.random.default_rng(window)
    shares = [0.05, 0.1, 0.2, 0.35, 0.3]
    drawn = random.multinomial(window, shares, size=(600, 2))
    found = [population_stability(*pair, draws=1).index >= 0.1 for pair in drawn]
    assert np.mean(found) == pytest.approx(share, abs=0.15)


def test_two_windows_of_one_distribution_exceed_a_tenth_and_p_does_not_mind() -> None:
    random = np.random.default_rng(5)
    shares = [0.1, 0.15, 0.2, 0.25, 0.3]
    found = [
        population_stability(random.multinomial(50, shares), random.multinomial(50, shares))
        for _ in range(200)
    ]
    assert np.mean([one.index >= 0.1 for one in found]) > 0.3
    assert np.mean([one.p <= 0.05 for one in found]) < 0.1
    moved = population_stability(np.array([5, 5, 10, 30]), np.array([30, 10, 5, 5]))
    assert moved.p < 0.01


def test_the_stability_index_counted_by_hand() -> None:
    before, after = np.array([9, 9]), np.array([4, 14])
    p, q = np.array([0.5, 0.5]), np.array([4.5, 14.5]) / 19
    found = population_stability(before, after)
    assert found.index == pytest.approx(((q - p) * np.log(q / p)).sum())
    with pytest.raises(ValueError, match="without scores"):
        population_stability(np.zeros(2, int), after)
    with pytest.raises(ValueError, match="2 values beside 3"):
        population_stability(before, np.ones(3, int))


def test_false_alarms_of_all_segments_together_are_as_far_apart_as_asked() -> None:
    """Six segments, 20 periods between false alarms: each chart gets 120."""
    random = np.random.default_rng(12)
    names = [f"segment {i}" for i in range(6)]
    baselines = {name: Baseline(3.5, 1.0) for name in names}
    first = []
    for _ in range(300):
        periods = {name: (3.5 + random.normal(0, 0.1, 150), np.full(150, 100)) for name in names}
        found = watch(periods, baselines, run_length=20)
        alarms = [c.first_alarm for c in found.charts.values() if c.first_alarm is not None]
        first.append(min(alarms) + 1)
    assert np.mean(first) == pytest.approx(20, rel=0.2)
    assert found.charts["segment 0"].run_length == pytest.approx(120, rel=0.01)


def test_the_segment_that_moved_is_named() -> None:
    baselines = {"a": Baseline(3.5, 1.0), "b": Baseline(3.5, 1.0)}
    still, moved = np.full(30, 3.5), np.r_[np.full(10, 3.5), np.full(20, 3.9)]
    sizes = np.full(30, 100)
    found = watch({"a": (still, sizes), "b": (moved, sizes)}, baselines)
    assert found.due == ("b",)
    with pytest.raises(ValueError, match="segment 'c' has no baseline"):
        watch({"c": (still, sizes)}, baselines)


def test_a_centre_that_is_itself_a_guess_raises_no_more_false_alarms() -> None:
    """Nothing moves; by the run length 6.8 % of charts would alarm within 26 periods."""
    rng = np.random.default_rng(7)
    sizes = np.full(26, 100)
    alarms = {None: 0, 30: 0}
    for _ in range(300):
        scores = rng.normal(3, 1, 30)
        means = rng.normal(3, 0.1, 26)
        for size in alarms:
            chart = ewma_chart(
                means, sizes, centre=scores.mean(), spread=scores.std(ddof=1), baseline_size=size
            )
            alarms[size] += chart.first_alarm is not None
    assert alarms[None] > 150, "as if the centre were known"
    assert alarms[30] <= 0.07 * 300
