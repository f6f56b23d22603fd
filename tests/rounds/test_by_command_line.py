"""A whole calibration round, twice, by command line alone."""

import json
from pathlib import Path

import pytest

from db.engine import Database
from tests.command_line import CommandLine
from tests.rounds.workspace import (
    JUDGE,
    RATERS,
    write_judge,
    write_outputs,
    write_ratings,
)

LAUNCH = ("--rubric", "rag", "--units", "36", "--by", "segment", "--overlap", "3",
          "--seed", "7", *(word for name in RATERS for word in ("--rater", name)))  # fmt: skip


def design_keys(run: CommandLine, name: str) -> list[str]:
    document = run("round", "design", name).json
    return [unit["key"] for unit in document["units"]]


def rated_round(run: CommandLine, folder: Path, name: str, drifted: dict[str, float]) -> None:
    """Everybody rates every unit of an open round; the judge scores it; it is closed."""
    keys = design_keys(run, name)
    for rater in RATERS:
        file = write_ratings(folder / f"{name}-{rater}.csv", rater, keys, name)
        run("rating", "import", str(file), "--round", name)
    run("round", "close", name)
    file = write_judge(folder / f"{name}-judge.jsonl", keys, drifted)
    run("rating", "import", str(file), "--round", name, "--kind", "judge", "--add-raters")


@pytest.fixture
def run(tmp_path: Path, database: Database) -> CommandLine:
    url = database.url.render_as_string(hide_password=False)
    return CommandLine(tmp_path, url)


def test_two_rounds_run_by_command_line_alone_and_reproduce_elsewhere(
    run: CommandLine, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = [str(path) for path in write_outputs(tmp_path)]
    assert run("output", "import", *files, "--json").json["new"] == 120
    again = run("output", "import", *files, "--json").json
    assert (again["new"], again["same"]) == (0, 120)
    own = run("rubric", "show", "rag-answer").out.replace("name: rag-answer", "name: rag")
    (tmp_path / "rag.yaml").write_text(own)
    assert run("rubric", "add", "rag.yaml").err == "rag@1 was added.\n"
    for name in RATERS:
        run("rater", "add", name)
    run("rater", "add", "Lea", "--role", "lead")

    preview = run("round", "launch", "q3", *LAUNCH, "--anchors", "10", "--dry-run", "--json").json
    assert run("round", "list", "--json").json["rows"] == []
    run("round", "launch", "q3", *LAUNCH, "--anchors", "10")
    status = run("round", "status", "q3", "--json").json
    assert status["status"] == "open"
    assert status["design_hash"] == preview["design_hash"]
    assert status["units"] == 36
    rated_round(run, tmp_path, "q3", {})
    status = run("round", "status", "q3", "--json").json
    assert (status["status"], status["submitted"]) == ("closed", 108)

    agreement = run("agreement", "q3", "--by", "segment", "--json").json
    rows = {(r["criterion"], r["segment"]): r for r in agreement["rows"]}
    pooled = rows["faithfulness", None]
    assert pooled["n_units"] == 36
    assert pooled["alpha"]["low"] < pooled["alpha"]["value"] < pooled["alpha"]["high"]
    assert {s for _, s in rows} == {None, "billing", "refunds", "reports"}

    calibration = run("calibration", "q3", "--by", "segment", "--json").json
    noise = calibration["rows"][0]["test_retest"]
    assert noise["runs"] == 3
    assert 0 < noise["difference"]["value"] < 0.6
    rows = {(r["criterion"], r["segment"]): r for r in calibration["rows"]}
    assert rows["faithfulness", None]["judge"] == JUDGE
    assert rows["faithfulness", None]["spearman"]["value"] > 0.7
    assert rows["faithfulness", None]["ceiling"]["spearman"]["value"] > 0.7

    run("round", "launch", "q4", *LAUNCH, "--anchors-from", "q3")
    anchors = {
        unit["key"]
        for unit in run("round", "design", "q4").json["units"]
        if unit["purpose"] == "anchor"
    }
    assert len(anchors) == 10
    assert anchors <= set(design_keys(run, "q3"))
    rated_round(run, tmp_path, "q4", {"refunds": 2.0})
    report = run(
        "drift", "--judge", JUDGE, "--baseline", "q3", "--current", "q4", "--by", "segment",
        "--json", code=1,
    ).json  # fmt: skip
    alarms = {
        (r["segment"], cause)
        for r in report["rows"]
        if r["verdict"] == "ALARM"
        for cause in r["causes"]
    }
    assert ("refunds", "judge") in alarms
    assert not any(cause == "raters" for _, cause in alarms)

    disputes = run("gold", "disputes", "q3", "--json").json["rows"]
    assert disputes
    first = disputes[0]
    run(
        "gold", "adjudicate", "q3", first["unit"], first["criterion"], "3",
        "--reason", "the passage settles it", "--lead", "Lea",
    )  # fmt: skip
    assert len(run("gold", "disputes", "q3", "--json").json["rows"]) == len(disputes) - 1
    promoted = run("gold", "promote", "q3", "--json").json
    assert promoted["added"] > 50
    golden = tmp_path / "golden.jsonl"
    golden.write_text('{"id":"theirs","note":"kept"}\n')
    run("gold", "diff", str(golden), code=1)
    run("gold", "export", str(golden), "--merge")
    first_bytes = golden.read_bytes()
    run("gold", "export", str(golden), "--merge")
    assert golden.read_bytes() == first_bytes
    run("gold", "diff", str(golden))
    lines = [json.loads(line) for line in golden.read_text().splitlines()]
    assert {"id": "theirs", "note": "kept"} in lines
    adjudicated = next(line for line in lines if line["id"] == first["unit"])
    assert adjudicated["labels"][first["criterion"]]["how"] == "adjudicated"

    figures = [
        run("agreement", name, "--by", "segment", "--json").json for name in ("q3", "q4")
    ] + [run("calibration", name, "--by", "segment", "--json").json for name in ("q3", "q4")]
    for name in ("q3", "q4"):
        run("rating", "export", name, f"{name}.csv")
        (tmp_path / f"{name}.design.json").write_text(run("round", "design", name).out)
        # The same file into the same workspace is a no-op.
        assert run("rating", "import", f"{name}.csv", "--round", name, "--json").json["new"] == 0

    other_folder = tmp_path_factory.mktemp("elsewhere")
    other = CommandLine(other_folder, f"sqlite:///{other_folder}/annotate.db")
    other("output", "import", *files)
    other("rubric", "add", str(tmp_path / "rag.yaml"))
    for name in RATERS:
        other("rater", "add", name)
    for name in ("q3", "q4"):
        other("round", "launch", name, "--from", str(tmp_path / f"{name}.design.json"))
        other(
            "rating", "import", str(tmp_path / f"{name}.csv"), "--round", name, "--add-raters",
        )  # fmt: skip
        other("round", "close", name)
    assert figures == [
        other("agreement", name, "--by", "segment", "--json").json for name in ("q3", "q4")
    ] + [other("calibration", name, "--by", "segment", "--json").json for name in ("q3", "q4")]
    repeated = other(
        "drift", "--judge", JUDGE, "--baseline", "q3", "--current", "q4", "--by", "segment",
        "--json", code=1,
    ).json  # fmt: skip
    assert repeated == report
