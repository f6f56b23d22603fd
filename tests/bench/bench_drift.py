"""How often drift is alarmed, and who is blamed, where the truth is known; prints JSON.

    python tests/bench/bench_drift.py

Worlds of 50 anchors and 100 fresh units on a scale of 1 to 5, three raters, a judge of three runs
(or one). Without drift every flag is false: the share of worlds in which any of the four contrasts
reaches an adjusted p of .05, and of .01. With drift: the share in which the true cause is found
(adjusted p of .05), and in which it is the only one named.
"""

import json
import time
from typing import Any

from annotate.stats import drift
from tests.unit.stats.worlds import SCALE, world

NULL_WORLDS, WORLDS = 4000, 500
NULLS: dict[str, dict[str, int]] = {
    "50 anchors, 100 fresh, 3 runs": {},
    "50 anchors, 100 fresh, 1 run": {"runs": 1},
    "30 anchors, 60 fresh, 3 runs": {"anchors": 30, "fresh": 60},
    "20 anchors, 40 fresh, 3 runs": {"anchors": 20, "fresh": 40},
}
MOVES: dict[str, tuple[dict[str, float], set[str]]] = {
    "judge +0.3": ({"judge": 0.3}, {"judge"}),
    "judge +0.5": ({"judge": 0.5}, {"judge"}),
    "judge guesses 25 %": ({"guessing": 0.25}, {"judge"}),
    "raters -0.3": ({"raters": -0.3}, {"raters"}),
    "raters -0.5": ({"raters": -0.5}, {"raters"}),
    "traffic -0.5": ({"traffic": -0.5}, {"traffic"}),
    "traffic -0.7": ({"traffic": -0.7}, {"traffic"}),
    "judge +0.5 and traffic -0.5": ({"judge": 0.5, "traffic": -0.5}, {"judge", "traffic"}),
    "judge and raters -0.5": ({"judge": -0.5, "raters": -0.5}, {"judge", "raters"}),
}


def main() -> None:
    """Print false alarms, then power and attribution."""
    start = time.perf_counter()
    found = {
        "no drift": {name: _false_alarms(size) for name, size in NULLS.items()},
        "drift": {name: _attribution(*move) for name, move in MOVES.items()},
    }
    seconds = time.perf_counter() - start
    worlds = NULL_WORLDS * len(NULLS) + WORLDS * len(MOVES)
    print(json.dumps({**found, "ms_a_world": round(1000 * seconds / worlds, 2)}, indent=2))


def _false_alarms(size: dict[str, int]) -> dict[str, float]:
    at = {0.05: 0, 0.01: 0}
    for i in range(NULL_WORLDS):
        flags = _adjusted(i, size, {})
        for level in at:
            at[level] += min(flags.values()) <= level
    return {f"any at {level:g}": round(n / NULL_WORLDS, 4) for level, n in at.items()}


def _attribution(move: dict[str, float], causes: set[str]) -> dict[str, float]:
    detected = exact = 0
    for i in range(WORLDS):
        named = {name for name, p in _adjusted(i, {}, move).items() if p <= 0.05}
        detected += causes <= named
        exact += causes == named
    return {"detected": round(detected / WORLDS, 3), "exact": round(exact / WORLDS, 3)}


def _adjusted(number: int, size: dict[str, Any], move: dict[str, Any]) -> dict[str, float]:
    """Adjusted p by cause, of a world and a later one."""
    found = drift(
        world(2 * number, **size), world(2 * number + 1, **size, **move),
        level="ordinal", domain=SCALE,
    )  # fmt: skip
    causes = {"J": "judge", "H": "raters", "T": "traffic", "C": "coverage"}
    return {causes[name]: c.p_adjusted or 1.0 for name, c in found.contrasts.items()}


if __name__ == "__main__":
    main()
