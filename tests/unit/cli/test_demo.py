"""`annotate demo`: a workspace that is made and can be opened as the message says."""

import sqlite3
from datetime import UTC, datetime

from tests.command_line import CommandLine


def test_the_demo_is_made_says_how_it_is_opened_and_lies_in_the_past(run: CommandLine) -> None:
    said = run("demo", "--no-serve", "--folder", "demo").err
    assert (
        "ANNOTATE_DATABASE_URL=sqlite:///demo/annotate.db uv run annotate serve  opens it." in said
    )
    with sqlite3.connect(run.folder / "demo" / "annotate.db") as database:
        (last,) = database.execute("SELECT MAX(submitted_at) FROM assignment").fetchone()
        (open_, launched) = database.execute(
            "SELECT name, launched_at FROM round WHERE status = 'open'"
        ).fetchone()
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    assert launched < last < now, open_
