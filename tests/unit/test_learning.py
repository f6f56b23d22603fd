"""Practice against gold, norming after a blind vote, and the private card."""

from typing import Any

import pytest
from sqlmodel import select

from annotate import gold, norming, own_card, people, practice, rounds
from annotate.desk import Place, claim_next, submit
from annotate.errors import Conflict, NotAllowed, NotFound
from annotate.rounds import Design
from annotate.rubric import Answer
from db.engine import Database
from db.tables import Rating, Unit, now
from tests.unit.desk_round import FAIR, GOOD, Desk

BAD = {"quality": Answer(value=1, rationale="It is wrong."), "failure": Answer(tags=())}


@pytest.fixture
def known(database: Database) -> Desk:
    """Round R, six units rated alike by Ada and Ben, closed, its consensus gold: all GOOD but one."""
    desk = Desk(database, units=6, overlap=2)
    for name in ("Ada", "Ben"):
        while (place := desk.claim(name)) is not None:
            desk.submit(name, place, BAD if place.input == "Question 0" else GOOD)
            desk.later(1)
    desk.close()
    with database.write() as session:
        gold.promote(session, rounds.get_round(session, "R"), by=None)
    return desk


def launch(desk: Desk, name: str, **fields: Any) -> None:
    with desk.database.write() as session:
        asked = {
            "name": name,
            "rubric": "answers@1",
            "units": 6,
            "raters": ("Cy", "Dee"),
            "overlap": 1,
        }
        rounds.launch_round(session, Design.model_validate(asked | fields), by=None)


def next_in(desk: Desk, round_name: str, rater: str) -> Place | None:
    with desk.database.write() as session:
        who, where = people.get_rater(session, rater), rounds.get_round(session, round_name)
        return claim_next(session, who, where, at=now())


def give(desk: Desk, rater: str, place: Place, answers: dict[str, Answer]) -> None:
    with desk.database.write() as session:
        submit(
            session, people.get_rater(session, rater), place.assignment_id, answers,
            idempotency_key=f"{place.assignment_id} {place.reopened}", at=now(),
        )  # fmt: skip


def told(desk: Desk, rater: str, place: Place) -> list[practice.Lesson]:
    with desk.database.read() as session:
        return practice.lessons(
            session, people.get_rater(session, rater), rounds.get_round(session, "training"),
            place.assignment_id,
        )  # fmt: skip


def results(desk: Desk) -> dict[str, practice.Result]:
    with desk.database.read() as session:
        found = practice.results(session, rounds.get_round(session, "training"), by=None)
    return {result.rater: result for result in found}


def practise(desk: Desk, rater: str, answers: dict[str, Answer]) -> None:
    while (place := next_in(desk, "training", rater)) is not None:
        give(desk, rater, place, answers)


def test_every_rater_practises_on_every_known_unit_and_is_told_at_once(known: Desk) -> None:
    launch(known, "training", practice={"pass_mark": 0.8, "tolerance": 0})
    for _ in range(6):
        place = next_in(known, "training", "Cy")
        assert place is not None
        with pytest.raises(NotAllowed, match="once you have submitted it"):
            told(known, "Cy", place)
        give(known, "Cy", place, GOOD)
        (lesson,) = [x for x in told(known, "Cy", place) if x.criterion == "quality"]
        if place.input == "Question 0":
            assert (lesson.yours, lesson.known, lesson.met) == ("Good", "Bad", False)
            assert lesson.why == "It is wrong."
        else:
            assert (lesson.yours, lesson.known, lesson.met, lesson.why) == (
                "Good", "Good", True, None,
            )  # fmt: skip
        with pytest.raises(NotAllowed, match="once you have submitted it"):
            told(known, "Dee", place)
    assert next_in(known, "training", "Cy") is None
    found = results(known)
    # The conditional tags of the one bad unit were not asked of who called it good.
    assert (found["Cy"].met, found["Cy"].asked, found["Cy"].passed) == (5, 6, True)
    assert (found["Dee"].done, found["Dee"].passed) == (0, None)
    with known.database.read() as session:
        assert set(session.exec(select(Unit.purpose).where(Unit.round_id == 2))) == {"check"}


def test_the_tolerance_is_for_ordinal_answers_and_the_first_answer_counts(known: Desk) -> None:
    launch(known, "training", practice={"pass_mark": 0.9, "tolerance": 1})
    practise(known, "Cy", FAIR)
    # One point off everywhere is as known; of the two tags of the bad unit one was chosen.
    assert (results(known)["Cy"].met, results(known)["Cy"].asked) == (7, 8)
    assert results(known)["Cy"].passed is False
    with known.database.write() as session:
        from annotate.desk import undo

        cy, training = people.get_rater(session, "Cy"), rounds.get_round(session, "training")
        back = undo(session, cy, training, at=now())
    give(known, "Cy", back, GOOD)
    assert (results(known)["Cy"].met, results(known)["Cy"].asked) == (7, 8)


def test_only_who_passed_may_be_on_a_round_that_asks_for_it(known: Desk) -> None:
    launch(known, "training", practice={"pass_mark": 0.8, "tolerance": 0})
    practise(known, "Cy", GOOD)
    practise(known, "Dee", BAD)
    assert {name: r.passed for name, r in results(known).items()} == {"Cy": True, "Dee": False}
    with pytest.raises(NotAllowed, match="rater Dee has not passed practice round training"):
        launch(known, "real", qualified_by="training")
    launch(known, "real", qualified_by="training", raters=("Cy",))
    with pytest.raises(NotAllowed, match="round R is no practice round"):
        launch(known, "other", qualified_by="R", raters=("Cy",))


def test_a_rater_sees_their_own_result_and_no_other(known: Desk) -> None:
    launch(known, "training", practice={})
    practise(known, "Cy", GOOD)
    with known.database.read() as session:
        training = rounds.get_round(session, "training")
        own = practice.results(session, training, by=people.get_rater(session, "Dee"))
        all_ = practice.results(session, training, by=people.get_rater(session, "Lea"))
    assert [r.rater for r in own] == ["Dee"]
    assert [r.rater for r in all_] == ["Cy", "Dee"]


def test_practice_needs_gold(database: Database) -> None:
    desk = Desk(database)
    with pytest.raises(NotFound, match="no gold says what rubric answers asks"):
        launch(desk, "training", practice={})


@pytest.fixture
def disputed(database: Database) -> Desk:
    """Round R, rated blind by all three: Cy says Bad of Questions 0 and 1, everybody else Good."""
    desk = Desk(database, units=12, overlap=3, parameters={"minimum_units": 2})
    for name in ("Ada", "Ben", "Cy"):
        while (place := desk.claim(name)) is not None:
            low = name == "Cy" and place.input in ("Question 0", "Question 1")
            desk.submit(name, place, BAD if low else GOOD)
            desk.later(1)
    return desk


def test_norming_shows_all_blind_votes_and_measures_what_talking_changed(disputed: Desk) -> None:
    fields: dict[str, Any] = {
        "reveals": "R", "raters": ("Ada", "Ben", "Cy"), "parameters": {"minimum_units": 2},
    }  # fmt: skip
    with pytest.raises(NotAllowed, match="R is open; close it before its votes are revealed"):
        launch(disputed, "talk", **fields)
    disputed.close()
    launch(disputed, "talk", **fields)
    seen: dict[str, set[tuple[str, str]]] = {}
    for name in ("Ada", "Ben", "Cy"):
        for _ in range(2):
            place = next_in(disputed, "talk", name)
            assert place is not None and place.others is not None
            votes = {(v.who, v.said) for v in place.others if v.criterion == "quality"}
            seen[name] = votes
            assert all(secret not in repr(place) for secret in ("Ada", "Ben", "Dee"))
            give(disputed, name, place, GOOD)
        assert next_in(disputed, "talk", name) is None
    assert seen["Cy"] == {("You", "Bad"), ("Rater A", "Good"), ("Rater B", "Good")}
    assert seen["Ada"] == {("You", "Good"), ("Rater A", "Good"), ("Rater B", "Bad")}
    with disputed.database.read() as session:
        talk = rounds.get_round(session, "talk")
        (change,) = [c for c in norming.changes(session, talk, by=None) if c.criterion == "quality"]
        recorded = session.exec(select(Rating.seen).where(Rating.round_id == talk.id)).all()
        with pytest.raises(NotAllowed, match="only a lead"):
            norming.changes(session, talk, by=people.get_rater(session, "Ada"))
    assert (change.moved, change.votes) == (2, 6)
    assert change.before.value is not None and change.before.value < 0.1
    assert change.after.value is None  # unanimous: nothing varies any more
    assert all("others" in (was or []) for was in recorded)


def test_what_nobody_disputes_needs_no_norming(known: Desk) -> None:
    with pytest.raises(NotFound, match="the raters of round R disagree about nothing"):
        launch(known, "talk", reveals="R")


def test_votes_of_another_rubric_or_of_a_norming_round_are_not_revealed(disputed: Desk) -> None:
    disputed.close()
    with pytest.raises(Conflict, match="round R has another rubric version"):
        launch(disputed, "talk", reveals="R", rubric="rag-answer")
    launch(disputed, "talk", reveals="R")
    with disputed.database.write() as session:
        rounds.close_round(session, "talk", by=None)
    with pytest.raises(NotAllowed, match="the votes of round talk were not blind"):
        launch(disputed, "again", reveals="talk")


def card(desk: Desk, name: str) -> own_card.Card:
    with desk.database.read() as session:
        return own_card.card(
            session, people.get_rater(session, name), rounds.get_round(session, "R")
        )


def test_the_card_comes_after_the_round_with_the_largest_differences_first(disputed: Desk) -> None:
    with pytest.raises(NotAllowed, match="once the round is closed"):
        card(disputed, "Cy")
    disputed.close()
    cy, ada = card(disputed, "Cy"), card(disputed, "Ada")
    assert (cy.units, cy.seconds, cy.repeated) == (12, 5.0, 0)
    # Two of three raters are no majority where the third lies at the other end: no consensus.
    assert cy.compared == ada.compared
    assert ada.differences == []
    assert (ada.as_consensus, ada.compared) == (ada.compared, ada.compared)
    assert cy.compared > 0
    assert not [name for name in ("Ada", "Ben") if name in repr(cy)]


def test_the_card_tells_of_repeats_and_of_a_decision_that_went_another_way(
    database: Database,
) -> None:
    from annotate import adjudication

    desk = Desk(database, units=4, overlap=2, repeats=2)
    for name in ("Ada", "Ben"):
        count = 0
        while (place := desk.claim(name)) is not None:
            repeat = desk.unit(place).purpose == "repeat"
            desk.submit(name, place, FAIR if repeat or name == "Ben" else GOOD)
            desk.later(1)
            count += 1
    with database.write() as session:
        lea, round_ = people.get_rater(session, "Lea"), rounds.get_round(session, "R")
        adjudication.adjudicate(session, round_, "o00", "quality", 1, "all of it is wrong", by=lea)
    desk.close()
    ada = card(desk, "Ada")
    assert ada.repeated >= 2 and ada.alike < ada.repeated
    first = ada.differences[0]
    assert (first.criterion, first.yours, first.consensus, first.how) == (
        "quality", "Good", "Bad", "adjudicated",
    )  # fmt: skip
    assert (first.response, first.points) == ("Response 0", 1.0)
    assert len(ada.differences) <= own_card.EXAMPLES
