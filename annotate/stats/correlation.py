"""Rank correlation within inputs and between systems, which pooling mixes up.

Pooled over units, a judge scores high for telling easy inputs from hard ones. Within inputs it has
to tell good answers to one input from bad ones; between systems it has to rank the systems.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from annotate.stats.association import Units, correlations, figures_over_units
from annotate.stats.bootstrap import SEED
from annotate.stats.figure import Figure, Floats, Reason, not_enough

MINIMUM_GROUPS = 5
"""Groups below which nothing is said."""


@dataclass(frozen=True)
class WithinCorrelation:
    """Spearman's rho inside each group, averaged over groups."""

    figure: Figure
    """n: groups that count."""
    constant: int
    """Groups in which one side gave one value throughout: nothing can be ranked there."""
    alone: int
    """Groups of a single unit."""


def correlation_within(
    first: Floats,
    second: Floats,
    groups: npt.NDArray[np.str_],
    *,
    minimum_groups: int = MINIMUM_GROUPS,
    seed: int = SEED,
) -> WithinCorrelation:
    """Spearman's rho of the units of each group, averaged: do the two rank alike within an input?

    first, second: (units,), two scores of each unit; units where either is NaN do not count.
    groups: (units,), the input (case) of each. Groups in which one side is constant have no
    correlation and are left out and counted, as in G-Eval (Liu et al. 2023). Interval: bootstrap
    over groups. Undefined with fewer than `minimum_groups` groups that count.
    Raises ValueError for arrays of different length.
    """
    method = "Spearman's rho, within groups, averaged"
    rows, place = _known(first, second, groups)
    sizes = np.bincount(place)
    one, other = (_ranks_within(side, place) for side in rows.T)
    product, spread, also = (
        np.bincount(place, values, len(sizes)) for values in (one * other, one**2, other**2)
    )
    defined = spread * also > 1e-9
    found = product[defined] / np.sqrt(spread[defined] * also[defined])
    alone = int((sizes == 1).sum())
    constant = len(sizes) - alone - int(defined.sum())
    n = len(found)
    if n < minimum_groups:
        few = Figure.undefined(not_enough(minimum_groups - n).replace("unit", "group"), n, method)
        return WithinCorrelation(few, constant, alone)
    units = Units.of(np.round(found, 12)[:, None])
    values = units.rows[:, 0]
    (figure,) = figures_over_units(
        units, lambda draws: [draws @ values / draws.sum(axis=1)], [(method, "")], seed=seed
    )
    return WithinCorrelation(figure, constant, alone)


def correlation_between(
    first: Floats,
    second: Floats,
    groups: npt.NDArray[np.str_],
    *,
    minimum_groups: int = MINIMUM_GROUPS,
    seed: int = SEED,
) -> Figure:
    """Spearman's rho of the groups' means: do the two rank systems alike?

    first, second: (units,), two scores of each unit; units where either is NaN do not count.
    groups: (units,), the system (configuration) of each. n is the number of groups, of which there
    are mostly few: read the interval (bootstrap over groups). Undefined with fewer than
    `minimum_groups`. Raises ValueError for arrays of different length.
    """
    method = "Spearman's rho, of group means"
    rows, place = _known(first, second, groups)
    n = int(place.max(initial=-1)) + 1
    if n < minimum_groups:
        return Figure.undefined(not_enough(minimum_groups - n).replace("unit", "group"), n, method)
    sizes = np.bincount(place)
    means = np.column_stack([np.bincount(place, side) / sizes for side in rows.T])
    # Sums in another order differ in the last bit, which would break ties between ranks.
    units = Units.of(np.round(means, 9))
    one, other = units.rows.T
    (figure,) = figures_over_units(
        units, lambda draws: [correlations(one, other, draws)], [(method, Reason.CONSTANT)],
        seed=seed,
    )  # fmt: skip
    return figure


def _ranks_within(values: Floats, place: npt.NDArray[np.intp]) -> Floats:
    """Mid-ranks inside each group, less the group's middle: (units,)."""
    order = np.lexsort((values, place))
    group, sorted_ = place[order], values[order]
    new = np.r_[True, (group[1:] != group[:-1]) | (sorted_[1:] != sorted_[:-1])]
    begins = np.flatnonzero(new)
    tie = np.cumsum(new) - 1
    lengths = np.diff(np.r_[begins, len(order)])
    sizes = np.bincount(place)
    start = np.cumsum(sizes) - sizes
    middle = begins[tie] + (lengths[tie] - 1) / 2 - start[group] - (sizes[group] - 1) / 2
    found = np.empty(len(values))
    found[order] = middle
    return found


def _known(
    first: Floats, second: Floats, groups: npt.NDArray[np.str_]
) -> tuple[Floats, npt.NDArray[np.intp]]:
    """The units with both scores, (units, 2), and the place of each one's group."""
    if not len(first) == len(second) == len(groups):
        raise ValueError(f"{len(first)} and {len(second)} scores of {len(groups)} units")
    rows = np.column_stack([first, second])
    known = ~np.isnan(rows).any(axis=1)
    return rows[known], np.unique(groups[known], return_inverse=True)[1]
