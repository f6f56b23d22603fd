"""Agreement: published values, real ratings, and data on which other packages fail."""

from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from annotate.stats import (
    Figure,
    agreement,
    benjamini_hochberg,
    benjamini_yekutieli,
    brennan_prediger,
    gwet_ac,
    holm,
    intra_rater,
    krippendorff_alpha,
    pairwise_kappa,
    rater_pairs,
    unit_spread,
    weighted_alpha,
    without_each_rater,
)
from annotate.stats.figure import Floats, Level, counts
from tests.unit.stats.published import REFERENCE, hanna_figures, hanna_people, scale_of, units

NAN = np.nan
ONE_TO_FIVE = (1.0, 2.0, 3.0, 4.0, 5.0)
TABLES = [name for name, group in REFERENCE.items() if "krippendorff_alpha" in group]
LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval")
RATIO = [name for name in TABLES if "ratio" in REFERENCE[name]["krippendorff_alpha"]]


def table(name: str) -> tuple[Floats, tuple[float, ...]]:
    """A published table and its scale."""
    group = REFERENCE[name]
    values = units(group["raters_by_units"])
    return values, tuple(group["domain"]) if "domain" in group else scale_of(values)


def ratings(
    *rows: tuple[float, ...],
) -> Floats:
    """Units x raters."""
    return np.array(rows, dtype=np.float64)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", TABLES)
def test_alpha_is_the_published_one(name: str, level: Level) -> None:
    """Krippendorff 2011, 2018; Hayes & Krippendorff 2007; R irr and icr; Wikipedia."""
    values, scale = table(name)
    found = krippendorff_alpha(values, domain=scale, level=level, resamples=200)
    assert found.value == pytest.approx(
        REFERENCE[name]["krippendorff_alpha"][level], rel=0, abs=1e-12
    )


@pytest.mark.parametrize("name", RATIO)
def test_ratio_alpha_is_the_published_one(name: str) -> None:
    """The same sources; Krippendorff 2018, p. 290: .797. Packages give 1.0, .776 and .734."""
    values, scale = table(name)
    found = krippendorff_alpha(values, domain=scale, level="ratio", resamples=200)
    expected = REFERENCE[name]["krippendorff_alpha"]["ratio"]
    assert found.value == pytest.approx(expected, rel=0, abs=1e-12)


def test_a_ratio_scale_has_no_negative_values() -> None:
    with pytest.raises(ValueError, match="a ratio scale has no value below 0, this one has -1"):
        krippendorff_alpha(ratings((-1, 1)), domain=(-1, 0, 1), level="ratio")


@pytest.mark.parametrize("case", REFERENCE["freelon2010"]["cases"], ids=lambda c: c["name"])
def test_alpha_is_that_of_freelon_2010(case: dict[str, Any]) -> None:
    """Freelon 2010, tables 9 and 10: ReCal against the macro of Hayes, to the four digits given."""
    values = units(case["raters_by_units"])
    found = krippendorff_alpha(values, domain=scale_of(values), level="nominal", resamples=200)
    if case["alpha"] is None:
        assert found.value is None
        return
    assert found.value == pytest.approx(case["alpha"], abs=1e-12)
    assert found.value == pytest.approx(case["published_alpha_hayes"], abs=6e-5)


def test_kappa_of_two_raters_is_their_pairwise_kappa() -> None:
    group = REFERENCE["cohen_anxiety_1_2"]
    pair = np.column_stack([group["a"], group["b"]])
    found = pairwise_kappa(pair, domain=(1, 2, 3, 4, 5, 6), weights="quadratic")
    assert found.value == pytest.approx(group["values"]["quadratic"]["est"], abs=1e-12)
    assert found.low is not None and found.high is not None
    assert found.low < found.value < found.high  # type: ignore[operator]


@pytest.mark.parametrize(
    ("points", "ac1", "bp"), [(2, 0.8154, 0.733), (3, 0.8452, 0.800), (5, 0.8567, 0.833)]
)
def test_ac1_depends_on_the_declared_scale(points: int, ac1: float, bp: float) -> None:
    """Reference, section 1.2: ten units of three raters; alpha is .536 whatever the scale."""
    values = np.array([[1.0, 1, 1]] * 7 + [[1, 1, 2]] * 2 + [[2, 2, 2]])
    scale = ONE_TO_FIVE[:points]
    found = gwet_ac(values, domain=scale, weights="unweighted")
    assert found.value == pytest.approx(ac1, abs=6e-5)
    assert brennan_prediger(values, domain=scale).value == pytest.approx(bp, abs=5e-4)
    nominal = krippendorff_alpha(values, domain=scale, level="nominal")
    assert nominal.value == pytest.approx(0.536, abs=5e-4)


@pytest.mark.parametrize(
    ("counted", "expected"),
    list(
        zip(
            [(86, 11, 2, 1), (95, 5, 0, 0), (63, 26, 11, 0), (59, 17, 22, 2), (76, 23, 1, 0)],
            REFERENCE["hanna_ac1"]["full"],
            strict=True,
        )
    ),
)
def test_ac1_of_the_user_study_of_hanna(
    counted: tuple[int, ...], expected: tuple[float, float]
) -> None:
    """dig-team/hanna-benchmark-asg: 100 explanations, three users; how many of them said yes.

    The tables were recovered from the published coefficients and errors, which only they have.
    """
    rows = np.array([[1.0, 1, 1], [1, 1, 0], [1, 0, 0], [0, 0, 0]])
    values = np.repeat(rows, counted, axis=0)
    found = gwet_ac(values, domain=(0, 1), weights="unweighted")
    value, error = expected
    assert found.value == pytest.approx(value, abs=1e-9)
    assert found.low == pytest.approx(value - stats.t.ppf(0.975, 99) * error, abs=1e-8)


def test_alpha_of_the_user_study_is_below_zero_where_ac1_is_97() -> None:
    """Reference, decision 3: AC1 0.97 [0.93, 1.00] and alpha -0.014 on the same labels."""
    values = np.array([[1.0, 1, 1]] * 95 + [[1, 1, 0]] * 5)
    found = agreement(values, domain=(0, 1), level="nominal")
    assert found.alpha.value == pytest.approx(-0.014, abs=5e-4)
    assert (found.ac.value, found.ac.low, found.ac.high) == pytest.approx(
        (0.97, 0.93, 1.00), abs=5e-3
    )


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval", "ratio"])
@pytest.mark.parametrize("name", [n for n in TABLES if "jackknife" in REFERENCE[n]])
def test_the_jackknife_error_of_alpha_is_the_references(name: str, level: Level) -> None:
    """Section 1.5: Student's t over pseudo-values; HK2007 ordinal .651 to .869."""
    group = REFERENCE[name]
    values, scale = units(group["raters_by_units"]), tuple(group["domain"])
    expected = group["jackknife"][level]
    spread = unit_spread(values, domain=scale, level=level)
    n = int(((~np.isnan(values)).sum(axis=1) >= 2).sum())
    assert spread is not None
    assert spread / np.sqrt(n) == pytest.approx(expected["se"], abs=1e-12)
    low = expected["alpha"] - stats.t.ppf(0.975, n - 1) * spread / np.sqrt(n)
    assert low == pytest.approx(expected["lo"], abs=1e-9)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "expected", hanna_figures()["agreement"], ids=lambda e: f"{e['criterion']}-{e['segment']}"
)
def test_hanna_gives_the_recorded_agreement(expected: dict[str, Any], level: Level) -> None:
    """Chhun et al. 2022: 1,056 stories by 11 systems, three raters a story, six criteria."""
    values = hanna_people(expected["criterion"], expected["segment"])
    found = agreement(values, domain=ONE_TO_FIVE, level=level, resamples=50)
    assert (found.n_units, found.n_ratings) == (expected["n_units"], expected["n_ratings"])
    assert found.alpha.value == pytest.approx(expected[f"alpha_{level}"], abs=5e-7)
    assert found.percent.value == pytest.approx(expected["percent"], abs=5e-7)
    if level != "nominal":
        assert found.ac.value == pytest.approx(expected["ac2_quadratic"], abs=5e-7)


def test_two_of_three_users_agreed_on_most_labels_yet_alpha_is_below_zero() -> None:
    """The paradox of prevalence: nearly everybody passes, so alpha has next to no variation."""
    values = np.ones((60, 2))
    values[0, 0] = values[1, 1] = 0
    found = agreement(values, domain=(0, 1), level="nominal")
    assert cast(float, found.alpha.value) < 0
    assert cast(float, found.ac.value) > 0.95
    assert cast(float, found.percent.value) > 0.95
    assert found.prevalence == pytest.approx((2 / 120, 118 / 120))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (ratings((1, 1), (1, 1), (1, 1)), "no variation: every rating is the same"),
        (ratings((1, NAN), (NAN, 2), (3, NAN)), "no unit was rated twice"),
        (ratings((1,), (2,), (3,)), "no unit was rated twice"),
        (np.full((4, 3), NAN), "no unit was rated twice"),
        (np.empty((0, 3)), "no unit was rated twice"),
        (ratings((1, 1), (1, 1), (2, NAN)), "no variation: every rating is the same"),
    ],
    ids=["one value", "no overlap", "one rater", "all missing", "no unit", "second value alone"],
)
@pytest.mark.parametrize("level", LEVELS)
def test_alpha_without_evidence_is_undefined_and_says_why(
    values: Floats, reason: str, level: Level
) -> None:
    found = krippendorff_alpha(values, domain=ONE_TO_FIVE, level=level)
    assert (found.value, found.low, found.high, found.reason) == (None, None, None, reason)


def test_unanimous_raters_agree_in_percent_and_ac1_where_alpha_is_undefined() -> None:
    found = agreement(np.full((12, 3), 4.0), domain=ONE_TO_FIVE, level="nominal")
    assert found.alpha.reason == "no variation: every rating is the same"
    assert (found.percent.value, found.ac.value) == (1.0, 1.0)


def test_one_unit_with_two_values_has_alpha_zero_and_no_interval() -> None:
    found = krippendorff_alpha(ratings((1, 2)), domain=(1, 2), level="nominal")
    assert (found.value, found.low, found.high) == (0.0, None, None)


def test_a_constant_rater_beside_a_varying_one_is_below_chance() -> None:
    values = ratings((1, 1), (1, 2), (1, 1), (1, 2))
    found = krippendorff_alpha(values, domain=(1, 2), level="nominal")
    assert found.value == pytest.approx(-1 / 6)


def test_nine_units_rated_twice_are_not_enough_and_ten_are() -> None:
    values = np.array([[1.0, 1], [2, 2], [3, 1], [4, 5], [5, 5]] * 2)
    nine = agreement(values[:9], domain=ONE_TO_FIVE, level="ordinal")
    ten = agreement(values, domain=ONE_TO_FIVE, level="ordinal")
    assert nine.alpha == nine.ac == nine.percent
    assert nine.alpha == Figure.undefined("not enough ratings: 1 more unit", 9)
    assert ten.alpha.value is not None


def test_a_value_outside_the_scale_is_refused() -> None:
    with pytest.raises(ValueError, match=r"value 6 is not on the scale 1, 2, 3, 4, 5"):
        agreement(ratings((1, 6)), domain=ONE_TO_FIVE, level="ordinal")


def test_a_figure_says_how_it_was_made() -> None:
    values, scale = table("HK2007")
    found = krippendorff_alpha(values, domain=scale, level="ordinal", seed=7)
    assert (found.n, found.method) == (40, "Krippendorff's alpha, ordinal")
    assert (found.interval, found.seed) == ("BCa over units", 7)
    again = krippendorff_alpha(values, domain=scale, level="ordinal", seed=7)
    other = krippendorff_alpha(values, domain=scale, level="ordinal", seed=8)
    assert found == again
    assert (found.low, found.high) != (other.low, other.high)


def test_every_kind_of_interval_holds_the_estimate_and_says_its_name() -> None:
    values, scale = table("HK2007")
    found = {
        how: krippendorff_alpha(values, domain=scale, level="ordinal", interval=how)
        for how in ("bca", "percentile", "jackknife")
    }
    assert [f.interval for f in found.values()] == [
        "BCa over units", "percentiles over units", "jackknife over units",
    ]  # fmt: skip
    assert len({(f.low, f.high) for f in found.values()}) == 3
    for figure in found.values():
        assert figure.low is not None and figure.value is not None and figure.high is not None
        assert figure.low < figure.value < figure.high
    # Reference, section 1.5: jackknife .651 to .869 on the plain scale, BCa .642 to .852.
    assert found["bca"].low == pytest.approx(0.642, abs=0.015)


def test_a_rater_apart_is_found_by_pairs_and_by_leaving_each_out() -> None:
    truth = np.tile([1.0, 2, 3, 4, 5], 8)
    contrary = 6 - truth
    values = np.column_stack([truth, truth, contrary, np.where(truth < 5, truth + 1, 5)])
    pairs = rater_pairs(values, domain=ONE_TO_FIVE, level="ordinal")
    kappas = {(p.first, p.second): cast(float, p.kappa.value) for p in pairs}
    assert kappas[0, 1] == 1.0
    assert kappas[0, 2] == pytest.approx(-1.0)
    assert max(kappas[i, j] for i, j in kappas if 2 in (i, j)) < 0
    without = without_each_rater(values, domain=ONE_TO_FIVE, level="ordinal", resamples=50)
    alphas = [cast(float, one.alpha.value) for one in without]
    assert alphas.index(max(alphas)) == 2
    assert all(one.n_raters == 3 for one in without)


def test_a_pair_that_shares_few_units_is_not_enough() -> None:
    values = np.full((30, 3), NAN)
    values[:20, 0] = values[:20, 1] = np.tile([1.0, 2], 10)
    values[14:, 2] = 1
    found = {(p.first, p.second): p for p in rater_pairs(values, domain=(1, 2), level="nominal")}
    assert found[0, 1].kappa.value == 1.0
    assert found[0, 2].kappa.reason == "not enough ratings: 4 more units"


def test_raters_who_repeat_themselves_reach_one_and_constant_ones_nothing() -> None:
    first = np.array([1.0, 2, 3, 4, 5, 5, 2, 1])
    again = intra_rater(first, first, domain=ONE_TO_FIVE, level="ordinal")
    constant = intra_rater(np.full(8, 3.0), np.full(8, 3.0), domain=ONE_TO_FIVE, level="ordinal")
    few = intra_rater(first[:2], first[:2], domain=ONE_TO_FIVE, level="ordinal")
    assert again.value == 1.0
    assert constant.reason == "no variation: every rating is the same"
    assert few.reason == "not enough ratings: 1 more unit"


def test_adjusted_p_values_are_those_of_statsmodels() -> None:
    group = REFERENCE["multiplicity"]
    backwards = group["p"][::-1]
    for adjust, name in (
        (holm, "holm"),
        (benjamini_hochberg, "bh"),
        (benjamini_yekutieli, "by"),
    ):
        assert adjust(group["p"]) == pytest.approx(group[name], abs=1e-12)
        assert adjust(backwards) == pytest.approx(group[name][::-1], abs=1e-12)


RATING = st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0, NAN])
MATRIX = st.integers(2, 4).flatmap(
    lambda raters: st.lists(
        st.lists(RATING, min_size=raters, max_size=raters), min_size=1, max_size=25
    )
).map(lambda rows: np.array(rows, dtype=np.float64))  # fmt: skip


def alpha(values: Floats, level: Level = "ordinal", scale: Any = ONE_TO_FIVE) -> Figure:
    """Alpha with an interval of few resamples."""
    return krippendorff_alpha(values, domain=scale, level=level, resamples=60)


@settings(deadline=None)
@given(MATRIX, st.randoms(use_true_random=False), st.sampled_from(LEVELS))
def test_order_of_units_and_raters_changes_nothing(values: Floats, random: Any, level: Any) -> None:
    rows, columns = list(range(len(values))), list(range(values.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    assert alpha(values[rows][:, columns], level) == alpha(values, level)


@settings(deadline=None)
@given(MATRIX, st.sampled_from(LEVELS))
def test_a_rater_who_rated_nothing_changes_nothing(values: Floats, level: Any) -> None:
    wider = np.column_stack([values, np.full(len(values), NAN)])
    assert alpha(wider, level) == alpha(values, level)
    assert agreement(wider, domain=ONE_TO_FIVE, level=level, resamples=60) == agreement(
        values, domain=ONE_TO_FIVE, level=level, resamples=60
    )


@settings(deadline=None)
@given(MATRIX, st.permutations(ONE_TO_FIVE))
def test_names_of_nominal_values_do_not_matter(values: Floats, names: list[float]) -> None:
    renamed = np.array([NAN, *names])[np.nan_to_num(values).astype(int)]
    found, expected = alpha(renamed, "nominal"), alpha(values, "nominal")
    assert found.value == pytest.approx(expected.value, abs=1e-12)
    assert found.reason == expected.reason


@settings(deadline=None)
@given(MATRIX)
def test_stretching_the_scale_leaves_ordinal_alpha(values: Floats) -> None:
    stretched = values**3 - 7
    scale = tuple(v**3 - 7 for v in ONE_TO_FIVE)
    assert alpha(stretched, "ordinal", scale) == alpha(values, "ordinal")


@settings(deadline=None)
@given(MATRIX, st.floats(0.25, 8), st.floats(-9, 9))
def test_other_units_of_measurement_leave_interval_alpha(
    values: Floats, factor: float, shift: float
) -> None:
    scale = tuple(v * factor + shift for v in ONE_TO_FIVE)
    found = alpha(values * factor + shift, "interval", scale)
    assert found.value == pytest.approx(alpha(values, "interval").value, abs=1e-9)


@settings(deadline=None)
@given(MATRIX, st.sampled_from(LEVELS))
def test_alpha_is_one_only_with_variation_and_without_disagreement(
    values: Floats, level: Any
) -> None:
    table_ = counts(values, ONE_TO_FIVE)
    table_ = table_[table_.sum(axis=1) >= 2]
    disagreement = ((table_ > 0).sum(axis=1) > 1).any()
    varies = (table_.sum(axis=0) > 0).sum() > 1
    value = alpha(values, level).value
    assert (value is not None) == varies
    if value is not None:
        assert (value == pytest.approx(1.0)) == (not disagreement)


@settings(deadline=None)
@given(MATRIX, st.sampled_from(LEVELS))
def test_every_interval_contains_its_estimate(values: Floats, level: Any) -> None:
    found = agreement(values, domain=ONE_TO_FIVE, level=level, minimum_units=1, resamples=60)
    for figure in (found.alpha, found.ac, found.percent):
        assert (figure.value is None) == (figure.reason is not None)
        assert (figure.low is None) == (figure.high is None)
        if figure.value is not None and figure.low is not None and figure.high is not None:
            assert figure.low <= figure.value <= figure.high


def test_odd_input_of_repeats_and_of_many_tests_is_refused() -> None:
    with pytest.raises(ValueError, match="value 9 is not on the scale"):
        intra_rater(np.array([1.0, 2, 9]), np.ones(3), domain=ONE_TO_FIVE, level="ordinal")
    with pytest.raises(ValueError, match="3 values beside 2"):
        intra_rater(np.ones(3), np.ones(2), domain=ONE_TO_FIVE, level="ordinal")
    for adjust in (holm, benjamini_hochberg, benjamini_yekutieli):
        with pytest.raises(ValueError, match="every p lies from 0 to 1"):
            adjust([0.1, float("nan")])
        assert len(adjust([])) == 0


def test_alpha_with_a_single_disagreement_has_the_analytic_interval() -> None:
    """Without the one unit nothing would vary, so no unit may be left out."""
    values = np.array([[1.0, 1]] * 12 + [[1, 0]])
    found = krippendorff_alpha(values, domain=(0, 1), level="nominal")
    linear = weighted_alpha(values, domain=(0, 1))
    assert found.value == pytest.approx(linear.value)
    assert (found.low, found.high) == pytest.approx((linear.low, linear.high))
    assert found.interval == "linearised, t"
    ordinal = krippendorff_alpha(values, domain=(0, 1), level="ordinal")
    assert (ordinal.low, ordinal.high) == (None, None)
