"""annotate db: upgrade, verify, backup."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The database itself.", no_args_is_help=True, add_completion=False)


@app.command()
def upgrade() -> None:
    """Bring the database to this release's schema.

    Example: annotate db upgrade
    """
    from annotate.cli import console
    from annotate.settings import get_settings
    from db.engine import Database

    database = Database(get_settings().database_url)
    before = database.revision()
    database.upgrade()
    console.note(f"{database.shown}: schema {before or 'none'} -> {database.revision()}")
    database.dispose()


@app.command()
def verify(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Check the invariants that every rating depends on. Exit code 1 when one is broken.

    Example: annotate db verify
    """
    from annotate.cli import console
    from annotate.verification import verify as verified

    with console.database().read() as session:
        problems = verified(session)
    if json:
        console.show_json({"problems": problems})
    for problem in [] if json else problems:
        console.note(problem)
    if problems:
        raise typer.Exit(1)
    if not json:
        console.note("Every invariant holds.")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that does not exist yet.")],
) -> None:
    """Copy a running SQLite workspace into a file, consistently.

    Example: annotate db backup annotate-2026-11-01.db
    """
    import sqlite3
    from contextlib import closing

    from annotate.cli import console
    from annotate.errors import BadInput

    database = console.database()
    if not database.is_sqlite:
        raise BadInput("this workspace is on PostgreSQL; back it up with pg_dump")
    if file.exists():
        raise BadInput(f"{file} exists; choose another name")
    partial = file.with_name(file.name + ".part")
    try:
        # Into a file of another name, which takes its own only when it is whole.
        with (
            closing(sqlite3.connect(database.path)) as source,
            closing(sqlite3.connect(partial)) as target,
        ):
            source.backup(target)
        partial.replace(file)
    except (sqlite3.Error, OSError) as error:
        partial.unlink(missing_ok=True)
        raise BadInput(
            f"{file}: {error}; nothing was written: check the folder and its free space"
        ) from None
    console.note(f"Copied {database.shown} to {file}.")
