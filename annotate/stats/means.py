"""The mean of units with Student's t, weighted or not."""

import numpy as np
from scipy import stats

from annotate.stats.figure import Figure, Floats

ALIKE = "none: every unit is alike"


def mean_figure(
    values: Floats,
    method: str,
    *,
    weights: Floats | None = None,
    lowest: float = -np.inf,
    highest: float = np.inf,
) -> Figure:
    """The mean with its 95 % interval over units.

    values: (units,) without NaN, at least one. weights: (units,), above 0; None is equal.
    The variance of a weighted mean is linearised (Sarndal, Swensson & Wretman 1992, ch. 5). No
    interval for fewer than three units, nor where all are alike: they say nothing of their spread.
    """
    n = len(values)
    share = np.full(n, 1 / n) if weights is None else weights / weights.sum()
    mean = float(values.mean() if weights is None else share @ values)
    if n < 3 or np.ptp(values) < 1e-12:
        return Figure(mean, None, None, n, method=method, interval=ALIKE if n >= 3 else "")
    variance = variance_of_mean(values, share)
    reach = float(stats.t.ppf(0.975, n - 1)) * float(np.sqrt(variance))
    return Figure(
        mean, max(lowest, mean - reach), min(highest, mean + reach), n,
        method=method, interval="t over units",
    )  # fmt: skip


def variance_of_mean(values: Floats, share: Floats) -> float:
    """The variance of a weighted mean: values and shares (units,), shares adding up to 1."""
    n = len(values)
    apart = share * (values - share @ values)
    return n / (n - 1) * float(apart @ apart)
