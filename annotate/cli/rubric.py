"""annotate rubric: add, list, show."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Rubrics: the versioned forms.", no_args_is_help=True, add_completion=False)


@app.command()
def add(file: Path) -> None:
    """Add a rubric file as the next version of its name.

    Example: annotate rubric add rag-answer.yaml
    """
    from annotate import rubric_file, rubric_versions
    from annotate.cli import console

    text = rubric_file.read(file)
    with console.database().write() as session:
        before = len(rubric_versions.list_rubrics(session, by=None))
        row = rubric_versions.add_rubric(session, text, source_name=file.name)
        said = f"{row.name}@{row.version}"
        new = len(rubric_versions.list_rubrics(session, by=None)) > before
    console.note(f"{said} was added." if new else f"{said} is in the workspace already.")


@app.command("list")
def list_(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Every rubric version, and the built-in ones.

    Example: annotate rubric list
    """
    from annotate import rubric, rubric_versions
    from annotate.cli import console

    with console.database().read() as session:
        stored = rubric_versions.list_rubrics(session, by=None)
        rows: list[dict[str, str | int | None]] = [
            {"name": r.name, "version": r.version, "title": r.title, "hash": r.hash} for r in stored
        ]
    names = {r["name"] for r in rows}
    for name in rubric.builtin_names():
        if name not in names:
            found = rubric.builtin(name)
            rows.append({"name": name, "version": None, "title": found.title, "hash": found.hash})
    if json:
        console.show_json({"rows": rows})
        return
    console.show_table(
        [
            [str(r["name"]), str(r["version"] or "built in"), str(r["title"]), str(r["hash"])[:12]]
            for r in rows
        ],
        ["name", "version", "title", "hash"],
    )


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME[@VERSION]")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """A rubric as it was written.

    Example: annotate rubric show rag-answer@2 > rag-answer.yaml
    """
    from annotate import rubric_versions
    from annotate.cli import console

    with console.database().read() as session:
        row = rubric_versions.get_rubric(session, name)
        document, source = row.document, row.source
    if json:
        console.show_json(document)
    else:
        typer.echo(source, nl=not source.endswith("\n"))
