"""The audit log: who did what, append-only."""

from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from db.tables import Event, Rater


def record(
    session: Session, action: str, subject: str, *, by: Rater | None = None, **detail: Any
) -> Event:
    """Write one event. by: who did it; None is the command line on the server itself."""
    event = Event(
        action=action, subject=subject, rater_id=by.id if by is not None else None, detail=detail
    )
    session.add(event)
    return event


def history(session: Session, *, limit: int = 100) -> list[Event]:
    """The latest events, newest first."""
    return list(session.exec(select(Event).order_by(col(Event.id).desc()).limit(limit)))


def latest(session: Session) -> int:
    """The number of the latest event: what leads do changes it."""
    return int(session.exec(select(sa.func.max(Event.id))).one() or 0)
