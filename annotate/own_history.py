"""What a rater has done: in which rounds, how much, and each unit, to be found and corrected.

While a round is open nothing here may tell which of its units are repeats, nor which response of a
pair is the base: raters look here between two units.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from annotate import pairs
from db.tables import Assignment, Output, Rater, Round, Unit

EXCERPT = 100


@dataclass(frozen=True)
class OwnUnit:
    """One unit in a rater's own history."""

    assignment_id: int
    state: str
    at: datetime
    seconds: float
    extra: bool
    excerpt: str
    """Of the response; of a pair, of the one that stood as A before this rater."""


@dataclass(frozen=True)
class Tally:
    """How much a rater has done in a round."""

    units: Mapping[str, int]
    """By state. Every unit counts, also one that came twice: as on the page Rate."""
    seconds: float
    """Of active work."""


def worked_in(session: Session, rater: Rater) -> list[Round]:
    """The rounds in which the rater has had a unit, newest first."""
    mine = select(Assignment.id).where(
        Assignment.round_id == Round.id, Assignment.rater_id == rater.id
    )
    return list(session.exec(select(Round).where(mine.exists()).order_by(col(Round.id).desc())))


def tally(session: Session, rater: Rater, round_: Round) -> Tally:
    """How much the rater has done in the round."""
    rows = session.exec(
        select(Assignment.state, sa.func.count(), sa.func.sum(Assignment.seconds))
        .where(Assignment.round_id == round_.id, Assignment.rater_id == rater.id)
        .group_by(Assignment.state)
    ).all()
    return Tally({state: count for state, count, _ in rows}, sum(seconds for _, _, seconds in rows))


def history(
    session: Session, rater: Rater, round_: Round, *, search: str = "", limit: int = 200
) -> list[OwnUnit]:
    """What a rater has done in a round, newest first.

    search: words of the response, of either one of a pair, in any case.
    While the round is open an output that came twice stands here once, as it was submitted or
    skipped last. A unit that only lies on the desk does not stand here: a repeat there would
    either hide what was submitted before, or be missing.
    """
    rival = aliased(Output)
    at = sa.func.coalesce(col(Assignment.submitted_at), col(Assignment.claimed_at))
    newest_first = (at.desc(), col(Assignment.id).desc())
    mine = (
        sa.select(
            col(Assignment.id).label("id"),
            at.label("at"),
            sa.func.row_number()
            .over(
                partition_by=sa.func.coalesce(col(Unit.repeats_id), col(Unit.id)),
                order_by=newest_first,
            )
            .label("showing"),
        )
        .join(Unit, col(Unit.id) == Assignment.unit_id)
        .where(col(Assignment.round_id) == round_.id, col(Assignment.rater_id) == rater.id)
    )
    if round_.status == "open":
        done = col(Assignment.submitted_at).is_not(None), col(Assignment.state) == "skipped"
        mine = mine.where(sa.or_(*done))
    if words := search.strip():
        found = [col(one.response).icontains(words, autoescape=True) for one in (Output, rival)]
        mine = (
            mine.join(Output, col(Output.id) == Unit.output_id)
            .outerjoin(rival, col(rival.id) == Unit.rival_id)
            .where(sa.or_(*found))
        )
    numbered = mine.subquery()
    # The responses of the units on the list alone are fetched: they are what is long.
    chosen = sa.select(numbered.c.id).order_by(numbered.c.at.desc(), numbered.c.id.desc())
    if round_.status == "open":
        chosen = chosen.where(numbered.c.showing == 1)
    rows = session.exec(
        select(Assignment, Unit, Output.response, rival.response)
        .join(Unit, col(Unit.id) == Assignment.unit_id)
        .join(Output, col(Output.id) == Unit.output_id)
        .outerjoin(rival, col(rival.id) == Unit.rival_id)
        .where(col(Assignment.id).in_(chosen.limit(limit)))
        .order_by(*newest_first)
    )
    listed = []
    for a, unit, response, other in rows:
        assert a.id is not None
        if unit.rival_id is not None and pairs.swapped(round_.seed, a.rater_id, unit.key):
            response = other
        listed.append(
            OwnUnit(
                assignment_id=a.id,
                state=a.state,
                at=a.submitted_at or a.claimed_at,
                seconds=a.seconds,
                extra=a.extra,
                excerpt=" ".join(response.split())[:EXCERPT],
            )
        )
    return listed
