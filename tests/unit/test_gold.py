"""From disputed and agreed ratings to gold, and into a golden dataset."""

import io
import json
import threading
from pathlib import Path

import pandas as pd
import pytest
from sqlmodel import col, select

from annotate import (
    adjudication,
    exchange,
    gold,
    gold_file,
    outputs,
    people,
    ratings,
    rounds,
    rubric_versions,
)
from annotate.errors import BadInput, NotAllowed, NotFound
from annotate.rubric import Answer
from db.engine import Database
from db.tables import Gold, Rater, Rating
from tests.unit.desk_round import GOOD, Desk

BAD = {
    "quality": Answer(value=1, rationale="the fee is not in the context"),
    "failure": Answer(tags=("stale",)),
}


@pytest.fixture
def desk(database: Database) -> Desk:
    """Four units, two raters each: agreed on all but o02, which Ada likes and Ben does not."""
    desk = Desk(database, units=4, overlap=2, raters=("Ada", "Ben"))
    for name in ("Ada", "Ben"):
        while (place := desk.claim(name)) is not None:
            disliked = name == "Ben" and place.response == "Response 2"
            desk.submit(name, place, BAD if disliked else GOOD)
    return desk


def close(desk: Desk) -> None:
    with desk.database.write() as session:
        rounds.close_round(session, "R", by=None)


def adjudicate(desk: Desk, value: str = "1", reason: str = "the context says so") -> None:
    with desk.database.write() as session:
        adjudication.adjudicate(
            session, desk.round(), "o02", "quality", value, reason, by=desk.rater("Lea")
        )


def promote(desk: Desk, by: Rater | None = None) -> gold.Promotion:
    with desk.database.write() as session:
        return gold.promote(session, desk.round(), by=by)


def decisions(desk: Desk) -> dict[tuple[str, str], adjudication.Decision]:
    with desk.database.read() as session:
        return {(d.unit, d.criterion): d for d in adjudication.decisions(session, desk.round())}


def everything(desk: Desk) -> pd.DataFrame:
    """Every rating that was ever made, in order."""
    with desk.database.read() as session:
        return ratings.frame(session, current=False)


def test_what_raters_agree_on_has_a_consensus_and_what_they_do_not_is_disputed(desk: Desk) -> None:
    found = decisions(desk)
    agreed, disputed = found["o00", "quality"], found["o02", "quality"]
    assert (agreed.consensus.value, agreed.consensus.how, agreed.label) == (3, "unanimous", "Good")
    assert agreed.raters == ("Ada", "Ben")
    assert (disputed.consensus.value, disputed.open, disputed.label) == (None, True, None)


def test_a_dispute_shows_every_side_with_its_rationale(desk: Desk) -> None:
    with desk.database.read() as session:
        found = adjudication.disputes(session, desk.round(), by=None)
    assert [(d.decision.unit, d.decision.criterion) for d in found] == [("o02", "quality")]
    assert [(v.rater, v.value, v.label, v.rationale) for v in found[0].votes] == [
        ("Ada", 3.0, "Good", None),
        ("Ben", 1.0, "Bad", "the fee is not in the context"),
    ]


def test_an_adjudication_is_a_rating_of_the_leads_own_and_settles_the_dispute(desk: Desk) -> None:
    adjudicate(desk)
    decision = decisions(desk)["o02", "quality"]
    assert (decision.consensus.value, decision.consensus.how) == (1, "adjudicated")
    assert decision.consensus.agreement == 0.5, "one of two raters said so"
    assert (decision.adjudicated_by, decision.open) == ("Lea", False)
    last = everything(desk).iloc[-1]
    assert (last["rater"], last["adjudication"], last["rationale"]) == (
        "Lea",
        True,
        "the context says so",
    )
    assert "others" in last["seen"]


def test_an_adjudication_that_is_said_twice_is_stored_once(desk: Desk) -> None:
    adjudicate(desk, "1")
    adjudicate(desk, "1")
    with desk.database.read() as session:
        rows = session.exec(select(Rating).where(col(Rating.adjudication).is_(True))).all()
    assert len(rows) == 1


def test_a_second_adjudication_supersedes_the_first(desk: Desk) -> None:
    adjudicate(desk, "1")
    adjudicate(desk, "2", "on second thought, half right")
    assert decisions(desk)["o02", "quality"].consensus.value == 2
    rulings = everything(desk)
    assert rulings[rulings["adjudication"].astype(bool)]["superseded"].tolist() == [True, False]


def test_an_adjudication_does_not_count_as_a_raters_vote(desk: Desk) -> None:
    adjudicate(desk)
    decision = decisions(desk)["o02", "quality"]
    assert decision.consensus.votes == {1.0: 1, 3.0: 1}
    assert decision.raters == ("Ada", "Ben")


@pytest.mark.parametrize(
    ("unit", "criterion", "value", "reason", "words"),
    [
        ("o02", "quality", "2", "  ", "needs a reason"),
        ("o02", "quality", "9", "because", "quality"),
        ("o02", "tone", "2", "because", "has no criterion 'tone'"),
        ("nope", "quality", "2", "because", "has no unit 'nope'"),
    ],
)
def test_an_adjudication_that_cannot_be_is_refused_in_words(
    desk: Desk, unit: str, criterion: str, value: str, reason: str, words: str
) -> None:
    with (
        pytest.raises((BadInput, NotFound), match=words),
        desk.database.write() as session,
    ):
        adjudication.adjudicate(
            session, desk.round(), unit, criterion, value, reason, by=desk.rater("Lea")
        )


def test_raters_may_neither_adjudicate_nor_promote_nor_export(desk: Desk, tmp_path: Path) -> None:
    close(desk)
    ada = desk.rater("Ada")
    with pytest.raises(NotAllowed, match="only a lead"), desk.database.write() as session:
        adjudication.adjudicate(session, desk.round(), "o02", "quality", "1", "because", by=ada)
    with pytest.raises(NotAllowed, match="only a lead"):
        promote(desk, by=ada)
    with pytest.raises(NotAllowed, match="only a lead"), desk.database.write() as session:
        gold.export(session, tmp_path / "g.jsonl", by=ada)
    assert not (tmp_path / "g.jsonl").exists()


def test_an_open_round_gives_no_gold(desk: Desk) -> None:
    with pytest.raises(NotAllowed, match="round R is open; close it first"):
        promote(desk)


def test_promotion_leaves_disputes_out_and_says_why(desk: Desk) -> None:
    close(desk)
    done = promote(desk)
    assert done.added == 3
    assert done.left["disputed: 2 points apart"] == 1


def test_promoting_again_is_a_no_op_and_a_settled_dispute_is_added(desk: Desk) -> None:
    close(desk)
    promote(desk)
    adjudicate(desk)
    again = promote(desk)
    assert (again.added, again.changed, again.same) == (1, 0, 3)


def test_a_changed_label_retires_the_earlier_one_and_keeps_it_as_history(desk: Desk) -> None:
    close(desk)
    adjudicate(desk, "1")
    promote(desk)
    adjudicate(desk, "2", "on second thought")
    changed = promote(desk)
    assert (changed.added, changed.changed) == (0, 1)
    with desk.database.read() as session:
        labels = {(g.output, g.criterion): g.value for g in gold.list_gold(session, by=None)}
        history = session.exec(select(Gold).where(col(Gold.retired_at).is_not(None))).all()
    assert labels["o02", "quality"] == 2
    assert [(old.criterion, old.value) for old in history] == [("quality", 1)]


def test_equal_gold_gives_equal_bytes_and_a_corrected_label_is_no_conflict(
    desk: Desk, tmp_path: Path
) -> None:
    close(desk)
    adjudicate(desk, "1")
    promote(desk)
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    for path in (first, second, first):
        with desk.database.write() as session:
            gold.export(session, path, merge=True, by=None)
    assert first.read_bytes() == second.read_bytes()
    adjudicate(desk, "2", "on second thought")
    promote(desk)
    with desk.database.write() as session:
        result = gold.export(session, first, merge=True, by=None)
    assert (result.changed, result.conflicts) == (["o02"], [])
    lines = {row["id"]: row for row in map(json.loads, first.read_text().splitlines())}
    assert lines["o02"]["labels"]["quality"]["value"] == 2
    assert lines["o02"]["labels"]["quality"]["how"] == "adjudicated"
    assert lines["o02"]["provenance"]["raters"] == ["Ada", "Ben", "Lea"]
    assert lines["o00"]["provenance"]["rubric"] == "answers@1"


def test_a_conflict_writes_nothing_until_the_lead_chooses(desk: Desk, tmp_path: Path) -> None:
    close(desk)
    promote(desk)
    path = tmp_path / "golden.jsonl"
    theirs = '{"id":"o00","labels":{"quality":{"value":1}}}\n'
    path.write_text(theirs)
    with desk.database.write() as session:
        result = gold.export(session, path, merge=True, by=None)
    assert [c.field for c in result.conflicts] == ["labels.quality"]
    assert path.read_text() == theirs
    with desk.database.write() as session:
        gold.export(session, path, merge=True, resolve="workspace", by=None)
    assert json.loads(path.read_text().splitlines()[0])["labels"]["quality"]["value"] == 3


def test_an_export_without_gold_says_what_to_do_and_makes_no_file(
    desk: Desk, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="no gold to export yet"), desk.database.write() as session:
        gold.export(session, tmp_path / "golden.jsonl", by=None)
    assert list(tmp_path.glob("golden*")) == []


def test_a_folder_that_is_not_there_is_named_and_nothing_is_recorded(
    desk: Desk, tmp_path: Path
) -> None:
    close(desk)
    promote(desk)
    path = tmp_path / "nowhere" / "golden.jsonl"
    with (
        pytest.raises(BadInput, match="nowhere/golden.jsonl: No such file or directory; nothing"),
        desk.database.write() as session,
    ):
        gold.export(session, path, by=None)
    with desk.database.read() as session:
        assert all(g.exported_at is None for g in session.exec(select(Gold)))


def test_an_existing_file_is_not_overwritten_without_merge(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "golden.jsonl"
    path.write_text("{}\n")
    with (
        pytest.raises(BadInput, match="golden.jsonl exists; add --merge"),
        desk.database.write() as session,
    ):
        gold.export(session, path, by=None)
    assert path.read_text() == "{}\n"


def test_a_revoked_lead_leads_no_more(desk: Desk) -> None:
    with desk.database.write() as session:
        people.revoke(session, people.get_rater(session, "Lea"), by=None)
    with pytest.raises(NotAllowed, match="only a lead"):
        promote(desk, by=desk.rater("Lea"))


def test_a_lead_may_overrule_raters_who_agree_and_their_agreement_tells(desk: Desk) -> None:
    with desk.database.write() as session:
        adjudication.adjudicate(
            session, desk.round(), "o00", "quality", "1", "not in the context", by=desk.rater("Lea")
        )
    overruled = decisions(desk)["o00", "quality"].consensus
    assert (overruled.value, overruled.agreement, overruled.votes) == (1, 0.0, {3: 2})


def test_a_golden_case_holds_the_response_that_its_labels_are_about(desk: Desk) -> None:
    close(desk)
    promote(desk)
    with desk.database.read() as session:
        line = next(gold.lines(session, by=None))
    assert (line["id"], line["response"]) == ("o00", "Response 0")
    assert line["configuration"] == "hidden-configuration"


@pytest.fixture
def later(desk: Desk) -> Desk:
    """A second round S over the same units, in which everybody dislikes all; both are closed."""
    close(desk)
    with desk.database.write() as session:
        asked = rounds.Design(
            name="S", rubric="answers@1", units=4, overlap=2, raters=("Ada", "Ben")
        )
        rounds.launch_round(session, asked, by=None)
    with desk.database.write() as session:
        rows = "".join(
            f"o{n:02},{rater},quality,1\no{n:02},{rater},failure,stale\n"
            for n in range(4) for rater in ("Ada", "Ben")
        )  # fmt: skip
        file = io.BytesIO(("output_id,rater,criterion,value\n" + rows).encode())
        later = rounds.get_round(session, "S")
        exchange.import_ratings(session, file, round=later, name="s.csv", by=None)
        rounds.close_round(session, "S", by=None)
    return desk


def promote_round(desk: Desk, name: str, *, replace: bool = False) -> gold.Promotion:
    with desk.database.write() as session:
        return gold.promote(session, rounds.get_round(session, name), replace=replace, by=None)


def labels(desk: Desk) -> dict[tuple[str, str], tuple[float | None, str]]:
    with desk.database.read() as session:
        return {
            (g.output, g.criterion): (g.value, g.round) for g in gold.list_gold(session, by=None)
        }


def test_a_later_round_replaces_no_label_of_an_earlier_one_unasked(later: Desk) -> None:
    """Whichever round is promoted, and however often: nothing changes but by --replace."""
    adjudicate(later, "2", "half right")
    promote_round(later, "R")
    before = labels(later)
    assert before["o02", "quality"] == (2, "R")
    offered = promote_round(later, "S")
    assert offered.changed == 0
    contradicted = {(c.output, c.criterion) for c in offered.conflicts}
    assert ("o02", "quality") in contradicted
    assert any("(adjudicated, R) is in force" in str(c) for c in offered.conflicts)
    now_in_force = labels(later)
    assert {place: now_in_force[place] for place in before} == before
    replaced = promote_round(later, "S", replace=True)
    assert (replaced.conflicts, replaced.changed) == ([], len(contradicted))
    assert labels(later)["o02", "quality"] == (1, "S")
    assert promote_round(later, "S").changed == 0


@pytest.mark.parametrize("name", ["golden.csv", "golden.parquet", "golden.jsonl.gz"])
def test_a_golden_dataset_is_json_lines_by_name_too(desk: Desk, tmp_path: Path, name: str) -> None:
    close(desk)
    promote(desk)
    with (
        desk.database.write() as session,
        pytest.raises(BadInput, match="a golden dataset is JSON Lines; name it golden"),
    ):
        gold.export(session, tmp_path / name, by=None)
    assert not (tmp_path / name).exists()


def test_a_lead_may_decide_where_every_rater_abstained(database: Database) -> None:
    desk = Desk(database, units=1, overlap=2, raters=("Ada", "Ben"))
    for name in ("Ada", "Ben"):
        desk.submit(name, desk.take(name), {"quality": Answer(abstained="cannot_judge")})
    assert ("o00", "quality") not in decisions(desk)
    with desk.database.write() as session:
        adjudication.adjudicate(
            session, desk.round(), "o00", "quality", "2", "the manual says so", by=desk.rater("Lea")
        )
    found = decisions(desk)["o00", "quality"]
    assert (found.consensus.value, found.consensus.agreement, found.label) == (2, 0.0, "Fair")


def test_a_lead_who_rates_sees_no_dispute_while_the_round_is_open(database: Database) -> None:
    desk = Desk(database, units=1, overlap=1, raters=("Ada", "Lea"))
    with desk.database.read() as session:
        with pytest.raises(NotAllowed, match="you rate in round R, and would see what others say"):
            adjudication.disputes(session, desk.round(), by=desk.rater("Lea"))
        assert adjudication.disputes(session, desk.round(), by=None) == []
    close(desk)
    with desk.database.read() as session:
        assert adjudication.disputes(session, desk.round(), by=desk.rater("Lea")) == []


def test_a_repeat_is_not_adjudicated(database: Database) -> None:
    desk = Desk(database, units=2, overlap=1, repeats=1)
    repeat = next(key for key in desk.missing() if key.endswith("#repeat"))
    with (
        desk.database.write() as session,
        pytest.raises(BadInput, match="is a repeat: it tells of its rater"),
    ):
        adjudication.adjudicate(
            session, desk.round(), repeat, "quality", "2", "so", by=desk.rater("Lea")
        )


def test_of_two_leads_at_once_the_later_decision_supersedes(desk: Desk) -> None:
    def decide(value: str, reason: str) -> None:
        with desk.database.write() as session:
            adjudication.adjudicate(
                session, desk.round(), "o02", "quality", value, reason, by=desk.rater("Lea")
            )

    # Each with a reason of its own: what is said twice in a row is stored once.
    threads = [
        threading.Thread(target=decide, args=(value, f"reason {n}"))
        for n, value in enumerate("123" * 3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = everything(desk)
    rulings = found[found["adjudication"].astype(bool)]
    assert len(rulings) == 9
    assert len(rulings[~rulings["superseded"].astype(bool)]) == 1


@pytest.mark.parametrize("ask", ["promote", "list", "lines"])
def test_a_kind_or_criterion_that_is_not_there_is_refused(desk: Desk, ask: str) -> None:
    close(desk)
    with desk.database.write() as session, pytest.raises(BadInput, match="not one of golden"):
        if ask == "promote":
            gold.promote(session, desk.round(), kind="silver", by=None)
        elif ask == "list":
            gold.list_gold(session, kind="silver", by=None)
        else:
            list(gold.lines(session, kind="silver", by=None))
    with desk.database.write() as session, pytest.raises(NotFound, match="no criterion 'qualty'"):
        gold.promote(session, desk.round(), criteria=["qualty"], by=None)


def test_a_category_stands_in_a_golden_dataset_by_its_options_id(database: Database) -> None:
    with database.write() as session:
        file = io.BytesIO(b'{"id":"a","input":"q","response":"r"}')
        outputs.import_outputs(session, outputs.read_outputs(file, name="o.jsonl"), by=None)
        people.add_rater(session, "Ada")
        people.add_rater(session, "Ben")
        rubric_versions.add_rubric(
            session,
            "name: t\ncriteria:\n  - id: tone\n    scale: categorical\n"
            "    options: [{id: warm, label: Warm}, {id: cold, label: Cold}]\n",
        )
        asked = rounds.Design(name="T", rubric="t", units=1, overlap=2, raters=("Ada", "Ben"))
        rounds.launch_round(session, asked, by=None)
    with database.write() as session:
        said = b"output_id,rater,criterion,value\na,Ada,tone,cold\na,Ben,tone,cold\n"
        round_ = rounds.get_round(session, "T")
        exchange.import_ratings(session, io.BytesIO(said), round=round_, name="t.csv", by=None)
        rounds.close_round(session, "T", by=None)
        gold.promote(session, rounds.get_round(session, "T"), by=None)
        line = next(gold.lines(session, by=None))
    assert line["labels"]["tone"]["value"] == "cold"
    assert line["labels"]["tone"]["votes"] == {"cold": 2}
    with database.read() as session:
        text = gold_file.fresh([line])
        assert gold.merged(session, text, name="g.jsonl", by=None).same == ["a"]
