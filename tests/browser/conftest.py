"""A real server process on a real database, driven by headless Chromium."""

import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from annotate import people
from db.engine import Database
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
PATIENCE_MS = 15_000
ROOT = Path(__file__).parents[2]

Seed = Callable[[Database], None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass
class Server:
    """`annotate serve` in a process of its own."""

    folder: Path
    database: Database
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    """0 takes a free one; a restart keeps it."""
    process: subprocess.Popen[str] = field(init=False)
    said: list[str] = field(default_factory=list)
    _listener: threading.Thread = field(init=False)

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.said.clear()
        outside = {k: v for k, v in os.environ.items() if not k.startswith("ANNOTATE_")}
        own = {"HOME": str(self.folder), "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "annotate", "serve", "--port", str(self.port), "--no-open"],
            cwd=self.folder,
            env=outside | own | self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise
        self.port = int(self.base.rpartition(":")[2])

    def kill(self) -> None:
        """As a power cut does."""
        self.process.kill()
        self._ended()

    def stop(self) -> None:
        """As whoever operates it does."""
        self.process.terminate()
        self._ended()

    def _ended(self) -> None:
        self.process.wait(timeout=20)
        self._listener.join(timeout=5)
        if self.process.stderr is not None:
            self.process.stderr.close()

    @property
    def lead_link(self) -> str:
        """The lead's personal link that it prints when it starts."""
        found = re.search(r"https?://\S+/join/\S+", "\n".join(self.said))
        assert found, self.said
        return found.group()

    @property
    def base(self) -> str:
        """Its address."""
        return self.lead_link.partition("/join/")[0]

    def link(self, name: str) -> str:
        """A fresh personal link of a rater."""
        with self.database.write() as session:
            token = people.new_link(session, people.get_rater(session, name), by=None)
        return f"{self.base}/join/{token}"

    def wait(self) -> None:
        """Until it answers; fails with what it said when it does not."""
        until = time.monotonic() + 40
        while time.monotonic() < until and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.base}/health", timeout=2):
                    return
            except (OSError, AssertionError):
                time.sleep(0.1)
        pytest.fail("the server did not come up:\n" + "\n".join(self.said))

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line.rstrip())


@pytest.fixture(scope="module")
def seed() -> Seed:
    """What the module's database holds before the server starts; modules override it."""
    return lambda database: None


@pytest.fixture(scope="module")
def server(
    migrated_file: Path, tmp_path_factory: pytest.TempPathFactory, seed: Seed
) -> Iterator[Server]:
    """One server for the module."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(migrated_file, folder / "annotate.db")
    database = Database(f"sqlite:///{folder}/annotate.db")
    seed(database)
    server = Server(folder, database)
    try:
        server.start()
        yield server
        server.stop()
    finally:
        database.dispose()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Headless Chromium as the distribution ships it."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        absent("Chromium (Debian: apt-get install chromium)")
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
