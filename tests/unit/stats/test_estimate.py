"""Estimates of traffic from a judge and a sample, and the gate: published values, coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotate.stats import Figure, GateVerdict, gate, prediction_powered_mean, rate, rogan_gladen
from annotate.stats.figure import Floats
from tests.unit.stats.published import REFERENCE

PUBLISHED = REFERENCE["rogan_gladen_ppi"]


def labelled() -> tuple[Floats, Floats, Floats]:
    """85 pass (81 judged pass), 15 fail (3 judged pass); 2,000 judged, 1,660 of them pass."""
    human = np.r_[np.ones(85), np.zeros(15)]
    judge = np.r_[np.ones(81), np.zeros(4), np.ones(3), np.zeros(12)]
    return human, judge, np.r_[np.ones(1660), np.zeros(340)]


def test_the_prediction_powered_mean_is_the_published_one() -> None:
    """With Student's t; ppi_py 0.2.3 has .84351 with z and n instead of n - 1."""
    found = prediction_powered_mean(*labelled())
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
        assert found.low is not None and found.high is not None
        assert 0 <= found.low <= found.value <= found.high <= 1
