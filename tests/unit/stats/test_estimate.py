"""Estimates of traffic from a judge and a sample, and the gate: published values, coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotate.stats import (
    Figure,
    GateVerdict,
    Sample,
    estimate_by_segment,
    gate,
    gate_by_segment,
    prediction_powered_mean,
    rate,
    rogan_gladen,
)
from annotate.stats.estimate import weighted_rate
from annotate.stats.figure import Floats
from annotate.stats.planner import effective_size
from tests.unit.stats.published import PPI, REFERENCE

PUBLISHED = REFERENCE["rogan_gladen_ppi"]


def labelled() -> tuple[Floats, Floats, Floats]:
    """85 pass (81 judged pass), 15 fail (3 judged pass); 2,000 judged, 1,660 of them pass."""
    human = np.r_[np.ones(85), np.zeros(15)]
    judge = np.r_[np.ones(81), np.zeros(4), np.ones(3), np.zeros(12)]
    return human, judge, np.r_[np.ones(1660), np.zeros(340)]


def test_the_prediction_powered_mean_is_the_published_one() -> None:
    """With Student's t; ppi_py 0.2.3 has .84351 with z and n instead of n - 1."""
    found = prediction_powered_mean(*labelled(), interval="t")
    figure = found.figure
    assert (figure.value, figure.low, figure.high) == pytest.approx(PUBLISHED["ppi_t"], abs=1e-9)
    assert figure.value == pytest.approx(PUBLISHED["ppi_py"][0], abs=1e-4)
    assert found.judge_alone == pytest.approx(0.83)
    assert found.people_alone.value == pytest.approx(0.85)
    assert 0 < found.trust < 1


def test_rogan_gladen_and_its_interval_are_the_published_ones() -> None:
    found = rogan_gladen(
        passed=85, passed_judged_pass=81, failed=15, failed_judged_pass=3, judged=2000,
        judged_pass=1660,
    )  # fmt: skip
    assert found.value == pytest.approx(PUBLISHED["rg"], abs=1e-12)
    assert (found.low, found.high) == pytest.approx(PUBLISHED["lang_reiczigel"], abs=1e-8)


@pytest.mark.parametrize("case", REFERENCE["wilson"], ids=lambda c: f"{c['k']}/{c['n']}")
def test_wilsons_interval_is_the_published_one(case: dict[str, int]) -> None:
    found = rate(case["k"], case["n"])
    assert (found.low, found.high) == pytest.approx(tuple(case["ci"]), abs=1e-9)  # type: ignore[arg-type]


def test_clopper_and_pearson_promise_more_and_are_wider() -> None:
    """Rule of three: nothing in 30 leaves up to 1 - .025^(1/30)."""
    exact = rate(0, 30, interval="clopper-pearson")
    assert (exact.low, exact.high) == pytest.approx((0.0, 1 - 0.025 ** (1 / 30)))
    for k in range(1, 30):
        narrow, wide = rate(k, 30), rate(k, 30, interval="clopper-pearson")
        assert wide.high - wide.low > narrow.high - narrow.low  # type: ignore[operator]


def sampled(random: np.random.Generator, n: int) -> tuple[Floats, Floats, Floats]:
    """Traffic of 4,000 with a pass rate of .8; a judge that passes 90 % and fails 80 % rightly."""
    truth = random.random(4000) < 0.8
    judge = np.where(truth, random.random(4000) < 0.9, random.random(4000) > 0.8).astype(float)
    chosen = random.choice(4000, n, replace=False)
    return truth[chosen].astype(float), judge[chosen], judge


def test_it_covers_the_truth_and_is_narrower_than_people_alone() -> None:
    random, covered, narrower = np.random.default_rng(4), 0, 0
    for _ in range(400):
        found = prediction_powered_mean(*sampled(random, 100))
        low, high = found.figure.low, found.figure.high
        alone = found.people_alone
        assert low is not None and high is not None and alone.low is not None
        assert alone.high is not None
        covered += low <= 0.8 <= high
        narrower += high - low < alone.high - alone.low
    assert 0.92 < covered / 400 < 0.98
    assert narrower / 400 > 0.95


def test_weights_undo_an_unequal_sample() -> None:
    """Fails are drawn four times as often: unweighted, the estimate is far too low."""
    random, plain, weighted = np.random.default_rng(8), [], []
    for _ in range(150):
        truth = random.random(3000) < 0.8
        judge = np.where(truth, random.random(3000) < 0.9, random.random(3000) > 0.8).astype(float)
        chance = np.where(truth, 0.03, 0.12)
        chosen = random.random(3000) < chance
        said = truth[chosen].astype(float), judge[chosen], judge
        plain.append(prediction_powered_mean(*said).figure.value)
        weighted.append(prediction_powered_mean(*said, weights=1 / chance[chosen]).figure.value)
    assert np.mean(np.array(plain, dtype=float)) < 0.72
    assert np.mean(np.array(weighted, dtype=float)) == pytest.approx(0.8, abs=0.01)


def test_a_judge_that_says_nothing_leaves_people_alone() -> None:
    human = np.r_[np.ones(30), np.zeros(10)]
    constant = prediction_powered_mean(human, np.ones(40), np.ones(500))
    assert (constant.trust, constant.figure) == (0.0, constant.people_alone)
    noise = np.random.default_rng(1).random(40)
    assert prediction_powered_mean(human, 1 - human, np.full(500, 0.5)).trust == 0.0
    assert prediction_powered_mean(human, noise, noise).trust < 0.5


def test_too_few_labels_are_too_few_and_odd_input_is_refused() -> None:
    few = prediction_powered_mean(np.ones(4), np.ones(4), np.ones(9))
    assert few.figure.reason == "not enough ratings: 6 more units"
    with pytest.raises(ValueError, match="4 ratings, 3 scores"):
        prediction_powered_mean(np.ones(4), np.ones(3), np.ones(9))
    with pytest.raises(ValueError, match="must be above 0"):
        prediction_powered_mean(np.ones(4), np.ones(4), np.ones(9), weights=np.zeros(4))
    with pytest.raises(ValueError, match="5 of 4 is no share"):
        rate(5, 4)


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ((10, 9, 0, 0, 50, 40), "people saw only passes or only fails"),
        ((10, 9, 5, 1, 0, 0), "no ratings"),
        ((10, 3, 10, 8, 50, 40), "the judge does not tell passes from fails"),
    ],
)
def test_a_rate_that_cannot_be_corrected_says_why(counts: tuple[int, ...], reason: str) -> None:
    names = (
        "passed",
        "passed_judged_pass",
        "failed",
        "failed_judged_pass",
        "judged",
        "judged_pass",
    )
    found = rogan_gladen(**dict(zip(names, counts, strict=True)))
    assert (found.value, found.reason) == (None, reason)


def figure(value: float, reach: float, n: int = 100) -> Figure:
    return Figure(value, value - reach, value + reach, n)


def test_the_gate_passes_fails_and_holds_by_the_whole_interval() -> None:
    assert gate(figure(0.90, 0.05), 0.85).verdict is GateVerdict.PASS
    assert gate(figure(0.80, 0.04), 0.85).verdict is GateVerdict.FAIL
    held = gate(figure(0.88, 0.06), 0.85)
    assert (held.verdict, held.needed) == (GateVerdict.HOLD, 718)
    assert held.reason == "between 0.82 and 0.94; 718 more units would most likely decide"
    assert gate(figure(0.85, 0.05), 0.85).needed is None
    assert gate(Figure.undefined("no ratings", 0), 0.85).reason == "no ratings"


def test_what_only_more_judging_would_lessen_is_not_asked_of_people() -> None:
    """Half of the variance is the judge's own sample: people alone cannot halve the reach."""
    fixed = (0.06 / 1.96) ** 2 / 2
    assert gate(figure(0.88, 0.06), 0.85, fixed_variance=fixed).needed is None
    assert gate(figure(0.95, 0.12), 0.85, fixed_variance=fixed).needed is not None


def test_the_ratings_that_are_asked_for_do_decide() -> None:
    random = np.random.default_rng(6)
    needed = gate(rate(88, 100), 0.83).needed
    assert needed is not None
    decided = [
        gate(rate(int(random.binomial(100 + needed, 0.88)), 100 + needed), 0.83).verdict
        for _ in range(200)
    ]
    assert decided.count(GateVerdict.PASS) > 140
    assert decided.count(GateVerdict.FAIL) == 0


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(1, 40), st.integers(0, 40), st.integers(1, 40))
def test_an_estimate_lies_in_its_interval_and_in_0_to_1(a: int, b: int, c: int, d: int) -> None:
    found = rogan_gladen(
        passed=max(a, b), passed_judged_pass=min(a, b), failed=max(c, d),
        failed_judged_pass=min(c, d), judged=100, judged_pass=60,
    )  # fmt: skip
    if found.value is not None:
        assert 0 <= found.value <= 1
        # With few labels, smoothing may turn a judge around that told passes from fails.
        assert (found.low is None) == found.interval.startswith("none: too few labels")
    if found.value is not None and found.low is not None and found.high is not None:
        assert 0 <= found.low <= found.value <= found.high <= 1


def test_labels_that_are_all_passes_do_not_pass_the_gate_by_being_few() -> None:
    """Ten of ten is at least .72 (Wilson), whatever the judge says of the rest."""
    ones, traffic = np.ones(10), np.tile([1.0, 1, 0, 1], 50)
    for judge in (ones, np.tile([1.0, 0], 5)):
        found = prediction_powered_mean(ones, judge, traffic)
        assert found.figure.value == pytest.approx(1.0)
        assert found.figure.low == pytest.approx(0.7225, abs=1e-4)
        assert gate(found.figure, 0.85).verdict is GateVerdict.HOLD


def segment(random: np.random.Generator, quality: float, traffic: int, labels: int) -> Sample:
    """A judge that passes 95 % and fails 80 % rightly."""
    truth = random.random(traffic) < quality
    judge = np.where(truth, random.random(traffic) < 0.95, random.random(traffic) > 0.8)
    chosen = random.choice(traffic, labels, replace=False)
    said, scored, everything = (x.astype(float) for x in (truth[chosen], judge[chosen], judge))
    return Sample(said, scored, everything)


def test_segments_are_pooled_by_their_share_of_the_traffic() -> None:
    """A small segment that was labelled as often as a large one must not weigh as much."""
    random, hits, widths, naive = np.random.default_rng(4), 0, [], []
    truth = (0.9 * 4000 + 0.6 * 400) / 4400
    for _ in range(200):
        samples = {"big": segment(random, 0.9, 4000, 60), "small": segment(random, 0.6, 400, 60)}
        found = estimate_by_segment(samples)
        pooled = found.pooled.figure
        assert pooled.value is not None and pooled.low is not None and pooled.high is not None
        hits += pooled.low <= truth <= pooled.high
        widths.append(pooled.high - pooled.low)
        naive.append(np.concatenate([s.human for s in samples.values()]).mean())
    assert 0.90 <= hits / 200 <= 0.99
    assert np.mean(naive) < 0.78
    assert found.pooled.n_judged == 4400
    assert found.pooled.figure.n == 120
    by_hand = (
        4000 * (found.segments["big"].figure.value or 0)
        + 400 * (found.segments["small"].figure.value or 0)
    ) / 4400
    assert found.pooled.figure.value == pytest.approx(by_hand)


def test_one_segment_pooled_is_that_segment() -> None:
    sample = segment(np.random.default_rng(1), 0.8, 1000, 80)
    found = estimate_by_segment({"only": sample})
    alone, pooled = found.segments["only"], found.pooled
    assert (pooled.figure.value, pooled.figure.low) == pytest.approx(
        (alone.figure.value, alone.figure.low)
    )
    assert (pooled.judge_alone, pooled.trust) == pytest.approx((alone.judge_alone, alone.trust))
    assert pooled.fixed_variance == pytest.approx(alone.fixed_variance)


def test_a_segment_without_labels_leaves_the_whole_open_and_is_named() -> None:
    random = np.random.default_rng(2)
    samples = {"a": segment(random, 0.9, 500, 50), "b": segment(random, 0.9, 500, 4)}
    found = estimate_by_segment(samples)
    assert found.segments["a"].figure.value is not None
    assert found.pooled.figure.reason == "not enough ratings: 6 more units in b"
    with pytest.raises(ValueError, match="there is no segment"):
        estimate_by_segment({})


def test_a_local_regression_fails_a_release_that_passes_as_a_whole() -> None:
    pooled = figure(0.93, 0.02, 1000)
    segments = {"billing": figure(0.95, 0.03), "refunds": figure(0.60, 0.10)}
    found = gate_by_segment(pooled, segments, 0.85)
    assert (found.verdict, found.failing) == (GateVerdict.FAIL, ("refunds",))
    assert found.pooled.verdict is GateVerdict.PASS
    assert found.reason == "below the minimum in refunds; as a whole at least 0.91"
    assert gate_by_segment(pooled, {"billing": figure(0.95, 0.03)}, 0.85).verdict is (
        GateVerdict.PASS
    )
    held = gate_by_segment(figure(0.86, 0.05), {"new": Figure.undefined("no ratings", 0)}, 0.85)
    assert (held.verdict, held.failing) == (GateVerdict.HOLD, ())
    assert held.segments["new"].reason == "no ratings"


def test_many_segments_at_the_minimum_seldom_fail_a_release() -> None:
    """Twelve segments exactly at .85: without Holm every fourth release would be stopped."""
    random, stopped, alone = np.random.default_rng(9), 0, 0
    for _ in range(300):
        segments = {str(i): rate(int(random.binomial(200, 0.85)), 200) for i in range(12)}
        found = gate_by_segment(figure(0.85, 0.02), segments, 0.85)
        stopped += bool(found.failing)
        alone += any(one.verdict is GateVerdict.FAIL for one in found.segments.values())
    assert stopped / 300 < 0.06 < alone / 300


@pytest.mark.parametrize("name", ["unweighted", "weighted"])
def test_the_mean_of_scores_is_nearly_that_of_ppi_python(name: str) -> None:
    """ppi-python 0.2.3 divides by n where we divide by n - 1, and takes 1.96 for Student's t."""
    found = prediction_powered_mean(
        np.array(PPI["human"], dtype=np.float64),
        np.array(PPI["judge"], dtype=np.float64),
        np.array(list(PPI["judge_on_all"]), dtype=np.float64),
        weights=np.array(PPI["weights"], dtype=np.float64) if name == "weighted" else None,
    ).figure
    value, low, high = PPI[name]
    assert found.value == pytest.approx(value, abs=2e-3)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-3)
    assert found.interval == "t"


def test_the_corrected_rate_is_that_of_judgy() -> None:
    """judgy 0.1.0: the same point; its interval is a bootstrap without a seed."""
    found = rogan_gladen(
        passed=85, passed_judged_pass=81, failed=15, failed_judged_pass=3, judged=2000,
        judged_pass=1660,
    )  # fmt: skip
    assert found.value == pytest.approx(PPI["judgy"], abs=1e-12)


def test_a_rate_of_equal_weights_is_a_little_wider_than_wilsons() -> None:
    passed = np.array([1.0] * 40 + [0.0] * 10)
    equal, wilson = weighted_rate(passed, np.full(50, 2.5)), rate(40, 50)
    assert equal.value == pytest.approx(0.8)
    assert equal.low is not None and equal.high is not None
    assert wilson.low is not None and wilson.high is not None
    assert wilson.low - 0.01 < equal.low < wilson.low
    assert wilson.high < equal.high < wilson.high + 0.01


def test_a_rate_of_unequal_weights_goes_by_them_and_knows_less() -> None:
    passed = np.array([1.0, 0.0] * 25)
    assert weighted_rate(passed, np.where(passed == 1, 4.0, 1.0)).value == pytest.approx(0.8)
    # Weights that have nothing to do with who passes: as few as Kish's effective size.
    four_of_five = np.array([1.0, 1.0, 1.0, 1.0, 0.0] * 10)
    unequal = weighted_rate(four_of_five, np.tile(np.repeat([1.0, 4.0], 5), 5))
    equal = weighted_rate(four_of_five, np.ones(50))
    assert unequal.value == equal.value == pytest.approx(0.8)
    assert unequal.low is not None and equal.low is not None and unequal.low < equal.low - 0.01


def test_where_all_pass_few_are_not_sure() -> None:
    found = weighted_rate(np.ones(8), np.full(8, 2.5))
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(rate(8, 8).low)
    assert weighted_rate(np.zeros(8), np.ones(8)).high == pytest.approx(rate(0, 8).high)
    assert weighted_rate(np.ones(1), np.ones(1)).low == pytest.approx(rate(1, 1).low)


def test_where_all_pass_and_one_stands_for_nearly_all_hardly_more_than_one_is_known() -> None:
    weights = np.array([1000.0] + [1.0] * 19)
    found = weighted_rate(np.ones(20), weights)
    z2 = 1.959964**2
    effective = effective_size(weights)
    assert effective < 1.04
    assert found.low == pytest.approx(effective / (effective + z2), abs=1e-6)
    none = weighted_rate(np.zeros(20), weights)
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(1 - effective / (effective + z2), abs=1e-6)
    people = prediction_powered_mean(np.ones(20), np.ones(20), np.ones(50), weights=weights)
    assert people.people_alone.low == pytest.approx(found.low)


@pytest.mark.parametrize(
    ("passed", "weights"),
    [([1.0], [1.0, 1.0]), ([], []), ([1.0], [0.0]), ([0.5], [1.0]), ([np.nan], [1.0])],
)
def test_a_rate_refuses_what_it_is_not_made_for(passed: list[float], weights: list[float]) -> None:
    with pytest.raises(ValueError):
        weighted_rate(np.array(passed), np.array(weights))
