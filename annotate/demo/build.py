"""The demo workspace: made by the product's own services, in the order in which a team works.

Outputs are imported, rounds launched, raters claim and submit at the desk, the judge's scores
come in as a file, rounds are closed, disputes settled, gold promoted. Only the people and the
judge are simulated, and their names say so.
"""

import io
import json
import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib import resources

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from annotate import adjudication, desk, exchange, gold, outputs, people, rounds
from annotate.demo.simulate import DRIFT, JUDGE, RATERS, SCORES, Habit, Truth, answers, score
from annotate.design import Design, Filters, Parameters
from db.engine import Database, DatabaseError
from db.tables import Assignment, Output, Rater, Round, Unit, now

LEAD = "lead"
VISITOR = "Visitor"
RUBRIC = "rag-answer"
DRIFTED = "refunds"
"""The feature area in which the judge became more lenient before the last closed round."""


@dataclass(frozen=True)
class Month:
    """One month's round."""

    name: str
    since: datetime
    units: int
    anchors: int = 0
    anchors_from: str | None = None
    drift: float = 0.0

    @property
    def until(self) -> datetime:
        """The first day of the next month; the round begins on the day after."""
        return (self.since + timedelta(days=32)).replace(day=1)


MONTHS = (
    Month("2026-08", datetime(2026, 8, 1, tzinfo=UTC), units=28, anchors=16),
    Month("2026-09", datetime(2026, 9, 1, tzinfo=UTC), units=20, anchors_from="2026-08"),
    Month("2026-10", datetime(2026, 10, 1, tzinfo=UTC), units=20, anchors_from="2026-08",
          drift=DRIFT),
)  # fmt: skip
OPEN = "2026-11"
AGO = timedelta(hours=1)
"""How long the open round has been open: the work that was done in it lies in the past."""
PARAMETERS = Parameters(minimum_units=6)
"""The rounds are small: with the usual minimum no feature area would get a figure."""


def is_demo(database: Database) -> bool:
    """Whether a database is a demo workspace: its judge is the demo's, and simulated."""
    try:
        with database.read() as session:
            found = session.exec(select(Rater).where(Rater.name == JUDGE.name)).first()
            return found is not None and found.simulated
    except (SQLAlchemyError, DatabaseError):
        return False
    finally:
        database.dispose()


def build(database: Database) -> None:
    """Fill an empty database with the demo workspace."""
    truths = read_truths()
    with database.write() as session:
        lead = people.add_rater(session, LEAD, role="lead")
        people.add_rater(session, VISITOR)
        for habit in RATERS:
            people.add_rater(session, habit.name, simulated=True)
        people.add_rater(
            session,
            JUDGE.name,
            kind="judge",
            simulated=True,
            identity={"model": "none: a formula with noise", "simulated": True},
        )
        with resources.files("annotate.demo").joinpath("outputs.jsonl").open("rb") as file:
            rows = outputs.read_outputs(io.BytesIO(file.read()), format="jsonl")
            outputs.import_outputs(session, rows, by=lead)
    for month in MONTHS:
        _run(database, month, truths)
    with database.write() as session:
        lead = people.get_rater(session, LEAD)
        _settle(session, rounds.get_round(session, MONTHS[0].name), lead)
        rounds.launch_round(
            session,
            Design(
                name=OPEN,
                rubric=RUBRIC,
                units=16,
                overlap=2,
                anchors_from=MONTHS[0].name,
                baseline=MONTHS[-1].name,
                parameters=PARAMETERS,
                raters=(LEAD, VISITOR, *(habit.name for habit in RATERS)),
                seed=OPEN,
            ),
            by=lead,
            at=now() - AGO,
        )
    with database.write() as session:
        started = rounds.get_round(session, OPEN)
        assert started.launched_at is not None
        _work(session, started, RATERS[:1], truths, started.launched_at, most=6)


def read_truths() -> dict[str, Truth]:
    """What every output is worth, by id."""
    text = resources.files("annotate.demo").joinpath("truth.jsonl").read_text("utf-8")
    found = [json.loads(line) for line in text.splitlines()]
    return {row["id"]: Truth(**{**row, "failure": tuple(row["failure"])}) for row in found}


def _run(database: Database, month: Month, truths: dict[str, Truth]) -> None:
    """One month's round, from launch to close."""
    begin = month.until + timedelta(days=1, hours=8)
    with database.write() as session:
        lead = people.get_rater(session, LEAD)
        round_ = rounds.launch_round(
            session,
            Design(
                name=month.name,
                rubric=RUBRIC,
                units=month.units,
                anchors=month.anchors,
                anchors_from=month.anchors_from,
                repeats=3,
                raters=tuple(habit.name for habit in RATERS),
                judges=(JUDGE.name,),
                parameters=PARAMETERS,
                filters=Filters(since=month.since, until=month.until),
                seed=month.name,
            ),
            by=lead,
            at=begin,
        )
        end = _work(session, round_, RATERS, truths, begin)
        judged = _judge_file(session, round_, truths, month)
        exchange.import_ratings(
            session, io.BytesIO(judged.encode()), round=round_, name="judge.jsonl",
            format="jsonl", by=lead,
        )  # fmt: skip
        rounds.close_round(session, month.name, by=lead, at=end)


def _work(
    session: Session,
    round_: Round,
    habits: tuple[Habit, ...],
    truths: dict[str, Truth],
    begin: datetime,
    *,
    most: int | None = None,
) -> datetime:
    """Raters in turn claim and submit until nothing is left (or `most` each); when it ended."""
    rubric = rounds.rubric_of(session, round_)
    chance = random.Random(f"work:{round_.name}")  # noqa: S311
    at = begin
    busy = {habit.name: habit for habit in habits}
    done = dict.fromkeys(busy, 0)
    while busy:
        for habit in list(busy.values()):
            rater = people.get_rater(session, habit.name)
            place = desk.claim_next(session, rater, round_, at=at)
            if place is None or done[habit.name] == most:
                del busy[habit.name]
                continue
            unit, output = _unit_of(session, place.assignment_id)
            truth = truths[output.key]
            seconds = 20 + 60 * truth.difficulty + chance.expovariate(1 / 15)
            at += timedelta(seconds=seconds / len(busy))
            desk.submit(
                session,
                rater,
                place.assignment_id,
                answers(truth, habit, rubric, output.segment, f"{round_.name}/{unit.key}"),
                idempotency_key=f"{round_.name}/{unit.key}/{habit.name}",
                seconds=round(seconds, 1),
                at=at,
            )
            done[habit.name] += 1
    return at + timedelta(hours=1)


def _unit_of(session: Session, assignment_id: int) -> tuple[Unit, Output]:
    row = session.exec(
        select(Unit, Output)
        .join(Assignment, col(Assignment.unit_id) == Unit.id)
        .join(Output, col(Output.id) == Unit.output_id)
        .where(Assignment.id == assignment_id)
    ).one()
    return row[0], row[1]


def _judge_file(session: Session, round_: Round, truths: dict[str, Truth], month: Month) -> str:
    """The judge's scores of a round as a ratings file: three runs, drifted in one segment."""
    habit = replace(JUDGE, drift={DRIFTED: month.drift})
    judged = session.exec(
        select(Output)
        .join(Unit, col(Unit.output_id) == Output.id)
        .where(Unit.round_id == round_.id, Unit.purpose != "repeat")
        .order_by(Output.key)
    )
    lines = []
    for output in judged:
        for criterion in SCORES:
            for run in (1, 2, 3):
                value = score(
                    truths[output.key], criterion, habit, output.segment, f"{round_.name}/{run}"
                )
                lines.append(
                    {
                        "output_id": output.key,
                        "rater": habit.name,
                        "criterion": criterion,
                        "value": round(value, 2),
                        "run": run,
                        "rated_at": month.until.isoformat(),
                    }
                )
    return "".join(json.dumps(line) + "\n" for line in lines)


def _settle(session: Session, round_: Round, lead: Rater) -> None:
    """The lead settles the first disputes of a round (the rest wait) and promotes gold."""
    for dispute in adjudication.disputes(session, round_, by=None)[:3]:
        votes = sorted(v.value for v in dispute.votes if v.value is not None)
        adjudication.adjudicate(
            session,
            round_,
            dispute.decision.unit,
            dispute.decision.criterion,
            votes[0],
            "Simulated: the stricter reading is the one that the anchors describe.",
            by=lead,
        )
    gold.promote(session, round_, by=lead)
