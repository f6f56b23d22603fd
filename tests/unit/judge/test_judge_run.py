"""Runs of a judge over a real socket: every answer stored once, every failure listed, nothing paid
twice, and no budget exceeded."""

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import select
from starlette.responses import HTMLResponse, JSONResponse, Response

from annotate import outputs
from annotate.design import Filters
from annotate.errors import BadInput, Conflict
from annotate.judge import budget, judges, queue, run, spec, worker
from annotate.judge.judges import Judge
from annotate.ratings import frame
from annotate.rounds import get_round
from db.engine import Database
from db.tables import JudgeRun, JudgeTask, JudgeVerdict, Rating, now
from tests.judge_server import JudgeServer, completion, error, serving
from tests.unit.desk_round import Desk

UNITS = 8


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    def level(data: dict[str, Any], question: str) -> Any:
        number = int(data["response"].split()[-1])
        return 1 + number % 3 if question == "Quality" else (["stale"] if number % 2 else [])

    with serving(JudgeServer(level=level)) as started:
        yield started


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database, units=UNITS)


def add(desk: Desk, server: JudgeServer, **fields: Any) -> Judge:
    said = {
        "name": "strict",
        "model": "stub-1",
        "base_url": server.base,
        "rubric": "answers",
        "prices": {"input": 1.0, "output": 10.0},
        "timeout": 5,
        **fields,
    }
    with desk.database.write() as session:
        return judges.add_judge(session, spec.from_document(said), by=None)


def planned(desk: Desk, judge: Judge, **fields: Any) -> int:
    with desk.database.write() as session:
        found = run.plan_run(session, judge, round_=get_round(session, "R"), by=None, **fields)
        assert found.id is not None
        return found.id


def worked(desk: Desk, judge: Judge, run_id: int | None = None, **fields: Any) -> JudgeRun:
    run_id = planned(desk, judge, **fields) if run_id is None else run_id
    with desk.database.write() as session:
        run.start(session, run_id, by=None)
    return worker.work(desk.database, run_id, judge)


def verdicts(desk: Desk) -> Counter[str]:
    with desk.database.read() as session:
        return Counter(session.exec(select(JudgeVerdict.status)))


def test_a_judge_rates_every_unit_on_every_criterion_once(desk: Desk, server: JudgeServer) -> None:
    judge = add(desk, server)
    ended = worked(desk, judge)
    assert (ended.state, ended.counts) == ("done", {"done": 2 * UNITS})
    assert len(server.log) == 2 * UNITS
    with desk.database.read() as session:
        said = frame(session)
    mine = said[said["rater"] == "strict@1"]
    assert len(mine) == 3 * UNITS, "quality, and each of two tags"
    for row in mine.to_dict("records"):
        number = int(str(row["output"])[1:])
        expected = {
            "quality": 1 + number % 3, "failure.stale": number % 2, "failure.unsupported": 0,
        }[row["criterion"]]  # fmt: skip
        assert row["value"] == expected
    assert ended.tokens == {"input": server.sum("input"), "output": server.sum("output")}
    assert ended.cost_usd == pytest.approx((server.sum("input") + 10 * server.sum("output")) / 1e6)


def test_what_was_answered_before_is_not_asked_again(desk: Desk, server: JudgeServer) -> None:
    judge = add(desk, server)
    worked(desk, judge)
    asked = len(server.log)
    again = worked(desk, judge)
    assert (again.state, again.cost_usd, len(server.log)) == ("done", 0.0, asked)
    with desk.database.read() as session:
        ratings = list(session.exec(select(Rating)))
    assert len(ratings) == 3 * UNITS, "and nothing is rated twice"
    # A judge that could answer otherwise is another one, and is asked.
    other = add(desk, server, parameters={"seed": 7})
    assert (other.rater.name, other.version != judge.version) == ("strict@2", True)
    worked(desk, other)
    assert len(server.log) == 2 * asked


def test_the_same_judge_is_the_same_rater(desk: Desk, server: JudgeServer) -> None:
    first = add(desk, server)
    assert add(desk, server, concurrency=2, timeout=50).rater.id == first.rater.id
    assert add(desk, server, critique=False).rater.name == "strict@2"
    assert add(desk, server, model="stub-2").rater.name == "strict@3"
    assert add(desk, server).rater.name == "strict@1"


def said(level: Any, **more: Any) -> Callable[[dict[str, Any]], Response]:
    return lambda body: completion(json.dumps({"level": level, **more}), body)


def test_every_failure_is_listed_and_none_is_a_score(desk: Desk, server: JudgeServer) -> None:
    judge = add(desk, server, criteria=["quality"])
    server.faults["Response 0"] = [lambda b: completion(None, b, refusal="I will not.")]
    server.faults["Response 1"] = [lambda b: completion('{"lev', b, finish="length")]
    server.faults["Response 2"] = [lambda b: completion("", b, finish="content_filter")]
    server.faults["Response 3"] = [said(9)] * queue.ATTEMPTS
    server.faults["Response 4"] = [said("cannot_judge")]
    server.faults["Response 5"] = [
        lambda _: error(400, "too long", code="context_length_exceeded")
    ] * 9
    run_id = planned(desk, judge)
    ended = at_once(desk, judge, run_id)
    assert ended.state == "done"
    with desk.database.read() as session:
        listed = {
            one.problem: one.status
            for one in run.missing(session, [session.get_one(JudgeRun, run_id)])
        }
        mine = frame(session)
    assert len(listed) == 5
    assert Counter(listed.values()) == {"invalid": 2, "refused": 1, "truncated": 1, "filtered": 1}
    assert listed["I will not."] == "refused"
    mine = mine[mine["rater"] == "strict@1"]
    assert sorted(mine["abstained"].dropna()) == ["cannot_judge"]
    assert mine["value"].notna().sum() == UNITS - 6
    assert verdicts(desk)["ok"] == UNITS - 6
    # What is asked again is what has no verdict, and only that.
    before = len(server.log)
    server.faults.clear()
    with desk.database.write() as session:
        assert run.retry(session, run_id, by=None) == 5
    assert at_once(desk, judge, run_id).counts == {"done": UNITS}
    assert len(server.log) == before + 5


def at_once(desk: Desk, judge: Judge, run_id: int) -> JudgeRun:
    """Work it off without waiting out the pauses between attempts."""
    for _ in range(3 * queue.ATTEMPTS):
        with desk.database.write() as session:
            for task in session.exec(select(JudgeTask).where(JudgeTask.state == "queued")):
                task.not_before = now()
            if session.get_one(JudgeRun, run_id).state in ("done", "aborted", "budget_exceeded"):
                break
            if session.get_one(JudgeRun, run_id).state != "running":
                run.start(session, run_id, by=None)
        _one_pass(desk, judge, run_id)
    with desk.database.read() as session:
        return session.get_one(JudgeRun, run_id)


def _one_pass(desk: Desk, judge: Judge, run_id: int) -> None:
    async def once() -> None:
        asker = worker.Asker(judge)
        with desk.database.write() as session:
            taken = queue.claim(session, run_id, judge, 100, at=now()).tasks
        outcomes = [await asker._ask(task) for task in taken]
        await asker.close()
        with desk.database.write() as session:
            queue.settle(session, run_id, judge, outcomes, at=now())

    worker.apart(once())


@pytest.mark.parametrize(
    "broken",
    [
        lambda _: error(500, "down"),
        lambda _: error(503, "overloaded", headers={"retry-after": "0"}),
        lambda _: HTMLResponse("<html>gateway</html>"),
        lambda _: Response("{", media_type="application/json"),
        lambda _: Response('{"error": {"message": "upstream"}}', media_type="application/json"),
        lambda b: completion("```json\n{", b),
        lambda b: completion("I think it is good.", b),
        lambda b: completion(None, b),
    ],
)
def test_what_passes_is_asked_again_and_answered_once(
    desk: Desk, server: JudgeServer, broken: Callable[[dict[str, Any]], Response]
) -> None:
    judge = add(desk, server, criteria=["quality"])
    server.faults["Response"] = [broken] * 2
    ended = at_once(desk, judge, planned(desk, judge))
    assert (ended.state, ended.counts) == ("done", {"done": UNITS})
    assert verdicts(desk)["ok"] == UNITS
    with desk.database.read() as session:
        assert len(list(session.exec(select(Rating)))) == UNITS
    assert ended.tokens["input"] == server.sum("input"), "what was charged is counted, also in vain"
    assert ended.tokens["output"] == server.sum("output")


@pytest.mark.parametrize(
    "fatal",
    [
        lambda _: error(401, "no such key"),
        lambda _: error(403, "not for you"),
        lambda _: error(404, "no such model", code="model_not_found"),
        lambda _: error(429, "no money", code="insufficient_quota"),
    ],
)
def test_what_every_request_would_meet_stops_the_run(
    desk: Desk, server: JudgeServer, fatal: Callable[[dict[str, Any]], Response]
) -> None:
    judge = add(desk, server, criteria=["quality"], concurrency=1)
    server.faults["Response"] = [fatal]
    ended = worked(desk, judge)
    assert (ended.state, len(server.log)) == ("aborted", 1)
    assert ended.note and "HTTP" in ended.note
    assert worked(desk, judge, ended.id).state == "done", "it goes on once that is mended"
    assert verdicts(desk) == {"ok": UNITS}


def test_a_server_that_asks_one_to_wait_makes_all_wait(desk: Desk, server: JudgeServer) -> None:
    judge = add(desk, server, criteria=["quality"], concurrency=2)
    server.faults["Response 0"] = [lambda _: error(429, "slow down", headers={"retry-after": "1"})]
    ended = worked(desk, judge)
    assert (ended.state, ended.counts) == ("done", {"done": UNITS})
    assert len(server.log) == UNITS + 1


def test_a_parameter_or_form_that_is_refused_is_left_out_from_then_on(
    desk: Desk, server: JudgeServer
) -> None:
    server.refuses, server.forms = ("temperature", "logprobs"), ()
    judge = add(
        desk, server, criteria=["quality"], concurrency=1,
        parameters={"temperature": 0, "logprobs": True, "seed": 3},
    )  # fmt: skip
    ended = worked(desk, judge)
    assert (ended.state, ended.counts) == ("done", {"done": UNITS})
    assert len(server.log) == UNITS + 4, "each is learnt once"
    last = server.log[-1].body
    assert last["seed"] == 3 and "temperature" not in last and "response_format" not in last
    assert '"level"' in last["messages"][0]["content"], "the schema is asked for in words"


def test_nothing_is_sent_that_was_not_asked_for(desk: Desk, server: JudgeServer) -> None:
    worked(desk, add(desk, server, criteria=["quality"]))
    for asked in server.log:
        assert set(asked.body) == {"model", "messages", "response_format"}
        words = json.dumps(asked.body)
        assert "hidden-configuration" not in words and "hidden-segment" not in words
        assert "hidden-team" not in words and "o0" not in asked.data.values()


@pytest.mark.parametrize("tokens", [1_500, 2_500])
def test_a_budget_stops_the_run_before_it_is_exceeded(
    desk: Desk, server: JudgeServer, tokens: int
) -> None:
    judge = add(desk, server, criteria=["quality"], concurrency=4)
    run_id = planned(desk, judge, budget_tokens=tokens)
    ended = worked(desk, judge, run_id)
    assert ended.state == "budget_exceeded"
    assert server.sum("input") + server.sum("output") <= tokens
    assert f"{budget.used(ended):,} of {tokens:,} tokens are spent, and the next" in str(ended.note)
    assert (
        ended.tokens == {"input": server.sum("input"), "output": server.sum("output")}
        or not server.log
    )
    with desk.database.write() as session:
        run.raise_budget(session, run_id, judge, usd=1.0, tokens=10**6, by=None)
    done = worked(desk, judge, run_id)
    assert (done.state, done.counts) == ("done", {"done": UNITS})
    assert len(server.answered) == UNITS, "nothing was paid twice"
    assert done.cost_usd <= 1.0


def test_a_budget_in_usd_needs_a_price(desk: Desk, server: JudgeServer) -> None:
    judge = add(desk, server, prices=None)
    with pytest.raises(BadInput, match="price of stub-1 is not known"):
        planned(desk, judge, budget_usd=1.0)
    ended = worked(desk, judge)
    assert ended.cost_usd == 0.0
    with desk.database.read() as session:
        assert set(session.exec(select(JudgeVerdict.cost_usd))) == {None}, "unknown, not free"


def test_a_process_that_dies_leaves_nothing_behind_but_its_leases(
    desk: Desk, server: JudgeServer
) -> None:
    judge = add(desk, server, criteria=["quality"])
    run_id = planned(desk, judge)
    with desk.database.write() as session:
        run.start(session, run_id, by=None)
        taken = queue.claim(session, run_id, judge, 5, at=now()).tasks
    assert len(taken) == 5
    with desk.database.write() as session, pytest.raises(Conflict, match="worked on already"):
        run.start(session, run_id, by=None)
    later = now() + queue.LEASE * 2
    with desk.database.write() as session:
        assert len(queue.claim(session, run_id, judge, 100, at=later).tasks) == UNITS
    # Who goes on need not wait for the leases.
    with desk.database.write() as session:
        session.get_one(JudgeRun, run_id).beat_at = now() - 2 * run.BEAT
    assert worked(desk, judge, run_id).counts == {"done": UNITS}


def test_a_question_that_is_long_on_its_way_stays_with_its_process(
    desk: Desk, server: JudgeServer
) -> None:
    judge = add(desk, server, criteria=["quality"])
    run_id = planned(desk, judge)
    begun = now()
    with desk.database.write() as session:
        run.start(session, run_id, by=None)
        waiting, lost = queue.claim(session, run_id, judge, 2, at=begun).tasks
    for minutes in (4, 8, 12):
        with desk.database.write() as session:
            queue.claim(
                session, run_id, judge, 0, at=begun + timedelta(minutes=minutes), held=[waiting.id]
            )
    with desk.database.read() as session:
        assert session.get_one(JudgeTask, waiting.id).state == "leased"
        assert session.get_one(JudgeTask, lost.id).state == "queued"


def test_tokens_that_the_server_remembered_are_counted_once(
    desk: Desk, server: JudgeServer
) -> None:
    def remembered(body: dict[str, Any]) -> Response:
        said = json.loads(bytes(completion(json.dumps({"level": 2}), body).body))
        said["usage"]["prompt_tokens_details"] = {"cached_tokens": 100}
        return JSONResponse(said)

    judge = add(desk, server, criteria=["quality"])
    server.faults["Response"] = [remembered] * UNITS
    ended = worked(desk, judge)
    assert ended.tokens["cached"] == 100 * UNITS
    assert budget.used(ended) == server.sum("input") + server.sum("output")


def test_what_is_asked_is_as_long_as_it_is_thought(desk: Desk, server: JudgeServer) -> None:
    judge = add(desk, server, criteria=["quality"])
    worked(desk, judge)
    asked = server.log[0]
    length = sum(len(message["content"]) for message in asked.body["messages"])
    schema = asked.body["response_format"]["json_schema"]["schema"]
    length += len(json.dumps(schema, ensure_ascii=False))
    fields: dict[str, Any] = {n: asked.data[n] for n in judge.spec.sees if n in asked.data}
    assert budget.estimated(judge, "quality", fields)["input"] == -(-length // 4)


def test_two_processes_ask_nothing_twice(desk: Desk, server: JudgeServer) -> None:
    judge = add(desk, server)
    run_id = planned(desk, judge)
    server.latency = 0.02
    with desk.database.write() as session:
        run.start(session, run_id, by=None)
    with ThreadPoolExecutor(2) as two:
        ended = list(two.map(lambda _: worker.work(desk.database, run_id, judge), range(2)))
    assert {found.state for found in ended} == {"done"}
    assert len(server.log) == 2 * UNITS


def test_what_a_judge_needs_and_is_not_there_costs_nothing(desk: Desk, server: JudgeServer) -> None:
    judge = add(desk, server, needs=["contexts"])
    lines = [
        {"id": f"b{n}", "input": "?", "response": f"No {n}.", "segment": "bare"} for n in range(3)
    ]
    file = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
    with desk.database.write() as session:
        outputs.import_outputs(session, outputs.read_outputs(file, name="b.jsonl"), by=None)
        filters = Filters(segments=("bare",))
        run_id = run.plan_run(session, judge, filters=filters, by=None).id
    ended = worked(desk, judge, run_id)
    assert (ended.state, ended.counts, len(server.log)) == ("done", {"done": 6}, 0)
    assert verdicts(desk) == {"cannot_judge": 6}
    with desk.database.read() as session:
        assert set(session.exec(select(Rating.abstained))) == {"cannot_judge"}


def test_the_baseline_needs_no_server(desk: Desk) -> None:
    document = {
        "name": "overlap",
        "engine": "lexical",
        "rubric": "answers",
        "criteria": ["quality"],
    }
    with desk.database.write() as session:
        judge = judges.add_judge(session, spec.from_document(document), by=None)
    assert judge.rater.kind == "metric"
    ended = worked(desk, judge)
    assert (ended.state, ended.cost_usd, ended.counts) == ("done", 0.0, {"done": UNITS})


def test_a_step_looks_up_what_it_needs_however_much_is_stored(
    sqlite_database: Database, server: JudgeServer
) -> None:
    desk = Desk(sqlite_database, units=UNITS)
    judge = add(desk, server)
    run_id = planned(desk, judge)
    asked: list[tuple[str, Any]] = []
    with desk.database.write() as session:
        run.start(session, run_id, by=None)

    @sa.event.listens_for(sqlite_database.engine, "before_cursor_execute")
    def _note(*said: Any) -> None:
        asked.append((said[2], said[3]))

    worker.work(sqlite_database, run_id, judge)
    sa.event.remove(sqlite_database.engine, "before_cursor_execute", _note)
    plans: dict[str, str] = {}
    with sqlite_database.engine.connect() as connection:
        for statement, parameters in asked:
            if statement.startswith("SELECT"):
                explained = connection.exec_driver_sql(
                    f"EXPLAIN QUERY PLAN {statement}", parameters
                )
                plans[statement] = "; ".join(row.detail for row in explained)
    assert not [plan for plan in plans.values() if "SCAN" in plan.replace("SCAN judge_run", "")]

    def of(part: str) -> list[str]:
        found = [plan for statement, plan in plans.items() if part in statement]
        assert found, (part, plans)
        return found

    assert all("uq_judge_verdict_settled" in plan for plan in of('judge_verdict."key" IN'))
    assert all("ix_rating_output" in plan for plan in of("FROM rating"))
    assert all("ORDER BY" not in plan for plan in of("judge_task JOIN output"))
