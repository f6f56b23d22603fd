"""Many tests at once: adjusted p-values."""

from collections.abc import Sequence

import numpy as np

from annotate.stats.figure import Floats


def holm(p: Sequence[float]) -> Floats:
    """Holm (1979): controls the chance of any false alarm. Returns adjusted p in the given order."""
    given = np.asarray(p, dtype=float)
    order = np.argsort(given, kind="stable")
    steps = given[order] * (len(given) - np.arange(len(given)))
    return _placed(np.maximum.accumulate(steps), order)


def benjamini_hochberg(p: Sequence[float]) -> Floats:
    """Benjamini & Hochberg (1995): controls the share of false alarms among alarms."""
    return _step_up(p, 1.0)


def benjamini_yekutieli(p: Sequence[float]) -> Floats:
    """Benjamini & Yekutieli (2001): the same, whatever the tests have to do with each other."""
    return _step_up(p, float((1 / np.arange(1, len(p) + 1)).sum()))


def _step_up(p: Sequence[float], factor: float) -> Floats:
    given = np.asarray(p, dtype=float)
    order = np.argsort(given, kind="stable")
    steps = factor * given[order] * len(given) / np.arange(1, len(given) + 1)
    return _placed(np.minimum.accumulate(steps[::-1])[::-1], order)


def _placed(steps: Floats, order: "np.typing.NDArray[np.intp]") -> Floats:
    adjusted = np.empty_like(steps)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
