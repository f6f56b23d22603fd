"""An open round as it goes: pace by segment and rater, what is stuck, how far its judges are.

Nothing here says what anybody answered: a lead who rates in the round may see it too.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from statistics import median
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from annotate import people
from annotate.pace import FEWEST, Pace, outlying, pace
from db.tables import Assignment, Output, Rater, Rating, Round, Unit, now


@dataclass(frozen=True)
class Speed:
    """How fast one rater works, beside the panel, and how much is theirs to do."""

    rater: str
    submitted: int
    seconds: float | None
    """Active seconds of a submission, the median; None below FEWEST of them."""
    outlying: str | None
    """`fast` or `slow`."""
    last: datetime | None
    """Their last submission."""
    left: int
    """About how many of the missing submissions come to them, if all work on."""
    pace: Pace
    """Of these."""

    def as_json(self) -> dict[str, Any]:
        """As `annotate round status --json` prints it."""
        return {
            **vars(self),
            "last": None if self.last is None else self.last.isoformat(),
            "pace": self.pace.as_json(),
        }


@dataclass(frozen=True)
class Stuck:
    """A unit that somebody took and has not handed in for long."""

    rater: str
    unit: str
    since: datetime
    lapsed: bool
    """Whether its lease has run out: whoever comes next gets it."""
    drafted: bool

    def as_json(self) -> dict[str, Any]:
        """As `annotate round status --json` prints it."""
        return {**vars(self), "since": self.since.isoformat()}


@dataclass(frozen=True)
class Scored:
    """How far a judge or metric is with the outputs of a round."""

    judge: str
    outputs: int
    of: int


@dataclass(frozen=True)
class Watched:
    """A round as it goes."""

    whole: Pace
    by_segment: dict[str, Pace]
    speeds: list[Speed]
    stuck: list[Stuck]
    judges: list[Scored]
    """Those that the round is to calibrate, and others that scored it."""

    def as_json(self) -> dict[str, Any]:
        """As `annotate round status --json` prints it."""
        return {
            "whole": self.whole.as_json(),
            "by_segment": {name: one.as_json() for name, one in self.by_segment.items()},
            "by_rater": {one.rater: one.as_json() for one in self.speeds},
            "stuck": [one.as_json() for one in self.stuck],
            "judges": [vars(one) for one in self.judges],
        }


def watched(
    session: Session, round_: Round, *, by: Rater | None, at: datetime | None = None
) -> Watched:
    """The pace of a round, of its segments and raters, and what is stuck. Says nothing of values."""
    people.require_lead(session, by)
    at = at or now()
    done, of_rater = _latest(session, round_)
    missing = {
        str(segment): int(number)
        for segment, number in session.connection().execute(
            sa.select(col(Output.segment), sa.func.sum(col(Unit.missing)))
            .join(Unit, col(Unit.output_id) == col(Output.id))
            .where(col(Unit.round_id) == round_.id)
            .group_by(col(Output.segment))
            .order_by(col(Output.segment))
        )
    }
    everything = [one for rows in done.values() for one in rows]
    shares = _shares(session, round_, sum(missing.values()))
    return Watched(
        whole=_pace(everything, sum(missing.values()), at),
        by_segment={name: _pace(done.get(name, []), left, at) for name, left in missing.items()},
        speeds=_speeds(of_rater, _counts(session, round_), shares, at),
        stuck=_stuck(session, round_, at),
        judges=_judges(session, round_),
    )


_Done = tuple[datetime, float]
"""When something was submitted, and in how many seconds of active work."""
_ByName = dict[str, list[_Done]]
NEWEST = 5_000
"""Submissions that the pace goes by: enough for a median, however many there are."""


def _latest(session: Session, round_: Round) -> tuple[_ByName, _ByName]:
    """The newest submissions that count, by segment and by rater."""
    done: _ByName = defaultdict(list)
    of_rater: _ByName = defaultdict(list)
    # Chosen before anything is joined: only these are looked up.
    newest = (
        sa.select(
            col(Assignment.unit_id), col(Assignment.rater_id), col(Assignment.submitted_at),
            col(Assignment.seconds),
        )
        .where(
            col(Assignment.round_id) == round_.id,
            col(Assignment.submitted_at).is_not(None),
            col(Assignment.extra).is_(False),
        )
        .order_by(col(Assignment.submitted_at).desc())
        .limit(NEWEST)
        .subquery()
    )  # fmt: skip
    for segment, rater, when, seconds in session.connection().execute(
        sa.select(col(Output.segment), col(Rater.name), newest.c.submitted_at, newest.c.seconds)
        .join(Unit, col(Unit.id) == newest.c.unit_id)
        .join(Output, col(Output.id) == col(Unit.output_id))
        .join(Rater, col(Rater.id) == newest.c.rater_id)
    ):
        assert when is not None
        done[segment].append((when, seconds))
        of_rater[rater].append((when, seconds))
    return done, of_rater


def _counts(session: Session, round_: Round) -> dict[str, tuple[int, datetime | None]]:
    """How many submissions of each rater count, and when the last was; of all who took a unit."""
    counts = sa.case((col(Assignment.extra).is_(False), col(Assignment.submitted_at)), else_=None)
    rows = session.connection().execute(
        sa.select(col(Rater.name), sa.func.count(counts), sa.func.max(counts))
        .join(Assignment, col(Assignment.rater_id) == col(Rater.id))
        .where(col(Assignment.round_id) == round_.id)
        .group_by(col(Rater.name))
    )
    nobody: dict[str, tuple[int, datetime | None]] = dict.fromkeys(
        round_.design.get("raters", []), (0, None)
    )
    return nobody | {name: (int(number), last) for name, number, last in rows}


def _pace(rows: list[_Done], missing: int, at: datetime) -> Pace:
    return pace([when for when, _ in rows], [seconds for _, seconds in rows], missing, at=at)


def _speeds(
    of_rater: _ByName,
    counts: dict[str, tuple[int, datetime | None]],
    shares: dict[str, int],
    at: datetime,
) -> list[Speed]:
    typical = {}
    for name, rows in of_rater.items():
        measured = [seconds for _, seconds in rows if seconds > 0]
        if len(measured) >= FEWEST:
            typical[name] = median(measured)
    return [
        Speed(
            name,
            number,
            typical.get(name),
            outlying(typical.get(name), [s for n, s in typical.items() if n != name]),
            last,
            left := shares.get(name, 0),
            _pace(of_rater.get(name, []), left, at),
        )
        for name, (number, last) in sorted(counts.items())
    ]


def _shares(session: Session, round_: Round, missing: int) -> dict[str, int]:
    """About how many of the missing submissions come to each rater of the panel.

    A unit that misses m ratings comes to each who has not had it with equal chance. Who has
    submitted or skipped it does not get it again; a quota is kept.
    """
    connection = session.connection()
    named = sa.select(col(Rater.name)).where(
        col(Rater.name).in_(round_.design.get("raters", [])), col(Rater.revoked_at).is_(None)
    )
    panel = list(connection.execute(named).scalars())
    had: dict[int | None, set[str]] = defaultdict(set)
    wanted: dict[int | None, int] = {}
    over = sa.or_(
        col(Assignment.state).in_(("submitted", "skipped")),
        col(Assignment.submitted_at).is_not(None),
    )
    for unit, lacks, rater in connection.execute(
        sa.select(col(Unit.id), col(Unit.missing), col(Rater.name))
        .join(Assignment, col(Assignment.unit_id) == col(Unit.id))
        .join(Rater, col(Rater.id) == col(Assignment.rater_id))
        .where(col(Unit.round_id) == round_.id, col(Unit.missing) > 0, over)
    ):
        had[unit].add(rater)
        wanted[unit] = lacks
    untouched = missing - sum(wanted.values())
    share = {name: untouched / max(1, len(panel)) for name in panel}
    for unit, lacks in wanted.items():
        free = [name for name in panel if name not in had[unit]]
        for name in free:
            share[name] += min(1.0, lacks / len(free))
    return _within_quota(session, round_, share)


def _within_quota(session: Session, round_: Round, share: dict[str, float]) -> dict[str, int]:
    quota = round_.design.get("quota")
    # A hair below the whole number is that number: thirds do not add up to one.
    whole = {name: ceil(number - 1e-9) for name, number in share.items()}
    if quota is None:
        return whole
    done = session.connection().execute(
        sa.select(col(Rater.name), sa.func.count())
        .join(Assignment, col(Assignment.rater_id) == col(Rater.id))
        .where(col(Assignment.round_id) == round_.id, col(Assignment.submitted_at).is_not(None))
        .group_by(col(Rater.name))
    )
    so_far = {name: int(number) for name, number in done}
    return {name: min(n, max(0, quota - so_far.get(name, 0))) for name, n in whole.items()}


def _judges(session: Session, round_: Round) -> list[Scored]:
    """Of each judge, how many outputs of the round it has scored, in the round or outside any."""
    outputs = sa.select(col(Unit.output_id)).where(col(Unit.round_id) == round_.id)
    rows = session.connection().execute(
        sa.select(col(Rater.name), sa.func.count(sa.distinct(col(Rating.output_id))))
        .join(Rating, col(Rating.rater_id) == col(Rater.id))
        .where(
            col(Rater.kind) != "human",
            col(Rating.output_id).in_(outputs),
            sa.or_(col(Rating.round_id) == round_.id, col(Rating.round_id).is_(None)),
            # "Cannot judge" is no score.
            col(Rating.abstained).is_(None),
        )
        .group_by(col(Rater.name))
    )
    found = {name: int(number) for name, number in rows}
    chosen: Collection[str] = round_.design.get("judges", [])
    of = session.connection().execute(
        sa.select(sa.func.count(sa.distinct(col(Unit.output_id)))).where(
            col(Unit.round_id) == round_.id
        )
    )
    total = int(of.scalar_one())
    return [Scored(name, found.get(name, 0), total) for name in sorted({*chosen, *found})]


def _stuck(session: Session, round_: Round, at: datetime) -> list[Stuck]:
    """Claims without a sign of activity for a whole lease, the longest first."""
    lease = timedelta(minutes=int(round_.design.get("lease_minutes", 15)))
    rows = session.connection().execute(
        sa.select(
            col(Rater.name), col(Unit.key), col(Assignment.claimed_at), col(Assignment.draft_at),
            col(Assignment.lease_until), col(Assignment.draft).is_not(None),
        )
        .join(Unit, col(Unit.id) == col(Assignment.unit_id))
        .join(Rater, col(Rater.id) == col(Assignment.rater_id))
        .where(
            col(Assignment.round_id) == round_.id,
            col(Assignment.state) == "claimed",
            col(Assignment.submitted_at).is_(None),
            # A unit that others have finished meanwhile waits for nobody; what was sent does.
            sa.or_(col(Unit.missing) > 0, col(Assignment.extra).is_(True)),
        )
    )  # fmt: skip
    found = []
    for rater, unit, claimed, drafted_at, lease_until, drafted in rows:
        since = max(claimed, drafted_at) if drafted_at is not None else claimed
        if at - since >= lease:
            lapsed = lease_until is None or lease_until <= at
            found.append(Stuck(rater, unit, since, lapsed, bool(drafted)))
    return sorted(found, key=lambda one: (one.since, one.rater))
