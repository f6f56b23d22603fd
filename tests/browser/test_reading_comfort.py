"""What is read: every letter as the system wrote it, found, and marked where it stands."""

import json
import re
import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import select

from annotate import outputs, people, rounds, rubric_versions
from annotate.design import Filters
from annotate.rounds import Design
from db.engine import Database
from db.tables import Rater, Rating
from tests.browser.conftest import sign_in
from tests.server import Seed, Server

RUBRIC = """
name: evidence
criteria:
  - {id: polite, question: Is it polite?, scale: binary, evidence: response}
  - {id: grounded, question: Is it grounded?, scale: binary, evidence: contexts}
"""
JSON = '{"id": 9007199254740993, "amount": 1.10, "a": 1, "a": 2, "10": "x,{", "2":["y", {}]}'
INDENTED = """{
  "id": 9007199254740993,
  "amount": 1.10,
  "a": 1,
  "a": 2,
  "10": "x,{",
  "2": [
    "y",
    {}
  ]
}"""
NO_FENCE = """```These first words stand here
code here
```and these behind: DELETE ALL
Then `a`, and
```inline``` is the command.
end."""
FENCES = """First:
```python title
print("```")
``` not yet
````
~~~
plain
~~~
end."""
LETTERS = "Grüße 👩‍👩‍👧 und 🇩🇪 heute 😀 e\u0301tude, שלום עולם, נגמר. And so on to the end."
STRADDLE = "x" * 199 + "😀 and a tail."
NEXT_LINE = "First part\u0085second part of the text\u2028third. Second part."
LONG = "the cat and the dog. " * 12_000 + "İSTANBUL is named once. "
FOLDED = "A first sentence. " + "One more sentence that is read. " * 60 + "The last one."
UNITS: dict[str, dict[str, Any]] = {
    "Ana": {"response": JSON},
    "Ben": {"response": NO_FENCE},
    "Hal": {"response": FENCES},
    "Cleo": {"response": LETTERS},
    "Dan": {"response": STRADDLE},
    "Eve": {"response": NEXT_LINE},
    "Flo": {"contexts": [LONG]},
    "Gil": {"contexts": [FOLDED, FOLDED]},
}


def fill(database: Database) -> None:
    file = database.path.with_name("outputs.jsonl")
    lines = [
        {
            "id": f"{name}-{n}",
            "input": f"Question {n}.",
            "response": f"Answer {n}.",
            "segment": name,
            **fields,
        }
        for name, fields in UNITS.items()
        for n in range(2)
    ]
    file.write_text("\n".join(map(json.dumps, lines)))
    with database.write() as session:
        outputs.import_outputs(session, outputs.read_outputs(file), by=None)
        rubric_versions.add_rubric(session, RUBRIC, source_name="evidence.yaml", by=None)
        for name in UNITS:
            people.add_rater(session, name)
            design = Design(
                name=f"of {name}",
                rubric="evidence",
                units=2,
                overlap=1,
                raters=(name,),
                filters=Filters(segments=(name,)),
            )
            rounds.launch_round(session, design, by=None)


@pytest.fixture(scope="module")
def seed() -> Seed:
    return fill


def at_the_desk(server: Server, page: Page, name: str) -> None:
    sign_in(page, server.link(name))
    expect(page.get_by_role("button", name="Keyboard (?)")).to_be_visible()
    page.wait_for_selector('[data-test-script-state="notRunning"]')


def drag(page: Page, words: str, *, leftwards: bool = False) -> None:
    """Select words with the mouse, from where they begin to where they end."""
    box = page.evaluate(
        """(words) => {
          const walk = document.createTreeWalker(document.querySelector(".reader"), NodeFilter.SHOW_TEXT);
          for (let node; (node = walk.nextNode());) {
            const at = node.data.indexOf(words);
            if (at < 0) continue;
            const range = new Range();
            range.setStart(node, at);
            range.setEnd(node, at + words.length);
            const { left, right, top, bottom } = range.getBoundingClientRect();
            return { left, right, middle: (top + bottom) / 2 };
          }
        }""",
        words,
    )
    start, end = (box["right"], box["left"]) if leftwards else (box["left"], box["right"])
    inwards = -0.5 if leftwards else 0.5
    page.mouse.move(start + inwards, box["middle"])
    page.mouse.down()
    page.mouse.move(end - inwards, box["middle"], steps=4)
    page.mouse.up()


def mark(page: Page) -> None:
    page.get_by_role("button", name="Mark as evidence").click()


def evidence(page: Page, criterion: str = "polite") -> str:
    field = page.locator(f".st-key-criterion-{criterion}").get_by_label("Evidence")
    expect(field).not_to_have_value("")
    return field.input_value()


def submit(page: Page, done: int) -> None:
    """The answers 1 and 1, whatever is marked."""
    for criterion in ("polite", "grounded"):
        page.locator(f".st-key-criterion-{criterion} label", has_text=re.compile("^Yes$")).click()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text(f"{done} done")).to_be_visible()
    page.wait_for_selector('[data-test-script-state="notRunning"]')


def marked(server: Server, name: str, text: str, criterion: str = "polite") -> list[str]:
    """The words that the stored spans of a rater's last rating cut out of the text."""
    with server.database.read() as session:
        found = session.exec(
            select(Rating.evidence)
            .join(Rater, Rater.id == Rating.rater_id)  # type: ignore[arg-type]
            .where(Rater.name == name, Rating.criterion == criterion)
            .order_by(Rating.id.desc())  # type: ignore[union-attr]
        ).first()
    return [text[span["start"] : span["end"]] for span in found or []]


def painted(page: Page, name: str) -> list[str]:
    words: list[str] = page.evaluate(
        "(name) => [...(CSS.highlights.get(`annotate-${name}`) ?? [])].map(String)", name
    )
    return words


def test_json_is_shown_to_the_letter_and_can_be_marked(server: Server, page: Page) -> None:
    at_the_desk(server, page, "Ana")
    code = page.locator(".reader-response .reader-code")
    assert code.inner_text() == INDENTED
    drag(page, "9007199254740993")
    mark(page)
    assert evidence(page) == "[response 7-23] 9007199254740993"
    # Over the end of a line: what is put in for reading is no part of the passage.
    page.keyboard.press("e")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    passage = '"amount": 1.10, "a":'
    start = JSON.index(passage)
    line = f"[response {start}-{start + len(passage)}] {passage}"
    assert evidence(page).split("\n")[1] == line
    page.get_by_role("button", name="As written").click()
    assert code.inner_text() == JSON
    # What is marked stays painted in either form.
    assert painted(page, "marked")[0] == "9007199254740993"
    submit(page, 1)
    assert marked(server, "Ana", JSON)[0] == "9007199254740993"


def test_words_on_the_line_of_a_fence_are_shown(server: Server, page: Page) -> None:
    at_the_desk(server, page, "Ben")
    assert page.locator(".reader-response .reader-text").inner_text() == NO_FENCE
    drag(page, "DELETE ALL")
    mark(page)
    start = NO_FENCE.index("DELETE ALL")
    assert evidence(page) == f"[response {start}-{start + 10}] DELETE ALL"


def test_a_fence_ends_where_as_many_marks_stand_alone(server: Server, page: Page) -> None:
    at_the_desk(server, page, "Hal")
    response = page.locator(".reader-response")
    expect(response.locator(".reader-caption")).to_have_text(["python title"])
    assert response.locator(".reader-code").all_inner_texts() == [
        'print("```")\n``` not yet',
        "plain",
    ]
    drag(page, "title")
    mark(page)
    start = FENCES.index("title")
    assert evidence(page) == f"[response {start}-{start + 5}] title"


def test_places_are_letters_beside_emoji_and_from_right_to_left(server: Server, page: Page) -> None:
    at_the_desk(server, page, "Cleo")
    for words, leftwards in (
        ("heute 😀 e\u0301tude", False),
        ("שלום", True),
        ("to the end", False),
    ):
        drag(page, words, leftwards=leftwards)
        mark(page)
    lines = [
        f"[response {LETTERS.index(words)}-{LETTERS.index(words) + len(words)}] {words}"
        for words in ("heute 😀 e\u0301tude", "שלום", "to the end")
    ]
    assert evidence(page).split("\n") == lines
    assert painted(page, "marked") == ["heute 😀 e\u0301tude", "שלום", "to the end"]
    # The last selection's button does not stay over the next unit.
    drag(page, "Grüße")
    button = page.get_by_role("button", name="Mark as evidence")
    expect(button).to_be_visible()
    for key in ("1", "1", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_text("1 done")).to_be_visible()
    expect(button).to_have_count(0)
    assert marked(server, "Cleo", LETTERS) == ["heute 😀 e\u0301tude", "שלום", "to the end"]


def test_a_long_passage_is_cut_between_letters(server: Server, page: Page) -> None:
    at_the_desk(server, page, "Dan")
    refused: list[str] = []
    # A draft that the submission overtakes is refused by right, with 409.
    page.on("response", lambda r: refused.append(r.url) if r.status in (400, 422) else None)
    page.keyboard.press("e")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    assert evidence(page) == f"[response 0-{len(STRADDLE)}] {'x' * 199}😀"
    expect(page.get_by_text(re.compile("^Draft saved"))).to_be_visible()
    submit(page, 1)
    assert refused == []
    assert marked(server, "Dan", STRADDLE) == [STRADDLE]


def test_a_passage_is_one_whatever_white_space_is_in_it(server: Server, page: Page) -> None:
    at_the_desk(server, page, "Eve")
    page.keyboard.press("e")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    assert "\n" not in evidence(page)
    submit(page, 1)
    (words,) = marked(server, "Eve", NEXT_LINE)
    assert words.startswith("First part\u0085second part")


def test_search_finds_counts_and_goes_there(server: Server, page: Page) -> None:
    at_the_desk(server, page, "Flo")
    page.keyboard.press("/")
    box = page.get_by_label("Search in what you read")
    expect(box).to_be_focused()
    count = page.locator(".reader-count")
    page.keyboard.type("CAT and")
    expect(count).to_have_text("12,000 found")
    assert len(painted(page, "found")) == 1000
    page.keyboard.press("Enter")
    expect(count).to_have_text("1 of 12,000")
    page.keyboard.press("Shift+Enter")
    expect(count).to_have_text("12,000 of 12,000")
    assert painted(page, "cursor") == ["cat and"]
    assert in_view(page)
    # A letter that two take the place of in lower case hides nothing.
    box.fill("istanbul is")
    expect(count).to_have_text("1 found")
    page.keyboard.press("Enter")
    assert painted(page, "cursor") == ["İSTANBUL is"]
    assert in_view(page)
    box.fill("no such words")
    expect(count).to_have_text("Nothing found")
    assert painted(page, "found") == painted(page, "cursor") == []
    # What is typed there is text, and Escape gives the keys back.
    box.fill("")
    page.keyboard.type("123 jk")
    expect(page.locator(".st-key-form input:checked")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(box).to_have_value("")
    page.keyboard.press("1")
    expect(page.locator(".st-key-form input:checked")).to_have_count(1)


def test_search_for_a_common_word_does_not_hold_the_page_up(server: Server, page: Page) -> None:
    at_the_desk(server, page, "Flo")
    page.keyboard.press("/")
    count = page.locator(".reader-count")
    begun = time.monotonic()
    page.keyboard.type("the")
    expect(count).to_have_text("24,000 found")
    for number in range(1, 21):
        page.keyboard.press("Enter")
        expect(count).to_have_text(f"{number} of 24,000")
    # It took 12 s for each Enter when every hit was counted from the beginning of the text.
    assert time.monotonic() - begun < 15


def test_marking_by_keyboard_unfolds_and_follows_the_words(server: Server, page: Page) -> None:
    at_the_desk(server, page, "Gil")
    assert page.locator(".reader-clamped").count() == 2
    page.keyboard.press("j")
    page.keyboard.press("e")
    for _ in range(60):
        page.keyboard.press("ArrowDown")
    page.wait_for_timeout(300)
    assert painted(page, "cursor") == ["One"]
    assert in_view(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    start = FOLDED.index("The last one.")
    assert evidence(page, "grounded") == f"[context 1 {start}-{start + 13}] The last one."


def in_view(page: Page) -> bool:
    """Whether what the cursor is on is what stands at its place of the window."""
    found: bool = page.evaluate(
        """() => {
          const [range] = CSS.highlights.get("annotate-cursor");
          const { left, top, width, height } = range.getBoundingClientRect();
          const there = document.elementFromPoint(left + width / 2, top + height / 2);
          return top > 0 && Boolean(there?.contains(range.startContainer));
        }"""
    )
    return found
