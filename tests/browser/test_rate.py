"""Raters at work in the browser: what they chose is what is stored."""

import json
import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlmodel import select

from annotate import outputs, people, rounds, rubric_versions
from annotate.rounds import Design
from db.engine import Database
from db.tables import Assignment, Output, Rater, Rating, Unit
from tests.browser.conftest import sign_in
from tests.server import Seed, Server

RUBRIC = """
name: short
title: Short answers
guidelines: |
  Read the context first.
  Then judge **only** what is written.
criteria:
  - id: faithfulness
    question: Is every claim supported?
    scale: ordinal
    points:
      - {value: 1, label: Contradicted, anchor: A claim contradicts the context.}
      - {value: 2, label: Partly, anchor: Some claims have no support.}
      - {value: 3, label: Supported, anchor: Every claim can be pointed to.}
    rationale: {required_below: 2}
    evidence: contexts
  - id: polite
    question: Is it polite?
    scale: binary
    points:
      - value: 0
        label: "No"
        anchor: "See http://tracker.invalid/r.png <b>or</b> ![x](y.png) :red[z] :smile:"
      - {value: 1, label: "Yes"}
  - id: failure
    question: What went wrong?
    scale: tags
    options: [{id: unsupported, label: Unsupported claim}, {id: off-topic, label: Off topic}]
    show_if: faithfulness < 3
  - id: comment
    question: Anything else?
    scale: text
    required: false
"""
HOSTILE = (
    "<script>window.hacked = true</script><img src='http://tracker.invalid/a.png'>\n"
    "![pixel](http://tracker.invalid/b.png) [link](http://tracker.invalid/c)\n"
    "$$\\frac{1}{2}$$ :red[red] `code` # heading"
)
RATERS = ("Ana", "Ben", "Cleo", "Dan")
ODD_NAME = "<b>Eve</b> ![x](http://tracker.invalid/e.png) $x$ :red[r] [l](http://tracker.invalid)"


def fill(database: Database) -> None:
    file = database.path.with_name("outputs.jsonl")
    lines = [
        {
            "id": f"o{n}",
            "input": [{"role": "user", "content": f"Question {n}?"}],
            "response": HOSTILE,
            "contexts": ["Refunds take\n  five days.", "Plans renew monthly."],
            "segment": "billing",
            "configuration": "secret-config",
        }
        for n in range(1, 7)
    ]
    file.write_text("\n".join(map(json.dumps, lines)))
    with database.write() as session:
        outputs.import_outputs(session, outputs.read_outputs(file), by=None)
        for name in (*RATERS, ODD_NAME):
            people.add_rater(session, name)
        rubric_versions.add_rubric(session, RUBRIC, source_name="short.yaml", by=None)
        design = Design.model_validate(
            {
                "name": "first",
                "rubric": "short",
                "units": 6,
                "overlap": 4,
                "raters": RATERS,
                "seed": "s",
            }
        )
        rounds.launch_round(session, design, by=None)


@pytest.fixture(scope="module")
def seed() -> Seed:
    return fill


def choose(page: Page, criterion: str, label: str) -> None:
    option = page.locator(
        f".st-key-criterion-{criterion} label", has_text=re.compile(rf"(^|· ){label}\b")
    )
    # While the next unit is drawn, the form of the one before still stands beside it.
    page.wait_for_selector('[data-test-script-state="notRunning"]')
    expect(option).to_have_count(1)
    option.click()


def answer(page: Page, *, faithfulness: str = "Supported", polite: str = "Yes") -> None:
    choose(page, "faithfulness", faithfulness)
    choose(page, "polite", polite)


def submit(page: Page) -> None:
    page.get_by_role("button", name="Submit and next").click()


def done(page: Page, count: int) -> None:
    expect(page.get_by_text(f"{count} done")).to_be_visible()


def question(page: Page, after: str | None = None) -> str:
    """Which unit is on the screen, once it is another than `after`."""
    shown = page.locator(".reader-input").get_by_text(re.compile(r"Question \d"))
    if after is not None:
        expect(shown).not_to_have_text(after)
    expect(shown).to_be_visible()
    return shown.inner_text()


def stored(server: Server, name: str) -> list[tuple[str, str, float | None, str | None]]:
    """What a rater's ratings say now, by unit: criterion, value, abstention."""
    with server.database.read() as session:
        rows = session.exec(
            select(Rating, Unit.key)
            .join(Unit, Unit.id == Rating.unit_id)  # type: ignore[arg-type]
            .join(Rater, Rater.id == Rating.rater_id)  # type: ignore[arg-type]
            .where(Rater.name == name)
            .order_by(Rating.id)  # type: ignore[arg-type]
        ).all()
        replaced = {rating.supersedes_id for rating, _ in rows}
        return [
            (unit, rating.criterion, rating.value, rating.abstained)
            for rating, unit in rows
            if rating.id not in replaced
        ]


def last_rating(server: Server, name: str, criterion: str) -> Rating:
    with server.database.read() as session:
        return session.exec(
            select(Rating)
            .join(Rater, Rater.id == Rating.rater_id)  # type: ignore[arg-type]
            .where(Rater.name == name, Rating.criterion == criterion)
            .order_by(Rating.id.desc())  # type: ignore[union-attr]
        ).first() or pytest.fail(f"{name} has no rating of {criterion}")


def test_a_rater_rates_abstains_skips_flags_and_undoes(server: Server, page: Page) -> None:
    sign_in(page, server.link("Ana"))
    expect(page.get_by_text("0 done")).to_be_visible()
    expect(page.get_by_text("Read the context first.")).to_be_visible()
    assert "Saved" not in page.inner_text("body")

    # An unfinished form is not submitted, and keeps what was entered.
    choose(page, "faithfulness", "Contradicted")
    expect(page.locator(".st-key-criterion-failure")).to_be_visible()
    page.locator(".st-key-criterion-failure button", has_text="Unsupported claim").click()
    page.get_by_label("Anything else?").fill("Odd formatting")
    submit(page)
    expect(page.get_by_text("Not submitted: 2 answers to complete")).to_be_visible()
    expect(page.locator(".st-key-criterion-polite")).to_contain_text("not answered")
    expect(page.locator(".st-key-criterion-faithfulness")).to_contain_text("needs a rationale")
    assert stored(server, "Ana") == []
    expect(page.get_by_label("Anything else?")).to_have_value("Odd formatting")

    # The reason and a quote from the context complete it.
    page.get_by_label("Rationale for: Is every claim supported?").fill("It says two days.")
    quote = page.locator(".st-key-criterion-faithfulness").get_by_label("Evidence")
    quote.fill("Refunds take five days.")
    choose(page, "polite", "No")
    submit(page)
    expect(page.get_by_text(re.compile(r"Saved \d\d:\d\d:\d\d · unit 1"))).to_be_visible()
    done(page, 1)
    assert {(c, v) for _, c, v, _ in stored(server, "Ana")} == {
        ("faithfulness", 1.0),
        ("polite", 0.0),
        ("failure.unsupported", 1.0),
        ("failure.off-topic", 0.0),
        ("comment", None),
    }
    first = last_rating(server, "Ana", "faithfulness")
    assert first.rationale == "It says two days."
    assert first.evidence == [{"field": "contexts[0]", "start": 0, "end": 25}]
    assert last_rating(server, "Ana", "comment").text == "Odd formatting"

    # Nothing of it is left on the next unit.
    expect(page.get_by_label("Anything else?")).to_have_value("")
    assert page.locator(".st-key-form input:checked").count() == 0

    # An abstention is stored as one.
    answer(page, faithfulness="Cannot judge")
    submit(page)
    done(page, 2)
    assert last_rating(server, "Ana", "faithfulness").abstained == "cannot_judge"

    # A flag stays with the unit, which stays on the screen.
    answer(page)
    page.get_by_role("button", name="Flag", exact=True).click()
    page.get_by_label("What should the lead look at?").fill("Wrong segment?")
    page.get_by_role("button", name="Flag for the lead").click()
    expect(page.get_by_text("Flagged for the lead")).to_be_visible()
    expect(page.get_by_label("What should the lead look at?")).to_have_count(0)
    submit(page)
    done(page, 3)

    # Undo reopens the last submission with its values; the correction supersedes.
    page.get_by_role("button", name="Undo last").click()
    expect(page.get_by_text("You have reopened this unit")).to_be_visible()
    checked = page.locator(".st-key-criterion-polite input:checked")
    expect(checked).to_have_count(1)
    choose(page, "polite", "No")
    submit(page)
    done(page, 3)
    corrected = last_rating(server, "Ana", "polite")
    assert corrected.value == 0.0 and corrected.supersedes_id is not None

    # A skipped unit is gone, with its reason; without one it stays.
    page.get_by_role("button", name="Skip", exact=True).click()
    page.get_by_role("button", name="Skip this unit").click()
    expect(page.get_by_text("The unit was not skipped")).to_be_visible()
    # The menu stays where it is refused, and goes with the unit.
    page.get_by_text("It is broken or incomplete").click()
    page.get_by_role("button", name="Skip this unit").click()
    expect(page.get_by_text(re.compile(r"Skipped \d\d:"))).to_be_visible()
    expect(page.get_by_role("button", name="Skip this unit")).to_have_count(0)
    with server.database.read() as session:
        kept = session.exec(
            select(Assignment.state, Assignment.skip_reason, Assignment.flag)
            .join(Rater, Rater.id == Assignment.rater_id)  # type: ignore[arg-type]
            .where(Rater.name == "Ana")
        ).all()
    assert ("skipped", "It is broken or incomplete", None) in kept
    assert "Wrong segment?" in {flag for _, _, flag in kept}

    # Two more, and nothing waits.
    for count in (4, 5):
        answer(page)
        submit(page)
        expect(page.get_by_text(re.compile(rf"· unit {count}"))).to_be_visible()
    expect(
        page.get_by_text("You have rated everything that waits for you in first")
    ).to_be_visible()


def test_a_refresh_keeps_the_unit_and_its_draft(server: Server, page: Page) -> None:
    sign_in(page, server.link("Ben"))
    before = question(page)
    choose(page, "polite", "Yes")
    page.get_by_label("Anything else?").fill("half a thought")
    expect(page.get_by_text("Draft saved")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Anything else?")).to_have_value("half a thought")
    expect(page.get_by_text(re.compile(r"Your draft of \d\d:\d\d:\d\d is back"))).to_be_visible()
    assert question(page) == before
    expect(page.locator(".st-key-criterion-polite input:checked")).to_have_count(1)
    assert stored(server, "Ben") == []


def test_a_double_click_submits_one_unit_once(server: Server, page: Page) -> None:
    sign_in(page, server.link("Cleo"))
    answer(page)
    page.get_by_role("button", name="Submit and next").dblclick()
    done(page, 1)
    page.wait_for_timeout(500)
    units = [unit for unit, criterion, *_ in stored(server, "Cleo") if criterion == "polite"]
    assert len(units) == 1


def test_a_second_tab_says_that_its_unit_was_submitted_in_the_first(
    server: Server, context: BrowserContext
) -> None:
    first, second = context.new_page(), context.new_page()
    sign_in(first, server.link("Cleo"))
    unit = question(first)
    second.goto(server.base)
    assert question(second) == unit
    # A draft would tell the second tab before it can submit.
    second.route("**/desk/draft", lambda route: route.abort())
    answer(first)
    submit(first)
    done(first, 2)
    answer(second, polite="No")
    submit(second)
    expect(
        second.get_by_text("This unit was already submitted, perhaps in another tab")
    ).to_be_visible()
    done(second, 2)
    assert question(second, after=unit) == question(first, after=unit)
    assert [v for _, c, v, _ in stored(server, "Cleo") if c == "polite"] == [1.0, 1.0]


def test_a_hostile_output_stays_text(server: Server, context: BrowserContext) -> None:
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    sign_in(page, server.link("Dan"))
    response = page.locator(".reader-response")
    expect(response).to_contain_text("<script>window.hacked = true</script>")
    expect(response).to_contain_text("![pixel](http://tracker.invalid/b.png)")
    expect(response).to_contain_text("$$\\frac{1}{2}$$ :red[red] `code` # heading")
    assert page.evaluate("() => window.hacked") is None
    for element in ("img", "a", "script", "h1", ".katex"):
        assert response.locator(element).count() == 0, element
    assert [url for url in asked if not url.startswith((server.base, "data:", "blob:"))] == []


def test_an_odd_name_stays_a_name(server: Server, page: Page) -> None:
    sign_in(page, server.link(ODD_NAME))
    shown = page.locator(".st-key-who")
    expect(shown).to_contain_text(f"Signed in as {ODD_NAME}")
    assert shown.locator("img, b, .katex").count() == 0
    expect(shown.get_by_role("link")).to_have_text(["Sign out"])
    expect(page.get_by_text("No round is open")).to_be_visible()


def test_markup_in_a_rubric_stays_text(server: Server, page: Page) -> None:
    sign_in(page, server.link("Dan"))
    criterion = page.locator(".st-key-criterion-polite")
    expect(criterion).to_contain_text(
        "See http:\u2060//tracker.invalid/r.png <b>or</b> ![x](y.png) :\u2060red[z] :\u2060smile:"
    )
    assert criterion.locator("a, img, b").count() == 0


def test_signing_out_closes_the_pages(server: Server, page: Page) -> None:
    sign_in(page, server.link("Dan"))
    page.get_by_role("link", name="Sign out").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out")).to_be_visible()
    page.goto(server.base)
    expect(page.get_by_text("You are not signed in.")).to_be_visible()


def test_the_screen_never_gets_what_the_round_hides(
    server: Server, context: BrowserContext
) -> None:
    page = context.new_page()
    received: list[bytes] = []
    page.on(
        "websocket",
        lambda socket: socket.on(
            "framereceived",
            lambda frame: received.append(frame if isinstance(frame, bytes) else frame.encode()),
        ),
    )
    sign_in(page, server.link("Dan"))
    expect(page.get_by_role("button", name="Submit and next")).to_be_visible()
    sent = b"".join(received)
    assert b"Question" in sent
    for hidden in (b"secret-config", b"fresh", b"anchor\x00", b"It says two days."):
        assert hidden not in sent


def test_a_header_made_by_hand_gives_nothing(server: Server, context: BrowserContext) -> None:
    context.set_extra_http_headers({"x-annotate-rater": "1", "x-annotate-way": "proxy"})
    page = context.new_page()
    page.goto(server.base)
    expect(page.get_by_text("You are not signed in.")).to_be_visible()
    assert page.get_by_role("button", name="Submit and next").count() == 0


@pytest.mark.parametrize(
    ("who", "name", "seen"), [("Lead", "start", "Can we still trust"), ("Dan", "rate", "Submit")]
)
def test_where_one_lands_has_an_address_of_its_own(
    server: Server, page: Page, who: str, name: str, seen: str
) -> None:
    sign_in(page, server.link(who) if who == "Dan" else server.lead_link)
    page.wait_for_url(f"{server.base}/{name}")
    page.reload()
    expect(page.get_by_text(seen).first).to_be_visible()
    expect(page.get_by_text("Page not found")).to_have_count(0)


def test_who_is_revoked_loses_access_at_the_next_click(server: Server, page: Page) -> None:
    sign_in(page, server.link("Dan"))
    answer(page)
    with server.database.write() as session:
        people.revoke(session, people.get_rater(session, "Dan"), by=None)
    submit(page)
    expect(page.get_by_text("You are not signed in.")).to_be_visible()
    assert stored(server, "Dan") == []


def test_a_round_that_closes_says_so_and_takes_nothing_more(server: Server, page: Page) -> None:
    sign_in(page, server.link("Ben"))
    answer(page)
    with server.database.write() as session:
        rounds.close_round(session, "first", by=None)
    submit(page)
    expect(page.get_by_text("The round that you were in is closed.")).to_be_visible()
    expect(page.get_by_text("No round is open")).to_be_visible()
    assert stored(server, "Ben") == []
    with server.database.read() as session:
        assert session.exec(select(Output)).first() is not None
