"""Coarser scales, and which points are confused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.stats import krippendorff_alpha
from annotate.stats.regroup import confusions, cut_at, merge, regroup

SCALE = (1.0, 2.0, 3.0, 4.0, 5.0)
NAN = np.nan


def test_a_cut_makes_two_groups_and_never_an_empty_one() -> None:
    assert cut_at(SCALE, 4) == ((1, 2, 3), (4, 5))
    for wrong in (1, 6):
        with pytest.raises(ValueError, match="one side"):
            cut_at(SCALE, wrong)


def test_neighbours_are_merged_and_the_rest_stays() -> None:
    assert merge(SCALE, [(4, 5), (2, 1)]) == ((1, 2), (3,), (4, 5))
    assert merge((0, 1, 2), [(0, 2)], ordered=False) == ((0, 2), (1,))
    for wrong, words in (
        ([(1, 3)], "no neighbours"),
        ([(1, 2), (2, 3)], "merged twice"),
        ([(5, 6)], "no point"),
        ([SCALE], "one group"),
    ):
        with pytest.raises(ValueError, match=words):
            merge(SCALE, wrong)


def test_values_become_the_places_of_their_groups() -> None:
    values = np.array([[1.0, 2.0, NAN], [3.0, 5.0, 4.0]])
    expected = np.array([[0.0, 0.0, NAN], [1.0, 2.0, 2.0]])
    np.testing.assert_array_equal(regroup(values, ((1, 2), (3,), (4, 5))), expected)
    with pytest.raises(ValueError, match="in no group"):
        regroup(values, ((1, 2), (3,)))


def test_confusions_count_pairs_and_name_their_units() -> None:
    values = np.array([[1.0, 2.0, 2.0], [2.0, 2.0, 2.0], [2.0, NAN, 1.0], [4.0, 5.0, NAN]])
    first, second = confusions(values)
    assert (first.low, first.high, first.pairs, first.units) == (1.0, 2.0, 3, (0, 2))
    assert (second.low, second.high, second.pairs, second.units) == (4.0, 5.0, 1, (3,))


@given(st.lists(st.lists(st.sampled_from(SCALE), min_size=3, max_size=3), min_size=2, max_size=8))
def test_merging_only_takes_confusions_away(rows: list[list[float]]) -> None:
    values = np.array(rows)
    before = sum(one.pairs for one in confusions(values))
    inside = sum(one.pairs for one in confusions(values) if (one.low, one.high) == (4.0, 5.0))
    after = confusions(regroup(values, merge(SCALE, [(4, 5)])))
    assert sum(one.pairs for one in after) == before - inside


@given(st.lists(st.lists(st.sampled_from(SCALE), min_size=3, max_size=3), min_size=2, max_size=8))
def test_a_scale_that_keeps_its_points_keeps_its_nominal_alpha(rows: list[list[float]]) -> None:
    values = np.array(rows)
    groups = merge(SCALE, [])
    places = tuple(float(i) for i in range(len(groups)))
    assert krippendorff_alpha(
        regroup(values, groups), domain=places, level="nominal", resamples=10
    ).value == pytest.approx(
        krippendorff_alpha(values, domain=SCALE, level="nominal", resamples=10).value
    )
