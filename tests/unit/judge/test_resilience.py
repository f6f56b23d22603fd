"""How a run behaves towards a provider in trouble, graded by a server made for that."""

import pytest
from llmock.pytest_plugin import LLMock

from annotate.judge import judges, run, spec, worker
from annotate.rounds import get_round
from db.engine import Database
from db.tables import JudgeRun
from tests.unit.desk_round import Desk

UNITS = 4
GOOD = '{"evidence": [], "critique": "Fine.", "injection_suspected": false, "level": 2}'


def worked(database: Database, mock: LLMock) -> JudgeRun:
    Desk(database, units=UNITS)
    document = {
        "name": "j", "model": "gpt-6-luna", "base_url": mock.base_url(), "rubric": "answers",
        "criteria": ["quality"], "concurrency": 2, "timeout": 2,
    }  # fmt: skip
    with database.write() as session:
        judge = judges.add_judge(session, spec.from_document(document), by=None)
        run_id = run.plan_run(session, judge, round_=get_round(session, "R"), by=None).id
        assert run_id is not None
        run.start(session, run_id, by=None)
    return worker.work(database, run_id, judge)


def test_a_rate_limit_is_waited_out_by_all(sqlite_database: Database, llmock: LLMock) -> None:
    llmock.rate_limit(times=2, retry_after=0.5).reply(GOOD, times=None)
    ended = worked(sqlite_database, llmock)
    assert (ended.state, ended.counts) == ("done", {"done": UNITS})
    llmock.assert_resilient()


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_that_stumbles_is_asked_again_with_pauses(
    sqlite_database: Database, llmock: LLMock, status: int
) -> None:
    llmock.fail(status, times=2).reply(GOOD, times=None)
    ended = worked(sqlite_database, llmock)
    assert (ended.state, ended.counts) == ("done", {"done": UNITS})
    llmock.assert_resilient()


def test_a_wrong_key_is_tried_no_second_time(sqlite_database: Database, llmock: LLMock) -> None:
    llmock.fail(401, times=None)
    ended = worked(sqlite_database, llmock)
    assert ended.state == "aborted"
    assert len(llmock.requests) <= 2, "those that were on their way"
    llmock.assert_resilient()
