"""The way of a judge by pages alone with a real model on this machine: see tests/local_model.sh."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from db.engine import Database
from tests.browser.conftest import sign_in
from tests.browser.test_whole_round import open_page, pick
from tests.command_line import CommandLine
from tests.rounds.test_local_model import JUDGE, SERVER
from tests.rounds.workspace import RATERS, write_outputs, write_ratings
from tests.server import Seed, Server

pytestmark = [
    pytest.mark.real_llm,
    pytest.mark.skipif(not SERVER, reason="ANNOTATE_TEST_LLM names no server"),
]
RUN_MS = 600_000


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Seed:
    """Two rounds that people have rated, the second with the first one's anchors."""
    folder = tmp_path_factory.mktemp("local")

    def fill(database: Database) -> None:
        run = CommandLine(folder, database.url.render_as_string(False))
        run("output", "import", *[str(path) for path in write_outputs(folder)])
        for name in RATERS:
            run("rater", "add", name)
        launch = ["--rubric", "rag-answer", "--overlap", "3"]
        launch += [word for name in RATERS for word in ("--rater", name)]
        run("round", "launch", "q3", "--units", "24", "--anchors", "18", *launch)
        run("round", "launch", "q4", "--units", "9", "--anchors-from", "q3", *launch)
        for round_ in ("q3", "q4"):
            keys = [unit["key"] for unit in run("round", "design", round_).json["units"]]
            for rater in RATERS:
                file: Path = write_ratings(folder / f"{rater}.csv", rater, keys, round_)
                run("rating", "import", str(file), "--round", round_)
            run("round", "close", round_)

    return fill


def test_a_real_model_is_added_run_calibrated_changed_and_found_wanting_by_pages(
    server: Server, page: Page
) -> None:
    page.set_default_timeout(60_000)
    sign_in(page, server.lead_link)
    for number, (tokens, round_, units) in enumerate(((60, "q3", 24), (80, "q4", 27)), 1):
        open_page(page, "Judges")
        page.get_by_label("Or write it here").fill(JUDGE.format(server=SERVER, tokens=tokens))
        page.get_by_role("button", name="Add the judge").click()
        expect(page.get_by_text(f"local@{number} was added")).to_be_visible()
        pick(page, "^Round$", round_)
        page.get_by_role("button", name="What would it cost?").click()
        expect(page.get_by_text(f"{units} questions to ask, 0 answered before")).to_be_visible()
        page.get_by_role("button", name="Start").click()
        run = page.locator('[class*="st-key-judge-run-"]').first
        expect(run).to_contain_text(
            re.compile(rf"local@{number} on round {round_} · done"), timeout=RUN_MS
        )
    open_page(page, "Calibration")
    pick(page, "^Round$", "q4")
    pick(page, "^Judge$", "local@2")
    expect(page.get_by_text(re.compile("it follows people too little")).first).to_be_visible()
    open_page(page, "Drift")
    pick(page, "^Round$", "q4")
    expect(page.get_by_text("local@1 before, local@2 now: parameters changed.")).to_be_visible()
