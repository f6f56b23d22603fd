"""How strict each rater is beside the others: known worlds and properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from annotate.stats.severity import severity

SCALE = (1.0, 2.0, 3.0, 4.0, 5.0)
NAN = np.nan


def test_a_rater_who_gives_a_point_more_is_a_point_more_lenient_than_each_of_the_others() -> None:
    base = np.array([1.0, 2.0, 3.0, 4.0, 2.0, 3.0])
    found = severity(np.column_stack([base, base, base + 1]), domain=SCALE)
    assert [one.difference.value for one in found] == pytest.approx([-0.5, -0.5, 1.0])
    assert [one.ratings for one in found] == [6, 6, 6]
    assert found[2].use == pytest.approx((0, 1 / 6, 2 / 6, 2 / 6, 1 / 6))


def test_what_nobody_else_rated_says_nothing_of_severity_but_of_the_use_of_the_scale() -> None:
    values = np.array([[5.0, NAN], [5.0, NAN], [5.0, 5.0], [1.0, 1.0]])
    first, second = severity(values, domain=SCALE)
    assert first.difference.value is None and first.difference.n == 2
    assert first.difference.reason == "shares 2 units with others"
    assert first.use[-1] == 0.75 and second.ratings == 2


def test_who_rated_nothing_has_no_use_of_the_scale() -> None:
    (_, nobody) = severity(np.array([[1.0, NAN], [2.0, NAN]]), domain=SCALE)
    assert (nobody.use, nobody.ratings, nobody.difference.value) == ((), 0, None)


def test_a_value_outside_the_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="not on the scale"):
        severity(np.array([[1.0, 7.0]]), domain=SCALE)


@given(hnp.arrays(np.float64, (8, 3), elements=st.sampled_from([1.0, 2.0, 3.0, 4.0])))
def test_the_differences_of_a_full_panel_cancel_out(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> None:
    found = [one.difference.value for one in severity(values, domain=SCALE)]
    assert sum(value for value in found if value is not None) == pytest.approx(0, abs=1e-9)
    more = [one.difference.value for one in severity(values + 1, domain=SCALE)]
    assert more == pytest.approx(found), "a shift of all is no shift of anybody"
