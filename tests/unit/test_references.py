"""Ideal answers: what raters write becomes the reference of its case in the gold."""

import json
from pathlib import Path

import pytest

from annotate import gold, people, references, rounds, rubric_versions
from annotate.desk import claim_next, submit
from annotate.errors import BadInput, BadRubric, NotAllowed, NotFound
from annotate.rounds import Design
from annotate.rubric import Answer, parse
from db.engine import Database
from db.tables import now
from tests.unit.desk_round import Desk

RUBRIC = """
name: mended
criteria:
  - {id: right, scale: binary}
  - id: ideal
    question: What should it have said?
    scale: text
    required: false
    show_if: right == 0
    becomes: reference
"""
WRONG = Answer(value=0)


@pytest.fixture
def mended(database: Database) -> Desk:
    """Round M, two raters a unit, four units."""
    desk = Desk(database)
    launch(desk, "M", RUBRIC, ("Ada", "Ben"))
    return desk


def launch(desk: Desk, name: str, rubric: str, raters: tuple[str, ...]) -> None:
    with desk.database.write() as session:
        added = rubric_versions.add_rubric(session, rubric, source_name="r.yaml", by=None)
        design = Design(name=name, rubric=added.name, units=4, overlap=len(raters), raters=raters)
        rounds.launch_round(session, design, by=None)


def rate(
    desk: Desk, name: str, written: dict[str, str], round_: str = "M", ideal: str = "ideal"
) -> None:
    """Every unit: wrong with an ideal answer where one is given by its input, else right."""
    with desk.database.write() as session:
        who, where = people.get_rater(session, name), rounds.get_round(session, round_)
        while (place := claim_next(session, who, where, at=now())) is not None:
            text = written.get(place.input)
            answers = (
                {"right": Answer(value=1)} if text is None
                else {"right": WRONG, ideal: Answer(text=text)}
            )  # fmt: skip
            submit(
                session, who, place.assignment_id, answers,
                idempotency_key=f"{name} {place.assignment_id}", at=now(),
            )  # fmt: skip


def promote(desk: Desk, round_: str = "M", *, replace: bool = False) -> gold.Promotion:
    with desk.database.write() as session:
        return gold.promote(session, rounds.get_round(session, round_), by=None, replace=replace)


def close(desk: Desk, round_: str = "M") -> None:
    with desk.database.write() as session:
        rounds.close_round(session, round_, by=None)


def exported(desk: Desk) -> dict[str, dict[str, object]]:
    with desk.database.read() as session:
        return {str(line["id"]): line for line in gold.lines(session, by=None)}


def choose(desk: Desk, unit: str, text: str, by: str = "Lea", criterion: str = "ideal") -> None:
    with desk.database.write() as session:
        references.choose(
            session, rounds.get_round(session, "M"), unit, criterion, text,
            by=people.get_rater(session, by),
        )  # fmt: skip


def test_an_ideal_answer_becomes_the_reference_of_its_case(mended: Desk) -> None:
    rate(mended, "Ada", {"Question 1": "Ask  support."})
    rate(mended, "Ben", {"Question 1": "Ask support.", "Question 2": "One", "Question 3": "Three"})
    close(mended)
    promoted = promote(mended)
    lines = exported(mended)
    # Two wrote the same but for white space; where one alone wrote something it waits.
    assert lines["o01"]["reference"] == "Ask  support."
    assert promoted.left[references.SINGLE] == 2
    assert "o02" not in lines
    assert lines["o01"]["labels"]["right"]["value"] == 0  # type: ignore[index]
    assert "ideal" not in lines["o01"]["labels"]  # type: ignore[operator]
    again = promote(mended)
    assert (again.added, again.changed) == (0, 0)


def test_different_ideal_answers_wait_for_a_lead(mended: Desk) -> None:
    rate(mended, "Ada", {"Question 0": "Five days."})
    rate(mended, "Ben", {"Question 0": "Within a week."})
    with mended.database.read() as session:
        (waiting,) = references.ideals(session, rounds.get_round(session, "M"), by=None)
    assert waiting.open and dict(waiting.written) == {"Ada": "Five days.", "Ben": "Within a week."}
    close(mended)
    assert promote(mended).left[references.SEVERAL] == 1
    assert exported(mended)["o00"]["reference"] == "Reference 0"
    choose(mended, "o00", "Five working days.")
    choose(mended, "o00", " Five days. ")
    promote(mended)
    assert exported(mended)["o00"]["reference"] == "Five days."


def test_who_alone_calls_a_response_wrong_does_not_mend_it(database: Database) -> None:
    desk = Desk(database)
    launch(desk, "M", RUBRIC, ("Ada", "Ben", "Cy"))
    rate(desk, "Ada", {"Question 0": "Ada's own view.", "Question 1": "Five days."})
    rate(desk, "Ben", {"Question 1": "Five days."})
    rate(desk, "Cy", {})
    close(desk)
    assert promote(desk).left == {references.SINGLE: 1}
    lines = exported(desk)
    assert (lines["o00"]["labels"]["right"]["value"], lines["o00"]["reference"]) == (  # type: ignore[index]
        1, "Reference 0",
    )  # fmt: skip
    assert lines["o01"]["reference"] == "Five days."  # as two of three agree that it is wrong
    choose(desk, "o00", "Ada's own view.")
    assert promote(desk).left == {}
    assert exported(desk)["o00"]["reference"] == "Ada's own view."


def test_what_most_raters_call_right_is_not_mended_by_two(database: Database) -> None:
    desk = Desk(database)
    with database.write() as session:
        people.add_rater(session, "Eve")
    launch(desk, "M", RUBRIC, ("Ada", "Ben", "Cy", "Dee", "Eve", "Lea"))
    for name in ("Ada", "Ben"):
        rate(desk, name, {"Question 0": "The same."})
    for name in ("Cy", "Dee", "Eve", "Lea"):
        rate(desk, name, {})
    with database.read() as session:
        (ideal,) = references.ideals(session, rounds.get_round(session, "M"), by=None)
    assert (ideal.open, ideal.reason) == (True, references.UNASKED)


def test_references_of_two_rounds_meet_whatever_their_criteria_are_called(mended: Desk) -> None:
    for name in ("Ada", "Ben"):
        rate(mended, name, {"Question 0": "Five days."})
    close(mended)
    promote(mended)
    other = RUBRIC.replace("mended", "mended-too").replace("id: ideal", "id: a-better-one")
    launch(mended, "N", other, ("Cy", "Dee"))
    for name in ("Cy", "Dee"):
        rate(mended, name, {"Question 0": "Six days."}, "N", "a-better-one")
    close(mended, "N")
    (conflict,) = promote(mended, "N").conflicts
    assert (conflict.in_force, conflict.offered) == ("Five days.", "Six days.")
    assert exported(mended)["o00"]["reference"] == "Five days."
    assert promote(mended, "N", replace=True).conflicts == []
    assert exported(mended)["o00"]["reference"] == "Six days."
    with mended.database.read() as session:
        (label,) = [one for one in gold.list_gold(session, by=None) if one.text is not None]
    assert (label.criterion, label.label) == ("reference", "Six days.")


def test_a_rubric_asks_for_one_reference_at_most() -> None:
    second = "\n  - {id: again, scale: text, required: false, becomes: reference}\n"
    with pytest.raises(BadRubric, match=r"criteria\[2\].*a case has one reference"):
        parse(RUBRIC.rstrip() + second, "x.yaml")


def test_a_choice_is_a_leads_and_says_something(mended: Desk) -> None:
    for by, text, error in (
        ("Ada", "x", NotAllowed),
        ("Lea", " \0 ", BadInput),
        ("Lea", "x" * 20_001, BadInput),
    ):
        with pytest.raises(error):
            choose(mended, "o00", text, by)
    with pytest.raises(NotFound, match="'right' asks for no ideal answer"):
        choose(mended, "o00", "x", criterion="right")
    with pytest.raises(NotFound, match="no unit 'o99'"):
        choose(mended, "o99", "x")


def test_a_file_with_the_cases_own_reference_is_out_of_date_and_not_in_conflict(
    mended: Desk, tmp_path: Path
) -> None:
    for name in ("Ada", "Ben"):
        rate(mended, name, {"Question 0": "Five days."})
    close(mended)
    promote(mended)
    file = tmp_path / "golden.jsonl"
    own = {"id": "o00", "reference": "Reference 0", "note": "kept"}
    theirs = {"id": "o01", "reference": "Somebody else's"}
    file.write_text("".join(json.dumps(line) + "\n" for line in (own, theirs)))
    with mended.database.write() as session:
        result = gold.export(session, file, merge=True, by=None)
    assert [c.field for c in result.conflicts] == ["reference"]
    assert result.conflicts[0].in_file == "Somebody else's"
    file.write_text(json.dumps(own) + "\n")
    with mended.database.write() as session:
        gold.export(session, file, merge=True, by=None)
    merged = {line["id"]: line for line in map(json.loads, file.read_text().splitlines())}
    assert (merged["o00"]["reference"], merged["o00"]["note"]) == ("Five days.", "kept")


def test_only_a_text_can_become_the_reference() -> None:
    with pytest.raises(BadRubric, match="only a text can become the reference"):
        parse("name: x\ncriteria:\n  - {id: a, scale: binary, becomes: reference}", "x.yaml")


def test_the_hash_of_a_rubric_without_one_is_what_it_was() -> None:
    rubric = parse("name: x\ncriteria:\n  - {id: a, scale: binary}")
    assert "becomes" not in rubric.document()["criteria"][0]
