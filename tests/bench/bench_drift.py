"""How often drift is alarmed, and who is blamed, where the truth is known; prints JSON.

    python tests/bench/bench_drift.py

Worlds of 50 anchors and 100 fresh units on a scale of 1 to 5, three raters, a judge of three runs
(or one). Without drift every flag is false: the share of worlds in which any of the four contrasts
reaches an adjusted p of .05, and of .01. With drift: the share in which the true cause is found
(adjusted p of .05), and in which it is the only one named.

- Anchors of every quality where the traffic is mostly good, and a scale of two values whose anchors are balanced and whose traffic mostly passes: here anchors
  that are not weighted to the traffic would blame coverage.
- Twelve rounds against one pinned baseline, by the alarm rule itself: the share of such years with
  a false ALARM.
- Twelve segments judged together, two of them with a drifted judge: the share of false ones among
  ALARMs, and of the drifted that are found.
"""

import json
import time
from collections.abc import Iterable
from typing import Any

from annotate.stats import Drift, DriftVerdict, across, drift
from tests.unit.stats.worlds import SCALE, passes_and_fails, world

SEED = 20_261_123
NULL_WORLDS, WORLDS, YEARS = 4000, 500, 200
NULLS: dict[str, dict[str, int]] = {
    "50 anchors, 100 fresh, 3 runs": {},
    "50 anchors, 100 fresh, 1 run": {"runs": 1},
    "30 anchors, 60 fresh, 3 runs": {"anchors": 30, "fresh": 60},
    "20 anchors, 40 fresh, 3 runs": {"anchors": 20, "fresh": 40},
    "50 anchors, 100 fresh, 3 runs, 2,900 more judged": {"judged": 2900},
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
    "judge +0.6 on new traffic alone": ({"on_new": 0.6}, {"coverage"}),
}
BALANCED: dict[str, tuple[dict[str, float], set[str]]] = {
    "nothing": ({}, set()),
    "judge +0.8 on bad units": ({"on_bad": 0.8}, {"judge"}),
}
BINARY: dict[str, tuple[dict[str, float], set[str]]] = {
    "nothing": ({}, set()),
    "judge finds 60 of 100 fails instead of 80": ({"tnr": 0.6}, {"judge"}),
    "traffic passes 60 of 100 instead of 80": ({"passes": 0.6}, {"traffic"}),
}


def main() -> None:
    """Print false alarms, then power and attribution."""
    start = time.perf_counter()
    found = {
        "no drift": {name: _false_alarms(size) for name, size in NULLS.items()},
        "drift": {name: _attribution(*move) for name, move in MOVES.items()},
        "traffic -0.5, 2,900 more outputs judged": _with_traffic_judged(
            {"traffic": -0.5}, {"traffic"}
        ),
        "five points, anchors of every quality, traffic mostly good": {
            name: _of_balanced(*move) for name, move in BALANCED.items()
        },
        "two values": {name: _of_two_values(*move) for name, move in BINARY.items()},
        "a year of twelve rounds without drift": _years(),
        "twelve segments": _segments(),
    }
    seconds = round(time.perf_counter() - start)
    print(json.dumps({"seed": SEED, **found, "seconds": seconds}, indent=2))


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


def _with_traffic_judged(move: dict[str, Any], causes: set[str]) -> dict[str, float]:
    size: dict[str, Any] = {"judged": 2900}
    return _blamed((_adjusted(i, size, move) for i in range(WORLDS)), causes)


def _of_balanced(move: dict[str, Any], causes: set[str]) -> dict[str, float]:
    size: dict[str, Any] = {"balanced": True, "traffic": 0.7}
    return _blamed((_adjusted(i, size, move) for i in range(2 * WORLDS)), causes)


def _of_two_values(move: dict[str, Any], causes: set[str]) -> dict[str, float]:
    seeds = range(SEED, SEED + 4 * WORLDS, 2)
    found = (
        drift(
            passes_and_fails(seed), passes_and_fails(seed + 1, **move),
            level="nominal", domain=(0.0, 1.0),
        )
        for seed in seeds
    )  # fmt: skip
    return _blamed(map(_by_cause, found), causes)


def _blamed(worlds: Iterable[dict[str, float]], causes: set[str]) -> dict[str, float]:
    """How often anything is flagged, just the cause, and coverage; from adjusted p by cause."""
    exact = any_flag = coverage = number = 0
    for flags in worlds:
        number += 1
        named = {name for name, p in flags.items() if p <= 0.05}
        any_flag += bool(named)
        exact += named == causes
        coverage += "coverage" in named
    return {
        "any flag": round(any_flag / number, 3),
        "exact": round(exact / number, 3),
        "coverage blamed": round(coverage / number, 3),
    }


def _years() -> dict[str, float]:
    """ALARM at .01, or at .05 in two rounds running, against one pinned baseline."""
    alarmed = 0
    for year in range(YEARS):
        seed = SEED + 100 * year
        baseline, before, any_alarm = world(seed), None, False
        for month in range(1, 13):
            found = drift(
                baseline, world(seed + month), level="ordinal", domain=SCALE,
                previous=before.contrasts if before else None,
            )  # fmt: skip
            any_alarm |= found.verdict is DriftVerdict.ALARM
            before = found
        alarmed += any_alarm
    return {"a false ALARM": round(alarmed / YEARS, 3)}


def _segments() -> dict[str, float]:
    """Of twelve segments the judge became half a point more lenient in two."""
    false, alarms, found_true = 0, 0, 0
    for i in range(YEARS):
        seed = SEED + 100 * i
        found = [
            drift(
                world(seed + 2 * s, anchors=30, fresh=60),
                world(seed + 2 * s + 1, anchors=30, fresh=60, judge=0.5 if s < 2 else 0.0),
                level="ordinal", domain=SCALE,
            )
            for s in range(12)
        ]  # fmt: skip
        named = [s for s, one in enumerate(across(found)) if one.verdict is DriftVerdict.ALARM]
        alarms += len(named)
        false += sum(s >= 2 for s in named)
        found_true += sum(s < 2 for s in named)
    return {
        "false among ALARMs": round(false / max(1, alarms), 3),
        "drifted segments found": round(found_true / (2 * YEARS), 3),
    }


def _adjusted(number: int, size: dict[str, Any], move: dict[str, Any]) -> dict[str, float]:
    """Adjusted p by cause, of a world and a later one."""
    seed = SEED + 2 * number
    return _by_cause(
        drift(world(seed, **size), world(seed + 1, **size, **move), level="ordinal", domain=SCALE)
    )


def _by_cause(found: Drift) -> dict[str, float]:
    causes = {"J": "judge", "H": "raters", "T": "traffic", "C": "coverage"}
    return {causes[name]: c.p_adjusted or 1.0 for name, c in found.contrasts.items()}


if __name__ == "__main__":
    main()
