"""What a rater's screen may know of a unit, and nothing else."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotate import norming, pairs, rounds, submission
from annotate.norming import Voted
from annotate.rubric import Answer, Rubric
from db.tables import Assignment, Output, Rater, Round, Unit

# What a rater has rated and is still open is half-rated: few units, at the start of the index of
# open units. Going by the rater's own assignments instead would take longer with each of them.
# The last term: repeats go only to who has rated the original, so that a repeat whose original
# this rater can no longer get is not theirs. `+` keeps it from the index of open units, which has
# all of them.
COUNTS = sa.text("""
SELECT
    (
        SELECT COUNT(*) FROM assignment a
        WHERE a.round_id = :round AND a.rater_id = :rater AND a.state = 'submitted'
    ) AS done,
    (
        SELECT COUNT(*) FROM unit u
        WHERE u.round_id = :round AND u.missing > 0 AND u.missing < :overlap
            AND EXISTS (
                SELECT 1 FROM assignment a
                WHERE a.unit_id = u.id AND a.rater_id = :rater
                    AND (a.state IN ('submitted', 'skipped') OR a.submitted_at IS NOT NULL)
            )
    )
    + (
        SELECT COUNT(*) FROM assignment a
        WHERE a.round_id = :round AND a.rater_id = :rater AND a.state = 'skipped'
            AND (SELECT u.missing FROM unit u WHERE u.id = a.unit_id) >= :overlap
    )
    + (
        SELECT COUNT(*) FROM unit u JOIN unit o ON o.id = u.repeats_id
        WHERE u.round_id = :round AND u.repeats_id IS NOT NULL AND +u.missing > 0
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
    ) AS not_theirs
""")
# Counted no further than anybody reads: a round of 50,000 units is not walked at every submission.
# A unit that misses m ratings comes to each of those who have not rated it with equal chance; they
# are m more than the panel has beyond the overlap.
OPEN = sa.text("""
SELECT COUNT(*), COALESCE(AVG(few.missing * 1.0 / (:beyond + few.missing)), 1) FROM (
    SELECT u.missing FROM unit u WHERE u.round_id = :round AND u.missing > 0 LIMIT :most
) few
""")
MANY_LEFT = 1_000
"""Beyond this many, how many units are left is not counted."""

PACE_OF = 20
"""Latest units by which the pace goes."""
PACE_FROM = 3
"""Units from which there is a pace."""
LATEST = (
    select(Assignment.id, Assignment.submitted_at, Assignment.seconds)
    .where(
        Assignment.round_id == sa.bindparam("round"),
        Assignment.rater_id == sa.bindparam("rater"),
        col(Assignment.submitted_at).is_not(None),
    )
    .order_by(col(Assignment.submitted_at).desc())
    .limit(PACE_OF)
)
SHOWN = (
    select(Assignment, Unit, Output)
    .join(Unit, col(Unit.id) == Assignment.unit_id)
    .join(Output, col(Output.id) == Unit.output_id)
    .where(Assignment.id == sa.bindparam("assignment"))
    .execution_options(populate_existing=True)
)


@dataclass(frozen=True)
class Place:
    """A unit before a rater: all that their screen may know of it."""

    assignment_id: int
    lease_until: datetime
    rubric: Rubric
    input: Any
    contexts: tuple[str, ...]
    response: str
    rival: str | None
    """The other response of a pair; None where one response is rated."""
    rival_contexts: tuple[str, ...] | None
    """What the other response was made from; None where both had the same contexts."""
    reference: str | None
    rival_reference: str | None
    """The other response's reference, where it is another one."""
    configuration: str | None
    """None where the round hides it; so are the next two."""
    signals: dict[str, Any] | None
    metadata: dict[str, Any] | None
    draft: dict[str, Any] | None
    """The rater's own unfinished entries, by field of the form."""
    answers: Mapping[str, Answer] | None
    """What the rater submitted and has reopened, by criterion."""
    draft_at: datetime | None
    draft_version: int
    """What the screen goes by: a draft that was changed elsewhere since is not replaced."""
    draft_name: str
    """By which the browser keeps the draft."""
    sitting: int
    """How often the unit was reopened: a submission says which sitting it belongs to."""
    reopened: bool
    seconds: float
    """Active work on the unit so far."""
    done: int
    left: int
    """Units of the round that this rater may still get, this one included: at most MANY_LEFT + 1,
    which stands for more than MANY_LEFT."""
    share: int
    """About how many of those will come to this rater, where the rest of the panel works too."""
    pace: float | None = None
    """Seconds of active work on a unit: the median of the rater's last ones here."""
    last: tuple[int, datetime] | None = None
    """The rater's latest submission in the round: its assignment, and when it was stored."""
    others: tuple[Voted, ...] | None = None
    """What all said blind, where the round reveals it."""
    lost: bool = False
    """Whether another unit had been before the rater, and was given to others meanwhile."""
    stood: bool = False
    """Whether another unit had been reopened, was left alone, and stands as it was submitted."""


def show(
    session: Session,
    rater: Rater,
    round_: Round,
    assignment_id: int,
    *,
    lost: bool = False,
    stood: bool = False,
) -> Place:
    """The unit of a rater's claim, as the round's blind policy lets them see it."""
    assignment, unit, output = session.exec(SHOWN, params={"assignment": assignment_id}).one()
    rubric = rounds.rubric_of(session, round_)
    shown = rounds.shown_fields(round_)
    reopened = assignment.submitted_at is not None
    answers = submission.as_answers(session, assignment, rubric) if reopened else None
    first, second = output, None
    if unit.rival_id is not None:
        second = session.get_one(Output, unit.rival_id)
        if pairs.swapped(round_.seed, assignment.rater_id, unit.key):
            first, second = second, first
            answers = answers and pairs.turned(answers, rubric, apart=pairs.apart(first, second))
    reference, rival_reference = pairs.references(first, second)
    done, left, chance = _counts(session, round_, rater)
    quota = round_.design.get("quota")
    share = max(1, math.ceil(left * chance))
    if quota is not None:
        left = min(left, max(quota - done, 0) or 1)
    latest = _latest(session, round_, rater)
    assert assignment.lease_until is not None
    return Place(
        assignment_id=assignment_id,
        lease_until=assignment.lease_until,
        rubric=rubric,
        input=output.input,
        contexts=tuple(first.contexts),
        response=first.response,
        rival=None if second is None else second.response,
        rival_contexts=(
            tuple(second.contexts) if second is not None and pairs.apart(first, second) else None
        ),
        reference=reference if "reference" in shown else None,
        rival_reference=rival_reference if "reference" in shown else None,
        configuration=output.configuration if "configuration" in shown else None,
        signals=_signals(output) if "signals" in shown else None,
        metadata=output.extra if "metadata" in shown else None,
        draft=assignment.draft,
        draft_at=assignment.draft_at if assignment.draft else None,
        draft_version=assignment.draft_version,
        draft_name=submission.draft_name(rater, round_, unit),
        sitting=assignment.sitting,
        answers=answers,
        others=norming.votes(session, round_, unit, rubric, rater) if "others" in shown else None,
        reopened=reopened,
        seconds=assignment.seconds,
        done=done,
        left=left,
        share=min(left, share),
        pace=statistics.median(a.seconds for a in latest) if len(latest) >= PACE_FROM else None,
        last=_last(latest),
        lost=lost,
        stood=stood,
    )


def _latest(session: Session, round_: Round, rater: Rater) -> list[Any]:
    """The rater's latest submissions here, newest first: id, submitted_at, seconds."""
    return list(session.exec(LATEST, params={"round": round_.id, "rater": rater.id}))


def _last(latest: list[Any]) -> tuple[int, datetime] | None:
    return (latest[0].id, latest[0].submitted_at) if latest else None


def _signals(output: Output) -> dict[str, Any]:
    return {name: getattr(output, name) for name in ("thumb", "regenerated", "escalated")}


def _counts(session: Session, round_: Round, rater: Rater) -> tuple[int, int, float]:
    """Units that this rater has submitted, those that they may still get, and with what chance
    each of these comes to them."""
    said = {"round": round_.id, "rater": rater.id, "overlap": round_.overlap}
    done, not_theirs = session.execute(COUNTS, said).one()
    beyond = max(0, len(round_.design.get("raters", [])) - round_.overlap)
    few = {"round": round_.id, "most": MANY_LEFT + 1 + not_theirs, "beyond": beyond}
    still_open, chance = session.execute(OPEN, few).one()
    return int(done), int(still_open - not_theirs), float(chance)
