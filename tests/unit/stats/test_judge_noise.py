"""A judge against itself."""

import numpy as np
import pytest

from annotate.stats import judge_noise

NAN = np.nan


def test_three_runs_counted_by_hand() -> None:
    """4 4 5 agrees in one pair of three and lies 2/3 apart on average; 3 3 3 agrees in all."""
    runs = np.array([[4.0, 4, 5], [3, 3, 3]] * 10)
    found = judge_noise(runs)
    assert (found.runs, found.same.n) == (3, 20)
    assert found.same.value == pytest.approx((1 / 3 + 1) / 2)
    assert found.difference.value == pytest.approx((2 / 3) / 2)
    for figure in (found.same, found.difference):
        assert figure.low is not None and figure.value is not None and figure.high is not None
        assert 0 <= figure.low < figure.value < figure.high


def test_a_run_that_did_not_answer_leaves_the_other_pairs() -> None:
    runs = np.array([[4.0, NAN, 5], [3, 3, NAN], [2, NAN, NAN]] * 8)
    found = judge_noise(runs)
    assert (found.same.n, found.same.value, found.difference.value) == (16, 0.5, 0.5)


@pytest.mark.parametrize(
    ("runs", "reason"),
    [
        (np.ones((30, 1)), "no unit was rated twice"),
        (np.empty((0, 3)), "no unit was rated twice"),
        (np.full((30, 3), NAN), "no unit was rated twice"),
        (np.ones((4, 2)), "not enough ratings: 6 more units"),
    ],
)
def test_a_judge_that_was_asked_once_has_no_noise_to_show(runs: np.ndarray, reason: str) -> None:
    assert judge_noise(runs).same.reason == reason


def test_a_judge_that_repeats_itself_to_the_letter_has_none() -> None:
    runs = np.repeat(np.arange(20.0)[:, None], 2, axis=1)
    found = judge_noise(runs)
    assert (found.same.value, found.difference.value) == (1.0, 0.0)
