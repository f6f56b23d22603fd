"""`annotate output` and `annotate rating` as people run them."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from annotate.rubric import builtin

ONE = {"id": "o1", "input": "Why?", "response": "Because.", "segment": "billing"}


@pytest.fixture
def annotate(tmp_path: Path, migrated_file: Path) -> "Run":
    return Run(tmp_path, migrated_file)


class Run:
    """Runs the command in a folder with an empty workspace."""

    def __init__(self, folder: Path, migrated_file: Path) -> None:
        self.folder = folder
        (folder / "annotate.db").write_bytes(migrated_file.read_bytes())

    def __call__(
        self, *words: str, stdin: str = "", code: int = 0
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "annotate", *words],
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            text=True,
            env={**os.environ, "ANNOTATE_DATABASE_URL": "sqlite:///annotate.db"},
        )
        assert done.returncode == code, done.stderr
        return done

    def file(self, name: str, *rows: Mapping[str, object]) -> str:
        (self.folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return name


def test_outputs_are_imported_listed_and_shown(annotate: Run) -> None:
    name = annotate.file("outputs.jsonl", ONE, {**ONE, "id": "o2", "team": "a"})
    tried = json.loads(annotate("output", "import", name, "--dry-run", "--json").stdout)
    done = annotate("output", "import", name)
    again = json.loads(annotate("output", "import", name, "--json").stdout)
    assert (tried["new"], tried["stored"]) == (2, False)
    assert "2 new, 0 already stored, 0 in conflict" in done.stderr
    assert 'column "team" is no field: kept in metadata (1 rows)' in done.stderr
    assert (again["new"], again["same"]) == (0, 2)
    listed = json.loads(annotate("output", "list", "--segment", "billing", "--json").stdout)
    assert [output["id"] for output in listed["outputs"]] == ["o1", "o2"]
    assert json.loads(annotate("output", "show", "o2", "--json").stdout)["metadata"] == {
        "team": "a"
    }


def test_several_files_are_one_transaction_and_a_bad_row_stores_nothing(annotate: Run) -> None:
    good = annotate.file("good.jsonl", ONE)
    bad = annotate.file("bad.jsonl", {**ONE, "id": "o2", "segment": ""})
    refused = annotate("output", "import", good, bad, code=2)
    assert refused.stderr == (
        "annotate: bad.jsonl row 1: segment is empty; give a value or pass --segment\n"
    )
    assert json.loads(annotate("output", "list", "--json").stdout)["outputs"] == []


def test_a_conflict_is_shown_with_both_versions_and_exits_with_2(annotate: Run) -> None:
    annotate("output", "import", annotate.file("one.jsonl", ONE))
    changed = annotate.file("two.jsonl", {**ONE, "response": "Otherwise."}, {**ONE, "id": "o2"})
    refused = annotate("output", "import", changed, code=2)
    assert "Because." in refused.stdout
    assert "Otherwise." in refused.stdout
    assert "leave these rows out with --skip-conflicts" in refused.stderr
    taken = json.loads(annotate("output", "import", changed, "--skip-conflicts", "--json").stdout)
    assert (taken["new"], taken["conflicting"]) == (1, 1)


def test_standard_input_is_read_and_columns_are_mapped(annotate: Run) -> None:
    text = "id,question,answer\na,q,r\n"
    words = ("--map", "input=question", "--map", "response=answer", "--segment", "s")
    annotate("output", "import", "-", *words, stdin=text)
    assert json.loads(annotate("output", "show", "a", "--json").stdout)["segment"] == "s"
    refused = annotate("output", "import", "-", "--map", "response", stdin=text, code=2)
    assert 'annotate: --map "response": write FIELD=COLUMN' in refused.stderr


def test_terminal_escapes_in_an_output_are_shown_inert(annotate: Run) -> None:
    annotate("output", "import", annotate.file("o.jsonl", {**ONE, "response": "\x1b[31mred"}))
    assert "\x1b" not in annotate("output", "show", "o1").stdout


def test_help_shows_an_example(annotate: Run) -> None:
    for words in (("output", "import"), ("output", "list"), ("output", "show"),
                  ("rating", "import"), ("rating", "export")):  # fmt: skip
        assert f"Example: annotate {' '.join(words)}" in annotate(*words, "--help").stdout


def test_ratings_go_in_and_out_of_a_round(annotate: Run) -> None:
    annotate("output", "import", annotate.file("o.jsonl", ONE, {**ONE, "id": "o2"}))
    annotate("rater", "add", "Ada")
    annotate(
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
    file = annotate.file("r.jsonl", rating)
    tried = json.loads(
        annotate("rating", "import", file, "--round", "R", "--dry-run", "--json").stdout
    )
    done = json.loads(annotate("rating", "import", file, "--round", "R", "--json").stdout)
    assert (tried["new"], done["new"], done["assignments"]) == (1, 1, 1)
    changed = annotate.file("c.jsonl", {**rating, "value": 3})
    assert (
        "stored 2, offered 3"
        in annotate("rating", "import", changed, "--round", "R", code=2).stderr
    )
    assert (
        "1 ratings of R written to out.csv" in annotate("rating", "export", "R", "out.csv").stderr
    )
    again = json.loads(annotate("rating", "import", "out.csv", "--round", "R", "--json").stdout)
    assert (again["new"], again["same"]) == (0, 1)
