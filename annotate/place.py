"""What a rater's screen may know of a unit, and nothing else."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from annotate import rounds, submission
from annotate.rubric import Rubric
from db.tables import Assignment, Output, Rater, Round, Unit


@dataclass(frozen=True)
class Place:
    """A unit before a rater: all that their screen may know of it."""

    assignment_id: int
    lease_until: datetime
    rubric: Rubric
    input: Any
    contexts: tuple[str, ...]
    response: str
    reference: str | None
    configuration: str | None
    """None where the round hides it; so are the next two."""
    signals: dict[str, Any] | None
    metadata: dict[str, Any] | None
    draft: dict[str, Any] | None
    """Answers as JSON, by criterion: the rater's own draft, or what they submitted and reopened."""
    reopened: bool
    done: int
    left: int
    """Units of the round that this rater may still get, this one included."""


def show(session: Session, rater: Rater, round_: Round, assignment_id: int) -> Place:
    """The unit of a rater's claim, as the round's blind policy lets them see it."""
    assignment = session.get_one(Assignment, assignment_id, populate_existing=True)
    unit = session.get_one(Unit, assignment.unit_id)
    output = session.get_one(Output, unit.output_id)
    rubric = rounds.rubric_of(session, round_)
    shown = rounds.shown_fields(round_)
    reopened = assignment.submitted_at is not None
    draft = assignment.draft
    if reopened and draft is None:
        draft = submission.as_answers(session, assignment, rubric)
    done, left = _counts(session, round_, rater)
    assert assignment.lease_until is not None
    return Place(
        assignment_id=assignment_id,
        lease_until=assignment.lease_until,
        rubric=rubric,
        input=output.input,
        contexts=tuple(output.contexts),
        response=output.response,
        reference=output.reference if "reference" in shown else None,
        configuration=output.configuration if "configuration" in shown else None,
        signals=_signals(output) if "signals" in shown else None,
        metadata=output.extra if "metadata" in shown else None,
        draft=draft,
        reopened=reopened,
        done=done,
        left=left,
    )


def _signals(output: Output) -> dict[str, Any]:
    return {name: getattr(output, name) for name in ("thumb", "regenerated", "escalated")}


def _counts(session: Session, round_: Round, rater: Rater) -> tuple[int, int]:
    """Units that this rater has submitted, and those that they may still get."""
    mine = (
        sa.select(sa.func.count())
        .select_from(Assignment)
        .where(
            col(Assignment.round_id) == round_.id,
            col(Assignment.rater_id) == rater.id,
        )
    )
    connection = session.connection()
    done = connection.execute(mine.where(col(Assignment.state) == "submitted")).scalar_one()
    is_open = sa.and_(col(Unit.round_id) == round_.id, col(Unit.missing) > 0)
    still = connection.execute(sa.select(sa.func.count()).where(is_open)).scalar_one()
    not_for_me = connection.execute(
        mine.join(Unit, col(Unit.id) == col(Assignment.unit_id)).where(
            is_open,
            sa.or_(
                col(Assignment.state).in_(["submitted", "skipped"]),
                col(Assignment.submitted_at).is_not(None),
            ),
        )
    ).scalar_one()
    return int(done), int(still) - int(not_for_me)
