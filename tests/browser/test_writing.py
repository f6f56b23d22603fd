"""A text that is being written when the connection drops stays the rater's, letter by letter."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import select

from annotate import outputs, people, rounds, rubric_versions
from annotate.rounds import Design
from db.engine import Database
from db.tables import Assignment, Rater, Rating
from tests.browser.conftest import sign_in
from tests.server import Seed, Server

RUBRIC = """
name: three
criteria:
  - id: useful
    question: Does it help?
    scale: ordinal
    points:
      - {value: 1, label: "No", anchor: It helps nobody.}
      - {value: 2, label: Somewhat, anchor: It helps some.}
      - {value: 3, label: "Yes", anchor: It helps.}
  - {id: polite, question: Is it polite?, scale: binary}
  - {id: remark, question: Anything else?, scale: text, required: false}
"""
WORDS = "The answer is wrong in 2 of 3 parts; see 1, 0 and s f p too: 21 30 11. "


def fill(database: Database) -> None:
    file = database.path.with_name("outputs.jsonl")
    lines = [
        {"id": f"o{n}", "input": f"Question {n}.", "response": f"Answer {n}.", "segment": "s"}
        for n in range(6)
    ]
    file.write_text("\n".join(map(json.dumps, lines)))
    with database.write() as session:
        outputs.import_outputs(session, outputs.read_outputs(file), by=None)
        rubric_versions.add_rubric(session, RUBRIC, source_name="three.yaml", by=None)
        for name in ("Ana", "Ben", "Cleo"):
            people.add_rater(session, name)
            design = Design(name=f"of {name}", rubric="three", units=6, overlap=1, raters=(name,))
            rounds.launch_round(session, design, by=None)


@pytest.fixture(scope="module")
def seed() -> Seed:
    return fill


def at_the_desk(server: Server, page: Page, name: str) -> None:
    sign_in(page, server.link(name))
    expect(page.get_by_role("button", name="Keyboard (?)")).to_be_visible()
    page.wait_for_selector('[data-test-script-state="notRunning"]')


def drafts(server: Server, name: str) -> list[dict[str, object] | None]:
    with server.database.read() as session:
        return list(
            session.exec(
                select(Assignment.draft)
                .join(Rater, Rater.id == Assignment.rater_id)  # type: ignore[arg-type]
                .where(Rater.name == name, Assignment.state == "claimed")
            )
        )


def test_what_is_typed_while_the_server_is_away_is_there_when_it_is_back(
    server: Server, page: Page
) -> None:
    at_the_desk(server, page, "Ana")
    remark = page.get_by_label("Anything else?")
    remark.click()
    page.keyboard.type(WORDS[:12])
    server.kill()
    page.keyboard.type(WORDS[12:], delay=40)
    # Streamlit has heard by now that nobody listens; the text is open and has the keyboard still.
    expect(page.get_by_role("button", name="Submit and next")).to_be_disabled()
    page.keyboard.type("Second. ")
    expect(remark).to_have_value(WORDS + "Second. ")
    expect(page.get_by_text("Not connected. What you enter is kept")).to_be_visible()
    back = page.get_by_text(re.compile(r"Your draft of \d\d:\d\d:\d\d is back"))
    more = ""
    # Nobody stops in the middle of a word because a page is drawn anew.
    with ThreadPoolExecutor(1) as starting:
        starting.submit(server.start)
        seen_at = None
        while seen_at is None or len(more) < seen_at + 80:
            assert len(more) < 3000
            word = f"{len(more)}, "
            page.keyboard.type(word, delay=30)
            more += word
            if seen_at is None and back.count():
                seen_at = len(more)
    expect(remark).to_have_value(WORDS + "Second. " + more)
    expect(remark).to_be_focused()
    expect(page.locator(".st-key-form input:checked")).to_have_count(0)
    expect(page.get_by_text(re.compile(r"^Draft saved \d\d:\d\d:\d\d$"))).to_be_visible()
    page.wait_for_timeout(1000)
    assert drafts(server, "Ana") == [{"remark:text": WORDS + "Second. " + more}]
    page.keyboard.press("Escape")
    for key in ("k", "k", "k", "2", "1"):
        page.keyboard.press(key)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("1 done")).to_be_visible()
    with server.database.read() as session:
        said = {
            r.criterion: r.text or r.value
            for r in session.exec(
                select(Rating)
                .join(Rater, Rater.id == Rating.rater_id)  # type: ignore[arg-type]
                .where(Rater.name == "Ana")
            )
        }
    assert said == {"useful": 2.0, "polite": 1.0, "remark": (WORDS + "Second. " + more).strip()}


def test_a_digit_while_the_server_is_away_says_that_it_waits(server: Server, page: Page) -> None:
    at_the_desk(server, page, "Ben")
    server.kill()
    expect(page.get_by_role("button", name="Submit and next")).to_be_disabled()
    page.keyboard.press("2")
    expect(page.get_by_text("Not connected: this waits until the connection")).to_be_visible()
    # A text can be begun meanwhile, and is kept.
    remark = page.get_by_label("Anything else?")
    remark.click()
    page.keyboard.type("written meanwhile")
    server.start()
    back = page.get_by_text(re.compile(r"Your draft of \d\d:\d\d:\d\d is back"))
    expect(back).to_be_visible(timeout=40_000)
    expect(remark).to_have_value("written meanwhile")
    page.keyboard.press("Escape")
    expect(page.locator(".st-key-form input:checked")).to_have_count(0)


def test_an_undo_that_is_refused_leaves_the_drafts_going(server: Server, page: Page) -> None:
    at_the_desk(server, page, "Cleo")
    for key in ("2", "1", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_text("1 done")).to_be_visible()
    page.wait_for_selector('[data-test-script-state="notRunning"]')
    # Meanwhile the submission is reopened on another device.
    with server.database.write() as session:
        for claim in session.exec(
            select(Assignment)
            .join(Rater, Rater.id == Assignment.rater_id)  # type: ignore[arg-type]
            .where(Rater.name == "Cleo", Assignment.state == "submitted")
        ):
            claim.state = "expired"
    page.keyboard.press("Backspace")
    expect(page.get_by_role("alert").get_by_text(re.compile("othing"))).to_be_visible()
    page.get_by_label("Anything else?").click()
    page.keyboard.type("after the refusal")
    # Whoever types slowly has the beginning saved first.
    until = time.monotonic() + 30
    while {"remark:text": "after the refusal"} not in drafts(server, "Cleo"):
        assert time.monotonic() < until, drafts(server, "Cleo")
        page.wait_for_timeout(100)
