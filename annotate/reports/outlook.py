"""What a round could tell, before it is launched: how wide its intervals, how small a shift."""

from collections import Counter
from dataclasses import asdict, dataclass
from functools import lru_cache
from math import comb, sqrt
from typing import Any

import numpy as np
from sqlmodel import Session, col, select

from annotate import people, ratings, rounds
from annotate.planned import Plan
from annotate.reports.work import Work, expected_work
from annotate.rubric import RatingKey
from annotate.rubric_versions import loaded
from annotate.stats import detectable_shift, expected_spread, rate, unit_spread
from annotate.stats.figure import Level
from annotate.stats.planner import (
    TYPICAL_SPREAD,
    anchors_for_shift,
    units_for_alpha,
    units_for_rate,
)
from db.tables import Rater, Round, Rubric

USUAL_ALPHA = 0.6
USUAL_PASS_RATE = 0.85
OF_JUDGE, OF_RATERS = 0.6, 0.9
"""How much an anchor's score changes from round to round when nothing moves, in points: the mean of
three runs of a judge, the mean of two people."""
WISHED_RATE, WISHED_ALPHA, WISHED_SHIFT = 0.05, 0.1, 0.5
"""What `more` goes by: a half width of the pass rate and of alpha, and a shift in points."""
FEWEST = 3
"""Units below which an interval of alpha is not foretold."""
MOST_RATERS = 10
MOST_VALUES = 11
"""Points of a scale beyond which the usual spread is not worked out for it."""
MOST_PATTERNS = 2_000
"""Ways to rate a unit beyond which fewer raters are reckoned with, which is a little cautious: the
page works this out while it is being filled in."""


@dataclass(frozen=True)
class Reach:
    """How wide a 95 % interval would be, each way, and how many more units the wish would take."""

    half_width: float | None
    """None where the units are too few to foretell it."""
    more: int


@dataclass(frozen=True)
class SegmentOutlook:
    """What one segment could tell; segment None is the whole round."""

    segment: str | None
    fresh: int
    pass_rate: Reach | None
    """None where nothing is drawn afresh. As if its units were drawn with one probability."""
    rated_twice: int
    """Fresh units and anchors that two or more people rate."""
    alpha: dict[str, Reach]
    """By criterion; empty where no unit is rated twice."""


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
    alpha of .6 on units that are mostly good; the pass rate is taken to be near 85 %.
    """
    people.require_lead(session, by)
    keys = [key for key in loaded(plan.rubric).rating_keys() if key.level != "nominal"]
    twice = [u for u in plan.units if u.overlap >= 2 and u.purpose != "repeat"]
    pilot = _pilot(session, plan.rubric.name) if keys and twice else None
    spreads = _spreads(session, pilot, keys, plan.design.overlap) if twice else {}
    fresh = Counter(u.segment for u in plan.units if u.purpose == "fresh")
    rated_twice = Counter(u.segment for u in twice)
    segments = sorted({u.segment for u in plan.units})
    rows = [_row(None, fresh.total(), rated_twice.total(), spreads)]
    rows += [_row(name, fresh[name], rated_twice[name], spreads) for name in segments]
    plain = plan.design.practice is None and plan.design.reveals is None
    anchors = sum(u.purpose == "anchor" for u in plan.units) if plain else 0
    judge, raters = (_shift(spread, anchors) for spread in (OF_JUDGE, OF_RATERS))
    return Outlook(
        rows=rows,
        pilot=None if pilot is None else pilot.name,
        anchors=anchors,
        judge=judge,
        raters=raters,
        work=expected_work(session, plan),
        sentences=_sentences(plan, rows[0], pilot, judge, raters, anchors),
    )


def _row(
    segment: str | None, fresh: int, rated_twice: int, spreads: dict[str, float]
) -> SegmentOutlook:
    pass_rate = None
    if fresh:
        needed = units_for_rate(USUAL_PASS_RATE, WISHED_RATE)
        pass_rate = Reach(_half_width(fresh), max(0, needed - fresh))
    alpha = {}
    for key, spread in spreads.items() if rated_twice else ():
        width = 1.96 * spread / sqrt(rated_twice) if rated_twice >= FEWEST else None
        needed = units_for_alpha(WISHED_ALPHA, spread=spread)
        alpha[key] = Reach(width, max(0, needed - rated_twice))
    return SegmentOutlook(segment, fresh, pass_rate, rated_twice, alpha)


def _shift(spread: float, anchors: int) -> Shift | None:
    if not anchors:
        return None
    needed = anchors_for_shift(spread, WISHED_SHIFT)
    return Shift(detectable_shift(spread / sqrt(anchors), tests=8), max(0, needed - anchors))


def _sentences(
    plan: Plan,
    whole: SegmentOutlook,
    pilot: Round | None,
    judge: Shift | None,
    raters: Shift | None,
    anchors: int,
) -> list[str]:
    said = []
    if fresh := {s.stratum: s.fresh for s in plan.strata if s.fresh}:
        said.append(_pass_rate(fresh))
    widths = [
        f"{key} ±{reach.half_width:.2f}"
        for key, reach in whole.alpha.items()
        if reach.half_width is not None
    ]
    if widths:
        by = f"as people agreed in {pilot.name}" if pilot else f"at an alpha near {USUAL_ALPHA:g}"
        said.append(f"Alpha would be known to about {', '.join(widths)} ({by}).")
    if judge and raters and plan.baseline is not None:
        said.append(
            f"On {anchors} anchors a judge that moved by {judge.points:.2g} points would most "
            f"likely be found, and raters who moved by {raters.points:.2g}."
        )
    return said


def _pass_rate(fresh: dict[str, int]) -> str:
    """Wilson's half widths, of the whole and of the smallest stratum."""
    whole = f"A pass rate near {USUAL_PASS_RATE:.0%} would be known to about ±"
    total = sum(fresh.values())
    said = f"{whole}{_half_width(total):.0%} as a whole ({total} fresh units)"
    if len(fresh) > 1:
        name = min(fresh, key=lambda stratum: fresh[stratum])
        said += f", and to ±{_half_width(fresh[name]):.0%} in {name} ({fresh[name]})"
    return f"{said}."


def _half_width(units: int) -> float:
    found = rate(round(USUAL_PASS_RATE * units), units)
    return ((found.high or 1.0) - (found.low or 0.0)) / 2


def _spreads(
    session: Session, pilot: Round | None, keys: list[RatingKey], overlap: int
) -> dict[str, float]:
    """How much one unit moves each criterion's alpha: in the pilot, else as is usual."""
    seen = None if pilot is None else ratings.counted(ratings.people(session, pilot))
    # An older version may have had another scale, whose values say nothing about this one.
    then = () if pilot is None else rounds.rubric_of(session, pilot).rating_keys()
    scales = {key.key: (key.domain, key.level) for key in then}
    found = {}
    for key in keys:
        spread = None
        if seen is not None and scales.get(key.key) == (key.domain, key.level):
            values = ratings.matrix(seen, key.key).values
            if values.size:
                spread = unit_spread(values, domain=key.domain, level=key.level)
        if spread is None or spread < 1e-9:  # who always agreed foretells nothing
            spread = _usual_spread(key.domain, key.level, overlap)
        found[key.key] = spread
    return found


def _pilot(session: Session, rubric: str) -> Round | None:
    """The newest closed round with a rubric of this name."""
    return session.exec(
        select(Round)
        .join(Rubric, col(Rubric.id) == Round.rubric_id)
        .where(Rubric.name == rubric, Round.status == "closed")
        .order_by(col(Round.id).desc())
    ).first()


@lru_cache(maxsize=256)
def _usual_spread(domain: tuple[float, ...], level: Level, overlap: int) -> float:
    """Of units of which half are as good as can be, and each lower value half as often."""
    if len(domain) > MOST_VALUES:
        return TYPICAL_SPREAD
    raters = min(max(overlap, 2), MOST_RATERS)
    while raters > 2 and comb(len(domain) + raters - 1, raters) > MOST_PATTERNS:
        raters -= 1
    share = 0.5 ** np.arange(len(domain), 0, -1)
    return expected_spread(
        USUAL_ALPHA,
        (share / share.sum()).tolist(),
        raters=raters,
        domain=domain,
        level=level,
    )
