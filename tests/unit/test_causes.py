"""The disagreement desk: disputes by cause, one more rater's view, notes for the guideline."""

import io
import json

import pytest

from annotate import adjudication, desk, exchange, people, rounds
from annotate.errors import BadInput, Conflict, NotAllowed, NotFound
from annotate.reports.agreement import agreement_report
from annotate.reports.calibration import judges_of
from annotate.reports.causes import explained
from annotate.reports.disagreements import judge_alone
from annotate.rubric import Answer
from annotate.verification import verify
from db.engine import Database
from tests.unit.categories_round import categories_round
from tests.unit.desk_round import Desk
from tests.unit.test_reports import TRUTH, judge, rated

LOW, HIGH = {"quality": Answer(value=1), "failure": Answer(tags=())}, {"quality": Answer(value=3)}


def disputed(database: Database, units: int = 4) -> Desk:
    """Ada says 1 and Ben says 3 of everything; Cy rates nothing."""
    made = Desk(database, units=units, overlap=2)
    for name, answers in (("Ada", LOW), ("Ben", HIGH)):
        for _ in range(units):
            made.rate(name, answers)
    return made


def test_a_standing_difference_is_an_unclear_rubric_and_names_the_two(database: Database) -> None:
    made = disputed(database, units=8)
    with database.read() as session:
        found = explained(session, made.round(), by=None)
    assert {one.cause for one in found} == {"unclear rubric"}
    assert len(found) == 8
    assert found[0].evidence == (
        "Ada stands below Ben on 8 of the 8 units on which they differ, mostly Bad beside Good "
        "(sign test: p 0.008): they read the rubric differently."
    )


def test_four_units_the_same_way_round_may_be_chance(database: Database) -> None:
    made = disputed(database, units=4)
    with database.read() as session:
        found = explained(session, made.round(), by=None)
    assert {one.cause for one in found} == {"ambiguous"}
    assert "more often than by chance" in found[0].evidence


def test_who_takes_one_category_for_another_is_told_in_its_words(database: Database) -> None:
    round_ = categories_round(
        database, {"Ada": ["why"] * 9 + ["other"], "Ben": ["how-to"] * 9 + ["why"]}
    )
    with database.read() as session:
        found = explained(session, round_, by=None)
    by_unit = {one.dispute.decision.unit: one for one in found}
    assert by_unit["k00"].evidence == (
        "Ada says Why and Ben How-to on 9 of the 9 units on which they give these two "
        "(sign test: p 0.008): they read the rubric differently."
    )
    assert by_unit["k09"].cause == "ambiguous"


def test_where_people_are_of_one_mind_the_judge_is_alone(database: Database) -> None:
    made = rated(database)
    judge(made, TRUTH | {"o01": 3.0, "o03": 3.0})
    with database.read() as session:
        found = judge_alone(session, made.round(), by=None)
    # On o03 Ada and Ben differ themselves.
    assert {name: [row.output for row in rows] for name, rows in found.items()} == {
        "Judge": ["o01"]
    }


def test_no_metric_and_no_word_overlap_is_a_judge_that_is_alone(database: Database) -> None:
    made = rated(database)
    apart = TRUTH | {"o01": 3.0}
    judge(made, apart)
    for name, identity in (("rouge", {}), ("words@1", {"spec": {"engine": "lexical"}})):
        with database.write() as session:
            people.add_rater(session, name, kind="metric", identity=identity)
            rows = [{"output_id": k, "rater": name, "criterion": "quality", "value": v}
                    for k, v in apart.items()]  # fmt: skip
            file = io.BytesIO("\n".join(map(json.dumps, rows)).encode())
            exchange.import_ratings(
                session, file, round=rounds.get_round(session, "R"), name="m.jsonl", kind="metric",
                by=None,
            )  # fmt: skip
    with database.read() as session:
        assert judges_of(session, made.round(), by=None) == ["Judge", "rouge", "words@1"]
        assert list(judge_alone(session, made.round(), by=None)) == ["Judge"]


def test_one_more_rater_gets_the_unit_and_it_is_kept_beside_the_others(database: Database) -> None:
    made = disputed(database)
    with database.read() as session:
        before = agreement_report(session, made.round(), by_segment=False, by=None).as_json()
    with database.write() as session:
        chosen = adjudication.send_to_one_more(
            session, made.round(), "o02", at=made.at, by=people.get_rater(session, "Lea")
        )
    assert chosen.name == "Cy"
    place = made.take("Cy")
    assert made.unit(place).key == "o02"
    # Who pauses, or stays away for long, finds it again; nobody else gets it.
    made.release("Cy")
    assert made.claim("Ada") is None
    assert made.unit(made.take("Cy")).key == "o02"
    made.later(60 * 24)
    place = made.take("Cy")
    assert made.unit(place).key == "o02"
    assert made.submit("Cy", place, LOW).extra
    assert made.claim("Cy") is None
    with database.read() as session:
        after = agreement_report(session, made.round(), by_segment=False, by=None).as_json()
        (dispute,) = [
            one.dispute
            for one in explained(session, made.round(), by=None)
            if one.dispute.decision.unit == "o02"
        ]
        assert verify(session) == []
    assert after == before, "the round's agreement is of the raters that it was frozen with"
    assert [(vote.rater, vote.counted) for vote in dispute.votes] == [
        ("Ada", True), ("Ben", True), ("Cy", False),
    ]  # fmt: skip


def test_a_unit_is_sent_to_nobody_who_has_had_it(database: Database) -> None:
    made = disputed(database)
    lea = made.rater("Lea")
    with database.write() as session, pytest.raises(Conflict, match="Ada has had o01"):
        adjudication.send_to_one_more(session, made.round(), "o01", "Ada", by=lea)
    with database.write() as session:
        assert adjudication.send_to_one_more(session, made.round(), "o01", by=lea).name == "Cy"
    with database.write() as session, pytest.raises(Conflict, match="everybody on the panel"):
        adjudication.send_to_one_more(session, made.round(), "o01", by=lea)
    with database.write() as session, pytest.raises(NotFound, match="no unit 'o99'"):
        adjudication.send_to_one_more(session, made.round(), "o99", by=lea)
    with database.write() as session, pytest.raises(NotAllowed, match="only a lead"):
        adjudication.send_to_one_more(session, made.round(), "o02", by=made.rater("Ada"))
    made.close()
    with database.write() as session, pytest.raises(NotAllowed, match="norming round"):
        adjudication.send_to_one_more(session, made.round(), "o02", by=lea)


def test_a_unit_that_waits_for_its_own_raters_is_not_sent(database: Database) -> None:
    made = Desk(database, units=2, overlap=2)
    made.rate("Ada", LOW)
    with database.write() as session, pytest.raises(Conflict, match="still waits for 1"):
        key = next(key for key, missing in made.missing().items() if missing == 1)
        adjudication.send_to_one_more(session, made.round(), key, by=None)


def test_what_was_sent_can_be_skipped(database: Database) -> None:
    made = disputed(database)
    with database.write() as session:
        adjudication.send_to_one_more(session, made.round(), "o02", by=None)
    made.skip("Cy", made.take("Cy"))
    with database.read() as session:
        assert verify(session) == []
    with database.write() as session:
        assert desk.claim_next(session, made.rater("Cy"), made.round(), at=made.at) is None


def test_notes_for_the_guideline_wait_for_the_rubrics_next_version(database: Database) -> None:
    made = disputed(database)
    lea = made.rater("Lea")
    with database.write() as session, pytest.raises(BadInput, match="needs words"):
        adjudication.note_for_guideline(session, made.round(), "o01", "quality", " \n", by=lea)
    with database.write() as session, pytest.raises(NotFound):
        adjudication.note_for_guideline(session, made.round(), "o01", "wit", "Say it.", by=lea)
    with database.write() as session:
        adjudication.note_for_guideline(
            session, made.round(), "o01", "quality", "Half right is fair.", by=lea
        )
    with database.read() as session:
        (note,) = adjudication.guideline_notes(session, "answers", by=lea)
        assert adjudication.guideline_notes(session, "other", by=lea) == []
    assert (note.by, note.round, note.unit, note.criterion, note.text) == (
        "Lea", "R", "o01", "quality", "Half right is fair.",
    )  # fmt: skip
