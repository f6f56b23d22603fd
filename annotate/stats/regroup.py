"""Ratings on a coarser scale: what agreement would be if points were merged."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from annotate.stats.figure import Floats

Groups = tuple[tuple[float, ...], ...]


def cut_at(domain: Sequence[float], pass_at: float) -> Groups:
    """Two groups: the points below, and those from `pass_at` on.

    Raises ValueError where one of them would be empty.
    """
    low = tuple(point for point in domain if point < pass_at)
    high = tuple(point for point in domain if point >= pass_at)
    if not low or not high:
        raise ValueError(f"a cut at {pass_at:g} leaves every point on one side")
    return low, high


def merge(
    domain: Sequence[float], together: Sequence[Sequence[float]], *, ordered: bool = True
) -> Groups:
    """The scale with these points put together, every other one by itself.

    ordered: whether the points have an order, in which only neighbours can be put together.
    Raises ValueError for a point that is not on the scale or named twice, for points that are no
    neighbours, and where fewer than two groups are left.
    """
    named = [point for group in together for point in group]
    for point in named:
        if point not in domain:
            raise ValueError(f"{point:g} is no point of the scale")
        if named.count(point) > 1:
            raise ValueError(f"{point:g} is merged twice")
    found: list[tuple[float, ...]] = []
    for point in domain:
        if any(point in group for group in found):
            continue
        group = next((sorted(g) for g in together if point in g), [point])
        places = [list(domain).index(one) for one in group]
        if ordered and places != list(range(places[0], places[0] + len(places))):
            raise ValueError(f"{', '.join(f'{one:g}' for one in group)} are no neighbours")
        found.append(tuple(group))
    if len(found) < 2:
        raise ValueError("one group alone is no scale")
    return tuple(found)


def regroup(values: Floats, groups: Groups) -> Floats:
    """Each value as the place of its group: 0, 1 ... ; NaN stays NaN.

    values: of any shape, points that are in the groups. Raises ValueError for another value.
    """
    found = np.full(values.shape, np.nan)
    for place, group in enumerate(groups):
        found[np.isin(values, group)] = place
    odd = ~np.isnan(values) & np.isnan(found)
    if odd.any():
        raise ValueError(f"{values[odd][0]:g} is in no group")
    return found


@dataclass(frozen=True)
class Confusion:
    """Two points that raters of the same unit gave."""

    low: float
    high: float
    pairs: int
    """Pairs of ratings of one unit."""
    units: tuple[int, ...]
    """The rows in which that happened."""


def confusions(values: Floats) -> list[Confusion]:
    """Which points raters of the same unit confuse, the most frequent first.

    values: (units, raters), NaN where nobody rated. Raises nothing.
    """
    pairs: dict[tuple[float, float], int] = {}
    units: dict[tuple[float, float], list[int]] = {}
    for row, said in enumerate(values):
        for one, other in combinations(said[~np.isnan(said)].tolist(), 2):
            if one != other:
                which = (min(one, other), max(one, other))
                pairs[which] = pairs.get(which, 0) + 1
                rows = units.setdefault(which, [])
                if not rows or rows[-1] != row:
                    rows.append(row)
    found = [Confusion(low, high, n, tuple(units[low, high])) for (low, high), n in pairs.items()]
    return sorted(found, key=lambda one: (-one.pairs, one.low, one.high))
