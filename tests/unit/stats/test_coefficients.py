"""Chance-corrected coefficients: the values of R's irrCAC and irr, and what they must obey."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from annotate.stats import (
    Figure,
    Sampling,
    Weights,
    brennan_prediger,
    cohen_kappa,
    cohen_zero_test,
    conger_kappa,
    fleiss_kappa,
    gwet_ac,
    krippendorff_alpha,
    percent_agreement,
    scott_pi,
    weighted_alpha,
)
from annotate.stats.bootstrap import Z
from annotate.stats.coefficients import IntervalMethod
from annotate.stats.figure import Floats
from tests.unit.stats.published import IRRCAC, REFERENCE, scale_of, units

NAN = np.nan
ONE_TO_FIVE = (1.0, 2.0, 3.0, 4.0, 5.0)
FAMILY: dict[str, Callable[..., Figure]] = {
    "pa": percent_agreement,
    "gwet_ac": gwet_ac,
    "fleiss": fleiss_kappa,
    "brennan_prediger": brennan_prediger,
    "alpha": weighted_alpha,
}


def published() -> list[Any]:
    """(table, weights, coefficient) of every value of the reference."""
    found = []
    for name, group in REFERENCE.items():
        if not isinstance(group, dict):
            continue
        tables = group.get("gwet_family") or (group["values"] if "irrCAC" in name else {})
        found += [
            pytest.param(name, weights, coefficient, value, id=f"{name}-{weights}-{coefficient}")
            for weights, coefficients in tables.items()
            for coefficient, value in coefficients.items()
        ]
    return found


@pytest.mark.parametrize(("name", "weights", "coefficient", "expected"), published())
def test_the_coefficients_and_their_intervals_are_those_of_irrcac(
    name: str, weights: Weights, coefficient: str, expected: dict[str, float]
) -> None:
    """R irrCAC 1.0 (Gwet); the reference keeps the digits that R rounds away."""
    group = REFERENCE[name]
    values = units(group["raters_by_units"])
    scale = tuple(group["domain"]) if "domain" in group else scale_of(values)
    found = FAMILY[coefficient](values, domain=scale, weights=weights)
    assert (found.value, found.low, found.high) == pytest.approx(
        (expected["est"], expected["lo"], expected["hi"]), abs=1e-9
    )
    assert found.interval == "linearised, t"


def ported() -> list[Any]:
    """(table, weights, coefficient) of the values of the Python package irrCAC."""
    return [
        pytest.param(name, weights, coefficient, value, id=f"{name}-{weights}-{coefficient}")
        for name, tables in IRRCAC.items()
        for weights, coefficients in tables.items()
        for coefficient, value in coefficients.items()
    ]


@pytest.mark.parametrize(("name", "weights", "coefficient", "expected"), ported())
def test_congers_kappa_and_further_weights_are_those_of_irrcac(
    name: str, weights: Weights, coefficient: str, expected: tuple[float, float]
) -> None:
    """irrCAC 0.4.4; nltk's `multi_kappa` of the diagnoses, .441809, is Conger's and not Fleiss'."""
    family: dict[str, Callable[..., Figure]] = {
        "conger": conger_kappa,
        "gwet": gwet_ac,
        "fleiss": fleiss_kappa,
        "bp": brennan_prediger,
        "krippendorff": weighted_alpha,
    }
    values = units(REFERENCE[name]["raters_by_units"])
    found = family[coefficient](values, domain=scale_of(values), weights=weights)
    value, error = expected
    assert found.value == pytest.approx(value, abs=1e-11)
    assert found.low is not None
    assert found.value is not None
    rated = values[(~np.isnan(values)).sum(axis=1) >= (2 if coefficient == "krippendorff" else 1)]
    reach = stats.t.ppf(0.975, len(rated) - 1) * error
    assert found.value - found.low == pytest.approx(reach, abs=1e-10)


def test_congers_kappa_of_two_complete_raters_is_cohens() -> None:
    group = REFERENCE["cohen_anxiety_1_2"]
    first, second = np.array(group["a"]), np.array(group["b"])
    values = np.column_stack([first, second])
    scale = (1.0, 2, 3, 4, 5, 6)
    found = conger_kappa(values, domain=scale, weights="linear").value
    assert found == pytest.approx(group["values"]["linear"]["est"], abs=1e-12)


@pytest.mark.parametrize("weights", ["unweighted", "linear", "quadratic"])
def test_no_agreement_beyond_chance_is_tested_as_in_r_irr(weights: Weights) -> None:
    """R irr kappa2, with the standard error under the hypothesis of no agreement."""
    group = REFERENCE["cohen_anxiety_1_2"]
    expected = group["values"][weights]
    found = cohen_zero_test(
        np.array(group["a"]), np.array(group["b"]), domain=(1, 2, 3, 4, 5, 6), weights=weights
    )
    assert found is not None
    assert (found.error, found.z) == pytest.approx((expected["se0"], expected["z"]), abs=1e-12)
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(expected["z"])))


def test_two_diagnosticians_agree_beyond_chance() -> None:
    """R irr kappa2 on diagnoses, raters 1 and 2: z 6.99647."""
    values = units(REFERENCE["diagnoses"]["raters_by_units"])
    found = cohen_zero_test(values[:, 0], values[:, 1], domain=ONE_TO_FIVE, weights="unweighted")
    assert found is not None
    assert found.z == pytest.approx(6.996470769782, abs=1e-11)


def test_raters_who_cannot_agree_beyond_chance_have_no_test() -> None:
    same, varied = np.ones(5), np.array([1.0, 2, 1, 2, 1])
    assert cohen_zero_test(same, same, domain=ONE_TO_FIVE, weights="linear") is None
    assert cohen_zero_test(same, varied, domain=ONE_TO_FIVE, weights="linear") is None


@pytest.mark.parametrize("interval", ["bca", "percentile", "jackknife"])
@pytest.mark.parametrize("coefficient", ["pa", "gwet_ac", "fleiss", "brennan_prediger", "alpha"])
def test_resampled_intervals_are_near_the_analytic_ones(
    coefficient: str, interval: IntervalMethod
) -> None:
    """HK2007: 40 units, no rating far from the rest."""
    values = units(REFERENCE["HK2007"]["raters_by_units"])
    analytic = FAMILY[coefficient](values, domain=(0, 1, 2, 3), weights="quadratic")
    found = FAMILY[coefficient](
        values, domain=(0, 1, 2, 3), weights="quadratic", sampling=Sampling(interval)
    )
    assert found.value == analytic.value
    assert (found.low, found.high) == pytest.approx((analytic.low, analytic.high), abs=0.06)
    assert found.interval != analytic.interval
    assert found.seed is not None


@pytest.mark.parametrize("interval", ["bca", "percentile", "jackknife"])
def test_kappas_of_two_have_every_interval(interval: IntervalMethod) -> None:
    values = units(REFERENCE["diagnoses"]["raters_by_units"])
    first, second = values[:, 0], values[:, 1]
    sampling = Sampling(interval)
    for of_two in (cohen_kappa, scott_pi):
        analytic = of_two(first, second, domain=ONE_TO_FIVE, weights="unweighted")
        found = of_two(first, second, domain=ONE_TO_FIVE, weights="unweighted", sampling=sampling)
        assert found.value == analytic.value
        assert (found.low, found.high) == pytest.approx((analytic.low, analytic.high), abs=0.12)
    several = conger_kappa(values, domain=ONE_TO_FIVE, sampling=sampling)
    analytic = conger_kappa(values, domain=ONE_TO_FIVE)
    assert (several.low, several.high) == pytest.approx((analytic.low, analytic.high), abs=0.04)


def test_a_resampled_interval_of_a_finite_population_is_refused() -> None:
    values = units(REFERENCE["HK2007"]["raters_by_units"])
    with pytest.raises(ValueError, match="finite population"):
        fleiss_kappa(values, domain=(0, 1, 2, 3), sampling=Sampling("bca", population=80))


def test_ratio_weights_need_a_scale_without_negative_values() -> None:
    values = np.array([[-1.0, 1], [1, 1], [-1, -1]])
    with pytest.raises(ValueError, match="no value below 0, this one has -1"):
        fleiss_kappa(values, domain=(-1, 1), weights="ratio")


def test_fleiss_kappa_of_the_diagnoses_is_that_of_r_irr_and_statsmodels() -> None:
    """R irr kappam.fleiss .430244520060; statsmodels, nltk `pi()` and raters agree."""
    group = REFERENCE["diagnoses"]
    values = units(group["raters_by_units"])
    found = fleiss_kappa(values, domain=ONE_TO_FIVE)
    assert found.value == pytest.approx(0.430244520060, abs=5e-13)
    randolph = brennan_prediger(values, domain=ONE_TO_FIVE)
    assert randolph.value == pytest.approx(0.444444, abs=5e-7)


@pytest.mark.parametrize("weights", ["unweighted", "linear", "quadratic"])
def test_cohens_kappa_is_that_of_r_irr(weights: Weights) -> None:
    """R irr kappa2; standard error of Fleiss, Cohen & Everitt (1969)."""
    group = REFERENCE["cohen_anxiety_1_2"]
    expected = group["values"][weights]
    found = cohen_kappa(
        np.array(group["a"]), np.array(group["b"]), domain=(1, 2, 3, 4, 5, 6), weights=weights
    )
    assert found.value == pytest.approx(expected["est"], abs=1e-12)
    reach = Z * expected["se"]
    assert (found.low, found.high) == pytest.approx(
        (expected["est"] - reach, expected["est"] + reach), abs=1e-9
    )


def test_cohens_kappa_of_two_diagnosticians_is_that_of_r_irr() -> None:
    """R irr kappa2 on diagnoses, raters 1 and 2: .651162790698, se .0996826561."""
    values = units(REFERENCE["diagnoses"]["raters_by_units"])
    found = cohen_kappa(values[:, 0], values[:, 1], domain=ONE_TO_FIVE, weights="unweighted")
    assert found.value == pytest.approx(0.651162790698, abs=1e-12)
    assert found.high == pytest.approx(0.651162790698 + Z * 0.0996826561, abs=1e-9)


def test_a_point_of_the_scale_that_nobody_used_still_counts() -> None:
    """Packages that infer the scale weigh a step of 2 to 5 like one of 2 to 3.

    Reference, section 1.2: same units, AC1 over 2, 3 and 5 declared points.
    """
    first, second = np.array([1.0, 2, 5, 5, 1, 2]), np.array([1.0, 1, 5, 2, 1, 5])
    found = cohen_kappa(first, second, domain=ONE_TO_FIVE, weights="quadratic").value
    assert found is not None
    chance = ((first[:, None] - second[None, :]) ** 2).mean()
    assert found == pytest.approx(1 - ((first - second) ** 2).mean() / chance)
    ranks = {1.0: 1.0, 2.0: 2.0, 5.0: 3.0}
    inferred = cohen_kappa(
        np.vectorize(ranks.get)(first), np.vectorize(ranks.get)(second),
        domain=(1, 2, 3), weights="quadratic",
    ).value  # fmt: skip
    assert inferred is not None
    assert abs(found - inferred) > 0.01


def test_the_declared_scale_decides_what_chance_is() -> None:
    """Reference, section 1.2: ten units over 2, 3 and 5 declared points; alpha is .536 in all."""
    values = np.array([[1.0, 1]] * 7 + [[2, 2], [2, 1], [2, 2]])[:, :2]
    scales = [(1.0, 2.0), (1.0, 2.0, 3.0), ONE_TO_FIVE]
    ac = [gwet_ac(values, domain=scale, weights="unweighted").value for scale in scales]
    bp = [brennan_prediger(values, domain=scale).value for scale in scales]
    alpha = [
        krippendorff_alpha(values, domain=scale, level="nominal", resamples=20).value
        for scale in scales
    ]
    assert ac == sorted(ac) and len(set(ac)) == 3  # type: ignore[type-var]
    assert bp == pytest.approx([0.8, 0.85, 0.875])
    assert len(set(alpha)) == 1


@pytest.mark.parametrize("coefficient", ["fleiss", "alpha"])
def test_one_value_throughout_is_undefined_where_chance_is_certain(coefficient: str) -> None:
    found = FAMILY[coefficient](np.full((12, 3), 4.0), domain=ONE_TO_FIVE)
    assert (found.value, found.reason) == (None, "no variation: every rating is the same")


@pytest.mark.parametrize("coefficient", ["pa", "brennan_prediger"])
def test_one_value_throughout_is_full_agreement_where_chance_is_not(coefficient: str) -> None:
    assert FAMILY[coefficient](np.full((12, 3), 4.0), domain=ONE_TO_FIVE).value == 1.0


@pytest.mark.parametrize("coefficient", sorted(FAMILY))
@pytest.mark.parametrize(
    "values",
    [np.full((4, 3), NAN), np.empty((0, 3)), np.array([[1.0, NAN], [NAN, 2]])],
    ids=["all missing", "no unit", "no overlap"],
)
def test_nothing_rated_twice_is_undefined(coefficient: str, values: Floats) -> None:
    found = FAMILY[coefficient](values, domain=ONE_TO_FIVE, weights="unweighted")
    assert (found.value, found.reason) == (None, "no unit was rated twice")


def test_a_sample_of_nearly_all_units_leaves_next_to_no_doubt() -> None:
    values = units(REFERENCE["diagnoses"]["raters_by_units"])
    sample = fleiss_kappa(values, domain=ONE_TO_FIVE)
    half = fleiss_kappa(values, domain=ONE_TO_FIVE, sampling=Sampling(population=60))
    whole = fleiss_kappa(values, domain=ONE_TO_FIVE, sampling=Sampling(population=30))
    widths = [f.high - f.low for f in (sample, half, whole)]  # type: ignore[operator]
    assert widths[1] == pytest.approx(widths[0] * np.sqrt(0.5))
    assert widths[2] == 0.0


def test_two_columns_of_different_length_are_refused() -> None:
    one, other = np.ones(3), np.ones(4)
    with pytest.raises(ValueError, match="3 values beside 4"):
        scott_pi(one, other, domain=(0, 1))
    with pytest.raises(ValueError, match="3 values beside 4"):
        cohen_kappa(one, other, domain=(0, 1), weights="linear")


RATING = st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0, NAN])
MATRIX = st.integers(2, 4).flatmap(
    lambda raters: st.lists(
        st.lists(RATING, min_size=raters, max_size=raters), min_size=1, max_size=25
    )
).map(lambda rows: np.array(rows, dtype=np.float64))  # fmt: skip
WEIGHTS = st.sampled_from(["unweighted", "linear", "quadratic", "radical", "ordinal"])


@settings(deadline=None)
@given(MATRIX, WEIGHTS, st.sampled_from(sorted(FAMILY)), st.randoms(use_true_random=False))
def test_order_and_empty_raters_change_nothing_and_intervals_hold_the_estimate(
    values: Floats, weights: Weights, coefficient: str, random: Any
) -> None:
    found = FAMILY[coefficient](values, domain=ONE_TO_FIVE, weights=weights)
    rows, columns = list(range(len(values))), list(range(values.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    other = np.column_stack([values[rows][:, columns], np.full(len(values), NAN)])
    again = FAMILY[coefficient](other, domain=ONE_TO_FIVE, weights=weights)
    assert (again.value, again.low, again.high) == pytest.approx(
        (found.value, found.low, found.high), abs=1e-9
    )
    assert (found.value is None) == (found.reason is not None)
    if found.value is not None and found.low is not None and found.high is not None:
        assert found.low - 1e-12 <= found.value <= found.high + 1e-12


@settings(deadline=None)
@given(MATRIX)
def test_alpha_in_agreement_form_is_krippendorffs(values: Floats) -> None:
    """Unweighted is nominal alpha; quadratic weights are its interval level."""
    for weights, level in (("unweighted", "nominal"), ("quadratic", "interval")):
        form = weighted_alpha(values, domain=ONE_TO_FIVE, weights=weights)  # type: ignore[arg-type]
        alpha = krippendorff_alpha(values, domain=ONE_TO_FIVE, level=level, resamples=20)  # type: ignore[arg-type]
        assert form.reason == alpha.reason
        assert form.value == pytest.approx(alpha.value, abs=1e-9)


@settings(deadline=None)
@given(MATRIX)
def test_scotts_pi_is_nominal_alpha_without_its_correction_for_few_ratings(values: Floats) -> None:
    """Krippendorff: alpha = 1 - (1 - pi) (n - 1) / n, n ratings of two complete raters."""
    pair = values[:, :2]
    pi = scott_pi(pair[:, 0], pair[:, 1], domain=ONE_TO_FIVE)
    complete = pair[~np.isnan(pair).any(axis=1)]
    alpha = krippendorff_alpha(complete, domain=ONE_TO_FIVE, level="nominal", resamples=20)
    n = complete.size
    if pi.value is None:
        assert alpha.value is None
    else:
        assert alpha.value == pytest.approx(1 - (1 - pi.value) * (n - 1) / n, abs=1e-9)


@pytest.mark.parametrize("interval", ["analytic", "bca", "jackknife"])
@pytest.mark.parametrize("n", [12, 60])
def test_raters_without_a_disagreement_leave_room_for_units_not_seen(
    n: int, interval: IntervalMethod
) -> None:
    """A share of 1 - .025^(1/n) of units may still hold a disagreement: 27 % of 12 units."""
    values = np.tile([[1.0, 1], [5, 5], [3, 3]], (n // 3, 1))
    share = 1 - 0.025 ** (1 / n)
    sampling = Sampling(interval)
    percent = percent_agreement(values, domain=ONE_TO_FIVE, sampling=sampling)
    assert (percent.value, percent.high) == (1.0, 1.0)
    assert percent.low == pytest.approx(1 - share)
    assert percent.interval == "exact: no unit with a disagreement"
    by_chance: dict[Callable[..., Figure], float]
    by_chance = {fleiss_kappa: 1 / 3, conger_kappa: 1 / 3, weighted_alpha: 1 / 3}
    by_chance[brennan_prediger] = 1 / 5
    for coefficient, chance in by_chance.items():
        found = coefficient(values, domain=ONE_TO_FIVE, sampling=sampling)
        assert found.value == pytest.approx(1.0)
        # Units with a disagreement hardly change what chance is.
        assert found.low == pytest.approx(1 - share / (1 - chance), abs=0.06)
    kappa = cohen_kappa(
        values[:, 0], values[:, 1], domain=ONE_TO_FIVE, weights="unweighted", sampling=sampling
    )
    assert kappa.low == pytest.approx(1 - share / (1 - 1 / 3), abs=0.06)


def test_the_bound_of_unanimous_raters_is_one_that_a_disagreement_could_reach() -> None:
    """Twelve units seen alike and 27 % more of them apart: kappa of the whole is the bound."""
    values = np.tile([[1.0, 1], [5, 5], [3, 3]], (400, 1))
    apart = round(1200 * (1 - 0.025 ** (1 / 12)) / 0.025 ** (1 / 12))
    whole = np.vstack([values, np.tile([[1.0, 5], [5, 1]], (apart // 2, 1))])
    few = brennan_prediger(values[:12], domain=ONE_TO_FIVE, weights="quadratic")
    many = brennan_prediger(whole, domain=ONE_TO_FIVE, weights="quadratic")
    assert few.low == pytest.approx(many.value, abs=0.01)


def test_a_constant_rater_beside_a_varied_one_has_no_interval() -> None:
    """Whatever units are drawn, kappa is 0: that says nothing of how sure it is."""
    found = cohen_kappa(
        np.ones(12), np.tile([1.0, 2, 3], 4), domain=ONE_TO_FIVE, weights="unweighted"
    )
    assert found.value == pytest.approx(0.0)
    assert (found.low, found.high) == (None, None)
    assert found.interval == "none: it makes no difference which units are drawn"


def test_quadratic_kappa_counts_a_point_that_nobody_used() -> None:
    """Reference, section 1.2: 9/11, where scikit-learn without `labels=` answers .7297.

    It takes 1, 3, 4 and 5 for four even steps; so would we, were they declared so.
    """
    pairs = [[1, 1], [3, 3], [3, 3], [4, 4], [4, 5], [5, 3], [5, 5], [5, 5]]
    first, second = np.array(pairs, dtype=np.float64).T
    found = cohen_kappa(first, second, domain=ONE_TO_FIVE, weights="quadratic")
    assert found.value == pytest.approx(9 / 11, abs=1e-12)
    steps = {1.0: 1.0, 3.0: 2.0, 4.0: 3.0, 5.0: 4.0}
    even = [np.array([steps[value] for value in side]) for side in (first, second)]
    squeezed = cohen_kappa(*even, domain=ONE_TO_FIVE[:4], weights="quadratic")
    assert squeezed.value == pytest.approx(0.7297, abs=5e-5)


TABLES_OF_MANY = st.integers(0, 100_000).map(
    lambda seed: np.where(
        np.random.default_rng(seed).random((12, 4)) < 0.25,
        NAN,
        np.random.default_rng(seed + 1).integers(1, 6, (12, 4)).astype(float),
    )
)
OF_MANY = (
    percent_agreement, gwet_ac, fleiss_kappa, brennan_prediger, conger_kappa, weighted_alpha,
)  # fmt: skip


def same(found: Figure, other: Figure) -> None:
    """Two figures that differ by rounding only."""
    for name in ("value", "low", "high"):
        one, another = getattr(found, name), getattr(other, name)
        assert one == (another if another is None else pytest.approx(another, abs=1e-9)), name
    assert found.reason == other.reason


@settings(deadline=None)
@given(TABLES_OF_MANY, st.randoms())
def test_order_of_raters_and_units_and_an_empty_rater_change_no_coefficient(
    values: Floats, random: Any
) -> None:
    rows, columns = list(range(12)), list(range(4))
    random.shuffle(rows)
    random.shuffle(columns)
    for coefficient in OF_MANY:
        found = coefficient(values, domain=ONE_TO_FIVE, weights="linear")
        same(found, coefficient(values[rows][:, columns], domain=ONE_TO_FIVE, weights="linear"))
        wider = np.column_stack([values, np.full(12, NAN)])
        same(found, coefficient(wider, domain=ONE_TO_FIVE, weights="linear"))


@settings(deadline=None)
@given(TABLES_OF_MANY, st.permutations(ONE_TO_FIVE))
def test_names_of_categories_change_no_unweighted_coefficient(
    values: Floats, names: list[float]
) -> None:
    renamed = np.where(
        np.isnan(values), NAN, np.array(names)[np.nan_to_num(values, nan=1).astype(int) - 1]
    )
    for coefficient in OF_MANY:
        found = coefficient(values, domain=ONE_TO_FIVE, weights="unweighted")
        same(found, coefficient(renamed, domain=ONE_TO_FIVE, weights="unweighted"))


@settings(deadline=None)
@given(TABLES_OF_MANY)
def test_a_coefficient_is_one_only_without_a_disagreement(values: Floats) -> None:
    paired = values[(~np.isnan(values)).sum(axis=1) >= 2]
    apart = any(len(set(row[~np.isnan(row)])) > 1 for row in paired)
    for coefficient in OF_MANY:
        found = coefficient(values, domain=ONE_TO_FIVE, weights="unweighted").value
        if found is not None:
            assert (found > 1 - 1e-12) == (not apart)


@settings(deadline=None, max_examples=30)
@given(TABLES_OF_MANY, st.sampled_from(["analytic", "bca", "percentile", "jackknife"]))
def test_every_interval_of_a_coefficient_holds_it(values: Floats, interval: IntervalMethod) -> None:
    for coefficient in OF_MANY:
        found = coefficient(
            values, domain=ONE_TO_FIVE, weights="quadratic",
            sampling=Sampling(interval, resamples=60),
        )  # fmt: skip
        if found.value is not None and found.low is not None and found.high is not None:
            assert found.low <= found.value <= found.high <= 1
