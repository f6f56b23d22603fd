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


def send(client: TestClient, **said: Any) -> Any:
    whole = {"entries": {"quality:choice": "2"}, "seconds": 12.5} | said
    return client.post(draft_route.PATH, json=whole)


def test_ones_own_draft_is_stored_with_the_time_at_work(client: TestClient, desk: Desk) -> None:
    desk.at = now()
    place = desk.take("Ada")
    sign_in(client, desk, "Ada")
    answer = send(client, assignment=place.assignment_id)
    assert (answer.status_code, answer.json()["held"]) == (200, True)
    stored = desk.assignment(place)
    assert (stored.draft, stored.seconds) == ({"quality:choice": "2"}, 12.5)
    assert stored.draft_at is not None and stored.draft_at.isoformat() == answer.json()["at"]
    # A sign of activity alone leaves it.
    assert send(client, assignment=place.assignment_id, entries=None, seconds=30).json()["held"]
    assert desk.assignment(place).draft == {"quality:choice": "2"}
    assert desk.assignment(place).seconds == 30


def test_a_stranger_stores_nothing_and_is_told_so(client: TestClient, desk: Desk) -> None:
    place = desk.take("Ada")
    answer = send(client, assignment=place.assignment_id)
    assert answer.status_code == 401
    assert (
        "not signed in any more, and the draft is only in this browser" in answer.json()["problem"]
    )
    assert desk.assignment(place).draft is None


def test_nobody_writes_into_anothers_unit(client: TestClient, desk: Desk) -> None:
    place = desk.take("Ada")
    sign_in(client, desk, "Ben")
    answer = send(client, assignment=place.assignment_id)
    assert answer.status_code == 409
    assert answer.json()["problem"].startswith("This unit is not yours to rate")
    assert desk.assignment(place).draft is None


def test_what_is_submitted_or_closed_takes_no_draft(client: TestClient, desk: Desk) -> None:
    place = desk.take("Ada")
    desk.submit("Ada", place)
    sign_in(client, desk, "Ada")
    assert send(client, assignment=place.assignment_id).status_code == 409
    other = desk.take("Ada")
    desk.close()
    answer = send(client, assignment=other.assignment_id)
    assert answer.status_code == 409
    assert "Round R is closed" in answer.json()["problem"]


def test_another_sites_page_cannot_write(client: TestClient, desk: Desk) -> None:
    place = desk.take("Ada")
    sign_in(client, desk, "Ada")
    said = json.dumps({"assignment": place.assignment_id, "entries": {}, "seconds": 1})
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
    answer = client.post(
        draft_route.PATH, content=body, headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["problem"]) == (
        400,
        "The draft could not be read. Reload the page.",
    )


def test_a_field_that_no_form_has_is_refused_with_its_name(client: TestClient, desk: Desk) -> None:
    place = desk.take("Ada")
    sign_in(client, desk, "Ada")
    answer = send(client, assignment=place.assignment_id, entries={"quality": {"deep": 1}})
    assert answer.status_code == 422
    assert (
        "The draft of quality is neither a text nor a list of choices" in answer.json()["problem"]
    )
