"""Practice: what a rater answered against what is known, told at once, and who has passed."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from annotate import people, rubric_versions
from annotate.design import Practice
from annotate.errors import BadInput, NotAllowed
from annotate.rubric import RatingKey, Rubric
from db.tables import Assignment, Gold, Output, Rater, Rating, Round, Unit


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
    known = _known(session, round_).get(unit.output_id, {})
    firsts = session.exec(
        select(Rating).where(Rating.assignment_id == assignment.id, _first_answer(round_))
    )
    given = {rating.criterion: rating for rating in firsts}
    return [
        Lesson(
            criterion=key.key,
            yours=_in_words(given[key.key], key),
            known=key.label(known[key.key]),
            met=_met(given[key.key].value, known[key.key], key, practised),
            why=_why(session, unit.output_id, key.key, known[key.key]),
        )
        for key in _rubric(session, round_).rating_keys()
        if key.key in given and key.key in known
    ]


def results(session: Session, round_: Round, *, by: Rater | None) -> list[Result]:
    """How far every rater of a practice round is; for leads, and each rater for themselves."""
    found = _results(session, round_)
    if by is None or by.role == "lead":
        people.require_lead(session, by)
        return found
    return [result for result in found if result.rater == by.name]


@dataclass(frozen=True)
class Missed:
    """A known answer that a rater did not give at first."""

    rater: str
    unit: str
    criterion: str
    given: str
    known: str


def missed(session: Session, round_: Round) -> list[Missed]:
    """Every known answer of a practice round that was missed, by rater and unit.

    For services that have asked who wants to know; `annotate.reports.panel.missed_checks` asks.
    """
    practised = _rules(round_)
    keys = {key.key: key for key in _rubric(session, round_).rating_keys()}
    known = _known(session, round_)
    rows = session.exec(
        select(Rating, Rater.name, Unit.key)
        .join(Rater, col(Rater.id) == Rating.rater_id)
        .join(Unit, col(Unit.id) == Rating.unit_id)
        .where(Rating.round_id == round_.id, _first_answer(round_))
        .order_by(Rater.name, Unit.key, Rating.criterion)
    )
    found = []
    for rating, rater, unit in rows:
        right = known.get(rating.output_id, {}).get(rating.criterion)
        key = keys.get(rating.criterion)
        if right is None or key is None or _met(rating.value, right, key, practised):
            continue
        found.append(Missed(rater, unit, key.key, _in_words(rating, key), key.label(right)))
    return found


def passed(session: Session, round_: Round) -> set[str]:
    """The names of the raters who have passed a practice round."""
    return {result.rater for result in _results(session, round_) if result.passed}


def refuse_unqualified(session: Session, round_: Round, raters: Iterable[str], rubric: str) -> None:
    """Refuse raters who have not passed a practice round, and one that practised another rubric."""
    qualified = passed(session, round_)
    practised = round_.design["rubric"]["name"]
    if practised != rubric:
        raise BadInput(
            f"practice round {round_.name} practises rubric {practised}, which says nothing of "
            f"{rubric}; let the raters practise that one"
        )
    for name in raters:
        if name not in qualified:
            raise NotAllowed(
                f"rater {name} has not passed practice round {round_.name}; let them rate it, or "
                "leave them out"
            )


def _results(session: Session, round_: Round) -> list[Result]:
    practised = _rules(round_)
    keys = {key.key: key for key in _rubric(session, round_).rating_keys()}
    units = list(session.exec(select(Unit).where(Unit.round_id == round_.id)))
    known = _known(session, round_)
    met: dict[int, int] = defaultdict(int)
    asked: dict[int, int] = defaultdict(int)
    rows: Any = session.connection().execute(
        sa.select(
            col(Rating.rater_id), col(Rating.output_id), col(Rating.criterion), col(Rating.value)
        ).where(col(Rating.round_id) == round_.id, _first_answer(round_))
    )
    for rater_id, output_id, criterion, value in rows:
        right = known.get(output_id, {}).get(criterion)
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


def _known(session: Session, round_: Round) -> dict[int, dict[str, float]]:
    """The answers that the round froze, by output and criterion."""
    frozen = round_.design["known"]
    outputs = session.exec(
        select(Output.id, Output.key)
        .join(Unit, col(Unit.output_id) == Output.id)
        .where(Unit.round_id == round_.id)
    )
    return {id_: frozen[key] for id_, key in outputs if id_ is not None}


def _first_answer(round_: Round) -> sa.ColumnElement[bool]:
    """Of a rating: that it belongs to its unit's first submission. Who has been told what is
    known cannot mend their answers with it, nor add some that were not asked of them before."""
    firsts = (
        sa.select(col(Rating.assignment_id), sa.func.min(col(Rating.rated_at)))
        .where(col(Rating.round_id) == round_.id, col(Rating.assignment_id).is_not(None))
        .group_by(col(Rating.assignment_id))
    )
    return sa.tuple_(col(Rating.assignment_id), col(Rating.rated_at)).in_(firsts)


def _met(given: float | None, known: float, key: RatingKey, practised: Practice) -> bool:
    if given is None:
        return False
    tolerance = 0.0 if key.level == "nominal" else practised.tolerance
    return abs(given - known) <= tolerance + 1e-9


def _in_words(rating: Rating, key: RatingKey) -> str:
    if rating.value is not None:
        return key.label(rating.value)
    return (rating.abstained or "no answer").replace("_", " ")


def _why(session: Session, output_id: int, criterion: str, value: float) -> str | None:
    """What people said for the known answer where it became gold: the decision's own reason,
    else the first of those whose answer it is and stands."""
    later = aliased(Rating)
    return session.exec(
        select(Rating.rationale)
        .join(Rater, col(Rater.id) == Rating.rater_id)
        .join(
            Gold,
            sa.and_(
                col(Gold.output_id) == Rating.output_id,
                col(Gold.round_id) == Rating.round_id,
                col(Gold.criterion) == Rating.criterion,
                col(Gold.value) == Rating.value,
            ),
        )
        .where(
            Rating.output_id == output_id,
            Rating.criterion == criterion,
            Rating.value == value,
            Rater.kind == "human",
            col(Rating.extra).is_(False),
            col(Rating.rationale).is_not(None),
            ~select(later.id).where(col(later.supersedes_id) == col(Rating.id)).exists(),
        )
        .order_by(col(Gold.id).desc(), col(Rating.adjudication).desc(), col(Rating.id))
        .limit(1)
    ).first()
