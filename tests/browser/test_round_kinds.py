"""Pairs, practice, norming and correction, as raters and leads meet them in the browser."""

import json
import re
import time

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect
from sqlmodel import select

from annotate import gold, outputs, people, rounds, rubric_versions
from annotate.desk import claim_next, submit
from annotate.rounds import Design
from annotate.rubric import Answer
from db.engine import Database
from db.tables import Assignment, Rater, Rating, Round, now
from tests.browser.conftest import sign_in
from tests.server import Seed, Server

RUBRIC = """
name: short
criteria:
  - {id: polite, question: Is it polite?, scale: binary}
  - id: ideal
    question: What should it have said?
    scale: text
    required: false
    becomes: reference
"""


GROUNDED = """
name: grounded
criteria:
  - {id: better, question: Which is better grounded?, scale: preference, evidence: contexts}
"""


def fill(database: Database) -> None:
    file = database.path.with_name("outputs.jsonl")
    lines = [
        {
            "id": f"{version}-{n}",
            "case": f"case {n}",
            "input": f"Question {n}.",
            "response": f"Answer {n}: refunds take {days} days.",
            "contexts": [f"The rules of {days} days."],
            "segment": "billing",
            "configuration": version,
        }
        for n in range(4)
        for version, days in (("v1", "five"), ("v2", "two"))
    ]
    file.write_text("\n".join(map(json.dumps, lines)))
    with database.write() as session:
        outputs.import_outputs(session, outputs.read_outputs(file), by=None)
        rubric_versions.add_rubric(session, RUBRIC, source_name="short.yaml", by=None)
        rubric_versions.add_rubric(session, GROUNDED, source_name="grounded.yaml", by=None)
        names = ("Ana", "Ben", "Cleo", "Dora", "Dot", "Eli", "Fay", "Pia", "Quin", "Rob")
        for name in names:
            people.add_rater(session, name)
        people.add_rater(session, "Lea", role="lead")

        def launch(name: str, rubric: str = "short", **fields: object) -> Round:
            asked = {"name": name, "rubric": rubric, "units": 8, "overlap": 1} | fields
            return rounds.launch_round(session, Design.model_validate(asked), by=None)

        blind = launch("blind", overlap=2, raters=("Ana", "Ben"))
        for name in ("Ana", "Ben"):
            rater = people.get_rater(session, name)
            while (place := claim_next(session, rater, blind, at=now())) is not None:
                low = name == "Ben" and place.response.startswith("Answer 0")
                said = Answer(value=0, rationale="It is curt.") if low else Answer(value=1)
                submit(session, rater, place.assignment_id, {"polite": said},
                       idempotency_key=f"{name} {place.assignment_id}", at=now())  # fmt: skip
        rounds.close_round(session, "blind", by=None)
        gold.promote(session, blind, by=None)
        launch("talk", reveals="blind", raters=("Ana", "Ben"))
        duel = launch("duel", "grounded", compares=("v1", "v2"), overlap=2, raters=("Dot", "Eli"))
        for name, wins in (("Dot", "five"), ("Eli", "two")):
            rater = people.get_rater(session, name)
            while (place := claim_next(session, rater, duel, at=now())) is not None:
                said = Answer(value=float(wins not in place.response), rationale="As I see it.")
                submit(session, rater, place.assignment_id, {"better": said},
                       idempotency_key=f"{name} {place.assignment_id}", at=now())  # fmt: skip
        rounds.close_round(session, "duel", by=None)
        launch("grounds", "grounded", compares=("v1", "v2"), raters=("Fay",))
        launch("pairs", "pairwise", compares=("v1", "v2"), raters=("Pia",))
        launch("training", practice={"pass_mark": 0.5}, raters=("Quin",))
        launch("short training", practice={"pass_mark": 0.5}, raters=("Rob",), units=4)
        launch("plain", raters=("Cleo",))
        launch("slow", raters=("Dora",))


@pytest.fixture(scope="module")
def seed() -> Seed:
    return fill


def at_the_desk(server: Server, page: Page, name: str) -> None:
    sign_in(page, server.link(name))
    expect(page.get_by_role("button", name="Keyboard (?)")).to_be_visible()


def values(server: Server, name: str, criterion: str) -> list[Rating]:
    with server.database.read() as session:
        return list(
            session.exec(
                select(Rating)
                .join(Rater, Rater.id == Rating.rater_id)  # type: ignore[arg-type]
                .where(Rater.name == name, Rating.criterion == criterion)
                .order_by(Rating.id)  # type: ignore[arg-type]
            )
        )


def test_a_pair_is_preferred_by_keyboard_with_its_differences_shown(
    server: Server, page: Page
) -> None:
    at_the_desk(server, page, "Pia")
    first, second = page.locator(".reader-response"), page.locator(".reader-rival")
    boxes = [one.bounding_box() for one in (first, second)]
    assert (
        boxes[0] and boxes[1] and boxes[0]["y"] == boxes[1]["y"] and boxes[0]["x"] < boxes[1]["x"]
    )
    page.keyboard.press("h")
    page.wait_for_function("CSS.highlights.get('annotate-differs')?.size === 2")
    wanted = "five" if "five" in first.inner_text() else "two"
    # Each response stands below what it was made from.
    contexts = page.locator(".reader-contexts")
    expect(contexts).to_have_count(2)
    assert contexts.nth(0).get_attribute("aria-label") == "Context A"
    assert f"The rules of {wanted} days." in contexts.nth(0).inner_text()
    assert f"The rules of {wanted} days." not in contexts.nth(1).inner_text()
    above = [contexts.nth(n).bounding_box() for n in (0, 1)]
    assert (
        above[0]
        and above[1]
        and [box["x"] for box in above if box] == [box["x"] for box in boxes if box]
    )
    for key in ("1", "1", "Enter", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_text("1 done")).to_be_visible()
    (stored,) = values(server, "Pia", "better")
    assert stored.value == (0.0 if wanted == "five" else 1.0)
    assert stored.seen is not None
    assert stored.seen[-1] == ("order:ab" if wanted == "five" else "order:ba")
    assert "v1" not in page.inner_text("body") and "v2" not in page.inner_text("body")
    # On a phone they stand one below the other.
    page.set_viewport_size({"width": 390, "height": 844})
    # The next unit is being drawn while it moves: a place is asked for until both are there.
    page.wait_for_function(
        """() => {
            const [one, other] = [".reader-response", ".reader-rival"].map(
                (name) => document.querySelector(name)?.getBoundingClientRect());
            return one?.height && other?.height && one.bottom <= other.top;
        }"""
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_passage_is_cited_in_the_context_of_the_response_that_stands_as_b(
    server: Server, page: Page
) -> None:
    at_the_desk(server, page, "Fay")
    days = "five" if "five" in page.locator(".reader-rival").inner_text() else "two"
    for key in ("2", "k", "e", "Tab", "ArrowRight", "Shift+ArrowRight", "Enter"):
        page.keyboard.press(key)
    evidence = page.locator('[class*="st-key-"][class*="evidence"] textarea')
    expect(evidence).to_have_value("[context B 1 4-12] rules of")
    page.wait_for_function("CSS.highlights.get('annotate-marked')?.size === 1")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("1 done")).to_be_visible()
    (stored,) = values(server, "Fay", "better")
    candidate = days == "two"
    assert stored.value == float(candidate)
    field = "rival_contexts[0]" if candidate else "contexts[0]"
    assert stored.evidence == [{"field": field, "start": 4, "end": 12}]


def test_a_lead_settles_a_disputed_pair_knowing_which_is_which(server: Server, page: Page) -> None:
    sign_in(page, server.link("Lea"))
    page.goto(f"{server.base}/adjudicate")
    page.get_by_role("combobox").first.click()
    page.get_by_role("option", name=re.compile("^duel")).click()
    expect(page.get_by_text("4 wait for a decision")).to_be_visible()
    titles = page.locator(".reader-pair h3")
    expect(titles).to_have_text([
        "Context of the base, v1", "Context of the candidate, v2",
        "Response of the base, v1", "Response of the candidate, v2",
    ])  # fmt: skip
    expect(page.locator(".reader-rival")).to_contain_text("refunds take two days")
    expect(page.get_by_text(re.compile("^A was the (base|candidate)$"))).to_have_count(2)


def test_practice_tells_at_once_and_says_who_has_passed(server: Server, page: Page) -> None:
    at_the_desk(server, page, "Quin")
    for number in range(1, 7):
        page.wait_for_selector('[data-test-script-state="notRunning"]')
        page.keyboard.press("1" if number > 1 else "0")
        page.keyboard.press("Control+Enter")
        words = "1 of 1 as known" if number > 1 else "0 of 1 as known"
        heading = page.get_by_role("heading", name=words)
        expect(heading).to_be_visible()
        # Until then a key belongs to the unit that was just submitted.
        page.wait_for_selector('[data-test-script-state="notRunning"]')
        if number == 1:
            expect(page.get_by_text("Known: Yes")).to_be_visible()
        if number == 2:
            page.get_by_role("button", name="Next unit").click()
        else:
            page.keyboard.press("Enter")
        expect(heading).to_have_count(0)
    expect(page.get_by_text("finished elsewhere")).to_have_count(0)
    expect(page.get_by_text("5 of 6 answers as known. You have passed.")).to_be_visible()


def test_what_practice_tells_is_in_view_and_read_out(server: Server, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 600})
    at_the_desk(server, page, "Rob")
    page.wait_for_selector('[data-test-script-state="notRunning"]')
    for key in ("0", "Control+Enter"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", name="0 of 1 as known")).to_be_in_viewport()
    expect(page.locator(".desk-voice")).to_have_text("0 of 1 as known")
    expect(page.get_by_text("1 done, 3 left for you")).to_be_visible()
    # Whoever loses the page finds it under their own work.
    page.goto(f"{server.base}/home")
    page.get_by_text("What is known of it").click()
    expect(page.get_by_role("heading", name="0 of 1 as known")).to_be_visible()
    page.goto(f"{server.base}/rate")
    expect(page.get_by_role("button", name="Keyboard (?)")).to_be_visible()
    page.wait_for_selector('[data-test-script-state="notRunning"]')
    # The keyboard is there: the list of keys, and the submission that can be reopened.
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    for key in ("Escape", "Backspace"):
        page.keyboard.press(key)
    expect(page.get_by_text("You have reopened this unit")).to_be_visible()


def test_a_norming_rater_sees_how_all_voted_and_no_name(server: Server, page: Page) -> None:
    at_the_desk(server, page, "Ana")
    votes = page.locator(".st-key-votes")
    expect(votes).to_contain_text("You: Yes")
    expect(votes).to_contain_text("Rater A: No (It is curt.)")
    assert "Ben" not in page.inner_text("body")


def test_a_submission_is_found_and_corrected_in_my_work(server: Server, page: Page) -> None:
    at_the_desk(server, page, "Cleo")
    page.keyboard.press("1")
    page.keyboard.press("j")
    page.get_by_role("button", name="Begin with the response").click()
    ideal = page.get_by_label("What should it have said?")
    expect(ideal).to_have_value(re.compile(r"^Answer \d: refunds take"))
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("1 done")).to_be_visible()
    page.get_by_role("link", name="My work").click()
    expect(page.get_by_text("1 submitted")).to_be_visible()
    page.get_by_role("button", name="Correct it").click()
    expect(page.get_by_text("You have reopened this unit")).to_be_visible()
    expect(page.get_by_role("button", name="Keyboard (?)")).to_be_visible()
    page.keyboard.press("k")
    page.keyboard.press("k")
    page.keyboard.press("0")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text(re.compile(r"^Saved [\d:]+ · correction$"))).to_be_visible()
    assert [r.value for r in values(server, "Cleo", "polite")] == [1.0, 0.0]


def test_a_text_that_a_button_wrote_is_drafted_however_slow_the_server(
    server: Server, page: Page
) -> None:
    pauses: list[float] = []

    def delayed(route: WebSocketRoute) -> None:
        upstream = route.connect_to_server()

        def pass_on(message: str | bytes) -> None:
            if pauses:
                time.sleep(pauses.pop())
            route.send(message)

        upstream.on_message(pass_on)

    page.route_web_socket(re.compile("/_stcore/stream"), delayed)
    at_the_desk(server, page, "Dora")
    pauses.append(1.0)
    page.get_by_role("button", name="Begin with the response").click()
    expect(page.get_by_text(re.compile(r"^Draft saved"))).to_be_visible()
    with server.database.read() as session:
        (draft,) = session.exec(
            select(Assignment.draft)
            .join(Rater, Rater.id == Assignment.rater_id)  # type: ignore[arg-type]
            .where(Rater.name == "Dora")
        ).all()
    assert draft is not None and draft["ideal:text"].startswith("Answer")


@pytest.mark.parametrize(
    ("name", "words"),
    [("training", "Passed from 50%"), ("talk", "Before and after"), ("pairs", "v2 against v1")],
)
def test_a_lead_reads_what_the_round_came_to(
    server: Server, page: Page, name: str, words: str
) -> None:
    sign_in(page, server.link("Lea"))
    page.goto(f"{server.base}/rounds")
    page.get_by_role("combobox").first.click()
    page.get_by_role("option", name=re.compile(f"^{name}")).click()
    expect(page.get_by_text(words).first).to_be_visible()


def test_each_kind_of_round_can_be_launched_on_the_page(server: Server, page: Page) -> None:
    sign_in(page, server.link("Lea"))
    page.goto(f"{server.base}/rounds")
    page.get_by_role("tab", name="Launch a round").click()
    for kind, label in (
        ("Compare pairs", "Base"),
        ("Practise", "Passed from this share of known answers on"),
        ("Norm", "Blind round whose votes are shown"),
    ):
        page.get_by_role("radio", name=kind).click()
        expect(page.get_by_text(label, exact=True).first).to_be_visible()
