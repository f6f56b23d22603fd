"""How far a judge differs from itself: the floor below which no change means anything."""

from dataclasses import dataclass

import numpy as np

from annotate.stats.figure import Figure, Floats, Reason, not_enough
from annotate.stats.means import mean_figure

MINIMUM_UNITS = 10


@dataclass(frozen=True)
class JudgeNoise:
    """Repeated runs of one judge on the same units."""

    runs: int
    """The largest number of runs of a unit."""
    same: Figure
    """The share of pairs of runs that gave the same value."""
    difference: Figure
    """The mean difference between two runs, in points, whatever its sign."""


def judge_noise(runs: Floats, *, minimum_units: int = MINIMUM_UNITS) -> JudgeNoise:
    """Test and retest of a judge.

    runs: (units, runs), NaN where a run did not answer; units with fewer than two do not count.
    Raises nothing. minimum_units: units below which the figures are "not enough ratings". Every pair of runs of a
    unit counts alike, units count alike; Student's t over units. With one run a unit there is
    nothing to compare.
    """
    answered = (~np.isnan(runs)).sum(axis=1) if runs.size else np.zeros(len(runs), dtype=int)
    most = int(answered.max(initial=0))
    twice = runs[answered >= 2]
    n = len(twice)
    if n < minimum_units:
        reason = not_enough(minimum_units - n) if most >= 2 else Reason.NOT_TWICE
        none = Figure.undefined(reason, n)
        return JudgeNoise(most, none, none)
    first, second = np.triu_indices(runs.shape[1], k=1)
    gap = np.abs(twice[:, first] - twice[:, second])
    alike = np.where(np.isnan(gap), np.nan, gap < 1e-9)
    return JudgeNoise(
        most,
        mean_figure(
            np.nanmean(alike, axis=1), "share of pairs of runs that agree", lowest=0.0, highest=1.0
        ),
        mean_figure(np.nanmean(gap, axis=1), "mean difference of two runs", lowest=0.0),
    )
