"""A rater's turn at the desk: alone in the round, with the round and the rater as stored."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotate import claims
from annotate.errors import NotAllowed, NotFound, RoundClosed, StaleAssignment
from db.tables import Assignment, Rater, Round

_ROUND_OF = select(Assignment.round_id).where(
    Assignment.id == sa.bindparam("assignment"), Assignment.rater_id == sa.bindparam("rater")
)
_BOTH = (
    select(Round, Rater)
    .join(Rater, col(Rater.id) == sa.bindparam("rater"))
    .where(Round.id == sa.bindparam("round"))
    .execution_options(populate_existing=True)
)


@dataclass(frozen=True)
class Turn:
    """One rater in one round, once it is this transaction's turn and both are as stored."""

    session: Session
    round: Round
    round_id: int
    rater_id: int
    at: datetime
    settled: int = 0
    """Reopened submissions that were left alone, and stand again as of now."""

    @classmethod
    def in_round(
        cls, session: Session, rater: Rater, round_id: int | None, *, at: datetime
    ) -> "Turn":
        """A turn in an open round; refused to who is not on its panel."""
        assert round_id is not None
        turn = cls._begin(session, rater, round_id, at)
        turn.refuse_closed()
        if rater.name not in turn.round.design.get("raters", []):
            raise NotAllowed(f"you are not on the panel of round {turn.round.name}; ask its lead")
        settled = claims.settle(session, round_id=round_id, rater_id=turn.rater_id, at=at)
        return replace(turn, settled=settled) if settled else turn

    @classmethod
    def at_assignment(
        cls, session: Session, rater: Rater, assignment_id: int, *, at: datetime
    ) -> tuple["Turn", Assignment]:
        """A turn at a rater's own assignment, its round open or closed."""
        round_id = session.exec(
            _ROUND_OF, params={"assignment": assignment_id, "rater": rater.id}
        ).first()
        if round_id is None:
            raise StaleAssignment(
                "this unit is not yours to rate; reload the page for your next one"
            )
        turn = cls._begin(session, rater, round_id, at)
        return turn, session.get_one(Assignment, assignment_id, populate_existing=True)

    @classmethod
    def _begin(cls, session: Session, rater: Rater, round_id: int, at: datetime) -> "Turn":
        session.flush()  # reading anew drops what this transaction has changed and not sent yet
        begun = session.info.get(cls)
        if begun is not None and begun[:3] == (session.get_transaction(), round_id, rater.id):
            # What was read when this transaction's turn came still holds: nobody else's has come.
            return cls(session, begun[3], round_id, begun[2], at)
        claims.one_at_a_time(session, round_id)
        found = session.exec(_BOTH, params={"round": round_id, "rater": rater.id}).first()
        if found is None:
            raise NotFound("this round, or the rater, does not exist")
        round_, stored = found
        if stored.id is None or stored.revoked_at is not None:
            raise NotAllowed("your access was revoked; ask the lead of your round")
        session.info[cls] = (session.get_transaction(), round_id, stored.id, round_)
        return cls(session, round_, round_id, stored.id, at)

    def refuse_closed(self) -> None:
        """A closed round takes nothing more."""
        if self.round.status != "open":
            raise RoundClosed(
                f"round {self.round.name} is closed and takes no more ratings; "
                "what you submitted is stored"
            )

    @property
    def lease_until(self) -> datetime:
        """Until when activity now keeps what the rater holds."""
        return self.at + timedelta(minutes=self.round.design.get("lease_minutes", 15))

    def renew(self, assignment_id: int | None) -> None:
        """Extend all that the rater holds, with this claim."""
        claims.renew(
            self.session,
            assignment_id,
            round_id=self.round_id,
            rater_id=self.rater_id,
            at=self.at,
            lease_until=self.lease_until,
        )

    def keep(self, assignment: Assignment) -> datetime | None:
        """Activity keeps the place; one that was given to others meanwhile is not taken back."""
        kept = assignment.submitted_at is not None or claims.has_place(
            self.session, assignment, at=self.at
        )
        if kept:
            assignment.state = "claimed"
        self.session.flush()
        self.renew(assignment.id if kept else None)
        return self.lease_until if kept else None
