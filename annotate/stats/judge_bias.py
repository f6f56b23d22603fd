"""On what does a judge's error depend that quality does not? Length, order, configuration."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from annotate.stats.comparison import sign_test
from annotate.stats.estimate import rate
from annotate.stats.figure import Figure, Floats, Reason, not_enough
from annotate.stats.means import mean_figure

MINIMUM_UNITS = 10


@dataclass(frozen=True)
class Dependence:
    """How a judge's error changes with something, and whether that is chance."""

    figures: dict[str, Figure]
    """The slope, or the mean error of each group."""
    p: float | None
    """Of no dependence."""
    test: str


def length_bias(error: Floats, length: Floats, *, minimum_units: int = MINIMUM_UNITS) -> Dependence:
    """Does the judge's error grow with the length of the response?

    error: (units,), judge minus people, in points. length: (units,), characters or tokens, above 0;
        units where either is NaN do not count.
    The figure "per doubling" is the slope of least squares on log2(length), interval and p by
    Student's t. Length that goes with quality is no bias: the error has the people in it.
    Raises ValueError for arrays of different length and a length that is not above 0.
    """
    if len(error) != len(length):
        raise ValueError(f"{len(error)} errors for {len(length)} lengths")
    both = ~(np.isnan(error) | np.isnan(length))
    off, long = error[both], length[both]
    if len(long) and long.min() <= 0:
        raise ValueError("a length is above 0")
    n, method = len(off), "points per doubling of the length, least squares"
    least = max(minimum_units, 3)
    if n < least:
        few = Figure.undefined(not_enough(least - n), n, method)
        return Dependence({"per doubling": few}, None, "")
    if np.ptp(long) == 0 or np.ptp(off) == 0:
        none = Figure.undefined(Reason.CONSTANT, n, method)
        return Dependence({"per doubling": none}, None, "")
    found = stats.linregress(np.log2(long), off)
    slope = float(found.slope)
    reach = float(stats.t.ppf(0.975, n - 2)) * float(found.stderr)
    figure = Figure(slope, slope - reach, slope + reach, n, method=method, interval="t")
    return Dependence({"per doubling": figure}, float(found.pvalue), "t of the slope")


def group_bias(
    error: Floats, groups: npt.NDArray[np.str_], *, minimum_units: int = MINIMUM_UNITS
) -> Dependence:
    """Does the judge err differently by configuration, segment or author?

    error: (units,), judge minus people, in points; NaN does not count. groups: (units,), names.
    The figures are the groups' mean errors with Student's t, for groups of `minimum_units`. p:
    Alexander & Govern (1994), a test of equal means that allows unequal variances.
    Raises ValueError for arrays of different length.
    """
    if len(error) != len(groups):
        raise ValueError(f"{len(error)} errors for {len(groups)} groups")
    figures: dict[str, Figure] = {}
    tested: list[Floats] = []
    for name in np.unique(groups).tolist():
        off = error[(groups == name) & ~np.isnan(error)]
        n, method = len(off), "mean error"
        if n < minimum_units:
            figures[name] = Figure.undefined(not_enough(minimum_units - n), n, method)
            continue
        figures[name] = mean_figure(off, method)
        if np.ptp(off) > 0:
            tested.append(off)
    if len(tested) < 2:
        return Dependence(figures, None, "")
    return Dependence(
        figures, float(stats.alexandergovern(*tested).pvalue), "Alexander & Govern (1994)"
    )


@dataclass(frozen=True)
class PositionBias:
    """A judge of pairs that saw each pair in both orders."""

    consistent: Figure
    """The share of pairs on which it chose the same response in both orders."""
    first: Figure
    """Of the pairs on which it did not, the share on which it chose the first both times."""
    p: float | None
    """Of choosing first and second alike often (sign test)."""


def position_bias(both_first: int, both_second: int, consistent: int) -> PositionBias:
    """Does the order in which two responses are shown decide?

    both_first: pairs on which the judge chose whatever stood first; both_second: whatever stood
    second; consistent: pairs on which it chose one response in both orders. A pair with a tie in
    one order only belongs to neither.
    Zheng et al. (2023), Judging LLM-as-a-Judge with MT-Bench, NeurIPS.
    Raises ValueError for a count below 0.
    """
    if min(both_first, both_second, consistent) < 0:
        raise ValueError("a count of pairs cannot be below 0")
    swayed = both_first + both_second
    return PositionBias(
        rate(consistent, consistent + swayed),
        rate(both_first, swayed),
        sign_test(both_first, both_second) if swayed else None,
    )
