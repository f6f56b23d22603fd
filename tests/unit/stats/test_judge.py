"""A judge as a stand-in, its probabilities, and on what its errors depend."""

import numpy as np
import pytest
from scipy import stats

from annotate.stats import (
    alternative_annotator_test,
    benjamini_yekutieli,
    group_bias,
    length_bias,
    position_bias,
    reliability,
)
from annotate.stats.figure import Floats

SCALE = (1.0, 2.0, 3.0, 4.0, 5.0)


def panel(seed: int, judge_noise: float, units: int = 120) -> tuple[Floats, Floats]:
    """Four people with noise .7, and a judge with its own."""
    random = np.random.default_rng(seed)
    truth = random.normal(3, 1, units)

    def said(noise: float, columns: int) -> Floats:
        scores = truth[:, None] + random.normal(0, noise, (units, columns))
        found: Floats = np.clip(np.rint(scores), 1, 5)
        return found

    return said(judge_noise, 1)[:, 0], said(0.7, 4)


def test_a_judge_as_good_as_people_may_stand_in_and_a_poor_one_may_not() -> None:
    good = alternative_annotator_test(*panel(1, 0.4), domain=SCALE, level="ordinal")
    poor = alternative_annotator_test(*panel(2, 2.5), domain=SCALE, level="ordinal")
    assert (good.winning_rate, good.passed) == (1.0, True)
    assert (poor.winning_rate, poor.passed) == (0.0, False)
    assert good.advantage is not None and poor.advantage is not None
    assert good.advantage > 0.6 > poor.advantage


def test_one_person_counted_by_hand() -> None:
    """Person 0 says 3 where the others say 3 and 5 (root mean square 1.41) or both 3 (0).

    The judge says 4 on all: it is at distance 1 of both (1), or of neither (1). So it wins the
    first half of the units alone, and person 0 the second half.
    """
    humans = np.array([[3.0, 3, 5]] * 20 + [[3.0, 3, 3]] * 20)
    judge = np.full(40, 4.0)
    found = alternative_annotator_test(judge, humans, domain=SCALE, level="ordinal", epsilon=0.2)
    first = found.people[0]
    assert (first.n, first.judge_wins, first.person_wins) == (40, 0.5, 0.5)
    lost = np.r_[-np.ones(20), np.ones(20)]
    raw = float(stats.ttest_1samp(lost, 0.2, alternative="less").pvalue)
    # Person 2 says 5 beside 3 and 3 (judge closer) or 3 beside 3 and 3 (person closer): alike.
    each = [raw]
    for column in (1, 2):
        others = np.delete(humans, column, axis=1)
        ours = -np.sqrt(((judge[:, None] - others) ** 2).mean(axis=1))
        theirs = -np.sqrt(((humans[:, [column]] - others) ** 2).mean(axis=1))
        d = (theirs >= ours).astype(float) - (ours >= theirs)
        each.append(float(stats.ttest_1samp(d, 0.2, alternative="less").pvalue))
    assert [one.p for one in found.people] == pytest.approx(benjamini_yekutieli(each).tolist())


def test_epsilon_decides_and_is_shown() -> None:
    judge, humans = panel(5, 0.75)
    found = alternative_annotator_test(judge, humans, domain=SCALE, level="ordinal", epsilon=0.2)
    values = list(found.winning_rate_at.values())
    assert values == sorted(values)
    assert found.winning_rate == found.winning_rate_at[0.2]
    assert values[0] < values[-1]


def test_categories_are_compared_by_what_is_equal() -> None:
    humans = np.tile([[0.0, 0, 0], [1, 1, 1], [2, 2, 1]], (15, 1))
    found = alternative_annotator_test(
        humans[:, 0], humans, domain=(0.0, 1.0, 2.0), level="nominal"
    )
    assert found.people[2].judge_wins == 1.0
    assert found.people[2].person_wins == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("people", "units", "reason"),
    [
        (2, 60, "fewer than three people"),
        (3, 25, "not enough ratings: 5 more units that three people rate"),
    ],
)
def test_too_few_people_or_units_say_so(people: int, units: int, reason: str) -> None:
    judge, humans = panel(1, 0.5, units)
    found = alternative_annotator_test(judge, humans[:, :people], domain=SCALE, level="ordinal")
    assert found.winning_rate is None
    assert found.reason is not None and found.reason.startswith(reason)


def test_honest_probabilities_lie_on_the_line_and_boastful_ones_do_not() -> None:
    random = np.random.default_rng(2)
    chance = random.beta(2, 1, 3000)
    passed = (random.random(3000) < chance).astype(float)
    honest = reliability(chance, passed)
    boastful = reliability(np.clip(chance * 1.5, 0, 1), passed)
    assert honest.calibration_error.value is not None
    assert boastful.calibration_error.value is not None
    assert honest.calibration_error.value < 0.03 < 0.1 < boastful.calibration_error.value
    assert honest.brier.value == pytest.approx(((chance - passed) ** 2).mean())
    assert len(honest.bins) == 10
    assert {one.observed.n for one in honest.bins} == {300}


def test_the_calibration_error_counted_by_hand() -> None:
    """Two bins of 20: .2 said and .3 seen, .8 said and .6 seen: (.1 + .2) / 2."""
    chance = np.repeat([0.2, 0.8], 20)
    passed = np.r_[np.ones(6), np.zeros(14), np.ones(12), np.zeros(8)]
    found = reliability(chance, passed, bins=2)
    assert found.calibration_error.value == pytest.approx(0.15)
    assert [one.predicted for one in found.bins] == pytest.approx([0.2, 0.8])
    assert [one.observed.value for one in found.bins] == pytest.approx([0.3, 0.6])
    backwards = reliability(chance[::-1], passed[::-1], bins=2)
    assert backwards == found


@pytest.mark.parametrize(
    ("chance", "passed", "words"),
    [([1.2], [1.0], "lies from 0 to 1"), ([0.5], [2.0], "0 or 1"), ([0.5], [], "1 probabilities")],
)
def test_what_is_no_probability_is_refused(
    chance: list[float], passed: list[float], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        reliability(np.array(chance), np.array(passed))


def test_few_units_and_one_probability_have_their_answers() -> None:
    few = reliability(np.full(9, 0.5), np.ones(9))
    assert few.brier.reason == "not enough ratings: 21 more units"
    one = reliability(np.full(40, 0.75), np.r_[np.ones(30), np.zeros(10)])
    assert len(one.bins) == 1
    assert one.calibration_error.value == pytest.approx(0.0)


def test_a_judge_that_likes_long_responses_is_found() -> None:
    random = np.random.default_rng(9)
    length = np.exp(random.normal(6, 0.8, 300))
    error = 0.3 * np.log2(length / 400) + random.normal(0, 0.5, 300)
    found = length_bias(error, length)
    slope = found.figures["per doubling"]
    assert slope.value == pytest.approx(0.3, abs=0.08)
    assert found.p is not None and found.p < 1e-6
    fair = length_bias(random.normal(0, 0.5, 300), length)
    assert fair.p is not None and fair.p > 0.01
    with pytest.raises(ValueError, match="above 0"):
        length_bias(error[:2], np.array([0.0, 1.0]))


def test_groups_with_other_errors_are_told_apart_and_small_ones_withheld() -> None:
    random = np.random.default_rng(10)
    groups = np.repeat(["a", "b", "c"], [80, 80, 4])
    error = random.normal(0, 0.5, 164) + np.where(groups == "b", 0.6, 0)
    found = group_bias(error, groups)
    assert found.figures["b"].low is not None and found.figures["b"].low > 0.3
    assert found.figures["c"].reason == "not enough ratings: 6 more units"
    assert found.p is not None and found.p < 1e-6
    assert group_bias(error, np.full(164, "one")).p is None


def test_a_judge_that_prefers_what_stands_first_is_found() -> None:
    found = position_bias(both_first=18, both_second=2, consistent=60)
    assert found.consistent.value == pytest.approx(0.75)
    assert found.first.value == pytest.approx(0.9)
    assert found.p is not None and found.p < 0.001
    steady = position_bias(0, 0, 10)
    assert (steady.consistent.value, steady.p, steady.first.value) == (1.0, None, None)
