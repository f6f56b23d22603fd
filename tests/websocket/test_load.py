"""Fifty raters at the page, and the server is killed twice: what was acknowledged is stored."""

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest
from sqlmodel import col, select
from websockets.exceptions import WebSocketException

from annotate import outputs, people, rounds, rubric_versions
from annotate.rounds import Design
from db.engine import Database
from db.tables import Assignment, Output, Rater, Rating, Unit
from tests.server import Seed, Server
from tests.websocket.conftest import cookie_of
from tests.websocket.rater import WebsocketRater, at_the_page, run

RUBRIC = """
name: two
criteria:
  - id: quality
    scale: ordinal
    points:
      - {value: 1, label: Bad, anchor: It is wrong.}
      - {value: 2, label: Fair, anchor: It is half right.}
      - {value: 3, label: Good, anchor: It is right.}
  - {id: polite, question: Is it polite?, scale: binary}
"""
RATERS, UNITS, OVERLAP = 50, 120, 3
NAMES = tuple(f"rater {number:02}" for number in range(RATERS))
KILLED_AFTER = (90, 220)
"""Acknowledged submissions at which the server dies."""
CHOICES = {"1 · Bad": 1.0, "2 · Fair": 2.0, "3 · Good": 3.0, "No": 0.0, "Yes": 1.0}
PATIENCE = 120.0

Said = tuple[str, str, float, float]
"""Rater, response, and what they said of it."""


def fill(database: Database) -> None:
    file = database.path.with_name("outputs.jsonl")
    lines = [
        {"id": f"o{n:03}", "input": f"Question {n:03}?", "response": f"Answer {n:03}.",
         "segment": "s"}
        for n in range(UNITS)
    ]  # fmt: skip
    file.write_text("\n".join(map(json.dumps, lines)))
    with database.write() as session:
        outputs.import_outputs(session, outputs.read_outputs(file), by=None)
        rubric_versions.add_rubric(session, RUBRIC, source_name="two.yaml", by=None)
        for name in NAMES:
            people.add_rater(session, name)
        design = Design(name="R", rubric="two", units=UNITS, overlap=OVERLAP, raters=NAMES)
        rounds.launch_round(session, design, by=None)


@pytest.fixture(scope="module")
def seed() -> Seed:
    return fill


@dataclass
class Work:
    """What the raters were told is stored."""

    acknowledged: list[Said] = field(default_factory=list)
    told_later: int = 0
    """Acknowledged only when the page came back: the answer itself died with the server."""


def test_fifty_raters_and_two_kills_lose_nothing_and_store_nothing_twice(server: Server) -> None:
    cookies = {name: cookie_of(server, name) for name in NAMES}
    work = run(all_at_once(server, cookies))

    told = Counter(work.acknowledged)
    assert set(told.values()) == {1}
    assert stored(server.database) == told
    assert len(work.acknowledged) == UNITS * OVERLAP
    with server.database.read() as session:
        assert set(session.exec(select(Unit.missing))) == {0}
        assert set(session.exec(select(Assignment.extra)).all()) == {False}
        twice = Counter(
            session.exec(
                select(Assignment.unit_id, Assignment.rater_id).where(
                    col(Assignment.submitted_at).is_not(None)
                )
            )
        )
    assert set(twice.values()) == {1}


async def all_at_once(server: Server, cookies: dict[str, str]) -> Work:
    """Everybody rates until nothing is left; the server is killed and restarted meanwhile."""
    work = Work()
    base = server.base  # its port stays the same
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        for name, cookie in cookies.items():
            group.create_task(rate(base, name, cookie, work))
        for moment in KILLED_AFTER:
            while len(work.acknowledged) < moment:
                await asyncio.sleep(0.005)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
    return work


async def rate(base: str, name: str, cookie: str, work: Work) -> None:
    """One rater, who comes back whenever the connection is lost."""
    chance = random.Random(name)
    sent: tuple[str, Said] | None = None
    while True:
        try:
            async with at_the_page(base, cookie) as page:
                await page.open()
                if sent is not None and page.matching(":submit") != [sent[0]]:
                    # A unit that was not stored is still this rater's: they would see it again.
                    work.acknowledged.append(sent[1])
                    work.told_later += 1
                sent = None
                while page.matching(":submit"):
                    sent = answer(page, name, chance)
                    await asyncio.sleep(chance.uniform(0, 0.5))
                    await page.press(sent[0])
                    assert any(text.startswith("Saved ") for text in page.texts), page.texts
                    work.acknowledged.append(sent[1])
                    sent = None
                return
        except (OSError, WebSocketException):
            await asyncio.sleep(0.2)


def answer(page: WebsocketRater, name: str, chance: random.Random) -> tuple[str, Said]:
    """Answer both questions; the button to press, and what would be said with it."""
    said = []
    for criterion in ("quality", "polite"):
        key = page.ending(f":{criterion}:choice")
        option = chance.choice([one for one in page.widgets[key].proto.options if one in CHOICES])
        page.choose(key, option)
        said.append(CHOICES[option])
    response = page.read["reader"]["response"]
    return page.ending(":submit"), (name, response, said[0], said[1])


def stored(database: Database) -> Counter[Said]:
    """Every submission in the database, by who said what of which response."""
    values: dict[tuple[int | None, str, str], dict[str, float]] = {}
    with database.read() as session:
        rows = session.exec(
            select(Rating, Rater.name, Output.response)
            .join(Rater, col(Rater.id) == Rating.rater_id)
            .join(Output, col(Output.id) == Rating.output_id)
        ).all()
    for rating, rater, response in rows:
        assert rating.value is not None
        of_unit = values.setdefault((rating.assignment_id, rater, response), {})
        of_unit[rating.criterion] = rating.value
    assert len(rows) == 2 * len(values)
    return Counter(
        (rater, response, said["quality"], said["polite"])
        for (_, rater, response), said in values.items()
    )
