"""Real databases for tests: an SQLite file, and a throw-away PostgreSQL cluster."""

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from annotate import passwords
from db.engine import Database
from tests.server import Seed, Server


def absent(what: str) -> None:
    """Skip the test for want of `what`; where CI promises it, fail instead."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is missing on this machine")


@pytest.fixture(autouse=True)
def own_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page drawn in this process takes the place of `__main__`, which a process that is started
    afterwards would run."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Argon2 in a thousandth of the time, where a test tries many passwords."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(1, 8, 1))
    passwords._nobodys.cache_clear()
    yield
    passwords._nobodys.cache_clear()


def postgresql_binaries() -> Path | None:
    """The folder with initdb and postgres, or None."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return folders[-1].parent if folders else None


class Cluster:
    """A PostgreSQL server of our own on a Unix socket, gone after the test run."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder = folder
        self.binaries = binaries
        # The server refuses to run as root; Debian's package makes the user postgres.
        self.user = "postgres" if os.geteuid() == 0 else None
        if self.user:
            shutil.chown(folder, self.user)

    def run(self, *words: str) -> None:
        """Run one of PostgreSQL's programs as the cluster's user."""
        subprocess.run(
            [str(self.binaries / words[0]), *words[1:]],
            check=True,
            capture_output=True,
            user=self.user,
            cwd=self.folder,
            env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]},
        )

    def start(self) -> None:
        """Make the cluster and start it."""
        data = str(self.folder / "data")
        self.run("initdb", "-D", data, "-U", "annotate", "--auth=trust", "-E", "UTF8")
        # A crash of the machine loses a test's data, which nobody misses.
        safe = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.folder}' {safe}"
        self.run("pg_ctl", "-D", data, "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        """Stop it at once."""
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")

    def url(self, name: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql+psycopg://annotate@/{name}?host={self.folder}"

    def create(self, name: str, template: str = "template1") -> str:
        """A new database, a copy of `template`; its URL."""
        self._say(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self._say(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _say(self, statement: str) -> None:
        engine = sa.create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The throw-away cluster, with a migrated database `migrated` to copy."""
    binaries = postgresql_binaries()
    if binaries is None:
        absent("PostgreSQL's server (Debian: apt-get install postgresql)")
        return
    # Not pytest's own folder: a Unix socket's path holds 107 characters at most, and the
    # cluster's user must be able to walk down to it.
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"annotate-{uuid.uuid4().hex[:12]}"
    folder.mkdir(mode=0o755)
    cluster = Cluster(folder, binaries)
    try:
        cluster.start()
        database = Database(cluster.create("migrated"))
        database.upgrade()
        database.dispose()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy."""
    path = tmp_path_factory.mktemp("migrated") / "annotate.db"
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.dispose()
    return path


@pytest.fixture
def sqlite_database(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    """An empty SQLite database of the test's own."""
    path = tmp_path / "annotate.db"
    shutil.copy(migrated_file, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.dispose()


@pytest.fixture
def postgresql_database(cluster: Cluster) -> Iterator[Database]:
    """An empty PostgreSQL database of the test's own."""
    name = f"t{uuid.uuid4().hex[:16]}"
    database = Database(cluster.create(name, template="migrated"))
    yield database
    database.dispose()
    # At once, while its hundreds of small files are in memory still: a thousand of them take
    # minutes to remove from a slow disk.
    cluster.drop(name)


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)],
)
def database(request: pytest.FixtureRequest) -> Database:
    """An empty database, once on each engine."""
    found: Database = request.getfixturevalue(f"{request.param}_database")
    return found


@pytest.fixture(scope="module")
def seed() -> Seed:
    """What the module's database holds before the server starts; modules override it."""
    return lambda database: None


@pytest.fixture(scope="module")
def server(
    migrated_file: Path, tmp_path_factory: pytest.TempPathFactory, seed: Seed
) -> Iterator[Server]:
    """One server for the module, on what its `seed` puts into the database."""
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
