"""A judge beside people: recorded figures, verdicts, and what cannot be said."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from annotate.stats import (
    Calibration,
    Reason,
    Thresholds,
    Verdict,
    calibrate,
    gwet_ac,
    krippendorff_alpha,
    lower_median,
)
from annotate.stats.figure import Floats
from tests.unit.stats.published import REFERENCE, hanna_figures, hanna_judge, hanna_people

NAN = np.nan
SCALE = (1.0, 2.0, 3.0, 4.0, 5.0)


def people(n: int = 60, raters: int = 3, seed: int = 0) -> Floats:
    """Raters who mostly agree, on a scale of 1 to 5."""
    random = np.random.default_rng(seed)
    true = random.integers(1, 6, size=(n, 1))
    off = random.choice([-1, 0, 0, 0, 1], size=(n, raters))
    values: Floats = np.clip(true + off, 1, 5).astype(float)
    return values


def compare(judge: Floats, humans: Floats, **more: Any) -> Calibration:
    """Calibrate on the scale of 1 to 5 with a pass from 4."""
    return calibrate(judge, humans, domain=SCALE, level="ordinal", **{"pass_at": 4.0, **more})


@pytest.mark.parametrize(
    "expected",
    hanna_figures()["calibration"],
    ids=lambda e: f"{e['criterion']}-{e['segment']}-{e['judge']}",
)
def test_hanna_gives_the_recorded_calibration(expected: dict[str, Any]) -> None:
    """Chhun et al. 2024: three LLM judges on the stories of 2022."""
    criterion, segment = expected["criterion"], expected["segment"]
    found = compare(
        hanna_judge(expected["judge"], criterion, segment), hanna_people(criterion, segment)
    )
    assert found.n_units == expected["n_units"]
    for name in ("spearman", "kendall_tau_b", "bias", "mae"):
        assert getattr(found, name).value == pytest.approx(expected[name], abs=5e-7), name
    assert found.judge_leave_one_out.spearman.value == pytest.approx(
        expected["leave_one_out_spearman_judge"], abs=5e-7
    )
    assert found.ceiling.spearman.value == pytest.approx(
        expected["leave_one_out_spearman_human"], abs=5e-7
    )


def test_a_judge_like_the_people_is_trusted() -> None:
    humans = people(120)
    found = compare(np.median(humans, axis=1), humans)
    assert found.verdict is Verdict.TRUST
    assert found.weighted_kappa.value is not None and found.ceiling.weighted_kappa.value is not None
    assert found.weighted_kappa.value > found.ceiling.weighted_kappa.value


def test_a_lenient_judge_ranks_as_well_and_is_not_to_be_used() -> None:
    """Two judges with one Spearman may lie points apart in level."""
    humans = people(120)
    middle = np.median(humans, axis=1)
    fair = compare(middle * 0.6 + 1, humans)
    lenient = compare(middle * 0.6 + 2.4, humans)
    assert fair.spearman == lenient.spearman
    assert lenient.bias.value == pytest.approx((fair.bias.value or 0) + 1.4)
    assert lenient.verdict is Verdict.DO_NOT_USE
    assert "points too lenient" in lenient.verdict_reason


def test_a_judge_that_guesses_is_not_to_be_used() -> None:
    humans = people(120)
    guess = np.random.default_rng(9).integers(1, 6, 120).astype(float)
    found = compare(guess, humans)
    assert found.verdict is Verdict.DO_NOT_USE
    assert found.verdict_reason.startswith("it follows people too little: kappa")


def test_people_who_do_not_agree_cannot_vouch_for_a_judge() -> None:
    humans = np.random.default_rng(1).integers(1, 6, size=(80, 3)).astype(float)
    found = compare(np.median(humans, axis=1), humans)
    assert found.verdict is Verdict.WATCH
    assert "they cannot calibrate a judge" in found.verdict_reason


def test_the_verdict_goes_by_the_rounds_thresholds() -> None:
    humans = people(120)
    middle = np.median(humans, axis=1)
    strict = compare(middle, humans, thresholds=Thresholds(of_ceiling=3.0))
    assert strict.verdict is Verdict.WATCH
    assert "less than they follow each other" in strict.verdict_reason


def test_nine_units_are_not_enough_and_the_answer_says_how_many_more() -> None:
    humans = people(9)
    found = compare(humans[:, 0], humans)
    assert found.verdict is Verdict.NOT_ENOUGH
    assert found.verdict_reason == "1 more unit that both people and the judge rated"
    for name in ("weighted_kappa", "spearman", "kendall_tau_b", "bias", "mae", "tpr", "tnr"):
        figure = getattr(found, name)
        assert (figure.value, figure.reason) == (None, "not enough ratings: 1 more unit")


def test_units_that_the_judge_left_out_count_only_against_its_coverage() -> None:
    humans = people(60)
    judge = humans[:, 0].copy()
    judge[:15] = NAN
    found = compare(judge, humans)
    without = compare(judge[15:], humans[15:])
    assert (found.coverage.value, found.coverage.n) == (0.75, 60)
    assert found.n_units == 45
    assert found.weighted_kappa == without.weighted_kappa


def test_units_that_nobody_rated_change_nothing() -> None:
    humans = people(60)
    more = np.vstack([humans, np.full((5, 3), NAN)])
    assert compare(np.r_[humans[:, 0], np.full(5, 3.0)], more) == compare(humans[:, 0], humans)


def test_order_of_units_changes_nothing_and_order_of_raters_no_estimate() -> None:
    humans = people(70)
    judge = humans.mean(axis=1)
    order = np.random.default_rng(2).permutation(70)
    found, turned = compare(judge, humans), compare(judge[order], humans[order])
    assert turned.weighted_kappa == found.weighted_kappa
    assert turned.ceiling == found.ceiling
    assert turned.judge_leave_one_out == found.judge_leave_one_out
    swapped = compare(judge, humans[:, ::-1])
    for one, other in (
        (swapped.weighted_kappa, found.weighted_kappa),
        (swapped.ceiling.spearman, found.ceiling.spearman),
        (swapped.ceiling.weighted_kappa, found.ceiling.weighted_kappa),
    ):
        assert one.value == pytest.approx(other.value, abs=1e-12)


def test_confusion_counts_consensus_by_nearest_point() -> None:
    humans = np.array([[1.0, 2, 2], [4, 5, NAN], [3, 3, 3]] * 4)
    judge = np.array([2.4, 4.6, 3.0] * 4)
    found = compare(judge, humans)
    expected = np.zeros((5, 5), dtype=int)
    expected[1, 1] = expected[3, 4] = expected[2, 2] = 4
    assert np.array_equal(found.confusion, expected)
    assert found.confusion_labels == SCALE


def test_confusion_of_categories_goes_by_the_commonest_and_leaves_ties_out() -> None:
    humans = np.array([[0.0, 0.0, 2.0], [0.0, 1.0, 2.0], [2.0, 2.0, 0.0]] * 10)
    found = calibrate(np.full(30, 2.0), humans, domain=(0.0, 1.0, 2.0), level="nominal")
    assert found.confusion == ((0, 0, 10), (0, 0, 0), (0, 0, 10))
    assert found.n_units == 30


def test_the_lower_median_is_a_point_of_the_scale() -> None:
    values = np.array([[1.0, 2, NAN], [5, 3, 4], [NAN, NAN, 2], [NAN, NAN, NAN]])
    np.testing.assert_array_equal(lower_median(values), [1, 4, 2, NAN])


@pytest.mark.parametrize("case", REFERENCE["wilson"], ids=lambda c: f"{c['k']}/{c['n']}")
def test_pass_rates_have_wilsons_interval(case: dict[str, Any]) -> None:
    """Of n units that people pass, the judge passes k."""
    k, n = case["k"], case["n"]
    humans = np.vstack([np.full((n, 2), 5.0), np.full((5, 2), 1.0)])
    judge = np.r_[np.full(k, 5.0), np.full(n - k, 1.0), np.full(5, 1.0)]
    found = compare(judge, humans).tpr
    assert (found.value, found.n) == (k / n, n)
    assert (found.low, found.high) == pytest.approx(tuple(case["ci"]), abs=1e-9)


def test_rates_need_a_pass_point_and_both_outcomes() -> None:
    humans = people(60)
    assert compare(humans[:, 0], humans, pass_at=None).tpr.reason == Reason.NO_PASS
    passes = np.clip(humans, 4, 5)
    found = compare(passes[:, 0], passes)
    assert (found.tpr.value, found.tnr.value) == (1.0, None)
    assert found.tnr.reason == Reason.ONE_SIDED


def test_categories_have_kappa_and_no_distances() -> None:
    humans = people(60)
    found = calibrate(humans[:, 0], humans, domain=SCALE, level="nominal")
    assert found.weighted_kappa.method == "Cohen's kappa, unweighted, averaged over people"
    assert found.weighted_kappa.value is not None
    for figure in (found.spearman, found.kendall_tau_b, found.bias, found.mae):
        assert figure.reason == Reason.NOMINAL
    assert found.ceiling.spearman.reason == Reason.NOMINAL


def test_a_yes_or_no_criterion_has_kappa_and_rates_and_bias() -> None:
    humans = (people(80) >= 4).astype(float)
    found = calibrate(humans[:, 0], humans, domain=(0, 1), level="nominal", pass_at=1)
    for figure in (found.weighted_kappa, found.tpr, found.tnr, found.bias, found.spearman):
        assert figure.value is not None


def test_a_judge_with_one_score_for_all_has_no_rank_correlation() -> None:
    humans = people(60)
    found = compare(np.full(60, 4.0), humans)
    assert found.spearman.reason == found.kendall_tau_b.reason == Reason.CONSTANT
    assert found.judge_leave_one_out.spearman.reason == Reason.CONSTANT
    assert found.weighted_kappa.value == pytest.approx(0)


def test_one_rater_a_unit_leaves_no_ceiling_and_no_trust() -> None:
    humans = people(60, raters=1)
    found = compare(humans[:, 0], humans)
    assert found.ceiling.weighted_kappa.reason == Reason.NOT_TWICE
    assert found.ceiling.spearman.reason == Reason.NOT_TWICE
    assert found.verdict is Verdict.WATCH


def test_a_pool_of_raters_is_measured_as_interchangeable_people() -> None:
    """Fifty people, three a unit: no two of them share enough units to be compared."""
    whole = people(400, 50, seed=4)
    random = np.random.default_rng(5)
    pool = np.full_like(whole, NAN)
    for row in range(400):
        chosen = random.choice(50, 3, replace=False)
        pool[row, chosen] = whole[row, chosen]
    judge = whole.mean(axis=1)
    found, slots = compare(judge, pool), compare(judge, people(400, 3, seed=4))
    assert found.ceiling.weighted_kappa.method.endswith("pairs of people pooled")
    for one, other in (
        (found.weighted_kappa, slots.weighted_kappa),
        (found.ceiling.weighted_kappa, slots.ceiling.weighted_kappa),
        (found.ceiling.spearman, slots.ceiling.spearman),
        (found.judge_leave_one_out.spearman, slots.judge_leave_one_out.spearman),
    ):
        assert one.value == pytest.approx(other.value, abs=0.05)
    turned = compare(judge, pool[:, ::-1])
    assert turned.ceiling.weighted_kappa.value == pytest.approx(
        found.ceiling.weighted_kappa.value, abs=1e-12
    )


def test_scores_and_ratings_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="59 scores for 60 units"):
        compare(np.ones(59), people(60))


def test_a_rating_outside_the_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="value 9 is not on the scale"):
        compare(np.full(20, 3.0), np.full((20, 2), 9.0))


RATING = st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0, NAN])
SCORE = st.one_of(st.just(NAN), st.floats(1, 5))
ROUND = st.integers(1, 6).flatmap(
    lambda raters: st.lists(
        st.tuples(SCORE, st.lists(RATING, min_size=raters, max_size=raters)),
        min_size=1,
        max_size=30,
    )
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(ROUND, st.sampled_from(["nominal", "ordinal", "interval"]))
def test_any_ratings_give_a_number_in_its_interval_or_a_reason(
    rows: list[tuple[float, list[float]]], level: Any
) -> None:
    judge = np.array([score for score, _ in rows])
    humans = np.array([said for _, said in rows])
    found = calibrate(judge, humans, domain=SCALE, level=level, pass_at=4, minimum_units=2)
    for figure in (
        found.weighted_kappa, found.spearman, found.kendall_tau_b, found.bias, found.mae,
        found.tpr, found.tnr, found.coverage, found.ceiling.spearman,
        found.ceiling.weighted_kappa, found.judge_leave_one_out.spearman,
    ):  # fmt: skip
        assert (figure.value is None) == (figure.reason is not None)
        assert figure.value is None or np.isfinite(figure.value)
        if figure.value is not None and figure.low is not None and figure.high is not None:
            assert figure.low <= figure.value + 1e-12
            assert figure.value <= figure.high + 1e-12


def test_intervals_contain_their_estimates_and_repeat_with_the_seed() -> None:
    humans = people(40)
    judge = people(40, 1, seed=0)[:, 0] * 0.9
    found = compare(judge, humans, seed=3)
    assert found == compare(judge, humans, seed=3)
    assert found.spearman != compare(judge, humans, seed=4).spearman
    for figure in (
        found.weighted_kappa, found.spearman, found.kendall_tau_b, found.bias, found.mae,
        found.tpr, found.tnr, found.coverage, found.ceiling.spearman,
        found.ceiling.weighted_kappa, found.judge_leave_one_out.spearman,
    ):  # fmt: skip
        assert figure.value is not None and figure.low is not None and figure.high is not None
        assert figure.low <= figure.value <= figure.high


def test_beside_kappa_stand_ac_and_alpha_with_the_judge_in_a_persons_place() -> None:
    """Both from their own functions: AC of every pair, alpha of the three tables."""
    humans = people(150)
    judge = np.clip(np.median(humans, axis=1) + np.tile([0, 0, 1], 50), 1, 5)
    found = compare(judge, humans)

    def ac(values: Floats) -> float:
        return gwet_ac(values, domain=SCALE, weights="quadratic").value or 0.0

    with_judge = [ac(np.column_stack([judge, humans[:, i]])) for i in range(3)]
    among = [ac(np.delete(humans, i, axis=1)) for i in range(3)]
    assert found.judge_leave_one_out.ac.value == pytest.approx(np.mean(with_judge), abs=1e-12)
    assert found.ceiling.ac.value == pytest.approx(np.mean(among), abs=1e-12)
    alphas = []
    for i in range(3):
        replaced = humans.copy()
        replaced[:, i] = judge
        alphas.append(krippendorff_alpha(replaced, domain=SCALE, level="ordinal").value or 0)
    assert found.judge_leave_one_out.alpha.value == pytest.approx(np.mean(alphas), abs=1e-12)
    people_alone = krippendorff_alpha(humans, domain=SCALE, level="ordinal").value
    assert found.ceiling.alpha.value == pytest.approx(people_alone, abs=1e-12)


def test_where_nearly_all_is_passed_ac_stays_readable() -> None:
    """97 of 100 agree on a pass, three differ: kappa is next to nothing, AC1 is not."""
    humans = np.ones((100, 2))
    humans[0, 0] = humans[1, 1] = 0.0
    judge = np.ones(100)
    judge[2] = 0.0
    found = calibrate(judge, humans, domain=(0, 1), level="nominal", pass_at=1)
    assert (found.weighted_kappa.value or 0) < 0.05
    assert (found.judge_leave_one_out.ac.value or 0) > 0.95


def test_the_interval_of_kendalls_tau_is_that_of_the_jackknife() -> None:
    """Brown & Benedetti (1977) allows ties; without them too the two errors are close."""
    random = np.random.default_rng(3)
    for spread in (0.0, 1e-3):
        humans = people(80)
        judge = np.clip(humans[:, 0] + random.integers(-1, 2, 80), 1, 5)
        judge = np.clip(judge + spread * random.random(80), 1, 5)
        mean = humans.mean(axis=1)
        tau = stats.kendalltau(judge, mean).statistic
        left = [
            stats.kendalltau(np.delete(judge, i), np.delete(mean, i)).statistic for i in range(80)
        ]
        found = compare(judge, humans).kendall_tau_b
        assert found.value == pytest.approx(tau)
        assert found.low is not None and found.high is not None
        reach = (np.arctanh(found.high) - np.arctanh(found.low)) / 2
        error = reach / stats.t.ppf(0.975, 79) * (1 - tau**2)
        assert error == pytest.approx(np.sqrt(79 * np.var(left)), rel=0.06)


@pytest.mark.parametrize("times", [4, 200])
def test_perfect_agreement_has_a_lower_limit_that_units_decide(times: int) -> None:
    humans = np.tile([[1.0, 1, 1], [5, 5, 5], [3, 3, 3]], (times, 1))
    found = compare(humans[:, 0], humans)
    for side in (found.judge_leave_one_out, found.ceiling):
        for figure in (side.weighted_kappa, side.ac, side.alpha):
            assert figure.value == pytest.approx(1.0)
            assert figure.interval == "exact: no unit with a disagreement"
            assert figure.low is not None
            assert (figure.low > 0.95) == (times == 200)
    assert found.verdict is (Verdict.TRUST if times == 200 else Verdict.WATCH)


def test_an_infinite_score_is_refused() -> None:
    judge = np.full(20, 3.0)
    judge[3] = np.inf
    with pytest.raises(ValueError, match="a judge's score cannot be infinite"):
        compare(judge, people(20))
