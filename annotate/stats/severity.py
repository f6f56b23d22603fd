"""Raters beside each other without a rank: how strict each is, and how each uses the scale."""

from dataclasses import dataclass

import numpy as np

from annotate.stats.figure import Figure, Floats, counts
from annotate.stats.means import mean_figure

FEWEST = 3
"""Shared units below which a mean difference is not given."""


@dataclass(frozen=True)
class Severity:
    """One rater beside the others."""

    difference: Figure
    """Their value less the mean of the others on the same unit, in points: above 0 more lenient."""
    use: tuple[float, ...]
    """The share of each point of the scale among their ratings; empty without one."""
    ratings: int


def severity(values: Floats, *, domain: tuple[float, ...]) -> list[Severity]:
    """Every rater beside the others, in the order of the columns.

    values: (units, raters), NaN where nobody rated; points of the scale. The difference is of units
        that at least one other person rated, with Student's t over units. It says how a rater
        differs and not who is right: a strict rater may be the one who reads the rubric well.
    Raises ValueError for a value outside the scale.
    """
    rated = ~np.isnan(values)
    number = rated.sum(axis=1)
    total = np.nansum(values, axis=1)
    found = []
    for column in range(values.shape[1]):
        usable = rated[:, column] & (number >= 2)
        own = values[usable, column]
        apart = own - (total[usable] - own) / (number[usable] - 1)
        n = len(apart)
        difference = (
            mean_figure(apart, "value less the mean of the others")
            if n >= FEWEST
            else Figure.undefined(f"shares {n} units with others", n)
        )
        table = counts(values[:, [column]], domain).sum(axis=0)
        given = int(table.sum())
        use = tuple((table / given).tolist()) if given else ()
        found.append(Severity(difference, use, given))
    return found
