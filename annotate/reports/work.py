"""How long a planned round would take its raters, by how fast people have been."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from sqlmodel import Session, col, select

from annotate import population
from annotate.planned import Plan
from db.tables import Assignment, Rater, Round, Rubric

NEWEST = 5_000
"""Submissions that past speed goes by: enough for a median, however much has been rated."""


@dataclass(frozen=True)
class Work:
    """Hours of active work; None where nobody has rated by the rubric yet."""

    submissions: int
    seconds: float | None
    """The median submission, in seconds of active work."""
    hours: float | None
    by_rater: dict[str, float]
    """Hours of each rater, if all get as many units."""
    speed_of: str
    """Whose speed it goes by: "these raters", "everybody" or "unknown"."""

    def as_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return asdict(self)

    def sentence(self) -> str:
        """The hours in words, with what they go by."""
        if self.hours is None or self.seconds is None:
            return "How long it would take is unknown: nobody has rated by this rubric yet."
        each = [f"{name} {hours:.1f}" for name, hours in self.by_rater.items()]
        return (
            f"About {self.hours:.1f} hours of work in all ({', '.join(each)}), at the past speed "
            f"of {self.speed_of}: {self.seconds:.0f} seconds a submission."
        )


def expected_work(session: Session, plan: Plan) -> Work:
    """What the round would ask of its raters.

    By the median active seconds of a submission in earlier rounds with a rubric of this name: of
    these raters, else of everybody. Who has rated before is reckoned at their own speed, who has
    not at that of the others.
    """
    raters = plan.design.raters
    seen = _seconds(session, plan.rubric.name, raters)
    speed_of = "these raters"
    if not seen:
        seen, speed_of = _seconds(session, plan.rubric.name, None), "everybody"
    if not seen:
        return Work(plan.assignments, None, None, {}, "unknown")
    usual = median(seconds for _, seconds in seen)
    share = plan.assignments / len(raters)
    if plan.design.quota is not None:
        share = min(share, plan.design.quota)
    hours = {}
    for name in raters:
        own = [seconds for rater, seconds in seen if rater == name]
        hours[name] = share * (median(own) if own else usual) / 3600
    return Work(plan.assignments, usual, sum(hours.values()), hours, speed_of)


def _seconds(
    session: Session, rubric: str, raters: Sequence[str] | None
) -> list[tuple[str, float]]:
    """Who submitted and in how many seconds, the newest first; raters: of these, None of all.

    Not in rounds that tell their raters something: who reads what is known, or how others voted,
    works at another speed.
    """
    earlier = session.exec(
        select(Round)
        .join(Rubric, col(Rubric.id) == col(Round.rubric_id))
        .where(col(Rubric.name) == rubric)
    )
    plain = [round_.id for round_ in earlier if not population.tells(round_)]
    statement = (
        select(Rater.name, Assignment.seconds)
        .join(Assignment, col(Assignment.rater_id) == col(Rater.id))
        .where(
            col(Assignment.round_id).in_(plain),
            col(Assignment.state) == "submitted",
            col(Assignment.seconds) > 0,  # what was imported says nothing of time
        )
        .order_by(col(Assignment.id).desc())
        .limit(NEWEST)
    )
    if raters is not None:
        statement = statement.where(col(Rater.name).in_(raters))
    return list(session.exec(statement).all())
