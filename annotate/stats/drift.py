"""Drift between a baseline round and a later one: the verdict, its causes, and the sentence.

The four contrasts behind it are those of `contrasts`. See docs/statistics/drift.md for the source and
the measured false-alarm rates.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from annotate.stats.bootstrap import SEED
from annotate.stats.contrasts import (
    MINIMUM_ANCHORS,
    MINIMUM_FRESH,
    NO_ANCHORS,
    NOTABLE,
    Contrast,
    RoundScores,
    contrasts,
)
from annotate.stats.figure import Level, Reason, p_words, plural
from annotate.stats.multiplicity import benjamini_hochberg

ALARM_AT = 0.01
WATCH_AT = NOTABLE
ACROSS = 0.10
"""The share of false alarms that is accepted among alarms over segments and criteria."""
CAUSES = {"J": "judge", "H": "raters", "T": "traffic", "C": "coverage"}
DECIDING = ("J", "H", "T")
"""What must lie within plus or minus delta for nothing to have moved."""
OF_POINTS = 0.25
OF_PASS_RATE = 0.05


class DriftVerdict(StrEnum):
    """What the comparison of two rounds says."""

    ALARM = "ALARM"
    WATCH = "WATCH"
    STABLE = "STABLE"
    CANNOT_TELL = "CANNOT TELL"
    NOT_ENOUGH = "NOT ENOUGH RATINGS"


@dataclass(frozen=True)
class Drift:
    """The verdict on one criterion (in one segment, or pooled)."""

    verdict: DriftVerdict
    causes: tuple[str, ...]
    contrasts: dict[str, Contrast]
    delta: float
    needed: int | None = None
    """How many more anchors, or fresh units in each of the two rounds (with anchors in proportion),
    would most likely let the verdict be STABLE if nothing moved; None where that is not the
    question."""
    panel_change: tuple[str, ...] = field(default=())
    """Raters of only one of the two rounds: their turnover is not counted as drift of raters."""

    def sentence(self, segment: str | None = None) -> str:
        """The verdict in a sentence that a lead understands."""
        where = f" in {segment}" if segment else ""
        if self.verdict is DriftVerdict.NOT_ENOUGH:
            return f"Not enough ratings{where}: {self.contrasts['J'].reason}."
        if self.verdict is DriftVerdict.STABLE:
            return f"Nothing moved by more than {_points(self.delta, 'g')}{where}; {self._power()}."
        if self.verdict is DriftVerdict.CANNOT_TELL:
            return self._cannot_tell(where)
        moved = [
            _moved(name, self.contrasts[name], where, bool(self.panel_change))
            for name, cause in CAUSES.items()
            if cause in self.causes
        ]
        judge, raters = self.contrasts["J"], self.contrasts["H"]
        together = {"judge", "raters"} <= set(self.causes)
        if together and (judge.estimate or 0) * (raters.estimate or 0) > 0:
            moved.append("both in one direction, as after a change of the rubric")
        still = [
            CAUSES[name]
            for name in DECIDING
            if CAUSES[name] not in self.causes and self.contrasts[name].within(self.delta)
        ]
        begun = "" if self.verdict is DriftVerdict.ALARM else "Perhaps: "
        rest = f"; {_listed(still)} did not move" if still else ""
        return begun + "; ".join(moved) + rest + "."

    def _cannot_tell(self, where: str) -> str:
        """How far each may have moved, what would tell, and of what nothing can be said."""
        unseen = [n for n in DECIDING if self.contrasts[n].reason]
        if len(unseen) == len(DECIDING):
            reasons = dict.fromkeys(str(self.contrasts[n].reason) for n in unseen)
            return f"Cannot tell{where}: {'; '.join(reasons)}."
        parts = []
        if wide := [n for n in DECIDING if n not in unseen and not self._within(n)]:
            first, *others = wide
            ranges = [f"{_the(CAUSES[first])} may have moved by {_range(self.contrasts[first])}"]
            ranges += [f"{_the(CAUSES[n])} by {_range(self.contrasts[n])}" for n in others]
            parts.append(f"{', '.join(ranges)} points")
            parts += [
                f"chance is not ruled out for {_the(CAUSES[n])}: p {p_words(p)}"
                for n in wide
                if (p := self.contrasts[n].p_adjusted) is not None and self.contrasts[n].one_way
            ]
            parts.append(self._narrowed(wide))
        parts += [f"nothing of {_the(CAUSES[n])}: {self.contrasts[n].reason}" for n in unseen]
        return f"Cannot tell{where}: {'; '.join(parts)}."

    def _narrowed(self, wide: list[str]) -> str:
        """What it would take to see that these did not move."""
        return f"about {self._asked(wide)} would narrow this to {_points(self.delta, 'g')}"

    def _asked(self, wide: list[str]) -> str:
        """Further anchors for the judge and the raters, further fresh units for the traffic."""
        asked = []
        if anchors := [_needed(self.contrasts[n], self.delta) for n in wide if n != "T"]:
            asked.append(plural(max(anchors), "anchor"))
        if "T" in wide:
            # Traffic is a difference of both rounds' samples: a larger one alone shows little.
            more = plural(_needed(self.contrasts["T"], self.delta), "fresh unit")
            asked.append(f"{more} in each round with anchors in proportion")
        return " and ".join(asked)

    def _power(self) -> str:
        """What this comparison would have found."""
        shifts = [
            f"{shift:.2g} of {_the(CAUSES[name])}"
            for name in DECIDING
            if (shift := self.contrasts[name].detectable) is not None
        ]
        return f"most likely found would have been a move of {', '.join(shifts)}"

    def unseen(self, name: str) -> str:
        """Why it cannot be told whether one of them moved; empty where it can.

        name: of the contrast, one of DECIDING.
        """
        contrast = self.contrasts[name]
        if contrast.reason:
            return str(contrast.reason)
        if self._within(name):
            return ""
        return f"it may have moved by {_range(contrast)} points; {self._narrowed([name])}"

    def _within(self, name: str) -> bool:
        return self.contrasts[name].within(self.delta)


def drift(
    baseline: RoundScores,
    current: RoundScores,
    *,
    level: Level,
    domain: tuple[float, ...],
    delta: float | None = None,
    previous: Mapping[str, Contrast] | None = None,
    seed: int = SEED,
) -> Drift:
    """Did the judge move, did the raters move, or did the traffic move?

    baseline, current: the pinned round and the one in question; their anchors are the same, row by
        row.
    delta: the largest change that counts as stable; by default a quarter point, or 0.05 on a
        scale of two values (5 points of pass rate).
    previous: the contrasts of the round before against the same baseline, if there was one.
    Raises ValueError when the anchors of the two rounds differ in number.
    Verdict: ALARM when an adjusted p is at most 0.01, or at most 0.05 for the same contrast in
    this round and the one before; WATCH at most 0.05; STABLE only when J, H and T lie within plus
    or minus delta; CANNOT TELL otherwise.
    """
    if delta is None:
        delta = OF_PASS_RATE if len(domain) == 2 else OF_POINTS
    turnover = tuple(sorted(set(baseline.raters) ^ set(current.raters)))
    if level == "nominal" and len(domain) > 2:
        none = Contrast(None, None, None, None, None, 0, Reason.NOMINAL)
        return Drift(
            DriftVerdict.CANNOT_TELL, (), dict.fromkeys(CAUSES, none), delta, None, turnover
        )
    found = contrasts(baseline, current, domain=domain, seed=seed)
    return _decided(found, delta, turnover, previous or {})


def across(drifts: list[Drift]) -> list[Drift]:
    """Segments x criteria judged together: what Benjamini-Hochberg does not support is WATCH.

    drifts: of every segment and criterion, in any order; returned in the same. The raw p of every
    contrast of all of them are adjusted together, at ACROSS (10 %). An alarm that is supported for
    some of its causes names only those. Without it, twelve segments of four criteria would raise
    false alarms by their number alone. Benjamini & Hochberg (1995). Raises nothing.
    """
    flagged = [
        (i, name, c.p)
        for i, one in enumerate(drifts)
        for name, c in one.contrasts.items()
        if c.p is not None
    ]
    if not flagged:
        return drifts
    supported = benjamini_hochberg([p for _, _, p in flagged]) <= ACROSS
    kept = {(i, name) for (i, name, _), ok in zip(flagged, supported, strict=True) if ok}
    found = []
    for i, one in enumerate(drifts):
        causes = tuple(c for n, c in CAUSES.items() if c in one.causes and (i, n) in kept)
        if one.verdict is not DriftVerdict.ALARM:
            found.append(one)
        elif causes:
            found.append(replace(one, causes=causes))
        else:
            found.append(replace(one, verdict=DriftVerdict.WATCH))
    return found


def _decided(
    found: dict[str, Contrast],
    delta: float,
    turnover: tuple[str, ...],
    previous: Mapping[str, Contrast],
) -> Drift:
    adjusted = {name: c.p_adjusted for name, c in found.items() if c.p_adjusted is not None}
    if "J" not in adjusted:
        missing = None if found["J"].reason == NO_ANCHORS else MINIMUM_ANCHORS - found["J"].n
        return Drift(DriftVerdict.NOT_ENOUGH, (), found, delta, missing, turnover)
    watched = [name for name, p in adjusted.items() if p <= WATCH_AT]
    alarms = [
        name for name in watched if adjusted[name] <= ALARM_AT or _flagged(previous.get(name))
    ]
    if watched:
        verdict = DriftVerdict.ALARM if alarms else DriftVerdict.WATCH
        causes = tuple(CAUSES[name] for name in (alarms or watched))
        return Drift(verdict, causes, found, delta, None, turnover)
    if all(found[name].within(delta) for name in DECIDING):
        return Drift(DriftVerdict.STABLE, (), found, delta, None, turnover)
    needed = max(_needed(found[name], delta) for name in DECIDING)
    return Drift(DriftVerdict.CANNOT_TELL, (), found, delta, needed, turnover)


def _flagged(contrast: Contrast | None) -> bool:
    """Whether the round before was already under watch for this contrast."""
    return (
        contrast is not None
        and contrast.p_adjusted is not None
        and (contrast.p_adjusted <= WATCH_AT)
    )


def _needed(contrast: Contrast, delta: float) -> int:
    """Units beyond those there after which a contrast that did not move would be seen not to.

    An interval of plus or minus half of delta contains its own way to zero in 95 of 100 rounds
    without drift, and then lies within delta.
    """
    if contrast.within(delta):
        return 0
    if contrast.low is None or contrast.high is None or contrast.estimate is None:
        return max(MINIMUM_FRESH - contrast.n, 1)
    half = (contrast.high - contrast.low) / 2
    aim = delta / 2
    if half <= aim:
        # Narrow, and just outside: it must be told from delta itself.
        aim = min(half, max(abs(delta - abs(contrast.estimate)), delta / 4))
    return max(1, int(np.ceil(contrast.n * (half / aim) ** 2)) - contrast.n)


def _moved(name: str, contrast: Contrast, where: str, turnover: bool) -> str:
    estimate = contrast.estimate or 0.0
    points = _points(estimate)
    if contrast.scatter:
        who = "The judge" if name == "J" else "The raters"
        further = "further from" if contrast.scatter > 0 else "closer to"
        return f"{who} came {further} people's middle value{where}, without a shift one way"
    if contrast.besides:
        who = "The judge" if name == "J" else "The raters"
        return (
            f"{who} moved on the {contrast.n} anchors{where}, by {estimate:+.2g} points on "
            "average, and they are too few to say how far on others"
        )
    if name == "J":
        return f"The judge became {points} more {'lenient' if estimate > 0 else 'strict'}{where}"
    if name == "H":
        return f"The raters became {points} more {'lenient' if estimate > 0 else 'strict'}{where}"
    if name == "T":
        doubt = " (or the change of raters made it look so)" if turnover else ""
        return f"The traffic became {points} {'better' if estimate > 0 else 'worse'}{where}{doubt}"
    above = "above" if estimate > 0 else "below"
    return f"On new traffic{where} the judge went {points} {above} people"


def _points(number: float, form: str = ".2g") -> str:
    """`1 point`, `0.41 points`"""
    said = format(abs(number), form)
    return f"{said} point" if said == "1" else f"{said} points"


def _range(contrast: Contrast) -> str:
    """`-1.84 to +0.24`"""
    return f"{contrast.low or 0.0:+z.2f} to {contrast.high or 0.0:+z.2f}"


def _listed(names: list[str]) -> str:
    """`the judge`, `raters and traffic`."""
    if len(names) == 1:
        return _the(names[0])
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _the(name: str) -> str:
    return f"the {name}"
