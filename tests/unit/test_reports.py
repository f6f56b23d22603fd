"""From stored ratings to reports: what counts, and what is left out."""

import io
import json
from typing import Any

import numpy as np
import pytest
from sqlmodel import Session, select

from annotate import exchange, ratings, rounds
from annotate.design import Parameters
from annotate.errors import BadInput, NotFound
from annotate.reports.agreement import agreement_report
from annotate.reports.calibration import calibration_report, judges_of
from annotate.reports.drift import drift_report
from annotate.reports.raters import rater_report
from annotate.rubric import Answer
from annotate.stats import Thresholds, Verdict, intraclass_correlation
from db.engine import Database
from db.tables import JudgeRun, JudgeTask, Output, Rater, Rating
from tests.unit.desk_round import Desk

UNITS = 12


def level(response: str, name: str) -> dict[str, Answer]:
    """Ada and Ben agree on two units of three."""
    number = int(response.rsplit(" ", 1)[1])
    value = 1 + number % 3
    if name == "Ben" and number % 3 == 0:
        value = 2
    failure = {"failure": Answer(tags=())} if value < 3 else {}
    return {"quality": Answer(value=value), **failure}


def rated(database: Database, **design: Any) -> Desk:
    """Twelve units that Ada and Ben have rated, repeats included."""
    desk = Desk(database, units=UNITS, overlap=2, raters=("Ada", "Ben"), **design)
    for name in ("Ada", "Ben"):
        while (place := desk.claim(name)) is not None:
            desk.later(1)
            desk.submit(name, place, level(place.response, name))
    return desk


def judge(desk: Desk, values: dict[str, float], *, inside: bool = True, run: int = 1) -> None:
    """Scores of the judge, inside the round or outside any."""
    lines = [
        {"output_id": key, "rater": "Judge", "criterion": "quality", "value": value, "run": run}
        for key, value in values.items()
    ]
    file = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
    with desk.database.write() as session:
        round_ = rounds.get_round(session, "R") if inside else None
        exchange.import_ratings(
            session, file, round=round_, name="judge.jsonl", kind="judge", by=None
        )


TRUTH = {f"o{n:02}": float(1 + n % 3) for n in range(UNITS)}


def test_a_judge_that_gave_no_verdict_on_a_criterion_has_a_row_that_says_so(
    database: Database,
) -> None:
    desk = rated(database)
    values = dict.fromkeys(TRUTH, 1.0)
    judge(desk, values)
    with database.write() as session:
        asked_in_vain(session, desk, "failure")
        report = calibration_report(session, desk.round(), by_segment=False, by=None)
    coverage = {row.criterion: row.result.coverage.value for row in report.rows}
    assert coverage == {"quality": 1.0, "failure.unsupported": 0.0, "failure.stale": 0.0}
    vain = next(row.result for row in report.rows if row.criterion == "failure.stale")
    assert (vain.verdict, vain.n_units, vain.confusion) == (Verdict.NOT_ENOUGH, 0, ())
    assert vain.coverage.n > 0


def asked_in_vain(session: Session, desk: Desk, criterion: str) -> None:
    """A run of the judge in which every question about the criterion was refused."""
    rater = session.exec(select(Rater).where(Rater.name == "Judge")).one()
    run = JudgeRun(rater_id=rater.id or 0, round_id=desk.round().id, scope={}, state="done")
    session.add(run)
    session.flush()
    for output in session.exec(select(Output.id)).all():
        session.add(
            JudgeTask(
                run_id=run.id or 0,
                output_id=output or 0,
                criterion=criterion,
                sample=1,
                key=f"{output}",
                state="done",
                problem="I will not.",
            )
        )
    session.flush()


def test_repeats_count_for_consistency_and_not_for_agreement(database: Database) -> None:
    desk = rated(database, repeats=4)
    with database.read() as session:
        report = agreement_report(session, desk.round(), by_segment=False, by=None)
    row = next(r for r in report.rows if r.criterion == "quality")
    assert (row.result.n_units, row.result.n_ratings) == (UNITS, 2 * UNITS)
    assert row.repeats.n == 8
    assert row.repeats.value == pytest.approx(1.0)


def test_late_extras_and_adjudications_do_not_count(database: Database) -> None:
    desk = rated(database)
    with database.write() as session:
        first = session.exec(select(Rating)).first()
        assert first is not None
        copied = first.model_dump(exclude={"id", "assignment_id"})
        lea, cy = desk.rater("Lea").id, desk.rater("Cy").id
        session.add(Rating(**{**copied, "rater_id": cy, "value": 1.0, "extra": True}))
        session.add(Rating(**{**copied, "rater_id": lea, "value": 1.0, "adjudication": True}))
    with database.read() as session:
        report = agreement_report(session, desk.round(), by_segment=False, by=None)
    assert report.rows[0].result.n_ratings == 2 * UNITS


def test_the_pooled_row_comes_first_and_segments_follow(database: Database) -> None:
    desk = rated(database)
    with database.read() as session:
        rows = agreement_report(session, desk.round(), by=None).rows
    assert [r.segment for r in rows if r.criterion == "quality"] == [None, "hidden-segment"]


def test_too_few_units_are_an_answer_and_not_a_number(database: Database) -> None:
    desk = rated(database, parameters={"minimum_units": 20})
    with database.read() as session:
        document = agreement_report(session, desk.round(), by=None).as_json()
    figure = document["rows"][0]["alpha"]
    assert figure == {
        "value": None,
        "low": None,
        "high": None,
        "n": 12,
        "reason": "not enough ratings: 8 more units",
    }


def test_every_report_is_json_without_nan(database: Database) -> None:
    desk = rated(database, repeats=2)
    judge(desk, TRUTH)
    with database.read() as session:
        agreement = agreement_report(session, desk.round(), by=None).as_json()
        calibration = calibration_report(session, desk.round(), by=None).as_json()
    assert json.loads(json.dumps([agreement, calibration], allow_nan=False))


def test_a_judge_is_compared_with_the_mean_of_the_people(database: Database) -> None:
    desk = rated(database)
    judge(desk, {key: min(3.0, value + 0.5) for key, value in TRUTH.items()})
    with database.read() as session:
        row = calibration_report(session, desk.round(), by_segment=False, by=None).rows[0]
    # Ben's four slips of one point lift the mean of their units by a half, the judge's shift of
    # a half reaches eight of twelve: people +1/6, judge +1/3.
    assert row.judge == "Judge"
    assert row.result.bias.value == pytest.approx(1 / 3 - 1 / 6)
    assert row.result.coverage.value == 1.0


def test_raters_are_compared_two_by_two_and_left_out_in_turn(database: Database) -> None:
    """Ada and Ben give two units of three the same value."""
    desk = rated(database)
    with database.read() as session:
        report = rater_report(session, desk.round(), by=None)
    row = next(r for r in report.rows if r.criterion == "quality")
    assert row.raters == ("Ada", "Ben")
    (pair,) = row.pairs
    assert row.named(pair) == ("Ada", "Ben")
    assert pair.percent.value == pytest.approx(2 / 3)
    document = next(r for r in report.as_json()["rows"] if r["criterion"] == "quality")
    assert document["pairs"][0]["kappa"]["n"] == UNITS
    assert [w["rater"] for w in document["without"]] == ["Ada", "Ben"]
    # Ada 1, 2, 3 in turn, Ben 2 for her 1: distances and scale are equal for both.
    assert row.coefficients["ICC(2,1)"].value == pytest.approx(
        intraclass_correlation(np.tile([[1.0, 2], [2, 2], [3, 3]], (4, 1))).icc2.value
    )
    assert document["coefficients"]["Conger's kappa"]["n"] == UNITS
    assert document["without"][0]["alpha"]["reason"] == "no unit was rated twice"


def test_of_very_many_raters_neither_pairs_nor_congers_kappa_are_worked_out(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotate.reports.raters.MOST", 1)
    desk = rated(sqlite_database)
    with sqlite_database.read() as session:
        row = rater_report(session, desk.round(), by=None).rows[0]
    assert row.pairs == ()
    assert row.coefficients["Conger's kappa"].reason == "more than 30 raters"
    assert row.coefficients["Fleiss' kappa"].value is not None
    assert row.coefficients["Brennan-Prediger"].value is not None


def test_the_verdict_goes_by_the_thresholds_that_the_round_froze(database: Database) -> None:
    """Half a point too lenient on a scale of 1 to 3: within the usual quarter of the range."""
    usual = rated(database)
    lenient = {key: min(3.0, value + 0.75) for key, value in TRUTH.items()}
    judge(usual, lenient)
    with database.read() as session:
        frozen = rounds.parameters(usual.round())
        row = calibration_report(session, usual.round(), by_segment=False, by=None).rows[0]
    assert frozen.thresholds == Thresholds()
    assert usual.round().design["parameters"]["of_ceiling"] == 0.8
    assert row.result.verdict is not Verdict.DO_NOT_USE
    strict = Parameters(bias=0.01, poor_bias=0.02, epsilon=0.2)
    with database.read() as session:
        round_ = usual.round()
        design = {**round_.design, "parameters": strict.model_dump()}
        other = round_.model_copy(update={"design": design})
        row = calibration_report(session, other, by_segment=False, by=None).rows[0]
    assert row.result.verdict is Verdict.DO_NOT_USE
    assert row.alternative.epsilon == 0.2


def test_calibration_says_on_what_the_error_depends(database: Database) -> None:
    desk = rated(database)
    judge(desk, TRUTH)
    with database.read() as session:
        report = calibration_report(session, desk.round(), by_segment=False, by=None)
        about = ratings.outputs_rated(session, desk.round())
    assert list(about.index) == sorted(TRUTH)
    assert about["length"].gt(0).all()
    row = next(r for r in report.rows if r.criterion == "quality")
    assert row.dependence["length"].figures["per doubling"].n == UNITS
    assert row.alternative.reason == "fewer than three people: nobody can be left out and compared"
    document = next(r for r in report.as_json()["rows"] if r["criterion"] == "quality")
    assert document["alternative_annotator_test"]["winning_rate"] is None
    assert document["correlation"]["within_case"]["value"] is None  # every output its own case
    assert set(document["dependence"]) == {"length", "configuration"}


def test_ratings_made_in_sight_of_the_judge_do_not_calibrate_it(database: Database) -> None:
    desk = rated(database)
    judge(desk, TRUTH)
    with database.write() as session:
        seen = session.exec(select(Rating).where(Rating.rater_id == desk.rater("Ada").id)).all()
        for rating in seen:
            fields = rating.model_dump(exclude={"id", "supersedes_id", "seen"})
            session.add(Rating(**fields, supersedes_id=rating.id, seen=["response", "judge"]))
    with database.read() as session:
        report = calibration_report(session, desk.round(), by_segment=False, by=None)
        counted = ratings.counted(ratings.frame(session, kinds=["human"]))
    assert set(counted["rater"]) == {"Ada", "Ben"}
    result = report.rows[0].result
    assert result.ceiling.weighted_kappa.value is None  # Ben alone is left
    assert result.verdict is not Verdict.TRUST


def test_scores_made_outside_any_round_serve_a_round_that_has_none(database: Database) -> None:
    desk = rated(database)
    judge(desk, dict.fromkeys(TRUTH, 1.0), inside=False)
    with database.read() as session:
        assert judges_of(session, desk.round(), by=None) == ["Judge"]
        outside = calibration_report(session, desk.round(), by_segment=False, by=None).rows[0]
    judge(desk, TRUTH)
    with database.read() as session:
        inside = calibration_report(session, desk.round(), by_segment=False, by=None).rows[0]
    assert outside.result.bias.value != inside.result.bias.value
    assert inside.result.n_units == UNITS


def test_drift_wants_two_rounds_and_a_judge_that_scored_both(database: Database) -> None:
    desk = rated(database, anchors=4)
    with database.read() as session, pytest.raises(BadInput, match="the same; name two rounds"):
        drift_report(session, desk.round(), desk.round(), judge="Judge", by=None)
    with database.read() as session, pytest.raises(NotFound, match="has no scores of judge"):
        other = desk.round().model_copy(update={"id": 999, "name": "S"})
        drift_report(session, desk.round(), other, judge="Judge", by=None)
