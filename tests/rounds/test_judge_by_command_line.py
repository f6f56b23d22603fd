"""A judge's whole way by command line: added, run over two rounds, calibrated, changed, and caught."""

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from annotate.reports.timeline import moved_units, timeline
from annotate.rounds import get_round
from db.engine import Database
from tests.command_line import CommandLine
from tests.judge_server import JudgeServer, serving
from tests.rounds.workspace import RATERS, SEGMENTS, quality, write_outputs, write_ratings

LAUNCH = ("--rubric", "rag", "--units", "60", "--by", "segment", "--overlap", "3",
          "--seed", "7", *(word for name in RATERS for word in ("--rater", name)))  # fmt: skip
JUDGE = """
name: strict
model: {model}
base_url: {base}
rubric: rag
criteria: [faithfulness]
prices: {{input: 1, output: 4}}
"""


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with serving(JudgeServer()) as started:
        started.level = graded({})
        yield started


def graded(shift_in: dict[str, int]) -> Any:
    """A judge that follows the truth but for a little noise, and is lenient in some segments."""

    def level(data: dict[str, Any], _: str) -> int:
        found = re.search(r"Answer (\d+) of", data["response"])
        assert found
        number = int(found[1])
        noise = random.Random(f"judge{number}").choice((0, 0, 0, 0, -1, 1))
        said = quality(f"out-{number:03}") + noise + shift_in.get(SEGMENTS[number % 3], 0)
        return min(5, max(1, said))

    return level


def keys_of(run: CommandLine, name: str) -> list[str]:
    return [unit["key"] for unit in run("round", "design", name).json["units"]]


def test_a_judge_is_added_run_calibrated_changed_and_caught(
    sqlite_database: Database, tmp_path: Path, server: JudgeServer
) -> None:
    run = CommandLine(tmp_path, sqlite_database.url.render_as_string(False))
    run("output", "import", *[str(path) for path in write_outputs(tmp_path)])
    own = run("rubric", "show", "rag-answer").out.replace("name: rag-answer", "name: rag")
    (tmp_path / "rag.yaml").write_text(own)
    run("rubric", "add", "rag.yaml")
    for name in RATERS:
        run("rater", "add", name)
    run("round", "launch", "q3", *LAUNCH, "--anchors", "54")
    (tmp_path / "judge.yaml").write_text(JUDGE.format(model="stub-1", base=server.base))
    assert "strict@1 was added" in run("judge", "add", "judge.yaml").err
    assert "already" in run("judge", "add", "judge.yaml").err

    before = run("judge", "run", "strict", "--round", "q3", "--dry-run", "--json").json
    assert before["questions"] == 60 and before["usd"] > 0 and not server.log
    assert run("judge", "runs", "--json").json["rows"] == []
    done = run("judge", "run", "strict", "--round", "q3", "--json").json
    assert (done["state"], done["counts"], len(server.log)) == ("done", {"done": 60}, 60)
    assert done["tokens"] == {"input": server.sum("input"), "output": server.sum("output")}
    paid = (server.sum("input") + 4 * server.sum("output")) / 1e6
    assert done["cost_usd"] == pytest.approx(paid)
    (tmp_path / "floor.yaml").write_text("name: floor\nengine: lexical\nrubric: rag\n")
    run("judge", "add", "floor.yaml")
    run("judge", "run", "floor", "--round", "q3")

    for rater in RATERS:
        run("rating", "import", str(write_ratings(tmp_path / f"{rater}.csv", rater, keys_of(run, "q3"), "q3")),
            "--round", "q3")  # fmt: skip
    run("round", "close", "q3")
    rows = run("calibration", "q3", "--json").json["rows"]
    by = {r["judge"]: r for r in rows if r["criterion"] == "faithfulness"}
    assert by["strict@1"]["weighted_kappa"]["value"] > 0.6
    assert by["floor@1"]["verdict"] != "trust", "word overlap is no judge"

    # The model behind the same name is another one, and lenient in one segment.
    run("round", "launch", "q4", *LAUNCH, "--anchors-from", "q3", "--baseline", "q3")
    (tmp_path / "judge.yaml").write_text(JUDGE.format(model="stub-2", base=server.base))
    assert "strict@2 was added" in run("judge", "add", "judge.yaml").err
    server.level = graded({"refunds": 2})
    run("judge", "run", "strict", "--round", "q4")
    for rater in RATERS:
        run("rating", "import", str(write_ratings(tmp_path / f"{rater}.csv", rater, keys_of(run, "q4"), "q4")),
            "--round", "q4")  # fmt: skip
    run("round", "close", "q4")
    report = run(
        "drift", "--judge", "strict", "--baseline", "q3", "--current", "q4", "--by", "segment",
        "--json", code=1,
    ).json  # fmt: skip
    alarms = {(r["segment"], tuple(r["causes"])) for r in report["rows"] if r["verdict"] == "ALARM"}
    assert ("refunds", ("judge",)) in alarms
    assert not {segment for segment, _ in alarms} - {"refunds", None}
    (fact,) = [f for f in report["facts"] if "judge" in f]
    assert fact == "The judge is another one: strict@1 before, strict@2 now: model changed."

    # What stands behind it, unit by unit.
    behind = run("judge", "disagreements", "strict", "--round", "q4", "--criterion", "faithfulness",
                 "--segment", "refunds", "--json", code=1).json["rows"]  # fmt: skip
    assert behind and {row["segment"] for row in behind} == {"refunds"}
    assert sum(row["difference"] > 0 for row in behind) > len(behind) / 2
    errors = [row["error"] for row in behind]
    assert "false pass" in errors and "false fail" not in errors
    assert all(row["reason"].startswith("Of ") and len(row["sides"]) == 3 for row in behind)
    with sqlite_database.read() as session:
        q3, q4 = get_round(session, "q3"), get_round(session, "q4")
        moved = moved_units(session, q3, q4, judge="strict", criterion="faithfulness", by=None)
        points = timeline(session, q4, judge="strict", by=None).points
    # The test split is closed: of it nothing is told unit by unit.
    assert len(moved.rows) + moved.held_back == 54 and moved.held_back > 0
    assert {one.segment for one in moved.rows[:4]} == {"refunds"}
    assert all(one.by_judge and one.by_judge > 0 for one in moved.rows[:4])
    line = [p for p in points if (p.criterion, p.segment) == ("faithfulness", "refunds")]
    assert [(p.round, p.judge) for p in line] == [("q3", "strict@1"), ("q4", "strict@2")]
    few, since = (p.bias for p in line)
    assert (few.value, few.reason) == (None, "fewer than 3 fresh units")
    assert since.value is not None and since.low is not None and since.low > 0.5


def test_what_a_judges_file_gets_wrong_is_said_with_the_mend(
    sqlite_database: Database, tmp_path: Path
) -> None:
    run = CommandLine(tmp_path, sqlite_database.url.render_as_string(False))
    for text, said in (
        ("", "is empty"),
        ("name: a\nrubric: rag-answer\n", "model: is missing"),
        ("name: a\nmodel: m\nrubric: rag-answer\nengine: magic\n", "engine"),
        ("name: a\nmodel: m\nrubric: nothing\n", "there is no rubric 'nothing'"),
        ("name: a\nmodel: m\nrubric: rag-answer\ncriteria: [wit]\n", "no criterion 'wit'"),
        ("name: a\nmodel: m\nrubric: rag-answer\nbase_url: ftp://x\n", "base_url"),
        ("name: a\nmodel: m\nrubric: rag-answer\nbase_url: http://u:p@x/v1\n", "holds a password"),
        (
            "name: a\nmodel: m\nrubric: rag-answer\nparameters: {messages: []}\n",
            "parameters.messages",
        ),
        ("name: a\nmodel: m\nrubric: rag-answer\nsees: [input]\n", "sees"),
        ("name: a\nmodel: m\nrubric: rag-answer\nneeds: [reference]\n", "needs"),
        ("name: a\nmodel: m\nrubric: rag-answer\nsamples: 0\n", "samples"),
        ("name: a\nmodel: m\nrubric: rag-answer\nprices: {input: -1, output: 1}\n", "prices.input"),
        ("name: a\nengine: lexical\nmodel: m\nrubric: rag-answer\n", "model"),
        ("name: a\nmodel: m\nrubric: rag-answer\ntemprature: 0\n", "temprature"),
    ):
        (tmp_path / "judge.yaml").write_text(text)
        assert said in run.refused("judge", "add", "judge.yaml"), text
    assert run("judge", "list", "--json").json["rows"] == []
    assert "there is no judge 'a'" in run.refused("judge", "run", "a", "--round", "R")
