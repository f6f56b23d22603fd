"""The `annotate` command: `annotate NOUN VERB`.

Each noun is a module of its own that is imported only when it is asked for, so that
`annotate --help` answers at once.
"""

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

NOUNS = {
    "serve": "Serve the pages.",
    "demo": "A workspace to look around in.",
    "output": "Outputs: import, list, show.",
    "rubric": "Rubrics: add, compare, try a change.",
    "rater": "Raters: add, list, links, revoke.",
    "round": "Rounds: launch, watch, close.",
    "rating": "Ratings: import, export.",
    "judge": "Judges: add, run, watch.",
    "agreement": "How far a round's raters coincide.",
    "calibration": "Judges against people.",
    "drift": "Did the judge, the raters or the traffic move?",
    "gold": "Gold labels: disputes, promotion, export.",
    "db": "The database: upgrade, verify, backup.",
}


class LazyNouns(TyperGroup):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every noun, in the order of the work."""
        del ctx
        return list(NOUNS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The noun's command; for the overview only its one line is needed."""
        if cmd_name not in NOUNS:
            return super().get_command(ctx, cmd_name)
        if ctx.resilient_parsing or _overview():
            return typer.core.TyperCommand(cmd_name, short_help=NOUNS[cmd_name])
        module = importlib.import_module(f"annotate.cli.{cmd_name}")
        found = getattr(module, "app", None)
        if found is None:
            found = typer.Typer()
            found.command(cmd_name)(getattr(module, cmd_name))
        # One look for every help text, and completion is installed for `annotate` or not at all.
        found.rich_markup_mode = None
        found._add_completion = False
        command = get_command(found)
        command.name = cmd_name
        return command


def _overview() -> bool:
    words = sys.argv[1:]
    return not words or words[0] in {"--help", "-h"}


app = typer.Typer(
    cls=LazyNouns,
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("annotate"))
        raise typer.Exit


@app.callback()
def annotate(
    version: bool = typer.Option(
        False,
        "--version",
        callback=_say_version,
        is_eager=True,
        help="Say the version and stop.",
    ),
) -> None:
    """Human calibration of LLM judges: rate, measure agreement, calibrate, see drift.

    ANNOTATE_DATABASE_URL chooses the database; without it, annotate.db in this folder.

    Example: annotate output import logs.jsonl
    """
    del version


def _refuse_half_characters(words: list[str]) -> None:
    """Bytes that are no UTF-8 reach a program as half characters, which nothing can store."""
    for place, word in enumerate(words, start=1):
        if any("\ud800" <= c <= "\udfff" for c in word):
            from annotate.errors import BadInput

            raise BadInput(f"argument {place} is not UTF-8; check the terminal's encoding")


def main() -> None:
    """The entry point: refusals become one line on standard error and an exit code."""
    try:
        _refuse_half_characters(sys.argv[1:])
        app(prog_name="annotate")
    except Exception as error:
        from annotate.errors import AnnotateError
        from db.engine import DatabaseError

        if isinstance(error, BrokenPipeError):
            sys.stderr.close()
            raise SystemExit(0) from None
        if not isinstance(error, AnnotateError | DatabaseError):
            raise
        from annotate.cli.console import note

        note(f"annotate: {error}")
        raise SystemExit(getattr(error, "exit_code", 2)) from None
