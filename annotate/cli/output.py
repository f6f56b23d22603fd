"""annotate output: import, list, show."""

from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from annotate.outputs import ImportPlan

app = typer.Typer(help="Outputs: import, list, show.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("import")
def import_(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="JSON Lines, CSV or Parquet, also .gz; - is stdin."),
    ],
    format: Annotated[
        str | None, typer.Option("--format", help="jsonl, csv or parquet; by the name otherwise.")
    ] = None,
    map: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="A field whose column is named else."),
    ] = None,
    segment: Annotated[
        str | None, typer.Option("--segment", help="The segment of rows that name none.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen; store nothing.")
    ] = False,
    skip_conflicts: Annotated[
        bool, typer.Option("--skip-conflicts", help="Leave rows out that contradict stored ones.")
    ] = False,
    json: Json = False,
) -> None:
    """Import outputs: all files in one transaction, or nothing.

    Fields: id, input, response (required), contexts, reference, case (the id if absent),
    configuration ("default" if absent), segment ("all" if the file has none), occurred_at (read
    as UTC without a time zone), latency_ms, ttft_ms, error, cost, tokens, thumb, regenerated,
    escalated, metadata. Other columns go into metadata. The same id with the same content is left
    as it is; with other content it is a conflict, which is reported and never overwrites.

    Example: annotate output import logs.csv --map response=answer --segment billing
    """
    from annotate import outputs
    from annotate.cli import console, mapping

    columns = mapping.parse(map)
    database = console.database()
    with ExitStack() as open_files:
        given = [open_files.enter_context(console.received(file)) for file in files]
        rows = chain.from_iterable(
            outputs.read_outputs(file, name=name, format=format, mapping=columns, segment=segment)
            for file, name in given
        )
        try:
            if dry_run:
                with database.read() as session:
                    plan = outputs.plan_import(session, rows, progress=console.progress(), by=None)
            else:
                with database.write() as session:
                    plan = outputs.import_outputs(
                        session,
                        rows,
                        by=None,
                        skip_conflicts=skip_conflicts,
                        progress=console.progress(),
                    )
        except outputs.OutputConflicts as conflicts:
            _report(conflicts.plan, dry_run=False, stored=False, json=json)
            raise
    _report(plan, dry_run=dry_run, stored=not dry_run, json=json)
    if dry_run and plan.conflicting and not skip_conflicts:
        raise typer.Exit(2)


@app.command("list")
def list_(
    segment: Annotated[str | None, typer.Option("--segment", help="Only this segment.")] = None,
    configuration: Annotated[
        str | None, typer.Option("--configuration", help="Only this configuration.")
    ] = None,
    search: Annotated[
        str | None, typer.Option("--search", help="A text in id, input or response.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 50,
    offset: Annotated[int, typer.Option("--offset", min=0, help="Skip so many.")] = 0,
    json: Json = False,
) -> None:
    """List outputs by id.

    Example: annotate output list --segment billing --limit 20
    """
    from annotate import outputs
    from annotate.cli import console

    with console.database().read() as session:
        counts = outputs.segments(session, by=None)
        found = outputs.list_outputs(
            session,
            segment=segment,
            configuration=configuration,
            search=search,
            limit=limit,
            offset=offset,
            by=None,
        )
    if json:
        console.show_json(
            {"segments": counts, "outputs": [outputs.shown_fields(output) for output in found]}
        )
        return
    if not counts:
        console.note("There are no outputs yet; `annotate output import FILE` brings them in.")
        return
    console.show_table(
        [[o.key, o.segment, o.configuration, _short(o.input), _short(o.response)] for o in found],
        ["id", "segment", "configuration", "input", "response"],
        title=f"{len(found)} of {sum(counts.values())} outputs",
    )


@app.command()
def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="The output's id.")],
    json: Json = False,
) -> None:
    """Show one output with everything that is known of it.

    Example: annotate output show trace-0042
    """
    from annotate import outputs
    from annotate.cli import console

    with console.database().read() as session:
        fields = outputs.shown_fields(outputs.get_output(session, id, by=None))
    if json:
        console.show_json(fields)
        return
    console.show_table(
        [[name, _text(value)] for name, value in fields.items()], ["field", "value"], title=id
    )


def _report(plan: "ImportPlan", *, dry_run: bool, stored: bool, json: bool) -> None:
    from annotate.cli import console

    if json:
        console.show_json({"stored": stored, "dry_run": dry_run, **plan.as_json()})
        return
    for conflict in plan.conflicts:
        rows = [
            [name, _short(conflict.stored[name], 400), _short(conflict.offered[name], 400)]
            for name in conflict.fields
        ]
        title = f"{conflict.key} ({conflict.file} row {conflict.row})"
        console.show_table(rows, ["field", "stored", "offered"], title=title)
    if not stored and not dry_run:
        return
    if plan.new:
        console.show_table(
            [[segment, str(count)] for segment, count in sorted(plan.by_segment.items())],
            ["segment", "new outputs"],
            title="Would be imported" if dry_run else "Imported",
        )
    console.note(
        f"{plan.new} new, {plan.same} already stored, {plan.conflicting} in conflict"
        + (" (nothing was stored: dry run)" if dry_run else "")
    )
    for column, count in sorted(plan.unknown.items()):
        console.note(f'column "{column}" is no field: kept in metadata ({count} rows)')


def _text(value: Any) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(value: Any, width: int = 60) -> str:
    words = " ".join(_text(value).split())
    return words if len(words) <= width else words[: width - 3] + "..."
