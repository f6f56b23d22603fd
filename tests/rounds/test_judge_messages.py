"""What the commands of a judge say where there is nothing to show, and how a run's scope reads."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from db.engine import Database
from tests.command_line import CommandLine
from tests.judge_server import JudgeServer, serving
from tests.unit.desk_round import Desk

FLOOR = "name: floor\nengine: lexical\nrubric: answers\ncriteria: [quality]\n"
STRICT = "name: strict\nmodel: stub-1\nbase_url: {base}\nrubric: answers\ncriteria: [quality]\n"


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with serving(JudgeServer(level=lambda *_: "cannot_judge")) as started:
        yield started


@pytest.fixture
def run(sqlite_database: Database, tmp_path: Path) -> CommandLine:
    Desk(sqlite_database, anchors=2)
    (tmp_path / "floor.yaml").write_text(FLOOR)
    return CommandLine(tmp_path, sqlite_database.url.render_as_string(False))


def test_where_there_is_nothing_to_show_a_sentence_says_so(run: CommandLine) -> None:
    assert "No judge has been added yet: annotate judge add FILE" in run("judge", "list").err
    run("judge", "add", "floor.yaml")
    assert "No judge has been run yet" in run("judge", "runs").err
    run("judge", "run", "floor", "--round", "R")
    for words, said, code in (
        (("judge", "failures", "1"), "Nothing of run 1 has ended without a verdict.", 0),
        (("rubric", "notes", "answers"), "Nobody has noted anything for answers", 0),
        (("judge", "watch", "floor", "--round", "R", "--criterion", "quality"), "to chart", 3),
        (("judge", "disagreements", "floor", "--round", "R", "--criterion", "quality"), "none", 0),
    ):
        found = run(*words, code=code)
        assert said in found.err and found.out == "", words


def test_a_runs_scope_names_what_was_chosen_and_no_more(run: CommandLine) -> None:
    run("judge", "add", "floor.yaml")
    assert "--round ROUND" in run.refused("judge", "run", "floor")
    assert "leaves nothing" in run.refused("judge", "run", "floor", "--all", "--round", "R")
    run("judge", "run", "floor", "--all")
    run("judge", "run", "floor", "--segment", "hidden-segment")
    table = run("judge", "runs").out
    assert "all outputs" in table and "outputs of segments hidden-segment" in table
    assert "configurations" not in table
    scopes = [row["scope"] for row in run("judge", "runs", "--json").json["rows"]]
    assert scopes == [{"segments": ["hidden-segment"]}, {}]


def test_a_judge_is_asked_again_about_anchors_by_command(
    run: CommandLine, tmp_path: Path, server: JudgeServer
) -> None:
    (tmp_path / "strict.yaml").write_text(STRICT.format(base=server.base))
    run("judge", "add", "strict.yaml")
    run("judge", "run", "strict", "--round", "R")
    asked = len(server.log)
    dry = run("judge", "run", "strict", "--round", "R", "--again", "--dry-run", "--json").json
    assert (dry["questions"], dry["cached"], len(server.log)) == (2, 0, asked)
    run("judge", "run", "strict", "--round", "R", "--again")
    assert len(server.log) == asked + 2
    table = run("judge", "runs").out
    assert "round R, its anchors again" in table and "unknown" in table
    costs = [row["cost_usd"] for row in run("judge", "runs", "--json").json["rows"]]
    assert costs == [None, None], "nobody knows the price of stub-1"
    assert "name the round" in run.refused("judge", "run", "strict", "--again")


def test_a_probe_that_measured_nothing_exits_with_3(
    run: CommandLine, tmp_path: Path, server: JudgeServer
) -> None:
    (tmp_path / "strict.yaml").write_text(STRICT.format(base=server.base))
    run("judge", "add", "strict.yaml")
    found = run("judge", "probe", "strict", code=3)
    assert "Not measured: it gives the poor answer no level" in found.err
    assert "stood" not in found.out
    told = run("judge", "probe", "strict", "--json", code=3).json
    assert (told["fooled"], told["answered"], told["measured"]) == (0, 0, 0)


def test_a_test_split_of_which_nothing_was_graded_is_refused_by_command(run: CommandLine) -> None:
    run("judge", "add", "floor.yaml")
    said = run.refused("judge", "test", "floor", "--round", "R", "--criterion", "quality")
    assert "floor@1 has graded quality on no unit of the test split of round R" in said


def test_what_is_shown_is_what_the_engine_asks(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text(
        "name: d\nengine: decisions\nmodel: gpt-6-luna\nrubric: answers\ncriteria: [quality]\n"
    )
    run("judge", "add", "d.yaml")
    shown = run("judge", "show", "d").out
    assert '"type": "score"' in shown and "evidence" not in shown
    (tmp_path / "c.yaml").write_text(STRICT.format(base="http://localhost:1/v1"))
    run("judge", "add", "c.yaml")
    shown = run("judge", "show", "strict").out
    assert "You grade one answer on ONE criterion" in shown and "- 3 = Good: It is right." in shown
