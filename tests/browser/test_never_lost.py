"""What a rater entered survives refresh, tabs, restart, dropped connection and expired lease."""

import json
import re
from datetime import timedelta

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlmodel import select

from annotate import outputs, people, rounds, rubric_versions
from annotate.rounds import Design
from db.engine import Database
from db.tables import Assignment, Rater, Rating, Unit, now
from tests.browser.conftest import Seed, sign_in
from tests.server import Server

RUBRIC = """
name: two
criteria:
  - {id: polite, question: Is it polite?, scale: binary}
  - {id: remark, question: Anything else?, scale: text, required: false}
"""
RATERS = ("Ana", "Ben", "Cleo", "Dan", "Eve", "Flo", "Gil")


def fill(database: Database) -> None:
    file = database.path.with_name("outputs.jsonl")
    lines = [
        {"id": f"o{n}", "input": f"Question {n}.", "response": f"Answer {n}.", "segment": "s"}
        for n in range(6)
    ]
    file.write_text("\n".join(map(json.dumps, lines)))
    with database.write() as session:
        outputs.import_outputs(session, outputs.read_outputs(file), by=None)
        rubric_versions.add_rubric(session, RUBRIC, source_name="two.yaml", by=None)
        for name in RATERS:
            people.add_rater(session, name)
            design = Design(name=f"of {name}", rubric="two", units=6, overlap=1, raters=(name,))
            rounds.launch_round(session, design, by=None)


@pytest.fixture(scope="module")
def seed() -> Seed:
    return fill


def unit_on(page: Page, after: str | None = None) -> str:
    shown = page.locator(".reader-input")
    expect(shown).to_contain_text("Question")
    if after is not None:
        expect(shown).not_to_contain_text(after)
    page.wait_for_selector('[data-test-script-state="notRunning"]')
    found = re.search(r"Question \d+\.", shown.inner_text())
    assert found
    return found.group()


def remark(page: Page, text: str) -> None:
    """Typed, and not left: no blur has told Streamlit."""
    field = page.get_by_label("Anything else?")
    field.click()
    page.keyboard.press("End")
    page.keyboard.type(text)


def saved_draft(page: Page) -> None:
    expect(page.get_by_text(re.compile(r"^Draft saved \d\d:\d\d:\d\d$"))).to_be_visible()


def back(page: Page) -> None:
    """The page is connected to a server that has never seen it."""
    words = page.get_by_text(re.compile(r"Your draft of \d\d:\d\d:\d\d is back"))
    expect(words).to_be_visible(timeout=40_000)


def choose(page: Page, label: str) -> None:
    page.locator(".st-key-criterion-polite label", has_text=re.compile(rf"^{label}$")).click()


def rows(server: Server, name: str) -> list[Rating]:
    with server.database.read() as session:
        return list(
            session.exec(
                select(Rating)
                .join(Rater, Rater.id == Rating.rater_id)  # type: ignore[arg-type]
                .where(Rater.name == name)
                .order_by(Rating.id)  # type: ignore[arg-type]
            )
        )


def test_a_refresh_in_the_middle_of_a_word(server: Server, page: Page) -> None:
    sign_in(page, server.link("Ana"))
    unit = unit_on(page)
    choose(page, "No")
    remark(page, "half a thou")
    page.reload()
    assert unit_on(page) == unit
    expect(page.get_by_label("Anything else?")).to_have_value("half a thou")
    expect(page.locator(".st-key-form input:checked")).to_have_count(1)
    page.keyboard.press("Control+Enter")
    unit_on(page, after=unit)
    assert [(r.criterion, r.value, r.text) for r in rows(server, "Ana")] == [
        ("polite", 0.0, None),
        ("remark", None, "half a thou"),
    ]
    # Nothing of it is left in the browser or on the next unit.
    expect(page.get_by_label("Anything else?")).to_have_value("")
    kept = page.evaluate("Object.keys(localStorage).filter(k => k.startsWith('annotate:draft:'))")
    assert len(kept) <= 1


def test_the_server_is_killed_and_comes_back(server: Server, page: Page) -> None:
    sign_in(page, server.link("Ben"))
    unit = unit_on(page)
    remark(page, "before the cut")
    saved_draft(page)
    remark(page, ", and at it")
    server.kill()
    expect(page.get_by_text("Not connected. What you enter is kept")).to_be_visible()
    server.start()
    # The page connects again by itself: the same unit, with all that was typed.
    back(page)
    assert unit_on(page) == unit
    expect(page.get_by_label("Anything else?")).to_have_value("before the cut, and at it")
    choose(page, "Yes")
    page.keyboard.press("Control+Enter")
    unit_on(page, after=unit)
    assert [r.text or r.value for r in rows(server, "Ben")] == [1.0, "before the cut, and at it"]


def test_a_connection_that_drops(server: Server, page: Page, context: BrowserContext) -> None:
    sign_in(page, server.link("Cleo"))
    unit = unit_on(page)
    remark(page, "typed as it went")
    context.set_offline(True)
    expect(page.get_by_text("Not connected. What you enter is kept")).to_be_visible()
    # A closed tab leaves it in the browser, which sends it when it is back.
    page.close()
    context.set_offline(False)
    page = context.new_page()
    page.goto(server.base)
    assert unit_on(page) == unit
    expect(page.get_by_label("Anything else?")).to_have_value("typed as it went")
    with server.database.read() as session:
        drafts = session.exec(
            select(Assignment.draft)
            .join(Rater, Rater.id == Assignment.rater_id)  # type: ignore[arg-type]
            .where(Rater.name == "Cleo")
        ).all()
    assert drafts == [{"remark:text": "typed as it went"}]


def test_two_tabs_show_one_draft_and_one_of_them_submits(
    server: Server, context: BrowserContext
) -> None:
    first, second = context.new_page(), context.new_page()
    sign_in(first, server.link("Dan"))
    unit = unit_on(first)
    second.goto(server.base)
    assert unit_on(second) == unit
    first.bring_to_front()
    remark(first, "from the first")
    saved_draft(first)
    second.bring_to_front()
    expect(second.get_by_label("Anything else?")).to_have_value("from the first")
    choose(second, "Yes")
    second.keyboard.press("Control+Enter")
    unit_on(second, after=unit)
    first.bring_to_front()
    expect(first.get_by_text("The unit that stood here was finished elsewhere")).to_be_visible()
    assert unit_on(first) == unit_on(second) != unit
    assert [r.text or r.value for r in rows(server, "Dan")] == [1.0, "from the first"]


def lapse(server: Server, name: str) -> None:
    """An hour passes for the rater's claims."""
    with server.database.write() as session:
        for claim in session.exec(
            select(Assignment)
            .join(Rater, Rater.id == Assignment.rater_id)  # type: ignore[arg-type]
            .where(Rater.name == name, Assignment.state == "claimed")
        ):
            claim.lease_until = now() - timedelta(hours=1)


def given_away(server: Server, name: str) -> None:
    """Others have rated meanwhile what the rater had before them."""
    lapse(server, name)
    with server.database.write() as session:
        for unit in session.exec(
            select(Unit)
            .join(Assignment, Assignment.unit_id == Unit.id)  # type: ignore[arg-type]
            .join(Rater, Rater.id == Assignment.rater_id)  # type: ignore[arg-type]
            .where(Rater.name == name, Assignment.state == "claimed")
        ):
            unit.missing = 0


def test_a_lease_that_expired_while_nobody_else_came(server: Server, page: Page) -> None:
    sign_in(page, server.link("Eve"))
    unit = unit_on(page)
    remark(page, "slow")
    saved_draft(page)
    lapse(server, "Eve")
    page.reload()
    assert unit_on(page) == unit
    expect(page.get_by_label("Anything else?")).to_have_value("slow")


def test_a_unit_that_others_were_given_meanwhile(server: Server, page: Page) -> None:
    sign_in(page, server.link("Flo"))
    unit = unit_on(page)
    remark(page, "slow")
    saved_draft(page)
    given_away(server, "Flo")
    remark(page, " but sure")
    expect(page.get_by_text("Others have been given this unit meanwhile")).to_be_visible()
    choose(page, "Yes")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("kept as an extra rating")).to_be_visible()
    second = unit_on(page, after=unit)
    assert [(r.text or r.value, r.extra) for r in rows(server, "Flo")] == [
        (1.0, True),
        ("slow but sure", True),
    ]
    # Who comes back to a page that was closed is told, and gets another unit.
    given_away(server, "Flo")
    page.reload()
    expect(page.get_by_text("The unit that you had before was given to others")).to_be_visible()
    assert unit_on(page) != second


def test_a_submission_that_the_server_never_got_is_said_to_be_lost(
    server: Server, page: Page
) -> None:
    sign_in(page, server.link("Gil"))
    unit = unit_on(page)
    choose(page, "Yes")
    remark(page, "sent into the void")
    saved_draft(page)
    server.kill()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("nothing was submitted. Your answers are kept here")).to_be_visible()
    server.start()
    back(page)
    assert unit_on(page) == unit
    assert "Saved" not in page.inner_text("body")
    expect(page.get_by_label("Anything else?")).to_have_value("sent into the void")
    expect(page.locator(".st-key-form input:checked")).to_have_count(1)
    assert rows(server, "Gil") == []
    page.keyboard.press("Control+Enter")
    unit_on(page, after=unit)
    expect(page.get_by_text(re.compile(r"Saved \d\d:\d\d:\d\d · unit 1"))).to_be_visible()
    assert [r.text or r.value for r in rows(server, "Gil")] == [1.0, "sent into the void"]
