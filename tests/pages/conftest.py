"""The test's database as the one that this process works on."""

from collections.abc import Iterator

import pytest
from streamlit.runtime.context import ContextProxy

from annotate import people, workspace
from annotate.identity import COOKIE, WAY_HEADER
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


class Tab:
    """The browser tab for which a test draws pages; nobody is signed in at first."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.headers: dict[str, str] = {}
        self.cookies: dict[str, str] = {}

    def sign_in(self, name: str) -> None:
        """As the rater of that name, by cookie."""
        with self.database.write() as session:
            token = people.sign_in_as(session, people.get_rater(session, name), way="link")
        self.headers, self.cookies = {WAY_HEADER: "cookie"}, {COOKIE: token}

    def sign_out_elsewhere(self) -> None:
        """In another tab: what this one shows of itself stays as it was."""
        with self.database.write() as session:
            people.sign_out(session, self.cookies[COOKIE])


@pytest.fixture
def tab(workspace_database: Database, monkeypatch: pytest.MonkeyPatch) -> Tab:
    found = Tab(workspace_database)
    monkeypatch.setattr(ContextProxy, "headers", property(lambda _: found.headers))
    monkeypatch.setattr(ContextProxy, "cookies", property(lambda _: found.cookies))
    return found


@pytest.fixture
def as_lead(tab: Tab) -> Tab:
    """A tab in which a lead, Lea, is signed in."""
    with tab.database.write() as session:
        people.add_rater(session, "Lea", role="lead")
    tab.sign_in("Lea")
    return tab
