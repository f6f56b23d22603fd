"""What axe finds against WCAG 2.2 AA on a rater's pages, in both themes, wide and narrow."""

import re
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PATIENCE_MS, sign_in
from tests.browser.test_keyboard import fill
from tests.server import Seed, Server

RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "resultTypes": ["violations"],
}
WINDOWS = {"desktop": (1280, 900), "desktop at 200 %": (640, 450), "phone": (390, 844)}


@pytest.fixture(scope="module")
def seed() -> Seed:
    return fill


def found(page: Page) -> list[str]:
    """Each violation: the rule, where, and what is wrong."""
    page.wait_for_selector('[data-test-script-state="notRunning"]')
    violations: list[dict[str, Any]] = Axe().run(page, options=RULES).response["violations"]
    return [
        f"{one['id']}: {node['target']}: {node['failureSummary']}"
        for one in violations
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("window", list(WINDOWS))
def test_a_raters_pages_have_no_violation(
    server: Server, chromium: Browser, scheme: Literal["light", "dark"], window: str
) -> None:
    width, height = WINDOWS[window]
    context = chromium.new_context(
        color_scheme=scheme, viewport={"width": width, "height": height}, reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(server.base)
    expect(page.get_by_text("You are not signed in.")).to_be_visible()
    violations = {"stranger": found(page)}
    link = server.link("Cleo")
    page.goto(link)
    violations["join"] = Axe().run(page, options=RULES).response["violations"]
    page.get_by_role("button", name="Continue as").click()
    expect(page.get_by_role("button", name="Keyboard (?)")).to_be_visible()
    violations["unit"] = found(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Submit and next").click()
    expect(page.get_by_text(re.compile("Not submitted: 4 answers"))).to_be_visible()
    violations["refused"] = found(page)
    page.get_by_text("Rationale and evidence (optional)").first.click()
    page.get_by_role("button", name="Keyboard (?)").click()
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    violations["cheat sheet"] = found(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Skip").click()
    expect(page.get_by_role("button", name="Skip this unit")).to_be_visible()
    violations["skip"] = found(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("heading", name="Paused")).to_be_visible()
    violations["paused"] = found(page)
    page.goto(f"{server.base}/home")
    expect(page.get_by_role("heading", name="My work")).to_be_visible()
    violations["my work"] = found(page)
    context.close()
    assert {name: said for name, said in violations.items() if said} == {}


def test_a_point_is_read_out_with_its_anchor(server: Server, page: Page) -> None:
    sign_in(page, server.link("Cleo"))
    expect(page.get_by_role("button", name="Keyboard (?)")).to_be_visible()
    point = page.locator(".st-key-criterion-faithful").get_by_role("radio", name="1 · Contradicted")
    expect(point).to_have_accessible_description("A claim contradicts the context.")
