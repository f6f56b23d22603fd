"""What a rater's screen may know of a unit, and nothing else."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from annotate import rounds, submission
from annotate.rubric import Rubric
from db.tables import Assignment, Output, Rater, Round, Unit

# What a rater has rated and is still open is half-rated: few units, at the start of the index of
# open units. Going by the rater's own assignments instead would take longer with each of them.
# The last term: repeats go only to who has rated the original, so that a repeat whose original
# this rater can no longer get is not theirs.
COUNTS = sa.text("""
SELECT
    (
        SELECT COUNT(*) FROM assignment a
        WHERE a.round_id = :round AND a.rater_id = :rater AND a.state = 'submitted'
    ) AS done,
    (SELECT COUNT(*) FROM unit u WHERE u.round_id = :round AND u.missing > 0)
    - (
        SELECT COUNT(*) FROM unit u
        WHERE u.round_id = :round AND u.missing > 0 AND u.missing < :overlap
            AND EXISTS (
                SELECT 1 FROM assignment a
                WHERE a.unit_id = u.id AND a.rater_id = :rater
                    AND (a.state IN ('submitted', 'skipped') OR a.submitted_at IS NOT NULL)
            )
    )
    - (
        SELECT COUNT(*) FROM assignment a
        WHERE a.round_id = :round AND a.rater_id = :rater AND a.state = 'skipped'
            AND (SELECT u.missing FROM unit u WHERE u.id = a.unit_id) >= :overlap
    )
    - (
        SELECT COUNT(*) FROM unit u JOIN unit o ON o.id = u.repeats_id
        WHERE u.round_id = :round AND u.repeats_id IS NOT NULL AND u.missing > 0
            AND NOT EXISTS (
                SELECT 1 FROM assignment a
                WHERE a.unit_id = o.id AND a.rater_id = :rater AND a.submitted_at IS NOT NULL
            )
            AND (
                o.missing = 0
                OR EXISTS (
                    SELECT 1 FROM assignment a
                    WHERE a.unit_id = o.id AND a.rater_id = :rater AND a.state = 'skipped'
                )
            )
    ) AS still_open
""")


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
    done, left = session.execute(
        COUNTS, {"round": round_.id, "rater": rater.id, "overlap": round_.overlap}
    ).one()
    return int(done), int(left)
