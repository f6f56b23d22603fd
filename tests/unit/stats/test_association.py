"""Every weighting of units gives what repeating the units would give."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from annotate.stats import cohen_kappa, pairwise_kappa
from annotate.stats.association import (
    RESAMPLES,
    Units,
    Weights,
    correlations,
    figures_over_units,
    kappas,
    mean_correlation,
    mean_kappa,
    pooled_correlation,
)
from annotate.stats.figure import Floats

SCALE = (1.0, 2.0, 3.0, 4.0, 5.0)


def rated(n: int, raters: int = 3, missing: float = 0.0, seed: int = 0) -> Floats:
    """Units x raters on a scale of 1 to 5."""
    random = np.random.default_rng(seed)
    true = random.integers(1, 6, size=(n, 1))
    values: Floats = np.clip(true + random.integers(-1, 2, size=(n, raters)), 1, 5).astype(float)
    values[random.random(values.shape) < missing] = np.nan
    return values


def resampled(n: int, seed: int = 1) -> Floats:
    """Twenty resamples of n units."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=20).astype(float)


@pytest.mark.parametrize("n", [60, 300])
@pytest.mark.parametrize("ties", [0.5, 0.03, 0.0], ids=["points", "few ties", "no ties"])
@pytest.mark.parametrize("sort", [False, True], ids=["any order", "sorted"])
def test_a_weighted_rank_correlation_is_that_of_repeated_units(
    n: int, ties: float, sort: bool
) -> None:
    """However many units share both scores, and whatever order they come in."""
    values = rated(n)
    judge = values.mean(axis=1) + np.random.default_rng(3).normal(0, 0.5, n)
    if ties:
        judge = np.round(judge / ties) * ties
    if sort:
        values, judge = values[np.argsort(judge)], np.sort(judge)
    draws = resampled(n)
    found = correlations(judge, values[:, 0], draws)
    for weights, value in zip(draws.astype(int), found, strict=True):
        again = np.repeat(np.arange(n), weights)
        direct = stats.spearmanr(judge[again], values[again, 0]).statistic
        assert value == pytest.approx(direct, abs=1e-12)


@pytest.mark.parametrize("weights", ["unweighted", "linear", "quadratic"])
def test_a_weighted_kappa_is_that_of_repeated_units(weights: Weights) -> None:
    first, second = rated(60, 2, missing=0.2).T
    draws = resampled(60)
    found = kappas([(first, second)], draws, SCALE, weights)
    for row, value in zip(draws.astype(int), found, strict=True):
        again = np.repeat(np.arange(60), row)
        direct = cohen_kappa(first[again], second[again], domain=SCALE, weights=weights).value
        assert value == pytest.approx(direct, abs=1e-12)


def kappa_of(first: Floats, second: Floats) -> float:
    value = cohen_kappa(first, second, domain=SCALE, weights="quadratic").value
    assert value is not None
    return value


def test_pairs_are_averaged_by_the_units_that_they_share() -> None:
    values = rated(80)
    values[20:, 2] = np.nan
    pairs = [(values[:, 0], values[:, 1]), (values[:, 0], values[:, 2])]
    once = np.ones((1, 80))
    each = [kappa_of(a, b) for a, b in pairs]
    assert mean_kappa(pairs, once, SCALE, "quadratic")[0] == pytest.approx(
        (80 * each[0] + 20 * each[1]) / 100
    )
    ranks = [stats.spearmanr(values[:n, 0], values[:n, i]).statistic for n, i in ((80, 1), (20, 2))]
    assert mean_correlation(pairs, once)[0] == pytest.approx((80 * ranks[0] + 20 * ranks[1]) / 100)


def test_a_pooled_correlation_puts_pairs_below_each_other() -> None:
    values = rated(50, missing=0.3)
    pairs = [(values[:, 0], values[:, 1]), (values[:, 0], values[:, 2])]
    one = np.concatenate([values[:, 0], values[:, 0]])
    other = np.concatenate([values[:, 1], values[:, 2]])
    both = ~(np.isnan(one) | np.isnan(other))
    direct = stats.spearmanr(one[both], other[both]).statistic
    assert pooled_correlation(pairs, np.ones((1, 50)))[0] == pytest.approx(direct, abs=1e-12)


def test_units_without_any_pair_give_no_number() -> None:
    nothing = np.full(5, np.nan)
    once = np.ones((1, 5))
    assert np.isnan(mean_kappa([(nothing, nothing)], once, SCALE, "quadratic"))
    assert np.isnan(mean_correlation([(nothing, nothing)], once))
    assert np.isnan(pooled_correlation([(nothing, nothing)], once))


def test_two_raters_who_say_one_thing_throughout_have_no_kappa() -> None:
    found = cohen_kappa(np.ones(9), np.ones(9), domain=SCALE, weights="quadratic")
    assert (found.value, found.reason) == (None, "no variation: every rating is the same")


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 60), st.integers(0, 5))
def test_distinct_rows_stand_for_all_units_in_any_order(n: int, seed: int) -> None:
    values = rated(n, missing=0.4, seed=seed)
    units = Units.of(values)
    assert units.n == n
    again = np.repeat(units.rows, units.weights.astype(int), axis=0)
    known = sorted(map(tuple, np.nan_to_num(values).tolist()))
    assert sorted(map(tuple, np.nan_to_num(again).tolist())) == known
    turned = Units.of(values[::-1])
    np.testing.assert_array_equal(turned.rows, units.rows)
    np.testing.assert_array_equal(turned.weights, units.weights)


@pytest.mark.parametrize("distinct", [True, False])
def test_units_are_drawn_with_replacement_whichever_way_is_faster(distinct: bool) -> None:
    values = np.arange(60.0)[:, None] if distinct else np.repeat([1.0, 2, 3], 20)[:, None]
    units = Units.of(values)
    draws = np.vstack(list(units.resamples(seed=5)))
    assert len(draws) == RESAMPLES
    assert (draws.sum(axis=1) == 60).all()
    # The variance of how often a row is drawn: n p (1 - p).
    share = units.weights / 60
    assert draws.var(axis=0).mean() == pytest.approx((60 * share * (1 - share)).mean(), rel=0.05)


def test_the_bootstrap_of_a_correlation_is_close_to_the_textbook_interval() -> None:
    """Bonett & Wright (2000): se of z is sqrt((1 + r^2 / 2) / (n - 3))."""
    random = np.random.default_rng(2)
    x = random.normal(size=400)
    y = x + random.normal(size=400)
    units = Units.of(np.column_stack([x, y]))
    (found,) = figures_over_units(
        units,
        lambda draws: [correlations(units.rows[:, 0], units.rows[:, 1], draws)],
        [("rho", "none")],
    )
    assert found.value is not None and found.low is not None and found.high is not None
    reach = 1.96 * np.sqrt((1 + found.value**2 / 2) / 397)
    z = np.arctanh(found.value)
    assert (found.low, found.high) == pytest.approx(
        (np.tanh(z - reach), np.tanh(z + reach)), abs=0.02
    )


def test_the_interval_of_many_units_goes_on_from_that_of_fewer() -> None:
    tiny = pairwise_kappa(rated(499), domain=SCALE, weights="quadratic")
    assert tiny.interval == "BCa over units"
    small = pairwise_kappa(rated(1999), domain=SCALE, weights="quadratic")
    large = pairwise_kappa(rated(2001), domain=SCALE, weights="quadratic")
    assert small.interval == "percentiles over units"
    assert large.interval == "bootstrap standard error over units"
    assert small.low is not None and small.high is not None
    assert large.low is not None and large.high is not None
    assert large.high - large.low == pytest.approx(small.high - small.low, rel=0.25)
