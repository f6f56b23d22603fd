"""The route that keeps drafts: only one's own, only from this site, only what it can read."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.testclient import TestClient

from annotate import doors, draft_route, identity, people
from annotate.desk import Place
from db.engine import Database
from db.tables import now
from tests.unit.desk_round import Desk


@pytest.fixture
def desk(workspace_database: Database) -> Desk:
    return Desk(workspace_database)


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = Starlette(
        routes=[
            Route("/join/{token}", doors.join, methods=["POST"]),
            Route(draft_route.PATH, draft_route.save_draft, methods=["POST"]),
        ],
        middleware=[Middleware(identity.IdentityMiddleware)],
    )
    with TestClient(app, follow_redirects=False) as client:
        yield client


def sign_in(client: TestClient, desk: Desk, name: str) -> None:
    with desk.database.write() as session:
        token = people.new_link(session, people.get_rater(session, name), by=None)
    client.post(f"/join/{token}")


def send(client: TestClient, place: Place, **said: Any) -> Any:
    """As a screen does that was drawn with this place."""
    whole = {
        "assignment": place.assignment_id,
        "entries": {"quality:choice": "2"},
        "seconds": 12.5,
        "owner": place.draft_name.partition(":")[0],
        "screen": "a",
        "sitting": place.sitting,
        "version": place.draft_version,
    }
    return client.post(draft_route.PATH, json=whole | said)


def test_ones_own_draft_is_stored_with_the_time_at_work(client: TestClient, desk: Desk) -> None:
    desk.at = now()
    place = desk.take("Ada")
    sign_in(client, desk, "Ada")
    answer = send(client, place)
    assert (answer.status_code, answer.json()["held"]) == (200, True)
    stored = desk.assignment(place)
    assert (stored.draft, stored.seconds) == ({"quality:choice": "2"}, 12.5)
    assert stored.draft_at is not None and stored.draft_at.isoformat() == answer.json()["at"]
    # A sign of activity alone leaves it.
    assert send(client, place, entries=None, seconds=30).json()["held"]
    assert desk.assignment(place).draft == {"quality:choice": "2"}
    assert desk.assignment(place).seconds == 30


def test_a_stranger_stores_nothing_and_is_told_so(client: TestClient, desk: Desk) -> None:
    place = desk.take("Ada")
    answer = send(client, place)
    assert answer.status_code == 401
    assert (
        "not signed in any more, and the draft is only in this browser" in answer.json()["problem"]
    )
    assert desk.assignment(place).draft is None


def test_nobody_writes_into_anothers_unit(client: TestClient, desk: Desk) -> None:
    place, bens = desk.take("Ada"), desk.take("Ben")
    sign_in(client, desk, "Ben")
    answer = send(client, place, owner=bens.draft_name.partition(":")[0])
    assert (answer.status_code, answer.json()["kind"]) == (409, "ended")
    assert answer.json()["problem"].startswith("This unit is not yours to rate")
    assert desk.assignment(place).draft is None


def test_a_page_that_was_drawn_for_somebody_else_is_told_so(client: TestClient, desk: Desk) -> None:
    place = desk.take("Ada")
    sign_in(client, desk, "Ben")
    answer = send(client, place)
    assert (answer.status_code, answer.json()["kind"]) == (409, "person")
    assert "Somebody else is signed in in this browser now" in answer.json()["problem"]
    assert desk.assignment(place).draft is None


def test_an_older_screen_is_given_the_newer_draft(client: TestClient, desk: Desk) -> None:
    desk.at = now()
    place = desk.take("Ada")
    sign_in(client, desk, "Ada")
    newer = {"quality:choice": "2", "remark:text": "newer"}
    assert send(client, place, entries=newer).json()["version"] == 1
    answer = send(client, place, entries={"remark:text": "older"}, screen="b")
    assert answer.status_code == 409
    told = {key: answer.json()[key] for key in ("kind", "draft", "version")}
    assert told == {"kind": "newer", "draft": newer, "version": 1}
    assert send(client, place, entries=None, screen="b").json()["version"] == 1
    assert desk.assignment(place).draft == newer
    # What goes by it is stored; a screen's own next draft needs no answer to the one before.
    assert send(client, place, screen="b", version=1).json()["version"] == 2
    assert send(client, place, entries={}, screen="b", version=1).json()["version"] == 3


def test_a_screen_from_before_an_undo_is_told_that_the_unit_was_reopened(
    client: TestClient, desk: Desk
) -> None:
    place = desk.take("Ada")
    desk.submit("Ada", place)
    desk.undo("Ada")
    sign_in(client, desk, "Ada")
    answer = send(client, place)
    assert (answer.status_code, answer.json()["kind"]) == (409, "ended")
    assert "submitted and reopened after this screen was drawn" in answer.json()["problem"]


def test_what_is_submitted_or_closed_takes_no_draft(client: TestClient, desk: Desk) -> None:
    place = desk.take("Ada")
    desk.submit("Ada", place)
    sign_in(client, desk, "Ada")
    assert send(client, place).status_code == 409
    other = desk.take("Ada")
    desk.close()
    answer = send(client, other)
    assert answer.status_code == 409
    assert "Round R is closed" in answer.json()["problem"]


def test_another_sites_page_cannot_write(client: TestClient, desk: Desk) -> None:
    place = desk.take("Ada")
    sign_in(client, desk, "Ada")
    said = json.dumps(
        {
            "assignment": place.assignment_id, "entries": {}, "seconds": 1, "sitting": 0,
            "version": 0, "screen": "a", "owner": place.draft_name.partition(":")[0],
        }
    )  # fmt: skip
    for headers in (
        {"sec-fetch-site": "cross-site", "content-type": "application/json"},
        {"sec-fetch-site": "same-site", "content-type": "application/json"},
        # What a form of another site can send without asking.
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
    ):
        answer = client.post(draft_route.PATH, content=said, headers=headers)
        assert answer.status_code in (400, 403), headers
    assert desk.assignment(place).draft_at is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"assignment": "1", "entries": {}, "seconds": 1}',
        b'{"assignment": -1, "entries": {}, "seconds": 1}',
        b'{"assignment": 99999999999999999999, "entries": {}, "seconds": 1}',
        b'{"assignment": 1, "entries": [], "seconds": 1}',
        b'{"assignment": 1, "entries": {}, "seconds": NaN}',
        b'{"assignment": 1, "entries": {}, "seconds": "1"}',
        b'{"assignment": 1, "entries": {}, "seconds": true}',
        b'{"assignment": true, "entries": {}, "seconds": 1}',
        b"[" * 100_000,
        b'{"assignment": 1, "entries": {"a": "' + b"x" * 2_000_001 + b'"}, "seconds": 1}',
    ],
    ids=range(14),
)
def test_what_cannot_be_read_is_refused_in_words(
    client: TestClient, desk: Desk, body: bytes
) -> None:
    sign_in(client, desk, "Ada")
    rest = b'"owner": "o", "screen": "a", "sitting": 0, "version": 0, "assignment"'
    answer = client.post(
        draft_route.PATH,
        content=body.replace(b'"assignment"', rest, 1),
        headers={"content-type": "application/json"},
    )
    assert (answer.status_code, answer.json()["problem"]) == (
        400,
        "The draft could not be read. Reload the page.",
    )


def test_a_field_that_no_form_has_is_refused_with_its_name(client: TestClient, desk: Desk) -> None:
    place = desk.take("Ada")
    sign_in(client, desk, "Ada")
    answer = send(client, place, entries={"quality": {"deep": 1}})
    assert answer.status_code == 422
    assert (
        "The draft of quality is neither a text nor a list of choices" in answer.json()["problem"]
    )
