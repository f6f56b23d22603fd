"""Real ratings through the documented commands reproduce their published figures.

HANNA (Chhun et al. 2022): 1,056 stories, three raters a story, six criteria, three LLM judges.
"""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from db.engine import Database
from tests.command_line import CommandLine

DATA = Path(__file__).parents[1] / "data" / "hanna"
FIGURES = json.loads((DATA / "figures.json").read_text())
DIGITS = 5e-7  # the figures are given to six digits

RUBRIC = """
name: hanna
title: Quality of a story
criteria:
{criteria}
"""
CRITERION = """  - id: {name}
    question: How good is the story's {name}?
    scale: ordinal
    points:
{points}"""


def rubric_file(folder: Path) -> Path:
    """The six criteria on their scale of 1 to 5."""
    names = list(dict.fromkeys(row["criterion"] for row in FIGURES["agreement"]))
    points = "".join(
        f"      - {{value: {n}, label: '{n}', anchor: 'Level {n} of 5.'}}\n" for n in range(1, 6)
    )
    path = folder / "hanna.yaml"
    path.write_text(
        RUBRIC.format(
            criteria="".join(CRITERION.format(name=name, points=points) for name in names)
        )
    )
    return path


@pytest.fixture
def run(tmp_path: Path, sqlite_database: Database) -> CommandLine:
    return CommandLine(tmp_path, sqlite_database.url.render_as_string(hide_password=False))


def close(found: dict[str, Any], expected: float) -> bool:
    """Whether a figure is the recorded one to the digits given."""
    return found["value"] is not None and abs(found["value"] - expected) <= DIGITS


def test_hanna_imports_by_documented_commands_and_gives_the_recorded_figures(
    run: CommandLine, tmp_path: Path
) -> None:
    run("output", "import", str(DATA / "outputs.jsonl"))
    run("rubric", "add", str(rubric_file(tmp_path)))
    for slot in ("slot1", "slot2", "slot3"):
        run("rater", "add", slot)
    run("round", "launch", "hanna", "--rubric", "hanna", "--units", "1056", "--overlap", "3",
        "--rater", "slot1", "--rater", "slot2", "--rater", "slot3")  # fmt: skip
    run("rating", "import", str(DATA / "ratings_human.csv.gz"), "--round", "hanna")
    run("rating", "import", str(DATA / "ratings_judge.csv.gz"), "--round", "hanna", "--add-raters")
    status = run("round", "status", "hanna", "--json").json
    assert (status["units"], status["submitted"]) == (1056, 3168)

    agreement = run("agreement", "hanna", "--by", "segment", "--json").json
    rows = {(r["criterion"], r["segment"]): r for r in agreement["rows"]}
    for expected in FIGURES["agreement"]:
        row = rows[expected["criterion"], expected["segment"]]
        assert row["n_units"] == expected["n_units"]
        assert row["n_ratings"] == expected["n_ratings"]
        assert close(row["alpha"], expected["alpha_ordinal"]), expected
        assert close(row["percent"], expected["percent"]), expected
        assert close(row["ac"], expected["ac2_quadratic"]), expected

    calibration = run("calibration", "hanna", "--by", "segment", "--json").json
    scored = {(r["criterion"], r["segment"], r["judge"]): r for r in calibration["rows"]}
    for expected in FIGURES["calibration"]:
        row = scored[expected["criterion"], expected["segment"], expected["judge"]]
        assert row["n_units"] == expected["n_units"]
        for name in ("spearman", "kendall_tau_b", "bias", "mae"):
            assert close(row[name], expected[name]), (name, expected)
        alone = row["leave_one_out"]["spearman"]
        assert close(alone, expected["leave_one_out_spearman_judge"]), expected
        ceiling = row["ceiling"]["spearman"]
        assert close(ceiling, expected["leave_one_out_spearman_human"]), expected
    # People who hardly agree cannot vouch for a judge, and the product says so.
    assert not any(row["verdict"] == "trust" for row in calibration["rows"])


JUDGE = "Mistral-7B/prompt1"


def rows_of(name: str) -> list[dict[str, str]]:
    """The rows of one of the files."""
    with gzip.open(DATA / f"{name}.csv.gz", "rt") as handle:
        return list(csv.DictReader(handle))


MOVED, BY = "CTRL", 1.5
SLOTS = ("slot1", "slot2", "slot3")


def test_a_change_of_the_judge_in_one_segment_is_flagged_there_with_its_cause_and_nowhere_else(
    run: CommandLine, tmp_path: Path
) -> None:
    run("output", "import", str(DATA / "outputs.jsonl"))
    run("rubric", "add", str(rubric_file(tmp_path)))
    raters = []
    for slot in SLOTS:
        run("rater", "add", slot)
        raters += ["--rater", slot]
    launch = (
        "--rubric",
        "hanna",
        "--by",
        "segment",
        "--allocate",
        "equal",
        "--overlap",
        "3",
        *raters,
    )
    run("round", "launch", "before", "--units", "660", "--anchors", "440", *launch)
    run("round", "launch", "after", "--units", "330", "--anchors-from", "before",
        "--baseline", "before", *launch)  # fmt: skip
    segments = {
        row["id"]: row["segment"]
        for row in map(json.loads, (DATA / "outputs.jsonl").read_text().splitlines())
    }
    for name, moved in (("before", 0.0), ("after", BY)):
        units = {unit["output"] for unit in run("round", "design", name).json["units"]}
        said = [row for row in rows_of("ratings_human") if row["output_id"] in units]
        scored = [
            row | {"value": min(5.0, float(row["value"]) + moved)}
            if segments[row["output_id"]] == MOVED
            else row
            for row in rows_of("ratings_judge")
            if row["rater"] == JUDGE and row["output_id"] in units
        ]
        for what, rows in (("people", said), ("judge", scored)):
            file = tmp_path / f"{name}-{what}.csv"
            with file.open("w") as handle:
                writer = csv.DictWriter(handle, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
            run("rating", "import", str(file), "--round", name, "--add-raters")
    report = run("drift", "--judge", JUDGE, "--baseline", "before", "--current", "after",
                 "--by", "segment", "--json", code=1).json  # fmt: skip
    alarms = {
        (row["criterion"], row["segment"]): row["causes"]
        for row in report["rows"]
        if row["verdict"] == "ALARM"
    }
    criteria = {row["criterion"] for row in report["rows"]}
    in_segments = {(c, s): causes for (c, s), causes in alarms.items() if s is not None}
    assert in_segments == {(criterion, MOVED): ["judge"] for criterion in criteria}
    # All segments together moved too, by a share of it, and for no other cause.
    assert {tuple(causes) for causes in alarms.values()} == {("judge",)}
