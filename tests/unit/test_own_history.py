"""A rater's own history: complete, quick, and silent about what an open round hides."""

from collections import Counter
from typing import Any

import pytest
import sqlalchemy as sa

from annotate import own_history
from annotate.own_history import OwnUnit, Tally
from db.engine import Database
from tests.unit.desk_round import Desk


def listed(desk: Desk, search: str = "", limit: int = 200) -> list[OwnUnit]:
    with desk.database.read() as session:
        return own_history.history(
            session, desk.rater("Ada"), desk.round(), search=search, limit=limit
        )


def tallied(desk: Desk) -> Tally:
    with desk.database.read() as session:
        return own_history.tally(session, desk.rater("Ada"), desk.round())


def excerpts(units: list[OwnUnit]) -> list[str]:
    return [unit.excerpt for unit in units]


@pytest.fixture
def repeating(database: Database) -> Desk:
    return Desk(database, units=4, overlap=1, repeats=2)


def test_an_open_round_lists_what_came_twice_once_and_a_closed_one_both(repeating: Desk) -> None:
    while repeating.claim("Ada") is not None:
        repeating.rate("Ada")
    shown = excerpts(listed(repeating))
    assert len(shown) == len(set(shown)) == 4
    assert excerpts(listed(repeating, "RESPONSE 2")) == ["Response 2"]
    assert listed(repeating, "100%") == []
    repeating.close()
    assert len(listed(repeating)) == 6


def test_a_repeat_on_the_desk_leaves_what_was_submitted_before_to_be_corrected(
    repeating: Desk,
) -> None:
    submitted: set[str] = set()
    came_twice = 0
    while (place := repeating.claim("Ada")) is not None:
        came_twice += place.response in submitted
        units = listed(repeating)
        assert set(excerpts(units)) == submitted
        assert {unit.state for unit in units} <= {"submitted"}
        repeating.later(1)
        repeating.submit("Ada", place)
        submitted.add(place.response)
        # What was done last stands first, a repeat too.
        assert excerpts(listed(repeating))[0] == place.response
    assert came_twice == 2


def test_the_count_is_that_of_the_rating_page_whatever_is_a_repeat(repeating: Desk) -> None:
    while (place := repeating.claim("Ada")) is not None:
        expected = {"claimed": 1, "submitted": place.done}
        assert tallied(repeating).units == {k: v for k, v in expected.items() if v}
        repeating.submit("Ada", place)
    assert tallied(repeating) == Tally({"submitted": 6}, seconds=30.0)


def test_a_skipped_repeat_stands_as_skipped(repeating: Desk) -> None:
    submitted: set[str] = set()
    while (place := repeating.take("Ada")).response not in submitted:
        submitted.add(place.response)
        repeating.later(1)
        repeating.submit("Ada", place)
    repeating.later(1)
    repeating.skip("Ada", place)
    assert Counter(unit.state for unit in listed(repeating)) == {
        "skipped": 1, "submitted": len(submitted) - 1,
    }  # fmt: skip


def test_a_reopened_submission_stays_on_the_list(database: Database) -> None:
    desk = Desk(database, units=2, overlap=1)
    desk.rate("Ada")
    desk.undo("Ada")
    assert [unit.state for unit in listed(desk)] == ["claimed"]


def test_the_database_hands_out_no_more_responses_than_are_listed(database: Database) -> None:
    desk = Desk(database, units=5, overlap=1)
    for _ in range(5):
        desk.rate("Ada")
    newest = excerpts(listed(desk))[:2]
    asked: list[str] = []

    def note(_c: Any, _u: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    sa.event.listen(desk.database.engine, "before_cursor_execute", note)
    assert excerpts(listed(desk, limit=2)) == newest
    with_responses = [statement for statement in asked if "response" in statement]
    assert len(with_responses) == 1
    assert "LIMIT" in with_responses[0]


def test_rounds_are_those_that_one_has_had_a_unit_in(database: Database) -> None:
    desk = Desk(database)
    desk.take("Ada")
    with database.read() as session:
        assert own_history.worked_in(session, desk.rater("Ada")) == [desk.round()]
        assert own_history.worked_in(session, desk.rater("Ben")) == []
