"""Migrations and the rules that the database itself keeps."""

import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel, col, select

from db.engine import (
    AlreadyStored,
    Database,
    DatabaseError,
    NewerSchema,
    OlderSchema,
    alembic_config,
)
from db.tables import Event, Output, Rater, Rating, Round, Rubric, Unit, now


def seeded(database: Database) -> None:
    """One rating in one round, and an event."""
    with database.write() as session:
        output = Output(
            key="a", case_key="a", configuration="v1", segment="s", input="q", response="r",
            content_hash="h",
        )  # fmt: skip
        rubric = Rubric(name="r", version=1, title="R", document={}, source="", hash="h")
        session.add_all([output, rubric, Event(action="test", subject="x")])
        session.flush()
        assert rubric.id and output.id
        # Column by column: the first release's table has fewer than the model.
        rater = session.execute(
            sa.insert(Rater)
            .values(name="ada", kind="human", role="rater", simulated=False, created_at=now())
            .returning(col(Rater.id))
        ).scalar_one()
        round_ = Round(
            name="one", status="open", rubric_id=rubric.id, overlap=1, seed="1", design={},
            design_hash="h",
        )  # fmt: skip
        session.add(round_)
        session.flush()
        assert round_.id
        unit = Unit(
            round_id=round_.id, key="a", output_id=output.id, purpose="fresh", stratum="s",
            overlap=1, rank=0, missing=1,
        )  # fmt: skip
        session.add(unit)
        session.flush()
        session.add(
            Rating(
                round_id=round_.id,
                unit_id=unit.id,
                output_id=output.id,
                rater_id=rater,
                criterion="c",
                value=0.0,
            )  # fmt: skip
        )


def test_a_migrated_database_and_the_models_do_not_differ(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE rating SET value = 1", "never changed"),
        ("DELETE FROM rating", "never changed"),
        ("UPDATE event SET action = 'x'", "never changed"),
        ("DELETE FROM event", "never changed"),
        ("UPDATE rubric SET title = 'x'", "add a new version"),
        ("UPDATE round SET seed = '2'", "only closed"),
        ("DELETE FROM round", "only closed"),
        ("UPDATE unit SET stratum = 'x'", "frozen"),
        ("DELETE FROM unit", "frozen"),
        ("UPDATE unit SET missing = -1", "missing"),
        ("UPDATE output SET response = 'x'", "never changed"),
    ],
)
def test_the_database_itself_refuses_to_change_what_is_immutable(
    database: Database, statement: str, words: str
) -> None:
    seeded(database)
    with pytest.raises(IntegrityError, match=words), database.write() as session:
        session.connection().exec_driver_sql(statement)
    with database.read() as session:
        assert session.exec(select(Rating)).one().value == 0.0


def test_a_round_can_be_closed_and_a_unit_can_be_done(database: Database) -> None:
    seeded(database)
    with database.write() as session:
        session.connection().exec_driver_sql("UPDATE round SET status = 'closed'")
        session.connection().exec_driver_sql("UPDATE unit SET missing = 0")
    with database.read() as session:
        assert session.exec(select(Round)).one().status == "closed"


def test_a_closed_round_is_not_opened_again(database: Database) -> None:
    seeded(database)
    with database.write() as session:
        session.connection().exec_driver_sql("UPDATE round SET status = 'closed'")
    with pytest.raises(IntegrityError, match="cannot be opened"), database.write() as session:
        session.connection().exec_driver_sql("UPDATE round SET status = 'open'")


@pytest.mark.parametrize("table", ["rating", "event", "rubric", "round", "unit", "output"])
def test_no_program_can_put_another_row_in_the_place_of_a_frozen_one(
    sqlite_database: Database, table: str
) -> None:
    """SQLite's REPLACE deletes without asking triggers of deletion, unless a pragma says so."""
    seeded(sqlite_database)
    other = sqlite3.connect(sqlite_database.path)
    before = other.execute(f"SELECT * FROM {table}").fetchall()
    with pytest.raises(sqlite3.IntegrityError, match=r"changed|frozen|edited"):
        other.execute(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
    assert other.execute(f"SELECT * FROM {table}").fetchall() == before
    other.close()


def test_processes_that_begin_on_one_empty_file_at_once_all_find_it_ready(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    code = (
        "import sys; from db.engine import Database; d = Database(sys.argv[1]).ready(); "
        "print(d.revision()); d.dispose()"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, url],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(6)
    ]  # fmt: skip
    said = [process.communicate() for process in started]
    assert {out.strip() for out, _ in said} == {
        ScriptDirectory.from_config(alembic_config()).get_current_head()
    }, [err for _, err in said]


def test_a_database_of_the_first_release_is_upgraded_with_what_it_holds(tmp_path: Path) -> None:
    old = Database(f"sqlite:///{tmp_path}/old.db")
    config = alembic_config()
    with old.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    with pytest.raises(OlderSchema, match="run `annotate db upgrade`"):
        old.ready()
    seeded(old)
    old.upgrade()
    with old.ready().read() as session:
        assert session.exec(select(Rating)).one().value == 0.0
    old.dispose()


def test_a_rating_is_superseded_once_only(database: Database) -> None:
    seeded(database)
    with database.write() as session:
        first = session.exec(select(Rating)).one()
        session.add(Rating(**{**first.model_dump(exclude={"id"}), "supersedes_id": first.id}))
    with pytest.raises(AlreadyStored), database.write() as session:
        first = session.exec(select(Rating).where(Rating.supersedes_id == None)).one()  # noqa: E711
        session.add(Rating(**{**first.model_dump(exclude={"id"}), "supersedes_id": first.id}))


def test_times_come_back_in_utc_and_naive_times_are_refused(database: Database) -> None:
    moment = datetime(2026, 10, 25, 2, 30, 1, 123456, tzinfo=UTC)
    with database.write() as session:
        session.add(Event(action="a", subject="s", at=moment))
    with database.read() as session:
        assert session.exec(select(Event)).one().at == moment
    with pytest.raises(sa.exc.StatementError, match="time zone"), database.write() as session:
        session.add(Event(action="a", subject="s", at=moment.replace(tzinfo=None)))


def test_a_failed_write_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as session:
        session.add(Event(action="a", subject="s"))
        session.flush()
        raise RuntimeError
    with database.read() as session:
        assert session.exec(select(Event)).all() == []


def test_a_newer_schema_is_refused_with_the_mend(database: Database) -> None:
    with database.write() as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(NewerSchema, match="newer release .schema 9999.; install that release"):
        database.ready()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "not a database URL"),
        ("mysql://a@b/c", "not supported"),
        ("sqlite://", "needs a file"),
    ],
)
def test_a_url_that_cannot_work_is_refused_with_the_mend(url: str, words: str) -> None:
    with pytest.raises(DatabaseError, match=words):
        Database(url)


def test_a_folder_that_does_not_exist_is_made(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/new/annotate.db").ready()
    assert database.revision() is not None
    database.dispose()


def test_sqlite_keeps_an_acknowledged_write_through_a_power_cut(sqlite_database: Database) -> None:
    with sqlite_database.read() as session:
        pragmas = {
            name: session.connection().exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_writers_in_threads_wait_in_line_and_all_are_stored(database: Database) -> None:
    def write(number: int) -> None:
        for _ in range(10):
            with database.write() as session:
                session.add(Event(action="a", subject=str(number)))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert len(session.exec(select(Event)).all()) == 120
