"""From several people's values to one, or to a lead's desk."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.consensus import (
    Consensus,
    Rule,
    Ties,
    consensus,
    dawid_skene_consensus,
    differing,
    rater_weights,
)
from annotate.stats import Level
from annotate.stats.figure import Floats
from tests.unit.stats.published import CROWDKIT

NAN = np.nan
SCALE = (1.0, 2.0, 3.0, 4.0, 5.0)


def of(
    *said: float, level: Level = "ordinal", rule: Rule | None = None, ties: Ties = "dispute"
) -> Consensus:
    """The consensus of one unit."""
    (found,) = consensus(np.array([said]), level=level, domain=SCALE, rule=rule, ties=ties)
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
    assert of(4, 4, 5, rule="mean").how == "mean"


@pytest.mark.parametrize("rule", ["median", "mean"])
def test_categories_have_a_majority_only(rule: Rule) -> None:
    with pytest.raises(ValueError, match=f"categories have no {rule}: use majority"):
        of(4, 5, 5, level="nominal", rule=rule)


@pytest.mark.parametrize(
    ("said", "rule", "lower", "upper"),
    [
        ((1, 1, 2, 2), "majority", 1.0, 2.0),
        ((4, 5, NAN), "median", 4.0, 5.0),
        ((2, 2, 3, 3), "median", 2.0, 3.0),
        ((4, 5, NAN), "mean", 4.0, 5.0),
        ((4, 4, 5, 5), "mean", 4.0, 5.0),
    ],
)
def test_a_rule_may_decide_ties(
    said: tuple[float, ...], rule: Rule, lower: float, upper: float
) -> None:
    assert (of(*said, rule=rule, ties="lower").value, of(*said, rule=rule, ties="upper").value) == (
        lower,
        upper,
    )


def test_without_a_rule_a_tie_is_a_leads() -> None:
    assert of(4, 5, 4, 5, rule="mean").reason == "disputed: the mean lies between two points"
    assert of(4, 5, rule="mean").reason == "disputed: 1 of 2 agree"
    assert of(4, 5, rule="median").disputed


def test_the_mean_settles_on_the_nearest_point_and_is_kept() -> None:
    found = of(4, 4, 5, rule="mean")
    assert (found.value, found.how) == (4.0, "mean")
    assert found.mean == pytest.approx(13 / 3)
    assert of(4, 5, 5, rule="mean").value == 5.0
    assert of(1, 4, 4, rule="mean").reason == "disputed: 3 points apart"


def test_a_consensus_says_how_uncertain_it_is() -> None:
    """Wilson (1927): three of three is at least .44, two of three .21 to .94."""
    alike, apart = of(4, 4, 4), of(4, 4, 5)
    assert alike.distribution == {4.0: 1.0}
    assert apart.distribution == {4.0: pytest.approx(2 / 3), 5.0: pytest.approx(1 / 3)}
    assert alike.entropy == 0
    assert apart.entropy == pytest.approx(np.log2(3) - 2 / 3)
    assert (alike.support.low, alike.support.high) == pytest.approx((0.4385, 1), abs=1e-4)
    assert (apart.support.low, apart.support.high) == pytest.approx((0.2077, 0.9385), abs=1e-4)
    assert of(1, 5).support.reason == "disputed: 4 points apart"


def test_weights_let_a_reliable_rater_outvote_two() -> None:
    values = np.array([[1.0, 2, 2], [2, 2, 2]])
    plain = consensus(values, level="nominal", domain=(1, 2, 3))
    weighted = consensus(
        values, level="nominal", domain=(1, 2, 3), weights=np.array([1.0, 0.2, 0.2])
    )
    assert (plain[0].value, weighted[0].value) == (2.0, 1.0)
    assert weighted[0].distribution == {1.0: pytest.approx(5 / 7), 2.0: pytest.approx(2 / 7)}
    assert weighted[0].agreement == pytest.approx(1 / 3)
    assert differing(plain, weighted) == [0]


def test_equal_weights_change_nothing() -> None:
    values = np.random.default_rng(5).integers(1, 6, size=(200, 4)).astype(float)
    for rule in ("majority", "median", "mean"):
        plain = consensus(values, level="ordinal", domain=SCALE, rule=rule)
        weighted = consensus(
            values, level="ordinal", domain=SCALE, rule=rule, weights=np.full(4, 0.3)
        )
        assert [(c.value, c.reason) for c in plain] == [(c.value, c.reason) for c in weighted]


@pytest.mark.parametrize("weights", [np.array([1.0, -1]), np.array([1.0]), np.array([1, NAN])])
def test_a_weight_below_zero_or_a_missing_one_is_refused(weights: Floats) -> None:
    with pytest.raises(ValueError, match="every rater needs a weight"):
        consensus(np.ones((1, 2)), level="ordinal", domain=SCALE, weights=weights)


def test_a_unit_whose_raters_have_no_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="no weight has no consensus"):
        consensus(
            np.array([[1.0, NAN], [1, 1]]), level="ordinal", domain=SCALE, weights=np.array([0, 1])
        )


def crowd() -> Floats:
    """Sixty units of three categories; the last of six raters guesses."""
    return np.array(CROWDKIT["units_by_raters"], dtype=np.float64)


def test_who_guesses_gets_next_to_no_weight() -> None:
    found = rater_weights(crowd(), domain=(0, 1, 2), level="nominal")
    assert found[5] < 0.1 < 0.2 < found[:5].min()
    # crowd-kit's Wawa orders raters alike: by their agreement with the majority.
    assert found.argsort().tolist()[:3] == np.argsort(CROWDKIT["wawa_skills"]).tolist()[:3]


def test_agreement_weighted_consensus_is_nearly_that_of_crowd_kit() -> None:
    """Wawa compares raters with a majority that contains them; one of sixty units differs."""
    values = crowd()
    weights = rater_weights(values, domain=(0, 1, 2), level="nominal")
    found = consensus(
        values, level="nominal", domain=(0, 1, 2), weights=weights, ties="lower", support=0
    )
    same = [c.value == label for c, label in zip(found, CROWDKIT["wawa_labels"], strict=True)]
    assert sum(same) >= 59


def test_raters_who_never_agree_count_alike() -> None:
    values = np.array([[1.0, 5], [5, 1], [1, 5]])
    assert rater_weights(values, domain=SCALE, level="ordinal").tolist() == [1, 1]


def test_a_rater_who_shares_no_unit_keeps_a_full_weight() -> None:
    values = np.array([[1.0, 1, NAN], [2, 2, NAN], [3, 3, NAN], [NAN, NAN, 4]])
    assert rater_weights(values, domain=SCALE, level="nominal").tolist() == [1, 1, 1]


def test_dawid_and_skene_give_the_labels_of_crowd_kit() -> None:
    """crowd-kit 1.4.2 stops earlier: its posteriors differ by less than .001."""
    found, advised = dawid_skene_consensus(crowd(), domain=(0, 1, 2), prior=0)
    assert advised
    assert [c.value for c in found] == CROWDKIT["dawid_skene_labels"]
    posterior = np.array([[c.distribution[v] for v in (0, 1, 2)] for c in found])
    assert posterior == pytest.approx(np.array(CROWDKIT["dawid_skene"]), abs=1e-3)
    assert all(c.how == "dawid-skene" and not c.disputed for c in found)


def test_dawid_and_skene_are_not_advised_for_three_raters() -> None:
    values = np.random.default_rng(1).integers(1, 6, size=(40, 3)).astype(float)
    found, advised = dawid_skene_consensus(values, domain=SCALE)
    assert not advised
    assert found[0].votes == {v: int((values[0] == v).sum()) for v in sorted(set(values[0]))}
    with pytest.raises(ValueError, match="a unit without ratings has no consensus"):
        dawid_skene_consensus(np.array([[1.0, 1], [NAN, NAN]]), domain=SCALE)


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
