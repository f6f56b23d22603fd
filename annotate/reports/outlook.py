"""What a round could tell, before it is launched: how wide its intervals, how small a shift."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil, sqrt
from typing import Any

import numpy as np
from sqlmodel import Session

from annotate import people
from annotate.planned import Plan, PlannedUnit
from annotate.reports.pilot import USUAL_ALPHA, Expected, Pilot, pilot
from annotate.reports.work import Work, expected_work
from annotate.rubric import Rubric
from annotate.rubric_versions import loaded
from annotate.stats import detectable_shift
from annotate.stats.contrasts import MINIMUM_ANCHORS
from annotate.stats.planner import (
    anchors_for_shift,
    effective_size,
    rate_half_width,
    units_for_alpha,
    units_for_rate,
)
from db.tables import Rater

USUAL_PASS_RATE = 0.85
EVEN = 0.5
"""The share that a comparison goes by: neither configuration is preferred."""
OF_JUDGE, OF_RATERS = 0.6, 0.9
"""How much an anchor's score changes from round to round when nothing moves, in points: the mean of
three runs of a judge, the mean of two people."""
WISHED_RATE, WISHED_ALPHA, WISHED_SHIFT = 0.05, 0.1, 0.5
"""What `more` goes by: a half width of a share and of alpha, and a shift in points."""
COUNTED = ("fresh", "anchor")
"""Units of which agreement is computed."""


@dataclass(frozen=True)
class Reach:
    """How wide a 95 % interval would be, each way, and how many more units the wish would take."""

    half_width: float | None
    """None where the figure would be withheld, because its units are too few."""
    more: int
    left: int
    """Outputs that could still be drawn there: `more` may be more than there are."""


@dataclass(frozen=True)
class SegmentOutlook:
    """What one segment could tell; segment None is the whole round."""

    segment: str | None
    fresh: int
    left: int
    """Outputs that could be drawn and would not be."""
    pass_rate: Reach | None
    """None where nothing is drawn afresh, or no criterion says what passes."""
    preference: Reach | None
    """Of a comparison: the share of pairs that the candidate wins."""
    rated_twice: int
    """Fresh units and anchors that two or more people rate."""
    alpha: dict[str, Reach]
    """By criterion; empty where no unit is rated twice."""
    anchors: int
    judge: float | None
    """The smallest shift of a judge that would most likely be found here, in points."""
    least: Reach | None
    """Alpha of the criterion that would be known least, of those that are always asked."""


@dataclass(frozen=True)
class Shift:
    """The smallest shift that would most likely be found on the anchors, in points."""

    points: float
    more: int
    """Anchors more, to find half a point."""


@dataclass(frozen=True)
class Outlook:
    """What so many units, raters and anchors would most likely give."""

    rows: list[SegmentOutlook]
    """The whole round first, then each segment."""
    pilot: str | None
    """The round that alpha goes by; None is what is usual."""
    minimum: int
    """Units below which a figure is withheld."""
    anchors: int
    judge: Shift | None
    """None without anchors, in a round that drift can be measured on."""
    raters: Shift | None
    work: Work
    sentences: list[str]

    def as_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return asdict(self)


def outlook(session: Session, plan: Plan, *, by: Rater | None) -> Outlook:
    """What launching this plan would most likely show, and what more it would take.

    Agreement goes by the newest closed round with this rubric's name where there is one, else by an
    alpha of .6 on units that are mostly good; the pass rate is taken to be near 85 %. What would be
    withheld, because its units are too few, is not foretold. A practice and a norming round say
    nothing of how people agree, and nothing of traffic.
    """
    people.require_lead(session, by)
    rubric = loaded(plan.rubric)
    plain = plan.design.practice is None and plan.design.reveals is None
    before = Pilot(None, {})
    if plain and any(u.overlap >= 2 for u in plan.units):
        before = pilot(session, rubric, overlap=plan.design.overlap)
    rows = [
        _row(plan, rubric, name, before.expected if plain else {}, plain=plain)
        for name in (None, *sorted({u.segment for u in plan.units}))
    ]
    anchors = rows[0].anchors
    judge, raters = (_shift(spread, anchors) for spread in (OF_JUDGE, OF_RATERS))
    return Outlook(
        rows=rows,
        pilot=before.round,
        minimum=plan.design.parameters.minimum_units,
        anchors=anchors,
        judge=judge,
        raters=raters,
        work=expected_work(session, plan),
        sentences=_sentences(plan, rows, rubric, before, judge, raters),
    )


def _row(
    plan: Plan,
    rubric: Rubric,
    segment: str | None,
    expected: dict[str, Expected],
    *,
    plain: bool,
) -> SegmentOutlook:
    units = [u for u in plan.units if segment is None or u.segment == segment]
    fresh = [u for u in units if u.purpose == "fresh"]
    twice = sum(u.overlap >= 2 and u.purpose in COUNTED for u in units)
    left = _left(plan, units, segment)
    minimum = plan.design.parameters.minimum_units
    anchors = sum(u.purpose == "anchor" for u in units) if plain else 0
    asks = plan.design.compares is None and _passing(rubric)
    pairs = plan.design.compares is not None
    alpha = {
        key: _alpha(one, twice, left, minimum) for key, one in expected.items() if twice
    }  # fmt: skip
    return SegmentOutlook(
        segment=segment,
        fresh=len(fresh),
        left=left,
        pass_rate=_share(fresh, USUAL_PASS_RATE, left, minimum) if fresh and asks else None,
        preference=_share(fresh, EVEN, left, minimum) if fresh and pairs else None,
        rated_twice=twice,
        alpha=alpha,
        least=_least([alpha[key] for key in _always(rubric) if key in alpha]),
        anchors=anchors,
        judge=_detectable(OF_JUDGE, anchors) if anchors >= MINIMUM_ANCHORS else None,
    )


def _always(rubric: Rubric) -> list[str]:
    """The keys of criteria that hang on no other's answer."""
    return [
        key.key for one in rubric.criteria if one.show_if is None for key in one.rating_keys
    ]  # fmt: skip


def _passing(rubric: Rubric) -> bool:
    """Whether a criterion that is always asked says what passes."""
    return any(rubric.rating_key(key).pass_at is not None for key in _always(rubric))


def _least(reaches: Sequence[Reach]) -> Reach | None:
    if not reaches:
        return None
    return max(reaches, key=lambda r: (r.half_width is None, r.half_width or 0.0, r.more))


def _left(plan: Plan, units: Sequence[PlannedUnit], segment: str | None) -> int:
    """Anchors of an earlier round are not among what could be drawn."""
    there = sum(plan.population.values()) if segment is None else plan.population.get(segment, 0)
    own = (
        ("fresh", "check") if plan.design.anchors_from is not None else ("fresh", "anchor", "check")
    )
    return max(0, there - sum(u.purpose in own for u in units))


def _share(fresh: Sequence[PlannedUnit], share: float, left: int, minimum: int) -> Reach:
    """Of units with unequal chances, so many count as the equal ones that tell as much."""
    weights = np.array([1 / (u.inclusion_probability or 1.0) for u in fresh])
    worth = effective_size(weights)
    needed = ceil(units_for_rate(share, WISHED_RATE) * len(fresh) / worth - 1e-9)
    width = rate_half_width(share, worth) if len(fresh) >= minimum else None
    return Reach(width, max(0, needed - len(fresh), minimum - len(fresh)), left)


def _alpha(expected: Expected, twice: int, left: int, minimum: int) -> Reach:
    """Of units that two people rate, the share on which both give this criterion a value."""
    asked = max(expected.asked, 1e-9)
    values = twice * expected.asked
    width = 1.96 * expected.spread / sqrt(values) if values >= minimum else None
    needed = max(units_for_alpha(WISHED_ALPHA, spread=expected.spread), minimum)
    return Reach(width, max(0, ceil(needed / asked - 1e-9) - twice), left)


def _shift(spread: float, anchors: int) -> Shift | None:
    if anchors < MINIMUM_ANCHORS:
        return None
    needed = anchors_for_shift(spread, WISHED_SHIFT)
    return Shift(_detectable(spread, anchors), max(0, needed - anchors))


def _detectable(spread: float, anchors: int) -> float:
    return detectable_shift(spread / sqrt(anchors), tests=8)


def _sentences(
    plan: Plan,
    rows: Sequence[SegmentOutlook],
    rubric: Rubric,
    before: Pilot,
    judge: Shift | None,
    raters: Shift | None,
) -> list[str]:
    whole = rows[0]
    said = []
    if whole.pass_rate is not None:
        said += _share_in_words(f"A pass rate near {USUAL_PASS_RATE:.0%}", "fresh unit", rows)
    if whole.preference is not None:
        said += _share_in_words("The share of pairs that the candidate wins", "pair", rows)
    widths = [
        f"{key} ±{reach.half_width:.2f}"
        for key in _always(rubric)
        if (reach := whole.alpha.get(key)) is not None and reach.half_width is not None
    ]
    if widths:
        by = f"as people agreed in {before.round}" if before.round else (
            f"at an alpha near {USUAL_ALPHA:g}"
        )  # fmt: skip
        said.append(f"Alpha would be known to about {', '.join(widths)} ({by}).")
    unknown = [
        one.id for one in rubric.criteria
        if one.show_if is not None and one.rating_keys
        and not any(key.key in whole.alpha for key in one.rating_keys)
    ]  # fmt: skip
    if whole.alpha and unknown:
        said.append(
            f"Nothing is foretold of {', '.join(unknown)}, asked on a condition: no earlier round "
            "says how often it holds."
        )
    said += _withheld(rows, plan.design.parameters.minimum_units)
    if judge and raters and plan.baseline is not None:
        said.append(
            f"On {whole.anchors} anchors a judge that moved by {judge.points:.2g} points would most "
            f"likely be found, and raters who moved by {raters.points:.2g}."
        )
    return said


def _share_in_words(what: str, unit: str, rows: Sequence[SegmentOutlook]) -> list[str]:
    """Wilson's half widths, of the whole and of the segment that is known least."""
    known = [
        (reach.half_width, row)
        for row in rows
        if (reach := row.pass_rate or row.preference) is not None and reach.half_width is not None
    ]
    if not known or known[0][1].segment is not None:
        return []
    width, whole = known[0]
    units = f"{whole.fresh} {unit if whole.fresh == 1 else unit + 's'}"
    said = f"{what} would be known to about ±{width:.0%} as a whole ({units})"
    if len(known) > 2:
        width, least = max(known[1:], key=lambda one: one[0])
        said += f", and to ±{width:.0%} in {least.segment} ({least.fresh})"
    return [f"{said}."]


def _withheld(rows: Sequence[SegmentOutlook], minimum: int) -> list[str]:
    """Which segments would get no figure: every one that is foretold for them is withheld."""
    few = []
    # The whole of one segment is that segment.
    for row in rows if len(rows) != 2 else rows[1:]:
        reaches = [*row.alpha.values(), *(r for r in (row.pass_rate, row.preference) if r)]
        if reaches and all(reach.half_width is None for reach in reaches):
            few.append(row.segment or "all segments together")
    if not few:
        return []
    return [f"Withheld, because their units are fewer than {minimum}: {', '.join(few)}."]
