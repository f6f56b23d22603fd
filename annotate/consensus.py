"""From several people's ratings to one value per unit. Pure.

In order: one voice only is reported as such; unanimous; majority (nominal) or lower median
(ordinal, interval) where enough people stand behind it; else the unit is disputed and waits for
a lead.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np

from annotate.stats import Level
from annotate.stats.figure import Floats

How = Literal["single", "unanimous", "majority", "median", "undecided", "adjudicated"]

SUPPORT = 2 / 3
"""The share of raters that must stand behind a value: exactly on it (nominal), or within one
point of the median (ordinal, interval)."""
SPREAD = 2.0
"""Ratings that lie so many points apart are disputed, whatever the median says."""


@dataclass(frozen=True)
class Consensus:
    """What people's ratings of one unit come to."""

    value: float | None
    how: How
    votes: dict[float, int]
    """Raters by value, ascending."""
    agreement: float
    """The share of raters who gave the value; of the commonest where there is none."""
    disputed: bool
    """Whether it waits for a lead's decision."""
    reason: str | None = None
    """Why there is no value, or why it is disputed."""


def consensus(
    values: Floats,
    *,
    level: Level,
    domain: tuple[float, ...],
    support: float = SUPPORT,
    spread: float = SPREAD,
) -> list[Consensus]:
    """The consensus of every unit.

    values: (units, raters), NaN where nobody rated; each unit is rated at least once.
    domain: the whole scale; on a scale of two values a majority is what a median would be.
    Raises ValueError for a unit that nobody rated.
    """
    # Units with the same votes have the same consensus: a round has few distinct ones.
    known: dict[tuple[float, ...], Consensus] = {}
    found = []
    for row in values:
        said = tuple(np.sort(row[~np.isnan(row)]).tolist())
        if said not in known:
            known[said] = _of(said, level, len(domain), support, spread)
        found.append(known[said])
    return found


def _of(
    said: tuple[float, ...], level: Level, points: int, support: float, spread: float
) -> Consensus:
    if not said:
        raise ValueError("a unit without ratings has no consensus")
    votes = dict(sorted(Counter(said).items()))
    n = len(said)
    top = max(votes.values())
    if n == 1:
        return Consensus(None, "single", votes, 1.0, False, "only one person rated it")
    if top == n:
        return Consensus(said[0], "unanimous", votes, 1.0, False)
    if level == "nominal" or points == 2:
        return _majority(votes, n, top, support)
    return _median(said, votes, n, top, support, spread)


def _majority(votes: dict[float, int], n: int, top: int, support: float) -> Consensus:
    leaders = [value for value, count in votes.items() if count == top]
    if len(leaders) > 1:
        return Consensus(None, "undecided", votes, top / n, True, "disputed: a tie")
    if top / n < support - 1e-9:
        return Consensus(None, "undecided", votes, top / n, True, f"disputed: {top} of {n} agree")
    return Consensus(leaders[0], "majority", votes, top / n, False)


def _median(
    said: tuple[float, ...],
    votes: dict[float, int],
    n: int,
    top: int,
    support: float,
    spread: float,
) -> Consensus:
    gap = said[-1] - said[0]
    middle = said[(n - 1) // 2]
    share = votes[middle] / n
    if gap >= spread:
        return Consensus(None, "undecided", votes, top / n, True, f"disputed: {gap:g} points apart")
    near = sum(count for value, count in votes.items() if abs(value - middle) <= 1) / n
    if near < support - 1e-9 or (n == 2):
        return Consensus(None, "undecided", votes, top / n, True, f"disputed: {top} of {n} agree")
    return Consensus(middle, "median", votes, share, False)
