"""What the rating page asks of the database costs the same in a round of any size: no statement
scans a table or walks over all units of the round."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from annotate import draft_route, identity
from annotate.place import MANY_LEFT
from annotate.ui.screen import Screen
from annotate.workspace import open_database
from db.engine import Database
from tests.pages.conftest import Tab
from tests.unit.desk_round import Desk

PAGE = Path(__file__).parents[2] / "pages" / "rate.py"
Asked = dict[str, list[tuple[int, Any]]]
"""By statement, each time it was asked: the steps it took, and its parameters."""

UNITS = 8 * MANY_LEFT
"""Far more than what is left is counted to."""
MOST = 20 * MANY_LEFT
"""Steps of a statement: a walk over the open units takes more than 30,000."""
BOUNDED = {"free", "few", "CONSTANT"}
"""Not tables: windows of a few rows."""
EVERY = 10
"""Steps of SQLite's machine between two looks."""


@contextmanager
def watched(engine: sa.Engine) -> Iterator[Asked]:
    """Every statement while the block runs: the machine's steps, and the parameters."""
    asked: Asked = defaultdict(list)
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += EVERY

    def before(_: Any, cursor: Any, *__: Any) -> None:
        nonlocal steps
        steps = 0
        cursor.connection.set_progress_handler(step, EVERY)

    def after(_: Any, cursor: Any, statement: str, parameters: Any, *__: Any) -> None:
        cursor.connection.set_progress_handler(None, EVERY)
        asked[statement].append((steps, parameters))

    sa.event.listen(engine, "before_cursor_execute", before)
    sa.event.listen(engine, "after_cursor_execute", after)
    try:
        yield asked
    finally:
        sa.event.remove(engine, "before_cursor_execute", before)
        sa.event.remove(engine, "after_cursor_execute", after)


def work(tab: Tab) -> Asked:
    """All that a rater does at the page, and what it asked of the database."""
    tab.sign_in("Ada")
    with watched(open_database().engine) as asked:
        page = AppTest.from_file(str(PAGE), default_timeout=60).run()

        def screen() -> Screen:
            found = page.session_state["rating_screen"]
            assert isinstance(found, Screen) and found.place is not None
            return found

        def key(end: str) -> str:
            assert screen().place is not None
            return f"rate:{screen().place.assignment_id}:{end}"  # type: ignore[union-attr]

        def submit() -> None:
            page.radio(key=key("quality:choice")).set_value("3").run()
            page.button(key=key("submit")).click().run()

        for _ in range(3):
            submit()
        keep_draft(tab, screen())
        page.text_area(key=key("/flag:text")).set_value("look")
        page.button(key=key("flag")).click().run()
        page.radio(key=key("/skip:why")).set_value("Another reason")
        page.button(key=key("skip")).click().run()
        page.button(key="undo-last").click().run()
        submit()
        page.button(key="pause").click().run()
        page.button(key="resume").click().run()
        assert not page.exception and not page.error, page.error
        assert screen().place.done == 3  # type: ignore[union-attr]
    return asked


def keep_draft(tab: Tab, screen: Screen) -> None:
    app = Starlette(
        routes=[Route(draft_route.PATH, draft_route.save_draft, methods=["POST"])],
        middleware=[Middleware(identity.IdentityMiddleware)],
    )
    place = screen.place
    assert place is not None
    with TestClient(app, cookies=tab.cookies) as client:
        answer = client.post(
            draft_route.PATH,
            json={
                "assignment": place.assignment_id,
                "entries": {"quality:choice": "2"},
                "seconds": 3.0,
                "owner": place.draft_name.partition(":")[0],
                "screen": screen.id,
                "sitting": place.sitting,
                "version": place.draft_version,
            },
        )
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_nothing_the_desk_asks_scans_a_table_or_walks_the_round(
    workspace_database: Database, tab: Tab
) -> None:
    Desk(workspace_database, units=UNITS, overlap=2)
    others_have_rated(workspace_database)
    asked = work(tab)
    dear = {words: steps for words in asked if (steps := max(s for s, _ in asked[words])) > MOST}
    assert not dear
    scans = {words: plan for words in asked if (plan := scanned(workspace_database, asked, words))}
    assert not scans
    # It has seen what the page asks: the claim, the counts, the submission, the draft.
    for table in ("unit", "assignment", "rating", "rater", "round"):
        assert any(f"FROM {table}" in words or f"INTO {table}" in words for words in asked), table
    assert sum("draft=?" in words for words in asked) == 1


def others_have_rated(database: Database) -> None:
    """Half of the units are done, by Ben and Cy."""
    said = {"half": UNITS // 2, "at": "2026-01-01 00:00:00.000000"}
    with database.write() as session:
        session.connection().execute(
            sa.text(
                "INSERT INTO assignment (round_id, unit_id, rater_id, state, claimed_at,"
                " submitted_at, seconds, extra, idempotency_key, sitting, draft_version)"
                " SELECT round_id, unit.id, rater.id, 'submitted', :at, :at, 10, 0, 'before', 0, 0"
                " FROM unit, rater WHERE rank >= :half AND name IN ('Ben', 'Cy')"
            ),
            said,
        )
        session.connection().execute(
            sa.text(
                "INSERT INTO rating (round_id, unit_id, output_id, rater_id, assignment_id,"
                " criterion, value, run, extra, adjudication, rated_at, seconds)"
                " SELECT a.round_id, a.unit_id, u.output_id, a.rater_id, a.id, 'quality', 2, 1,"
                " 0, 0, :at, 10 FROM assignment a JOIN unit u ON u.id = a.unit_id"
            ),
            said,
        )
        session.connection().execute(
            sa.text("UPDATE unit SET missing = 0 WHERE rank >= :half"), said
        )


def scanned(database: Database, asked: Asked, words: str) -> list[str]:
    """The tables that a statement reads from end to end, or sorts."""
    if words.startswith("BEGIN"):
        return []
    _, parameters = asked[words][0]
    with database.engine.connect() as connection:
        many = isinstance(parameters, list)
        plan = connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {words}", parameters[0] if many else parameters
        )
        return [
            row[3] for row in plan if row[3].startswith("SCAN") and row[3].split()[1] not in BOUNDED
        ]
