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
PROCESS_MS = 120_000
"""A process of its own has to start first."""


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
    expect(page.get_by_text("No judge to run yet.")).to_be_visible()
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

    # The rater's form and the judge's prompt, side by side, in the same words.
    page.get_by_role("tab", name="What it is asked").click()
    expect(page.get_by_role("radio", name="1 · Bad")).to_be_visible()
    expect(page.get_by_text("- 1 = Bad: It is wrong.")).to_be_visible()

    judge_server.faults["Response 3"] = [lambda b: completion(None, b, refusal="I will not.")]
    page.get_by_role("tab", name="Grade a round").click()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text(f"· done · {UNITS - 1} of {UNITS} answered")).to_be_visible(
        timeout=PROCESS_MS
    )
    page.get_by_role("button", name="1 without a verdict").click()
    page.get_by_role("button", name="Ask these again").click()
    expect(page.get_by_text(f"· done · {UNITS} of {UNITS} answered")).to_be_visible(
        timeout=PROCESS_MS
    )
    assert len(judge_server.log) == UNITS + 1
    with server.database.read() as session:
        assert len(list(session.exec(select(Rating)))) == UNITS


def test_a_judge_is_run_over_outputs_within_a_budget_that_is_raised(
    server: Server, page: Page, judge_server: JudgeServer
) -> None:
    asked = len(judge_server.log)
    sign_in(page, server.link("Lea"))
    page.get_by_role("link", name="Judges").click()
    page.get_by_label("Or write it here").fill(
        f"name: other\nmodel: stub-2\nbase_url: {judge_server.base}\nrubric: answers\n"
        "criteria: [quality]\nparameters: {max_tokens: 50}\nconcurrency: 1\n"
    )
    page.get_by_role("button", name="Add the judge").click()
    # The new one is chosen, and what it may do stands above at once.
    expect(page.locator(".st-key-judge_name input")).to_have_value("other@1")
    page.get_by_text("Outputs", exact=True).last.click()
    expect(page.get_by_label("Segments")).to_be_visible()
    page.get_by_role("button", name="What would it cost?").click()
    expect(page.get_by_text(f"{UNITS} questions to ask, 0 answered before")).to_be_visible()
    assert len(judge_server.log) == asked

    page.get_by_label("Budget in tokens").fill("2500")
    page.get_by_label("Budget in tokens").press("Tab")
    page.get_by_role("button", name="Start").click()
    run = page.locator('[class*="st-key-judge-run-"]').first
    expect(run).to_contain_text("all outputs · budget exceeded", timeout=PROCESS_MS)
    within = len(judge_server.log) - asked
    assert 0 < within < UNITS
    run.get_by_role("button", name="Raise the budget").click()
    page.get_by_role("button", name="Go on with it").click()
    expect(page.get_by_text("No budget is given; write the new one")).to_be_visible()
    raised = page.get_by_label("Budget in tokens").last
    raised.fill("100000")
    raised.press("Tab")
    page.get_by_role("button", name="Go on with it").click()
    expect(run).to_contain_text(f"done · {UNITS} of {UNITS} answered", timeout=PROCESS_MS)
    assert len(judge_server.log) == asked + UNITS
