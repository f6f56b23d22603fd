"""A lead who rates in an open round is shown nothing of what others say in it."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import Session

from annotate import exchange, norming, outputs, people, rating_export, rounds
from annotate.answer import Answer
from annotate.design import Blind, Design
from annotate.errors import NotAllowed
from annotate.reports import drift as drift_module
from annotate.reports.agreement import agreement_report
from annotate.reports.calibration import calibration_report, scores
from annotate.reports.disagreements import disagreements, judge_alone
from annotate.reports.document import round_document
from annotate.reports.drift import drift_report
from annotate.reports.iteration import refit
from annotate.reports.lab import lab
from annotate.reports.panel import missed_checks, panel, slips
from annotate.reports.passing import pass_rates
from annotate.reports.preference import preference_report
from annotate.reports.raters import rater_report
from annotate.reports.settled import settled
from annotate.reports.timeline import moved_units, timeline
from db.engine import Database
from db.tables import Rater, Round
from tests.unit.desk_round import Desk

Asked = Callable[[Session, Round, Round, Rater], object]
QUESTIONS: dict[str, Asked] = {
    "agreement": lambda s, a, b, by: agreement_report(s, b, by=by),
    "raters": lambda s, a, b, by: rater_report(s, b, by=by),
    "panel": lambda s, a, b, by: panel(s, b, by=by),
    "slips": lambda s, a, b, by: slips(s, b, by=by),
    "checks": lambda s, a, b, by: missed_checks(s, b, by=by),
    "calibration": lambda s, a, b, by: calibration_report(s, b, by=by),
    "disagreements": lambda s, a, b, by: disagreements(
        s, b, judge="Judge", criterion="quality", by=by
    ),
    "where a judge is alone": lambda s, a, b, by: judge_alone(s, b, by=by),
    "drift": lambda s, a, b, by: drift_report(s, a, b, judge="Judge", by=by),
    "drift from it": lambda s, a, b, by: drift_report(s, b, a, judge="Judge", by=by),
    "timeline": lambda s, a, b, by: timeline(s, b, judge="Judge", by=by),
    "units that moved from it": lambda s, a, b, by: moved_units(
        s, b, a, judge="Judge", criterion="quality", by=by
    ),
    "cut points": lambda s, a, b, by: refit(s, b, judge="Judge", criterion="quality", by=by),
    "lab": lambda s, a, b, by: lab(s, b, criterion="quality", by=by),
    "pass rates": lambda s, a, b, by: pass_rates(s, b, by=by),
    "disputes": lambda s, a, b, by: settled(s, b, by=by),
    "report": lambda s, a, b, by: round_document(s, b, by=by),
    "export": lambda s, a, b, by: rating_export.write_ratings(s, b, io.BytesIO(), "csv", by=by),
}


@pytest.fixture
def desk(sqlite_database: Database) -> Desk:
    """R is closed; in R2, which is open, Ada leads and rates."""
    desk = Desk(sqlite_database, units=12, overlap=2, raters=("Ada", "Ben"), anchors=4)
    for name in ("Ada", "Ben"):
        while (place := desk.claim(name)) is not None:
            desk.submit(name, place, {"quality": Answer(value=3, rationale="Fine.")})
    desk.close()
    lines = [
        {"id": f"n{n}", "input": "?", "response": "!", "segment": "hidden-segment"}
        for n in range(8)
    ]
    file = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
    with sqlite_database.write() as session:
        outputs.import_outputs(session, outputs.read_outputs(file, name="n.jsonl"), by=None)
        design = Design(
            name="R2", rubric="answers", units=8, overlap=2, raters=("Ada", "Ben"),
            anchors_from="R", baseline="R",
        )  # fmt: skip
        rounds.launch_round(session, design, by=None)
        people.get_rater(session, "Ada").role = "lead"
    return desk


@pytest.mark.parametrize("question", QUESTIONS)
def test_nothing_of_an_open_round_is_shown_to_a_lead_who_rates_in_it(
    desk: Desk, question: str
) -> None:
    with desk.database.read() as session:
        both = rounds.get_round(session, "R"), rounds.get_round(session, "R2")
        with pytest.raises(NotAllowed, match="you rate in round R2"):
            QUESTIONS[question](session, *both, people.get_rater(session, "Ada"))


def third_round(desk: Desk, **design: Any) -> None:
    """T, which Cy has rated and which is closed, while R2 is open; the judge scored all of them."""
    lines = [{"id": f"t{n}", "input": "?", "response": "!", "segment": "s"} for n in range(8)]
    file = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
    with desk.database.write() as session:
        outputs.import_outputs(session, outputs.read_outputs(file, name="t.jsonl"), by=None)
        rounds.launch_round(
            session,
            Design(name="T", rubric="answers", units=8, overlap=1, raters=("Cy",), **design),
            by=None,
        )
    for name in ("R", "R2", "T"):
        with desk.database.write() as session:
            round_ = rounds.get_round(session, name)
            keys = [o["key"] for o in rounds.design_document(session, round_, by=None)["units"]]
            who = {"R": ["Judge"], "R2": ["Ben", "Judge"], "T": ["Cy", "Judge"]}[name]
            for rater in who:
                rows = [
                    {"output_id": key, "rater": rater, "criterion": "quality", "value": 2}
                    for key in keys
                ]
                exchange.import_ratings(
                    session, io.BytesIO("\n".join(map(json.dumps, rows)).encode()), round=round_,
                    name="r.jsonl", kind="judge" if rater == "Judge" else "human", by=None,
                )  # fmt: skip
    with desk.database.write() as session:
        rounds.close_round(session, "T", by=None)


def test_the_line_of_a_later_round_leaves_the_open_one_out_and_says_so(desk: Desk) -> None:
    third_round(desk)
    with desk.database.read() as session:
        later, ada = rounds.get_round(session, "T"), people.get_rater(session, "Ada")
        whole = timeline(session, later, judge="Judge", by=None)
        hers = timeline(session, later, judge="Judge", by=ada)
    assert {point.round for point in whole.points} == {"R", "R2", "T"}
    assert {point.round for point in hers.points} == {"R", "T"}
    assert [fact for fact in hers.facts if fact not in whole.facts] == [
        "R2 is not in the line: you rate in it, and would see what others say; it is shown once it "
        "is closed."
    ]


def test_drift_is_not_confirmed_by_the_open_round_in_between(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    third_round(desk, anchors_from="R", baseline="R")
    asked: list[str] = []
    real = scores

    def noted(session: Session, round_: Round, **more: Any) -> Any:
        asked.append(round_.name)
        return real(session, round_, **more)

    monkeypatch.setattr(drift_module, "scores", noted)
    with desk.database.read() as session:
        both = rounds.get_round(session, "R"), rounds.get_round(session, "T")
        ada = people.get_rater(session, "Ada")
        drift_report(session, *both, judge="Judge", by=None)
        assert asked == ["R", "T", "R2"]
        report = drift_report(session, *both, judge="Judge", by=ada)
    assert asked[3:] == ["R", "T"]
    assert any(fact.startswith("R2, which is in between, confirms") for fact in report.facts)


def test_nor_which_of_two_configurations_people_prefer(sqlite_database: Database) -> None:
    desk = Desk(sqlite_database)
    lines = [
        {"id": f"{name}{n}", "case": f"c{n}", "configuration": name, "input": "?",
         "response": f"{name} {n}"}
        for name in ("base", "new") for n in range(4)
    ]  # fmt: skip
    file = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
    with sqlite_database.write() as session:
        outputs.import_outputs(session, outputs.read_outputs(file, name="p.jsonl"), by=None)
        design = Design(
            name="pairs", rubric="pairwise", units=4, overlap=1, raters=("Ada", "Ben"),
            compares=("base", "new"), hide=Blind(configuration=True),
        )  # fmt: skip
        rounds.launch_round(session, design, by=None)
        people.get_rater(session, "Ada").role = "lead"
    with desk.database.read() as session, pytest.raises(NotAllowed, match="you rate in round"):
        preference_report(
            session, rounds.get_round(session, "pairs"), by=people.get_rater(session, "Ada")
        )


def test_nor_how_votes_changed_while_a_norming_round_is_open(desk: Desk) -> None:
    # Ada and Ben agreed on all of R, nothing is disputed: R2 stands in for a norming round.
    with desk.database.read() as session:
        round_ = rounds.get_round(session, "R2")
        session.expunge(round_)
        round_.design = {**round_.design, "reveals": "R"}
        with pytest.raises(NotAllowed, match="you rate in round R2"):
            norming.changes(session, round_, by=people.get_rater(session, "Ada"))
