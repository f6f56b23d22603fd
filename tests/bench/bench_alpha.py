"""Alpha with its bootstrap against calling `krippendorff.alpha` once a resample; prints JSON.

    python tests/bench/bench_alpha.py

100,000 units x 3 raters x 5 points, 1,000 resamples, each level. Calls of `krippendorff.alpha` on
resampled counts are timed a few times and extrapolated. The same resamples are then computed both
ways, and the largest difference is printed (budget: 1,000 times faster, equal to
1e-12).
"""

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import krippendorff
import numpy as np

from annotate.stats import agreement, krippendorff_alpha
from annotate.stats.bootstrap import alpha_statistic, collapse, draws, interval_of
from annotate.stats.figure import Floats, Level, counts

UNITS, RATERS, RESAMPLES, CALLS, REPEATS = 100_000, 3, 1000, 5, 7
SCALE = (1.0, 2.0, 3.0, 4.0, 5.0)
LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval", "ratio")


def main() -> None:
    """Print the timings of every level."""
    values = _ratings()
    print(json.dumps({level: _of(values, level) for level in LEVELS}, indent=2))


def _ratings() -> Floats:
    random = np.random.default_rng(20_260_901)
    true = random.integers(1, 6, size=(UNITS, 1))
    said = np.clip(true + random.integers(-1, 2, size=(UNITS, RATERS)), 1, 5).astype(float)
    said[random.random(said.shape) < 0.1] = np.nan
    ratings: Floats = said
    return ratings


def _of(values: Floats, level: Level) -> dict[str, Any]:
    table = counts(values, SCALE)
    table = table[table.sum(axis=1) >= 2]

    def bootstrap() -> None:
        interval_of(alpha_statistic(collapse(table), SCALE, level), resamples=RESAMPLES)

    def figure() -> None:
        krippendorff_alpha(values, domain=SCALE, level=level, resamples=RESAMPLES)

    def everything() -> None:
        agreement(values, domain=SCALE, level=level, resamples=RESAMPLES)

    random = np.random.default_rng(1)
    drawn = [table[random.integers(0, len(table), len(table))] for _ in range(CALLS)]
    calls = iter(drawn)
    once = _seconds(lambda: _direct(next(calls), level), CALLS)
    ours = _seconds(bootstrap, REPEATS)
    return {
        "units": len(table),
        "resamples": RESAMPLES,
        "bootstrap_ms": round(1000 * ours, 1),
        "figure_from_ratings_ms": round(1000 * _seconds(figure, REPEATS), 1),
        "agreement_from_ratings_ms": round(1000 * _seconds(everything, REPEATS), 1),
        "krippendorff_alpha_once_ms": round(1000 * once, 1),
        "krippendorff_alpha_all_resamples_s": round(once * RESAMPLES, 1),
        "times_faster": round(once * RESAMPLES / ours),
        "largest_difference": _largest_difference(table, level),
    }


def _largest_difference(table: "np.typing.NDArray[np.int64]", level: Level) -> float:
    """Between both computations on the same resamples."""
    patterns = collapse(table)
    weights = np.vstack(list(draws(patterns.weights, CALLS, seed=3)))
    ours = alpha_statistic(patterns, SCALE, level).of(weights)
    theirs = [_direct(np.repeat(patterns.rows, row.astype(int), axis=0), level) for row in weights]
    return float(np.abs(ours - np.array(theirs)).max())


def _direct(table: "np.typing.NDArray[np.int64]", level: Level) -> float:
    return float(
        krippendorff.alpha(value_counts=table, value_domain=list(SCALE), level_of_measurement=level)
    )


def _seconds(work: Callable[[], object], times: int) -> float:
    """The median of several runs."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
