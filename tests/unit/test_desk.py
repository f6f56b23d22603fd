"""The desk: what a rater may do with a unit, and what is stored of it."""

from dataclasses import asdict

import pytest

from annotate import desk, own_history, people
from annotate.errors import (
    BadInput,
    DraftOutdated,
    NotAllowed,
    NothingToUndo,
    RoundClosed,
    StaleAssignment,
)
from annotate.ratings import WITHDRAWN
from annotate.rubric import Answer
from db.engine import Database
from tests.unit.desk_round import FAIR, GOOD, Desk


@pytest.fixture
def one(database: Database) -> Desk:
    """A round of one unit that everybody may rate."""
    return Desk(database, units=1, overlap=3)


@pytest.fixture
def several(database: Database) -> Desk:
    """A round of twelve units."""
    return Desk(database, units=12, overlap=3)


def test_a_submission_stores_a_rating_for_every_answer_with_what_was_on_screen(one: Desk) -> None:
    receipt = one.submit("Ada", one.take("Ada"), FAIR, seconds=12.5)
    assert (receipt.ratings, receipt.extra, receipt.duplicate) == (3, False, False)
    assert [(r.criterion, r.value) for r in one.stored()] == [
        ("quality", 2),
        ("failure.unsupported", 0),
        ("failure.stale", 1),
    ]
    assert {tuple(r.seen or ()) for r in one.stored()} == {
        ("input", "contexts", "response", "reference")
    }
    assert {r.seconds for r in one.stored()} == {12.5}
    assert one.missing() == {"o00": 2}


def test_an_abstention_is_stored_as_one(one: Desk) -> None:
    one.submit("Ada", one.take("Ada"), {"quality": Answer(abstained="cannot_judge")})
    assert [(r.value, r.abstained) for r in one.stored()] == [(None, "cannot_judge")]
    assert one.missing() == {"o00": 2}


def test_what_the_rubric_does_not_permit_is_refused_with_every_problem(one: Desk) -> None:
    place = one.take("Ada")
    with pytest.raises(BadInput, match=r"mood: is not in the rubric.*; quality: 9 is not"):
        one.submit("Ada", place, {"quality": Answer(value=9), "mood": Answer(value=1)})
    assert one.stored() == []
    assert one.missing() == {"o00": 3}


def test_the_same_key_again_is_the_same_acknowledgement_and_stores_nothing(one: Desk) -> None:
    place = one.take("Ada")
    first = one.submit("Ada", place, FAIR, key="k")
    one.later(1)
    again = one.submit("Ada", place, GOOD, key="k")
    assert asdict(again) == asdict(first) | {"duplicate": True}
    assert len(one.stored()) == 3
    assert one.missing() == {"o00": 2}


def test_another_tab_is_told_that_the_unit_was_submitted_already(one: Desk) -> None:
    place = one.take("Ada")
    one.submit("Ada", place, GOOD)
    with pytest.raises(StaleAssignment, match="already submitted, perhaps in another tab"):
        one.submit("Ada", place, FAIR)
    assert len(one.stored()) == 1


def test_another_raters_unit_cannot_be_submitted_drafted_skipped_or_flagged(one: Desk) -> None:
    place = one.take("Ada")
    with pytest.raises(StaleAssignment, match="not yours"):
        one.submit("Ben", place)
    with pytest.raises(StaleAssignment, match="not yours"):
        one.draft("Ben", place, {})
    with pytest.raises(StaleAssignment, match="not yours"):
        one.skip("Ben", place)
    with pytest.raises(StaleAssignment, match="not yours"):
        one.flag("Ben", place, "look")


def test_a_closed_round_takes_nothing_and_says_that_what_was_submitted_is_stored(
    several: Desk,
) -> None:
    done = several.take("Ada")
    receipt = several.submit("Ada", done, key="k")
    place = several.take("Ada")
    several.close()
    words = "round R is closed and takes no more ratings; what you submitted is stored"
    with pytest.raises(RoundClosed, match=words):
        several.submit("Ada", place)
    with pytest.raises(RoundClosed, match=words):
        several.draft("Ada", place, {})
    with pytest.raises(RoundClosed, match=words):
        several.claim("Ada")
    with pytest.raises(RoundClosed, match=words):
        several.undo("Ada")
    again = several.submit("Ada", done, key="k")
    assert (again.duplicate, again.at) == (True, receipt.at)


def test_a_revoked_rater_can_neither_claim_nor_submit(one: Desk) -> None:
    place = one.take("Ada")
    with one.database.write() as session:
        people.revoke(session, people.get_rater(session, "Ada"), by=None)
    with pytest.raises(NotAllowed, match="your access was revoked"):
        one.submit("Ada", place)
    with pytest.raises(NotAllowed, match="your access was revoked"):
        one.claim("Ada")


def test_who_is_not_on_the_panel_gets_no_unit(one: Desk) -> None:
    with pytest.raises(NotAllowed, match="not on the panel of round R"):
        one.claim("Dee")


def test_a_place_holds_nothing_that_a_rater_must_not_see(one: Desk) -> None:
    one.submit("Ben", one.take("Ben"), {"quality": Answer(value=1), "failure": Answer(tags=())})
    place = one.take("Ada")
    shown = repr(place) + repr(asdict(place))
    for hidden in ("hidden-", "purpose", "inclusion", "stratum", "judge", "Ben", "thumb"):
        assert hidden not in shown.replace("cannot_judge", "")
    assert (place.configuration, place.signals, place.metadata) == (None, None, None)
    assert place.draft is None
    assert (place.input, place.response) == ("Question 0", "Response 0")


def test_a_round_may_show_the_configuration_and_hide_the_reference(database: Database) -> None:
    hide = {"configuration": False, "reference": True, "metadata": False, "signals": False}
    place = Desk(database, hide=hide).take("Ada")
    assert place.configuration == "hidden-configuration"
    assert place.reference is None
    assert place.metadata == {"team": "hidden-team"}
    assert place.signals == {"thumb": -1, "regenerated": False, "escalated": False}


def test_a_draft_comes_back_after_a_refresh(one: Desk) -> None:
    place = one.take("Ada")
    one.draft("Ada", place, {"quality:choice": "2", "quality:rationale": "half"})
    again = one.take("Ada")
    assert again.assignment_id == place.assignment_id
    assert again.draft == {"quality:choice": "2", "quality:rationale": "half"}
    assert again.draft_at == one.at


def test_a_draft_keeps_what_no_database_stores_out_and_the_rest(one: Desk) -> None:
    place = one.take("Ada")
    one.draft("Ada", place, {"remark:text": "a\0b\ud800c", "failure:tags": ["sta\0le"]})
    assert one.take("Ada").draft == {"remark:text": "abc", "failure:tags": ["stale"]}


def test_a_draft_that_no_form_can_hold_is_refused(one: Desk) -> None:
    place = one.take("Ada")
    with pytest.raises(BadInput, match="the draft of quality is neither a text nor a list"):
        one.draft("Ada", place, {"quality": {"value": "much"}})
    with pytest.raises(BadInput, match="100,001 characters; shorten it"):
        one.draft("Ada", place, {"remark:text": "x" * 100_001})
    with pytest.raises(BadInput, match="1,001 fields"):
        one.draft("Ada", place, {str(n): "x" for n in range(1_001)})
    assert one.take("Ada").draft is None


def test_a_sign_of_activity_leaves_the_draft_as_it_is(one: Desk) -> None:
    place = one.take("Ada")
    one.draft("Ada", place, {"quality:choice": "2"})
    one.later(10)
    one.draft("Ada", place, None)
    one.later(10)
    again = one.take("Ada")
    assert (again.assignment_id, again.draft) == (place.assignment_id, {"quality:choice": "2"})


def test_a_skip_needs_a_reason_and_is_not_offered_again(one: Desk) -> None:
    place = one.take("Ada")
    with pytest.raises(BadInput, match="a skip needs its reason"):
        one.skip("Ada", place, " \0 ")
    one.skip("Ada", place, "I wrote it")
    assert one.claim("Ada") is None
    assert one.assignment(place).skip_reason == "I wrote it"
    with pytest.raises(StaleAssignment, match="you have skipped this unit"):
        one.submit("Ada", place)
    assert one.missing() == {"o00": 3}


def test_a_flag_is_a_note_and_no_skip(one: Desk) -> None:
    place = one.take("Ada")
    one.later(10)
    one.flag("Ada", place, "the response is cut off")
    one.later(10)
    again = one.take("Ada")
    assert again.assignment_id == place.assignment_id
    one.submit("Ada", again)
    assert one.assignment(place).flag == "the response is cut off"
    for _ in range(2):
        one.flag("Ada", place, "and it is in Latin")
    assert one.assignment(place).flag == "the response is cut off\n\nand it is in Latin"
    with pytest.raises(BadInput, match="2,001 characters"):
        one.flag("Ada", place, "x" * 2_001)


def test_undo_reopens_the_last_submission_with_what_was_submitted(several: Desk) -> None:
    several.rate("Ada", GOOD)
    last = several.rate("Ada", FAIR)
    place = several.undo("Ada")
    assert (several.unit(place).key, place.reopened, place.done) == (last, True, 1)
    assert place.answers is not None
    assert place.answers["quality"].value == 2
    assert place.answers["failure"].tags == ("stale",)
    assert "remark" not in place.answers


def test_a_correction_supersedes_what_changed_and_takes_no_second_place(one: Desk) -> None:
    one.submit("Ada", one.take("Ada"), FAIR | {"remark": Answer(text="short")})
    place = one.undo("Ada")
    receipt = one.submit(
        "Ada", place, FAIR | {"quality": Answer(value=1), "remark": Answer(text="short")}
    )
    first, *_, last = one.stored()
    assert len(one.stored()) == 5
    assert (last.criterion, last.value, last.supersedes_id) == ("quality", 1, first.id)
    assert receipt.ratings == 4
    assert one.missing() == {"o00": 2}


def test_answers_that_a_correction_hides_are_withdrawn_and_leave_the_statistics(
    one: Desk,
) -> None:
    one.submit("Ada", one.take("Ada"), FAIR)
    one.submit("Ada", one.undo("Ada"), GOOD)
    assert one.in_force() == {"quality": 3}
    withdrawn = [r for r in one.stored() if r.abstained == WITHDRAWN]
    assert {(r.criterion, r.value) for r in withdrawn} == {
        ("failure.unsupported", None),
        ("failure.stale", None),
    }
    reopened = one.undo("Ada")
    assert reopened.answers is not None
    assert set(reopened.answers) == {"quality"}
    one.submit("Ada", reopened, FAIR)
    assert one.in_force() == {"quality": 2, "failure.unsupported": 0, "failure.stale": 1}


def test_the_claim_held_during_an_undo_is_offered_again_with_its_draft(several: Desk) -> None:
    several.rate("Ada")
    current = several.take("Ada")
    several.draft("Ada", current, {"quality:choice": "1"})
    several.later(10)
    reopened = several.undo("Ada")
    assert several.take("Ada").assignment_id == reopened.assignment_id
    several.later(10)  # longer than the claim's own lease: correcting is activity too
    several.submit("Ada", reopened, FAIR)
    back = several.take("Ada")
    assert (back.assignment_id, back.reopened) == (current.assignment_id, False)
    assert back.draft == {"quality:choice": "1"}


def test_undo_goes_ten_back_and_no_further(several: Desk) -> None:
    keys = [several.rate("Ada") for _ in range(11)]
    reopened = []
    for _ in range(10):
        several.later(0.1)
        reopened.append(several.unit(several.undo("Ada")).key)
    assert reopened == keys[:0:-1]
    with pytest.raises(NothingToUndo, match="only your last 10 submissions"):
        several.undo("Ada")
    assert several.unit(several.take("Ada")).key == keys[1], "the one reopened last is on screen"


def test_there_is_nothing_to_undo_before_the_first_submission(one: Desk) -> None:
    one.take("Ada")
    with pytest.raises(NothingToUndo, match="you have not submitted anything"):
        one.undo("Ada")


def test_undo_reopens_only_ones_own(one: Desk) -> None:
    one.rate("Ben")
    with pytest.raises(NothingToUndo):
        one.undo("Ada")


def test_a_reopened_submission_stays_in_force_and_stands_again_when_left_alone(
    several: Desk,
) -> None:
    key = several.rate("Ada", FAIR)
    place = several.undo("Ada")
    assert several.in_force()["quality"] == 2
    assert several.missing()[key] == 2
    several.later(16)
    several.take("Ada")
    assert several.assignment(place).state == "submitted"
    assert several.unit(several.undo("Ada")).key == key


def test_a_reopened_submission_is_not_skipped(one: Desk) -> None:
    one.rate("Ada")
    with pytest.raises(StaleAssignment, match="submitted and reopened"):
        one.skip("Ada", one.undo("Ada"))


def test_seconds_that_are_no_duration_count_as_none(one: Desk) -> None:
    place = one.take("Ada")
    one.submit("Ada", place, seconds=float("nan"))
    assert one.assignment(place).seconds == 0


def test_history_is_ones_own_work_newest_first(several: Desk) -> None:
    several.rate("Ben")
    several.rate("Ada")
    several.skip("Ada", several.take("Ada"))
    several.later(1)
    with several.database.read() as session:
        ada, round_ = several.rater("Ada"), several.round()
        own = own_history.history(session, ada, round_)
        assert desk.open_rounds(session, ada) == [round_]
        assert desk.open_rounds(session, several.rater("Dee")) == []
    assert [unit.state for unit in own] == ["skipped", "submitted"]
    assert own[1].excerpt.startswith("Response ")


def test_repeats_whose_original_others_took_are_not_counted_as_left(database: Database) -> None:
    """Three units with a repeat each, one rating a unit: what Ada rates is no longer Ben's."""
    desk = Desk(database, units=3, overlap=1, repeats=3)
    assert desk.take("Ada").left == 6
    for _ in range(2):
        desk.submit("Ada", desk.take("Ada"))
    bens = desk.take("Ben")
    seen = 0
    while (place := desk.claim("Ben")) is not None:
        desk.submit("Ben", place)
        seen += 1
    assert bens.left == seen


def test_a_late_duplicate_after_an_undo_is_no_correction(database: Database) -> None:
    desk = Desk(database, units=1, overlap=1)
    place = desk.take("Ada")
    first = desk.submit("Ada", place, GOOD, key="first")
    again = desk.undo("Ada")
    late = desk.submit("Ada", place, GOOD, key="first")
    assert (late.duplicate, late.assignment_id) == (True, first.assignment_id)
    corrected = desk.submit("Ada", again, FAIR, key="second")
    assert not corrected.duplicate
    # Every key that was ever accepted is one, not only the last.
    desk.undo("Ada")
    assert desk.submit("Ada", place, GOOD, key="first").duplicate
    assert desk.submit("Ada", again, GOOD, key="second").duplicate
    assert desk.in_force()["quality"] == 2


def test_a_tab_from_before_a_submission_is_not_taken_for_its_correction(one: Desk) -> None:
    first = second = one.take("Ada")
    one.submit("Ada", first, FAIR)
    reopened = one.undo("Ada")
    words = "submitted and reopened after this screen was drawn"
    with pytest.raises(StaleAssignment, match=words):
        one.submit("Ada", second, GOOD)
    with pytest.raises(StaleAssignment, match=words):
        one.draft("Ada", second, {"quality:choice": "3"})
    assert one.in_force()["quality"] == 2
    assert one.assignment(first).draft is None
    assert not one.submit("Ada", reopened, GOOD).duplicate


def test_an_older_screen_does_not_replace_a_newer_draft(one: Desk) -> None:
    place = one.take("Ada")
    one.draft("Ada", place, {"remark:text": "long, and carefully put"}, screen="desktop")
    with pytest.raises(DraftOutdated, match="another tab or device has stored") as refused:
        one.draft("Ada", place, {"quality:choice": "2"}, screen="phone")
    assert refused.value.draft == {"remark:text": "long, and carefully put"}
    assert one.take("Ada").draft == refused.value.draft
    # What goes by the newer one is stored, and now the other screen is the older one.
    both = {**refused.value.draft, "quality:choice": "2"}
    one.draft("Ada", place, both, screen="phone", version=refused.value.version)
    with pytest.raises(DraftOutdated):
        one.draft("Ada", place, {"remark:text": "longer"}, screen="desktop")
    assert one.take("Ada").draft == both


def test_a_screen_follows_on_its_own_draft_also_when_it_never_got_the_answer(one: Desk) -> None:
    place = one.take("Ada")
    one.draft("Ada", place, {"remark:text": "a"}, screen="desktop")
    one.draft("Ada", place, {"remark:text": "a long"}, screen="desktop")
    one.draft("Ada", place, {"remark:text": "a long"}, screen="phone")  # says nothing else
    back = one.take("Ada")
    assert (back.draft, back.draft_version) == ({"remark:text": "a long"}, 2)


def test_a_sign_of_activity_says_which_draft_is_stored(one: Desk) -> None:
    place = one.take("Ada")
    one.draft("Ada", place, {"remark:text": "a"}, screen="desktop")
    with one.database.write() as session:
        told = desk.save_draft(
            session, one.rater("Ada"), place.assignment_id, None,
            screen="phone", version=0, sitting=0, at=one.at,
        )  # fmt: skip
    assert told.version == 1
    assert one.take("Ada").draft == {"remark:text": "a"}


def test_a_correction_that_was_begun_waits_however_long(several: Desk) -> None:
    key = several.rate("Ada", FAIR)
    several.draft("Ada", several.undo("Ada"), {"quality:choice": "1"})
    several.later(60 * 24)
    back = several.take("Ada")
    assert (several.unit(back).key, back.reopened, back.stood) == (key, True, False)
    assert back.draft == {"quality:choice": "1"}
    # Unless the lead takes the rater's claims: then it stands, and its draft is kept.
    several.release("Ada", by="Lea")
    other = several.take("Ada")
    assert several.unit(other).key != key
    assert several.undo("Ada").draft == {"quality:choice": "1"}


def test_a_reopened_unit_that_stands_again_is_said_to(several: Desk) -> None:
    several.rate("Ada", FAIR)
    several.undo("Ada")
    several.later(16)
    assert several.take("Ada").stood
    assert not several.take("Ada").stood


def test_what_others_were_given_is_known_also_when_nothing_is_left(database: Database) -> None:
    desk_ = Desk(database, units=1, overlap=1)
    place = desk_.take("Ada")
    desk_.draft("Ada", place, {"quality:choice": "1"})
    desk_.later(16)
    desk_.rate("Ben")
    assert desk_.claim("Ada") is None
    with database.read() as session:
        given = [desk.given_away(session, desk_.rater(n), desk_.round()) for n in ("Ada", "Ben")]
    assert given == [1, 0]


def test_a_browser_keeps_drafts_by_rater_round_and_workspace(one: Desk) -> None:
    ada, ben = one.take("Ada"), one.take("Ben")
    owners = {place.draft_name.partition(":")[0] for place in (ada, ben)}
    assert len(owners) == 2
    assert one.take("Ada").draft_name == ada.draft_name
    assert ada.draft_name != ben.draft_name
