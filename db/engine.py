"""One database: opened by URL, read by many, written in short transactions."""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import ArgumentError
from sqlalchemy.exc import DatabaseError as DriverError
from sqlmodel import Session

from db.locks import LockUnusable, WriterLock

BUSY_SECONDS = 60
_MIGRATING = 0x616E6E6F6D  # "annom": a lock of our own among a PostgreSQL database's


class DatabaseError(Exception):
    """The database cannot be used; the message says why and what to do."""


class NewerSchema(DatabaseError):
    """A newer release has written this database."""


class OlderSchema(DatabaseError):
    """The database waits for `annotate db upgrade`."""


class AlreadyStored(DatabaseError):
    """Another transaction was first; nothing of this one was stored."""


class StorageFull(DatabaseError):
    """The disk is full; nothing of the transaction was stored."""


class Database:
    """An SQLite file or a PostgreSQL database.

    `read()` and `write()` give sessions. A `write()` is one transaction: it commits at the end
    of the block, or leaves nothing behind.
    """

    def __init__(self, url: str) -> None:
        self.url = normalised(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            if not self.url.database or self.url.database == ":memory:":
                raise DatabaseError(
                    "ANNOTATE_DATABASE_URL: an SQLite database needs a file; "
                    "write sqlite:///annotate.db"
                )
            self.path = Path(self.url.database)
            self._writers = WriterLock(self.path)
            self.engine = sa.create_engine(
                self.url,
                connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
                # A file is opened at once: nobody waits for somebody else's connection, least of
                # all a writer who holds the lock.
                max_overflow=-1,
            )
            sa.event.listen(self.engine, "connect", _prepare_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)
        else:
            # Whatever the server's default is: what is read after waiting for a lock must be
            # newer than the wait (docs/decisions/claiming.md).
            self.engine = sa.create_engine(
                self.url, pool_size=10, max_overflow=40, isolation_level="READ COMMITTED"
            )
        self._writing = self.engine.execution_options(annotate_write=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for questions; what it changes is not stored."""
        with _explained(self.shown), Session(self.engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that is one transaction, alone on SQLite."""
        with _explained(self.shown):
            if not self.is_sqlite:
                with Session(self._writing, expire_on_commit=False) as session, session.begin():
                    yield session
                return
            with (
                self._writers.held(),
                Session(self._writing, expire_on_commit=False) as session,
                session.begin(),
            ):
                yield session

    def revision(self) -> str | None:
        """The migration that the database is at; None when it is empty (or only now made)."""
        if self.is_sqlite:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with _explained(self.shown), self.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()

    def upgrade(self) -> None:
        """Bring an empty or older database to this release's schema."""
        with _explained(self.shown):
            current = self.revision()
            if current is not None and current not in _known_revisions():
                raise _newer(self, current)
            with self._alone() as connection:
                # Whoever waited here finds the work done: Alembic looks again.
                config = alembic_config()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")

    @contextmanager
    def _alone(self) -> Iterator[sa.Connection]:
        """A connection while no other process migrates this database."""
        if self.is_sqlite:
            with self._writers.held(), self.engine.connect() as connection:
                yield connection
            return
        with self.engine.connect() as waiting, self.engine.connect() as connection:
            waiting.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATING})
            try:
                yield connection
            finally:
                waiting.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": _MIGRATING})

    def ready(self) -> "Database":
        """Create the schema in an empty database; refuse an older or a newer one."""
        current = self.revision()
        if current in _known_revisions() and current != _head():
            # Another process may be half-way through making it: look again when it has ended.
            with _explained(self.shown), self._alone() as connection:
                current = MigrationContext.configure(connection).get_current_revision()
        if current is None:
            self.upgrade()
        elif current not in _known_revisions():
            raise _newer(self, current)
        elif current != _head():
            raise OlderSchema(
                f"{self.shown} was written by an older release (schema {current}); "
                "run `annotate db upgrade`"
            )
        return self

    @property
    def shown(self) -> str:
        """The URL without its password."""
        return self.url.render_as_string(hide_password=True)

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def normalised(url: str) -> sa.URL:
    """The URL with the driver that this product ships for PostgreSQL: psycopg 3."""
    try:
        parsed = sa.make_url(re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url))
    except ArgumentError:
        raise DatabaseError(
            f"ANNOTATE_DATABASE_URL: {url!r} is not a database URL; "
            "write sqlite:///annotate.db or postgresql://user:password@host/name"
        ) from None
    if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        raise DatabaseError(
            f"ANNOTATE_DATABASE_URL: {parsed.get_backend_name()} is not supported; "
            "use SQLite or PostgreSQL"
        )
    return parsed


def alembic_config() -> Config:
    """Alembic's settings; there is no alembic.ini because the URL comes from Settings."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def _known_revisions() -> set[str]:
    return {s.revision for s in ScriptDirectory.from_config(alembic_config()).walk_revisions()}


def _head() -> str | None:
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


def _newer(database: Database, revision: str) -> NewerSchema:
    return NewerSchema(
        f"{database.shown} was written by a newer release (schema {revision}); "
        "install that release or restore a backup"
    )


def _prepare_sqlite(connection: sqlite3.Connection, record: Any) -> None:
    del record
    # SQLAlchemy's own BEGIN (below) decides what kind of transaction starts, not the driver.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    _write_ahead(connection)
    for pragma in (
        "synchronous=FULL",  # an acknowledged rating survives a power cut
        "foreign_keys=ON",
        "recursive_triggers=ON",  # INSERT OR REPLACE fires the triggers of deletion too
    ):
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch a new file to WAL. SQLite waits for nobody there, so that several processes which
    begin on one empty file at once would refuse each other."""
    until = time.monotonic() + BUSY_SECONDS
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: sa.Connection) -> None:
    writing = connection.get_execution_options().get("annotate_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


@contextmanager
def _explained(shown: str) -> Iterator[None]:
    """Turn the driver's refusals that a person can mend into words."""
    try:
        yield
    except LockUnusable as error:
        raise DatabaseError(
            f"{error}; writers of the database need this file: make its folder writable"
        ) from None
    except DriverError as error:
        words = str(error.orig)
        if "UNIQUE constraint failed" in words or "duplicate key value" in words:
            raise AlreadyStored(
                "somebody else stored the same at this moment, so nothing of this step was stored; "
                "look at what is there now, and repeat the step if it is still wanted"
            ) from error
        if "disk is full" in words or "No space left" in words or "disk I/O" in words:
            raise StorageFull(
                "the disk is full: nothing of this step was stored; free some space and repeat it"
            ) from error
        if "is not a database" in words or "disk image is malformed" in words:
            raise DatabaseError(
                f"{shown} is not a database, or is damaged; check ANNOTATE_DATABASE_URL, or restore "
                "a backup"
            ) from error
        if "unable to open database file" in words:
            raise DatabaseError(
                f"{shown} cannot be opened; check that its folder exists and is writable"
            ) from error
        if "database is locked" in words:
            raise DatabaseError(
                f"another program held the database for more than {BUSY_SECONDS} s; "
                "close it and repeat the step: nothing was stored"
            ) from error
        for cause in ("does not exist", "authentication failed", "permission denied"):
            if "FATAL" in words and cause in words:
                said = words[words.rindex("FATAL:") + len("FATAL:") :].strip().splitlines()[0]
                raise DatabaseError(
                    f"PostgreSQL refuses the connection: {said}; check ANNOTATE_DATABASE_URL"
                ) from error
        if "connection failed" in words or "could not connect" in words:
            raise DatabaseError(
                "PostgreSQL does not answer; check ANNOTATE_DATABASE_URL and that the server runs"
            ) from error
        raise
