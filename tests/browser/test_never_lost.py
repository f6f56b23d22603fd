"""What a rater entered survives refresh, tabs, restart, dropped connection and expired lease."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, WebSocketRoute, expect
from sqlmodel import select

from annotate import outputs, people, rounds, rubric_versions
from annotate.rounds import Design
from db.engine import Database
from db.tables import Assignment, Rater, Rating, Unit, now
from tests.browser.conftest import PATIENCE_MS, sign_in
from tests.server import Seed, Server

RUBRIC = """
name: two
criteria:
  - {id: polite, question: Is it polite?, scale: binary}
  - {id: remark, question: Anything else?, scale: text, required: false}
"""
WHY = """
name: why
criteria:
  - id: quality
    question: How good is it?
    scale: ordinal
    points:
      - {value: 1, label: Bad, anchor: It is wrong.}
      - {value: 2, label: Fair, anchor: It is half right.}
      - {value: 3, label: Good, anchor: It is right.}
  - id: failure
    question: What is wrong?
    scale: tags
    show_if: quality < 3
    options: [{id: unsupported, label: Unsupported}, {id: stale, label: Stale}]
  - {id: ideal, question: What should it say?, scale: text, required: false, becomes: reference}
"""
RATERS = (
    "Ana", "Ben", "Cleo", "Dan", "Eve", "Flo", "Gil", "Hal", "Ida", "Jon", "Kim", "Lou", "Max",
    "Ned", "Oda", "Pia", "Quin",
)  # fmt: skip
OF_WHY = ("Rex", "Sue")


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
        rubric_versions.add_rubric(session, WHY, source_name="why.yaml", by=None)
        for name in (*RATERS, *OF_WHY):
            people.add_rater(session, name)
            rubric = "two" if name in RATERS else "why"
            units = 1 if name == "Quin" else 6
            design = Design(
                name=f"of {name}", rubric=rubric, units=units, overlap=1, raters=(name,)
            )
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
    page.wait_for_timeout(1000)
    assert kept(page) == []


def kept(page: Page) -> list[str]:
    """Under what names this browser keeps drafts."""
    names = "Object.keys(localStorage).filter(name => name.startsWith('annotate:draft:'))"
    return list(page.evaluate(names))


def drafts(server: Server, name: str) -> list[dict[str, Any]]:
    """The rater's drafts that the server has."""
    with server.database.read() as session:
        found = session.exec(
            select(Assignment.draft)
            .join(Rater, Rater.id == Assignment.rater_id)  # type: ignore[arg-type]
            .where(Rater.name == name)
        )
        return [dict(draft) for draft in found if draft]


def comes_to(server: Server, name: str, *expected: dict[str, Any]) -> None:
    """The server has these drafts within some seconds."""
    until = time.monotonic() + 30
    while drafts(server, name) != [*expected] and time.monotonic() < until:
        time.sleep(0.1)
    assert drafts(server, name) == [*expected]


@contextmanager
def device(chromium: Browser, link: str) -> Iterator[Page]:
    """Another browser in which the same rater signs in."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    try:
        page = context.new_page()
        sign_in(page, link)
        yield page
    finally:
        context.close()


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
    comes_to(server, "Cleo", {"remark:text": "typed as it went"})


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
    words = first.get_by_text("This unit was already submitted, perhaps in another tab").first
    expect(words).to_be_visible()
    assert unit_on(first, after=unit) == unit_on(second, after=unit)
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


def test_another_page_and_back(server: Server, page: Page) -> None:
    sign_in(page, server.link("Hal"))
    unit = unit_on(page)
    choose(page, "No")
    remark(page, "half a thou")  # and off at once, before it can have been sent
    page.get_by_role("link", name="My work").click()
    expect(page.get_by_text("1 on the desk")).to_be_visible()
    page.get_by_role("link", name="Rate", exact=True).click()
    assert unit_on(page) == unit
    expect(page.get_by_label("Anything else?")).to_have_value("half a thou")
    expect(page.locator(".st-key-form input:checked")).to_have_count(1)
    choose(page, "Yes")
    comes_to(server, "Hal", {"polite:choice": "1", "remark:text": "half a thou"})


def test_what_a_flipped_condition_hides_comes_back_with_it(server: Server, page: Page) -> None:
    sign_in(page, server.link("Rex"))
    unit = unit_on(page)
    page.keyboard.press("2")
    page.get_by_role("button", name="Stale").click()
    page.locator(".st-key-criterion-failure summary").click()
    page.get_by_label("Rationale for: What is wrong?").fill("put with care")
    saved_draft(page)
    page.keyboard.press("Escape")
    good, fair = (
        page.get_by_test_id("stRadioOption").filter(has_text=words) for words in ("Good", "Fair")
    )
    entered = {
        "quality:choice": "2", "failure:tags": ["stale"], "failure:rationale": "put with care"
    }  # fmt: skip
    good.click()
    expect(page.locator(".st-key-criterion-failure")).to_have_count(0)
    comes_to(server, "Rex", entered | {"quality:choice": "3"})
    fair.click()
    why = page.get_by_label("Rationale for: What is wrong?")
    expect(why).to_have_value("put with care")
    comes_to(server, "Rex", entered)
    # And across a reload while it is hidden.
    good.click()
    comes_to(server, "Rex", entered | {"quality:choice": "3"})
    page.reload()
    assert unit_on(page) == unit
    fair.click()
    expect(why).to_have_value("put with care")
    expect(page.locator('.st-key-criterion-failure button[aria-pressed="true"]')).to_have_count(1)
    # Who submits it hidden has not said it.
    good.click()
    expect(page.locator(".st-key-criterion-failure")).to_have_count(0)
    page.keyboard.press("Control+Enter")
    unit_on(page, after=unit)
    assert [(r.criterion, r.value) for r in rows(server, "Rex")] == [("quality", 3.0)]


def test_an_ideal_answer_that_begins_with_the_response_is_a_draft_at_once(
    server: Server, page: Page
) -> None:
    slow = False

    def passed_on(route: WebSocketRoute) -> None:
        told = route.connect_to_server()
        route.on_message(told.send)

        def later(message: str | bytes) -> None:
            if slow:
                time.sleep(0.05)
            route.send(message)

        told.on_message(later)

    page.route_web_socket(re.compile("_stcore/stream"), passed_on)
    sign_in(page, server.link("Sue"))
    unit_on(page)
    slow = True
    page.get_by_role("button", name="Begin with the response").click()
    expect(page.get_by_label("What should it say?")).to_have_value(re.compile(r"^Answer \d"))
    slow = False
    until = time.monotonic() + 3
    while not drafts(server, "Sue") and time.monotonic() < until:
        page.wait_for_timeout(100)
    (draft,) = drafts(server, "Sue")
    assert draft["ideal:text"].startswith("Answer ")


def test_an_older_offline_draft_does_not_replace_a_newer_one_and_is_offered(
    server: Server, page: Page, context: BrowserContext, chromium: Browser
) -> None:
    link = server.link("Ida")
    sign_in(page, link)
    unit = unit_on(page)
    context.set_offline(True)
    remark(page, "old offline words")
    expect(page.get_by_text("Not connected. What you enter is kept")).to_be_visible()
    with device(chromium, link) as other:
        assert unit_on(other) == unit
        remark(other, "newer and much longer")
        choose(other, "Yes")
        newer = {"polite:choice": "1", "remark:text": "newer and much longer"}
        comes_to(server, "Ida", newer)
    context.set_offline(False)
    field = page.get_by_label("Anything else?")
    expect(field).to_have_value("newer and much longer")
    assert drafts(server, "Ida") == [newer]
    offer = page.locator(".desk-offer")
    expect(offer).to_contain_text("differs from what stands here: “Anything else?”")
    page.reload()
    assert unit_on(page) == unit
    offer.get_by_role("button", name="Use it").click()
    expect(field).to_have_value("old offline words")
    comes_to(server, "Ida", newer | {"remark:text": "old offline words"})
    # The other is kept in its place, until it is dropped.
    offer.get_by_role("button", name="Use it").click()
    expect(field).to_have_value("newer and much longer")
    comes_to(server, "Ida", newer)
    offer.get_by_role("button", name="Drop it").click()
    expect(offer).to_have_count(0)
    page.reload()
    assert unit_on(page) == unit
    page.wait_for_timeout(500)
    expect(offer).to_have_count(0)


def test_what_two_devices_enter_in_different_questions_is_joined(
    server: Server, page: Page, chromium: Browser
) -> None:
    link = server.link("Jon")
    sign_in(page, link)
    unit = unit_on(page)
    with device(chromium, link) as other:
        assert unit_on(other) == unit
        remark(other, "from the desktop")
        saved_draft(other)
    choose(page, "Yes")
    expect(page.get_by_label("Anything else?")).to_have_value("from the desktop")
    expect(page.locator(".st-key-form input:checked")).to_have_count(1)
    comes_to(server, "Jon", {"polite:choice": "1", "remark:text": "from the desktop"})
    expect(page.locator(".desk-offer")).to_have_count(0)


def test_a_screen_from_before_an_undo_stores_no_correction(
    server: Server, page: Page, chromium: Browser
) -> None:
    link = server.link("Kim")
    sign_in(page, link)
    unit = unit_on(page)
    with device(chromium, link) as other:
        assert unit_on(other) == unit
        choose(other, "Yes")
        other.keyboard.press("Control+Enter")
        unit_on(other, after=unit)
        other.get_by_role("button", name="Undo last").click()
        expect(other.get_by_text("You have reopened this unit")).to_be_visible()
    page.context.route("**/desk/draft", lambda route: route.abort())
    choose(page, "No")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("was submitted and reopened after this screen")).to_be_visible()
    expect(page.get_by_text("You have reopened this unit")).to_be_visible()
    assert [r.value for r in rows(server, "Kim")] == [1.0]
    expect(page.locator(".desk-offer")).to_contain_text("differs from what stands here")


def test_drafts_of_other_people_and_workspaces_are_not_taken_and_do_not_stay(
    server: Server, page: Page
) -> None:
    sign_in(page, server.link("Lou"))
    unit_on(page)
    page.evaluate("""() => {
        const draft = { entries: { "remark:text": "of another" }, sent: false, seconds: 1 };
        for (const name of ["1", "0123456789abcdef:0123456789abcdef"]) {
            localStorage.setItem("annotate:draft:" + name, JSON.stringify({ ...draft, at: Date.now() }));
        }
    }""")
    page.reload()
    unit_on(page)
    page.wait_for_timeout(1000)
    expect(page.get_by_label("Anything else?")).to_have_value("")
    assert kept(page) == [] and drafts(server, "Lou") == []
    remark(page, "private")
    saved_draft(page)
    assert len(kept(page)) == 1
    page.get_by_role("link", name="Sign out").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out")).to_be_visible()
    assert kept(page) == []


def test_a_page_of_somebody_else_says_so_and_stores_nothing(
    server: Server, page: Page, context: BrowserContext
) -> None:
    sign_in(page, server.link("Max"))
    unit_on(page)
    remark(page, "by Max")
    saved_draft(page)
    second = context.new_page()
    sign_in(second, server.link("Ned"))
    unit_on(second)
    page.bring_to_front()
    expect(page.get_by_text("Somebody else has signed in in this browser")).to_be_visible()
    expect(page.get_by_text("already submitted")).to_have_count(0)
    expect(page.locator(".st-key-form")).to_have_count(0)
    comes_to(server, "Max", {"remark:text": "by Max"})
    assert drafts(server, "Ned") == []
    page.get_by_role("link", name="Reload the page").click()
    expect(page.get_by_text("Signed in as Ned")).to_be_visible()


def test_a_round_that_is_closed_meanwhile_says_that_and_nothing_else(
    server: Server, page: Page
) -> None:
    sign_in(page, server.link("Oda"))
    unit_on(page)
    with server.database.write() as session:
        rounds.close_round(session, "of Oda", by=None)
    remark(page, "too late")
    expect(page.get_by_text("The round that you were in is closed.")).to_be_visible()
    expect(page.get_by_text("still on the screen was not submitted")).to_be_visible()
    expect(page.get_by_text("another tab")).to_have_count(0)
    expect(page.locator('[data-testid="stAlert"]')).to_have_count(1)


def test_what_became_of_a_draft_is_seen_where_it_is_typed(server: Server, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 420})
    sign_in(page, server.link("Pia"))
    unit_on(page)
    page.locator(".st-key-criterion-polite").scroll_into_view_if_needed()
    choose(page, "Yes")
    page.locator(".st-key-criterion-polite label", has_text="Yes").scroll_into_view_if_needed()
    said = page.get_by_text(re.compile(r"^Draft saved"))
    expect(said).to_be_visible()
    page.locator('[data-testid="stMain"]').evaluate(
        "(main) => { const form = document.querySelector('.st-key-criterion-polite');"
        " main.scrollBy(0, form.getBoundingClientRect().top - 150); }"
    )
    page.wait_for_timeout(300)
    assert said.evaluate("(one) => one.getBoundingClientRect().bottom <= innerHeight")
    expect(page.get_by_role("button", name="Submit and next")).not_to_be_in_viewport()


def test_a_claim_that_was_given_away_is_told_where_nothing_is_left(
    server: Server, page: Page
) -> None:
    sign_in(page, server.link("Quin"))
    unit_on(page)
    remark(page, "slow")
    saved_draft(page)
    given_away(server, "Quin")
    page.reload()
    expect(page.get_by_text("Nothing waits for you")).to_be_visible()
    words = "1 unit that you had before you was given to others, because you were away."
    expect(page.get_by_text(words)).to_be_visible()
