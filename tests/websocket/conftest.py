"""A server process for each module, spoken to in Streamlit's own protocol."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from annotate import people
from db.engine import Database
from tests.server import Server

Seed = Callable[[Database], None]


@pytest.fixture(scope="module")
def server(
    migrated_file: Path, tmp_path_factory: pytest.TempPathFactory, seed: Seed
) -> Iterator[Server]:
    """One server for the module, on what the module's `seed` puts into its database."""
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


def cookie_of(server: Server, name: str) -> str:
    """A fresh sign-in of a person."""
    with server.database.write() as session:
        return people.sign_in_as(session, people.get_rater(session, name), way="link")
