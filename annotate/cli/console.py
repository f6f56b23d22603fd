"""How commands speak: results on standard output, everything else on standard error."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from annotate.errors import BadInput
from annotate.fields import INVISIBLE

if TYPE_CHECKING:
    from annotate.formats.source import File
    from annotate.outputs import Progress
    from annotate.stats import Contrast, Figure
    from db.engine import Database


def database() -> "Database":
    """The database of the settings, its schema created or checked."""
    from annotate.settings import get_settings
    from annotate.workspace import open_database
    from db.engine import Database

    unopened = Database(get_settings().database_url)
    new = unopened.is_sqlite and not unopened.path.exists()
    found = open_database()
    if new:
        note(f"There was no database yet: {found.shown} is new and empty.")
    return found


@contextmanager
def received(file: str) -> "Iterator[tuple[File, str | None]]":
    """A file that may be read while the database is held, and its name in messages.

    What comes through a pipe is taken to its end first: a slow sender would keep every other
    writer waiting.
    """
    import shutil
    import tempfile
    from pathlib import Path

    if file != "-" and not Path(file).is_fifo():
        yield file, None
        return
    with tempfile.SpooledTemporaryFile(max_size=64 * 1024 * 1024) as kept:
        if file == "-":
            shutil.copyfileobj(sys.stdin.buffer, kept)
        else:
            with Path(file).open("rb") as sent:
                shutil.copyfileobj(sent, kept)
        kept.seek(0)
        yield cast("File", kept), "standard input" if file == "-" else Path(file).name


def by_segment(by: str | None) -> bool:
    """Whether `--by segment` was given; any other word is refused."""
    if by not in (None, "segment"):
        raise BadInput(f"--by {by}: only --by segment is known")
    return by == "segment"


def progress() -> "Progress | None":
    """A line that counts rows, where somebody watches."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int | None) -> None:
        del total
        if done % 10_000 == 0:
            sys.stderr.write(f"\r{done:,} rows")
            sys.stderr.flush()

    return show


def show_json(document: Any) -> None:
    """One JSON document on standard output."""
    text = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False, default=str)
    sys.stdout.write(text + "\n")


def show_table(
    rows: Sequence[Sequence[str]], columns: Sequence[str], *, title: str | None = None
) -> None:
    """A table on standard output, as wide as it needs to be where nobody watches."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else 240, highlight=False, markup=False)
    table = Table(title=Text(inert(title)) if title else None, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # Text objects: nothing in a cell is read as markup or as a terminal's command.
        table.add_row(*(Text(inert(str(cell))) for cell in row))
    console.print(table)


def note(text: str) -> None:
    """A line on standard error."""
    sys.stderr.write(inert(text) + "\n")


def inert(text: str) -> str:
    """Text without what drives a terminal, turns its writing round or cannot be seen."""
    return "".join(
        c
        if c in "\n\t" or c.isprintable() or (ord(c) > 0x9F and not INVISIBLE.match(c))
        else (f"\\x{ord(c):02x}" if ord(c) < 0x100 else f"\\u{ord(c):04x}")
        for c in text
    )


def moved(contrast: "Contrast") -> str:
    """`+0.41 [+0.20, +0.63] (40)`, or why there is no estimate."""
    if contrast.estimate is None or contrast.low is None or contrast.high is None:
        return contrast.reason or "undefined"
    interval = f"[{contrast.low:+z.2f}, {contrast.high:+z.2f}]"
    return f"{contrast.estimate:+z.2f} {interval} ({contrast.n})"


def figure(figure: "Figure", *, percent: bool = False) -> str:
    """`0.71 [0.66, 0.76]`, or the reason why there is no number."""
    return figure.words("{:.0%}") if percent else figure.words()
