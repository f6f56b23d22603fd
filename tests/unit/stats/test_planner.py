"""Sample sizes: published values, and simulation of what they promise."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from annotate.stats import (
    anchors_for_shift,
    cases_for_pass_rates,
    cases_for_scores,
    cohen_kappa,
    detectable_shift,
    expected_spread,
    kappa_spread,
    krippendorff_alpha,
    mcnemar,
    rate,
    unit_spread,
    units_for_alpha,
    units_for_correlation,
    units_for_kappa,
    units_for_kappa_bound,
    units_for_kappa_test,
    units_for_rate,
)
from annotate.stats.figure import Floats, Level
from annotate.stats.planner import effective_size, rate_half_width
from tests.unit.stats.published import REFERENCE

ONE_TO_FIVE = (1.0, 2.0, 3.0, 4.0, 5.0)


@pytest.mark.parametrize(
    ("expected", "half_width", "units"),
    [
        (0.85, 0.03, 545), (0.85, 0.05, 196), (0.85, 0.10, 49),
        (0.95, 0.03, 215), (0.95, 0.05, 83), (0.95, 0.10, 25),
        (0.5, 0.03, 1064), (0.5, 0.05, 381), (0.5, 0.10, 93),
    ],
)  # fmt: skip
def test_units_for_a_pass_rate_are_those_of_wilsons_interval(
    expected: float, half_width: float, units: int
) -> None:
    """Reference, section 3.5."""
    assert units_for_rate(expected, half_width) == units
    figure = rate(round(expected * units), units)
    assert figure.low is not None and figure.high is not None
    assert (figure.high - figure.low) / 2 == pytest.approx(half_width, rel=0.06)


@pytest.mark.parametrize(
    ("rho", "half_width", "units"),
    [(0.6, 0.1, 189), (0.6, 0.05, 746), (0.4, 0.1, 295), (0.4, 0.05, 1173), (0.8, 0.1, 72),
     (0.8, 0.05, 269)],
)  # fmt: skip
def test_units_for_a_correlation_are_those_of_bonett_and_wright(
    rho: float, half_width: float, units: int
) -> None:
    """Reference, section 3.5; Bonett & Wright (2000)."""
    assert units_for_correlation(rho, half_width) == units


@pytest.mark.parametrize("case", REFERENCE["mcnemar"]["sample_size"], ids=str)
def test_cases_for_two_pass_rates_are_those_of_connor(case: dict[str, float]) -> None:
    assert cases_for_pass_rates(case["discordant"], case["diff"]) == case["n"]


def test_kappa_sizes_are_those_of_r_kappasize() -> None:
    """CIBinary(.60, .45, props .30, 3 raters) and PowerBinary(.40, .60, .30, 2 raters)."""
    found = [
        units_for_kappa_bound(0.60, 0.45, 0.30, raters=3),
        units_for_kappa_test(0.40, 0.60, 0.30, raters=2),
    ]
    assert found == REFERENCE["kappaSize"]["values"]


def test_connors_cases_find_the_difference_in_eight_of_ten_samples() -> None:
    """Reference: .803 of simulated samples by the mid-p test."""
    n, random = cases_for_pass_rates(0.2, 0.08), np.random.default_rng(3)
    split = random.multinomial(n, [0.06, 0.14, 0.80], size=3000)
    found = np.mean([mcnemar(int(a), int(b)).mid_p <= 0.05 for a, b, _ in split])
    assert 0.77 < found < 0.84


def test_cases_for_scores_find_the_difference_in_eight_of_ten_samples() -> None:
    n, random = cases_for_scores(1.2, 0.3), np.random.default_rng(5)
    drawn = random.normal(0.3, 1.2, size=(3000, n))
    assert 0.77 < np.mean(stats.ttest_1samp(drawn, 0, axis=1).pvalue <= 0.05) < 0.83


def test_anchors_for_a_shift_find_it_at_the_strictest_step_of_holm() -> None:
    n, random = anchors_for_shift(0.6, 0.3), np.random.default_rng(7)
    drawn = random.normal(0.3, 0.6, size=(3000, n))
    assert 0.76 < np.mean(stats.ttest_1samp(drawn, 0, axis=1).pvalue <= 0.05 / 8) < 0.84
    assert detectable_shift(0.6 / np.sqrt(n), tests=8) == pytest.approx(0.3, rel=0.02)


def ratings(random: np.random.Generator, units: int) -> Floats:
    """Three people on mostly good units."""
    truth = random.choice([1.0, 2, 3, 4, 5], size=units, p=[0.05, 0.05, 0.1, 0.2, 0.6])
    noise = random.choice([-1.0, 0, 0, 0, 1], size=(units, 3))
    found: Floats = np.clip(truth[:, None] + noise, 1, 5)
    return found


def test_a_pilots_spread_tells_how_wide_the_interval_of_more_units_will_be() -> None:
    random = np.random.default_rng(11)
    spreads = [
        unit_spread(ratings(random, 60), domain=ONE_TO_FIVE, level="ordinal") for _ in range(30)
    ]
    spread = float(np.median([s for s in spreads if s is not None]))
    n = units_for_alpha(0.10, spread=spread)
    reaches = []
    for _ in range(40):
        found = krippendorff_alpha(
            ratings(random, n), domain=ONE_TO_FIVE, level="ordinal", resamples=400
        )
        assert found.low is not None and found.high is not None
        reaches.append((found.high - found.low) / 2)
    assert np.mean(reaches) == pytest.approx(0.10, rel=0.15)


def test_a_pilot_without_variation_has_no_spread() -> None:
    assert unit_spread(np.ones((20, 2)), domain=ONE_TO_FIVE, level="ordinal") is None
    assert unit_spread(np.ones((2, 2)), domain=ONE_TO_FIVE, level="ordinal") is None


@pytest.mark.parametrize(
    "plan",
    [
        lambda: units_for_rate(1.2, 0.1),
        lambda: units_for_rate(0.5, 0),
        lambda: units_for_correlation(1, 0.1),
        lambda: units_for_alpha(0),
        lambda: cases_for_pass_rates(0.1, 0.2),
        lambda: cases_for_scores(1, 0),
        lambda: anchors_for_shift(0, 1),
        lambda: units_for_kappa_bound(0.4, 0.6, 0.3, raters=2),
        lambda: units_for_kappa_test(0.4, 0.4, 0.3, raters=2),
        lambda: units_for_kappa_test(0.4, 0.6, 1, raters=2),
    ],
)
def test_wishes_that_cannot_be_are_refused(plan: object) -> None:
    with pytest.raises(ValueError, match=r"must|lies|needed"):
        plan()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("alpha", "raters", "units"), [(0.72, 3, 115), (0.57, 3, 169), (0.57, 5, 128), (0.56, 2, 256)]
)
def test_expected_ratings_of_good_units_need_as_many_units_as_the_reference_found(
    alpha: float, raters: int, units: int
) -> None:
    """Section 3.5, five points, 60 % of units at the top: simulated sizes for +-.10."""
    skewed = (0.05, 0.05, 0.1, 0.2, 0.6)
    spread = expected_spread(alpha, skewed, raters=raters, domain=ONE_TO_FIVE, level="ordinal")
    assert units_for_alpha(0.10, spread=spread) == pytest.approx(units, rel=0.03)


@pytest.mark.parametrize(("raters", "level"), [(2, "nominal"), (3, "ordinal"), (4, "interval")])
def test_what_is_expected_is_what_simulated_pilots_have(raters: int, level: Level) -> None:
    """Ratings drawn from the model itself; spreads of single rounds scatter, their mean does not."""
    random, share = np.random.default_rng(17), np.array([0.1, 0.2, 0.3, 0.25, 0.15])
    expected = expected_spread(0.6, share.tolist(), raters=raters, domain=ONE_TO_FIVE, level=level)
    truth = random.choice(5, size=200_000, p=share)
    near = 0.0 if level == "nominal" else 0.9
    kind = random.random((len(truth), raters))
    step = np.clip(truth[:, None] + random.choice([-1, 1], kind.shape), 0, 4)
    other = random.choice(5, size=kind.shape, p=share)
    wrong = np.where(random.random(kind.shape) < near, step, other)

    def given(right: float) -> Floats:
        values: Floats = np.where(kind < right, truth[:, None], wrong) + 1.0
        return values

    low, high = 0.0, 1.0
    while high - low > 1e-3:
        right = (low + high) / 2
        found = krippendorff_alpha(given(right), domain=ONE_TO_FIVE, level=level, resamples=20)
        low, high = (right, high) if (found.value or 0) < 0.6 else (low, right)
    spread = unit_spread(given(right), domain=ONE_TO_FIVE, level=level)
    assert spread == pytest.approx(expected, rel=0.02)


def test_more_raters_need_fewer_units() -> None:
    units = [
        units_for_alpha(
            0.1,
            spread=expected_spread(
                0.6, (0.2, 0.8), raters=raters, domain=(0.0, 1.0), level="nominal"
            ),
        )
        for raters in (2, 3, 5)
    ]
    assert units == sorted(units, reverse=True)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"alpha": 1.0}, "between 0 and 1"),
        ({"prevalence": (0.5, 0.4)}, "adding up to 1"),
        ({"prevalence": (1.0,)}, "a share for each value"),
        ({"raters": 1}, "from 2 to 10"),
        ({"raters": 11}, "from 2 to 10"),
        ({"prevalence": (1.0, 0.0)}, "cannot reach an alpha of 0.6"),
    ],
)
def test_expectations_that_cannot_be_are_refused(wish: dict[str, Any], said: str) -> None:
    usual = {"alpha": 0.6, "prevalence": (0.3, 0.7), "raters": 3}
    with pytest.raises(ValueError, match=said):
        expected_spread(**{**usual, **wish}, domain=(0.0, 1.0), level="nominal")


def test_a_pilot_tells_how_many_units_kappa_needs() -> None:
    random = np.random.default_rng(23)
    pilot = ratings(random, 400)
    spread = kappa_spread(pilot[:, 0], pilot[:, 1], domain=ONE_TO_FIVE, weights="quadratic")
    assert spread is not None
    n = units_for_kappa(0.1, spread=spread)
    drawn = (ratings(random, n) for _ in range(60))
    reaches = [
        (found.high - found.low) / 2
        for values in drawn
        for found in [
            cohen_kappa(values[:, 0], values[:, 1], domain=ONE_TO_FIVE, weights="quadratic")
        ]
        if found.low is not None and found.high is not None
    ]
    assert np.median(reaches) == pytest.approx(0.1, rel=0.15)
    ones = np.ones(20)
    assert kappa_spread(ones, ones, domain=ONE_TO_FIVE, weights="linear") is None
    with pytest.raises(ValueError, match="must be above 0"):
        units_for_kappa(0.1, spread=0)


def test_equal_weights_are_worth_as_many_units_as_there_are() -> None:
    assert effective_size(np.full(30, 7.0)) == pytest.approx(30)


def test_unequal_weights_are_worth_less_as_kish_reckons() -> None:
    """Kish (1965): n over 1 plus the squared coefficient of variation of the weights."""
    weights = np.array([1.0] * 10 + [3.0] * 10)
    assert effective_size(weights) == pytest.approx(20 / (1 + weights.var() / weights.mean() ** 2))
    with pytest.raises(ValueError, match="above 0"):
        effective_size(np.array([1.0, 0.0]))
    with pytest.raises(ValueError, match="above 0"):
        effective_size(np.array([]))


def test_the_half_width_of_a_rate_is_that_of_wilsons_interval() -> None:
    for passed, units in ((17, 20), (1, 40), (90, 100)):
        found = rate(passed, units)
        assert found.low is not None and found.high is not None
        half = (found.high - found.low) / 2
        assert rate_half_width(passed / units, units) == pytest.approx(half)
    assert rate_half_width(0.85, units_for_rate(0.85, 0.05)) <= 0.05
    with pytest.raises(ValueError, match="more than 0"):
        rate_half_width(0.5, 0)
