"""Paired comparison and preferences: published values, exact counts, simulated levels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotate.stats import bradley_terry, compare_by_segment, compare_paired, mcnemar, sign_test
from annotate.stats.figure import Floats, Ints
from tests.unit.stats.published import REFERENCE


def test_mcnemar_is_that_of_statsmodels_and_fagerland() -> None:
    group = REFERENCE["mcnemar"]
    found = mcnemar(group["b"], group["c"])
    assert found.exact == pytest.approx(group["exact"], abs=1e-12)
    assert found.mid_p == pytest.approx(group["midp"], abs=1e-12)


def test_no_discordant_case_is_no_evidence_at_all() -> None:
    assert (mcnemar(0, 0).exact, mcnemar(0, 0).mid_p) == (1.0, 1.0)
    assert (mcnemar(3, 3).exact, mcnemar(3, 3).mid_p) == (1.0, 1.0)
    with pytest.raises(ValueError, match="cannot be below 0"):
        mcnemar(-1, 2)


def test_five_of_five_up_has_one_chance_in_sixteen() -> None:
    assert sign_test(5, 0) == sign_test(0, 5) == 1 / 16


def test_two_configurations_counted_by_hand() -> None:
    """12 cases: B passes four that A fails, A one that B fails."""
    a = np.array([1.0] * 5 + [0] * 7)
    b = np.array([1.0] * 4 + [0] + [1] * 4 + [0] * 3)
    found = compare_paired(a, b)
    assert (found.better, found.worse, found.same) == (4, 1, 7)
    assert found.difference.value == pytest.approx(3 / 12)
    assert (found.test, found.p) == ("McNemar, mid-p", mcnemar(1, 4).mid_p)
    back = compare_paired(b, a)
    assert back.difference.value == pytest.approx(-3 / 12)
    assert back.p == found.p


def test_sign_flips_are_exact_on_few_cases() -> None:
    """Of 2^10 ways to give the differences signs, only all up and all down reach the mean."""
    a = np.arange(10.0)
    found = compare_paired(a, a + np.linspace(0.5, 1.5, 10))
    assert found.test == "sign flips"
    assert found.p == pytest.approx(2 / 1024)


def test_cases_that_one_configuration_lacks_do_not_count() -> None:
    a, b = np.arange(14.0), np.arange(14.0) + 1
    a[:2] = b[12:] = np.nan
    assert compare_paired(a, b).difference.n == 10
    few = compare_paired(a[:9], b[:9])
    assert few.difference.reason == "not enough ratings: 3 more units"
    assert (few.p, few.detectable) == (None, None)
    with pytest.raises(ValueError, match="3 scores beside 4"):
        compare_paired(np.ones(3), np.ones(4))


def test_a_constant_gain_has_no_interval_and_says_why() -> None:
    found = compare_paired(np.arange(12.0), np.arange(12.0) + 0.5)
    assert (found.difference.value, found.difference.low) == (0.5, None)
    assert found.difference.interval.startswith("none")
    same = compare_paired(np.arange(12.0), np.arange(12.0))
    assert (same.p, same.difference.value) == (1.0, 0.0)


def test_segments_are_adjusted_together_and_each_alone() -> None:
    random = np.random.default_rng(2)
    scores: dict[str, tuple[Floats, Floats]] = {}
    for name, gain in {"billing": 0.8, "refunds": 0.0, "small": 0.0}.items():
        a = random.normal(3, 1, 5 if name == "small" else 40)
        scores[name] = a, a + random.normal(gain, 0.7, len(a))
    found = compare_by_segment(scores)
    alone = compare_paired(*scores["billing"])
    assert found["billing"].p == alone.p and alone.p is not None
    assert found["billing"].p_adjusted == pytest.approx(2 * alone.p)
    assert found["refunds"].p_adjusted == found["refunds"].p
    assert found["small"].p_adjusted is None


def test_without_a_difference_one_comparison_in_twenty_calls_one() -> None:
    random, calls, covers = np.random.default_rng(13), 0, 0
    for _ in range(300):
        a = random.integers(1, 6, 40).astype(float)
        found = compare_paired(a, np.clip(a + random.choice([-1, 0, 0, 1], 40), 0, 6))
        assert found.p is not None and found.difference.low is not None
        assert found.difference.high is not None
        calls += found.p <= 0.05
        covers += found.difference.low <= 0 <= found.difference.high
    assert calls / 300 < 0.085
    assert covers / 300 > 0.91


AMERICAN_LEAGUE = np.array(
    [
        [0, 7, 9, 7, 7, 9, 11], [6, 0, 7, 5, 11, 9, 9], [4, 6, 0, 7, 7, 8, 12],
        [6, 8, 6, 0, 6, 7, 10], [6, 2, 6, 7, 0, 7, 12], [4, 4, 5, 6, 6, 0, 6],
        [2, 4, 1, 3, 1, 7, 0],
    ]
)  # fmt: skip


def test_bradley_terry_is_that_of_agresti() -> None:
    """Agresti, Categorical Data Analysis: American League 1987, abilities beside Baltimore's."""
    found = bradley_terry(AMERICAN_LEAGUE, np.zeros_like(AMERICAN_LEAGUE))
    values = np.array([figure.value for figure in found.strengths], dtype=float)
    expected = [1.5814, 1.4364, 1.2945, 1.2476, 1.1077, 0.6839, 0.0]
    assert values - values[-1] == pytest.approx(expected, abs=5e-5)
    assert (found.tie, values.sum()) == (0.0, pytest.approx(0.0, abs=1e-9))
    assert found.p is not None and found.p < 0.001


def test_two_configurations_have_the_log_odds_of_their_wins() -> None:
    found = bradley_terry(np.array([[0, 30], [10, 0]]), np.zeros((2, 2), dtype=int))
    one, other = found.strengths
    assert one.value is not None and other.value is not None
    assert one.value - other.value == pytest.approx(np.log(3), abs=1e-6)
    # The log odds of 30 to 10 have variance 1/30 + 1/10.
    assert one.high is not None
    assert 2 * (one.high - one.value) / 1.959964 == pytest.approx(np.sqrt(4 / 30), abs=1e-6)


def test_ties_between_equals_are_told_apart_from_wins() -> None:
    """Of 60 comparisons of equals 20 are ties: nu / (2 + nu) = 1/3, so nu is 1."""
    found = bradley_terry(np.array([[0, 20], [20, 0]]), np.array([[0, 20], [20, 0]]))
    assert [figure.value for figure in found.strengths] == pytest.approx([0, 0], abs=1e-6)
    assert found.tie == pytest.approx(1.0, abs=1e-5)
    assert found.p == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("wins", "reason"),
    [
        (np.array([[0, 5], [0, 0]]), "one side won every comparison"),
        (np.zeros((3, 3), dtype=int), "no ratings"),
        (np.array([[0, 2, 0], [1, 0, 0], [0, 0, 0]]), "one side won every comparison"),
    ],
)
def test_comparisons_that_do_not_hang_together_have_no_strengths(wins: Ints, reason: str) -> None:
    found = bradley_terry(wins, np.zeros_like(wins))
    for figure in found.strengths:
        assert figure.value is None and figure.reason is not None
        assert figure.reason.startswith(reason)


def test_nothing_but_ties_is_equal_strength_without_an_interval() -> None:
    found = bradley_terry(np.zeros((2, 2), dtype=int), np.array([[0, 9], [9, 0]]))
    assert [(f.value, f.low) for f in found.strengths] == [(0.0, None)] * 2


def test_tables_that_are_no_preferences_are_refused() -> None:
    square = np.array([[0, 1], [2, 0]])
    with pytest.raises(ValueError, match="square and alike"):
        bradley_terry(square, np.zeros((3, 3), dtype=int))
    with pytest.raises(ValueError, match="symmetric"):
        bradley_terry(square, np.array([[0, 1], [2, 0]]))
    with pytest.raises(ValueError, match="not be negative"):
        bradley_terry(-square, np.zeros((2, 2), dtype=int))


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.lists(st.integers(1, 20), min_size=3, max_size=3), min_size=3, max_size=3),
    st.permutations([0, 1, 2]),
)
def test_names_of_configurations_do_not_matter(rows: list[list[int]], order: list[int]) -> None:
    wins = np.array(rows)
    ties = np.ones((3, 3), dtype=int)
    found, again = bradley_terry(wins, ties), bradley_terry(wins[order][:, order], ties)
    moved = [found.strengths[i].value for i in order]
    assert [f.value for f in again.strengths] == pytest.approx(moved, abs=1e-4)
    for figure in found.strengths:
        assert figure.value is not None and figure.low is not None and figure.high is not None
        assert figure.low < figure.value < figure.high
