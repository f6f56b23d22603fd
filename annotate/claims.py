"""Who gets which unit: the one statement that claims, and what keeps a place.

A unit is free for a rater when it still misses a submission that no live claim of somebody else
will bring. The statements are the same on both engines. They are exact because the desk writes
of a round happen one after the other (`one_at_a_time`): the count of live claims is never stale.
See `docs/decisions/claiming.md`.
"""

import hashlib
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from db.tables import Assignment, UtcDateTime

REPEAT_GAP = 3
"""Submissions that a rater makes at least between a unit and its repeat, while others are left."""

WINDOW = 50
"""Free units among which a rater's own order chooses."""
PRIME = 2_147_483_647

_ADVISORY = 0x616E6E6F  # "anno": our own space among a PostgreSQL database's advisory locks

_TIMES = (sa.bindparam("at", type_=UtcDateTime()),)

_HELD_BY_OTHERS = """
    SELECT COUNT(*) FROM assignment held
    WHERE held.unit_id = u.id AND held.rater_id <> :rater AND held.state = 'claimed'
        AND held.submitted_at IS NULL AND held.lease_until > :at
"""
# A reopened submission is no live claim: its place has left `missing` already.

# Half-rated units first; among the first free ones every rater has an order of their own, so that
# no two meet the units in the same order and an order effect is nobody's but the rater's.
CLAIM = sa.text(f"""
INSERT INTO assignment
    (round_id, unit_id, rater_id, state, lease_until, claimed_at, seconds, extra, sitting,
    draft_version)
SELECT free.round_id, free.id, :rater, 'claimed', :lease_until, :at, 0, :no, 0, 0
FROM (
SELECT u.round_id, u.id, u.missing, u.rank
FROM unit u
WHERE u.round_id = :round
    AND u.missing > 0
    AND NOT EXISTS (
        SELECT 1 FROM assignment mine
        WHERE mine.unit_id = u.id AND mine.rater_id = :rater
            AND (mine.state IN ('submitted', 'skipped') OR mine.submitted_at IS NOT NULL)
    )
    AND u.missing > ({_HELD_BY_OTHERS})
    AND (
        u.repeats_id IS NULL
        OR EXISTS (
            SELECT 1 FROM assignment original
            WHERE original.unit_id = u.repeats_id AND original.rater_id = :rater
                AND original.state = 'submitted'
                AND :gap <= (
                    SELECT COUNT(*) FROM assignment since
                    WHERE since.round_id = u.round_id AND since.rater_id = :rater
                        AND since.state = 'submitted'
                        AND since.submitted_at > original.submitted_at
                )
        )
    )
ORDER BY u.missing, u.rank
LIMIT {WINDOW}
) free
WHERE TRUE
ORDER BY free.missing, (free.rank + 1) * CAST(:factor AS BIGINT) % {PRIME}
LIMIT 1
ON CONFLICT (unit_id, rater_id) DO UPDATE
    SET state = 'claimed', lease_until = excluded.lease_until, claimed_at = excluded.claimed_at
RETURNING id
""").bindparams(
    *_TIMES,
    sa.bindparam("lease_until", type_=UtcDateTime()),
    sa.bindparam("no", value=False, type_=sa.Boolean()),
)

SENT = sa.text("""
UPDATE assignment SET state = 'claimed', lease_until = :lease_until, claimed_at = :at
WHERE id = (
    SELECT id FROM assignment
    WHERE round_id = :round AND rater_id = :rater AND state = 'sent'
    ORDER BY id LIMIT 1
)
RETURNING id
""").bindparams(*_TIMES, sa.bindparam("lease_until", type_=UtcDateTime()))

HELD = sa.text(f"""
SELECT a.id FROM assignment a JOIN unit u ON u.id = a.unit_id
WHERE a.round_id = :round AND a.rater_id = :rater AND a.state = 'claimed'
    AND (
        a.submitted_at IS NOT NULL
        OR a.lease_until > :at
        OR u.missing > ({_HELD_BY_OTHERS})
    )
ORDER BY (a.submitted_at IS NULL), (a.lease_until <= :at), a.claimed_at DESC, a.id DESC
LIMIT 1
""").bindparams(*_TIMES)

PLACES = sa.text(f"""
SELECT u.missing, ({_HELD_BY_OTHERS}) AS elsewhere FROM unit u WHERE u.id = :unit
""").bindparams(*_TIMES)

# The rest as text too: a rater waits for these at every unit, and what SQLAlchemy needs to build
# a statement is longer than what the database needs to carry it out.
_CLAIMS_OF = "round_id = :round AND rater_id = :rater AND state = 'claimed'"
# What a lead has sent to a rater is nobody else's: it waits until the rater comes back.
_GIVEN_BACK = "state = CASE WHEN extra AND submitted_at IS NULL THEN 'sent' ELSE 'expired' END"
LOSE = sa.text(f"""
UPDATE assignment SET {_GIVEN_BACK}, lease_until = NULL
WHERE {_CLAIMS_OF} AND submitted_at IS NULL
""")
RELEASE = sa.text(f"""
UPDATE assignment SET {_GIVEN_BACK}, lease_until = NULL
WHERE {_CLAIMS_OF} AND lease_until > :at
""").bindparams(*_TIMES)
SETTLE = sa.text(f"""
UPDATE assignment SET state = 'submitted', lease_until = NULL
WHERE {_CLAIMS_OF} AND submitted_at IS NOT NULL AND lease_until <= :at
    AND (draft IS NULL OR :drafted)
""").bindparams(*_TIMES, sa.bindparam("drafted", type_=sa.Boolean()))
RENEW = sa.text(f"""
UPDATE assignment SET lease_until = :lease_until
WHERE {_CLAIMS_OF} AND (lease_until > :at OR id = :one)
""").bindparams(*_TIMES, sa.bindparam("lease_until", type_=UtcDateTime()))
TAKE = sa.text("UPDATE unit SET missing = missing - 1 WHERE id = :unit")
LOST = sa.text("""
SELECT COUNT(*) FROM assignment
WHERE round_id = :round AND rater_id = :rater AND state = 'expired' AND submitted_at IS NULL
""")
SUBMITTED = sa.text("""
SELECT COUNT(*) FROM assignment
WHERE round_id = :round AND rater_id = :rater AND state = 'submitted'
""")


def one_at_a_time(session: Session, round_id: int) -> None:
    """Queue this transaction behind the other desk writes of the round.

    On SQLite a writing transaction is alone anyway. On PostgreSQL the lock must come before the
    first question whose answer matters: under READ COMMITTED each later statement then sees all
    that those ahead have committed.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(
            sa.text("SELECT pg_advisory_xact_lock(:space, :round)"),
            {"space": _ADVISORY, "round": round_id},
        )


def claim(
    session: Session,
    *,
    round_id: int,
    rater_id: int,
    seed: str,
    at: datetime,
    lease_until: datetime,
) -> int | None:
    """Claim the next free unit for a rater; the assignment's id, or None when nothing is left."""
    said = {
        "round": round_id,
        "rater": rater_id,
        "factor": _factor(seed, rater_id),
        "at": at,
        "lease_until": lease_until,
    }
    for gap in (REPEAT_GAP, 0):
        found = session.execute(CLAIM, {**said, "gap": gap, "no": False}).scalar()
        if found is not None:
            return int(found)
    return None


def take_sent(
    session: Session, *, round_id: int, rater_id: int, at: datetime, lease_until: datetime
) -> int | None:
    """Claim what a lead has sent to this rater; the assignment's id, or None."""
    said = {"round": round_id, "rater": rater_id, "at": at, "lease_until": lease_until}
    found = session.execute(SENT, said).scalar()
    return None if found is None else int(found)


def held(session: Session, *, round_id: int, rater_id: int, at: datetime) -> int | None:
    """The assignment that a rater has before them: what they reopened last, else their claim.

    A claim that has lapsed is still theirs while nobody else has taken its place.
    """
    found = session.execute(HELD, {"round": round_id, "rater": rater_id, "at": at}).scalar()
    return None if found is None else int(found)


def _factor(seed: str, rater_id: int) -> int:
    """By what ranks are multiplied, modulo PRIME, for a rater's own order: it has no ties, and the
    same seed gives it again."""
    digest = hashlib.sha256(f"{seed}:{rater_id}".encode()).digest()
    return int.from_bytes(digest[:8]) % (PRIME - 1) + 1


def lose(session: Session, *, round_id: int, rater_id: int) -> int:
    """Say of claims that have lapsed, and whose place others have, that they are given back."""
    return _changed(session, LOSE, {"round": round_id, "rater": rater_id})


def submitted(session: Session, round_id: int, rater_id: int) -> int:
    """How many units a rater has submitted in a round."""
    counted = session.execute(SUBMITTED, {"round": round_id, "rater": rater_id})
    return int(counted.scalar_one())


def lost(session: Session, round_id: int, rater_id: int) -> int:
    """How many units a rater had before them that were given to others since."""
    counted = session.execute(LOST, {"round": round_id, "rater": rater_id})
    return int(counted.scalar_one())


def settle(
    session: Session, *, round_id: int, rater_id: int, at: datetime, drafted: bool = False
) -> int:
    """Let submissions that were reopened and left alone stand as they were submitted; how many.

    drafted: also those whose correction was begun. Nobody else waits for a reopened unit, so its
    draft has no reason to lapse by itself.
    """
    said = {"round": round_id, "rater": rater_id, "at": at, "drafted": drafted}
    return _changed(session, SETTLE, said)


def renew(
    session: Session,
    assignment_id: int | None,
    *,
    round_id: int,
    rater_id: int,
    at: datetime,
    lease_until: datetime,
) -> None:
    """Extend all that a rater holds, and the claim on `assignment_id` even if it has lapsed."""
    session.execute(
        RENEW,
        {
            "round": round_id,
            "rater": rater_id,
            "at": at,
            "one": assignment_id or 0,
            "lease_until": lease_until,
        },
    )


def release(session: Session, *, round_id: int, rater_id: int, at: datetime) -> int:
    """End all that a rater holds; how many live claims that were."""
    settle(
        session,
        round_id=round_id,
        rater_id=rater_id,
        at=datetime.max.replace(tzinfo=UTC),
        drafted=True,
    )
    return _changed(session, RELEASE, {"round": round_id, "rater": rater_id, "at": at})


def has_place(session: Session, assignment: Assignment, *, at: datetime) -> bool:
    """Whether a first submission of this assignment would count."""
    missing, elsewhere = session.execute(
        PLACES, {"unit": assignment.unit_id, "rater": assignment.rater_id, "at": at}
    ).one()
    lease = assignment.lease_until
    if assignment.state == "claimed" and lease is not None and lease > at:
        return bool(missing > 0)  # only an import of ratings can have filled a place that is held
    return bool(missing > elsewhere)


def take_place(session: Session, assignment: Assignment, *, at: datetime) -> bool:
    """Count a first submission on its unit; False when others have every place by now."""
    if not has_place(session, assignment, at=at):
        return False
    session.execute(TAKE, {"unit": assignment.unit_id})
    return True


def _changed(session: Session, statement: sa.TextClause, said: dict[str, Any]) -> int:
    """How many rows a statement has changed."""
    return session.connection().execute(statement, said).rowcount
