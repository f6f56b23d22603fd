"""annotate demo: a workspace to look around in."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    port: Annotated[int, typer.Option("--port", "-p", help="Port; 0 takes a free one.")] = 8501,
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="Make the workspace and stop.")
    ] = False,
    folder: Annotated[Path, typer.Option("--folder", help="Where the workspace is kept.")] = Path(
        "demo-workspace"
    ),
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew if it is there.")] = False,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the browser.")
    ] = True,
) -> None:
    """Make a workspace with a fictitious product's outputs, and open it.

    Three closed rounds with simulated raters, a judge that drifts in one feature area, and an
    open round that waits for you. Everything in it is invented and simulated.

    Example: annotate demo --port 8600
    """
    import os

    from annotate.cli import console
    from annotate.cli.serve import LOCAL, free_port, serve
    from annotate.demo.build import VISITOR, build, is_demo
    from annotate.errors import BadInput
    from annotate.settings import get_settings
    from db.engine import Database

    if not no_serve:
        port = free_port(LOCAL, port)  # before the minute that the workspace takes
    path = folder / "annotate.db"
    if path.exists() and not is_demo(Database(f"sqlite:///{path}")):
        raise BadInput(f"{path} is no demo workspace and stays as it is; choose another --folder")
    if fresh:
        for ending in ("", "-wal", "-shm", ".lock"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
    if path.exists():
        console.note(f"The demo workspace is in {folder} already; --fresh begins anew.")
    else:
        console.note("Making the demo workspace: outputs, three rounds, raters, a judge ...")
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_name("annotate.db.part")
        for file in folder.glob("annotate.db.part*"):
            file.unlink()
        database = Database(f"sqlite:///{partial}").ready()
        build(database)
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        database.dispose()
        partial.rename(path)
        for file in folder.glob("annotate.db.part*"):
            file.unlink()
    os.environ["ANNOTATE_DATABASE_URL"] = f"sqlite:///{path}"
    get_settings.cache_clear()
    if no_serve:
        console.note(f"ANNOTATE_DATABASE_URL=sqlite:///{path} uv run annotate serve  opens it.")
        return
    os.environ["ANNOTATE_DEMO_RATER"] = VISITOR
    get_settings.cache_clear()
    serve(port=port, host=None, open_browser=open_browser)
