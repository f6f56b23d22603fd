"""`annotate round`: plan, launch, watch, close, export and launch again."""

import json
import re
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.command_line import CommandLine

SEGMENTS = ("billing", "refunds", "reports")
PANEL = ("--rater", "Ada", "--rater", "Ben", "--rater", "Cleo")
LAUNCH = ("--rubric", "rag-answer", "--units", "30", *PANEL)


@pytest.fixture
def house(run: CommandLine) -> CommandLine:
    """A workspace with 90 outputs in three segments and three raters."""
    (run.folder / "outputs.jsonl").write_text(
        "".join(
            json.dumps(
                {
                    "id": f"o{n:02}",
                    "input": "Why?",
                    "response": f"Because {n}.",
                    "segment": SEGMENTS[n % 3],
                    "thumb": -1 if n % 9 == 0 else 0,
                }
            )
            + "\n"
            for n in range(90)
        )
    )
    run("output", "import", "outputs.jsonl")
    for name in ("Ada", "Ben", "Cleo"):
        run("rater", "add", name)
    run("rater", "add", "Lea", "--role", "lead")
    return run


def test_a_dry_run_shows_the_sample_by_stratum_and_writes_nothing(house: CommandLine) -> None:
    done = house("round", "launch", "q3", *LAUNCH, "--anchors", "12", "--dry-run")
    for segment in SEGMENTS:
        assert f"│ {segment} │ 30      │ 6     │ 4       │ 0.200 " in done.out
    assert "What it would show" in done.out
    assert re.search(r"│ all +│ 18 +│ ±\d+% \(\d+ more units, 60 left\)", done.out)
    assert "nobody has rated by this rubric yet" in done.err
    assert "q3 would be launched with 30 units and 90 ratings of a unit" in done.err
    assert house("round", "list", "--json").json == {"rows": []}
    assert "There are no rounds yet; `annotate round launch NAME`" in house("round", "list").err
    listed = house("rubric", "list", "--json").json["rows"]
    assert {row["name"]: row["version"] for row in listed}["rag-answer"] is None


def test_what_is_launched_is_what_the_dry_run_promised(house: CommandLine) -> None:
    words = ("round", "launch", "q3", *LAUNCH, "--anchors", "9", "--repeats", "3", "--json")
    promised = house(*words, "--dry-run").json
    outlook = promised.pop("outlook")
    assert [said.split()[0] for said in outlook["sentences"]] == ["A", "Alpha", "Nothing"]
    assert [row["segment"] for row in outlook["rows"]] == [None, *sorted(SEGMENTS)]
    assert outlook["work"]["speed_of"] == "unknown"
    launched = house(*words).json
    assert launched == {**promised, "launched": True}
    assert launched["units"] == 33
    status = house("round", "status", "q3", "--json").json
    assert status["design_hash"] == promised["design_hash"]
    assert {k: status[k] for k in ("round", "status", "units", "assignments", "submitted")} == {
        "round": "q3",
        "status": "open",
        "units": 33,
        "assignments": 99,
        "submitted": 0,
    }
    assert set(status["by_rater"]) == {"Ada", "Ben", "Cleo"}
    assert set(status["by_segment"]) == set(SEGMENTS)
    assert status["by_segment"]["billing"].keys() >= {"units", "assignments", "submitted"}
    assert status["pace"]["by_rater"]["Ada"]["left"] == 33
    assert status["pace"]["whole"]["done_at"] is None
    shown = house("round", "status", "q3")
    assert "q3: open, 0 of 99 submitted" in shown.out
    assert "Too early to tell when it would be done." in shown.err


def test_every_option_reaches_the_frozen_design(house: CommandLine) -> None:
    house(
        "round", "launch", "q3", "--rubric", "rag-answer", "--units", "20", "--by", "none",
        "--allocate", "equal", "--overlap", "2", "--seed", "s", "--oversample", "thumbs_down=4",
        "--segment", "billing", "--segment", "refunds", "--configuration", "default",
        "--show", "configuration", "--hide", "reference", "--lease", "5", "--minimum", "7",
        "--delta", "0.3", "--threshold", "bias=0.1", "--threshold", "epsilon=0.2", *PANEL,
    )  # fmt: skip
    document = house("round", "design", "q3").json
    assert document["shown"] == ["input", "contexts", "response", "configuration"]
    assert {s["stratum"] for s in document["strata"]} == {"all", "all / thumbs down"}
    assert len(document["units"]) == 20
    said = {k: document[k] for k in ("allocate", "overlap", "seed", "oversample", "raters",
                                     "lease_minutes", "parameters")}  # fmt: skip
    assert said == {
        "allocate": "equal",
        "overlap": 2,
        "seed": "s",
        "oversample": {"thumbs_down": 4},
        "raters": ["Ada", "Ben", "Cleo"],
        "lease_minutes": 5,
        "parameters": {
            "minimum_units": 7,
            "delta": 0.3,
            "of_ceiling": 0.8,
            "poor_of_ceiling": 0.5,
            "ceiling": 0.4,
            "bias": 0.1,
            "poor_bias": 0.25,
            "epsilon": 0.2,
        },
    }
    assert document["filters"]["segments"] == ["billing", "refunds"]


def test_the_lease_is_the_installations_unless_it_is_given(
    house: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from annotate.settings import get_settings

    monkeypatch.setenv("ANNOTATE_LEASE_MINUTES", "42")
    get_settings.cache_clear()
    house("round", "launch", "q3", *LAUNCH)
    assert house("round", "design", "q3").json["lease_minutes"] == 42


def test_an_exported_design_launches_again_in_an_empty_workspace(
    house: CommandLine, tmp_path: Path, migrated_file: Path
) -> None:
    house("round", "launch", "q3", *LAUNCH, "--anchors", "10")
    exported = house("round", "design", "q3")
    (tmp_path / "q3.json").write_text(exported.out)
    shutil.copy(migrated_file, tmp_path / "other.db")
    other = CommandLine(tmp_path, f"sqlite:///{tmp_path}/other.db")
    said = other.refused("round", "launch", "--from", "q3.json")
    assert said == "there is no rater 'Ada'; `annotate rater add \"Ada\"` adds it"
    for name in ("Ada", "Ben", "Cleo"):
        other("rater", "add", name)
    said = other.refused("round", "launch", "--from", "q3.json")
    assert said.endswith("is not here; import the same outputs first")
    other("output", "import", "outputs.jsonl")
    tried = other("round", "launch", "--from", "q3.json", "--dry-run", "--json").json
    assert (tried["launched"], tried["units"]) == (False, 30)
    assert other("round", "list", "--json").json["rows"] == []
    other("round", "launch", "--from", "q3.json")
    assert other("round", "design", "q3").out == exported.out
    assert "q3 already" in other.refused("round", "launch", "--from", "q3.json").replace("'", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "q3.json: is not JSON"),
        ("[" * 100_000, "q3.json: is not JSON"),
        ("[]", "q3.json: is not a design document"),
        ("{}", "this is not a design document; `annotate round design NAME` writes one"),
        ('{"units": [], "hash": "0"}', "the design document was changed after it was exported"),
    ],
)
def test_a_file_that_is_no_design_is_refused(run: CommandLine, text: str, said: str) -> None:
    (run.folder / "q3.json").write_text(text)
    assert run.refused("round", "launch", "--from", "q3.json").startswith(said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("q3",), "give the round's name and --rubric, or --from a design document"),
        (("q3", "--rubric", "rag-answr", *PANEL), "there is no rubric 'rag-answr'; there are chat"),
        (("q3", *LAUNCH, "--rater", "Zoe"), "there is no rater 'Zoe'; `annotate rater add"),
        (("q3", *LAUNCH[:-2]), "overlap 3 needs 3 raters, 2 are named; name more, or lower"),
        (("q3", *LAUNCH, "--baseline", "q2"), "there is no round 'q2'; none has been launched"),
        (("q3", *LAUNCH, "--oversample", "thumbs_down"), "--oversample thumbs_down: write SIGNAL"),
        (("q3", *LAUNCH, "--oversample", "smile=3"), "oversample.smile"),
        (("q3", *LAUNCH, "--threshold", "trust=1"), "--threshold trust=1: the names are of_ceil"),
        (("q3", *LAUNCH, "--threshold", "bias"), "--threshold bias: write NAME=NUMBER, such as"),
        (("q3", *LAUNCH, "--threshold", "bias=0.5"), "a judge cannot be trusted up to a bias of"),
        (
            ("q3", *LAUNCH, "--threshold", "poor_of_ceiling=0.9"),
            "a judge cannot be trusted from 0.8",
        ),
        (("q3", *LAUNCH, "--threshold", "ceiling=1.5"), "the kappa that people need among them"),
        (("q3", *LAUNCH, "--threshold", "bias=nan"), "bias is 'nan'; give a number"),
        (("a/b", *LAUNCH), "the round's name 'a/b' cannot be used; leave out slashes, # and ?"),
        ((" ", *LAUNCH), "the round has no name; give it one"),
        (("q" * 101, *LAUNCH), "the round's name has 101 characters; give at most 100"),
        (("q3", *LAUNCH, "--judge", "nojudge"), "there is no judge 'nojudge'; there is none yet: "),
        (("q3", *LAUNCH, "--judge", "Ada"), "Ada is a person; name judges and metrics as judges"),
        (("q3", *LAUNCH, "--show", "judge"), "'judge' can be neither shown nor hidden; choose am"),
        (("q3", *LAUNCH, "--by", "weather"), "by is 'weather'; give one of 'segment'"),
        (("q3", *LAUNCH, "--allocate", "neyman"), "neyman allocation needs the variance of earl"),
        (("q3", *LAUNCH, "--units", "0"), "units is '0'; give at least 1"),
        (("q3", *LAUNCH, "--segment", "x"), "no output has the segment 'x'; there are: billing"),
    ],
)
def test_a_launch_that_cannot_be_is_refused_with_the_mend(
    house: CommandLine, words: tuple[str, ...], said: str
) -> None:
    assert house.refused("round", "launch", *words).startswith(said)
    assert house("round", "list", "--json").json["rows"] == []


def test_a_round_is_closed_once_and_then_takes_no_ratings(house: CommandLine) -> None:
    house("round", "launch", "q3", *LAUNCH)
    said = house("round", "close", "q3").err
    assert said == "q3 is closed; 90 of 90 submissions never came.\n"
    assert house("round", "status", "q3", "--json").json["status"] == "closed"
    assert house.refused("round", "close", "q3") == "round q3 is closed already"
    assert house.refused("round", "status", "q33") == "there is no round 'q33'; there are q3"
    (house.folder / "late.csv").write_text(
        "output_id,rater,criterion,value\n"
        f"{house('round', 'design', 'q3').json['units'][0]['output']},Ada,faithfulness,3\n"
    )
    said = house.refused("rating", "import", "late.csv", "--round", "q3")
    assert "round q3 is closed and takes no ratings by people" in said


def test_the_store_is_verified_and_what_is_broken_is_told_with_exit_1(
    house: CommandLine,
) -> None:
    house("round", "launch", "q3", *LAUNCH)
    assert house("db", "verify").err == "Every invariant holds.\n"
    assert house("db", "verify", "--json").json == {"problems": []}
    with sqlite3.connect(house.folder / "annotate.db") as connection:
        connection.execute("UPDATE unit SET missing = 0 WHERE rank = 0")
    connection.close()
    problems = house("db", "verify", "--json", code=1).json["problems"]
    assert len(problems) == 1
    assert "0 counted submissions are missing on record, its assignments say 3" in problems[0]
    assert problems[0] in house("db", "verify", code=1).err


def test_a_backup_is_a_whole_workspace_and_overwrites_nothing(house: CommandLine) -> None:
    house("round", "launch", "q3", *LAUNCH)
    exported = house("round", "design", "q3").out
    house("db", "backup", "copy.db")
    assert house.refused("db", "backup", "copy.db") == "copy.db exists; choose another name"
    said = house.refused("db", "backup", "absent/copy.db")
    assert said.startswith("absent/copy.db: unable to open database file; nothing was written")
    assert sorted(p.name for p in house.folder.glob("*.part")) == []
    copy = CommandLine(house.folder, f"sqlite:///{house.folder}/copy.db")
    assert copy("round", "design", "q3").out == exported
    assert copy("db", "verify").err == "Every invariant holds.\n"


def test_upgrade_makes_the_schema_where_there_is_none(tmp_path: Path) -> None:
    run = CommandLine(tmp_path, f"sqlite:///{tmp_path}/fresh.db")
    assert "schema none -> " in run("db", "upgrade").err
    again = run("db", "upgrade").err.split("schema ")[1].strip().split(" -> ")
    assert again[0] == again[1]


def rated(house: CommandLine, *, name: str = "q3") -> str:
    """A closed round that all three rated; its first unit. Ada alone differs on it."""
    house("round", "launch", name, *LAUNCH)
    units = [unit["key"] for unit in house("round", "design", name).json["units"]]
    rows = [
        f"{unit},{rater},{criterion},{2 if unit == units[0] and rater == 'Ada' else 4},so,"
        for unit in units
        for rater in ("Ada", "Ben", "Cleo")
        for criterion in ("faithfulness", "relevance", "completeness")
    ]
    rows += [f"{units[0]},Ada,failure,incomplete|outdated,,"]
    header = "output_id,rater,criterion,value,rationale,abstained"
    (house.folder / "rated.csv").write_text("\n".join([header, *rows]) + "\n")
    said = house("rating", "import", "rated.csv", "--round", name)
    assert f"of {len(rows)} rows" in said.out
    assert "A row on tags counts once for every tag" in said.err
    house("round", "close", name)
    return str(units[0])


def test_raters_stand_side_by_side_on_the_command_line(house: CommandLine) -> None:
    rated(house)
    found = house("round", "raters", "q3", "--json").json
    assert found["round"] == "q3"
    rows = {(row["rater"], row["criterion"]): row for row in found["rows"]}
    assert rows["Ada", "relevance"]["difference"]["value"] == pytest.approx(-2 / 30)
    assert rows["Ben", "relevance"]["difference"]["value"] == pytest.approx(1 / 30)
    assert rows["Ada", "relevance"]["use"] == pytest.approx([0, 1 / 30, 0, 29 / 30, 0])
    table = house("round", "raters", "q3").out
    assert re.search(r"relevance +│ Ada +│ 30 ", table)
    assert house.refused("round", "raters", "q4").startswith("there is no round 'q4'; there are q3")


def test_the_report_of_a_round_is_one_file(house: CommandLine) -> None:
    rated(house)
    said = house("round", "report", "q3", "q3.html").err
    assert said == "The report of q3 is in q3.html.\n"
    text = (house.folder / "q3.html").read_text("utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert "<h1>Round q3</h1>" in text
    refused = house.refused("round", "report", "q3", "nowhere/q3.html")
    assert refused.startswith("nowhere/q3.html cannot be written: No such file or directory")


def test_a_round_without_ratings_has_no_agreement_and_says_so_by_its_exit_code(
    house: CommandLine,
) -> None:
    house("round", "launch", "q3", *LAUNCH)
    assert "no unit was rated twice" in house("agreement", "q3", code=3).out


def test_a_decision_tells_what_it_takes_the_place_of(house: CommandLine) -> None:
    unit = rated(house)
    words = (unit, "relevance", "5", "--lead", "Lea", "--reason", "it answers the question")
    first = house("gold", "adjudicate", "q3", *words).err
    assert first == f"{unit}, relevance: adjudicated by Lea.\n"
    again = house("gold", "adjudicate", "q3", unit, "relevance", "3", *words[3:]).err
    assert again.startswith(f"{unit}, relevance: adjudicated by Lea. The decision of Lea was ")
    other = house("round", "design", "q3").json["units"][1]["key"]
    said = house("gold", "adjudicate", "q3", other, "relevance", "3", *words[3:]).err
    assert "The raters' own consensus (unanimous) was " in said
