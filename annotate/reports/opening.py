"""The test split of a judge that is worked on here: closed until a lead opens it, which is logged."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotate import events, people
from annotate.judge.judges import is_asked_here
from annotate.judge.splits import split_of
from annotate.reports.drift import plain_name
from db.tables import Event, Rater, Round

OPENED = "opened the test split"


def record_opening(
    session: Session, judge: Rater, round_: Round, criterion: str, *, by: Rater | None
) -> None:
    """Log for good that this version's test split of a round was looked at."""
    events.record(
        session, OPENED, _subject(judge.name), by=by, judge=judge.name, round=round_.name,
        criterion=criterion,
    )  # fmt: skip


def is_closed(session: Session, judge: Rater, round_: Round, criterion: str) -> bool:
    """Whether nobody has opened the round's test split for this version on this criterion.

    A judge whose scores are imported has no prompt that is worked on here, and nothing to open.
    """
    if not is_asked_here(judge):
        return False
    wanted = {"judge": judge.name, "round": round_.name, "criterion": criterion}
    logged = session.exec(
        select(Event.detail).where(Event.action == OPENED, Event.subject == _subject(judge.name))
    )
    return all({name: (said or {}).get(name) for name in wanted} != wanted for said in logged)


def closed_cases(
    session: Session, judge: Rater, round_: Round, criterion: str, cases: Iterable[object]
) -> set[str]:
    """Those of the cases that are of the test split, while it is closed: not to be told of one by
    one."""
    if not is_closed(session, judge, round_, criterion):
        return set()
    return {case for case in map(str, cases) if split_of(case) == "test"}


def all_openings(session: Session) -> int:
    """How often the test split of any judge was opened: what it changes is shown anew."""
    return session.exec(
        select(sa.func.count()).select_from(Event).where(Event.action == OPENED)
    ).one()


def openings(session: Session, judge: str, *, by: Rater | None) -> int:
    """How often the test split was opened for any version of this judge."""
    people.require_lead(session, by)
    return session.exec(
        select(sa.func.count())
        .select_from(Event)
        .where(Event.action == OPENED, col(Event.subject) == _subject(judge))
    ).one()


def _subject(judge: str) -> str:
    return f"judge:{plain_name(judge)}"
