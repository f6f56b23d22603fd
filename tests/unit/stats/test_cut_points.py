"""Cut points: found again where they are known, optimal, and honest about units not seen."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.stats.cut_points import LEAST, at_cuts, fit_cut_points

SCALE = (1.0, 2.0, 3.0)


def test_known_cuts_are_found_again() -> None:
    scores = np.linspace(1, 3, 101)
    people = at_cuts(scores, (1.31, 2.79), SCALE)
    found = fit_cut_points(scores, people, domain=SCALE)
    assert found.cuts == pytest.approx((1.31, 2.79), abs=0.02)
    assert found.after.value is not None and found.before.value is not None
    assert found.after.value > 0.9 > found.before.value


def test_a_lenient_judge_is_brought_back_on_units_that_were_not_used() -> None:
    random = np.random.default_rng(5)
    people = random.integers(1, 4, 300).astype(float)
    scores = np.clip(people * 0.5 + 1.6 + random.normal(0, 0.15, 300), 1, 3)
    found = fit_cut_points(scores, people, domain=SCALE)
    assert found.before.value is not None and found.after.value is not None
    assert found.after.value > found.before.value + 0.2


def test_scores_without_meaning_gain_nothing() -> None:
    random = np.random.default_rng(7)
    people = random.integers(1, 4, 400).astype(float)
    found = fit_cut_points(random.uniform(1, 3, 400), people, domain=SCALE)
    assert found.after.value is not None and found.after.value < 0.12


def test_few_units_give_no_cuts() -> None:
    scores = np.array([1.0, 2.0, np.nan] * LEAST)[: LEAST + 5]
    found = fit_cut_points(scores, np.full(len(scores), 2.0), domain=SCALE)
    known = int((~np.isnan(scores)).sum())
    assert found.cuts is None
    assert found.before.reason == f"not enough ratings: {LEAST - known} more units"


def test_odd_input_is_refused() -> None:
    with pytest.raises(ValueError, match="2 scores for 1"):
        fit_cut_points(np.ones(2), np.ones(1), domain=SCALE)
    with pytest.raises(ValueError, match="two points"):
        fit_cut_points(np.ones(2), np.ones(2), domain=(1.0,))


@given(
    st.lists(
        st.tuples(st.sampled_from([1.0, 1.4, 2.0, 2.2, 2.9]), st.sampled_from(SCALE)),
        min_size=10,
        max_size=16,
    )
)
def test_no_other_cuts_come_nearer(pairs: list[tuple[float, float]]) -> None:
    scores, people = (np.array(side) for side in zip(*pairs, strict=True))
    found = fit_cut_points(scores, people, domain=SCALE, minimum_units=1)
    assert found.cuts is not None and list(found.cuts) == sorted(found.cuts)

    def cost(cuts: tuple[float, ...]) -> float:
        return float(((at_cuts(scores, cuts, SCALE) - people) ** 2).sum())

    others = combinations_with_replacement([0.5, 1.2, 1.7, 2.1, 2.5, 3.5], 2)
    assert cost(found.cuts) <= min(cost(cuts) for cuts in others) + 1e-9
