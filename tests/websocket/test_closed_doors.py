"""What a rater's hand-made messages reach of a lead's pages: nothing."""

import json

import pytest
import sqlalchemy as sa
from sqlmodel import col, select
from websockets.exceptions import InvalidStatus

from annotate import outputs, people, rounds, rubric_versions
from annotate.rounds import Design
from db.engine import Database
from db.tables import Event, Output, Rater, Rating, Round
from tests.server import Seed, Server
from tests.websocket.conftest import cookie_of
from tests.websocket.rater import WebsocketRater, at_the_page, run

RUBRIC = """
name: one
criteria:
  - {id: polite, question: Is it polite?, scale: binary}
"""
LEADS = (
    "start",
    "outputs",
    "rounds",
    "adjudicate",
    "judges",
    "agreement",
    "calibration",
    "gold",
    "people",
)
TABLES = (Rater, Round, Output, Rating)
SECRET = ("Zoe-zq7", "configuration-zq7", "segment-zq7")


def fill(database: Database) -> None:
    file = database.path.with_name("outputs.jsonl")
    lines = [
        {"id": f"o{n}", "input": f"Question {n}?", "response": f"Answer {n}.",
         "configuration": "configuration-zq7", "segment": "segment-zq7"}
        for n in range(4)
    ]  # fmt: skip
    file.write_text("\n".join(map(json.dumps, lines)))
    with database.write() as session:
        outputs.import_outputs(session, outputs.read_outputs(file), by=None)
        for name in ("Ana", "Zoe-zq7"):
            people.add_rater(session, name)
        people.add_rater(session, "Lea", role="lead")
        rubric_versions.add_rubric(session, RUBRIC, source_name="one.yaml", by=None)
        design = Design(name="R", rubric="one", units=4, overlap=1, raters=("Ana", "Zoe-zq7"))
        rounds.launch_round(session, design, by=None)


@pytest.fixture(scope="module")
def seed() -> Seed:
    return fill


def stored(database: Database) -> dict[str, int]:
    """What a lead's step would change: rows by table, who may enter, open rounds, what happened."""
    with database.read() as session:
        counts = {
            table.__name__: session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in TABLES
        }
        entering = select(Rater.link_hash, Rater.revoked_at, Rater.signed_out_at, Rater.role)
        happened = select(Event.id).where(col(Event.action) != "signed in")
        return counts | {
            "people": hash(tuple(session.exec(entering.order_by(col(Rater.id))))),
            "open": len(session.exec(select(Round).where(Round.status == "open")).all()),
            "events": len(session.exec(happened).all()),
        }


@pytest.mark.parametrize("page", LEADS)
def test_a_leads_page_sends_a_rater_nothing_and_takes_nothing(server: Server, page: str) -> None:
    """The lead's own page gives the widgets' ids; a rater sends them as if they were pressed."""

    async def attack() -> tuple[WebsocketRater, WebsocketRater]:
        async with (
            at_the_page(server.base, cookie_of(server, "Lea"), page=page) as lead,
            at_the_page(server.base, cookie_of(server, "Ana"), page=page) as rater,
        ):
            await lead.open()
            await rater.open()
            for widget in lead.widgets.values():
                await rater.press_unseen(widget, page_hash=lead.page_hash)
        return lead, rater

    before = stored(server.database)
    lead, rater = run(attack())
    assert stored(server.database) == before
    assert lead.widgets or page in {"start", "adjudicate", "agreement", "calibration"}
    sent = b"".join(rater.frames)
    assert b"This page is for leads" in sent
    assert not rater.widgets
    for secret in SECRET:
        assert secret.encode() not in sent
    assert any(secret.encode() in b"".join(lead.frames) for secret in (*SECRET, "R")), page


def test_a_leads_buttons_do_what_the_attack_would_do(server: Server) -> None:
    """Without this the test above could pass because such messages never reach anything."""
    before = stored(server.database)

    async def as_lead() -> None:
        async with at_the_page(server.base, cookie_of(server, "Lea"), page="people") as lead:
            await lead.open()
            found = [key for key in lead.widgets if "link" in key.lower()]
            assert found, list(lead.widgets)
            await lead.press_unseen(lead.widgets[found[0]], page_hash=lead.page_hash)

    run(as_lead())
    assert stored(server.database) != before


def test_who_is_signed_out_can_do_nothing_with_an_open_page(server: Server) -> None:
    cookie = cookie_of(server, "Ana")

    async def go_on() -> WebsocketRater:
        async with at_the_page(server.base, cookie) as rater:
            await rater.open()
            for key in rater.matching(":choice"):
                rater.choose(key, "Yes")
            with server.database.write() as session:
                people.sign_out(session, cookie)
            seen = len(rater.frames)
            await rater.press(rater.ending(":submit"))
            del rater.frames[:seen]
        return rater

    rater = run(go_on())
    assert "You are not signed in" in " ".join(rater.texts)
    assert b"Question" not in b"".join(rater.frames)
    assert stored(server.database)["Rating"] == 0


def test_a_lead_who_is_signed_out_can_do_nothing_with_an_open_page(server: Server) -> None:
    cookie = cookie_of(server, "Lea")

    async def go_on() -> tuple[WebsocketRater, dict[str, int]]:
        async with at_the_page(server.base, cookie, page="people") as lead:
            await lead.open()
            with server.database.write() as session:
                people.sign_out(session, cookie)
            before = stored(server.database)
            found = [key for key in lead.widgets if "link" in key.lower()]
            await lead.press_unseen(lead.widgets[found[0]], page_hash=lead.page_hash)
        return lead, before

    lead, before = run(go_on())
    assert "You are not signed in" in " ".join(lead.texts)
    assert stored(server.database) == before


@pytest.mark.parametrize("cookie", ["", "guessed"])
def test_a_stranger_is_sent_how_to_get_in_and_nothing_else(server: Server, cookie: str) -> None:
    async def look() -> WebsocketRater:
        async with at_the_page(
            server.base, cookie, headers={"x-annotate-rater": "1", "x-annotate-way": "proxy"}
        ) as stranger:
            await stranger.open()
        return stranger

    stranger = run(look())
    assert "You are not signed in" in " ".join(stranger.texts)
    assert b"Question" not in b"".join(stranger.frames)


def test_another_sites_page_gets_no_socket(server: Server) -> None:
    """The browser sends the cookie along; the origin tells."""

    async def connect() -> None:
        async with at_the_page(
            server.base, cookie_of(server, "Ana"), origin="http://elsewhere.example"
        ) as page:
            await page.open()

    with pytest.raises(InvalidStatus, match="403"):
        run(connect())
