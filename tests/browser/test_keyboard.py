"""A rater who touches no mouse: every key does what the cheat sheet says."""

import json
import random
import re

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import select

from annotate import outputs, people, rounds, rubric_versions
from annotate.rounds import Design
from db.engine import Database
from db.tables import Assignment, Output, Rater, Rating, Unit
from tests.browser.conftest import Seed, sign_in
from tests.server import Server

RUBRIC = """
name: four
title: Four questions
guidelines: Read the context first.
criteria:
  - id: faithful
    question: Is every claim supported?
    scale: ordinal
    points:
      - {value: 1, label: Contradicted, anchor: A claim contradicts the context.}
      - {value: 2, label: Partly, anchor: Some claims have no support.}
      - {value: 3, label: Supported, anchor: Every claim can be pointed to.}
    evidence: response
  - id: useful
    question: Does it help?
    scale: ordinal
    points:
      - {value: 1, label: "No", anchor: It helps nobody.}
      - {value: 2, label: Somewhat, anchor: It helps some.}
      - {value: 3, label: "Yes", anchor: It helps.}
      - {value: 4, label: Very, anchor: It helps everybody.}
      - {value: 5, label: Fully, anchor: Nothing is missing.}
  - {id: polite, question: Is it polite?, scale: binary}
  - id: kind
    question: What kind of question is it?
    scale: categorical
    options: [{id: how-to, label: How-to}, {id: billing, label: Billing}, {id: other, label: Other}]
"""
CONDITIONAL = """
name: conditional
criteria:
  - id: quality
    question: How good is it?
    scale: ordinal
    points:
      - {value: 1, label: Bad, anchor: It is wrong.}
      - {value: 2, label: Fair, anchor: It is half right.}
      - {value: 3, label: Good, anchor: It is right.}
    rationale: {required_below: 2}
    evidence: contexts
  - id: failure
    question: What went wrong?
    scale: tags
    show_if: quality < 3
    options: [{id: unsupported, label: Unsupported}, {id: stale, label: Stale}]
  - {id: polite, question: Is it polite?, scale: binary}
  - {id: remark, question: Anything else?, scale: text, required: false}
"""
CHOICES = {
    "faithful": {"1": 1.0, "2": 2.0, "3": 3.0},
    "useful": {str(n): float(n) for n in range(1, 6)},
    "polite": {"0": 0.0, "1": 1.0},
    "kind": {"1": 0.0, "2": 1.0, "3": 2.0},
}
UNITS = 24


def fill(database: Database) -> None:
    file = database.path.with_name("outputs.jsonl")
    lines = [
        {
            "id": f"o{n}",
            "input": f"Question {n}.",
            "response": f"Answer {n}: refunds take five days. Plans renew monthly.",
            "contexts": ["Refunds take five days.", "Plans renew monthly. They end any day."],
            "segment": "billing",
            "configuration": "v1",
        }
        for n in range(UNITS)
    ]
    file.write_text("\n".join(map(json.dumps, lines)))
    with database.write() as session:
        outputs.import_outputs(session, outputs.read_outputs(file), by=None)
        for name in ("Ana", "Ben", "Cleo"):
            people.add_rater(session, name)
        rubric_versions.add_rubric(session, RUBRIC, source_name="four.yaml", by=None)
        rubric_versions.add_rubric(session, CONDITIONAL, source_name="conditional.yaml", by=None)
        for name, rubric, rater in (
            ("four", "four", "Ana"),
            ("conditional", "conditional", "Ben"),
            ("help", "four", "Cleo"),
        ):
            design = Design(name=name, rubric=rubric, units=UNITS, overlap=1, raters=(rater,))
            rounds.launch_round(session, design, by=None)


@pytest.fixture(scope="module")
def seed() -> Seed:
    return fill


class Keys:
    """A rater's ten fingers, counted."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.count = 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.count += 1


def at_the_desk(server: Server, page: Page, name: str) -> Keys:
    sign_in(page, server.link(name))
    expect(page.get_by_role("button", name="Keyboard (?)")).to_be_visible()
    return Keys(page)


def unit_on(page: Page, after: str | None = None) -> str:
    """Which unit is on the screen, once it is another than `after` and the page is drawn."""
    if after is not None:
        before = re.compile(rf"Question {after[1:]}\.")
        expect(page.locator(".reader-input")).not_to_contain_text(before)
    page.wait_for_selector('[data-test-script-state="notRunning"]')
    shown = page.locator(".reader-input").get_by_text(re.compile(r"Question \d+\."))
    expect(shown).to_be_visible()
    return "o" + re.sub(r"\D", "", shown.inner_text())


def done(page: Page, count: int) -> None:
    expect(page.get_by_text(f"{count} done")).to_be_visible()


def in_force(server: Server, name: str) -> dict[tuple[str, str], float | str | None]:
    """What a rater said, by output and criterion."""
    with server.database.read() as session:
        rows = session.exec(
            select(Rating, Output.key)
            .join(Output, Output.id == Rating.output_id)  # type: ignore[arg-type]
            .join(Rater, Rater.id == Rating.rater_id)  # type: ignore[arg-type]
            .where(Rater.name == name)
        ).all()
    replaced = {rating.supersedes_id for rating, _ in rows}
    return {
        (key, r.criterion): r.abstained or r.text or r.value
        for r, key in rows
        if r.id not in replaced
    }


def of_unit(server: Server, name: str, unit: str) -> dict[str, float | str | None]:
    return {c: v for (key, c), v in in_force(server, name).items() if key == unit}


def test_twenty_units_by_keyboard_alone_at_five_keys_each(server: Server, page: Page) -> None:
    keys = at_the_desk(server, page, "Ana")
    draw = random.Random(7)
    typed: dict[tuple[str, str], float | str | None] = {}
    unit = unit_on(page)
    for number in range(1, 21):
        before = keys.count
        for criterion, choices in CHOICES.items():
            if number == 5 and criterion == "useful":
                keys.press("c")
                typed[unit, criterion] = "cannot_judge"
                continue
            key = draw.choice(list(choices))
            keys.press(key)
            typed[unit, criterion] = choices[key]
        keys.press("Enter")
        assert keys.count - before == 5
        done(page, number)
        following = unit_on(page, after=unit)
        if number == 11:
            keys.press("Backspace")
            expect(page.get_by_text("You have reopened this unit")).to_be_visible()
            assert unit_on(page, after=following) == unit
            expect(page.locator(".st-key-form input:checked")).to_have_count(4)
            # Up from the end to the second question, which gets another value.
            other = "2" if typed[unit, "useful"] != 2.0 else "4"
            keys.press("k", "k", "k", other, "Control+Enter")
            expect(page.get_by_text(re.compile(r"Saved .* correction"))).to_be_visible()
            typed[unit, "useful"] = float(other)
            done(page, number)
            following = unit_on(page, after=unit)
        unit = following
    assert in_force(server, "Ana") == typed
    with server.database.read() as session:
        worked = session.exec(
            select(Assignment.seconds)
            .join(Rater, Rater.id == Assignment.rater_id)  # type: ignore[arg-type]
            .where(Rater.name == "Ana", Assignment.state == "submitted")
        ).all()
    assert len(worked) == 20 and all(0 < seconds < 60 for seconds in worked)


def test_conditional_criteria_and_a_required_rationale(server: Server, page: Page) -> None:
    keys = at_the_desk(server, page, "Ben")
    unit = unit_on(page)
    keys.press("1")
    # The value wants its reason: the keyboard goes there, and letters are letters now, also
    # those that were typed before the page had drawn it.
    page.keyboard.type("no claim is supported, see 1")
    reason = page.get_by_label("Rationale for: How good is it?")
    expect(reason).to_have_value("no claim is supported, see 1")
    keys.press("Escape")
    keys.press("2", "1", "Enter")
    keys.press("1")
    expect(page.locator('[class*="st-key-"][class*="remark"] textarea')).to_have_count(1)
    keys.press("Enter")
    expect(page.get_by_label("Anything else?")).to_be_focused()
    page.keyboard.type("nothing")
    keys.press("Control+Enter")
    done(page, 1)
    assert of_unit(server, "Ben", unit) == {
        "quality": 1.0,
        "failure.unsupported": 1.0,
        "failure.stale": 1.0,
        "polite": 1.0,
        "remark": "nothing",
    }

    # None of the tags, by 0; the text is optional and Enter on the last question submits.
    unit = unit_on(page, after=unit)
    keys.press("2", "0", "0", "j", "Enter")
    done(page, 2)
    assert of_unit(server, "Ben", unit) == {
        "quality": 2.0,
        "failure.unsupported": 0.0,
        "failure.stale": 0.0,
        "polite": 0.0,
    }

    unit_on(page, after=unit)
    # An unfinished form says where, and the keyboard stands there.
    keys.press("3", "Control+Enter")
    expect(page.get_by_text("Not submitted: 1 answer to complete")).to_be_visible()
    keys.press("1", "Control+Enter")
    done(page, 3)


def test_evidence_is_marked_by_keyboard_and_by_mouse(server: Server, page: Page) -> None:
    keys = at_the_desk(server, page, "Ben")
    unit = unit_on(page)
    keys.press("3", "k", "e")
    # The second context's first sentence: Tab, then as far as its end.
    keys.press("Tab", "Shift+ArrowDown", "Enter")
    evidence = page.locator(".st-key-criterion-quality").get_by_label("Evidence")
    expect(evidence).to_have_value("[context 2 0-20] Plans renew monthly.")
    words = page.locator(".reader-contexts .reader-text").first
    words.dblclick(position={"x": 90, "y": 12})
    page.get_by_role("button", name="Mark as evidence").click()
    expect(evidence).to_have_value(re.compile(r"\n\[context 1 \d+-\d+\] (take|five)$"))
    assert page.evaluate("CSS.highlights.get('annotate-marked').size") == 2
    keys.press("j", "1", "Control+Enter")
    done(page, 4)
    with server.database.read() as session:
        spans = session.exec(
            select(Rating.evidence)
            .join(Output, Output.id == Rating.output_id)  # type: ignore[arg-type]
            .join(Unit, Unit.id == Rating.unit_id)  # type: ignore[arg-type]
            .where(Output.key == unit, Rating.criterion == "quality")
            .order_by(Rating.id.desc())  # type: ignore[union-attr]
        ).first()
    assert spans is not None and spans[0] == {"field": "contexts[1]", "start": 0, "end": 20}
    assert spans[1]["field"] == "contexts[0]"


def test_skip_flag_guidelines_pause_search_and_the_cheat_sheet(server: Server, page: Page) -> None:
    keys = at_the_desk(server, page, "Cleo")
    unit = unit_on(page)
    guidelines = page.locator(".st-key-guidelines details")
    opened = guidelines.get_attribute("open") is not None
    keys.press("g")
    expect(guidelines).to_have_attribute("open", "") if not opened else expect(
        guidelines
    ).not_to_have_attribute("open", "")
    keys.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    keys.press("1", "Escape")
    expect(page.get_by_role("dialog", name="Keyboard")).to_have_count(0)
    expect(page.locator(".st-key-form input:checked")).to_have_count(0)

    keys.press("f")
    expect(page.get_by_label("What should the lead look at?")).to_be_focused()
    page.keyboard.type("sf 12 Is this billing?")
    keys.press("Control+Enter")
    expect(page.get_by_text(re.compile(r"Flagged for the lead \d\d:"))).to_be_visible()

    # The popover closes by Escape, and keys are keys again.
    keys.press("Escape", "Escape")
    keys.press("p")
    expect(page.get_by_text("Paused")).to_be_visible()
    expect(page.locator(".reader")).to_have_count(0)
    page.get_by_role("button", name="Go on").click()
    assert unit_on(page) == unit

    keys.press("3")
    keys.press("s")
    expect(page.get_by_role("button", name="Skip this unit")).to_be_visible()
    keys.press("3", "Enter")
    expect(page.get_by_text(re.compile(r"Skipped \d\d:"))).to_be_visible()
    unit_on(page, after=unit)
    expect(page.locator(".st-key-form input:checked")).to_have_count(0)
    with server.database.read() as session:
        states = session.exec(
            select(Assignment.state, Assignment.skip_reason, Assignment.flag)
            .join(Rater, Rater.id == Assignment.rater_id)  # type: ignore[arg-type]
            .where(Rater.name == "Cleo")
        ).all()
    assert ("skipped", "It is broken or incomplete", "sf 12 Is this billing?") in states


def test_badges_stand_on_the_focused_criterion_only(server: Server, page: Page) -> None:
    at_the_desk(server, page, "Cleo")

    def badged(criterion: str) -> None:
        page.wait_for_function(
            """(wanted) => [...document.querySelectorAll('[class*="st-key-criterion-"]')].filter(place =>
              [...place.querySelectorAll('label')].some(label =>
                getComputedStyle(label, '::after').content !== 'none'))
              .map(place => /st-key-criterion-(\\w+)/.exec(place.className)[1]).join() === wanted""",
            arg=criterion,
        )

    badged("faithful")
    page.keyboard.press("j")
    badged("useful")
    page.keyboard.press("1")
    badged("polite")


def test_typing_in_a_search_is_typing(server: Server, page: Page) -> None:
    at_the_desk(server, page, "Cleo")
    page.keyboard.press("/")
    box = page.get_by_label("Search in what you read")
    if box.count():
        expect(box).to_be_focused()
        page.keyboard.type("123 jk")
        expect(page.locator(".st-key-form input:checked")).to_have_count(0)
