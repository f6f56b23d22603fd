"""Practice against gold, norming after a blind vote, and the private card."""

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from annotate import desk as desk_
from annotate import gold, norming, outputs, own_card, people, practice, rounds, rubric_versions
from annotate.design import document_hash
from annotate.desk import Place, claim_next, submit
from annotate.errors import BadInput, Conflict, NotAllowed, NotFound
from annotate.reports.panel import missed_checks
from annotate.rounds import Design
from annotate.rubric import Answer
from db.engine import Database
from db.tables import Gold, Rating, Round, Unit, now
from tests.unit.desk_round import FAIR, GOOD, Desk
from tests.unit.desk_round import RUBRIC as DESK_RUBRIC

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


def missed(desk: Desk) -> list[tuple[str, str, str, str, str]]:
    with desk.database.read() as session:
        found = missed_checks(session, rounds.get_round(session, "training"), by=None)
    return [(one.rater, one.unit, one.criterion, one.given, one.known) for one in found]


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
    assert missed(known) == [("Cy", "o00", "quality", "Good", "Bad")]
    with known.database.read() as session:
        assert set(session.exec(select(Unit.purpose).where(Unit.round_id == 2))) == {"check"}


def test_the_tolerance_is_for_ordinal_answers_and_the_first_answer_counts(known: Desk) -> None:
    launch(known, "training", practice={"pass_mark": 0.9, "tolerance": 1})
    practise(known, "Cy", FAIR)
    # One point off everywhere is as known; of the two tags of the bad unit one was chosen.
    assert (results(known)["Cy"].met, results(known)["Cy"].asked) == (7, 8)
    assert results(known)["Cy"].passed is False
    assert missed(known) == [("Cy", "o00", "failure.stale", "Yes", "No")]
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
    newer_outputs(known)
    with pytest.raises(NotAllowed, match="rater Dee has not passed practice round training"):
        launch(known, "real", qualified_by="training")
    launch(known, "real", qualified_by="training", raters=("Cy",))
    with pytest.raises(NotAllowed, match="round R is no practice round"):
        launch(known, "other", qualified_by="R", raters=("Cy",))
    with known.database.write() as session:
        rubric_versions.add_rubric(session, OTHER, source_name="other.yaml", by=None)
    with pytest.raises(BadInput, match="practises rubric answers, which says nothing of other"):
        launch(known, "third", qualified_by="training", raters=("Cy",), rubric="other")


OTHER = "name: other\ncriteria:\n  - {id: quality, scale: binary}"


def newer_outputs(desk: Desk, count: int = 3) -> None:
    lines = [{"id": f"new{n}", "input": "Q", "response": "R", "segment": "s"} for n in range(count)]
    with desk.database.write() as session:
        file = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
        outputs.import_outputs(session, outputs.read_outputs(file, name="o.jsonl"), by=None)


def planned(desk: Desk, **fields: Any) -> rounds.Plan:
    asked = {"name": "next", "rubric": "answers@1", "units": 6, "raters": ("Cy", "Dee"),
             "overlap": 1} | fields  # fmt: skip
    with desk.database.read() as session:
        return rounds.plan_round(session, Design.model_validate(asked), by=None)


def test_what_raters_were_told_in_practice_they_do_not_rate_blind(known: Desk) -> None:
    launch(known, "training", practice={}, units=6)
    with pytest.raises(NotFound, match="told the answer to every output that could be drawn, in"):
        planned(known)
    with known.database.write() as session:
        rounds.close_round(session, "training", by=None)
    # Nobody came, so nobody was told.
    assert len(planned(known).units) == 6


def test_outputs_that_raters_practise_on_are_left_out_of_a_later_sample(known: Desk) -> None:
    launch(known, "training", practice={}, units=4)
    newer_outputs(known)
    with known.database.read() as session:
        training = rounds.get_round(session, "training")
        practised = set(session.exec(select(Unit.key).where(Unit.round_id == training.id)))
    plan = planned(known)
    assert len(plan.units) == 5
    assert not practised & {unit.output for unit in plan.units}
    assert sum(stratum.population for stratum in plan.strata) == 5
    assert (
        "4 outputs are left out, because raters of this panel are told their answer in training"
        in (plan.warnings)
    )
    # It is the panel that counts: who was never told rates them.
    assert len(planned(known, raters=("Ada",)).units) == 6
    practise(known, "Cy", GOOD)
    with known.database.write() as session:
        rounds.close_round(session, "training", by=None)
    # Dee never came, and is told nothing any more.
    assert len(planned(known, raters=("Dee",), units=9).units) == 9
    assert len(planned(known, raters=("Cy",), units=9).units) == 5


def test_what_raters_rate_blind_at_present_they_are_not_told_in_practice(known: Desk) -> None:
    launch(known, "blind again", raters=("Cy",), units=4)
    plan = planned(known, practice={})
    assert len(plan.units) == 2
    assert plan.warnings == [
        "4 outputs are left out, because raters of this panel rate them blind in blind again"
    ]
    launch(known, "blind as well", raters=("Dee",))
    with pytest.raises(NotAllowed, match="rate all of these outputs blind in blind as well"):
        planned(known, practice={})


def test_anchors_that_raters_were_told_the_answer_of_are_warned_about(database: Database) -> None:
    desk = Desk(database, units=6, overlap=2, anchors=3)
    for name in ("Ada", "Ben"):
        while (place := desk.claim(name)) is not None:
            desk.submit(name, place)
            desk.later(1)
    desk.close()
    with database.write() as session:
        gold.promote(session, rounds.get_round(session, "R"), by=None)
    newer_outputs(desk)
    launch(desk, "training", practice={})
    found = planned(desk, anchors_from="R", units=3).warnings
    assert any(words.startswith("3 of the anchors are not blind") for words in found)


def test_a_correction_after_the_lesson_adds_no_known_answer(known: Desk) -> None:
    launch(known, "training", practice={"pass_mark": 0.86, "tolerance": 0})
    bad = None
    while (place := next_in(known, "training", "Cy")) is not None:
        give(known, "Cy", place, GOOD)
        bad = place if place.input == "Question 0" else bad
    assert bad is not None
    before = results(known)["Cy"]
    assert (before.met, before.asked, before.passed) == (5, 6, False)
    with known.database.write() as session:
        cy = people.get_rater(session, "Cy")
        back = desk_.reopen(session, cy, bad.assignment_id, at=now())
    give(known, "Cy", back, BAD)  # asks the tags as well, whose known answers Cy has been told
    assert results(known)["Cy"] == before
    assert [lesson.yours for lesson in told(known, "Cy", bad)] == ["Good"]


def test_the_reason_in_a_lesson_is_a_persons_and_stands(database: Database) -> None:
    desk = Desk(database, units=1, overlap=2)
    with database.write() as session:
        unit = session.exec(select(Unit)).one()
        judge = people.get_rater(session, "Judge")
        session.add(
            Rating(
                round_id=unit.round_id, unit_id=unit.id, output_id=unit.output_id,
                rater_id=judge.id or 0, criterion="quality", value=1, rationale="The judge says so.",
            )
        )  # fmt: skip
    # BAD comes with a reason, which Ada then takes back for another.
    desk.submit("Ada", desk.take("Ada"), BAD)
    better = {**BAD, "quality": Answer(value=1, rationale="What Ada came to.")}
    desk.submit("Ada", desk.undo("Ada"), better)
    desk.submit("Ben", desk.take("Ben"), {**BAD, "quality": Answer(value=1)})
    desk.close()
    with database.write() as session:
        gold.promote(session, rounds.get_round(session, "R"), by=None)
    launch(desk, "training", practice={})
    place = next_in(desk, "training", "Cy") or pytest.fail("nothing to practise on")
    give(desk, "Cy", place, BAD)
    (lesson,) = [one for one in told(desk, "Cy", place) if one.criterion == "quality"]
    assert lesson.why == "What Ada came to."


def test_what_is_known_is_frozen_with_the_practice(known: Desk, elsewhere: Database) -> None:
    launch(known, "training", practice={"pass_mark": 0.8, "tolerance": 0})
    practise(known, "Cy", GOOD)
    before = results(known)["Cy"]
    assert before.passed is True
    with known.database.write() as session:
        for label in session.exec(select(Gold)):
            label.retired_at = now()
            session.add(label)
    assert results(known)["Cy"] == before
    # And launches elsewhere with what was known.
    with known.database.read() as session:
        document = rounds.design_document(session, rounds.get_round(session, "training"), by=None)
    assert document["known"]["o00"]["quality"] == 1
    other = Desk(elsewhere, units=6)
    with elsewhere.write() as session:
        assert rounds.launch_frozen(session, document, by=None).design_hash == document["hash"]
    practise(other, "Cy", GOOD)
    assert results(other)["Cy"] == before


def test_a_practice_is_rated_whole(known: Desk) -> None:
    with pytest.raises(ValueError, match="takes no quota"):
        launch(known, "training", practice={}, quota=2)
    launch(known, "training", practice={})
    place = next_in(known, "training", "Cy") or pytest.fail("nothing to practise on")
    with known.database.write() as session, pytest.raises(NotAllowed, match="every unit is rated"):
        desk_.skip(session, people.get_rater(session, "Cy"), place.assignment_id, "hard", at=now())


def test_gold_of_another_rubric_or_scale_is_not_practised_on(known: Desk) -> None:
    with known.database.write() as session:
        rubric_versions.add_rubric(session, OTHER, source_name="other.yaml", by=None)
        finer = DESK_RUBRIC.replace(
            "  - id: failure",
            "      - {value: 4, label: Best, anchor: Nothing is.}\n  - id: failure",
        )
        rubric_versions.add_rubric(session, finer, source_name="answers.yaml", by=None)
        alike = DESK_RUBRIC.replace("name: answers", "name: alike")
        rubric_versions.add_rubric(session, alike, source_name="alike.yaml", by=None)
    for rubric in ("other", "alike"):
        with pytest.raises(NotFound, match=f"no gold says what rubric {rubric} asks"):
            launch(known, "training", practice={}, rubric=rubric)
    # In the new version `quality` has another scale, so only the one bad unit's tags are known.
    plan = planned(known, practice={}, rubric="answers@2")
    assert plan.known == {"o00": {"failure.stale": 0.0, "failure.unsupported": 0.0}}


@pytest.mark.parametrize("kind", [{"practice": {}}, {"reveals": "R"}])
def test_practice_and_norming_stay_within_the_filters(disputed: Desk, kind: dict[str, Any]) -> None:
    disputed.close()
    with disputed.database.write() as session:
        gold.promote(session, rounds.get_round(session, "R"), by=None)
    with pytest.raises(NotFound, match="no output has the segment 'nowhere'"):
        planned(disputed, **kind, filters={"segments": ("nowhere",)})
    newer_outputs(disputed)
    with pytest.raises(NotFound, match="lies within the filters; widen them"):
        planned(disputed, **kind, filters={"segments": ("s",)})
    assert planned(disputed, **kind, filters={"segments": ("hidden-segment",)}).units


def test_one_rater_may_practise_whatever_the_overlap_of_other_rounds(known: Desk) -> None:
    assert {
        unit.overlap for unit in planned(known, practice={}, raters=("Cy",), overlap=3).units
    } == {1}
    with pytest.raises(BadInput, match="overlap 3 needs 3 raters"):
        planned(known, raters=("Cy",), overlap=3)


def test_a_quota_with_which_the_round_cannot_be_finished_is_warned_about(known: Desk) -> None:
    asked: dict[str, Any] = {"raters": ("Ada", "Ben"), "overlap": 2}
    assert any(
        words.startswith("2 raters of 2 units each make 4 of the 12 ratings")
        for words in planned(known, **asked, quota=2).warnings
    )
    assert not any("quota" in words for words in planned(known, **asked, quota=6).warnings)


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
def elsewhere(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    """Another workspace, empty."""
    path = tmp_path / "elsewhere.db"
    shutil.copy(migrated_file, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.dispose()


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


def frozen_again(desk: Desk, name: str, **changes: Any) -> None:
    """Launch round R's design changed by hand, its hash made to fit."""
    with desk.database.write() as session:
        document = rounds.design_document(session, rounds.get_round(session, "R"), by=None)
        document |= {"name": name, **changes}
        document["hash"] = document_hash(document)
        rounds.launch_frozen(session, document, by=None)


REVEALING = {"reveals": "R", "shown": ["input", "contexts", "response", "others"]}


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        (REVEALING, NotAllowed, "round R is open; close it before its votes are revealed"),
        ({"reveals": "R"}, BadInput, "others' votes are shown where"),
        ({"shown": REVEALING["shown"]}, BadInput, "others' votes are shown where"),
        ({"shown": ["input", "judge"]}, BadInput, "shown.1"),
        ({"quota": "many"}, BadInput, "quota"),
        ({"quota": 0}, BadInput, "quota"),
        ({"practice": {"pass_mark": 2}}, BadInput, "practice.pass_mark"),
        ({"practice": {}}, BadInput, "known answers are there for a practice"),
        ({"practice": {}, "known": {}}, BadInput, "nothing is known of unit"),
        ({"practice": {}, "known": {}, "quota": 3}, BadInput, "takes no quota"),
        ({"qualified_by": "R"}, NotAllowed, "R is no practice round"),
        ({"compares": ["a", "b"]}, BadInput, "is no pair"),
        ({"reveals": "R", "compares": ["a", "b"]}, BadInput, "both compares and reveals"),
    ],
)
def test_a_design_document_is_held_to_the_rules_of_a_launch(
    disputed: Desk, changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        frozen_again(disputed, "forged", **changes)


def test_votes_of_a_round_that_is_still_open_are_revealed_to_nobody(disputed: Desk) -> None:
    design = {**disputed.round().design, "reveals": "R"}
    talk = Round(name="talk", rubric_id=1, overlap=1, seed="1", design=design, design_hash="")
    with disputed.database.read() as session, pytest.raises(NotAllowed, match="still blind"):
        norming.revealed(session, talk)


def test_a_quota_of_a_design_document_counts_as_a_number(disputed: Desk) -> None:
    frozen_again(disputed, "few", quota=1)
    place = next_in(disputed, "few", "Ada")
    assert place is not None
    give(disputed, "Ada", place, GOOD)
    assert next_in(disputed, "few", "Ada") is None


def test_repeats_and_extras_are_not_among_the_votes(database: Database) -> None:
    desk = Desk(database, units=4, overlap=2, repeats=3)
    for name in ("Ada", "Ben"):
        while (place := desk.claim(name)) is not None:
            again = desk.unit(place).purpose == "repeat"
            desk.submit(name, place, BAD if name == "Ben" or again else GOOD)
            desk.later(1)
    with database.write() as session:
        unit = session.exec(select(Unit).where(Unit.key == "o00")).one()
        late = people.get_rater(session, "Cy")
        session.add(
            Rating(
                round_id=unit.round_id, unit_id=unit.id, output_id=unit.output_id,
                rater_id=late.id or 0, criterion="quality", value=2, extra=True,
            )
        )  # fmt: skip
    desk.close()
    launch(desk, "talk", reveals="R", raters=("Ada", "Ben"))
    for _ in range(4):
        place = next_in(desk, "talk", "Ada")
        assert place is not None and place.others is not None
        said = [(vote.who, vote.said) for vote in place.others if vote.criterion == "quality"]
        assert said == [("You", "Good"), ("Rater A", "Bad")]
        give(desk, "Ada", place, GOOD)


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
    assert not [name for name in ("Ada", "Ben", "Lea") if name in repr(ada)]


def test_the_card_shows_nothing_that_is_to_be_rated_blind_again(database: Database) -> None:
    desk = Desk(database, units=8, overlap=3, anchors=2)
    for name in ("Ada", "Ben", "Cy"):
        while (place := desk.claim(name)) is not None:
            desk.submit(name, place, BAD if name == "Cy" else FAIR)
            desk.later(1)
    desk.close()
    assert len(card(desk, "Cy").differences) == 3
    launch(desk, "open", units=4, raters=("Dee",))
    with database.read() as session:
        open_ = rounds.get_round(session, "open")
        secret = set(session.exec(select(Unit.key).where(Unit.purpose == "anchor")))
        secret |= set(session.exec(select(Unit.key).where(Unit.round_id == open_.id)))
    shown = card(desk, "Cy")
    examples = {f"o0{one.response.removeprefix('Response ')}" for one in shown.differences}
    assert len(secret) == 6 and examples and not examples & secret
    # Of the rest the numbers still tell: of three answers each, one was as all came to.
    assert (shown.compared, shown.as_consensus) == (24, 8)
