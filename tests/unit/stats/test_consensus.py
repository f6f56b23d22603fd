"""From several people's values to one, or to a lead's desk."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.consensus import Consensus, Rule, consensus
from annotate.stats import Level

NAN = np.nan
SCALE = (1.0, 2.0, 3.0, 4.0, 5.0)


def of(*said: float, level: Level = "ordinal", rule: Rule | None = None) -> Consensus:
    """The consensus of one unit."""
    (found,) = consensus(np.array([said]), level=level, domain=SCALE, rule=rule)
    return found


def test_people_who_all_say_the_same_are_unanimous() -> None:
    found = of(4, 4, 4)
    assert found == Consensus(4.0, "unanimous", {4.0: 3}, 1.0, False)


def test_one_rater_alone_gives_no_value_and_no_dispute() -> None:
    found = of(NAN, 4, NAN)
    assert found == Consensus(None, "single", {4.0: 1}, 1.0, False, "only one person rated it")


@pytest.mark.parametrize(
    ("said", "value"),
    [((4, 4, 5), 4.0), ((4, 5, 5), 5.0), ((2, 2, 3, 3), 2.0), ((1, 1, 2, NAN), 1.0)],
)
def test_neighbouring_points_settle_on_the_lower_median(
    said: tuple[float, ...], value: float
) -> None:
    found = of(*said)
    assert (found.value, found.how, found.disputed) == (value, "median", False)


def test_a_median_says_how_many_gave_just_that_value() -> None:
    assert of(4, 5, 5).agreement == pytest.approx(2 / 3)
    assert of(4, 5, 5).votes == {4.0: 1, 5.0: 2}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ((1, 1, 3), "disputed: 2 points apart"),
        ((1, 2, 5), "disputed: 4 points apart"),
        ((4, 5, NAN), "disputed: 1 of 2 agree"),
    ],
)
def test_what_lies_apart_waits_for_a_lead(said: tuple[float, ...], reason: str) -> None:
    found = of(*said)
    assert (found.value, found.how, found.disputed) == (None, "undecided", True)
    assert found.reason == reason


def test_points_apart_are_counted_on_the_scale_and_not_in_its_numbers() -> None:
    """0, 50 and 100: a step of fifty is one point."""
    values = np.array([[0.0, 50, 50], [0, 0, 100]])
    near, far = consensus(values, level="ordinal", domain=(0, 50, 100))
    assert (near.value, near.how) == (50.0, "median")
    assert far.reason == "disputed: 2 points apart"


@pytest.mark.parametrize(
    ("said", "value", "how"),
    [
        ((1, 1, 5), 1.0, "majority"),
        ((3, 3, 1, 1), None, "undecided"),
        ((1, 2, 3), None, "undecided"),
        ((2, 2, 2, 1, 3), None, "undecided"),
        ((2, 2, 2, 2, 1, 3), 2.0, "majority"),
    ],
)
def test_categories_go_by_two_thirds(
    said: tuple[float, ...], value: float | None, how: str
) -> None:
    found = of(*said, level="nominal")
    assert (found.value, found.how, found.disputed) == (value, how, value is None)


def test_a_tie_is_called_a_tie() -> None:
    assert of(1, 1, 2, 2, level="nominal").reason == "disputed: a tie"


def test_on_two_values_the_majority_decides_whatever_the_level() -> None:
    values = np.array([[0.0, 1, 1]])
    (found,) = consensus(values, level="ordinal", domain=(0, 1))
    assert (found.value, found.how) == (1.0, "majority")


def test_the_rule_may_be_given() -> None:
    assert of(1, 1, 5, rule="majority").value == 1.0
    assert of(4, 5, 5, level="nominal", rule="median").how == "median"


def test_a_unit_that_nobody_rated_is_refused() -> None:
    with pytest.raises(ValueError, match="a unit without ratings has no consensus"):
        of(NAN, NAN)


def test_a_value_outside_the_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="value 7 is not on the scale"):
        of(7, 7)


@given(st.lists(st.sampled_from(SCALE), min_size=2, max_size=6), st.randoms())
def test_order_of_raters_does_not_matter(said: list[float], random: st.DataObject) -> None:
    turned = list(said)
    random.shuffle(turned)  # type: ignore[attr-defined]
    assert of(*said) == of(*turned)
    assert of(*said, level="nominal") == of(*turned, level="nominal")


@given(
    st.lists(st.sampled_from(SCALE), min_size=2, max_size=6),
    st.sampled_from(["nominal", "ordinal"]),
)
def test_a_value_was_given_by_somebody_and_a_dispute_has_none(
    said: list[float], level: Level
) -> None:
    found = of(*said, level=level)
    assert (found.value is None) == found.disputed == (found.reason is not None)
    assert found.value is None or found.value in said
    assert sum(found.votes.values()) == len(said)


def test_fifty_thousand_units_take_a_moment() -> None:
    values = np.random.default_rng(0).integers(1, 6, size=(50_000, 5)).astype(float)
    start = time.perf_counter()
    found = consensus(values, level="ordinal", domain=SCALE)
    assert len(found) == 50_000
    assert time.perf_counter() - start < 2
