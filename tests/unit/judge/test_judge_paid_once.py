"""What a judge is asked is paid for once and counted, whoever asks, and whatever comes back."""

import io
import itertools
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select
from starlette.responses import JSONResponse, Response

from annotate import outputs, rubric
from annotate.design import Filters
from annotate.errors import BadInput, Conflict
from annotate.judge import budget, judges, prices, queue, run, spec, verdict, worker
from annotate.judge.judges import Judge
from annotate.judge.reply import Reply
from annotate.ratings import frame
from annotate.reports.drift import no_scores
from db.engine import Database
from db.tables import JudgeRun, JudgeTask, JudgeVerdict, Rating, now
from tests.judge_server import JudgeServer, completion, error, serving
from tests.unit.desk_round import RUBRIC, Desk
from tests.unit.judge.test_judge_run import UNITS, add, at_once, planned, worked


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with serving(JudgeServer(level=lambda d, _: 1 + int(d["response"].split()[-1]) % 3)) as started:
        yield started


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database, units=UNITS)


def answered(body: dict[str, Any], usage: dict[str, int] | None, **choice: Any) -> Response:
    """An answer whose usage is as given; None leaves it out."""
    said = json.loads(bytes(completion(json.dumps({"level": 2}), body).body))
    said.pop("usage")
    if usage is not None:
        said["usage"] = usage
    said["choices"][0] |= choice
    return JSONResponse(said)


def long(body: dict[str, Any]) -> Response:
    return answered(body, {"prompt_tokens": 500, "completion_tokens": 5000})


def stored(desk: Desk, run_id: int) -> JudgeRun:
    with desk.database.read() as session:
        return session.get_one(JudgeRun, run_id)


def at_work(desk: Desk, server: JudgeServer, judge: Judge, run_id: int) -> threading.Thread:
    """A process that works on the run, and has asked."""
    with desk.database.write() as session:
        run.start(session, run_id, by=None)
    thread = threading.Thread(target=worker.work, args=(desk.database, run_id, judge))
    thread.start()
    while not server.log:
        time.sleep(0.01)
    return thread


def test_a_paused_run_goes_on_once_its_process_has_stored_what_it_asked(
    desk: Desk, server: JudgeServer
) -> None:
    judge = add(desk, server, criteria=["quality"], concurrency=8)
    server.latency = 1.5
    run_id = planned(desk, judge)
    first = at_work(desk, server, judge, run_id)
    with desk.database.write() as session:
        run.pause(session, run_id, by=None)
    with desk.database.write() as session, pytest.raises(Conflict, match="until what it has asked"):
        run.start(session, run_id, by=None)
    first.join()
    server.latency = 0.0
    ended = stored(desk, run_id)
    if ended.state == "paused":
        ended = worked(desk, judge, run_id)
    assert (ended.counts, len(server.log)) == ({"done": UNITS}, UNITS)
    assert ended.tokens["input"] == server.sum("input")


def test_two_runs_that_were_planned_together_pay_once(desk: Desk, server: JudgeServer) -> None:
    judge = add(desk, server, criteria=["quality"])
    server.latency = 0.05
    both = planned(desk, judge), planned(desk, judge)
    with ThreadPoolExecutor(2) as two:
        ended = list(two.map(lambda one: worked(desk, judge, one), both))
    assert [found.counts for found in ended] == [{"done": UNITS}] * 2
    assert len(server.log) == UNITS
    assert sum(found.tokens.get("input", 0) for found in ended) == server.sum("input")


def test_a_run_that_was_killed_holds_up_no_other(desk: Desk, server: JudgeServer) -> None:
    judge = add(desk, server, criteria=["quality"])
    killed, other = planned(desk, judge), planned(desk, judge)
    with desk.database.write() as session:
        run.start(session, killed, by=None)
        assert queue.claim(session, killed, judge, 5, at=now()).tasks
        session.get_one(JudgeRun, killed).beat_at = now() - 2 * run.BEAT
    assert worked(desk, judge, other).counts == {"done": UNITS}


def test_two_outputs_of_one_content_pay_once(desk: Desk, server: JudgeServer) -> None:
    judge = add(desk, server, criteria=["quality"])
    lines = [{"id": f"d{n}", "input": "?", "response": "Same 1", "segment": "d"} for n in range(4)]
    file = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
    with desk.database.write() as session:
        outputs.import_outputs(session, outputs.read_outputs(file, name="d.jsonl"), by=None)
        run_id = run.plan_run(session, judge, filters=Filters(segments=("d",)), by=None).id
    assert worked(desk, judge, run_id).counts == {"done": 4}
    assert len(server.log) == 1


def test_a_run_that_is_cancelled_stays_cancelled(desk: Desk, server: JudgeServer) -> None:
    judge = add(desk, server, criteria=["quality"], concurrency=1)
    server.latency = 1
    server.faults["Response"] = [lambda _: error(401, "no")]
    run_id = planned(desk, judge)
    process = at_work(desk, server, judge, run_id)
    with desk.database.write() as session:
        run.cancel(session, run_id, by=None)
    process.join()
    assert stored(desk, run_id).state == "cancelled"


def test_nothing_is_asked_after_a_run_is_stopped_while_all_wait(
    desk: Desk, server: JudgeServer
) -> None:
    judge = add(desk, server, criteria=["quality"], concurrency=1)
    server.faults["Response"] = [lambda _: error(429, "wait", headers={"retry-after": "4"})]
    run_id = planned(desk, judge)
    process = at_work(desk, server, judge, run_id)
    with desk.database.write() as session:
        run.cancel(session, run_id, by=None)
    process.join()
    assert len(server.log) == 1


def test_a_busy_server_that_names_no_time_is_given_one(desk: Desk, server: JudgeServer) -> None:
    judge = add(desk, server, criteria=["quality"], concurrency=4)
    server.faults["Response"] = [lambda _: error(429, "slow down")] * 12
    ended = worked(desk, judge)
    assert (ended.state, ended.counts) == ("done", {"done": UNITS})


@pytest.mark.parametrize("wait", [0, 1])
def test_a_server_that_is_down_and_asks_to_wait_is_not_asked_for_ever(
    desk: Desk, server: JudgeServer, wait: int
) -> None:
    judge = add(desk, server, criteria=["quality"], concurrency=1)
    headers = {"retry-after": str(wait)}
    server.faults["Response 0"] = [lambda _: error(503, "x", headers=headers)] * 99
    ended = worked(desk, judge)
    assert ended.counts == {"done": UNITS - 1, "failed": 1}
    assert len(server.log) == UNITS - 1 + queue.ATTEMPTS


@pytest.mark.parametrize("limit", [{"budget_tokens": 12_000}, {"budget_usd": 0.06}])
def test_long_answers_do_not_exceed_a_budget(
    desk: Desk, server: JudgeServer, limit: dict[str, Any]
) -> None:
    judge = add(desk, server, criteria=["quality"], concurrency=8)
    server.faults["Response"] = [long] * 50
    ended = worked(desk, judge, **limit)
    assert ended.state == "budget_exceeded"
    assert 0 < len(server.log) < UNITS
    assert budget.used(ended) <= limit.get("budget_tokens", 10**9)
    assert ended.cost_usd <= limit.get("budget_usd", 10**9)


def test_the_limit_of_an_answer_is_what_is_reserved_for_it(desk: Desk, server: JudgeServer) -> None:
    judge = add(desk, server, criteria=["quality"], parameters={"max_tokens": 100})
    with desk.database.write() as session:
        one = run.plan_run(session, judge, filters=None, budget_tokens=10**6, by=None)
        room = budget.Room(session, one, judge)
        before = room._tokens
        assert room.takes("quality", {"response": "é"})
        asked = judge.asks["quality"] + "One-time tag: data-00000000\n<data-00000000>\n"
        least = len(asked.encode()) + 100
        assert least < room._tokens - before < least + 60


def test_an_answer_without_usage_is_not_free(desk: Desk, server: JudgeServer) -> None:
    judge = add(desk, server, criteria=["quality"], concurrency=1)
    server.faults["Response"] = [lambda body: answered(body, None)] * 50
    ended = worked(desk, judge, budget_usd=1.0)
    assert ended.state == "aborted" and "does not say what an answer took" in (ended.note or "")
    assert len(server.log) < UNITS
    with desk.database.read() as session:
        assert set(session.exec(select(JudgeVerdict.cost_usd))) == {None}


def test_a_budget_keeps_the_limit_that_is_not_given(desk: Desk, server: JudgeServer) -> None:
    judge = add(desk, server, criteria=["quality"])
    run_id = planned(desk, judge, budget_tokens=100)
    with desk.database.write() as session:
        run.raise_budget(session, run_id, judge, usd=5.0, by=None)
    assert (stored(desk, run_id).budget_tokens, stored(desk, run_id).budget_usd) == (100, 5.0)
    for wrong in (float("nan"), -5.0, 0.0):
        with desk.database.write() as session, pytest.raises(BadInput, match="above 0"):
            run.raise_budget(session, run_id, judge, usd=wrong, by=None)
    dear = add(desk, server, name="dear", prices=None)
    with desk.database.write() as session, pytest.raises(BadInput, match="price of stub-1"):
        run.raise_budget(session, run_id, dear, usd=1.0, by=None)


def test_prices_samples_and_pace_of_a_judge_can_be_changed(desk: Desk, server: JudgeServer) -> None:
    first = add(desk, server, prices=None)
    again = add(desk, server, samples=3, timeout=50, concurrency=2)
    assert again.rater.id == first.rater.id
    with desk.database.read() as session:
        kept = judges.get_judge(session, "strict", by=None).spec
    assert (kept.samples, kept.timeout, kept.concurrency) == (3, 50, 2)
    assert kept.prices is not None and kept.prices.output == 10.0


@pytest.mark.parametrize("odd", ["half \\ud83d an emoji", "nul \\u0000 here"])
def test_a_character_that_no_database_stores_costs_no_answer(
    desk: Desk, server: JudgeServer, odd: str
) -> None:
    judge = add(desk, server, criteria=["quality"])
    content = f'{{"evidence": ["{odd}"], "critique": "{odd}", "level": 2}}'
    server.faults["Response 3"] = [lambda body: completion(content, body)]
    assert worked(desk, judge).counts == {"done": UNITS}
    with desk.database.read() as session:
        said = [c for c in session.exec(select(JudgeVerdict.critique)) if c and "odd" not in c]
    assert any(text.startswith(("half", "nul")) for text in said)


@pytest.mark.parametrize("top", [["2"], {"2": -0.1}, 5, [{"token": "2", "logprob": "high"}]])
def test_probabilities_that_are_none_cost_no_answer(
    desk: Desk, server: JudgeServer, top: Any
) -> None:
    tokens = [{"token": '{"level": '}, {"token": "2", "top_logprobs": top}, {"token": "}"}]
    judge = add(desk, server, criteria=["quality"], parameters={"logprobs": True})
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    server.faults["Response 3"] = [lambda body: answered(body, usage, logprobs={"content": tokens})]
    assert worked(desk, judge).counts == {"done": UNITS}
    with desk.database.read() as session:
        assert set(session.exec(select(JudgeVerdict.score_source))) == {"argmax"}


def test_a_run_whose_key_is_missing_says_so(
    desk: Desk, server: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    judge = add(desk, server, base_url=None, model="gpt-6.1-terra")
    run_id = planned(desk, judge)
    with pytest.raises(BadInput, match="OPENAI_API_KEY is not set"):
        worked(desk, judge, run_id)
    ended = stored(desk, run_id)
    assert ended.state == "aborted" and "OPENAI_API_KEY is not set" in (ended.note or "")


def test_a_key_that_a_server_says_is_stored_nowhere(
    desk: Desk, server: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-123")
    judge = add(desk, server, criteria=["quality"], concurrency=1)
    server.faults["Response"] = [lambda _: error(401, "key sk-secret-123 is not valid")]
    ended = worked(desk, judge)
    assert ended.state == "aborted" and "key (the key) is not valid" in (ended.note or "")
    with desk.database.read() as session:
        assert "sk-secret" not in " ".join(filter(None, session.exec(select(JudgeTask.problem))))


def test_an_output_that_is_too_long_teaches_nothing_about_parameters(
    desk: Desk, server: JudgeServer
) -> None:
    judge = add(desk, server, criteria=["quality"], concurrency=1, parameters={"max_tokens": 300})
    server.faults["Response 2"] = [
        lambda _: error(400, "'max_tokens' is too large: 300. The context has 4096 tokens.")
    ]
    ended = worked(desk, judge)
    assert ended.counts == {"done": UNITS - 1, "failed": 1}
    assert all("max_tokens" in asked.body for asked in server.log)
    assert len(server.log) == UNITS, "what cannot be mended is asked once"


def test_what_was_refused_once_and_fails_now_is_listed_as_failed(
    desk: Desk, server: JudgeServer
) -> None:
    judge = add(desk, server, criteria=["quality"])
    server.faults["Response 0"] = [lambda b: completion(None, b, refusal="I will not.")]
    run_id = planned(desk, judge)
    at_once(desk, judge, run_id)
    with desk.database.write() as session:
        run.retry(session, run_id, by=None)
    server.faults["Response 0"] = [lambda _: error(500, "down")] * 9
    at_once(desk, judge, run_id)
    with desk.database.read() as session:
        (one,) = run.missing(session, [session.get_one(JudgeRun, run_id)])
    assert (one.status, "down" in (one.problem or "")) == ("failed", True)


def test_what_is_asked_again_and_cancelled_keeps_its_reasons(
    desk: Desk, server: JudgeServer
) -> None:
    judge = add(desk, server, criteria=["quality"])
    server.faults["Response 0"] = [lambda b: completion(None, b, refusal="I will not.")]
    server.faults["Response 1"] = [lambda _: error(500, "down")] * 9
    run_id = planned(desk, judge)
    ended = at_once(desk, judge, run_id)

    def told() -> set[tuple[str, str, str]]:
        with desk.database.read() as session:
            found = run.missing(session, [session.get_one(JudgeRun, run_id)])
        return {(one.output, one.status, one.problem or "") for one in found}

    before = told()
    assert {status for _, status, _ in before} == {"refused", "failed"}, ended.counts
    with desk.database.write() as session:
        assert run.retry(session, run_id, by=None) == 2
    assert not told()
    with desk.database.write() as session:
        run.cancel(session, run_id, by=None)
    assert told() == before
    assert stored(desk, run_id).counts == {"done": UNITS - 1, "failed": 1}


def test_a_budget_that_unreadable_answers_have_used_up_is_told_with_what_was_wrong(
    desk: Desk, server: JudgeServer
) -> None:
    judge = add(desk, server, criteria=["quality"], concurrency=1)
    server.faults["Response"] = [lambda b: completion("no level", b)] * 99
    with desk.database.write() as session:
        run_id = run.plan_run(
            session, judge, round_=desk.round(), budget_tokens=4000, by=None
        ).id or 0  # fmt: skip
    ended = worked(desk, judge, run_id)
    assert ended.state == "budget_exceeded" and len(server.log) > 1
    assert f"; {len(server.log)} questions were asked without getting a verdict, most often: " in (
        ended.note or ""
    )
    assert "the answer is no JSON" in (ended.note or "")


def test_a_judge_whose_answers_are_all_cut_off_is_stopped_early_and_told_so(
    desk: Desk, server: JudgeServer
) -> None:
    judge = add(desk, server, criteria=["quality"], concurrency=1, parameters={"max_tokens": 3})
    server.faults["Response"] = [lambda body: completion('{"lev', body, finish="length")] * 50
    run_id = planned(desk, judge)
    with desk.database.read() as session:
        waits = str(no_scores(session, desk.round(), "strict", []))
        assert f"its run {run_id} is planned" in waits and "failures" not in waits
        assert "its run" not in str(no_scores(session, desk.round(), "STRICT", []))
    ended = worked(desk, judge, run_id)
    assert (ended.state, len(server.log)) == ("aborted", worker.ALIKE)
    assert ended.note == (
        f"{worker.ALIKE} answers were cut off at the token limit, and none could be read: "
        + worker.MORE_TOKENS
        + worker.LEVEL_ALONE
    )
    assert ended.counts == {"done": worker.ALIKE, "queued": UNITS - worker.ALIKE}, "each is kept"
    assert ended.tokens["input"] == server.sum("input"), "what was paid is counted"
    with desk.database.read() as session:
        told = no_scores(session, desk.round(), "strict", [])
        assert f"its run {run_id} gave no verdict" in str(told)
        assert "it has those of: A, B" in str(no_scores(session, desk.round(), "other", ["A", "B"]))


def test_answers_that_are_cut_off_at_once_are_all_kept(desk: Desk, server: JudgeServer) -> None:
    judge = add(desk, server, criteria=["quality"], concurrency=8, parameters={"max_tokens": 3})
    server.latency = 0.1
    server.faults["Response"] = [lambda body: completion('{"lev', body, finish="length")] * 50
    run_id = planned(desk, judge)
    assert worked(desk, judge, run_id).state == "aborted"
    worked(desk, judge, run_id)
    with desk.database.read() as session:
        found = session.exec(select(JudgeVerdict.output_id, JudgeVerdict.status)).all()
    assert len(server.log) == len(found) == len({output for output, _ in found})
    assert {status for _, status in found} == {"truncated"}


@pytest.mark.parametrize("words", ["fastapi", "gateway"])
def test_a_refusal_is_alike_though_each_says_more_of_its_own(
    desk: Desk, server: JudgeServer, words: str
) -> None:
    numbers = itertools.count()

    def refused(body: dict[str, Any]) -> Response:
        if words == "gateway":
            return Response(f"<h1>Bad Request</h1> Ray ID: {next(numbers)}", 400)
        lacks = {"type": "missing", "loc": ["body", "tenant"], "msg": "Field required"}
        return JSONResponse({"detail": [{**lacks, "input": body}]}, 422)

    judge = add(desk, server, criteria=["quality"], concurrency=1)
    server.faults["Response"] = [refused] * 50
    run_id = planned(desk, judge)
    ended = worked(desk, judge, run_id)
    assert (ended.state, len(server.log)) == ("aborted", worker.ALIKE)
    said = ended.note or ""
    if words == "fastapi":
        assert said.endswith("alike: HTTP 422: body.tenant: Field required")
    else:
        assert "HTTP 400: <h1>Bad Request</h1> Ray ID" in said


def test_what_the_server_refuses_alike_stops_the_run_early(desk: Desk, server: JudgeServer) -> None:
    judge = add(desk, server, criteria=["quality"], concurrency=1, parameters={"top_k": 5})

    def refused(_: dict[str, Any]) -> Response:
        return error(400, "top_k must be 1")

    server.faults["Response"] = [refused] * 50
    run_id = planned(desk, judge)
    ended = worked(desk, judge, run_id)
    assert (ended.state, len(server.log)) == ("aborted", worker.ALIKE)
    assert ended.note == "the server refuses every question alike: HTTP 400: top_k must be 1"
    assert ended.counts == {"failed": worker.ALIKE - 1, "queued": UNITS - worker.ALIKE + 1}
    server.faults.clear()
    with desk.database.write() as session:
        assert run.retry(session, run_id, by=None) == worker.ALIKE - 1
    assert worked(desk, judge, run_id).counts == {"done": UNITS}
    # A judge that has been answered is fit: what is refused now is these outputs' own fault.
    server.faults["more"] = [refused] * 50
    lines = [
        {"id": f"d{n}", "input": "?", "response": f"more {n}", "segment": "d"} for n in range(7)
    ]
    with desk.database.write() as session:
        file = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
        outputs.import_outputs(session, outputs.read_outputs(file, name="d.jsonl"), by=None)
        later = run.plan_run(session, judge, filters=Filters(segments=("d",)), by=None).id
    assert worked(desk, judge, later).counts == {"failed": 7}


def test_what_was_paid_stands_with_one_rating(desk: Desk, server: JudgeServer) -> None:
    server.level = lambda _, question: 2 if question == "Quality" else ["stale"]
    judge = add(desk, server)
    ended = worked(desk, judge)
    again = add(desk, server, cut_points={"quality": [1.5, 2.5]})
    assert worked(desk, again).cost_usd == 0.0
    dear = add(desk, server, name="dear", model="other", prices=None)
    worked(desk, dear)
    with desk.database.read() as session:
        said = frame(session)
    by_rater = {name: rows["cost_usd"] for name, rows in said.groupby("rater", observed=True)}
    assert len(by_rater["strict@1"]) == 3 * UNITS
    assert by_rater["strict@1"].sum() == pytest.approx(ended.cost_usd) and ended.cost_usd > 0
    assert set(by_rater["strict@2"]) == {0.0}, "it has asked nothing"
    assert by_rater["dear@1"].isna().all(), "unknown, and not free"


def taken_over(desk: Desk, judge: Judge, run_id: int) -> tuple[queue.Task, queue.Task]:
    """One question as two processes hold it: the first was thought dead."""
    with desk.database.write() as session:
        run.start(session, run_id, by=None)
        (first,) = queue.claim(session, run_id, judge, 1, at=now()).tasks
        session.get_one(JudgeRun, run_id).beat_at = now() - 2 * run.BEAT
    with desk.database.write() as session:
        run.start(session, run_id, by=None)
        (second,) = queue.claim(session, run_id, judge, 1, at=now()).tasks
    assert first.id == second.id
    return first, second


def told(task: queue.Task, kind: str, level: int = 2) -> queue.Outcome:
    usage = {"input": 10, "output": 5} if kind == "answered" else {}
    reply = Reply(
        "answered" if kind == "answered" else "transient", content=f'{{"level": {level}}}',
        usage=usage, raw="{}" if usage else None, problem="" if usage else "no connection",
    )  # fmt: skip
    criterion = rubric.parse(RUBRIC).criterion(task.criterion)
    return queue.Outcome(task, verdict.of(criterion, reply), reply)


@pytest.mark.parametrize("late", ["answered", "failed", "given back"])
def test_a_process_that_was_thought_dead_takes_nothing_from_the_one_that_works(
    desk: Desk, server: JudgeServer, late: str
) -> None:
    judge = add(desk, server, criteria=["quality"])
    run_id = planned(desk, judge)
    first, second = taken_over(desk, judge, run_id)
    with desk.database.write() as session:
        if late == "given back":
            queue.give_back(session, [first])
        else:
            queue.settle(session, run_id, judge, [told(first, late, 1)], at=now())
    with desk.database.read() as session:
        state = session.get_one(JudgeTask, first.id).state
    assert state == ("done" if late == "answered" else "leased"), "nobody asks it a third time"
    with desk.database.write() as session:
        queue.settle(session, run_id, judge, [told(second, "answered", 3)], at=now())
    with desk.database.read() as session:
        (kept,) = session.exec(select(JudgeVerdict)).all()
        task, ended = session.get_one(JudgeTask, first.id), session.get_one(JudgeRun, run_id)
        (rated,) = session.exec(select(Rating)).all()
    paid = 2 if late == "answered" else 1
    assert kept.score == rated.value == (1 if late == "answered" else 3)
    assert (task.state, ended.counts["done"]) == ("done", 1)
    assert ended.tokens == {"input": 10 * paid, "output": 5 * paid}, "both were paid"


def test_the_time_that_is_left_goes_by_what_was_answered_since_the_start(
    desk: Desk, server: JudgeServer
) -> None:
    judge = add(desk, server, criteria=["quality"])
    run_id = planned(desk, judge)
    with desk.database.write() as session:
        run.start(session, run_id, by=None)
        tasks = queue.claim(session, run_id, judge, 4, at=now()).tasks
        two = [told(task, "answered") for task in tasks[:2]]
        queue.settle(session, run_id, judge, two, at=now() - timedelta(days=2))
    with desk.database.write() as session:
        one = session.get_one(JudgeRun, run_id)
        assert run.remaining(session, one) is None, "those were answered before a pause"
        one.started_at = now() - timedelta(seconds=30)
        two = [told(task, "answered") for task in tasks[2:]]
        queue.settle(session, run_id, judge, two, at=now())
    with desk.database.read() as session:
        one = session.get_one(JudgeRun, run_id)
        left = run.remaining(session, one)
    assert one.counts == {"done": 4, "queued": UNITS - 4}
    assert left is not None
    # Two in half a minute; four wait.
    assert 60 <= left.total_seconds() < 75


def test_a_model_whose_long_requests_cost_more_is_paid_by_its_tiers() -> None:
    """gemini-2.5-pro: 1.25 USD a million tokens of input up to 200,000, 2.50 above."""
    one = spec.from_document(
        {
            "name": "long", "model": "gemini-2.5-pro", "rubric": "answers",
            "base_url": "https://generativelanguage.googleapis.com/v1beta/openai",
        }
    )  # fmt: skip
    short, long_ = (prices.cost(one, {"input": n, "output": 0}) for n in (100_000, 400_000))
    assert short == pytest.approx(0.125)
    assert long_ == pytest.approx(1.0), "the whole of it at the higher price"


def test_what_was_settled_is_counted_at_the_next_beat_though_nothing_comes_any_more(
    desk: Desk, server: JudgeServer
) -> None:
    judge = add(desk, server, criteria=["quality"])
    run_id = planned(desk, judge)
    with desk.database.write() as session:
        run.start(session, run_id, by=None)
        (task, *_) = queue.claim(session, run_id, judge, 2, at=now()).tasks
    one = queue.Outcome(task, verdict.Verdict("failed"), Reply("invalid", problem="too long"))
    with desk.database.write() as session:
        queue.settle(session, run_id, judge, [one], at=now(), count=False)
    with desk.database.write() as session:
        queue.claim(session, run_id, judge, 0, at=now())
    assert stored(desk, run_id).counts == {"queued": UNITS - 2, "leased": 1, "done": 1}


def test_nobody_who_listens_costs_no_answer(desk: Desk, server: JudgeServer) -> None:
    judge = add(desk, server, criteria=["quality"], concurrency=4)
    run_id = planned(desk, judge)
    counts = []

    def gone(one: JudgeRun) -> None:
        # What is told is stored: another connection sees it.
        counts.append((one.tokens["input"], stored(desk, run_id).tokens["input"]))
        raise OSError("Input/output error")

    with desk.database.write() as session:
        run.start(session, run_id, by=None)
    ended = worker.work(desk.database, run_id, judge, told=gone)
    assert (ended.state, ended.counts, len(server.log)) == ("done", {"done": UNITS}, UNITS)
    assert counts and all(said == seen for said, seen in counts)


def test_a_run_stops_at_once_while_its_server_has_asked_to_wait(
    desk: Desk, server: JudgeServer
) -> None:
    judge = add(desk, server, criteria=["quality"], concurrency=2)
    server.faults["Response"] = [lambda _: error(429, "wait", headers={"retry-after": "3000"})]
    run_id = planned(desk, judge)
    process = at_work(desk, server, judge, run_id)
    with desk.database.write() as session:
        run.pause(session, run_id, by=None)
    process.join()
    paused = stored(desk, run_id)
    assert (paused.state, "leased" in paused.counts) == ("paused", False)
    with desk.database.write() as session:
        run.start(session, run_id, by=None)
