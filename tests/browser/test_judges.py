"""A judge on its page: added, shown beside the rater's form, run, and asked again."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import select

from db.engine import Database
from db.tables import Rating
from tests.browser.conftest import sign_in
from tests.judge_server import JudgeServer, completion, serving
from tests.server import Seed, Server
from tests.unit.desk_round import Desk

UNITS = 12


@pytest.fixture(scope="module")
def judge_server() -> Iterator[JudgeServer]:
    with serving(JudgeServer(level=lambda *_: 2, latency=0.05)) as started:
        yield started


@pytest.fixture(scope="module")
def seed() -> Seed:
    def fill(database: Database) -> None:
        Desk(database, units=UNITS)

    return fill


def test_a_lead_adds_a_judge_and_has_it_grade_a_round(
    server: Server, page: Page, judge_server: JudgeServer
) -> None:
    sign_in(page, server.link("Lea"))
    page.get_by_role("link", name="Judges").click()
    expect(page.get_by_text("No judge yet.")).to_be_visible()
    file = page.get_by_label("Or write it here")
    file.fill("name: strict\nmodel: stub-1\nrubric: answers\ncriteria: [wit]\n")
    page.get_by_role("button", name="Add the judge").click()
    expect(page.get_by_text(re.compile("no criterion 'wit'"))).to_be_visible()
    file.fill(
        f"name: strict\nmodel: stub-1\nbase_url: {judge_server.base}\nrubric: answers\n"
        "criteria: [quality]\nprices: {input: 1, output: 4}\n"
    )
    page.get_by_role("button", name="Add the judge").click()
    expect(page.get_by_text("was added. It is a rater of its own.")).to_be_visible()
    page.reload()

    # The rater's form and the judge's prompt, side by side, in the same words.
    page.get_by_role("tab", name="What it is asked").click()
    expect(page.get_by_role("radio", name="1 · Bad")).to_be_visible()
    expect(page.get_by_text("- 1 = Bad: It is wrong.")).to_be_visible()

    judge_server.faults["Response 3"] = [lambda b: completion(None, b, refusal="I will not.")]
    page.get_by_role("tab", name="Grade a round").click()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text(f"· done · {UNITS - 1} of {UNITS} answered")).to_be_visible(
        timeout=40_000
    )
    page.get_by_role("button", name="1 without a verdict").click()
    page.get_by_role("button", name="Ask these again").click()
    expect(page.get_by_text(f"· done · {UNITS} of {UNITS} answered")).to_be_visible(timeout=40_000)
    assert len(judge_server.log) == UNITS + 1
    with server.database.read() as session:
        assert len(list(session.exec(select(Rating)))) == UNITS
