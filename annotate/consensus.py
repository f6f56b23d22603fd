"""From several people's ratings to one value per unit. Pure.

In order: one voice only is reported as such; unanimous; majority (nominal) or lower median
(ordinal, interval) where enough people stand behind it; else the unit is disputed and waits for
a lead. See docs/statistics.md for the reasons.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np

from annotate.stats import Level, counts
from annotate.stats.figure import Floats

Rule = Literal["majority", "median"]
How = Literal["single", "unanimous", "majority", "median", "undecided", "adjudicated"]

SUPPORT = 2 / 3
"""The share of raters that must stand behind a value: exactly on it (nominal), or within one
point of the median (ordinal, interval)."""
SPREAD = 2
"""Ratings that lie so many points of the scale apart are disputed, whatever the median says."""


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
    rule: Rule | None = None,
    support: float = SUPPORT,
    spread: int = SPREAD,
) -> list[Consensus]:
    """The consensus of every unit.

    values: (units, raters), NaN where nobody rated; each unit is rated at least once.
    domain: the whole scale, ascending. rule: by default majority on a nominal scale and on one of
    two values, else the lower median.
    One rater alone gives no value: gold needs a second voice or a lead's decision.
    Raises ValueError for a unit that nobody rated, and for a value outside the scale.
    """
    counts(values, domain)  # refuses a value outside the scale
    rule = rule or ("majority" if level == "nominal" or len(domain) == 2 else "median")
    ordered = np.sort(values, axis=1)
    # Units with the same votes have the same consensus: a round has few distinct ones.
    known: dict[tuple[float, ...], Consensus] = {}
    found = []
    for row in map(tuple, np.where(np.isnan(ordered), np.inf, ordered).tolist()):
        if row not in known:
            said = tuple(value for value in row if value != np.inf)
            known[row] = _of(said, domain, rule, support, spread)
        found.append(known[row])
    return found


def _of(
    said: tuple[float, ...], domain: tuple[float, ...], rule: Rule, support: float, spread: int
) -> Consensus:
    if not said:
        raise ValueError("a unit without ratings has no consensus")
    votes = dict(sorted(Counter(said).items()))
    n = len(said)
    if n == 1:
        return Consensus(None, "single", votes, 1.0, False, "only one person rated it")
    if len(votes) == 1:
        return Consensus(said[0], "unanimous", votes, 1.0, False)
    if rule == "majority":
        return _majority(votes, n, support)
    return _median(said, votes, domain, support, spread)


def _majority(votes: dict[float, int], n: int, support: float) -> Consensus:
    top = max(votes.values())
    leaders = [value for value, count in votes.items() if count == top]
    if len(leaders) > 1:
        return _disputed(votes, n, "a tie")
    if top / n < support - 1e-9:
        return _disputed(votes, n, f"{top} of {n} agree")
    return Consensus(leaders[0], "majority", votes, top / n, False)


def _median(
    said: tuple[float, ...],
    votes: dict[float, int],
    domain: tuple[float, ...],
    support: float,
    spread: int,
) -> Consensus:
    n = len(said)
    point = {value: place for place, value in enumerate(domain)}
    gap = point[said[-1]] - point[said[0]]
    if gap >= spread:
        return _disputed(votes, n, f"{gap} points apart")
    middle = said[(n - 1) // 2]
    near = sum(count for value, count in votes.items() if abs(point[value] - point[middle]) <= 1)
    # Of two people who differ, neither has anybody behind him.
    if near / n < support - 1e-9 or n == 2:
        return _disputed(votes, n, f"{max(votes.values())} of {n} agree")
    return Consensus(middle, "median", votes, votes[middle] / n, False)


def _disputed(votes: dict[float, int], n: int, reason: str) -> Consensus:
    top = max(votes.values())
    return Consensus(None, "undecided", votes, top / n, True, f"disputed: {reason}")
