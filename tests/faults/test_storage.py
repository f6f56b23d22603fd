"""A disk that is full and a database that somebody else holds: words, and nothing half-written."""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import select

from annotate import outputs
from db.engine import Database, DatabaseError, StorageFull
from db.tables import Event, Output

ROWS = 400


def big_file(folder: Path) -> Path:
    """Outputs that need about a megabyte."""
    path = folder / "outputs.jsonl"
    path.write_text(
        "".join(
            f'{{"id": "o{n}", "input": "q", "response": "{"x" * 2500}"}}\n' for n in range(ROWS)
        )
    )
    return path


def test_a_full_disk_stores_nothing_of_an_import_and_says_so(
    sqlite_database: Database, tmp_path: Path
) -> None:
    with sqlite_database.write() as session:
        session.add(Event(action="before", subject="x"))

    def no_more_room(connection: sqlite3.Connection, record: object) -> None:
        del record
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages + 20}")

    sa.event.listen(sqlite_database.engine, "connect", no_more_room)
    sqlite_database.engine.dispose()
    with (
        pytest.raises(StorageFull, match="disk is full: nothing of this step was stored; free"),
        sqlite_database.write() as session,
    ):
        outputs.import_outputs(session, outputs.read_outputs(big_file(tmp_path)), by=None)
    with sqlite_database.read() as session:
        assert session.exec(select(Output)).all() == []
        assert [e.action for e in session.exec(select(Event))] == ["before"]


def test_a_database_that_another_program_holds_is_named_after_the_wait(
    sqlite_database: Database,
) -> None:
    def impatient(connection: sqlite3.Connection, record: object) -> None:
        del record
        connection.execute("PRAGMA busy_timeout=100")

    sa.event.listen(sqlite_database.engine, "connect", impatient)
    sqlite_database.engine.dispose()
    other = sqlite3.connect(sqlite_database.path)
    other.execute("BEGIN IMMEDIATE")
    try:
        with (
            pytest.raises(DatabaseError, match="another program held the database"),
            sqlite_database.write() as session,
        ):
            session.add(Event(action="a", subject="x"))
    finally:
        other.rollback()
        other.close()
    with sqlite_database.write() as session:
        session.add(Event(action="afterwards", subject="x"))


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "annotate.db"
    path.write_text("these are not the pages of a database, however long one reads " * 20)
    with pytest.raises(DatabaseError, match="is not a database, or is damaged; check"):
        Database(f"sqlite:///{path}").ready()


def test_a_server_that_does_not_answer_is_named_with_the_mend() -> None:
    with pytest.raises(DatabaseError, match="PostgreSQL does not answer; check ANNOTATE_DATABASE"):
        Database("postgresql://nobody@127.0.0.1:1/none?connect_timeout=2").ready()
