"""The database that this process works on."""

from threading import Lock

from annotate.settings import get_settings
from db.engine import Database

_opened: dict[str, Database] = {}
_opening = Lock()


def open_database(url: str | None = None) -> Database:
    """The database of the settings (or of `url`), with its schema ready.

    It is opened once per process and URL. Raises `DatabaseError` where it cannot be used.
    """
    url = url or get_settings().database_url
    with _opening:
        if url not in _opened:
            _opened[url] = Database(url).ready()
        return _opened[url]
