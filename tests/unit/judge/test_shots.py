"""Examples come from the shot split alone, and what a judge was shown does not count for it."""

import io
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate import exchange, outputs
from annotate.design import Design
from annotate.errors import BadInput, NotFound
from annotate.judge import judges, run, spec, worker
from annotate.judge.judges import Judge
from annotate.judge.splits import SHARES, split_of
from annotate.reports.calibration import calibration_report
from annotate.reports.drift import drift_report
from annotate.rounds import get_round, launch_round
from annotate.rubric import Answer
from db.engine import Database
from tests.judge_server import JudgeServer, serving
from tests.unit.desk_round import Desk

UNITS = 60


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with serving(JudgeServer()) as started:
        yield started


def rated(database: Database, *, alike: bool = True, anchors: int = 0, units: int = UNITS) -> Desk:
    """A closed round in which Ada and Ben have rated all; alike, or never."""
    desk = Desk(database, units=units, overlap=2, raters=("Ada", "Ben"), anchors=anchors)
    for name in ("Ada", "Ben"):
        while (place := desk.claim(name)) is not None:
            value = 1 + int(place.response.split()[-1]) % 3
            value = value if alike or name == "Ada" else 1 + value % 3
            why = f"{name} says {value}."
            answers = {"quality": Answer(value=value, rationale=why)}
            if value < 3:
                answers["failure"] = Answer(tags=())
            desk.submit(name, place, answers)
    desk.close()
    return desk


def add(desk: Desk, server: JudgeServer, shots: int) -> Judge:
    document = {
        "name": "taught", "model": "stub-1", "base_url": server.base, "rubric": "answers",
        "criteria": ["quality"], "shots": shots,
    }  # fmt: skip
    with desk.database.write() as session:
        return judges.add_judge(session, spec.from_document(document), by=None)


def test_examples_are_of_the_shot_split_and_of_every_level(
    sqlite_database: Database, server: JudgeServer
) -> None:
    desk = rated(sqlite_database)
    judge = add(desk, server, 3)
    shots = judge.shots["quality"]
    assert [shot.answer["level"] for shot in shots] == [3, 1, 2]
    assert {split_of(shot.case) for shot in shots} == {"shot"}
    for shot in shots:
        assert shot.answer["critique"] in {
            f"{n} says {shot.answer['level']}." for n in ("Ada", "Ben")
        }
        assert set(shot.fields) == {"input", "contexts", "response"}
    assert add(desk, server, 3).rater.id == judge.rater.id
    assert add(desk, server, 2).rater.id != judge.rater.id, "other examples, another judge"


def test_what_a_judge_was_shown_does_not_count_for_it(
    sqlite_database: Database, server: JudgeServer
) -> None:
    desk = rated(sqlite_database)
    server.level = lambda data, _: 1 + int(data["response"].split()[-1]) % 3
    for judge in (add(desk, server, 3), add(desk, server, 0)):
        with desk.database.write() as session:
            run_id = run.plan_run(session, judge, round_=get_round(session, "R"), by=None).id
            assert run_id is not None
            run.start(session, run_id, by=None)
        assert worker.work(desk.database, run_id, judge).state == "done"
    # The examples were sent, and before what was judged.
    assert {len(asked.body["messages"]) for asked in server.log} == {2, 8}
    with desk.database.read() as session:
        rows = calibration_report(session, desk.round(), by_segment=False, by=None).rows
    counted = {row.judge: (row.result.n_units, row.left_out) for row in rows}
    assert counted == {"taught@1": (UNITS - 3, 3), "taught@2": (UNITS, 0)}


def test_drift_leaves_out_what_either_version_was_shown(
    sqlite_database: Database, server: JudgeServer
) -> None:
    desk = rated(sqlite_database, anchors=UNITS)
    server.level = lambda data, _: 1 + int(data["response"].split()[-1]) % 3
    judge = add(desk, server, 3)
    with desk.database.write() as session:
        later = Design(
            name="S", rubric="answers", units=1, overlap=2, raters=("Ada", "Ben"), anchors_from="R"
        )
        with pytest.raises(NotFound, match="every output here has been rated"):
            launch_round(session, later, by=None)
        file = io.BytesIO(b'{"id": "new", "input": "Q", "response": "Response 61"}')
        outputs.import_outputs(session, outputs.read_outputs(file, name="n.jsonl"), by=None)
        launch_round(session, later, by=None)
        lines = [
            {"output_id": f"o{n:02}", "rater": name, "criterion": "quality", "value": 1 + n % 3}
            for n in range(UNITS)
            for name in ("Ada", "Ben")
        ]
        given_ = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
        exchange.import_ratings(
            session, given_, round=get_round(session, "S"), name="s.jsonl", kind="human", by=None
        )
    for name in ("R", "S"):
        with desk.database.write() as session:
            run_id = run.plan_run(session, judge, round_=get_round(session, name), by=None).id
            assert run_id is not None
            run.start(session, run_id, by=None)
        worker.work(desk.database, run_id, judge)
    with desk.database.read() as session:
        before, after = get_round(session, "R"), get_round(session, "S")
        report = drift_report(session, before, after, judge="taught", by_segment=False, by=None)
    assert report.rows[0].result.contrasts["J"].n == UNITS - 3
    assert any(fact.startswith("Left out are 3 units before and 3 now") for fact in report.facts)


def test_without_agreement_there_is_no_example(
    sqlite_database: Database, server: JudgeServer
) -> None:
    desk = rated(sqlite_database, alike=False)
    with pytest.raises(BadInput, match="no case of the shot split has been rated alike"):
        add(desk, server, 2)


def test_the_splits_have_their_shares_and_never_change() -> None:
    found = [split_of(f"case {n}") for n in range(20_000)]
    for name, share in SHARES:
        assert found.count(name) / len(found) == pytest.approx(share, abs=0.01)
    assert [split_of(case) for case in "abcde"] == ["dev", "dev", "shot", "dev", "dev"]


@given(st.text())
def test_every_case_has_a_split(case: str) -> None:
    assert split_of(case) in {"shot", "dev", "test"}
