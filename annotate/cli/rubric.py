"""annotate rubric: add, list, show, diff, try, notes."""

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


@app.command("diff")
def diff_(
    before: Annotated[str, typer.Argument(metavar="NAME@VERSION")],
    after: Annotated[str, typer.Argument(metavar="NAME@VERSION")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """What two versions of a rubric differ in, and what that does to their ratings. Exit code 1
    where something differs.

    Example: annotate rubric diff rag-answer@1 rag-answer@2
    """
    from annotate import rubric_versions
    from annotate.cli import console
    from annotate.rubric_diff import diff

    with console.database().read() as session:
        sides = [
            rubric_versions.loaded(rubric_versions.get_rubric(session, name))
            for name in (before, after)
        ]
    found = diff(*sides)
    if json:
        console.show_json({"before": before, "after": after, "rows": [vars(c) for c in found]})
    else:
        console.show_table(
            [[c.where, c.before or "-", c.after or "-", c.effect] for c in found],
            ["where", "before", "after", "changes the"],
        )
    if found:
        raise typer.Exit(1)


@app.command("try")
def try_(
    round_name: Annotated[str, typer.Argument(metavar="ROUND")],
    criterion: Annotated[str, typer.Option("--criterion", help="The criterion to change.")],
    cut: Annotated[
        float | None, typer.Option("--cut", help="Make it binary: passed from this point on.")
    ] = None,
    merge: Annotated[
        list[str] | None,
        typer.Option("--merge", metavar="P,P", help="Put these points together; repeatable."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """What a coarser scale would have come to, on a round's ratings. Nothing is changed.

    Example: annotate rubric try 2026-q4 --criterion faithfulness --cut 4
    """
    from annotate import rounds
    from annotate.cli import console
    from annotate.reports.lab import lab

    with console.database().read() as session:
        found = lab(
            session,
            rounds.get_round(session, round_name),
            criterion,
            cut=cut,
            together=tuple(_points(group) for group in merge or ()),
            by=None,
        )
    if json:
        console.show_json(found.as_json())
        return
    trials = [("as it is", found.before)]
    if found.after is not None:
        trials.append(("tried", found.after))
    rows = []
    for name, trial in trials:
        points = " | ".join(trial.labels)
        rows.append([name, "people", points, console.figure(trial.agreement.alpha), ""])
        rows += [
            [name, judge, points, console.figure(result.weighted_kappa), str(result.verdict)]
            for judge, result in trial.judges.items()
        ]
    console.show_table(
        rows, ["scale", "who", "points", "alpha of people, kappa of a judge", "verdict"]
    )
    for one in found.confusions[:5]:
        console.note(
            f"{one.low:g} {one.labels[0]} and {one.high:g} {one.labels[1]}: "
            f"{one.pairs} pairs of ratings, in {', '.join(one.units[:5])}"
        )


def _points(group: str) -> tuple[float, ...]:
    from annotate.errors import BadInput

    try:
        return tuple(float(word) for word in group.split(","))
    except ValueError:
        raise BadInput(f"--merge {group}: give points with commas between, such as 1,2") from None


@app.command()
def notes(
    name: str,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """What leads have noted for a rubric's next version while they settled disputes.

    Example: annotate rubric notes rag-answer
    """
    from annotate import adjudication
    from annotate.cli import console

    with console.database().read() as session:
        found = adjudication.guideline_notes(session, name, by=None)
    if json:
        console.show_json({"rubric": name, "rows": [vars(note) for note in found]})
        return
    if not found:
        console.note(f"Nobody has noted anything for {name} while settling disputes.")
        return
    console.show_table(
        [[n.criterion, n.text, n.unit, n.round, n.by or "-"] for n in found],
        ["criterion", "note", "unit", "round", "by"],
    )
