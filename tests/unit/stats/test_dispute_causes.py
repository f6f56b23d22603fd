"""Why raters differ: built worlds in which the cause is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from annotate.stats.dispute import explain

NAN = np.nan
NEVER = np.full((12, 3), NAN)


def agreed(units: int = 12) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.tile(np.array([[1.0], [2.0], [3.0]]), (units // 3, 3))


def test_who_answers_the_unit_otherwise_when_it_is_shown_again_has_slipped() -> None:
    values, again = agreed(), NEVER.copy()
    values[2, 1] = 1.0
    again[2, 1] = 3.0
    (found,) = explain(values, again, [2])
    assert (found.cause, found.raters, found.here) == ("slip", (1,), True)
    assert (found.count, found.of) == (0, 1)


def test_who_answers_most_repeats_otherwise_is_taken_to_slip() -> None:
    values, again = agreed(), NEVER.copy()
    values[2, 1] = 1.0
    again[[3, 4, 5], 1] = [2.0, 1.0, 3.0]
    (found,) = explain(values, again, [2])
    assert (found.cause, found.raters, found.count, found.of) == ("slip", (1,), 1, 3)
    assert not found.here
    # Two repeats say too little of anybody.
    again[5, 1] = NAN
    assert explain(values, again, [2])[0].cause == "ambiguous"


def test_steady_raters_who_differ_the_same_way_round_read_the_rubric_differently() -> None:
    values = agreed()
    values[[1, 4, 7], 2] = 3.0
    (found,) = explain(values, NEVER, [4])
    assert (found.cause, found.raters, found.count, found.of) == ("unclear rubric", (1, 2), 3, 3)
    # Both ways round is no reading of the rubric.
    values[[2, 5, 8], 2] = 1.0
    assert explain(values, NEVER, [4])[0].cause == "ambiguous"
    # And two units are no pattern.
    values = agreed()
    values[[1, 4], 2] = 3.0
    assert explain(values, NEVER, [4])[0].cause == "ambiguous"


def test_who_is_unsteady_makes_no_pattern() -> None:
    values, again = agreed(), NEVER.copy()
    values[[1, 4, 7], 2] = 3.0
    again[[0, 3, 6], 2] = 3.0
    assert explain(values, again, [4])[0].cause == "slip"


def test_a_split_that_everybody_stands_by_can_be_seen_either_way() -> None:
    values, again = agreed(), NEVER.copy()
    values[2] = [1.0, 3.0, 3.0]
    again[2, [0, 2]] = [1.0, 3.0]
    (found,) = explain(values, again, [2])
    assert (found.cause, found.raters) == ("ambiguous", (0, 2))


def test_a_unit_that_one_person_rated_is_no_slip() -> None:
    values = agreed()
    values[0, 1:] = NAN
    assert explain(values, NEVER, [0])[0].cause == "ambiguous"


def test_repeats_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="repeats"):
        explain(agreed(), np.full((3, 3), NAN), [0])


@given(
    hnp.arrays(np.float64, (6, 4), elements=st.sampled_from([1.0, 2.0, 3.0, NAN])),
    hnp.arrays(np.float64, (6, 4), elements=st.sampled_from([1.0, 2.0, 3.0, NAN])),
    st.permutations(range(4)),
)
def test_the_cause_does_not_hang_on_the_order_of_the_raters(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    again: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    order: list[int],
) -> None:
    rows = list(range(6))
    straight = [one.cause for one in explain(values, again, rows)]
    turned = [one.cause for one in explain(values[:, order], again[:, order], rows)]
    assert straight == turned
