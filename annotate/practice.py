"""Practice: what a rater answered against what is known, told at once, and who has passed."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotate import people, rubric_versions
from annotate.design import Practice
from annotate.errors import NotAllowed
from annotate.rubric import RatingKey, Rubric
from db.tables import Assignment, Gold, Rater, Rating, Round, Unit


@dataclass(frozen=True)
class Lesson:
    """One known answer beside the rater's own."""

    criterion: str
    yours: str
    known: str
    met: bool
    why: str | None
    """The rationale of somebody who gave the known answer."""


@dataclass(frozen=True)
class Result:
    """How far a rater is with a practice round."""

    rater: str
    done: int
    units: int
    met: int
    asked: int
    """Known answers that were asked of them so far."""
    passed: bool | None
    """None until every unit is done."""

    @property
    def share(self) -> float | None:
        """Of the known answers, those met."""
        return self.met / self.asked if self.asked else None


def rules(round_: Round) -> Practice | None:
    """The rules of a practice round; None for any other round."""
    said = round_.design.get("practice")
    return None if said is None else Practice.model_validate(said)


def lessons(session: Session, rater: Rater, round_: Round, assignment_id: int) -> list[Lesson]:
    """What is known of a unit that this rater has submitted in a practice round."""
    practised = _rules(round_)
    assignment = session.exec(
        select(Assignment).where(
            Assignment.id == assignment_id,
            Assignment.rater_id == rater.id,
            Assignment.round_id == round_.id,
            col(Assignment.submitted_at).is_not(None),
        )
    ).first()
    if assignment is None:
        raise NotAllowed("what is known of a unit is told once you have submitted it")
    unit = session.get_one(Unit, assignment.unit_id)
    rubric = _rubric(session, round_)
    given = {
        rating.criterion: rating
        for rating in session.exec(
            select(Rating).where(
                Rating.assignment_id == assignment.id, col(Rating.supersedes_id).is_(None)
            )
        )
    }
    keys = {key.key: key for key in rubric.rating_keys()}
    return [
        Lesson(
            criterion=gold.criterion,
            yours=_in_words(given[gold.criterion], keys[gold.criterion]),
            known=gold.label,
            met=_met(given[gold.criterion].value, gold.value, keys[gold.criterion], practised),
            why=_why(session, gold),
        )
        for gold in _gold(session, [unit.output_id])[unit.output_id]
        if gold.criterion in given and gold.criterion in keys and gold.value is not None
    ]


def results(session: Session, round_: Round, *, by: Rater | None) -> list[Result]:
    """How far every rater of a practice round is; for leads, and each rater for themselves."""
    found = _results(session, round_)
    if by is None or by.role == "lead":
        people.require_lead(session, by)
        return found
    return [result for result in found if result.rater == by.name]


def passed(session: Session, round_: Round) -> set[str]:
    """The names of the raters who have passed a practice round."""
    return {result.rater for result in _results(session, round_) if result.passed}


def _results(session: Session, round_: Round) -> list[Result]:
    practised = _rules(round_)
    keys = {key.key: key for key in _rubric(session, round_).rating_keys()}
    units = list(session.exec(select(Unit).where(Unit.round_id == round_.id)))
    gold = _gold(session, [unit.output_id for unit in units])
    known = {(id_, g.criterion): g.value for id_, rows in gold.items() for g in rows}
    met: dict[int, int] = defaultdict(int)
    asked: dict[int, int] = defaultdict(int)
    # The first answers: who has been told the known ones cannot mend them.
    rows: Any = session.connection().execute(
        sa.select(
            col(Rating.rater_id), col(Rating.output_id), col(Rating.criterion), col(Rating.value)
        ).where(
            col(Rating.round_id) == round_.id,
            col(Rating.supersedes_id).is_(None),
            col(Rating.adjudication).is_(False),
        )
    )
    for rater_id, output_id, criterion, value in rows:
        right = known.get((output_id, criterion))
        if right is not None and criterion in keys:
            asked[rater_id] += 1
            met[rater_id] += _met(value, right, keys[criterion], practised)
    done = dict(
        session.exec(
            select(Assignment.rater_id, sa.func.count())
            .where(Assignment.round_id == round_.id, col(Assignment.submitted_at).is_not(None))
            .group_by(col(Assignment.rater_id))
        ).all()
    )
    names = round_.design.get("raters", [])
    raters = session.exec(select(Rater).where(col(Rater.name).in_(names)).order_by(Rater.name))
    found = []
    for rater in raters:
        assert rater.id is not None
        finished = done.get(rater.id, 0) >= len(units)
        share = met[rater.id] / asked[rater.id] if asked[rater.id] else 0.0
        found.append(
            Result(
                rater.name,
                done.get(rater.id, 0),
                len(units),
                met[rater.id],
                asked[rater.id],
                share >= practised.pass_mark if finished else None,
            )
        )
    return found


def _rules(round_: Round) -> Practice:
    found = rules(round_)
    if found is None:
        raise NotAllowed(f"round {round_.name} is no practice round; its answers are not known")
    return found


def _rubric(session: Session, round_: Round) -> Rubric:
    return rubric_versions.frozen(session, round_.rubric_id, round_.design["rubric"]["hash"])


def _gold(session: Session, outputs: list[int]) -> dict[int, list[Gold]]:
    found: dict[int, list[Gold]] = defaultdict(list)
    for gold in session.exec(
        select(Gold)
        .where(col(Gold.output_id).in_(outputs), col(Gold.retired_at).is_(None))
        .order_by(col(Gold.id))
    ):
        found[gold.output_id].append(gold)
    return found


def _met(given: float | None, known: float | None, key: RatingKey, practised: Practice) -> bool:
    if given is None or known is None:
        return False
    tolerance = 0.0 if key.level == "nominal" else practised.tolerance
    return abs(given - known) <= tolerance + 1e-9


def _in_words(rating: Rating, key: RatingKey) -> str:
    if rating.value is not None:
        return key.label(rating.value)
    return (rating.abstained or "no answer").replace("_", " ")


def _why(session: Session, gold: Gold) -> str | None:
    """The decision's own reason, else the first of those who gave the same answer."""
    return session.exec(
        select(Rating.rationale)
        .where(
            Rating.output_id == gold.output_id,
            Rating.round_id == gold.round_id,
            Rating.criterion == gold.criterion,
            Rating.value == gold.value,
            col(Rating.rationale).is_not(None),
        )
        .order_by(col(Rating.adjudication).desc(), col(Rating.id))
        .limit(1)
    ).first()
