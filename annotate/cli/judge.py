"""annotate judge: add, list, show, probe; its runs and its evidence are in modules of their own."""

import json as json_
from pathlib import Path
from typing import Annotated

import typer

from annotate.cli import judge_evidence, judge_runs

app = typer.Typer(
    help="Judges: models that grade by the raters' rubric.",
    no_args_is_help=True,
    add_completion=False,
)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command()
def add(file: Path) -> None:
    """Add a judge's file: the same judge again, or a new version of it.

    Example: annotate judge add judge.yaml
    """
    from annotate.cli import console
    from annotate.judge import judges, prices, spec

    one = spec.load(file)
    with console.database().write() as session:
        before = {rater.name for rater in judges.versions(session, one.name)}
        judge = judges.add_judge(session, one, by=None)
        name = judge.rater.name
        asked = ", ".join(criterion.id for criterion in judge.criteria)
    if name in before:
        console.note(
            f"{name} is in the workspace already: nothing that can change an answer differs."
        )
        return
    console.note(f"{name} was added (version {judge.version}). It grades: {asked}.")
    if prices.source(one) is None:
        console.note(
            f"The price of {one.model} is not known: costs will not be shown. "
            "Add `prices: {input: ..., output: ...}`, USD for a million tokens, to know them."
        )


@app.command("list")
def list_(json: AsJson = False) -> None:
    """Every version of every judge.

    Example: annotate judge list
    """
    from annotate.cli import console
    from annotate.judge import judges

    with console.database().read() as session:
        rows = [
            {
                "name": rater.name,
                "version": (rater.identity or {})["version"],
                "engine": (rater.identity or {})["spec"].get("engine"),
                "model": (rater.identity or {})["spec"].get("model"),
                "rubric": (rater.identity or {})["rubric"],
                "added_at": rater.created_at,
            }
            for rater in judges.list_judges(session, by=None)
        ]
        imported = [rater.name for rater in judges.list_imported(session, by=None)]
    if json:
        console.show_json({"rows": rows, "imported": imported})
        return
    if imported:
        console.note(
            f"Imported scores, which are calibrated and cannot be run: {', '.join(imported)}"
        )
    if not rows:
        console.note("No judge has been added yet: annotate judge add FILE")
        return
    console.show_table(
        [
            [
                str(r["name"]),
                str(r["engine"]),
                str(r["model"] or "-"),
                str(r["rubric"]),
                str(r["version"]),
            ]
            for r in rows
        ],
        ["judge", "engine", "model", "rubric", "version"],
    )


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="JUDGE[@VERSION]")],
    criterion: Annotated[str | None, typer.Option("--criterion", help="One only.")] = None,
    json: AsJson = False,
) -> None:
    """What a judge is asked, as its engine asks it: the prompt with its examples, or the questions.

    With --json also the schema of its answer.

    Example: annotate judge show strict --criterion faithfulness
    """
    from annotate.cli import console
    from annotate.judge import judges, provenance
    from db.tables import now

    with console.database().read() as session:
        judge = judges.get_judge(session, name, by=None)
        answered = provenance.answered_by(session, judge.rater)
        off = provenance.shutdown_of(session, judge.rater)
    for warning in provenance.warnings(answered, off, now().date()):
        console.note(warning)
    if judge.outdated:
        console.note(f"{judge.in_other_words}.")
    chosen = [c for c in judge.criteria if criterion in (None, c.id)]
    if not chosen:
        judge.rubric.criterion(criterion or "")
    asked = {one.id: judge.rendered(one) for one in chosen}
    if json:
        console.show_json(
            {
                "judge": judge.rater.name,
                "version": judge.version,
                "answered_by": [
                    {"model": one.model, "fingerprint": one.fingerprint, "answers": one.answers,
                     "first": one.first, "last": one.last}
                    for one in answered
                ],
                "shutdown_date": off,
                "asked": asked,
            }
        )  # fmt: skip
        return
    for id_, said in asked.items():
        words = (
            "\n\n".join(m["content"] for m in said["messages"][:-1])
            if "messages" in said
            else (json_.dumps(said, ensure_ascii=False, indent=2))
        )
        typer.echo(console.inert(f"== {id_}\n\n{words}\n"))


@app.command()
def probe(
    name: Annotated[str, typer.Argument(metavar="JUDGE[@VERSION]")],
    criterion: Annotated[
        str | None, typer.Option("--criterion", help="The first with points if not given.")
    ] = None,
    json: AsJson = False,
) -> None:
    """How often text in an answer that tells the judge what to say fools it.

    Ten questions are asked and paid for: a poor answer by itself, and with each of nine attempts.
    Nothing is stored. Exit code 1: it was fooled. 3: not measured, because it gives the poor answer
    no level or the best one, or answers no attempt.

    Example: annotate judge probe strict
    """
    from annotate.cli import console
    from annotate.judge import judges
    from annotate.judge.probe import probe as probed

    with console.database().read() as session:
        judge = judges.get_judge(session, name, by=None)
    found = probed(judge, criterion)
    if json:
        console.show_json(
            {
                "judge": judge.rater.name,
                "criterion": found.criterion,
                "honest": found.honest,
                "best": found.best,
                "fooled": found.fooled,
                "of": len(found.attempts),
                "answered": found.answered,
                "measured": found.measured,
                "sentence": found.sentence,
                "attempts": [vars(one) for one in found.attempts],
                "tokens": found.tokens,
                "usd": found.usd,
            }
        )
    else:
        console.show_table(
            [
                [one.name, "-" if one.level is None else f"{one.level:g}",
                 {True: "fooled", False: "stood", None: "not measured"}[one.fooled],
                 "yes" if one.noticed else "no"]
                for one in found.attempts
            ],
            ["attempt", "level", "the judge", "noticed"],
            title=f"{judge.rater.name} on {found.criterion}",
        )  # fmt: skip
        console.note(found.sentence)
    if found.fooled:
        raise typer.Exit(1)
    if not found.measured:
        raise typer.Exit(3)


for command in (*judge_runs.COMMANDS, *judge_evidence.COMMANDS):
    app.command()(command)
