"""The fast bootstrap is exact, and it covers."""

import subprocess
import sys

import krippendorff
import numpy as np
import pytest

from annotate.stats import krippendorff_alpha
from annotate.stats.bootstrap import (
    alpha_statistic,
    bca,
    collapse,
    draws,
    jackknife,
    percentile,
)
from annotate.stats.figure import Floats, Level, counts
from tests.unit.stats.published import REFERENCE, units

LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval", "ratio")
SCALE = (1.0, 2.0, 3.0, 4.0, 5.0)


def rated(n: int, seed: int, share_missing: float = 0.2) -> Floats:
    """Units x 3 raters on a scale of 1 to 5 with missing cells."""
    random = np.random.default_rng(seed)
    true = random.integers(1, 6, size=(n, 1))
    values: Floats = np.clip(true + random.integers(-1, 2, size=(n, 3)), 1, 5).astype(float)
    values[random.random(values.shape) < share_missing] = np.nan
    return values


@pytest.mark.parametrize("level", LEVELS)
def test_alpha_of_reweighted_units_is_that_of_repeated_units(level: Level) -> None:
    """The RNG-free vector of the reference: krippendorff 0.9.0 on repeated columns."""
    group = REFERENCE["alpha_resample_weights"]
    table = counts(units(REFERENCE["K4x12"]["raters_by_units"]), SCALE)
    for weights, expected in zip(group["weights"], group["alpha"][level], strict=True):
        patterns = collapse(np.repeat(table, weights, axis=0))
        found = alpha_statistic(patterns, SCALE, level).point
        assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("n", [5, 40, 700])
def test_every_resample_equals_the_direct_computation(n: int, level: Level) -> None:
    patterns = collapse(counts(rated(n, seed=n), SCALE))
    weights = np.vstack(list(draws(patterns.weights, 25, seed=3)))
    assert (weights.sum(axis=1) == patterns.units).all()
    found = alpha_statistic(patterns, SCALE, level).of(weights)
    for row, value in zip(weights.astype(int), found, strict=True):
        table = np.repeat(patterns.rows, row, axis=0)
        if (table.sum(axis=0) > 0).sum() < 2:
            assert np.isnan(value)
            continue
        direct = krippendorff.alpha(
            value_counts=table, value_domain=list(SCALE), level_of_measurement=level
        )
        assert value == pytest.approx(direct, abs=1e-12)


def test_patterns_stand_for_all_units_that_are_rated_twice() -> None:
    table = counts(rated(300, seed=1, share_missing=0.5), SCALE)
    patterns = collapse(table)
    pairable = table[table.sum(axis=1) >= 2]
    again = np.repeat(patterns.rows, patterns.weights, axis=0)
    assert sorted(map(tuple, again.tolist())) == sorted(map(tuple, pairable.tolist()))
    assert len(patterns.rows) == len(np.unique(pairable, axis=0))


def test_collapsing_wide_tables_row_by_row_gives_the_same_patterns() -> None:
    """Eighty points do not fit into one integer a row."""
    random = np.random.default_rng(4)
    table = random.integers(0, 2, size=(30, 80))
    patterns = collapse(np.vstack([table, table]))
    assert len(patterns.rows) == 30
    assert (patterns.weights == 2).all()


def test_below_twenty_units_the_jackknife_gives_the_interval() -> None:
    small = krippendorff_alpha(rated(19, 2, 0), domain=SCALE, level="ordinal")
    large = krippendorff_alpha(rated(20, 2, 0), domain=SCALE, level="ordinal")
    assert (small.interval, large.interval) == ("jackknife over units", "BCa over units")


def test_the_interval_of_hayes_and_krippendorff_is_that_of_units_not_of_pairs() -> None:
    """HK2007, ordinal: unit BCa .642 to .852 in the reference; of pairs it would be .71 to .81."""
    values = units(REFERENCE["HK2007"]["raters_by_units"])
    found = krippendorff_alpha(values, domain=(0, 1, 2, 3), level="ordinal", resamples=20_000)
    assert (found.low, found.high) == pytest.approx((0.642, 0.852), abs=0.012)


def test_the_interval_covers_what_it_promises() -> None:
    """300 rounds of 100 units from one population, whose alpha a large sample gives."""
    truth = krippendorff_alpha(rated(400_000, 1, 0), domain=SCALE, level="ordinal", resamples=50)
    hits = 0
    for seed in range(300):
        found = krippendorff_alpha(
            rated(100, 1000 + seed, 0), domain=SCALE, level="ordinal", resamples=400
        )
        assert found.low is not None and found.high is not None and truth.value is not None
        hits += found.low <= truth.value <= found.high
    assert 0.91 <= hits / 300 <= 0.98


def test_bca_of_a_symmetric_statistic_is_close_to_the_percentiles() -> None:
    random = np.random.default_rng(8)
    sample = random.normal(0, 1, 200)
    drawn = random.choice(sample, size=(4000, 200)).mean(axis=1)
    without = (sample.sum() - sample) / 199
    found = bca(float(sample.mean()), drawn, without, np.ones(200, dtype=np.int64))
    assert (found.low, found.high) == pytest.approx(
        tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.02
    )


def test_the_jackknife_gives_nothing_for_two_units() -> None:
    found = jackknife(0.4, np.array([0.3, 0.5]), np.array([1, 1]))
    assert (found.low, found.high) == (None, None)


def test_the_percentiles_of_a_mean_are_the_textbook_interval() -> None:
    random = np.random.default_rng(5)
    sample = random.normal(10, 2, 400)
    drawn = random.choice(sample, size=(4000, 400)).mean(axis=1)
    found = percentile(float(sample.mean()), drawn)
    reach = 1.96 * sample.std(ddof=1) / 20
    assert found == pytest.approx((sample.mean() - reach, sample.mean() + reach), abs=0.02)


def test_statistics_load_neither_pandas_nor_streamlit_nor_sqlalchemy() -> None:
    code = (
        "import sys, annotate.stats, annotate.consensus;"
        "print(sorted({'pandas', 'streamlit', 'sqlalchemy', 'sqlmodel'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.strip() == "[]"


def test_statistics_leave_the_global_seed_alone() -> None:
    np.random.seed(1)
    expected = np.random.random()
    np.random.seed(1)
    krippendorff_alpha(rated(50, 2), domain=SCALE, level="ordinal")
    assert np.random.random() == expected
