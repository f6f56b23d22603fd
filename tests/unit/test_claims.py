"""Claims: who gets which unit, and whose place it is when time passes."""

import io
import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import sqlalchemy as sa
from sqlmodel import select

from annotate import claims, exchange, people
from annotate.desk import Place
from annotate.errors import AnnotateError, NotAllowed, StaleAssignment
from annotate.ui.rating import progress_in_words
from db.engine import Database
from db.tables import Event, now
from tests.unit.desk_round import FAIR, Desk


def test_half_rated_units_come_first_then_the_rank(database: Database) -> None:
    desk = Desk(database, units=3, overlap=2)
    order = list(desk.missing())
    assert desk.rate("Ada") == order[0]
    assert desk.rate("Ada") == order[1]
    assert [desk.rate("Ben") for _ in range(3)] == order
    assert desk.rate("Cy") == order[2]
    assert desk.claim("Cy") is None
    assert set(desk.missing().values()) == {0}


def test_a_unit_is_held_by_as_many_raters_as_it_misses_submissions(database: Database) -> None:
    desk = Desk(database, units=1, overlap=2)
    desk.take("Ada")
    desk.take("Ben")
    assert desk.claim("Cy") is None


def test_a_lapsed_claim_goes_to_others(database: Database) -> None:
    desk = Desk(database, units=1, overlap=1)
    desk.take("Ada")
    assert desk.claim("Ben") is None
    desk.later(15)
    assert desk.claim("Ben") is not None


def test_a_draft_extends_the_lease(database: Database) -> None:
    desk = Desk(database, units=1, overlap=1, lease_minutes=5)
    place = desk.take("Ada")
    desk.later(4)
    until = desk.draft("Ada", place, {"quality:choice": "2"})
    assert until is not None
    assert (until - desk.at).total_seconds() == 300
    desk.later(4)
    assert desk.claim("Ben") is None
    desk.later(1)
    assert desk.claim("Ben") is not None


def test_a_lapsed_claim_comes_back_to_its_rater_with_its_draft_before_other_units(
    database: Database,
) -> None:
    desk = Desk(database, units=3, overlap=2)
    place = desk.take("Ada")
    desk.draft("Ada", place, {"quality:choice": "2"})
    desk.skip("Ben", desk.take("Ben"))
    desk.rate("Ben")  # half-rated, which would come first
    desk.later(60)
    back = desk.take("Ada")
    assert back.assignment_id == place.assignment_id
    assert back.draft is not None


def test_a_late_submission_counts_while_its_place_is_free(database: Database) -> None:
    desk = Desk(database, units=1, overlap=1)
    place = desk.take("Ada")
    desk.later(60)
    receipt = desk.submit("Ada", place)
    assert not receipt.extra
    assert desk.missing() == {"o00": 0}


@pytest.mark.parametrize("submitted_first", [False, True])
def test_a_late_submission_is_kept_as_extra_and_not_counted(
    database: Database, submitted_first: bool
) -> None:
    desk = Desk(database, units=1, overlap=1)
    late = desk.take("Ada")
    desk.later(60)
    other = desk.take("Ben")
    if submitted_first:
        desk.submit("Ben", other)
    receipt = desk.submit("Ada", late)
    assert receipt.extra
    assert desk.assignment(late).extra
    assert [r.extra for r in desk.stored()] == ([False, True] if submitted_first else [True])
    if not submitted_first:
        assert not desk.submit("Ben", other).extra
    assert desk.missing() == {"o00": 0}


def test_a_correction_of_an_extra_submission_stays_extra(database: Database) -> None:
    desk = Desk(database, units=1, overlap=1)
    late = desk.take("Ada")
    desk.later(60)
    desk.rate("Ben")
    desk.submit("Ada", late)
    receipt = desk.submit("Ada", desk.undo("Ada"), FAIR)
    assert receipt.extra
    assert {r.extra for r in desk.stored() if r.assignment_id == late.assignment_id} == {True}
    assert desk.missing() == {"o00": 0}


def test_a_late_draft_does_not_take_back_a_place_that_was_given_away(database: Database) -> None:
    desk = Desk(database, units=1, overlap=1)
    late = desk.take("Ada")
    desk.later(60)
    desk.take("Ben")
    assert desk.draft("Ada", late, {"quality:choice": "2"}) is None
    assert desk.claim("Ada") is None
    desk.later(60)
    back = desk.take("Ada")
    assert (back.assignment_id, back.draft is not None) == (late.assignment_id, True)
    assert desk.claim("Ben") is None


def test_a_reopened_submission_keeps_its_place_and_blocks_nobody_else(database: Database) -> None:
    desk = Desk(database, units=1, overlap=2)
    desk.rate("Ada")
    desk.undo("Ada")
    desk.rate("Ben")
    assert desk.missing() == {"o00": 0}
    assert desk.claim("Cy") is None


def test_a_released_claim_goes_to_others_and_its_submission_is_still_kept(
    database: Database,
) -> None:
    desk = Desk(database, units=1, overlap=1)
    place = desk.take("Ada")
    with pytest.raises(NotAllowed):
        desk.release("Ada", by="Ben")
    assert desk.release("Ada", by="Lea") == 1
    desk.rate("Ben")
    assert desk.submit("Ada", place).extra
    with database.read() as session:
        event = session.exec(select(Event).where(Event.action == "released")).one()
    assert event.detail == {"rater": "Ada", "claims": 1}


def test_releasing_lets_a_reopened_submission_stand(database: Database) -> None:
    desk = Desk(database, units=1, overlap=1)
    desk.rate("Ada")
    place = desk.undo("Ada")
    assert desk.release("Ada") == 0
    assert desk.assignment(place).state == "submitted"


def test_a_repeat_comes_after_its_original_and_three_others(database: Database) -> None:
    desk = Desk(database, units=6, overlap=2, repeats=1)
    repeat = next(key for key in desk.missing() if key.endswith("#repeat"))
    original = repeat.removesuffix("#repeat")
    while (place := desk.claim("Ben")) is not None:  # so that both come first for the next rater
        if desk.unit(place).key in (original, repeat):
            desk.submit("Ben", place)
        else:
            desk.skip("Ben", place)
        desk.later(1)
    order = [desk.rate("Ada") for _ in range(7)]
    assert order[0] == original
    assert order.index(repeat) == 1 + claims.REPEAT_GAP


def test_a_repeat_is_only_for_who_has_rated_its_original(database: Database) -> None:
    desk = Desk(database, units=1, overlap=1, repeats=1)
    desk.rate("Ada")
    assert desk.claim("Ben") is None
    assert desk.rate("Ada") == "o00#repeat", "sooner than after three others: nothing else is left"


def test_a_repeat_never_shows_what_the_rater_said_before(database: Database) -> None:
    desk = Desk(database, units=1, overlap=1, repeats=1)
    desk.rate("Ada", FAIR)
    place = desk.take("Ada")
    assert (place.draft, place.reopened) == (None, False)


def test_a_place_that_an_import_filled_makes_the_submission_extra(database: Database) -> None:
    desk = Desk(database, units=1, overlap=1)
    place = desk.take("Ada")
    row = {"output_id": "o00", "rater": "Ben", "criterion": "quality", "value": 3}
    with database.write() as session:
        exchange.import_ratings(
            session,
            io.BytesIO(json.dumps(row).encode()),
            round=desk.round(),
            name="ratings.jsonl",
            by=None,
        )
    assert desk.submit("Ada", place).extra
    assert desk.missing() == {"o00": 0}


def test_raters_who_claim_at_once_hold_exactly_the_places_there_are(database: Database) -> None:
    names = [f"rater {number:02}" for number in range(12)]
    with database.write() as session:
        for name in names:
            people.add_rater(session, name)
    desk = Desk(database, units=2, overlap=3, raters=tuple(names))
    places = at_once([partial(desk.claim, name) for name in names])
    held = Counter(desk.unit(place).key for place in places if isinstance(place, Place))
    assert held == {"o00": 3, "o01": 3}
    assert places.count(None) == 6


def test_two_tabs_that_submit_at_once_store_one_submission(database: Database) -> None:
    desk = Desk(database, units=1, overlap=2)
    place = desk.take("Ada")
    said = at_once([partial(desk.submit, "Ada", place, key=key) for key in ("one", "other")])
    assert sorted(type(one).__name__ for one in said) == ["Receipt", "StaleAssignment"]
    assert len(desk.stored()) == 1
    assert desk.missing() == {"o00": 1}


def test_two_tabs_that_claim_at_once_show_the_same_unit(database: Database) -> None:
    desk = Desk(database, units=3)
    places = at_once([partial(desk.claim, "Ada")] * 4)
    assert len({p.assignment_id for p in places if isinstance(p, Place)}) == 1


def at_once(steps: Sequence[Callable[[], object]]) -> list[object]:
    """Take every step in a thread of its own, all at the same moment; results or refusals."""
    start = threading.Barrier(len(steps))

    def step(work: Callable[[], object]) -> object:
        start.wait()
        try:
            return work()
        except AnnotateError as refusal:
            return refusal

    with ThreadPoolExecutor(len(steps)) as threads:
        return list(threads.map(step, steps))


def test_done_and_left_are_what_this_rater_has_and_may_still_get(database: Database) -> None:
    desk = Desk(database, units=4, overlap=1)
    desk.rate("Ada")
    desk.rate("Ben")
    desk.skip("Ada", desk.take("Ada"))
    place = desk.take("Ada")
    assert (place.done, place.left) == (1, 1)


def test_what_is_left_is_shared_with_the_rest_of_the_panel(database: Database) -> None:
    """Of a panel of three, each unit is rated by two: two units in three come to each."""
    desk = Desk(database, units=9, overlap=2)
    assert [(p.left, p.share) for p in (desk.take(name) for name in ("Ada", "Ben"))] == [(9, 6)] * 2
    assert progress_in_words(desk.take("Ada"), desk.round()) == "R: 0 done, about 6 left for you"
    # What misses one rating of two that can give it comes to each with a chance of a half.
    while (place := desk.claim("Cy")) is not None:
        desk.submit("Cy", place)
    ada = desk.take("Ada")
    assert (ada.left, ada.share) == (9, 5)
    while (place := desk.claim("Ben")) is not None and place.done < 8:
        desk.submit("Ben", place)
    # The last one is before Ada already, and Ben may still take it.
    assert (desk.take("Ada").left, desk.take("Ada").share) == (1, 1)


def test_where_everybody_rates_everything_all_that_is_left_is_theirs(database: Database) -> None:
    desk = Desk(database, units=4, overlap=3)
    for _ in range(3):
        desk.rate("Ben")
    ada = desk.take("Ada")
    assert (ada.left, ada.share) == (4, 4)
    assert progress_in_words(ada, desk.round()) == "R: 0 done, 4 left for you"


def test_the_claim_walks_the_index_of_open_units_and_scans_no_table(
    sqlite_database: Database,
) -> None:
    said = {
        "round": 1,
        "rater": 1,
        "factor": 7,
        "gap": 3,
        "no": False,
        "at": now(),
        "lease_until": now(),
    }
    with sqlite_database.engine.connect() as connection:
        explained = sa.text(f"EXPLAIN QUERY PLAN {claims.CLAIM.text}").bindparams(
            *claims.CLAIM._bindparams.values()
        )
        plan = [row[3] for row in connection.execute(explained, said)]
    assert "SEARCH u USING INDEX ix_unit_open (round_id=? AND missing>?)" in plan
    # What is scanned and sorted is the window of free units, fifty at most.
    window = ["SCAN free", "USE TEMP B-TREE FOR ORDER BY"]
    assert [s for s in plan if s.startswith("SCAN") or "TEMP B-TREE" in s] == window


def order_of(desk: Desk, name: str, count: int) -> list[str]:
    return [desk.rate(name) for _ in range(count)]


def test_every_rater_meets_the_units_in_an_order_of_their_own(database: Database) -> None:
    desk = Desk(database, units=40, overlap=3)
    ada, ben, cy = (order_of(desk, name, 40) for name in ("Ada", "Ben", "Cy"))
    assert sorted(ada) == sorted(ben) == sorted(cy)
    assert ada != ben != cy != ada
    together = sum(a == b for a, b in zip(ada, ben, strict=True))
    assert together < 8


def test_the_order_is_the_seeds() -> None:
    from annotate.claims import _factor

    assert _factor("s", 1) == _factor("s", 1)
    assert len({_factor(seed, rater) for seed in "abc" for rater in range(50)}) == 150


def test_half_rated_units_come_first_whatever_the_order(database: Database) -> None:
    desk = Desk(database, units=30, overlap=2)
    begun = {desk.rate("Ada") for _ in range(7)}
    assert {desk.rate("Ben") for _ in range(7)} == begun


def test_a_quota_ends_the_work_and_what_is_held_can_be_finished(database: Database) -> None:
    desk = Desk(database, units=6, overlap=1, quota=2)
    assert desk.take("Ada").left == 2
    desk.rate("Ada")
    held = desk.take("Ada")
    assert held.left == 1
    desk.submit("Ada", held)
    assert desk.claim("Ada") is None
    # Correcting is no new unit.
    back = desk.undo("Ada")
    desk.submit("Ada", back)
    assert desk.claim("Ada") is None
    assert desk.take("Ben").left == 2


def test_who_lost_a_claim_to_others_is_told_once(database: Database) -> None:
    desk = Desk(database, units=2, overlap=1)
    lost = desk.take("Ada")
    desk.draft("Ada", lost, {"quality:choice": "2"})
    desk.later(20)
    for _ in range(2):
        place = desk.claim("Ben")
        if place is not None and desk.unit(place).key == desk.unit(lost).key:
            desk.submit("Ben", place)
            break
        assert place is not None
        desk.submit("Ben", place)
    other = desk.claim("Ada")
    if other is not None:
        assert other.lost and other.assignment_id != lost.assignment_id
        assert not desk.take("Ada").lost
    assert desk.assignment(lost).state == "expired"
    assert desk.assignment(lost).draft == {"quality:choice": "2"}


def test_seconds_count_on_from_the_last_sign_of_activity_up_to_idleness(
    database: Database,
) -> None:
    desk = Desk(database, units=1, overlap=1)
    place = desk.take("Ada")
    desk.later(0.5)
    desk.draft("Ada", place, {})
    desk.later(10)
    desk.submit("Ada", place, seconds=None)
    assert desk.assignment(place).seconds == 30 + 60


def test_any_own_submission_can_be_reopened_and_nobody_elses(database: Database) -> None:
    desk = Desk(database, units=15, overlap=1)
    first = desk.take("Ada")
    desk.submit("Ada", first)
    for _ in range(12):
        desk.rate("Ada")
    with pytest.raises(StaleAssignment, match="not yours"):
        desk.reopen("Ben", first)
    back = desk.reopen("Ada", first)
    assert (back.assignment_id, back.reopened) == (first.assignment_id, True)
    with pytest.raises(StaleAssignment, match="not one that you have submitted"):
        desk.reopen("Ada", first)
