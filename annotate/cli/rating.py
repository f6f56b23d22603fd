"""annotate rating: import, export."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from annotate.exchange import RatingPlan

app = typer.Typer(help="Ratings: import, export.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("import")
def import_(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="JSON Lines, CSV or Parquet, also .gz; - is stdin."),
    ],
    round_name: Annotated[
        str | None,
        typer.Option("--round", help="The round they belong to; judges and metrics may have none."),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--kind", help="human, judge or metric, for rows and raters that say none."),
    ] = None,
    format: Annotated[
        str | None, typer.Option("--format", help="jsonl, csv or parquet; by the name otherwise.")
    ] = None,
    map: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="A field whose column is named else."),
    ] = None,
    add_raters: Annotated[
        bool, typer.Option("--add-raters", help="Add raters that are not known yet.")
    ] = False,
    correct: Annotated[
        bool,
        typer.Option("--correct", help="Store differing values as corrections that supersede."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen; store nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Import ratings by people, judges and metrics: the whole file, or nothing.

    Fields: output_id, rater, criterion, value (required), kind, unit, rationale, abstained
    (not_applicable or cannot_judge), text, evidence, rated_at, seconds, cost_usd, latency_ms,
    run. A value is the point's number, or the option's id; tags are a list or a|b. What
    `annotate rating export` writes imports again to the same state.

    Automated ratings of outputs that are not in the round are stored outside any round.

    Example: annotate rating import judge.csv --round 2026-q4 --kind judge --add-raters
    """
    from annotate import exchange, rounds
    from annotate.cli import console, mapping

    columns = mapping.parse(map)
    database = console.database()
    with (
        console.received(file) as (given, name),
        database.read() if dry_run else database.write() as session,
    ):
        plan = exchange.import_ratings(
            session,
            given,
            name=name,
            round=rounds.get_round(session, round_name) if round_name is not None else None,
            kind=kind,
            format=format,
            mapping=columns,
            add_raters=add_raters,
            correct=correct,
            dry_run=dry_run,
            progress=console.progress(),
            by=None,
        )
    if json:
        console.show_json({"dry_run": dry_run, **plan.as_json()})
    else:
        _report(plan, dry_run)
    if dry_run and plan.conflicting:
        raise typer.Exit(2)


@app.command()
def export(
    round_name: Annotated[str, typer.Argument(metavar="NAME", help="The round.")],
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Ends in .jsonl, .csv or .parquet; - is stdout.")
    ],
    format: Annotated[
        str | None, typer.Option("--format", help="jsonl, csv or parquet; by the name otherwise.")
    ] = None,
) -> None:
    """Export every rating of a round, superseded ones too, with what blindness was in force.

    In CSV, a text that a spreadsheet would run as a formula gets a leading apostrophe; importing
    the file takes it off again.

    Example: annotate rating export 2026-q4 ratings.parquet
    """
    from annotate import exchange, rounds
    from annotate.cli import console

    database = console.database()
    with database.read() as session:
        count = exchange.export_ratings(
            session, rounds.get_round(session, round_name), file, format=format, by=None
        )
    with database.write() as session:
        found = rounds.get_round(session, round_name)
        exchange.record_export(session, found, file, count, by=None)
    target = "standard output" if file == "-" else Path(file).name
    console.note(f"{count} ratings of {round_name} written to {target}")


def _report(plan: "RatingPlan", dry_run: bool) -> None:
    from annotate.cli import console

    for conflict in plan.conflicts:
        console.note(str(conflict))
    shown = {
        "new": plan.new,
        "already stored": plan.same,
        "corrections (of the new)": plan.corrected,
        "in conflict": plan.conflicting,
        "raters added": len(plan.raters),
        "submissions by people": plan.assignments,
        "kept as extra": plan.extra,
        "outside the round": plan.outside,
    }
    console.show_table(
        [[name, str(count)] for name, count in shown.items() if count or name == "new"],
        ["ratings", "count"],
        title=f"{'Would be imported' if dry_run else 'Imported'}, of {plan.rows} rows",
    )
    if plan.new + plan.same + plan.conflicting > plan.rows:
        console.note("A row on tags counts once for every tag of the rubric: each is yes or no.")
    for what, count in sorted(plan.irregular.items()):
        console.note(f"{what} in {count} submissions, which are taken as they are")
    for column, count in sorted(plan.ignored.items()):
        console.note(f'column "{column}" is no field and was ignored ({count} rows)')
