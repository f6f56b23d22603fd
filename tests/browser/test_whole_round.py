"""Two calibration rounds by pages alone: from the upload of outputs to a merged golden dataset."""

import json
import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect
from sqlmodel import select

from db.tables import Rating
from tests.browser.conftest import sign_in
from tests.rounds.workspace import RATERS, SEGMENTS, judge_value, quality, write_outputs
from tests.server import Server

RUBRIC = """
name: support
title: Support of an answer
criteria:
  - id: faithfulness
    question: Is every claim supported?
    scale: ordinal
    points:
      - {value: 1, label: Level one, anchor: A claim contradicts the context.}
      - {value: 2, label: Level two, anchor: Most claims have no support.}
      - {value: 3, label: Level three, anchor: Some claims have no support.}
      - {value: 4, label: Level four, anchor: One detail has no support.}
      - {value: 5, label: Level five, anchor: Every claim can be pointed to.}
    pass_at: 4
"""
LEVELS = ("Level one", "Level two", "Level three", "Level four", "Level five")


def open_page(page: Page, name: str) -> None:
    """Choose a page from the menu."""
    page.get_by_test_id("stSidebarNavLink").filter(has_text=re.compile(f"{name}$")).click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()


def upload(page: Page, label: str, *files: Path) -> None:
    """Give files to the uploader of that label."""
    uploader = page.get_by_test_id("stFileUploader").filter(has_text=label)
    uploader.locator("input[type=file]").set_input_files([str(file) for file in files])


def combobox(page: Page, label: str) -> Locator:
    """A select box or multiselect by its label."""
    return page.get_by_role("combobox", name=re.compile(label))


def settle(page: Page) -> None:
    """Wait until the page has drawn what the last step asked for."""
    page.wait_for_timeout(150)  # the step has to reach the server before the page says "running"
    page.wait_for_selector('[data-test-script-state="notRunning"]')


def pick(page: Page, label: str, option: str) -> None:
    """Choose an option of a select box."""
    settle(page)
    found = page.get_by_role("option", name=option, exact=False).first
    for _ in range(5):  # a page that is still drawn closes an open list again
        combobox(page, label).click()
        page.wait_for_timeout(300)
        if found.is_visible():
            break
        settle(page)
    found.click()


def number(page: Page, label: str, value: int) -> None:
    """Type a number."""
    field = page.get_by_label(label, exact=True)
    field.fill(str(value))
    field.press("Tab")


def add_raters(page: Page) -> None:
    """The three raters, each by the form."""
    open_page(page, "People")
    for name in RATERS:
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.locator("strong", has_text=name)).to_be_visible()


def personal_link(page: Page, name: str) -> str:
    """A rater's personal link, made by the lead."""
    open_page(page, "People")
    card = page.get_by_test_id("stLayoutWrapper").filter(
        has=page.locator("strong", has_text=re.compile(f"^{name}$"))
    )
    card.get_by_role("button", name="Personal link").last.click()
    told = page.get_by_role("dialog")
    expect(told.get_by_text(f"The personal link of {name}")).to_be_visible()
    link = told.get_by_test_id("stCode").inner_text().strip()
    assert "/join/" in link
    told.get_by_role("button", name="Close").click()
    expect(told).to_have_count(0)
    return link


def launch(
    page: Page, name: str, *, units: int, anchors: int = 0, again: str | None = None
) -> None:
    """A stratified round with overlap 3, previewed and launched."""
    open_page(page, "Rounds")
    page.get_by_role("tab", name="Launch a round").click()
    field = page.get_by_label("Name of the round")
    field.fill(name)
    field.press("Tab")
    pick(page, "^Rubric", "support")
    number(page, "Units to draw", units)
    if again is None:
        number(page, "Units to keep as anchors", anchors)
    else:
        pick(page, "Anchors of an earlier round", again)
    for rater in RATERS:
        settle(page)
        field = page.get_by_role("combobox", name="Raters", exact=True)
        field.scroll_into_view_if_needed()
        option = page.get_by_role("option", name=rater, exact=True)
        for _ in range(5):  # a page that still scrolls closes an open list again
            page.wait_for_timeout(300)
            if not option.is_visible():
                field.click()
                field.press("ArrowDown")
            if option.is_visible():
                break
        option.click()
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name=f"Remove {rater}")).to_be_visible()
    settle(page)
    # What it will be able to show is said before anything is launched.
    expect(page.get_by_text("Alpha would be known to about")).to_be_visible()
    page.get_by_role("button", name="Preview the sample").click()
    expect(page.get_by_role("heading", name="The sample")).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Launch", exact=True).click()
    expect(page.get_by_text(f"{name} is launched.")).to_be_visible()


def rate_everything(page: Page, link: str, *, units: int, slips: int = 0) -> None:
    """A rater answers every unit by what its response says of its quality.

    slips: on so many units, the first ones, they are far off.
    """
    sign_in(page, link)
    for count in range(units):
        expect(page.get_by_text(f"{count} done")).to_be_visible()
        settle(page)
        said = page.locator(".reader-response").get_by_text(re.compile(r"quality \d"))
        level = int(said.inner_text()[-2])
        if count < slips:
            level = 1 if level >= 3 else 5
        page.locator(".st-key-form").get_by_text(LEVELS[level - 1], exact=False).first.click()
        page.get_by_role("button", name="Submit and next").click()
    expect(page.get_by_text("Nothing waits for you")).to_be_visible()


def close_round(page: Page, name: str) -> None:
    """Close it, with the confirmation."""
    open_page(page, "Rounds")
    pick(page, "^Round$", name)
    page.get_by_role("button", name="Close the round").click()
    page.get_by_role("button", name="Close it now").click()
    badge = page.get_by_test_id("stMarkdown").get_by_text("closed", exact=True)
    expect(badge).to_be_visible()


def watch(page: Page, name: str, *, submitted: str, rater: str) -> None:
    """How far the round is, and that the figures are kept for later."""
    open_page(page, "Rounds")
    pick(page, "^Round$", name)
    expect(page.get_by_text(f"{submitted} submitted")).to_be_visible()
    expect(page.get_by_text("Agreement so far")).to_be_visible()
    expect(page.get_by_text(re.compile("^Work left: .+ for all raters together"))).to_be_visible()
    expect(page.get_by_text("too early", exact=True).first).to_be_attached()
    expect(page.locator('td[role="gridcell"]', has_text=rater).first).to_be_attached()


def report(page: Page, name: str, folder: Path) -> str:
    """The round's report, downloaded, and read in a tab of its own as it would be printed."""
    open_page(page, "Rounds")
    pick(page, "^Round$", name)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the report").click()
    path = folder / f"{name}.html"
    download.value.save_as(path)
    read = page.context.new_page()
    asked: list[str] = []
    read.on("request", lambda request: asked.append(request.url))
    read.emulate_media(media="print")
    read.goto(path.as_uri())
    words = read.inner_text("body")
    # Self-contained: nothing but the file is asked for.
    assert asked == [path.as_uri()]
    assert read.evaluate("document.documentElement.scrollWidth <= innerWidth")
    read.close()
    return words


def judge_file(folder: Path, server: Server, name: str, shift: dict[str, float]) -> Path:
    """The judge's scores of everything that was rated in the round."""
    with server.database.read() as session:
        from annotate import rounds

        document = rounds.design_document(session, rounds.get_round(session, name), by=None)
    path = folder / f"{name}-judge.jsonl"
    with path.open("w") as handle:
        for unit in document["units"]:
            segment = SEGMENTS[int(unit["output"].removeprefix("out-")) % 3]
            for run in (1, 2, 3):
                value = judge_value(unit["output"], name, run, shift.get(segment, 0.0))
                row = {"output_id": unit["output"], "rater": "judge-v1", "kind": "judge",
                       "criterion": "faithfulness", "value": value, "run": run}  # fmt: skip
                handle.write(json.dumps(row) + "\n")
    return path


def import_judge(page: Page, name: str, file: Path) -> None:
    """The judge's scores, uploaded on the round's page."""
    open_page(page, "Rounds")
    pick(page, "^Round$", name)
    page.get_by_text("Import ratings: people, judges, metrics").click()
    upload(page, "A file of ratings", file)
    page.get_by_text("Add raters that are not known yet").click()
    button = page.get_by_role("button", name=re.compile(r"Import \d+ ratings"))
    expect(button).to_be_enabled()
    button.click()
    expect(page.get_by_text(re.compile(r"Imported \d+ ratings"))).to_be_visible()


def adjudicate(page: Page, name: str) -> str:
    """The lead settles the round's one dispute by what the response says; the unit's key."""
    open_page(page, "Adjudicate")
    pick(page, "^Round$", name)
    expect(page.get_by_text("1 wait for a decision.")).to_be_visible()
    settle(page)
    said = page.locator(".reader-response").get_by_text(re.compile(r"quality \d")).inner_text()
    key = f"out-{int(said.split()[1]):03}"
    page.get_by_role("radiogroup", name="Your decision").get_by_text(
        LEVELS[int(said[-2]) - 1]
    ).click()
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_text("An adjudication needs a reason")).to_be_visible()
    settle(page)
    page.get_by_label("Reason").fill("The response says so itself.")
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_text("Nothing waits for a decision in this round.")).to_be_visible()
    return key


def test_two_rounds_run_by_pages_alone(server: Server, page: Page, tmp_path: Path) -> None:
    page.set_default_timeout(30_000)
    sign_in(page, server.lead_link)
    open_page(page, "Outputs")
    page.get_by_role("tab", name="Import").click()
    upload(page, "Files of outputs", *write_outputs(tmp_path))
    expect(page.get_by_text("What would happen")).to_be_visible()
    page.get_by_role("button", name="Import 120 outputs").click()
    expect(page.get_by_text("Imported 120 outputs; 0 were there already.")).to_be_visible()

    add_raters(page)
    open_page(page, "Rounds")
    page.get_by_role("tab", name="Launch a round").click()
    page.get_by_text("Add a rubric of your own").click()
    rubric = tmp_path / "support.yaml"
    rubric.write_text(RUBRIC)
    upload(page, "Rubric file", rubric)
    page.get_by_role("button", name="Add this rubric").click()
    expect(page.get_by_text("is in the workspace and chosen below")).to_be_visible()

    launch(page, "first", units=12, anchors=10)
    for name in RATERS:
        link = personal_link(page, name)
        rate_in_another_profile(page, link, units=12, slips=1 if name == RATERS[-1] else 0)
        if name == RATERS[0]:
            watch(page, "first", submitted="12 of 36", rater=name)
    close_round(page, "first")
    with server.database.read() as session:
        assert len(session.exec(select(Rating)).all()) == 36

    open_page(page, "Agreement")
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible()
    import_judge(page, "first", judge_file(tmp_path, server, "first", {}))
    said = report(page, "first", tmp_path)
    for word in ("first", "faithfulness", "judge-v1", *RATERS, *SEGMENTS):
        assert word in said
    open_page(page, "Calibration")
    expect(page.get_by_role("combobox", name="Judge")).to_have_value("judge-v1")
    open_page(page, "Drift")
    expect(page.get_by_text("Drift needs an earlier round")).to_be_visible()

    launch(page, "second", units=3, again="first")
    for name in RATERS:
        rate_in_another_profile(page, personal_link(page, name), units=13)
    close_round(page, "second")
    shift = dict.fromkeys(SEGMENTS, -1.5)
    import_judge(page, "second", judge_file(tmp_path, server, "second", shift))
    open_page(page, "Drift")
    pick(page, "^Round$", "second")
    expect(
        page.get_by_text(re.compile("The judge became .* points more strict")).first
    ).to_be_visible()

    settled = adjudicate(page, "first")

    open_page(page, "Gold")
    pick(page, "^Round$", "first")
    settle(page)
    page.get_by_role("button", name="Promote", exact=True).click()
    page.get_by_role("tab", name=re.compile(r"In force \([1-9]")).click()
    page.get_by_role("tab", name="Golden dataset").click()
    theirs = tmp_path / "golden.jsonl"
    theirs.write_text('{"id":"theirs","note":"kept"}\n')
    upload(page, "An existing golden dataset", theirs)
    settle(page)
    expect(page.get_by_text("Of others, kept")).to_be_visible()
    page.get_by_role("button", name="Prepare the file").click()
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("^Download")).last.click()
    merged = [json.loads(line) for line in Path(download.value.path()).read_text().splitlines()]
    assert {"id": "theirs", "note": "kept"} in merged
    labels = {row["id"]: row["labels"] for row in merged if "labels" in row}
    assert labels
    for key, label in labels.items():
        assert label["faithfulness"]["value"] == quality(key)
        how = "adjudicated" if key == settled else "unanimous"
        assert label["faithfulness"]["how"] == how


def rate_in_another_profile(page: Page, link: str, *, units: int, slips: int = 0) -> None:
    """The rater has a browser of their own."""
    browser = page.context.browser
    assert browser is not None
    own = browser.new_context(viewport={"width": 1280, "height": 900})
    own.set_default_timeout(30_000)
    try:
        rate_everything(own.new_page(), link, units=units, slips=slips)
    finally:
        own.close()
