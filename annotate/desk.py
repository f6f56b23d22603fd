"""The desk: one rater and the next unit.

Every function that writes is one step of one transaction that the caller opens. What a rater's
screen may know is a `Place`, and nothing else leaves this module.
"""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from annotate import claims, events, people, rounds
from annotate.errors import (
    BadInput,
    NotAllowed,
    NotFound,
    NothingToUndo,
    RoundClosed,
    StaleAssignment,
)
from annotate.ratings import WITHDRAWN
from annotate.rubric import Answer, Criterion, Rubric, Span
from db.tables import Assignment, Output, Rater, Rating, Round, Unit

UNDO_DEPTH = 10
MAX_NOTE = 2_000


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


@dataclass(frozen=True)
class Receipt:
    """The acknowledgement: these ratings are stored."""

    assignment_id: int
    ratings: int
    at: datetime
    extra: bool = False
    """Kept, not counted: the unit's place had been given to others meanwhile."""
    duplicate: bool = False
    """The same submission had been stored before."""


@dataclass(frozen=True)
class OwnUnit:
    """One unit in a rater's own history."""

    assignment_id: int
    state: str
    at: datetime
    seconds: float
    extra: bool
    excerpt: str


def open_rounds(session: Session, rater: Rater) -> list[Round]:
    """The open rounds that this rater is on, oldest first."""
    statement = select(Round).where(Round.status == "open").order_by(col(Round.id))
    return [r for r in session.exec(statement) if rater.name in r.design.get("raters", [])]


def claim_next(session: Session, rater: Rater, round_: Round, *, at: datetime) -> Place | None:
    """The unit that is this rater's to rate now; None when nothing is left for them.

    Whoever holds a claim gets it back, draft included: a refresh or a second tab shows the same
    unit. A reopened submission comes first.
    """
    round_ = _entered(session, rater, round_.id)
    assert round_.id is not None and rater.id is not None
    mine = (
        sa.update(Assignment)
        .where(
            col(Assignment.round_id) == round_.id,
            col(Assignment.rater_id) == rater.id,
            col(Assignment.state) == "claimed",
        )
        .execution_options(synchronize_session=False)
    )
    # A submission that was reopened and left alone stands as it was submitted.
    session.execute(
        mine.where(
            col(Assignment.submitted_at).is_not(None), col(Assignment.lease_until) <= at
        ).values(state="submitted", lease_until=None)
    )
    held = session.exec(
        select(Assignment.id)
        .where(
            Assignment.round_id == round_.id,
            Assignment.rater_id == rater.id,
            Assignment.state == "claimed",
            col(Assignment.lease_until) > at,
        )
        .order_by(col(Assignment.submitted_at).is_(None), col(Assignment.claimed_at))
    ).first()
    lease_until = at + _lease(round_)
    if held is not None:
        session.execute(mine.where(col(Assignment.id) == held).values(lease_until=lease_until))
        return _place(session, rater, round_, held)
    claimed = claims.claim(
        session, round_id=round_.id, rater_id=rater.id, at=at, lease_until=lease_until
    )
    return None if claimed is None else _place(session, rater, round_, claimed)


def save_draft(
    session: Session,
    rater: Rater,
    assignment_id: int,
    answers: Mapping[str, Any],
    *,
    seconds: float = 0.0,
    at: datetime,
) -> datetime:
    """Keep unfinished answers and extend the lease; the time until which the unit is held."""
    assignment, round_ = _own(session, rater, assignment_id)
    _refuse_ended(assignment)
    try:
        draft = {k: Answer.model_validate(v).model_dump(mode="json") for k, v in answers.items()}
    except ValidationError as error:
        raise BadInput(f"the draft cannot be kept: {error.errors()[0]['msg']}") from None
    assignment.draft = draft
    assignment.draft_at = at
    assignment.seconds = max(assignment.seconds, _seconds(seconds))
    _extend(session, assignment, round_, at)
    session.add(assignment)
    return assignment.lease_until or at


def submit(
    session: Session,
    rater: Rater,
    assignment_id: int,
    answers: Mapping[str, Answer],
    *,
    idempotency_key: str,
    seconds: float = 0.0,
    at: datetime,
) -> Receipt:
    """Store a rater's answers to a unit.

    The same idempotency key again is the same acknowledgement and stores nothing. After an undo,
    what changed supersedes what was there. Raises BadInput for answers that the rubric does not
    permit, StaleAssignment when the unit has been submitted from another tab or was skipped.
    """
    assignment, round_ = _own(session, rater, assignment_id, at_all=True)
    if assignment.state == "submitted" and assignment.idempotency_key == idempotency_key:
        return _receipt(session, assignment)
    _refuse_closed(round_)
    _refuse_ended(assignment)
    if not idempotency_key:
        raise BadInput("a submission needs an idempotency key; reload the page")
    unit = session.get_one(Unit, assignment.unit_id)
    rubric = rounds.rubric_of(session, round_)
    problems = rubric.check_answers(answers, _lengths(session.get_one(Output, unit.output_id)))
    if problems:
        raise BadInput("; ".join(str(problem) for problem in problems))
    if assignment.submitted_at is None:
        assignment.extra = _is_late(session, assignment, unit, at)
        if not assignment.extra:
            unit.missing -= 1
            session.add(unit)
    stored = _store(session, assignment, unit, round_, rubric, answers, _seconds(seconds), at)
    assignment.state = "submitted"
    assignment.submitted_at = at
    assignment.lease_until = None
    assignment.draft = None
    assignment.seconds = max(assignment.seconds, _seconds(seconds))
    assignment.idempotency_key = idempotency_key
    session.add(assignment)
    session.flush()
    return Receipt(assignment_id, stored, at, assignment.extra)


def skip(session: Session, rater: Rater, assignment_id: int, reason: str, *, at: datetime) -> None:
    """Give a unit up, with the reason; others get it, this rater is not offered it again."""
    assignment, _ = _own(session, rater, assignment_id)
    _refuse_ended(assignment)
    if assignment.submitted_at is not None:
        raise StaleAssignment(
            "this unit was submitted and reopened; submit it again, or leave it as it was"
        )
    assignment.skip_reason = _note(reason, "a skip needs its reason")
    assignment.state = "skipped"
    assignment.lease_until = None
    assignment.draft_at = at
    session.add(assignment)


def flag(
    session: Session, rater: Rater, assignment_id: int, note: str, *, at: datetime | None = None
) -> None:
    """Leave a note for the lead; the unit stays this rater's to rate."""
    assignment, round_ = _own(session, rater, assignment_id)
    assignment.flag = _note(note, "a flag needs a note")
    if at is not None and assignment.state == "claimed":
        _extend(session, assignment, round_, at)
    session.add(assignment)


def undo(session: Session, rater: Rater, round_: Round, *, at: datetime) -> Place:
    """Reopen the rater's latest submission, up to 10 back, while the round is open.

    What was submitted stays in force until the corrected answers are submitted. A claim that the
    rater holds meanwhile stays theirs.
    """
    round_ = _entered(session, rater, round_.id)
    latest = session.exec(
        select(Assignment)
        .where(
            Assignment.round_id == round_.id,
            Assignment.rater_id == rater.id,
            col(Assignment.submitted_at).is_not(None),
        )
        .order_by(col(Assignment.submitted_at).desc(), col(Assignment.id).desc())
        .limit(UNDO_DEPTH)
    ).all()
    found = next((a for a in latest if a.state == "submitted"), None)
    if found is None:
        raise NothingToUndo(
            "nothing to undo: you have not submitted anything in this round yet"
            if not latest
            else f"nothing more to undo: only your last {UNDO_DEPTH} submissions can be reopened"
        )
    found.state = "claimed"
    found.claimed_at = at
    found.lease_until = at + _lease(round_)
    session.add(found)
    session.flush()
    assert found.id is not None
    return _place(session, rater, round_, found.id)


def release(session: Session, assignment_id: int, *, by: Rater | None) -> None:
    """Take a claim from a rater who does not come back; the unit goes to others."""
    people.require_lead(by)
    assignment = session.get(Assignment, assignment_id)
    if assignment is None or assignment.state != "claimed":
        raise NotFound("there is no open claim to release; reload the page")
    claims.one_at_a_time(session, assignment.round_id)
    assignment.state = "expired" if assignment.submitted_at is None else "submitted"
    assignment.lease_until = None
    session.add(assignment)
    events.record(session, "released", f"assignment:{assignment_id}", by=by)


def history(session: Session, rater: Rater, round_: Round, *, limit: int = 200) -> list[OwnUnit]:
    """What a rater has done in a round, newest first."""
    rows = session.exec(
        select(Assignment, Output.response)
        .join(Unit, col(Unit.id) == Assignment.unit_id)
        .join(Output, col(Output.id) == Unit.output_id)
        .where(Assignment.round_id == round_.id, Assignment.rater_id == rater.id)
        .order_by(sa.func.coalesce(col(Assignment.submitted_at), col(Assignment.claimed_at)).desc())
        .limit(limit)
    )
    return [
        OwnUnit(a.id or 0, a.state, a.submitted_at or a.claimed_at, a.seconds, a.extra,
                " ".join(response.split())[:100])
        for a, response in rows
    ]  # fmt: skip


def _entered(session: Session, rater: Rater, round_id: int | None) -> Round:
    """The round as it is now, once it is this transaction's turn, if the rater may work in it."""
    assert round_id is not None
    claims.one_at_a_time(session, round_id)
    round_ = session.get(Round, round_id, populate_existing=True)
    if round_ is None:
        raise NotFound("this round does not exist")
    _refuse_revoked(session, rater)
    _refuse_closed(round_)
    if rater.name not in round_.design.get("raters", []):
        raise NotAllowed(f"you are not on the panel of round {round_.name}; ask its lead")
    return round_


def _own(
    session: Session, rater: Rater, assignment_id: int, *, at_all: bool = False
) -> tuple[Assignment, Round]:
    """A rater's own assignment and its round, once it is this transaction's turn.

    at_all: also of a closed round, whose submissions can still be acknowledged again.
    """
    found = session.get(Assignment, assignment_id)
    if found is None or found.rater_id != rater.id:
        raise StaleAssignment("this unit is not yours to rate; reload the page for your next one")
    claims.one_at_a_time(session, found.round_id)
    session.flush()  # a refresh would drop what this transaction has changed and not sent yet
    session.refresh(found)
    round_ = session.get_one(Round, found.round_id, populate_existing=True)
    _refuse_revoked(session, rater)
    if not at_all:
        _refuse_closed(round_)
    return found, round_


def _refuse_revoked(session: Session, rater: Rater) -> None:
    stored = session.get(Rater, rater.id, populate_existing=True)
    if stored is None or stored.revoked_at is not None:
        raise NotAllowed("your access was revoked; ask the lead of your round")


def _refuse_closed(round_: Round) -> None:
    if round_.status != "open":
        raise RoundClosed(
            f"round {round_.name} is closed and takes no more ratings; what you submitted is stored"
        )


def _refuse_ended(assignment: Assignment) -> None:
    if assignment.state == "submitted":
        raise StaleAssignment(
            "this unit was already submitted, perhaps in another tab; the answers on this screen "
            "were not stored. Undo reopens it"
        )
    if assignment.state == "skipped":
        raise StaleAssignment("you have skipped this unit; the answers were not stored")


def _lease(round_: Round) -> timedelta:
    return timedelta(minutes=round_.design.get("lease_minutes", 15))


def _extend(session: Session, assignment: Assignment, round_: Round, at: datetime) -> None:
    """Activity keeps the place; a place that was given away meanwhile is not taken back."""
    if assignment.state == "expired" or (assignment.lease_until or at) <= at:
        unit = session.get_one(Unit, assignment.unit_id)
        if assignment.submitted_at is None and _is_late(session, assignment, unit, at):
            return
        assignment.state = "claimed"
    assignment.lease_until = at + _lease(round_)


def _is_late(session: Session, assignment: Assignment, unit: Unit, at: datetime) -> bool:
    """Whether the claim has lapsed and others have taken every place."""
    lease = assignment.lease_until
    if assignment.state == "claimed" and lease is not None and lease > at:
        return False
    assert unit.id is not None
    live = claims.live_claims(session, unit_id=unit.id, rater_id=assignment.rater_id, at=at)
    return unit.missing <= live


def _store(
    session: Session,
    assignment: Assignment,
    unit: Unit,
    round_: Round,
    rubric: Rubric,
    answers: Mapping[str, Answer],
    seconds: float,
    at: datetime,
) -> int:
    """Write the ratings that the answers say and the current ones do not."""
    before = {r.criterion: r for r in _current(session, assignment)}
    seen = list(rounds.shown_fields(round_))
    rows: list[dict[str, Any]] = []

    def add(key: str, **fields: Any) -> None:
        old = before.pop(key, None)
        said = {"value": None, "text": None, "abstained": None, "rationale": None,
                "evidence": None, **fields}  # fmt: skip
        if old is not None and all(getattr(old, name) == said[name] for name in said):
            return
        rows.append(
            {
                **said,
                "criterion": key,
                "round_id": round_.id,
                "unit_id": unit.id,
                "output_id": unit.output_id,
                "rater_id": assignment.rater_id,
                "assignment_id": assignment.id,
                "seen": seen,
                "run": 1,
                "extra": assignment.extra,
                "adjudication": False,
                "supersedes_id": old.id if old is not None else None,
                "rated_at": at,
                "seconds": seconds,
            }
        )

    for criterion in rubric.criteria:
        answer = answers.get(criterion.id, Answer())
        for found in answer.ratings(criterion):
            add(
                found.key,
                value=found.value,
                text=found.text,
                abstained=found.abstained,
                rationale=(answer.rationale or "").strip() or None,
                evidence=[span.model_dump() for span in answer.evidence] or None,
            )
    for key, old in list(before.items()):
        if old.abstained != WITHDRAWN:
            add(key, abstained=WITHDRAWN)
    if rows:
        session.connection().execute(sa.insert(Rating), rows)
    return len(rows)


def _current(session: Session, assignment: Assignment) -> list[Rating]:
    """The assignment's ratings that no later one supersedes."""
    if assignment.submitted_at is None:
        return []
    later = aliased(Rating)
    return list(
        session.exec(
            select(Rating)
            .where(Rating.assignment_id == assignment.id)
            .where(~sa.exists().where(col(later.supersedes_id) == col(Rating.id)))
        )
    )


def _answers(session: Session, assignment: Assignment, rubric: Rubric) -> dict[str, Any]:
    """What was submitted, as the form's answers."""
    said: dict[str, list[Rating]] = defaultdict(list)
    for rating in _current(session, assignment):
        if rating.abstained != WITHDRAWN:
            said[rating.criterion.partition(".")[0]].append(rating)
    return {
        criterion.id: _answer(criterion, said[criterion.id]).model_dump(mode="json")
        for criterion in rubric.criteria
        if said[criterion.id]
    }


def _answer(criterion: Criterion, said: list[Rating]) -> Answer:
    first = said[0]
    tags = None
    if criterion.scale == "tags" and first.abstained is None:
        tags = tuple(r.criterion.partition(".")[2] for r in said if r.value == 1)
    return Answer(
        value=None if criterion.scale == "tags" else first.value,
        tags=tags,
        text=first.text,
        abstained=first.abstained,
        rationale=first.rationale,
        evidence=tuple(Span.model_validate(span) for span in first.evidence or ()),
    )


def _place(session: Session, rater: Rater, round_: Round, assignment_id: int) -> Place:
    assignment = session.get_one(Assignment, assignment_id, populate_existing=True)
    unit = session.get_one(Unit, assignment.unit_id)
    output = session.get_one(Output, unit.output_id)
    rubric = rounds.rubric_of(session, round_)
    shown = rounds.shown_fields(round_)
    reopened = assignment.submitted_at is not None
    draft = assignment.draft
    if reopened and draft is None:
        draft = _answers(session, assignment, rubric)
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
        signals=(
            {
                "thumb": output.thumb,
                "regenerated": output.regenerated,
                "escalated": output.escalated,
            }
            if "signals" in shown
            else None
        ),
        metadata=output.extra if "metadata" in shown else None,
        draft=draft,
        reopened=reopened,
        done=done,
        left=left,
    )


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


def _receipt(session: Session, assignment: Assignment) -> Receipt:
    assert assignment.id is not None and assignment.submitted_at is not None
    stored = len(_current(session, assignment))
    return Receipt(assignment.id, stored, assignment.submitted_at, assignment.extra, duplicate=True)


def _lengths(output: Output) -> dict[str, int]:
    lengths = {f"contexts[{i}]": len(text) for i, text in enumerate(output.contexts)}
    return {"response": len(output.response), **lengths}


def _seconds(value: float) -> float:
    return min(max(value, 0.0), 86_400.0) if math.isfinite(value) else 0.0


def _note(text: str, problem: str) -> str:
    text = text.replace("\x00", "").strip()
    if not text:
        raise BadInput(f"{problem}; write one")
    if len(text) > MAX_NOTE:
        raise BadInput(f"the note has {len(text)} characters; write at most {MAX_NOTE}")
    return text
