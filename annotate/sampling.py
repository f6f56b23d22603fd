"""Drawing a sample: strata, allocation, inclusion probabilities. Pure.

Outputs of a stratum are ordered by the MD5 of `seed:key` and the first n are taken (permanent
random numbers, Ohlsson 1995). The order depends on nothing but seed and keys, so every machine and
every query engine draws the same sample, a larger n of a stratum contains the smaller one, and an
auditor can check a single unit.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import nsmallest
from typing import NamedTuple, Protocol

METHODS = ("proportional", "equal", "neyman")
SPREAD_FLOOR = Fraction(1, 4)
"""Of the usual spread: what a stratum counts with at least under `neyman`."""


class Drawable(Protocol):
    """What can be drawn has a key and lies in a stratum."""

    @property
    def key(self) -> str: ...
    @property
    def stratum(self) -> str: ...


class Item(NamedTuple):
    """An output that could be drawn, and the stratum it belongs to."""

    key: str
    stratum: str


@dataclass(frozen=True)
class Drawn:
    """An output that was drawn; the probability with which it had to be is n/N of its stratum."""

    key: str
    stratum: str
    inclusion_probability: float


def order(key: str, seed: str) -> str:
    """The place of an output in its stratum: 32 hexadecimal digits, compared as text."""
    return hashlib.md5(f"{seed}:{key}".encode(), usedforsecurity=False).hexdigest()


def allocate(
    sizes: Mapping[str, int],
    n: int,
    method: str,
    *,
    spreads: Mapping[str, float] | None = None,
    minimum: int = 2,
) -> dict[str, int]:
    """How many to draw from each stratum: sums to min(n, population).

    sizes: outputs by stratum.
    method: `proportional` to size; `equal` for every stratum; `neyman` proportional to size
        times the standard deviation of past ratings (Neyman 1934), which minimises the variance
        of the overall mean.
    spreads: the standard deviations for `neyman`. A stratum without one counts with the mean of
        the others, one that is nearly unanimous with a quarter of it: a pilot of a few units must
        not switch a stratum off.
    minimum: at least so many from each stratum, where n and the stratum have them: a variance
        within a stratum needs two.
    Fractions are rounded by largest remainder; what a small stratum cannot give goes to the
    others. Raises ValueError for an unknown method, a negative n, or `neyman` without spreads.
    """
    if method not in METHODS:
        raise ValueError(f"allocation {method!r} is not one of {', '.join(METHODS)}")
    if n < 0:
        raise ValueError("a sample cannot be smaller than 0")
    held = {stratum: sizes[stratum] for stratum in sorted(sizes) if sizes[stratum] > 0}
    target = min(n, sum(held.values()))
    if target == 0:
        return dict.fromkeys(sizes, 0)
    floor = min(minimum, target // len(held))
    exact = _level(held, _shares(held, method, spreads), floor, target)
    given = {stratum: math.floor(value) for stratum, value in exact.items()}
    by_remainder = sorted(held, key=lambda s: (given[s] - exact[s], s))
    for stratum in by_remainder[: target - sum(given.values())]:
        given[stratum] += 1
    return {stratum: given.get(stratum, 0) for stratum in sizes}


def _shares(
    sizes: Mapping[str, int], method: str, spreads: Mapping[str, float] | None
) -> dict[str, Fraction]:
    """What each stratum's part is proportional to; exact, so that ties are ties everywhere."""
    if method == "equal":
        return dict.fromkeys(sizes, Fraction(1))
    if method == "proportional":
        return {stratum: Fraction(size) for stratum, size in sizes.items()}
    found = {s: Fraction(v) for s, v in (spreads or {}).items() if v >= 0 and math.isfinite(v)}
    known = [value for value in found.values() if value > 0]
    if not known:
        raise ValueError("neyman allocation needs the spread of past ratings")
    usual = sum(known, Fraction(0)) / len(known)
    return {
        stratum: size * max(found.get(stratum, usual), usual * SPREAD_FLOOR)
        for stratum, size in sizes.items()
    }


def _level(
    sizes: Mapping[str, int], shares: Mapping[str, Fraction], floor: int, target: int
) -> dict[str, Fraction]:
    """`shares` scaled so that, held between `floor` and the sizes, they sum to `target`.

    The sum grows with the scale and bends only where a stratum reaches one of its limits: the
    scale lies between two such bends, and there the sum is a line.
    """

    def limits(stratum: str) -> tuple[int, int]:
        return min(floor, sizes[stratum]), sizes[stratum]

    def held(scale: Fraction) -> dict[str, Fraction]:
        found = {}
        for stratum, share in shares.items():
            low, high = limits(stratum)
            found[stratum] = min(max(scale * share, Fraction(low)), Fraction(high))
        return found

    bends = sorted({Fraction(limit) / shares[s] for s in sizes for limit in limits(s)})
    first, last = 0, len(bends) - 1  # the sum at bends[last] is the population
    while first < last:
        middle = (first + last) // 2
        if sum(held(bends[middle]).values()) < target:
            first = middle + 1
        else:
            last = middle
    upper = held(bends[first])
    if first == 0:
        return upper
    lower = held(bends[first - 1])
    below, above = sum(lower.values(), Fraction(0)), sum(upper.values(), Fraction(0))
    part = (target - below) / (above - below)
    return {s: lower[s] + part * (upper[s] - lower[s]) for s in sizes}


def draw(population: Sequence[Drawable], sizes: Mapping[str, int], seed: str) -> list[Drawn]:
    """The sample: from each stratum the first of its order, by stratum and then by order.

    Raises ValueError when a stratum is asked for more than it has, and for a key given twice.
    """
    if len({item.key for item in population}) != len(population):
        raise ValueError("a key is given twice")
    strata: dict[str, list[str]] = {}
    for item in population:
        strata.setdefault(item.stratum, []).append(item.key)
    drawn = []
    for stratum in sorted(sizes):
        keys = strata.get(stratum, [])
        count = sizes[stratum]
        if count > len(keys):
            raise ValueError(f"stratum {stratum} has {len(keys)} outputs, {count} are wanted")
        first = nsmallest(count, keys, key=lambda key: (order(key, seed), key))
        drawn += [Drawn(key, stratum, count / len(keys)) for key in first]
    return drawn
