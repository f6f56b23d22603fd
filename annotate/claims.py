"""Who gets which unit: the one statement that claims.

A unit is free for a rater when it still misses a submission that no live claim of somebody else
will bring. The statement is the same on both engines. It is exact because every desk write of a
round happens one after the other (`one_at_a_time`): the count of live claims is never stale.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from db.tables import UtcDateTime

REPEAT_GAP = 3
"""Submissions that a rater makes at least between a unit and its repeat, while others are left."""

_ADVISORY = 0x616E6E6F

CLAIM = sa.text("""
INSERT INTO assignment
    (round_id, unit_id, rater_id, state, lease_until, claimed_at, seconds, extra)
SELECT u.round_id, u.id, :rater, 'claimed', :lease_until, :at, 0, :no
FROM unit u
WHERE u.round_id = :round
    AND u.missing > 0
    AND NOT EXISTS (
        SELECT 1 FROM assignment mine
        WHERE mine.unit_id = u.id AND mine.rater_id = :rater
            AND (mine.state IN ('submitted', 'skipped') OR mine.submitted_at IS NOT NULL)
    )
    AND u.missing > (
        SELECT COUNT(*) FROM assignment held
        WHERE held.unit_id = u.id AND held.rater_id <> :rater AND held.state = 'claimed'
            AND held.submitted_at IS NULL AND held.lease_until > :at
    )
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
LIMIT 1
ON CONFLICT (unit_id, rater_id) DO UPDATE
    SET state = 'claimed', lease_until = excluded.lease_until, claimed_at = excluded.claimed_at
RETURNING id
""").bindparams(
    sa.bindparam("lease_until", type_=UtcDateTime()),
    sa.bindparam("at", type_=UtcDateTime()),
    sa.bindparam("no", value=False, type_=sa.Boolean()),
)

LIVE = sa.text("""
SELECT COUNT(*) FROM assignment
WHERE unit_id = :unit AND rater_id <> :rater AND state = 'claimed'
    AND submitted_at IS NULL AND lease_until > :at
""").bindparams(sa.bindparam("at", type_=UtcDateTime()))


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
    session: Session, *, round_id: int, rater_id: int, at: datetime, lease_until: datetime
) -> int | None:
    """Claim the next free unit for a rater; the assignment's id, or None when nothing is left."""
    for gap in (REPEAT_GAP, 0):
        found = session.execute(
            CLAIM,
            {
                "round": round_id,
                "rater": rater_id,
                "at": at,
                "lease_until": lease_until,
                "gap": gap,
                "no": False,
            },
        ).scalar()
        if found is not None:
            return int(found)
    return None


def live_claims(session: Session, *, unit_id: int, rater_id: int, at: datetime) -> int:
    """How many others hold a live claim on the unit."""
    found = session.execute(LIVE, {"unit": unit_id, "rater": rater_id, "at": at}).scalar()
    return int(found or 0)
