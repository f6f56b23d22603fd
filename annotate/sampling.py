"""Drawing a sample: strata, allocation, inclusion probabilities. Pure.

Outputs of a stratum are ordered by the MD5 of `seed:key` and the first n are taken. The order
depends on nothing but seed and keys, so every machine and every query engine draws the same
sample, a larger n contains the smaller one, and an auditor can check a single unit.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

METHODS = ("proportional", "equal", "neyman")


@dataclass(frozen=True)
class Item:
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
    spreads: the standard deviations for `neyman`; a stratum without one, or with none to speak
        of, gets the mean of the others, so that past luck cannot switch a stratum off.
    minimum: at least so many from each stratum, where n and the stratum have them: a variance
        within a stratum needs two.
    Fractions are rounded by largest remainder; what a small stratum cannot give goes to the
    others. Raises ValueError for an unknown method, a negative n, or `neyman` without spreads.
    """
    if method not in METHODS:
        raise ValueError(f"allocation {method!r} is not one of {', '.join(METHODS)}")
    if n < 0:
        raise ValueError("a sample cannot be smaller than 0")
    shares = _shares(sizes, method, spreads)
    target = min(n, sum(sizes.values()))
    floor = min(minimum, target // len(sizes)) if sizes else 0
    exact = _level(sizes, shares, floor, target)
    given = {stratum: math.floor(value + 1e-9) for stratum, value in exact.items()}
    rest = sorted((s for s in sizes if given[s] < sizes[s]), key=lambda s: (given[s] - exact[s], s))
    for stratum in rest[: target - sum(given.values())]:
        given[stratum] += 1
    return given


def _shares(
    sizes: Mapping[str, int], method: str, spreads: Mapping[str, float] | None
) -> dict[str, float]:
    if method == "equal":
        return dict.fromkeys(sizes, 1.0)
    if method == "proportional":
        return {stratum: float(size) for stratum, size in sizes.items()}
    known = [value for value in (spreads or {}).values() if value > 0]
    if not known:
        raise ValueError("neyman allocation needs the spread of past ratings")
    usual = sum(known) / len(known)
    floor = usual / 4
    found = spreads or {}
    return {s: size * max(found.get(s, usual), floor) for s, size in sizes.items()}


def _level(
    sizes: Mapping[str, int], shares: Mapping[str, float], floor: int, target: int
) -> dict[str, float]:
    """`shares` scaled so that, held between `floor` and the sizes, they sum to `target`."""

    def held(scale: float) -> dict[str, float]:
        return {s: float(min(max(scale * shares[s], min(floor, n)), n)) for s, n in sizes.items()}

    low, high = 0.0, 1.0
    while sum(held(high).values()) < target:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if sum(held(middle).values()) < target:
            low = middle
        else:
            high = middle
    return held(high)


def draw(population: Sequence[Item], sizes: Mapping[str, int], seed: str) -> list[Drawn]:
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
        ordered = sorted(keys, key=lambda key: (order(key, seed), key))
        drawn += [Drawn(key, stratum, count / len(keys)) for key in ordered[:count]]
    return drawn
