"""A version is all that can change an answer, an answer belongs to its question, and what an earlier
release has stored stays valid."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlmodel import select

from annotate import people, rubric_versions
from annotate.errors import BadInput, BadRubric
from annotate.judge import decisions, judges, lexical, prompt, spec
from annotate.judge.chat import client
from annotate.judge.judges import Judge
from db.engine import Database
from db.tables import JudgeRun, JudgeVerdict, Output, Rater, now
from tests.judge_server import JudgeServer, serving
from tests.unit.desk_round import RUBRIC, Desk
from tests.unit.judge.test_judge_run import add, planned, worked

RUBRIC_HASH = "40ff8a83a749c66071cddd53c2587b4c063a83c4565671393f320eeb67373ead"
STORED: dict[str, Any] = {
    "name": "strict", "engine": "chat", "model": "stub-1", "base_url": "http://judge.test/v1",
    "rubric": "answers", "criteria": ["quality"], "sees": ["input", "contexts", "response"],
    "needs": ["response"], "parameters": {}, "shots": 0, "critique": True, "samples": 1,
    "cut_points": {}, "api_key_env": "DATABASE_PASSWORD", "timeout": 120.0, "concurrency": 8,
}  # fmt: skip
"""What the first release that had judges wrote, to the letter."""
VERSION = "0e61e6519e65720a"
OF_DECISIONS = STORED | {
    "engine": "decisions", "model": "gpt-6-luna", "base_url": None, "api_key_env": "OPENAI_API_KEY"
}  # fmt: skip
DECISIONS_VERSION = "64284c6031cd9b3c"


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with serving(JudgeServer(level=lambda *_: 2)) as started:
        yield started


@pytest.fixture
def desk(sqlite_database: Database) -> Desk:
    return Desk(sqlite_database)


def stored_before(desk: Desk, said: dict[str, Any], version: str, *, name: str = "strict") -> Rater:
    """A judge as an earlier release left it."""
    identity = {
        "judge": name, "number": 1, "version": version, "spec": said, "rubric": "answers@1",
        "rubric_hash": RUBRIC_HASH, "shots": {},
    }  # fmt: skip
    with desk.database.write() as session:
        return people.add_rater(session, f"{name}@1", kind="judge", identity=identity)


def judge_of(desk: Desk, name: str = "strict") -> Judge:
    with desk.database.read() as session:
        return judges.get_judge(session, name, by=None)


def test_an_answer_that_an_earlier_release_stored_is_found_and_not_paid_for(desk: Desk) -> None:
    rater = stored_before(desk, STORED, VERSION)
    judge = judge_of(desk)
    assert (judge.rater.id, judge.version, judge.outdated) == (rater.id, VERSION, ())
    with desk.database.write() as session:
        before = JudgeRun(rater_id=rater.id or 0, scope={}, state="done", started_at=now())
        session.add(before)
        session.flush()
        for output in session.exec(select(Output)).all():
            told = json.dumps(
                [VERSION, "quality", 1, judge.fields(output)], sort_keys=True, ensure_ascii=False
            )
            session.add(
                JudgeVerdict(
                    key=hashlib.sha256(told.encode()).hexdigest(), run_id=before.id or 0,
                    output_id=output.id or 0, criterion="quality", status="ok", score=2.0,
                    answer={"value": 2.0},
                )
            )  # fmt: skip
    run_id = planned(desk, judge)
    with desk.database.write() as session:
        counts = session.get_one(JudgeRun, run_id).counts
        refitted = judges.with_cut_points(session, judge, {"quality": (1.5, 1.8)}, by=None)
    assert counts == {"done": 4}
    run_id = planned(desk, refitted)
    with desk.database.read() as session:
        assert session.get_one(JudgeRun, run_id).counts == {"done": 4}


@pytest.mark.parametrize(
    ("said", "version"), [(STORED, VERSION), (OF_DECISIONS, DECISIONS_VERSION)]
)
def test_the_file_of_a_stored_judge_is_the_same_judge(
    desk: Desk, said: dict[str, Any], version: str
) -> None:
    rater = stored_before(desk, {k: v for k, v in said.items() if v is not None}, version)
    file = {k: v for k, v in said.items() if v is not None} | {"api_key_env": "OTHER_API_KEY"}
    with desk.database.write() as session:
        again = judges.add_judge(session, spec.from_document(file), by=None)
    assert again.rater.id == rater.id
    assert judge_of(desk).spec.api_key_env == "OTHER_API_KEY", "which may be told anew"


def test_other_words_after_an_upgrade_are_not_asked_under_the_old_version(
    desk: Desk, server: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = add(desk, server, criteria=["quality"])
    waiting = planned(desk, judge)
    old = stored_before(desk, STORED | {"name": "old"}, "not this one", name="old")
    monkeypatch.setattr(prompt, "_ORDER", prompt._ORDER + " Be brief.")
    for name in ("strict", old.name):
        now_ = judge_of(desk, name)
        assert now_.outdated == ("quality",)
        with pytest.raises(BadInput, match=r"asks quality in other words.*add its file again"):
            planned(desk, now_)
    ended = worked(desk, judge_of(desk), waiting)
    assert (ended.state, server.log) == ("aborted", [])
    assert "in other words" in (ended.note or "")
    newer = add(desk, server, criteria=["quality"])
    assert (newer.rater.name, newer.outdated) == ("strict@2", ())
    assert worked(desk, newer).state == "done"


@pytest.mark.parametrize(
    ("engine", "module", "name"),
    [("decisions", decisions, "_IGNORE"), ("lexical", lexical, "VERSION")],
)
def test_the_words_of_every_engine_are_part_of_the_version(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, engine: str, module: Any, name: str
) -> None:
    document = {"name": "j", "engine": engine, "rubric": "answers"}
    if engine == "decisions":
        document["model"] = "gpt-6-luna"

    def added(**more: Any) -> Judge:
        with desk.database.write() as session:
            return judges.add_judge(session, spec.from_document(document | more), by=None)

    first = added()
    assert added(critique=False).rater.id == first.rater.id, "it gives no reasons anyway"
    monkeypatch.setattr(module, name, getattr(module, name) * 2)
    assert added().rater.name == "j@2"


def test_another_criterion_costs_nothing_for_those_there_are(
    desk: Desk, server: JudgeServer
) -> None:
    server.level = lambda _, question: 2 if question == "Quality" else []
    worked(desk, add(desk, server, criteria=["quality"]))
    more = add(desk, server)
    assert more.rater.name == "strict@2"
    ended = worked(desk, more)
    assert ended.counts == {"done": 8}
    assert len(server.log) == 4 + 4, "quality is not asked again"


def test_another_pass_point_is_another_judge_whose_answers_are_there(
    desk: Desk, server: JudgeServer
) -> None:
    worked(desk, add(desk, server, criteria=["quality"]))
    with desk.database.write() as session:
        text = RUBRIC.replace("    points:\n", "    pass_at: 3\n    points:\n", 1)
        assert rubric_versions.add_rubric(session, text, source_name="a.yaml").version == 2
    newer = add(desk, server, criteria=["quality"])
    assert (newer.rater.name, worked(desk, newer).counts) == ("strict@2", {"done": 4})
    assert len(server.log) == 4


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (
            "api_key_env",
            "DATABASE_PASSWORD",
            "api_key_env: is 'DATABASE_PASSWORD'; name a variable",
        ),
        ("api_key_env", "AWS_SECRET_ACCESS_KEY", "ends in _API_KEY or _TOKEN"),
        ("base_url", "https://x/v1?api-key=sk-1", "base_url: has a part after the path"),
        ("base_url", "https://u:p@x/v1", "base_url: holds a password"),
        ("parameters", {"api_key": "sk-1"}, "parameters.api_key: would be stored and shown"),
        ("parameters", {"max_tokens": "lots"}, "parameters.max_tokens: is 'lots'"),
        ("parameters", {"max_completion_tokens": 0}, "give a whole number above 0"),
        ("parameters", {"extra_headers": {"Authorization": "Bearer sk-1"}}, "Authorization"),
        ("parameters", {"Token": "sk-1"}, "parameters.Token: would be stored and shown"),
        ("parameters", {"extra_headers": {"X-Auth-Token": "sk-1"}}, "X-Auth-Token"),
        ("parameters", {"extra_body": [{"hf_token": "sk-1"}]}, "hf_token: would be stored"),
        ("temprature", 0, "temprature: is not a known key; use name, engine, model"),
        ("samples", 0, "samples: is 0; give a whole number from 1 to 10"),
        ("shots", "many", "shots: is many; give a whole number from 0 to 8"),
        ("rubric", None, "rubric: is empty"),
        ("criteria", "quality", "criteria: is not a list"),
    ],
)
def test_what_a_judges_file_may_not_say_is_refused_in_its_own_words(
    field: str, value: Any, said: str
) -> None:
    document = {"name": "j", "model": "m", "rubric": "answers", field: value}
    with pytest.raises(spec.BadJudge) as refused:
        spec.from_document(document)
    assert said in str(refused.value) and "sk-1" not in str(refused.value)
    assert "criteria, each with" not in str(refused.value)


def test_limits_of_tokens_hold_no_key() -> None:
    taken = {"max_tokens": 9, "max_completion_tokens": 9, "extra_body": {"stop_token_ids": [2]}}
    document = {"name": "j", "model": "m", "rubric": "answers", "parameters": taken}
    assert spec.from_document(document).parameters == taken


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "judge.yaml: is empty; write at least a name, a model and a rubric"),
        ("- a\n", "judge.yaml: is not a judge; start with `name:`, `model:` and `rubric:`"),
        ("name: a\nrubric: r\n", "model: is missing; name the model as its server calls it"),
        ("model: m\nrubric: r\n", "name: is missing; give the judge a short name"),
        ("name: d\nengine: decisions\nmodel: m\nrubric: r\nshots: 2\n", "takes no examples"),
        ("name: d\nengine: lexical\nrubric: r\nparameters: {seed: 1}\n", "asks no server"),
    ],
)
def test_a_judges_file_is_refused_as_one(text: str, said: str) -> None:
    with pytest.raises(BadRubric) as refused:
        spec.parse(text)
    assert said in str(refused.value)


def test_a_stored_judge_sends_no_other_variable_to_its_server(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "very secret")
    stored_before(desk, STORED, VERSION)
    with pytest.raises(BadInput, match="api_key_env is 'DATABASE_PASSWORD'; name a variable"):
        client(judge_of(desk).spec)


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "HF_TOKEN", "AZURE_OPENAI_AD_TOKEN"])
def test_the_names_that_people_use_for_keys_are_taken(name: str) -> None:
    document = {"name": "j", "model": "m", "rubric": "answers", "api_key_env": name}
    assert spec.from_document(document).api_key_env == name
