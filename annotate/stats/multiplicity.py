"""Many tests at once: adjusted p-values."""

from collections.abc import Sequence

import numpy as np

from annotate.stats.figure import Floats


def holm(p: Sequence[float]) -> Floats:
    """Adjusted p that bound the chance of any false alarm.

    p: (tests,), each from 0 to 1. Returns (tests,) in the given order. Holm (1979), A simple
    sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6.
    Raises ValueError for a p outside 0 to 1.
    """
    given = _checked(p)
    order = np.argsort(given, kind="stable")
    steps = given[order] * (len(given) - np.arange(len(given)))
    return _placed(np.maximum.accumulate(steps), order)


def benjamini_hochberg(p: Sequence[float]) -> Floats:
    """Adjusted p that bound the share of false alarms among alarms.

    Arguments and errors as of `holm`. Benjamini & Hochberg (1995), JRSS B 57: for tests that are
    independent or hang together in one direction.
    """
    return _step_up(p, 1.0)


def benjamini_yekutieli(p: Sequence[float]) -> Floats:
    """`benjamini_hochberg`, whatever the tests have to do with each other.

    Arguments and errors as of `holm`. Benjamini & Yekutieli (2001), Annals of Statistics 29.
    """
    return _step_up(p, float((1 / np.arange(1, len(p) + 1)).sum()))


def _checked(p: Sequence[float]) -> Floats:
    given = np.asarray(p, dtype=float)
    if not ((given >= 0) & (given <= 1)).all():
        raise ValueError("every p lies from 0 to 1")
    return given


def _step_up(p: Sequence[float], factor: float) -> Floats:
    given = _checked(p)
    order = np.argsort(given, kind="stable")
    steps = factor * given[order] * len(given) / np.arange(1, len(given) + 1)
    return _placed(np.minimum.accumulate(steps[::-1])[::-1], order)


def _placed(steps: Floats, order: "np.typing.NDArray[np.intp]") -> Floats:
    adjusted = np.empty_like(steps)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
