"""A round's disputes as its report tells them: the votes, the likeliest cause, the decision."""

from collections import Counter
from dataclasses import dataclass

from sqlmodel import Session

from annotate import ratings
from annotate.reports.causes import Cause, explained
from db.tables import Rater, Round


@dataclass(frozen=True)
class Settled:
    """One dispute; what was decided is None while it waits for a lead."""

    unit: str
    criterion: str
    votes: str
    cause: Cause
    evidence: str
    decision: str | None
    by: str | None
    reason: str | None


def settled(session: Session, round_: Round, *, by: Rater | None) -> list[Settled]:
    """Every dispute of a round, those that are decided first, by unit."""
    causes = explained(session, round_, by=by, settled=True)
    if not causes:
        return []
    reasons = _reasons(session, round_)
    found = []
    for one in causes:
        decision = one.dispute.decision
        votes = Counter(vote.label for vote in one.dispute.votes)
        ruled = decision.adjudicated_by is not None
        found.append(
            Settled(
                unit=decision.unit,
                criterion=decision.criterion,
                votes=", ".join(f"{label} {number}" for label, number in sorted(votes.items())),
                cause=one.cause,
                evidence=one.evidence,
                decision=decision.label if ruled else None,
                by=decision.adjudicated_by,
                reason=reasons.get((decision.unit, decision.criterion)),
            )
        )
    return sorted(found, key=lambda one: (one.decision is None, one.unit, one.criterion))


def _reasons(session: Session, round_: Round) -> dict[tuple[str, str], str]:
    """What leads gave as the reason of their latest decision, by unit and criterion."""
    columns = {"unit", "criterion", "adjudication", "rationale"}
    said = ratings.frame(session, rounds=[round_], kinds=["human"], columns=columns)
    said = said[said["adjudication"].astype(bool)]
    return {
        (str(unit), str(criterion)): str(reason)
        for unit, criterion, reason in zip(
            said["unit"], said["criterion"], said["rationale"], strict=True
        )
        if isinstance(reason, str)
    }
