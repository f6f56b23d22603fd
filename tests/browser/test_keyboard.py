"""A rater who touches no mouse: every key does what the cheat sheet says."""

import json
import random
import re

import pytest
from playwright.sync_api import Page, Route, expect
from sqlmodel import select

from annotate import outputs, people, rounds, rubric_versions
from annotate.rounds import Design
from db.engine import Database
from db.tables import Assignment, Output, Rater, Rating, Unit
from tests.browser.conftest import sign_in, strike
from tests.server import Seed, Server

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
# What decides hangs on what was decided before: a level, tags, and a yes or no.
CHAINED = """
name: chained
criteria:
  - id: quality
    question: How good is it?
    scale: ordinal
    points:
      - {value: 1, label: Bad, anchor: It is wrong.}
      - {value: 2, label: Fair, anchor: It is half right.}
      - {value: 3, label: Good, anchor: It is right.}
  - id: failure
    question: What went wrong?
    scale: tags
    show_if: quality < 3
    options: [{id: unsupported, label: Unsupported}, {id: stale, label: Stale}]
  - {id: old, question: Was it true once?, scale: binary, show_if: failure has stale}
  - {id: polite, question: Is it polite?, scale: binary}
"""
# Named as the menus are, with eleven points, the last of which has no digit.
ODD = """
name: odd
criteria:
  - id: scale
    question: How much from 0 to 10?
    scale: ordinal
    points: [{points}]
  - {id: flag, question: What would you flag?, scale: text, required: false}
  - {id: skip, question: What would you skip?, scale: text, required: false}
"""
ODD = ODD.replace(
    "{points}",
    ", ".join(f"{{value: {n}, label: Level {n}, anchor: It is {n}.}}" for n in range(11)),
)
CHOICES = {
    "faithful": {"1": 1.0, "2": 2.0, "3": 3.0},
    "useful": {str(n): float(n) for n in range(1, 6)},
    "polite": {"0": 0.0, "1": 1.0},
    "kind": {"1": 0.0, "2": 1.0, "3": 2.0},
}
UNITS = 24
MIDDLE_OF_FIVE = """() => {
  const walker = document.createTreeWalker(document.querySelector(".reader-contexts"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const at = walker.currentNode.data.indexOf("five");
    if (at < 0) continue;
    const word = document.createRange();
    word.setStart(walker.currentNode, at);
    word.setEnd(walker.currentNode, at + 4);
    const box = word.getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
  }
}"""
"""Where on the page the word stands in what is read, whatever font the browser has."""


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
        for name in [
            "Ana",
            "Ben",
            "Cleo",
            "Dan",
            "Eve",
            "Flo",
            "Gil",
            "Hal",
            "Ivy",
            "Jon",
            "Kim",
            "Lee",
            "Max",
            "Nia",
            "Oda",
        ]:
            people.add_rater(session, name)
        rubric_versions.add_rubric(session, RUBRIC, source_name="four.yaml", by=None)
        rubric_versions.add_rubric(session, CONDITIONAL, source_name="conditional.yaml", by=None)
        rubric_versions.add_rubric(session, CHAINED, source_name="chained.yaml", by=None)
        rubric_versions.add_rubric(session, ODD, source_name="odd.yaml", by=None)
        for name, rubric, rater in (
            ("four", "four", "Ana"),
            ("conditional", "conditional", "Ben"),
            ("help", "four", "Cleo"),
            ("menus", "four", "Dan"),
            ("held", "four", "Eve"),
            ("layouts", "four", "Flo"),
            ("odd", "odd", "Gil"),
            ("mouse", "conditional", "Hal"),
            ("short", "four", "Ivy"),
            ("badges", "four", "Jon"),
            ("late", "conditional", "Kim"),
            ("early", "four", "Lee"),
            ("second", "four", "Lee"),
            ("shipped", "rag-answer", "Max"),
            ("chained", "chained", "Nia"),
            ("slow", "four", "Oda"),
        ):
            units = 2 if name == "short" else UNITS
            design = Design(name=name, rubric=rubric, units=units, overlap=1, raters=(rater,))
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


def test_no_key_waits_for_what_is_drawn_already(server: Server, page: Page) -> None:
    keys = at_the_desk(server, page, "Max")
    unit = unit_on(page)
    # Three questions that decide together whether there is a fourth.
    keys.press("5", "5", "5", "Enter")
    done(page, 1)
    assert of_unit(server, "Max", unit) == dict.fromkeys(
        ("faithfulness", "relevance", "completeness"), 5.0
    )


def test_no_key_changes_a_unit_that_a_busy_server_is_still_submitting(
    server: Server, page: Page
) -> None:
    keys = at_the_desk(server, page, "Oda")
    unit = unit_on(page)
    refused: list[str] = []
    page.on("response", lambda r: refused.append(r.url) if r.status >= 400 else None)
    keys.press("3", "5", "1", "1")
    chosen = page.locator(".st-key-form label:has(input:checked)")
    expect(chosen).to_have_count(4)
    before = chosen.all_inner_texts()
    expect(page.get_by_text("Draft saved")).to_be_visible()
    with server.database.write():
        keys.press("Enter")
        page.wait_for_timeout(600)
        keys.press("k", "k", "2")
        page.wait_for_timeout(1000)
        keys.press("k")
        expect(page.get_by_text("Still submitting")).to_be_visible()
        # Longer than the desk waits for a server that does nothing.
        page.wait_for_timeout(15_000)
        keys.press("2")
        page.wait_for_timeout(500)
        expect(chosen).to_have_text(before)
    done(page, 1)
    assert of_unit(server, "Oda", unit) == {
        "faithful": 3.0, "useful": 5.0, "polite": 1.0, "kind": 0.0,
    }  # fmt: skip
    unit_on(page, after=unit)
    expect(page.locator(".st-key-form input:checked")).to_have_count(0)
    assert not refused


def test_what_was_decided_decides_on_what_decides_next(server: Server, page: Page) -> None:
    keys = at_the_desk(server, page, "Nia")
    unit = unit_on(page)
    keys.press("2", "2", "Enter", "1", "0", "Enter")
    done(page, 1)
    assert of_unit(server, "Nia", unit) == {
        "quality": 2.0, "failure.unsupported": 0.0, "failure.stale": 1.0, "old": 1.0, "polite": 0.0,
    }  # fmt: skip
    unit = unit_on(page, after=unit)
    keys.press("3", "1", "Enter")
    done(page, 2)
    assert of_unit(server, "Nia", unit) == {"quality": 3.0, "polite": 1.0}


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
    # A text that may stay empty is passed by; one goes back to it to write.
    keys.press("k", "Enter")
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

    # None of the tags, by 0; the text is optional and Enter behind the last answer submits.
    unit = unit_on(page, after=unit)
    keys.press("2", "0", "0", "Enter")
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


def test_keys_wait_for_a_widget_that_the_browser_still_loads(server: Server, page: Page) -> None:
    """Streamlit loads the code of a kind of widget when it is first drawn; tags come with others."""
    loading: list[Route] = []
    page.route("**/ButtonGroup.*.js", lambda route: loading.append(route))
    keys = at_the_desk(server, page, "Kim")
    unit = unit_on(page)
    keys.press("2")
    expect(page.locator(".st-key-criterion-failure")).to_have_count(1)
    keys.press("2", "1", "Enter", "1", "Enter")
    page.wait_for_timeout(3000)
    assert loading, "the tags were drawn at once"
    for one in loading:
        one.continue_()
    done(page, 1)
    assert of_unit(server, "Kim", unit) == {
        "quality": 2.0,
        "failure.unsupported": 1.0,
        "failure.stale": 1.0,
        "polite": 1.0,
    }


def test_evidence_is_marked_by_keyboard_and_by_mouse(server: Server, page: Page) -> None:
    keys = at_the_desk(server, page, "Ben")
    unit = unit_on(page)
    keys.press("3", "k", "e")
    # The second context's first sentence: Tab, then as far as its end.
    keys.press("Tab", "Shift+ArrowDown", "Enter")
    evidence = page.locator(".st-key-criterion-quality").get_by_label("Evidence")
    expect(evidence).to_have_value("[context 2 0-20] Plans renew monthly.")
    x, y = page.evaluate(MIDDLE_OF_FIVE)
    page.mouse.dblclick(x, y)
    page.get_by_role("button", name="Mark as evidence").click()
    expect(evidence).to_have_value(re.compile(r"\n\[context 1 13-17\] five$"))
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


def test_guidelines_the_cheat_sheet_and_a_pause(server: Server, page: Page) -> None:
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

    # While paused the keys are still there, and Enter goes on.
    keys.press("2", "p")
    expect(page.get_by_text("Paused")).to_be_visible()
    expect(page.locator(".reader")).to_have_count(0)
    at_button(page, "resume")
    keys.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    keys.press("Escape", "Backspace")
    expect(page.get_by_text("Go on first: press Enter.")).to_be_visible()
    keys.press("Enter")
    assert unit_on(page) == unit
    expect(page.locator(".st-key-form input:checked")).to_have_count(1)


def states(server: Server, name: str) -> dict[str, tuple[str, str | None, str | None]]:
    """What has become of a rater's units: state, reason of a skip, note of a flag."""
    with server.database.read() as session:
        rows = session.exec(
            select(Output.key, Assignment.state, Assignment.skip_reason, Assignment.flag)
            .join(Unit, Unit.output_id == Output.id)  # type: ignore[arg-type]
            .join(Assignment, Assignment.unit_id == Unit.id)  # type: ignore[arg-type]
            .join(Rater, Rater.id == Assignment.rater_id)  # type: ignore[arg-type]
            .where(Rater.name == name)
        ).all()
    return {key: (state, reason, flag) for key, state, reason, flag in rows}


def test_after_a_skip_the_keys_are_the_next_units(server: Server, page: Page) -> None:
    keys = at_the_desk(server, page, "Dan")
    first = unit_on(page)
    menu = page.get_by_role("button", name="Skip this unit")
    keys.press("3", "s")
    expect(menu).to_be_visible()
    # Without a reason it stays, and digits are its own.
    keys.press("Enter")
    expect(page.get_by_text("Say why first.")).to_be_visible()
    keys.press("3", "Enter")
    expect(page.get_by_text(re.compile(r"Skipped \d\d:"))).to_be_visible()
    second = unit_on(page, after=first)
    expect(menu).to_have_count(0)
    expect(page.locator(".st-key-form input:checked")).to_have_count(0)
    keys.press("3", "4", "1", "2", "Enter")
    done(page, 1)
    third = unit_on(page, after=second)
    assert of_unit(server, "Dan", second) == {
        "faithful": 3.0, "useful": 4.0, "polite": 1.0, "kind": 1.0,
    }  # fmt: skip

    # By mouse it is the same.
    page.get_by_role("button", name="Skip", exact=True).click()
    page.get_by_text("Another reason").click()
    menu.click()
    fourth = unit_on(page, after=third)
    expect(menu).to_have_count(0)
    keys.press("1", "5", "0", "1", "Enter")
    done(page, 2)
    unit_on(page, after=fourth)
    told = states(server, "Dan")
    assert told[first] == ("skipped", "It is broken or incomplete", None)
    assert told[second][0] == "submitted"
    assert told[third] == ("skipped", "Another reason", None)
    assert told[fourth][0] == "submitted"


def test_after_a_flag_the_keys_are_the_forms_again(server: Server, page: Page) -> None:
    keys = at_the_desk(server, page, "Dan")
    unit = unit_on(page)
    note = page.get_by_label("What should the lead look at?")
    keys.press("f")
    expect(note).to_be_focused()
    page.keyboard.type("sf 12 Is this billing?")
    keys.press("Control+Enter")
    expect(page.get_by_text(re.compile(r"Flagged for the lead \d\d:"))).to_be_visible()
    expect(note).to_have_count(0)
    assert states(server, "Dan")[unit] == ("claimed", None, "sf 12 Is this billing?")
    keys.press("2", "2", "1", "3", "Enter")
    done(page, 3)
    unit_on(page, after=unit)
    assert of_unit(server, "Dan", unit) == {
        "faithful": 2.0, "useful": 2.0, "polite": 1.0, "kind": 2.0,
    }  # fmt: skip
    # Left by Escape, its Enter is the form's as well: the menu does not open again.
    keys.press("s")
    expect(page.get_by_role("button", name="Skip this unit")).to_be_visible()
    keys.press("Escape")
    expect(page.get_by_role("button", name="Skip this unit")).to_have_count(0)
    keys.press("1", "Enter")
    expect(page.get_by_role("button", name="Skip this unit")).to_have_count(0)
    badged(page, "polite")


def test_a_key_that_is_held_counts_once(server: Server, page: Page) -> None:
    keys = at_the_desk(server, page, "Eve")
    unit = unit_on(page)
    for number in range(1, 4):
        keys.press("1", "1", "1", "1", "Enter")
        done(page, number)
        unit = unit_on(page, after=unit)
    strike(page, "3", "Digit3", times=20)
    expect(page.locator(".st-key-form input:checked")).to_have_count(1)
    badged(page, "useful")
    # Held for almost a second, Backspace reopens one submission and not all of them.
    strike(page, "Backspace", "Backspace", times=25)
    expect(page.get_by_text("You have reopened this unit")).to_be_visible()
    page.wait_for_timeout(500)
    page.wait_for_selector('[data-test-script-state="notRunning"]')
    found = sorted(state for state, _, _ in states(server, "Eve").values())
    assert found == ["claimed", "claimed", "submitted", "submitted"]
    # Held, Enter submits once; the next unit takes nothing of it.
    unit = unit_on(page)
    strike(page, "Enter", "Enter", times=25)
    unit_on(page, after=unit)
    done(page, 3)
    expect(page.get_by_text("Not submitted")).to_have_count(0)
    badged(page, "useful")
    # Arrows do go on while they are held.
    strike(page, "ArrowDown", "ArrowDown", times=3)
    expect(page.locator(".st-key-form input:checked")).to_have_count(1)
    keys.press("k", "3")
    expect(page.locator(".st-key-criterion-kind input:checked")).to_have_count(1)


def test_a_digit_that_is_held_is_no_rationale(server: Server, page: Page) -> None:
    at_the_desk(server, page, "Hal")
    strike(page, "1", "Digit1", times=15)
    reason = page.get_by_label("Rationale for: How good is it?")
    expect(reason).to_be_focused()
    page.wait_for_timeout(200)
    expect(reason).to_have_value("")
    strike(page, "n", "KeyN", times=3)
    expect(reason).to_have_value("nnn")
    reason.fill("")


def test_keys_mean_the_same_on_every_layout(server: Server, page: Page) -> None:
    at_the_desk(server, page, "Flo")
    unit = unit_on(page)
    strike(page, "&", "Digit1")  # AZERTY
    badged(page, "useful")
    strike(page, "с", "KeyC")  # Cyrillic
    badged(page, "polite")
    strike(page, "κ", "KeyK")  # Greek
    badged(page, "useful")
    strike(page, "J", "KeyJ")  # Caps Lock
    badged(page, "polite")
    strike(page, "١", "Digit1")  # Arabic
    strike(page, "3", "Digit3")  # AZERTY with Shift writes the digit
    strike(page, "Enter", "Enter")
    done(page, 1)
    unit_on(page, after=unit)
    assert of_unit(server, "Flo", unit) == {
        "faithful": 1.0, "useful": "cannot_judge", "polite": 1.0, "kind": 2.0,
    }  # fmt: skip
    # An input method is at work: Safari tells so by the key's code alone.
    page.context.new_cdp_session(page).send(
        "Input.dispatchKeyEvent",
        {"type": "rawKeyDown", "key": "2", "code": "Digit2", "windowsVirtualKeyCode": 229},
    )
    page.wait_for_timeout(200)
    expect(page.locator(".st-key-form input:checked")).to_have_count(0)


def test_of_eleven_points_every_digit_is_its_own_number(server: Server, page: Page) -> None:
    # The rubric's criteria are named as the menus are.
    keys = at_the_desk(server, page, "Gil")
    unit = unit_on(page)
    said = {}
    for number, key in enumerate(("7", "0", "1", "a"), start=1):
        keys.press(key)
        if number == 1:
            keys.press("k", "k", "Enter")
            expect(page.get_by_label("What would you flag?")).to_be_focused()
            page.keyboard.type("a flag")
            keys.press("Escape", "Control+Enter")
        else:
            keys.press("Enter")
        done(page, number)
        said[key] = of_unit(server, "Gil", unit)
        unit = unit_on(page, after=unit)
    assert said == {
        "7": {"scale": 7.0, "flag": "a flag"},
        "0": {"scale": 0.0},
        "1": {"scale": 1.0},
        "a": {"scale": 10.0},
    }
    keys.press("f")
    page.keyboard.type("for the lead")
    keys.press("Control+Enter")
    expect(page.get_by_text(re.compile(r"Flagged for the lead \d\d:"))).to_be_visible()
    assert states(server, "Gil")[unit] == ("claimed", None, "for the lead")
    expect(page.get_by_label("What would you flag?")).to_have_value("")


def test_a_click_leaves_the_arrows_and_enter_to_the_desk(server: Server, page: Page) -> None:
    keys = at_the_desk(server, page, "Hal")
    unit_on(page)
    page.locator(".st-key-criterion-quality label", has_text="3 · Good").click()
    badged(page, "polite")
    keys.press("ArrowUp")
    badged(page, "quality")
    expect(page.get_by_role("radio", name="3 · Good")).to_be_checked()
    keys.press("Enter")
    badged(page, "polite")
    # Who comes by Tab works the radio itself.
    page.get_by_role("radio", name="3 · Good").focus()
    keys.press("ArrowUp")
    expect(page.get_by_role("radio", name="2 · Fair")).to_be_checked()


def test_a_text_that_is_clicked_ends_marking(server: Server, page: Page) -> None:
    keys = at_the_desk(server, page, "Hal")
    unit_on(page)
    keys.press("e")
    expect(page.get_by_text("Marking: ")).to_be_visible()
    remark = page.get_by_label("Anything else?")
    remark.click()
    expect(page.get_by_text("Marking: ")).to_have_count(0)
    page.keyboard.type("hello there")
    expect(remark).to_have_value("hello there")
    remark.fill("")


def test_what_a_key_cannot_do_here_is_said(server: Server, page: Page) -> None:
    keys = at_the_desk(server, page, "Gil")
    unit_on(page)
    status = page.locator(".desk-status")
    keys.press("j")
    for key, words in (
        ("n", "This question takes no such answer."),
        ("e", "No question here takes evidence."),
        ("/", "What is read here is short"),
    ):
        keys.press(key)
        expect(status).to_contain_text(words)
    # And after some seconds no more.
    expect(status).to_have_text("", timeout=8000)
    unit = unit_on(page)
    keys.press("k", "5", "Enter")
    unit_on(page, after=unit)
    keys.press("Backspace")
    expect(page.get_by_text("You have reopened this unit")).to_be_visible()
    unit_on(page)
    keys.press("s")
    expect(status).to_contain_text("corrected, not skipped")
    keys.press("Control+Enter")


def test_keys_are_streamlits_own_while_its_menu_is_open(server: Server, page: Page) -> None:
    keys = at_the_desk(server, page, "Flo")
    unit_on(page)
    page.get_by_test_id("stMainMenu").get_by_role("button").click()
    expect(page.get_by_role("menu")).to_be_visible()
    keys.press("2")
    page.wait_for_timeout(200)
    expect(page.locator(".st-key-form input:checked")).to_have_count(0)
    keys.press("Escape")
    expect(page.get_by_role("menu")).to_have_count(0)
    keys.press("2")
    expect(page.locator(".st-key-form input:checked")).to_have_count(1)


def test_the_last_submission_is_reopened_where_nothing_is_left(server: Server, page: Page) -> None:
    keys = at_the_desk(server, page, "Ivy")
    unit = unit_on(page)
    keys.press("1", "1", "1", "1", "Enter")
    unit = unit_on(page, after=unit)
    keys.press("1", "1", "1", "1", "Enter")
    expect(page.get_by_text("Nothing waits for you")).to_be_visible()
    at_button(page, "look-again")
    keys.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    keys.press("Escape", "Backspace")
    expect(page.get_by_text("You have reopened this unit")).to_be_visible()
    assert unit_on(page) == unit
    keys.press("Control+Enter")
    expect(page.get_by_text("Nothing waits for you")).to_be_visible()
    at_button(page, "look-again")
    kept = page.evaluate("Object.keys(localStorage).filter(k => k.startsWith('annotate:draft:'))")
    assert kept == []


def at_button(page: Page, key: str) -> None:
    """Enter is this button's: the desk has taken the page in hand."""
    page.wait_for_function(
        """(key) => {
          const button = document.querySelector(`.st-key-${key} button`);
          return button && getComputedStyle(button).outlineStyle === 'solid';
        }""",
        arg=key,
    )


def badged(page: Page, criterion: str) -> None:
    """The keyboard is on this question and on no other."""
    page.wait_for_function(
        """(wanted) => [...document.querySelectorAll('[class*="st-key-criterion-"]')].filter(place =>
          [...place.querySelectorAll('label')].some(label =>
            getComputedStyle(label, '::after').content !== 'none'))
          .map(place => /st-key-criterion-(\\w+)/.exec(place.className)[1]).join() === wanted""",
        arg=criterion,
    )


def test_after_another_round_is_chosen_digits_answer_its_form(server: Server, page: Page) -> None:
    keys = at_the_desk(server, page, "Lee")
    box = page.get_by_role("combobox", name="Round")
    expect(page.get_by_text("early: 0 done")).to_be_visible()
    box.click()
    page.get_by_role("option", name="second").click()
    expect(page.get_by_text("second: 0 done")).to_be_visible()
    unit = unit_on(page)
    keys.press("3", "4", "1", "2", "Enter")
    done(page, 1)
    assert of_unit(server, "Lee", unit)["useful"] == 4.0


def test_badges_stand_on_the_focused_criterion_only(server: Server, page: Page) -> None:
    at_the_desk(server, page, "Jon")
    badged(page, "faithful")
    page.keyboard.press("j")
    badged(page, "useful")
    page.keyboard.press("1")
    badged(page, "polite")
