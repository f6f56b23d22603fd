"""annotate gold: disputes, adjudication, promotion and the golden dataset."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from annotate.adjudication import Decision

app = typer.Typer(
    help="Gold labels: settle disputes, promote, export.",
    no_args_is_help=True,
    add_completion=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Kind = Annotated[
    str | None, typer.Option("--kind", help="golden, adversarial or regression; all by default.")
]


@app.command()
def disputes(
    round_name: Annotated[str, typer.Argument(metavar="ROUND")], json: Json = False
) -> None:
    """What raters of a round dispute, with every side and the likeliest cause.

    Example: annotate gold disputes 2026-q4
    """
    from annotate import rounds
    from annotate.cli import console
    from annotate.reports.causes import explained

    with console.database().read() as session:
        causes = explained(session, rounds.get_round(session, round_name), by=None)
    found = [one.dispute for one in causes]
    if json:
        console.show_json(
            {
                "round": round_name,
                "rows": [
                    {
                        "unit": d.decision.unit,
                        "criterion": d.decision.criterion,
                        "segment": d.decision.segment,
                        "reason": d.decision.consensus.reason,
                        "cause": one.cause,
                        "evidence": one.evidence,
                        "votes": [
                            {
                                "rater": v.rater,
                                "value": v.value,
                                "label": v.label,
                                "rationale": v.rationale,
                                "counted": v.counted,
                                **_order(v.swapped),
                            }
                            for v in d.votes
                        ],
                    }
                    for one, d in zip(causes, found, strict=True)
                ],
            }
        )
        return
    if not found:
        console.note(f"Round {round_name} has no open disputes.")
        return
    console.show_table(
        [
            [
                d.decision.unit,
                d.decision.criterion,
                ", ".join(
                    f"{v.rater}: {v.label}{'' if v.counted else ' (not counted)'}" for v in d.votes
                ),
                d.decision.consensus.reason or "",
                one.cause,
                one.evidence,
            ]
            for one, d in zip(causes, found, strict=True)
        ],
        ["unit", "criterion", "ratings", "why", "likeliest cause", "evidence"],
        title=f"Disputes in {round_name}",
    )


def _order(swapped: bool | None) -> dict[str, str]:
    """Of a pair: which response stood as A, of which the rationale may speak."""
    return {} if swapped is None else {"shown_as_a": "candidate" if swapped else "base"}


@app.command()
def adjudicate(
    round_name: Annotated[str, typer.Argument(metavar="ROUND")],
    unit: str,
    criterion: str,
    value: str,
    reason: Annotated[str, typer.Option("--reason", help="Why; raters will read it.")],
    lead: Annotated[str, typer.Option("--lead", help="Who decides.")],
) -> None:
    """Settle a dispute: a rating of the lead's own, with a reason.

    Example: annotate gold adjudicate 2026-q4 out-17 faithfulness 2 --lead Ada --reason "the fee is
    not in the context"
    """
    from annotate import adjudication, people, rounds
    from annotate.cli import console

    with console.database().write() as session:
        round_ = rounds.get_round(session, round_name)
        before = adjudication.decision_on(session, round_, unit, criterion, by=None)
        adjudication.adjudicate(
            session,
            round_,
            unit,
            criterion,
            value,
            reason,
            by=people.get_rater(session, lead),
        )
    console.note(f"{unit}, {criterion}: adjudicated by {lead}.{_overruled(before)}")


def _overruled(before: "Decision | None") -> str:
    """What the decision takes the place of, if that was no open dispute."""
    if before is None or before.label is None:
        return ""
    if before.adjudicated_by is not None:
        return f" The decision of {before.adjudicated_by} was {before.label}."
    return f" The raters' own consensus ({before.consensus.how}) was {before.label}."


@app.command()
def promote(
    round_name: Annotated[str, typer.Argument(metavar="ROUND")],
    kind: Annotated[
        str, typer.Option("--kind", help="golden, adversarial or regression.")
    ] = "golden",
    criterion: Annotated[
        list[str] | None, typer.Option("--criterion", help="Only this one; may be repeated.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also labels of other rounds that say otherwise.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen; write nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Accept the consensus of a closed round as gold. Exit code 1: labels of other rounds differ.

    Those stay in force and are listed; --replace retires them.

    Example: annotate gold promote 2026-q4 --kind golden
    """
    from annotate import gold, rounds
    from annotate.cli import console

    with console.database().write() as session:
        done = gold.promote(
            session,
            rounds.get_round(session, round_name),
            kind=kind,
            criteria=criterion,
            replace=replace,
            by=None,
            dry_run=dry_run,
        )
    if json:
        console.show_json(
            {
                "round": round_name,
                "dry_run": dry_run,
                "added": done.added,
                "changed": done.changed,
                "same": done.same,
                "conflicts": [vars(conflict) for conflict in done.conflicts],
                "left": done.left,
            }
        )
    else:
        verb = "would be promoted" if dry_run else "promoted"
        console.note(f"{done.added} labels {verb}, {done.changed} changed, {done.same} as before.")
        for reason, count in sorted(done.left.items()):
            console.note(f"{count} left out: {reason}.")
        for conflict in done.conflicts:
            console.note(f"Left in force: {conflict}; --replace takes the new one.")
    if done.conflicts:
        raise typer.Exit(1)


@app.command("list")
def list_(
    kind: Kind = None,
    round_name: Annotated[
        str | None, typer.Option("--round", help="Only labels from this round.")
    ] = None,
    json: Json = False,
) -> None:
    """The gold labels in force.

    Example: annotate gold list --kind golden
    """
    from annotate import gold
    from annotate.cli import console

    with console.database().read() as session:
        found = gold.list_gold(session, kind=kind, round_name=round_name, by=None)
    if json:
        console.show_json({"rows": [gold.as_json(label) for label in found]})
        return
    console.show_table(
        [
            [
                g.output,
                g.criterion,
                g.label,
                "" if g.value is None else f"{g.value:g}",
                g.how,
                f"{g.agreement:.0%}",
                g.round,
            ]
            for g in found
        ],
        ["output", "criterion", "label", "value", "how", "agreement", "round"],
        title="Gold",
    )


@app.command()
def diff(file: Path, kind: Kind = None, json: Json = False) -> None:
    """What a merge into this golden dataset would change. Exit code 1 when it would.

    Example: annotate gold diff golden.jsonl
    """
    from annotate import gold
    from annotate.cli import console

    with console.database().read() as session:
        result = gold.diff(session, file, kind=kind, by=None)
    _report(result, file, json=json, written=False)
    if result.added or result.changed or result.conflicts:
        raise typer.Exit(1)


@app.command()
def export(
    file: Path,
    kind: Kind = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="Bring the gold into the file that is there.")
    ] = False,
    resolve: Annotated[
        str | None,
        typer.Option("--resolve", help="Who wins a conflict: workspace or file."),
    ] = None,
    format: Annotated[str, typer.Option("--format", help="jsonl is the one so far.")] = "jsonl",
    json: Json = False,
) -> None:
    """Write the golden dataset: one case a line, sorted, the same bytes for the same gold.

    Example: annotate gold export golden.jsonl --merge
    """
    from annotate import gold
    from annotate.cli import console
    from annotate.errors import BadInput

    if format != "jsonl":
        raise BadInput(f"--format {format}: golden datasets are written as jsonl")
    with console.database().write() as session:
        result = gold.export(session, file, kind=kind, merge=merge, resolve=resolve, by=None)
    _report(result, file, json=json, written=not result.conflicts)
    if result.conflicts:
        raise typer.Exit(2)


def _report(result: "object", file: Path, *, json: bool, written: bool) -> None:
    from annotate.cli import console
    from annotate.gold_file import Merge

    assert isinstance(result, Merge)
    if json:
        console.show_json(
            {
                "file": file.name,
                "written": written,
                "hash": result.hash,
                "added": result.added,
                "changed": result.changed,
                "same": len(result.same),
                "kept": result.kept,
                "conflicts": [
                    {
                        "id": c.id,
                        "line": c.line,
                        "field": c.field,
                        "in_file": c.in_file,
                        "in_workspace": c.in_workspace,
                    }
                    for c in result.conflicts
                ],
            }
        )
        return
    console.note(
        f"{file.name}, cases: {len(result.added)} added, {len(result.changed)} changed, "
        f"{len(result.same)} the same, {result.kept} of others kept."
    )
    for conflict in result.conflicts:
        console.note(f"Conflict: {conflict}")
    if result.conflicts:
        console.note(
            "Nothing was written. Mend the file or the gold, or choose a side with "
            "--resolve workspace or --resolve file."
        )
    elif written:
        console.note(f"SHA-256 {result.hash}")
