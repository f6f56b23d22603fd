"""What only leads may read is refused to raters by the services, whatever a page draws."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session

from annotate import (
    adjudication,
    exchange,
    gold,
    norming,
    outputs,
    people,
    population,
    references,
    rounds,
    rubric_versions,
)
from annotate.design import Filters
from annotate.errors import NotAllowed
from annotate.judge import judges
from annotate.judge import run as judge_run
from annotate.preview import preview
from annotate.reports.agreement import agreement_report
from annotate.reports.calibration import calibration_report, judges_of
from annotate.reports.drift import drift_report
from annotate.reports.outlook import outlook
from annotate.reports.preference import preference_report
from annotate.reports.raters import rater_report
from db.engine import Database
from db.tables import Rater, Round
from tests.unit.desk_round import Desk

Question = Callable[[Session, Round, Rater], Any]

PLANNED = rounds.Design(name="S", rubric="answers", units=1, raters=("Ada",), overlap=1)

QUESTIONS: dict[str, Question] = {
    "agreement": lambda s, r, by: agreement_report(s, r, by=by),
    "agreement rater by rater": lambda s, r, by: rater_report(s, r, by=by),
    "judges": lambda s, r, by: judges_of(s, r, by=by),
    "calibration": lambda s, r, by: calibration_report(s, r, by=by),
    "drift": lambda s, r, by: drift_report(s, r, r, judge="Judge", by=by),
    "preference": lambda s, r, by: preference_report(s, r, by=by),
    "outlook": lambda s, _, by: outlook(s, None, by=by),  # type: ignore[arg-type]
    "disputes": lambda s, r, by: adjudication.disputes(s, r, by=by),
    "decision": lambda s, r, by: adjudication.decision_on(s, r, "o00", "quality", by=by),
    "ideal answers": lambda s, r, by: references.ideals(s, r, by=by),
    "norming": lambda s, r, by: norming.changes(s, r, by=by),
    "gold": lambda s, _, by: gold.list_gold(s, by=by),
    "gold lines": lambda s, _, by: list(gold.lines(s, by=by)),
    "gold merged": lambda s, _, by: gold.merged(s, "", name="g.jsonl", by=by),
    "gold compared": lambda s, _, by: gold.diff(s, Path(__file__), by=by),
    "gold exported": lambda s, _, by: gold.export(s, Path("never.jsonl"), by=by),
    "judges by file": lambda s, _, by: judges.list_judges(s, by=by),
    "a judge": lambda s, _, by: judges.get_judge(s, "strict", by=by),
    "judge runs": lambda s, _, by: judge_run.list_runs(s, by=by),
    "a judge's run": lambda s, _, by: judge_run.get_run(s, 1, by=by),
    "rounds": lambda s, _, by: rounds.list_rounds(s, by=by),
    "a plan": lambda s, _, by: rounds.plan_round(s, PLANNED, by=by),
    "a preview": lambda s, _, by: preview(s, None, by=by),  # type: ignore[arg-type]
    "outputs within filters": lambda s, _, by: population.within(s, Filters(), by=by),
    "rubrics": lambda s, _, by: rubric_versions.list_rubrics(s, by=by),
    "progress": lambda s, r, by: rounds.progress(s, r, by=by),
    "design": lambda s, r, by: rounds.design_document(s, r, by=by),
    "ratings": lambda s, r, by: exchange.write_ratings(s, r, io.BytesIO(), "csv", by=by),
    "outputs": lambda s, _, by: outputs.list_outputs(s, by=by),
    "an output": lambda s, _, by: outputs.get_output(s, "o00", by=by),
    "segments": lambda s, _, by: outputs.segments(s, by=by),
    "configurations": lambda s, _, by: outputs.configurations(s, by=by),
    "an import": lambda s, _, by: outputs.plan_import(s, [], by=by),
    "raters": lambda s, _, by: people.list_raters(s, by=by),
    "sign-ins": lambda s, _, by: people.sign_ins(s, by=by),
}


@pytest.fixture
def asked(database: Database) -> Iterator[tuple[Session, Desk]]:
    desk = Desk(database)
    with database.read() as session:
        yield session, desk


@pytest.mark.parametrize("about", QUESTIONS)
def test_a_rater_gets_no_answer_to_what_is_for_leads(
    asked: tuple[Session, Desk], about: str
) -> None:
    session, desk = asked
    with pytest.raises(NotAllowed, match="only a lead"):
        QUESTIONS[about](session, desk.round(), desk.rater("Ada"))


def test_a_lead_gets_one(asked: tuple[Session, Desk]) -> None:
    session, desk = asked
    lea = desk.rater("Lea")
    assert len(outputs.list_outputs(session, by=lea)) == 4
    assert rounds.progress(session, desk.round(), by=lea).units == 4
    assert agreement_report(session, desk.round(), by=lea).round == "R"
