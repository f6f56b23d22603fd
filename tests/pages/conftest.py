"""The test's database as the one that this process works on."""

from collections.abc import Iterator

import pytest

from annotate import workspace
from annotate.settings import get_settings
from db.engine import Database


@pytest.fixture
def workspace_database(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """An empty database, once on each engine, that `open_database()` opens."""
    monkeypatch.setenv("ANNOTATE_DATABASE_URL", database.url.render_as_string(False))
    get_settings.cache_clear()
    yield database
    opened = workspace._opened.pop(get_settings().database_url, None)
    if opened is not None:
        opened.dispose()
    monkeypatch.undo()
    get_settings.cache_clear()
