"""Correlation within inputs and between systems."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from annotate.stats import correlation_between, correlation_within
from annotate.stats.figure import Floats
from tests.unit.stats.published import hanna_judge, hanna_outputs, hanna_people

Names = np.typing.NDArray[np.str_]


def simpson() -> tuple[Floats, Floats, Names]:
    """Eight inputs of four answers: pooled the two rise together, within an input they oppose."""
    level = np.repeat(np.arange(8) * 10.0, 4)
    rank = np.tile(np.arange(4.0), 8)
    return level + rank, level - rank, np.repeat([f"input {i}" for i in range(8)], 4)


def test_what_is_pooled_and_what_is_within_may_oppose_each_other() -> None:
    judge, people, cases = simpson()
    assert stats.spearmanr(judge, people).statistic > 0.9
    found = correlation_within(judge, people, cases)
    assert found.figure.value == pytest.approx(-1)
    assert (found.figure.n, found.constant, found.alone) == (8, 0, 0)
    assert correlation_between(judge, people, cases).value == pytest.approx(1)


def test_hanna_within_prompts_and_between_systems() -> None:
    """Eleven systems wrote a story for each of 96 prompts; both figures as scipy gives them."""
    systems = np.array(list(hanna_outputs().values()))
    case = np.tile(np.arange(96), 11)
    judge = hanna_judge("ChatGPT/prompt1", "coherence", None)
    people = hanna_people("coherence", None).mean(axis=1)
    known = ~np.isnan(judge)
    of_judge, of_people = (
        [side[known & (systems == name)].mean() for name in np.unique(systems)]
        for side in (judge, people)
    )
    between = correlation_between(judge, people, systems)
    assert between.value == pytest.approx(stats.spearmanr(of_judge, of_people).statistic)
    assert between.n == 11
    each = [
        stats.spearmanr(judge[known & (case == i)], people[known & (case == i)]).statistic
        for i in range(96)
    ]
    within = correlation_within(judge, people, case.astype(str))
    assert within.figure.value == pytest.approx(np.nanmean(each))
    assert within.figure.n == 96 - within.constant
    assert within.figure.low is not None and within.figure.high is not None
    assert within.figure.low < np.nanmean(each) < within.figure.high


def test_inputs_that_cannot_be_ranked_are_counted_and_left_out() -> None:
    judge, people, cases = simpson()
    judge[:4] = 3.0
    more = np.array([*cases, "single"])
    found = correlation_within(np.append(judge, 1), np.append(people, 1), more)
    assert (found.figure.n, found.constant, found.alone) == (7, 1, 1)


def test_few_groups_are_not_enough() -> None:
    judge, people, cases = simpson()
    found = correlation_within(judge[:16], people[:16], cases[:16])
    assert found.figure.reason == "not enough ratings: 1 more group"
    between = correlation_between(judge[:12], people[:12], cases[:12])
    assert between.reason == "not enough ratings: 2 more groups"
    nothing = correlation_within(np.empty(0), np.empty(0), np.empty(0, dtype=str))
    assert nothing.figure.value is None


def test_arrays_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="3 and 2 scores of 3 units"):
        correlation_within(np.ones(3), np.ones(2), np.array(["a", "b", "c"]))
    with pytest.raises(ValueError, match="3 and 3 scores of 2 units"):
        correlation_between(np.ones(3), np.ones(3), np.array(["a", "b"]))


@given(st.integers(0, 10_000))
def test_order_of_units_changes_nothing_and_intervals_hold_the_estimate(seed: int) -> None:
    random = np.random.default_rng(seed)
    judge, people = random.integers(1, 6, (2, 60)).astype(float)
    judge[random.random(60) < 0.1] = np.nan
    groups = random.integers(0, 8, 60).astype(str)
    order = random.permutation(60)
    mixed = judge[order], people[order], groups[order]
    within = correlation_within(judge, people, groups)
    between = correlation_between(judge, people, groups)
    assert within == correlation_within(*mixed)
    assert between == correlation_between(*mixed)
    for figure in (within.figure, between):
        if figure.value is not None and figure.low is not None and figure.high is not None:
            assert figure.low <= figure.value <= figure.high
