"""`annotate demo`: a workspace that is made and can be opened as the message says."""

import socket
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


def test_a_port_that_is_taken_is_refused_before_anything_is_made(run: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = run.refused("demo", "--port", port, "--folder", "demo", "--no-open")
    assert f"127.0.0.1 port {port}" in said and "--port" in said
    assert not (run.folder / "demo").exists()
