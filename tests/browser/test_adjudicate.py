"""The disagreement desk by keyboard: a lead decides, moves on and asks one more rater."""

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import col, select

from annotate import adjudication
from db.engine import Database
from db.tables import Rating
from tests.browser.conftest import sign_in
from tests.server import Seed, Server
from tests.unit.test_causes import disputed


@pytest.fixture(scope="module")
def seed() -> Seed:
    def fill(database: Database) -> None:
        disputed(database)

    return fill


def test_keys_of_other_fields_and_buttons_are_theirs(server: Server, page: Page) -> None:
    sign_in(page, server.link("Lea"))
    page.get_by_role("link", name="Adjudicate").click()
    expect(page.get_by_text("Keys: a digit chooses")).to_be_visible()
    chosen = page.get_by_role("combobox", name="Dispute")
    expect(chosen).to_have_value("o00 · quality · hidden-segment")
    page.get_by_role("button", name="Next").focus()
    page.keyboard.press("Enter")
    expect(chosen).to_have_value("o01 · quality · hidden-segment")

    # A note is sent by its own button: it is no decision.
    page.wait_for_selector('[data-test-script-state="notRunning"]')
    page.keyboard.press("2")
    expect(page.get_by_role("radio", name="2 · Fair")).to_be_checked()
    page.get_by_text("Note for the guideline").click()
    note = page.get_by_label("What should the rubric say")
    note.fill("Half right is fair.")
    note.press("Control+Enter")
    page.get_by_role("button", name="Previous").click()
    expect(chosen).to_have_value("o00 · quality · hidden-segment")
    expect(page.get_by_text("4 wait for a decision.")).to_be_visible()
    with server.database.read() as session:
        assert not session.exec(select(Rating).where(col(Rating.adjudication).is_(True))).all()


def test_a_lead_settles_disputes_without_the_mouse(server: Server, page: Page) -> None:
    sign_in(page, server.link("Lea"))
    page.get_by_role("link", name="Adjudicate").click()
    expect(page.get_by_text("4 wait for a decision.")).to_be_visible()
    expect(page.get_by_text("Ambiguous (4)")).to_be_visible()
    expect(page.get_by_text("Nobody is known to have slipped")).to_be_visible()
    expect(page.get_by_text("Keys: a digit chooses")).to_be_visible()
    units = ["o00", "o01", "o02", "o03"]
    chosen = page.get_by_role("combobox", name="Dispute")
    expect(chosen).to_have_value(f"{units[0]} · quality · hidden-segment")
    page.keyboard.press("n")
    expect(chosen).to_have_value(f"{units[1]} · quality · hidden-segment")
    page.keyboard.press("p")
    expect(chosen).to_have_value(f"{units[0]} · quality · hidden-segment")

    page.keyboard.press("2")
    expect(page.get_by_role("radio", name="2 · Fair")).to_be_checked()
    page.keyboard.press("r")
    expect(page.get_by_label("Reason")).to_be_focused()
    # Letters are text there, and digits too.
    page.keyboard.type("n 1 of both.")
    expect(page.get_by_role("radio", name="2 · Fair")).to_be_checked()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("3 wait for a decision.")).to_be_visible()
    with server.database.read() as session:
        (decided,) = session.exec(select(Rating).where(col(Rating.adjudication).is_(True)))
    assert (decided.value, decided.rationale) == (2.0, "n 1 of both.")

    # Another rater is asked; the note is kept.
    expect(chosen).to_have_value(f"{units[1]} · quality · hidden-segment")
    page.keyboard.press("m")
    expect(page.get_by_text("o01 is sent to Cy.")).to_be_visible()
    page.get_by_text("Note for the guideline").click()
    page.get_by_label("What should the rubric say").fill("Half right is fair.")
    page.get_by_role("button", name="Keep the note").click()
    expect(page.get_by_text("The note is kept")).to_be_visible()
    with server.database.read() as session:
        (note,) = adjudication.guideline_notes(session, "answers", by=None)
    assert note.text == "Half right is fair."


def test_without_a_choice_nothing_is_decided(server: Server, page: Page) -> None:
    sign_in(page, server.link("Lea"))
    page.get_by_role("link", name="Adjudicate").click()
    expect(page.get_by_text("Keys: a digit chooses")).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Choose a value first; nothing was stored")).to_be_visible()
