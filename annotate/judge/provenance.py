"""Who really answered for a judge: the model and fingerprint that the server named, and until when
the provider keeps the model.

A version is frozen here, and not at the provider: where another model answers within one version,
what was calibrated may be gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotate import events
from annotate.judge.verdict import SETTLED
from db.tables import Event, JudgeRun, JudgeTask, JudgeVerdict, Rater

SHUTDOWN = "model is switched off"


@dataclass(frozen=True)
class Answered:
    """One model and fingerprint, as the server named them."""

    model: str | None
    fingerprint: str | None
    first: datetime
    last: datetime
    answers: int

    @property
    def name(self) -> str:
        """Both in words."""
        mark = f" ({self.fingerprint})" if self.fingerprint else ""
        return f"{self.model or 'unnamed'}{mark}"


def answered_by(session: Session, rater: Rater) -> list[Answered]:
    """Under which names the server has answered for this version, the earliest first.

    Also where another version asked: what a judge with other cut points goes by is there already.
    """
    its = sa.select(col(JudgeRun.id)).where(col(JudgeRun.rater_id) == rater.id)
    goes_by = sa.select(col(JudgeTask.verdict_id)).where(
        col(JudgeTask.run_id).in_(its), col(JudgeTask.verdict_id).is_not(None)
    )
    at = col(JudgeVerdict.at)
    rows = session.connection().execute(
        sa.select(
            col(JudgeVerdict.model),
            col(JudgeVerdict.fingerprint),
            sa.func.min(at),
            sa.func.max(at),
            sa.func.count(),
        )
        .where(
            sa.or_(col(JudgeVerdict.run_id).in_(its), col(JudgeVerdict.id).in_(goes_by)),
            col(JudgeVerdict.model).is_not(None),
        )
        .group_by(col(JudgeVerdict.model), col(JudgeVerdict.fingerprint))
    )
    found = [Answered(model, mark, first, last, int(n)) for model, mark, first, last, n in rows]
    return sorted(found, key=lambda one: (one.first, one.name))


def was_answered(session: Session, rater: Rater) -> bool:
    """Whether a server has answered a question of this version, so that it can be asked as it is."""
    its = sa.select(col(JudgeRun.id)).where(col(JudgeRun.rater_id) == rater.id)
    found = session.exec(
        select(JudgeVerdict.id)
        .where(
            col(JudgeVerdict.run_id).in_(its),
            col(JudgeVerdict.status).in_(SETTLED),
            col(JudgeVerdict.raw).is_not(None),
        )
        .limit(1)
    )
    return found.first() is not None


def changed(answered: Sequence[Answered]) -> str | None:
    """In a sentence that another model or fingerprint has answered within one version; else None."""
    if len(answered) < 2:
        return None
    *before, last = answered
    names = ", ".join(one.name for one in before)
    return (
        f"The provider changed under it: the server answered as {names} at first, and as "
        f"{last.name} since {last.first:%Y-%m-%d %H:%M} UTC. What was calibrated may be another "
        "model: have it grade the anchors again (annotate judge run --again)."
    )


def note_shutdown(session: Session, rater: Rater, off: date) -> None:
    """Keep the day on which the provider switches the model off, if it is not kept already."""
    if shutdown_of(session, rater) != off:
        events.record(session, SHUTDOWN, f"rater:{rater.name}", date=off.isoformat())


def shutdown_of(session: Session, rater: Rater) -> date | None:
    """The day that the provider announced last."""
    said = session.exec(
        select(Event.detail)
        .where(Event.action == SHUTDOWN, Event.subject == f"rater:{rater.name}")
        .order_by(col(Event.id).desc())
    ).first()
    return None if said is None else date.fromisoformat(said["date"])


def days_left(off: date, today: date) -> str:
    """`The model is switched off on 2026-12-11, in 16 days: ...`"""
    left = (off - today).days
    when = f"in {left} days" if left > 1 else "tomorrow" if left == 1 else "today"
    if left < 0:
        return (
            f"The model was switched off on {off}: choose another one, add it, and calibrate it "
            "against people."
        )
    return (
        f"The model is switched off on {off}, {when}: calibrate its successor on the same anchors "
        "before that."
    )


def warnings(answered: Sequence[Answered], off: date | None, today: date) -> list[str]:
    """What a lead should know of a judge's model, in sentences."""
    found = [] if off is None else [days_left(off, today)]
    said = changed(answered)
    return found if said is None else [said, *found]
