"""What a round could tell, before it is launched: how wide its intervals, how small a shift."""

from math import sqrt

import numpy as np
from sqlmodel import Session, col, select

from annotate import people, ratings
from annotate.planned import Plan
from annotate.rubric import RatingKey
from annotate.rubric_versions import loaded
from annotate.stats import detectable_shift, expected_spread, rate, unit_spread
from annotate.stats.planner import TYPICAL_SPREAD
from db.tables import Rater, Round, Rubric

USUAL_ALPHA = 0.6
USUAL_PASS_RATE = 0.85
OF_JUDGE, OF_RATERS = 0.6, 0.9
"""How much an anchor's score changes from round to round when nothing moves, in points: the mean of
three runs of a judge, the mean of two people."""
MOST_RATERS = 10
MOST_VALUES = 11
"""Points of a scale beyond which the usual spread is not worked out for it."""


def outlook(session: Session, plan: Plan, *, by: Rater | None) -> list[str]:
    """What so many units, raters and anchors would most likely give, in sentences.

    Agreement goes by the newest closed round with this rubric's name where there is one, else by an
    alpha of .6 on units that are mostly good.
    """
    people.require_lead(session, by)
    fresh = {s.stratum: s.fresh for s in plan.strata if s.fresh}
    said = []
    if fresh:
        said.append(_pass_rate(fresh))
    rated_twice = [u for u in plan.units if u.overlap >= 2 and u.purpose != "repeat"]
    keys = [key for key in loaded(plan.rubric).rating_keys() if key.level != "nominal"]
    if rated_twice and keys:
        said.append(_agreement(session, plan, keys, len(rated_twice)))
    anchors = sum(unit.purpose == "anchor" for unit in plan.units)
    if anchors and plan.baseline is not None:
        judge, raters = (
            detectable_shift(spread / sqrt(anchors), tests=8) for spread in (OF_JUDGE, OF_RATERS)
        )
        said.append(
            f"On {anchors} anchors a judge that moved by {judge:.2g} points would most likely be "
            f"found, and raters who moved by {raters:.2g}."
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


def _agreement(session: Session, plan: Plan, keys: list[RatingKey], units: int) -> str:
    pilot = _pilot(session, plan.rubric.name)
    seen = None if pilot is None else ratings.counted(ratings.people(session, pilot))
    widths = []
    for key in keys:
        spread = None
        if seen is not None:
            values = ratings.matrix(seen, key.key).values
            if values.size:
                spread = unit_spread(values, domain=key.domain, level=key.level)
        if spread is None:
            spread = _usual_spread(key, plan.design.overlap)
        widths.append(f"{key.key} ±{1.96 * spread / sqrt(units):.2f}")
    by = f"as people agreed in {pilot.name}" if pilot else f"at an alpha near {USUAL_ALPHA:g}"
    return f"Alpha would be known to about {', '.join(widths)} ({by})."


def _pilot(session: Session, rubric: str) -> Round | None:
    """The newest closed round with a rubric of this name."""
    return session.exec(
        select(Round)
        .join(Rubric, col(Rubric.id) == Round.rubric_id)
        .where(Rubric.name == rubric, Round.status == "closed")
        .order_by(col(Round.id).desc())
    ).first()


def _usual_spread(key: RatingKey, overlap: int) -> float:
    """Of units of which half are as good as can be, and each lower value half as often."""
    if len(key.domain) > MOST_VALUES:
        return TYPICAL_SPREAD
    share = 0.5 ** np.arange(len(key.domain), 0, -1)
    return expected_spread(
        USUAL_ALPHA,
        (share / share.sum()).tolist(),
        raters=min(max(overlap, 2), MOST_RATERS),
        domain=key.domain,
        level=key.level,
    )
