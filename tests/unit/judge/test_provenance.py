"""A version is frozen here and not at the provider: what the server names is watched."""

from collections.abc import Iterator
from datetime import date

import pytest
from sqlmodel import select

from annotate.judge import judges, provenance, run, spec, worker
from annotate.judge.judges import Judge
from annotate.rounds import get_round
from db.engine import Database
from db.tables import JudgeVerdict
from tests.judge_server import JudgeServer, serving
from tests.unit.desk_round import Desk


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with serving(JudgeServer()) as started:
        yield started


def graded(desk: Desk, server: JudgeServer, criterion: str = "quality") -> Judge:
    document = {
        "name": "strict", "model": "stub-1", "base_url": server.base, "rubric": "answers",
        "criteria": [criterion],
    }  # fmt: skip
    with desk.database.write() as session:
        judge = judges.add_judge(session, spec.from_document(document), by=None)
        run_id = run.plan_run(session, judge, round_=get_round(session, "R"), by=None).id
        assert run_id is not None
        run.start(session, run_id, by=None)
    assert worker.work(desk.database, run_id, judge).state == "done"
    return judge


def test_another_fingerprint_within_one_version_raises_a_flag(
    database: Database, server: JudgeServer
) -> None:
    desk = Desk(database)
    judge = graded(desk, server)
    with database.read() as session:
        once = provenance.answered_by(session, judge.rater)
    assert [(one.name, one.answers) for one in once] == [("stub-1 (fp-1)", 4)]
    assert provenance.changed(once) is None
    # The same version, asked about outputs that are new to it.
    server.fingerprint = "fp-2"
    with database.write() as session:
        for task in session.exec(select(JudgeVerdict)).all()[:2]:
            task.key = f"forgotten {task.id}"
    assert graded(desk, server).rater.id == judge.rater.id
    with database.read() as session:
        twice = provenance.answered_by(session, judge.rater)
    assert [(one.name, one.answers) for one in twice] == [
        ("stub-1 (fp-1)", 4),
        ("stub-1 (fp-2)", 2),
    ]
    said = provenance.changed(twice)
    assert said is not None
    assert "as stub-1 (fp-1) at first, and as stub-1 (fp-2) since" in said


def test_an_announced_shutdown_is_kept_and_its_days_are_counted(
    database: Database, server: JudgeServer
) -> None:
    desk = Desk(database)
    judge = graded(desk, server)
    with database.read() as session:
        assert provenance.shutdown_of(session, judge.rater) is None, "it said nothing of one"
    for said in ("2026-12-11", "2027-01-14T00:00:00Z"):
        server.shutdown = said
        with database.write() as session:
            for task in session.exec(select(JudgeVerdict)).all():
                task.key = f"forgotten {task.id} {said}"
        graded(desk, server)
        with database.read() as session:
            assert provenance.shutdown_of(session, judge.rater) == date.fromisoformat(said[:10])


@pytest.mark.parametrize(
    ("today", "said"),
    [
        ("2026-11-25", "on 2026-12-11, in 16 days: calibrate its successor"),
        ("2026-12-10", "tomorrow"),
        ("2026-12-11", "today"),
        ("2026-12-12", "was switched off on 2026-12-11"),
    ],
)
def test_the_days_that_are_left_are_said(today: str, said: str) -> None:
    words = provenance.days_left(date(2026, 12, 11), date.fromisoformat(today))
    assert said in words
    assert provenance.warnings([], date(2026, 12, 11), date.fromisoformat(today)) == [words]


@pytest.mark.parametrize("said", ["soon", "", "2026-99-99"])
def test_a_date_that_is_none_is_not_kept(
    sqlite_database: Database, server: JudgeServer, said: str
) -> None:
    desk = Desk(sqlite_database)
    server.shutdown = said
    judge = graded(desk, server)
    with sqlite_database.read() as session:
        assert provenance.shutdown_of(session, judge.rater) is None


def test_who_answered_is_known_of_a_judge_that_asked_nothing_itself(
    sqlite_database: Database, server: JudgeServer
) -> None:
    desk = Desk(sqlite_database)
    judge = graded(desk, server)
    with sqlite_database.write() as session:
        refitted = judges.with_cut_points(session, judge, {"quality": (1.5, 2.5)}, by=None)
        run_id = run.plan_run(session, refitted, round_=get_round(session, "R"), by=None).id
        assert run_id is not None
    with sqlite_database.read() as session:
        mine, its = (provenance.answered_by(session, j.rater) for j in (judge, refitted))
    assert mine == its and [one.name for one in its] == ["stub-1 (fp-1)"]
