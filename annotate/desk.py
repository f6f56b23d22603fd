"""The desk: one rater and the next unit.

Every function that writes is one step of one transaction that the caller opens. What a rater's
screen may know is a `Place`, and nothing else leaves this module.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotate import answer, claims, events, pairs, people, place, practice, rounds, submission
from annotate.errors import (
    BadInput,
    DraftOutdated,
    NotAllowed,
    NothingToUndo,
    StaleAssignment,
)
from annotate.place import Place
from annotate.rubric import Answer
from annotate.turn import Turn
from db.tables import Assignment, Output, Rater, Round, Unit, now

__all__ = [
    "KeptDraft",
    "Place",
    "Receipt",
    "claim_next",
    "flag",
    "given_away",
    "open_rounds",
    "release",
    "reopen",
    "save_draft",
    "skip",
    "submit",
    "undo",
]

UNDO_DEPTH = 10
IDLE = 60.0
"""Seconds without a sign of activity after which a rater is not at work."""
MAX_NOTE = 2_000
RATED = (
    select(Unit, Output)
    .join(Output, col(Output.id) == Unit.output_id)
    .where(Unit.id == sa.bindparam("unit"))
)


@dataclass(frozen=True)
class Receipt:
    """The acknowledgement: these ratings are stored."""

    assignment_id: int
    ratings: int
    """How many stand for the unit now."""
    at: datetime
    extra: bool = False
    """Kept, not counted: the unit has all its ratings, because its place was given to others or
    a lead wanted one more view."""
    duplicate: bool = False
    """The same submission had been stored before."""


@dataclass(frozen=True)
class KeptDraft:
    """The acknowledgement: this draft is stored."""

    version: int
    """What the next draft of a screen goes by that shows this one. To a sign of activity it says
    whether the screen still does."""
    held_until: datetime | None
    """None when the unit's place was given to others meanwhile: what is submitted is extra then."""


def open_rounds(session: Session, rater: Rater) -> list[Round]:
    """The open rounds that this rater is on, oldest first."""
    statement = select(Round).where(Round.status == "open").order_by(col(Round.id))
    return [r for r in session.exec(statement) if rater.name in r.design.get("raters", [])]


def claim_next(session: Session, rater: Rater, round_: Round, *, at: datetime) -> Place | None:
    """The unit that is this rater's to rate now; None when nothing is left for them.

    Whoever holds a claim gets it back, draft included: a refresh or a second tab shows the same
    unit. A reopened submission comes first, the last reopened before the others. A rater who has
    reached the round's quota gets nothing new.
    """
    turn = Turn.in_round(session, rater, round_.id, at=at)
    found = claims.held(session, round_id=turn.round_id, rater_id=turn.rater_id, at=at)
    lost = 0
    if found is None:
        lost = claims.lose(session, round_id=turn.round_id, rater_id=turn.rater_id)
        found = claims.take_sent(
            session, round_id=turn.round_id, rater_id=turn.rater_id, at=at,
            lease_until=turn.lease_until,
        )  # fmt: skip
        if found is not None:
            lost = 0  # nothing of what was sent to them is given to others
    if found is None:
        quota = turn.round.design.get("quota")
        if quota is not None and claims.submitted(session, turn.round_id, turn.rater_id) >= quota:
            return None
        found = claims.claim(
            session,
            round_id=turn.round_id,
            rater_id=turn.rater_id,
            seed=turn.round.seed,
            at=at,
            lease_until=turn.lease_until,
        )
        if found is None:
            return None
    else:
        turn.renew(found)
    return place.show(session, rater, turn.round, found, lost=lost > 0, stood=turn.settled > 0)


def given_away(session: Session, rater: Rater, round_: Round) -> int:
    """How many units were before this rater, not submitted, and were given to others."""
    assert round_.id is not None and rater.id is not None
    return claims.lost(session, round_.id, rater.id)


def save_draft(
    session: Session,
    rater: Rater,
    assignment_id: int,
    entries: Mapping[str, Any] | None,
    *,
    seconds: float | None = None,
    screen: str | None = None,
    version: int | None = None,
    sitting: int | None = None,
    at: datetime,
) -> KeptDraft:
    """Keep unfinished entries (texts and lists of choices, by field) and extend the lease.

    entries: None is a sign of activity, which leaves the draft as it is.
    seconds: active work on the unit so far; None where nobody measured it.
    screen, version, sitting: who sends it, and what that screen was drawn from; None is not asked.

    A screen follows on its own drafts, and on the version that it has seen; raises DraftOutdated
    where another screen has changed the draft meanwhile, and StaleAssignment where the unit was
    submitted or reopened since. A draft is kept also when the unit's place was given to others.
    """
    turn, assignment = Turn.at_assignment(session, rater, assignment_id, at=at)
    turn.refuse_closed()
    _refuse_ended(assignment, sitting)
    if entries is not None and (draft := submission.draft(entries)) != assignment.draft:
        seen = version is None or version == assignment.draft_version
        if not seen and assignment.draft_screen != screen:
            raise DraftOutdated(assignment.draft or {}, assignment.draft_version)
        assignment.draft = draft
        assignment.draft_version += 1
        assignment.draft_screen = screen
    assignment.seconds = _worked(assignment, seconds, at)
    assignment.draft_at = at
    return KeptDraft(assignment.draft_version, turn.keep(assignment))


def submit(
    session: Session,
    rater: Rater,
    assignment_id: int,
    answers: Mapping[str, Answer],
    *,
    idempotency_key: str,
    sitting: int | None = None,
    seconds: float | None = None,
    at: datetime,
) -> Receipt:
    """Store a rater's answers to a unit.

    sitting: the one that the screen was drawn in; None is not asked.
    seconds: active work on the unit in all; None counts on from what the drafts said.

    An idempotency key that was accepted before is acknowledged again and stores nothing. After an
    undo, what changed supersedes what was there. Raises BadInput for answers that the rubric does
    not permit, StaleAssignment when the unit has been submitted from another tab, also when it was
    reopened there, or was skipped.
    """
    turn, assignment = Turn.at_assignment(session, rater, assignment_id, at=at)
    accepted = [*(assignment.earlier_keys or ()), assignment.idempotency_key]
    if assignment.submitted_at is not None and idempotency_key in accepted:
        # Also when it has been reopened since: a late duplicate is not the correction.
        return _again(session, assignment)
    turn.refuse_closed()
    _refuse_ended(assignment, sitting)
    if not idempotency_key:
        raise BadInput("a submission needs an idempotency key; reload the page")
    unit, output = session.exec(RATED, params={"unit": assignment.unit_id}).one()
    rubric = rounds.rubric_of(session, turn.round)
    rival = None if unit.rival_id is None else session.get_one(Output, unit.rival_id)
    seen = list(rounds.shown_fields(turn.round))
    if rival is not None:
        swapped = pairs.swapped(turn.round.seed, turn.rater_id, unit.key)
        seen.append(pairs.order(swapped))
        if swapped:
            answers = pairs.turned(answers, rubric, apart=pairs.apart(output, rival))
    problems = rubric.check_answers(answers, submission.lengths(output, rival))
    if problems:
        raise BadInput("; ".join(str(problem) for problem in problems))
    if assignment.submitted_at is None:
        assignment.extra = not claims.take_place(session, assignment, at=at)
    assignment.seconds = _worked(assignment, seconds, at)
    ratings = submission.store(
        session, assignment, unit, turn.round, rubric, answers,
        seen=seen, seconds=assignment.seconds, at=at,
    )  # fmt: skip
    assignment.state = "submitted"
    assignment.submitted_at = at
    assignment.lease_until = None
    assignment.draft = None
    assignment.draft_screen = None
    assignment.earlier_keys = [key for key in accepted if key is not None] or None
    assignment.idempotency_key = idempotency_key
    session.flush()
    return Receipt(assignment_id, ratings, at, assignment.extra)


def skip(session: Session, rater: Rater, assignment_id: int, reason: str, *, at: datetime) -> None:
    """Give a unit up, with the reason; others get it, this rater is not offered it again."""
    turn, assignment = Turn.at_assignment(session, rater, assignment_id, at=at)
    turn.refuse_closed()
    _refuse_ended(assignment)
    if practice.rules(turn.round) is not None:
        raise NotAllowed(
            "a practice is done once every unit is rated; rate this one as well as you can, and "
            "flag it for the lead"
        )
    if assignment.submitted_at is not None:
        raise StaleAssignment(
            "this unit was submitted and reopened; submit it again, or leave it as it was"
        )
    assignment.skip_reason = _note(reason, "a skip needs its reason")
    assignment.state = "skipped"
    assignment.lease_until = None
    session.flush()


def flag(
    session: Session, rater: Rater, assignment_id: int, note: str, *, at: datetime | None = None
) -> None:
    """Leave a note for the lead, below those left before; the unit stays this rater's to rate."""
    turn, assignment = Turn.at_assignment(session, rater, assignment_id, at=at or now())
    turn.refuse_closed()
    note = _note(note, "a flag needs a note")
    before = assignment.flag.split("\n\n") if assignment.flag else []
    if note not in before:  # a second click says nothing new
        assignment.flag = _note("\n\n".join([*before, note]), "a flag needs a note")
    if assignment.state in ("claimed", "expired"):
        turn.keep(assignment)
    session.flush()


def undo(session: Session, rater: Rater, round_: Round, *, at: datetime) -> Place:
    """Reopen the rater's latest submission, up to 10 back, while the round is open.

    What was submitted stays in force until the corrected answers are submitted. A claim that the
    rater holds meanwhile stays theirs.
    """
    turn = Turn.in_round(session, rater, round_.id, at=at)
    latest = session.exec(
        select(Assignment)
        .where(
            Assignment.round_id == turn.round_id,
            Assignment.rater_id == turn.rater_id,
            col(Assignment.submitted_at).is_not(None),
        )
        .order_by(col(Assignment.submitted_at).desc(), col(Assignment.id).desc())
        .limit(UNDO_DEPTH)
        .execution_options(populate_existing=True)
    ).all()
    found = next((a for a in latest if a.state == "submitted"), None)
    if found is None:
        raise NothingToUndo(
            "nothing to undo: you have not submitted anything in this round yet"
            if not latest
            else f"nothing more to undo: only your last {UNDO_DEPTH} submissions can be reopened"
        )
    return _reopened(turn, rater, found)


def reopen(session: Session, rater: Rater, assignment_id: int, *, at: datetime) -> Place:
    """Reopen one of the rater's own submissions, however long ago, while the round is open."""
    turn, assignment = Turn.at_assignment(session, rater, assignment_id, at=at)
    turn.refuse_closed()
    if assignment.state != "submitted":
        raise StaleAssignment("this unit is not one that you have submitted; reload the page")
    return _reopened(turn, rater, assignment)


def _reopened(turn: Turn, rater: Rater, assignment: Assignment) -> Place:
    """What was submitted stays in force until the corrected answers are submitted."""
    assignment.state = "claimed"
    assignment.sitting += 1
    assignment.claimed_at = turn.at
    turn.session.flush()
    assert assignment.id is not None
    turn.renew(assignment.id)
    return place.show(turn.session, rater, turn.round, assignment.id)


def release(
    session: Session, round_: Round, rater: Rater, *, at: datetime, by: Rater | None
) -> int:
    """Take the claims of a rater who does not come back; how many units others get back.

    What the rater submits of them later is still kept. Submissions that the rater has reopened
    stand as they were submitted.
    """
    people.require_lead(session, by)
    assert round_.id is not None and rater.id is not None
    claims.one_at_a_time(session, round_.id)
    released = claims.release(session, round_id=round_.id, rater_id=rater.id, at=at)
    # A claim that has lapsed is still the rater's while nobody else has taken its place.
    released += claims.lose(session, round_id=round_.id, rater_id=rater.id)
    events.record(
        session, "released", f"round:{round_.name}", by=by, rater=rater.name, claims=released
    )
    return released


def _refuse_ended(assignment: Assignment, sitting: int | None = None) -> None:
    if assignment.state == "submitted":
        raise StaleAssignment(
            "this unit was already submitted, perhaps in another tab; what stood on this screen "
            "was not stored with it. Undo reopens it"
        )
    if assignment.state == "skipped":
        raise StaleAssignment(
            "you have skipped this unit, perhaps in another tab; what stood on this screen was "
            "not stored"
        )
    if sitting is not None and sitting != assignment.sitting:
        raise StaleAssignment(
            "this unit was submitted and reopened after this screen was drawn, perhaps in another "
            "tab; what stood on this screen was not stored"
        )


def _again(session: Session, assignment: Assignment) -> Receipt:
    """The acknowledgement of a submission that is stored already."""
    assert assignment.id is not None and assignment.submitted_at is not None
    ratings = len(submission.standing(session, assignment))
    return Receipt(
        assignment.id, ratings, assignment.submitted_at, assignment.extra, duplicate=True
    )


def _worked(assignment: Assignment, seconds: float | None, at: datetime) -> float:
    """Active work on the unit. Since it was last told, a rater worked at most until they are
    taken for idle."""
    if seconds is None:
        told = max(filter(None, (assignment.claimed_at, assignment.draft_at)))
        seconds = assignment.seconds + min(max((at - told).total_seconds(), 0.0), IDLE)
    known = min(seconds, 86_400.0) if math.isfinite(seconds) else 0.0
    return max(assignment.seconds, known)


def _note(text: str, problem: str) -> str:
    text = answer.storable(text).strip()
    if not text:
        raise BadInput(f"{problem}; write one")
    if len(text) > MAX_NOTE:
        raise BadInput(f"the note has {len(text):,} characters; write at most {MAX_NOTE:,}")
    return text
