"""A judge is asked again about the anchors, to see whether it has moved within its version."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from annotate import exchange, outputs
from annotate.design import Design
from annotate.errors import BadInput
from annotate.judge import judges, queue, run, spec, worker
from annotate.judge.judges import Judge
from annotate.ratings import frame
from annotate.reports.drift import DriftReport, drift_report
from annotate.rounds import get_round, launch_round
from annotate.verification import verify
from db.engine import Database
from db.tables import JudgeRun, JudgeVerdict, Rating, now
from tests.judge_server import JudgeServer, completion, error, serving
from tests.unit.desk_round import Desk
from tests.unit.judge.test_shots import rated

UNITS = 24


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with serving(JudgeServer(level=lambda data, _: truth(data))) as started:
        yield started


def truth(data: dict[str, Any]) -> int:
    return 1 + int(data["response"].split()[-1]) % 3


def add(desk: Desk, server: JudgeServer, **fields: Any) -> Judge:
    document = {
        "name": "strict", "model": "stub-1", "base_url": server.base, "rubric": "answers",
        "criteria": ["quality"], **fields,
    }  # fmt: skip
    with desk.database.write() as session:
        return judges.add_judge(session, spec.from_document(document), by=None)


def worked(desk: Desk, judge: Judge, name: str, *, again: bool = False) -> JudgeRun:
    with desk.database.write() as session:
        round_ = get_round(session, name)
        run_id = run.plan_run(session, judge, round_=round_, again=again, by=None).id
        assert run_id is not None
        run.start(session, run_id, by=None)
    return worker.work(desk.database, run_id, judge)


def later_round(desk: Desk) -> None:
    """Round S: the anchors of R and one output that is new; people say what they said."""
    file = io.BytesIO(b'{"id": "new", "input": "Q", "response": "Response 61"}')
    lines = [
        {"output_id": f"o{n:02}", "rater": name, "criterion": "quality", "value": 1 + n % 3}
        for n in range(UNITS)
        for name in ("Ada", "Ben")
    ]
    given = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
    design = Design(
        name="S", rubric="answers", units=1, overlap=2, raters=("Ada", "Ben"), anchors_from="R"
    )
    with desk.database.write() as session:
        outputs.import_outputs(session, outputs.read_outputs(file, name="n.jsonl"), by=None)
        launch_round(session, design, by=None)
        exchange.import_ratings(
            session, given, round=get_round(session, "S"), name="s.jsonl", kind="human", by=None
        )


def drifted(desk: Desk) -> DriftReport:
    with desk.database.read() as session:
        before, after = get_round(session, "R"), get_round(session, "S")
        return drift_report(session, before, after, judge="strict", by_segment=False, by=None)


def moved(desk: Desk) -> float | None:
    return drifted(desk).rows[0].result.contrasts["J"].estimate


def test_a_judge_that_moved_within_its_version_is_seen_once_it_is_asked_again(
    database: Database, server: JudgeServer
) -> None:
    desk = rated(database, anchors=UNITS, units=UNITS)
    judge = add(desk, server)
    worked(desk, judge, "R")
    later_round(desk)
    # The provider has changed the model behind the same name.
    server.level = lambda data, _: min(3, truth(data) + 1)
    worked(desk, judge, "S")
    assert moved(desk) == 0.0, "the anchors' answers were found again"
    once = "strict@1 was asked once about what both rounds have"
    assert once in " ".join(drifted(desk).facts)
    asked = len(server.log)
    ended = worked(desk, judge, "S", again=True)
    assert (ended.counts, ended.scope) == ({"done": UNITS}, {"round": "S", "again": True})
    assert len(server.log) == asked + UNITS, "of the anchors alone"
    assert moved(desk) == pytest.approx(2 / 3, abs=0.01)
    assert once not in " ".join(drifted(desk).facts)
    with database.read() as session:
        its = session.exec(select(Rating).where(Rating.rater_id == judge.rater.id)).all()
        verdicts = session.exec(select(JudgeVerdict)).all()
    superseding = [rating for rating in its if rating.supersedes_id is not None]
    assert len(its) == 3 * UNITS + 1 and len(superseding) == UNITS, "nothing is overwritten"
    assert {rating.judge_run_id for rating in superseding} == {ended.id}
    assert len(verdicts) == len(server.log)
    # Once more is another measurement; whoever only grades finds what was answered first.
    worked(desk, judge, "S", again=True)
    assert len(server.log) == asked + 2 * UNITS
    worked(desk, judge, "S")
    assert len(server.log) == asked + 2 * UNITS


def test_a_killed_run_that_asks_again_pays_once(
    sqlite_database: Database, server: JudgeServer
) -> None:
    desk = rated(sqlite_database, anchors=UNITS, units=UNITS)
    judge = add(desk, server)
    worked(desk, judge, "R")
    asked = len(server.log)
    with desk.database.write() as session:
        round_ = get_round(session, "R")
        run_id = run.plan_run(session, judge, round_=round_, again=True, by=None).id or 0
        run.start(session, run_id, by=None)
        assert len(queue.claim(session, run_id, judge, 5, at=now()).tasks) == 5
        session.get_one(JudgeRun, run_id).beat_at = now() - 2 * run.BEAT
    with desk.database.write() as session:
        run.start(session, run_id, by=None)
    assert worker.work(desk.database, run_id, judge).counts == {"done": UNITS}
    assert len(server.log) == asked + UNITS


def test_what_there_is_no_asking_again_about_is_said(
    sqlite_database: Database, server: JudgeServer
) -> None:
    desk = rated(sqlite_database, units=4)
    judge, floor = add(desk, server), None
    with desk.database.write() as session:
        document = {"name": "floor", "engine": "lexical", "rubric": "answers"}
        floor = judges.add_judge(session, spec.from_document(document), by=None)
    with desk.database.write() as session:
        round_ = get_round(session, "R")
        with pytest.raises(BadInput, match="round R has no anchors"):
            run.plan_run(session, judge, round_=round_, again=True, by=None)
        with pytest.raises(BadInput, match="name the round"):
            run.plan_run(session, judge, again=True, by=None)
        with pytest.raises(BadInput, match="the same for ever"):
            run.plan_run(session, floor, round_=round_, again=True, by=None)


def standing(desk: Desk, judge: Judge) -> dict[str, list[float]]:
    """What the judge says of quality, by output."""
    with desk.database.read() as session:
        said = frame(session, rounds=[get_round(session, "R")], kinds=["judge"])
        assert verify(session) == []
    mine = said[(said["rater"] == judge.rater.name) & (said["criterion"] == "quality")]
    return {str(o): sorted(rows["value"]) for o, rows in mine.groupby("output", observed=True)}


def test_fewer_samples_that_are_asked_again_are_mixed_with_no_older_ones(
    database: Database, server: JudgeServer, tmp_path: Path
) -> None:
    desk = rated(database, anchors=2, units=4)
    server.level = lambda *_: 1
    worked(desk, add(desk, server, samples=3), "R")
    server.level = lambda *_: 3
    judge = add(desk, server, samples=1)
    worked(desk, judge, "R", again=True)
    said = standing(desk, judge)
    assert sorted(said.values()) == [[1, 1, 1]] * 2 + [[3]] * 2
    # What is exported says the same where it is imported.
    with database.read() as session:
        file = tmp_path / "r.jsonl"
        count = exchange.export_ratings(session, get_round(session, "R"), file, by=None)
    with database.write() as session, file.open("rb") as stream:
        plan = exchange.import_ratings(
            session, stream, round=get_round(session, "R"), name="r.jsonl", kind="human", by=None
        )
    assert (plan.new, plan.same, plan.conflicting) == (0, count, 0)
    # As many as before are asked again: all of them stand.
    worked(desk, add(desk, server, samples=3), "R", again=True)
    assert sorted(standing(desk, judge).values()) == [[1, 1, 1]] * 2 + [[3, 3, 3]] * 2


@pytest.mark.parametrize("fault", ["refused", "failed"])
def test_an_anchor_without_a_new_answer_keeps_no_old_one(
    sqlite_database: Database, server: JudgeServer, fault: str
) -> None:
    desk = rated(sqlite_database, anchors=2, units=2)
    server.level = lambda *_: 1
    judge = add(desk, server)
    worked(desk, judge, "R")
    server.level = lambda *_: 3
    server.faults["Response 0"] = [
        (lambda body: completion(None, body, refusal="I will not."))
        if fault == "refused"
        else (lambda _: error(400, "no"))
    ]
    ended = worked(desk, judge, "R", again=True)
    assert standing(desk, judge) == {"o01": [3]}
    # Once it is answered, that stands.
    with desk.database.write() as session:
        assert run.retry(session, ended.id or 0, by=None) == 1
        run.start(session, ended.id or 0, by=None)
    worker.work(desk.database, ended.id or 0, judge)
    assert standing(desk, judge) == {"o00": [3], "o01": [3]}
    worked(desk, judge, "R")
    assert standing(desk, judge) == {"o00": [3], "o01": [3]}
