"""Whether two raters use the scale alike: statsmodels' values, and what must hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from annotate.stats import marginal_homogeneity
from annotate.stats.figure import Floats
from tests.unit.stats.published import REFERENCE, units

ONE_TO_FIVE = (1.0, 2.0, 3.0, 4.0, 5.0)


def diagnosticians(first: int, second: int) -> tuple[Floats, Floats]:
    values = units(REFERENCE["diagnoses"]["raters_by_units"])
    return values[:, first], values[:, second]


@pytest.mark.parametrize(
    ("second", "stuart_maxwell", "bhapkar", "freedom"),
    [(1, 7.413793103448278, 9.847328244274818, 3), (5, 23.17107692307692, 101.79237631792378, 4)],
)
def test_diagnosticians_differ_as_statsmodels_says(
    second: int, stuart_maxwell: float, bhapkar: float, freedom: int
) -> None:
    """statsmodels, SquareTable.homogeneity, on R irr's diagnoses.

    The first two never differ on the fifth diagnosis: it says nothing, and counts no degree of
    freedom (statsmodels counts one).
    """
    found = marginal_homogeneity(*diagnosticians(0, second), domain=ONE_TO_FIVE, level="nominal")
    assert found.stuart_maxwell == pytest.approx(stuart_maxwell, abs=1e-9)
    assert found.bhapkar == pytest.approx(bhapkar, abs=1e-8)
    assert found.freedom == freedom
    assert found.p == pytest.approx(stats.chi2.sf(bhapkar, freedom), abs=1e-12)
    assert found.difference.reason == "a nominal scale has no distances"


def test_two_eyes_of_7477_women_differ_a_little() -> None:
    """Stuart (1953), unaided distance vision: chi-square 11.96 with 3 degrees of freedom."""
    table = np.array([[1520, 266, 124, 66], [234, 1512, 432, 78], [117, 362, 1772, 205],
                      [36, 82, 179, 492]])  # fmt: skip
    first, second = (np.repeat(side.ravel() + 1.0, table.ravel()) for side in np.indices((4, 4)))
    found = marginal_homogeneity(first, second, domain=(1, 2, 3, 4), level="ordinal")
    assert found.stuart_maxwell == pytest.approx(11.95656962298254, abs=1e-9)
    assert found.bhapkar == pytest.approx(11.97572015552566, abs=1e-9)
    assert found.p == pytest.approx(0.007466797469724007, abs=1e-12)
    assert found.first == pytest.approx(tuple(table.sum(axis=1) / 7477))


def test_with_two_values_it_is_mcnemars_test() -> None:
    first = np.repeat([1.0, 1, 0, 0], [10, 5, 16, 9])
    second = np.repeat([1.0, 0, 1, 0], [10, 5, 16, 9])
    found = marginal_homogeneity(first, second, domain=(0, 1), level="nominal")
    assert found.stuart_maxwell == pytest.approx((16 - 5) ** 2 / (16 + 5))
    assert found.freedom == 1
    assert found.difference.value == pytest.approx(-11 / 40)


def test_the_more_lenient_rater_is_so_many_points_above() -> None:
    strict = np.tile([1.0, 2, 3, 4, 3, 2], 10)
    lenient = strict + np.tile([1.0, 0, 1], 20)
    found = marginal_homogeneity(lenient, strict, domain=ONE_TO_FIVE, level="ordinal")
    assert found.difference.value == pytest.approx(2 / 3)
    expected = stats.ttest_rel(lenient, strict).confidence_interval()
    assert (found.difference.low, found.difference.high) == pytest.approx(tuple(expected))
    assert found.p is not None and found.p < 0.001


def test_raters_who_never_differ_have_nothing_to_test() -> None:
    same = np.array([1.0, 2, 3, np.nan])
    found = marginal_homogeneity(same, same, domain=ONE_TO_FIVE, level="ordinal")
    assert (found.p, found.freedom, found.difference.value) == (None, 0, 0.0)
    nothing = np.full(3, np.nan)
    empty = marginal_homogeneity(nothing, nothing, domain=ONE_TO_FIVE, level="ordinal")
    assert empty.difference.reason == "no unit was rated twice"
    with pytest.raises(ValueError, match="3 values beside 2"):
        marginal_homogeneity(np.ones(3), np.ones(2), domain=ONE_TO_FIVE, level="ordinal")
    with pytest.raises(ValueError, match="value 7 is not on the scale"):
        marginal_homogeneity(np.full(2, 7.0), np.ones(2), domain=ONE_TO_FIVE, level="ordinal")


def test_the_test_holds_its_level_where_raters_use_the_scale_alike() -> None:
    random, small = np.random.default_rng(6), 0
    for _ in range(600):
        truth = random.integers(1, 6, 120)
        first, second = np.clip(truth + random.choice([-1, 0, 0, 1], (2, 120)), 1.0, 5.0)
        found = marginal_homogeneity(first, second, domain=ONE_TO_FIVE, level="ordinal")
        small += found.p is not None and found.p <= 0.05
    assert 0.03 < small / 600 < 0.085


@given(st.lists(st.tuples(*[st.sampled_from(ONE_TO_FIVE)] * 2), min_size=1, max_size=30))
def test_turning_the_raters_round_turns_the_difference_and_nothing_else(
    pairs: list[tuple[float, float]],
) -> None:
    first, second = np.array(pairs).T
    found = marginal_homogeneity(first, second, domain=ONE_TO_FIVE, level="ordinal")
    turned = marginal_homogeneity(second, first, domain=ONE_TO_FIVE, level="ordinal")
    assert (found.first, found.second) == (turned.second, turned.first)
    assert found.difference.value == pytest.approx(-(turned.difference.value or 0.0))
    for name in ("stuart_maxwell", "bhapkar", "p"):
        one, other = getattr(found, name), getattr(turned, name)
        assert one == (other if other is None else pytest.approx(other, rel=1e-6))
