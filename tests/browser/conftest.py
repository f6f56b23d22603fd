"""A real server process on a real database, driven by headless Chromium."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.conftest import absent

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser")
PATIENCE_MS = 30_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Headless Chromium as the distribution ships it; the build that has no window is the fastest."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        absent("Chromium (Debian: apt-get install chromium-headless-shell)")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        expect.set_options(timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh browser profile: no cookies."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Page]:
    """A tab of it; what it showed at the end of a failed test is kept as failed.png."""
    page = context.new_page()
    failures = request.session.testsfailed
    yield page
    if request.session.testsfailed > failures:
        page.screenshot(path=tmp_path / "failed.png", full_page=True)


def sign_in(page: Page, link: str) -> None:
    """Follow a personal link and press its button."""
    page.goto(link)
    page.get_by_role("button", name="Continue as").click()
    page.wait_for_url(lambda url: "/join/" not in url)


def strike(page: Page, key: str, code: str, *, times: int = 1) -> None:
    """Press the key at a place of the keyboard, whatever its layout writes there; more than once
    is a key that is held."""
    keyboard = page.context.new_cdp_session(page)
    pressed = {"key": key, "code": code} | ({"text": key} if len(key) == 1 else {})
    for time in range(times):
        keyboard.send(
            "Input.dispatchKeyEvent", {"type": "keyDown", "autoRepeat": time > 0, **pressed}
        )
        if times > 1:
            page.wait_for_timeout(33)
    keyboard.send("Input.dispatchKeyEvent", {"type": "keyUp", "key": key, "code": code})
    keyboard.detach()
