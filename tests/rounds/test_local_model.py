"""The whole way of a judge with a real model on this machine: see tests/local_model.sh.

The model is far too small to judge; what is asserted is that every step works and that the product
says how bad it is.
"""

import csv
import os
from pathlib import Path

import pytest

from db.engine import Database
from tests.command_line import CommandLine
from tests.rounds.workspace import RATERS, write_outputs, write_ratings

SERVER = os.environ.get("ANNOTATE_TEST_LLM", "")
pytestmark = [
    pytest.mark.real_llm,
    pytest.mark.skipif(not SERVER, reason="ANNOTATE_TEST_LLM names no server"),
]

JUDGE = """
name: local
model: smollm2-135m
base_url: {server}
rubric: rag-answer
criteria: [faithfulness]
critique: false
parameters: {{max_tokens: {tokens}, logprobs: true, top_logprobs: 20, temperature: 0}}
concurrency: 4
timeout: 300
prices: {{input: 0, output: 0}}
"""


def test_a_real_model_is_added_run_calibrated_changed_and_found_wanting(
    sqlite_database: Database, tmp_path: Path
) -> None:
    run = CommandLine(tmp_path, sqlite_database.url.render_as_string(False))
    run("output", "import", *[str(path) for path in write_outputs(tmp_path)])
    for name in RATERS:
        run("rater", "add", name)
    raters = [word for name in RATERS for word in ("--rater", name)]
    launch = ("--rubric", "rag-answer", "--overlap", "3", *raters)
    run("round", "launch", "q3", "--units", "24", "--anchors", "18", *launch)
    run("round", "launch", "q4", "--units", "9", "--anchors-from", "q3", *launch)
    for tokens, round_ in ((60, "q3"), (80, "q4")):
        (tmp_path / "judge.yaml").write_text(JUDGE.format(server=SERVER, tokens=tokens))
        run("judge", "add", "judge.yaml")
        done = run("judge", "run", "local", "--round", round_, "--json").json
        assert done["state"] == "done"
        assert done["counts"] == {"done": 24 if round_ == "q3" else 27}
        assert done["tokens"]["input"] > 1000 * 24 and done["cost_usd"] == 0
        keys = [unit["key"] for unit in run("round", "design", round_).json["units"]]
        for rater in RATERS:
            file = write_ratings(tmp_path / f"{rater}.csv", rater, keys, round_)
            run("rating", "import", str(file), "--round", round_)
        run("round", "close", round_)
    (row,) = [
        row
        for row in run("calibration", "q4", "--judge", "local@2", "--json").json["rows"]
        if row["criterion"] == "faithfulness"
    ]
    # "Cannot judge" is an answer too, and which units get it differs from run to run.
    run("rating", "export", "q4", "q4.csv")
    with (tmp_path / "q4.csv").open(newline="") as exported:
        answers = [told for told in csv.DictReader(exported) if told["rater"] == "local@2"]
    assert len(answers) == row["coverage"]["n"] == 27
    levels = [told for told in answers if not told["abstained"]]
    assert row["n_units"] == len(levels) == round(row["coverage"]["value"] * 27) > 20
    assert row["verdict"] == "do not use", row["verdict_reason"]
    drift = run("drift", "--judge", "local", "--baseline", "q3", "--current", "q4", "--json",
                code=(0, 1, 3)).json  # fmt: skip
    assert "local@1 before, local@2 now: parameters changed." in " ".join(drift["facts"])
    assert [r["criterion"] for r in drift["rows"]] == ["faithfulness"]
    told = run("judge", "show", "local", "--json").json["answered_by"]
    assert [one["model"] for one in told] == ["smollm2-135m"]
