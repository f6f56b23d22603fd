"""`annotate output` and `annotate rating` as people run them."""

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping

import pytest

from annotate.rubric import builtin
from tests.command_line import CommandLine

ONE = {"id": "o1", "input": "Why?", "response": "Because.", "segment": "billing"}


def write(run: CommandLine, name: str, *rows: Mapping[str, object]) -> str:
    """A JSON Lines file in the command's folder; its name."""
    (run.folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return name


def test_outputs_are_imported_listed_and_shown(run: CommandLine) -> None:
    name = write(run, "outputs.jsonl", ONE, {**ONE, "id": "o2", "team": "a"})
    tried = run("output", "import", name, "--dry-run", "--json").json
    done = run("output", "import", name)
    again = run("output", "import", name, "--json").json
    assert (tried["new"], tried["stored"]) == (2, False)
    assert "2 new, 0 already stored, 0 in conflict" in done.err
    assert 'column "team" is no field: kept in metadata (1 rows)' in done.err
    assert (again["new"], again["same"]) == (0, 2)
    listed = run("output", "list", "--segment", "billing", "--json").json
    assert [output["id"] for output in listed["outputs"]] == ["o1", "o2"]
    assert run("output", "show", "o2", "--json").json["metadata"] == {"team": "a"}


def test_several_files_are_one_transaction_and_a_bad_row_stores_nothing(run: CommandLine) -> None:
    good = write(run, "good.jsonl", ONE)
    bad = write(run, "bad.jsonl", {**ONE, "id": "o2", "segment": ""})
    refused = run("output", "import", good, bad, code=2)
    assert refused.err == (
        "annotate: bad.jsonl row 1: segment is empty; give a value or pass --segment\n"
    )
    assert run("output", "list", "--json").json["outputs"] == []


def test_a_conflict_is_shown_with_both_versions_and_exits_with_2(run: CommandLine) -> None:
    run("output", "import", write(run, "one.jsonl", ONE))
    changed = write(run, "two.jsonl", {**ONE, "response": "Otherwise."}, {**ONE, "id": "o2"})
    refused = run("output", "import", changed, code=2)
    assert "Because." in refused.out
    assert "Otherwise." in refused.out
    assert "leave these rows out with --skip-conflicts" in refused.err
    taken = run("output", "import", changed, "--skip-conflicts", "--json").json
    assert (taken["new"], taken["conflicting"]) == (1, 1)


def test_standard_input_is_read_and_columns_are_mapped(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = b"id,question,answer\na,q,r\n"
    words = ("--map", "input=question", "--map", "response=answer", "--segment", "s")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    run("output", "import", "-", *words)
    assert run("output", "show", "a", "--json").json["segment"] == "s"
    refused = run.refused("output", "import", "-", "--map", "response")
    assert refused.startswith('--map "response": write FIELD=COLUMN')


def test_terminal_escapes_in_an_output_are_shown_inert(run: CommandLine) -> None:
    run("output", "import", write(run, "o.jsonl", {**ONE, "response": "\x1b[31mred"}))
    assert "\x1b" not in run("output", "show", "o1").out


def test_help_shows_an_example(run: CommandLine) -> None:
    for words in (("output", "import"), ("output", "list"), ("output", "show"),
                  ("rating", "import"), ("rating", "export")):  # fmt: skip
        assert f"Example: annotate {' '.join(words)}" in run(*words, "--help").out


def test_ratings_go_in_and_out_of_a_round(run: CommandLine) -> None:
    run("output", "import", write(run, "o.jsonl", ONE, {**ONE, "id": "o2"}))
    run("rater", "add", "Ada")
    run(
        "round",
        "launch",
        "R",
        "--rubric",
        "summary",
        "--units",
        "2",
        "--overlap",
        "1",
        "--rater",
        "Ada",
    )
    name = next(c.id for c in builtin("summary").criteria if c.scale == "ordinal")
    rating = {"output_id": "o1", "rater": "Ada", "criterion": name, "value": 2}
    file = write(run, "r.jsonl", rating)
    tried = run("rating", "import", file, "--round", "R", "--dry-run", "--json").json
    done = run("rating", "import", file, "--round", "R", "--json").json
    assert (tried["new"], done["new"], done["assignments"]) == (1, 1, 1)
    changed = write(run, "c.jsonl", {**rating, "value": 3})
    assert "stored 2, offered 3" in run("rating", "import", changed, "--round", "R", code=2).err
    assert "1 ratings of R written to out.csv" in run("rating", "export", "R", "out.csv").err
    again = run("rating", "import", "out.csv", "--round", "R", "--json").json
    assert (again["new"], again["same"]) == (0, 1)


def test_a_slow_pipe_keeps_no_other_writer_waiting(run: CommandLine) -> None:
    url = f"sqlite:///{run.folder}/annotate.db"
    command = [sys.executable, "-m", "annotate", "output", "import", "-", "--json"]
    environment = {**os.environ, "ANNOTATE_DATABASE_URL": url}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=run.folder
    ) as importing:
        assert importing.stdin is not None and importing.stdout is not None
        importing.stdin.write(b'{"id": "a", "input": "q", "response": "r"}\n')
        importing.stdin.flush()
        time.sleep(1.5)  # long enough for it to have begun, and its sender has not ended
        add = [*command[:3], "rater", "add", "Ada"]
        done = subprocess.run(add, env=environment, cwd=run.folder, timeout=60, check=False)
        assert (done.returncode, importing.poll()) == (0, None)
        importing.stdin.close()
        assert json.loads(importing.stdout.read())["new"] == 1
