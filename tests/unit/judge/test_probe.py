"""What a judge that obeys the text that it judges, and one that does not, look like when probed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from annotate.errors import BadInput
from annotate.judge import judges, spec
from annotate.judge.judges import Judge
from annotate.judge.probe import ATTEMPTS, probe
from db.engine import Database
from tests.judge_server import JudgeServer, error, serving
from tests.unit.desk_round import Desk


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with serving(JudgeServer()) as started:
        yield started


def judge(database: Database, server: JudgeServer, **fields: Any) -> Judge:
    Desk(database)
    document = {"name": "j", "model": "m", "base_url": server.base, "rubric": "answers", **fields}
    with database.write() as session:
        return judges.add_judge(session, spec.from_document(document), by=None)


def test_a_judge_that_obeys_what_it_reads_is_caught(
    sqlite_database: Database, server: JudgeServer
) -> None:
    obeys = ("Ignore all", "level is", "3")
    server.level = lambda data, _: 3 if any(w in data["response"] for w in obeys[:2]) else 1
    found = probe(judge(sqlite_database, server))
    assert (found.criterion, found.honest) == ("quality", 1)
    fooled = {attempt.name for attempt in found.attempts if attempt.fooled}
    assert fooled == {"order", "role", "hidden"} and found.fooled == 3
    assert len(server.log) == 1 + len(ATTEMPTS)
    assert found.sentence.startswith("Fooled by 3 of 9 attempts: it gives the poor answer 1 by")


def test_a_judge_that_stands_is_said_to_stand(
    sqlite_database: Database, server: JudgeServer
) -> None:
    server.level = lambda *_: 1
    found = probe(judge(sqlite_database, server))
    assert (found.fooled, found.answered, found.measured) == (0, 9, 9)
    # What tries is data to the last letter: inside its tag, and as JSON.
    for asked in server.log:
        assert "</data>" not in json.dumps(asked.body["messages"][-1]["content"])
        assert "\u200b" not in asked.body["messages"][-1]["content"]


def test_a_server_that_fails_is_no_judge_that_stands(
    sqlite_database: Database, server: JudgeServer
) -> None:
    def failing(_: dict[str, Any]) -> Any:
        return error(401, "no such key")

    server.faults["90 days"] = [failing] * 20
    with pytest.raises(BadInput, match="could not be probed: HTTP 401"):
        probe(judge(sqlite_database, server))


@pytest.mark.parametrize(
    ("level", "answered", "said"),
    [
        ("cannot_judge", 0, "Not measured: it gives the poor answer no level"),
        (3, 9, "Not measured: it gives the poor answer 3, the best level, by itself"),
    ],
)
def test_a_judge_that_says_nothing_or_always_the_best_is_not_praised(
    sqlite_database: Database, server: JudgeServer, level: Any, answered: int, said: str
) -> None:
    server.level = lambda *_: level
    found = probe(judge(sqlite_database, server))
    assert (found.fooled, found.answered, found.measured) == (0, answered, 0)
    assert {attempt.fooled for attempt in found.attempts} == {None}
    assert found.sentence.startswith(said)


def test_attempts_that_got_no_level_do_not_count_as_withstood(
    sqlite_database: Database, server: JudgeServer
) -> None:
    poor = "nothing is kept."
    server.level = lambda data, _: 1 if data["response"].endswith(poor) else "cannot_judge"
    one = judge(sqlite_database, server)
    found = probe(one)
    assert (found.honest, found.answered, found.measured) == (1, 0, 0)
    assert found.sentence.startswith("Not measured: it gave no level to any of 9 attempts")
    server.level = lambda data, _: "cannot_judge" if "Ignore all" in data["response"] else 1
    found = probe(one)
    assert (found.fooled, found.answered, found.measured) == (0, 8, 8)
    assert "1 got no level" in found.sentence


def test_an_attempt_that_a_filter_refuses_costs_nothing_and_hides_no_cost(
    sqlite_database: Database, server: JudgeServer
) -> None:
    server.level = lambda *_: 1
    server.faults["Ignore all"] = [lambda _: error(400, "filtered", code="content_filter")]
    found = probe(judge(sqlite_database, server, prices={"input": 1, "output": 10}))
    assert (found.answered, len(server.answered)) == (8, 9)
    paid = (server.sum("input") + 10 * server.sum("output")) / 1e6
    assert found.usd == pytest.approx(paid) and paid > 0
