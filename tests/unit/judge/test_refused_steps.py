"""A step of a run that the database refuses, or stores without a word of it."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlmodel import select
from starlette.responses import JSONResponse

from annotate.judge import queue, worker
from annotate.judge.judges import Judge
from db.engine import Database, DatabaseError
from db.tables import JudgeTask, now
from tests.judge_server import JudgeServer, serving
from tests.unit.desk_round import Desk
from tests.unit.judge.test_judge_paid_once import stored, taken_over
from tests.unit.judge.test_judge_run import UNITS, add, planned, worked


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with serving(JudgeServer()) as started:
        yield started


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database, units=UNITS)


def refusing(monkeypatch: pytest.MonkeyPatch, times: int) -> list[int]:
    """A database that refuses the first steps that store answers; how many answers each held."""
    real, held = queue.settle, list[int]()

    def settle(session: Any, run_id: int, judge: Judge, outcomes: Any, **said: Any) -> None:
        held.append(len(outcomes))
        # Its refusal comes after the statements, as that of a commit does.
        real(session, run_id, judge, outcomes, **said)
        if len(held) <= times:
            raise DatabaseError("another program held the database for more than 60 s")

    monkeypatch.setattr(queue, "settle", settle)
    monkeypatch.setattr(worker, "PAUSES", (0.01, 0.01))
    return held


def test_a_database_that_refuses_a_step_loses_no_answer(
    desk: Desk, server: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = add(desk, server, criteria=["quality"], concurrency=4)
    held = refusing(monkeypatch, 2)
    ended = worked(desk, judge)
    assert (ended.state, ended.counts, len(held) > 2) == ("done", {"done": UNITS}, True)
    assert len(server.log) == UNITS
    assert ended.tokens["input"] == server.sum("input"), "and each is counted once"


def unheard(monkeypatch: pytest.MonkeyPatch, times: int) -> list[int]:
    """So many steps that settle something are stored, and the word of it is lost."""
    write, settle = Database.write, queue.settle
    settled: list[int] = []

    def settling(session: Any, *said: Any, **more: Any) -> None:
        settle(session, *said, **more)
        settled.append(1)

    @contextmanager
    def writing(database: Database) -> Iterator[Any]:
        before = len(settled)
        with write(database) as session:
            yield session
        if before < len(settled) <= times:
            raise DatabaseError("the connection was lost")

    monkeypatch.setattr(queue, "settle", settling)
    monkeypatch.setattr(Database, "write", writing)
    monkeypatch.setattr(worker, "PAUSES", (0.01, 0.01))
    return settled


@pytest.mark.parametrize("first", ["answered", "paid for and empty"])
def test_a_step_that_was_stored_although_it_was_refused_is_not_counted_twice(
    desk: Desk, server: JudgeServer, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    judge = add(desk, server, criteria=["quality"], concurrency=1)
    if first != "answered":
        usage = {"prompt_tokens": 500, "completion_tokens": 7}
        server.faults["Response"] = [lambda _: JSONResponse({"choices": [], "usage": usage})]
    run_id = planned(desk, judge)
    claim, astray = queue.claim, list[set[int | None]]()

    def claiming(session: Any, *said: Any, held: Collection[int], **more: Any) -> queue.Claimed:
        found = claim(session, *said, held=held, **more)
        leased = session.exec(select(JudgeTask.id).where(JudgeTask.state == "leased"))
        astray.append(set(leased) - set(held) - {task.id for task in found.tasks})
        return found

    monkeypatch.setattr(queue, "claim", claiming)
    settled = unheard(monkeypatch, 1)
    ended = worked(desk, judge, run_id)
    assert (ended.state, ended.counts) == ("done", {"done": UNITS})
    assert len(server.log) == UNITS + (first != "answered")
    assert ended.tokens["input"] == server.sum("input")
    assert settled and not any(astray), "what a lost step had claimed is free at once"


def test_a_run_that_ends_by_lost_words_leaves_nothing_claimed(
    desk: Desk, server: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = add(desk, server, criteria=["quality"], concurrency=1)
    run_id = planned(desk, judge)
    unheard(monkeypatch, 99)
    monkeypatch.setattr(worker, "PAUSES", ())
    with pytest.raises(DatabaseError, match="lost"):
        worked(desk, judge, run_id)
    failed = stored(desk, run_id)
    assert 0 < len(server.log) < UNITS
    assert failed.counts == {"done": len(server.log), "queued": UNITS - len(server.log)}
    assert failed.tokens["input"] == server.sum("input")


def test_what_another_process_has_claimed_meanwhile_is_not_freed_after_a_refusal(
    desk: Desk, server: JudgeServer
) -> None:
    judge = add(desk, server, criteria=["quality"])
    run_id = planned(desk, judge)
    first, second = taken_over(desk, judge, run_id)
    with desk.database.write() as session:
        theirs = queue.claim(session, run_id, judge, 3, at=now()).tasks
    tried = [now()]
    claimed, _ = worker._step(desk.database, run_id, judge, [], 3, [first.id], True, tried)
    mine = {task.id for task in claimed.tasks}
    assert len(mine) == 3 and not mine & {task.id for task in (second, *theirs)}
    assert len(tried) == 2


def test_a_run_that_the_database_fails_stores_what_was_on_its_way(
    desk: Desk, server: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = add(desk, server, criteria=["quality"], concurrency=2)
    server.latency = 0.1
    run_id = planned(desk, judge)
    held = refusing(monkeypatch, 3)
    with pytest.raises(DatabaseError, match="another program"):
        worked(desk, judge, run_id)
    failed = stored(desk, run_id)
    assert failed.state == "aborted" and "another program" in (failed.note or "")
    assert len(held) == 4, "it is asked twice more, and once when nothing is on its way"
    assert failed.counts["done"] == len(server.log) < UNITS
    assert "leased" not in failed.counts
    ended = worked(desk, judge, run_id)
    assert (ended.counts, len(server.log)) == ({"done": UNITS}, UNITS)
    assert ended.tokens["input"] == server.sum("input")


def test_a_fault_in_a_step_costs_no_answer(
    desk: Desk, server: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = add(desk, server, criteria=["quality"], concurrency=2)
    run_id = planned(desk, judge)
    real, times = queue.claim, list[int]()

    def claim(*said: Any, **more: Any) -> queue.Claimed:
        times.append(1)
        if len(times) == 2:
            raise KeyError("a fault of ours")
        return real(*said, **more)

    monkeypatch.setattr(queue, "claim", claim)
    with pytest.raises(KeyError):
        worked(desk, judge, run_id)
    assert stored(desk, run_id).counts["done"] == len(server.log) > 0
    assert worked(desk, judge, run_id).counts == {"done": UNITS}
    assert len(server.log) == UNITS
