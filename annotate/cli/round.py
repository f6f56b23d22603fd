"""annotate round: launch, list, status, close, design."""

from typing import TYPE_CHECKING, Annotated

import typer

from annotate.cli import round_kinds, round_results
from annotate.cli.round_launch import launch

if TYPE_CHECKING:
    from annotate.pace import Pace

app = typer.Typer(help="Rounds: frozen campaigns of rating.", no_args_is_help=True,
                  add_completion=False)  # fmt: skip
app.command()(launch)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("list")
def list_(json: Json = False) -> None:
    """Every round, newest first.

    Example: annotate round list
    """
    from annotate import rounds
    from annotate.cli import console

    with console.database().read() as session:
        rows = []
        for round_ in rounds.list_rounds(session, by=None):
            done = rounds.progress(session, round_, by=None)
            rows.append(
                {
                    "round": round_.name,
                    "status": round_.status,
                    "units": done.units,
                    "assignments": done.assignments,
                    "submitted": done.submitted,
                    "design_hash": round_.design_hash,
                }
            )
    if json:
        console.show_json({"rows": rows})
        return
    if not rows:
        console.note("There are no rounds yet; `annotate round launch NAME` launches one.")
        return
    columns = ["round", "status", "units", "assignments", "submitted"]
    console.show_table([[str(row[c]) for c in columns] for row in rows], columns)


@app.command()
def status(name: Annotated[str, typer.Argument(metavar="ROUND")], json: Json = False) -> None:
    """How far a round is, by segment and by rater, when it would be done, and what is stuck.

    Example: annotate round status 2026-q4
    """
    from annotate import rounds
    from annotate.cli import console
    from annotate.reports.watch import watched

    with console.database().read() as session:
        found = rounds.get_round(session, name)
        done = rounds.progress(session, found, by=None)
        seen = watched(session, found, by=None)
    if json:
        console.show_json({**done.as_json(), "pace": seen.as_json()})
        return
    is_open = done.status == "open"
    console.show_table(
        [
            [segment, str(c["units"]), str(c["done"]), str(c["submitted"]), str(c["assignments"]),
             *([_when(seen.by_segment[segment])] if is_open else [])]
            for segment, c in done.by_segment.items()
        ],
        ["segment", "units", "done", "submitted", "of", *(["done about"] if is_open else [])],
        title=f"{name}: {done.status}, {done.submitted} of {done.assignments} submitted",
    )  # fmt: skip
    speeds = {one.rater: one for one in seen.speeds}
    console.show_table(
        [
            [rater, str(p.submitted), str(p.skipped), str(p.claimed), f"{p.seconds / 60:.0f}",
             "" if (takes := speeds[rater].seconds) is None else f"{takes:.0f}",
             *([str(speeds[rater].left), _when(speeds[rater].pace)] if is_open else [])]
            for rater, p in done.by_rater.items()
        ],
        ["rater", "submitted", "skipped", "open", "minutes", "seconds a unit",
         *(["left, about", "done about"] if is_open else [])],
    )  # fmt: skip
    for judge in seen.judges:
        console.note(f"{judge.judge} has scored {judge.outputs} of {judge.of} outputs.")
    if is_open and not seen.whole.done:
        left = seen.whole.work_left
        console.note(
            "Too early to tell when it would be done."
            if left is None or seen.whole.done_at is None
            else f"Work left: {left.total_seconds() / 3600:.1f} hours for all raters together; "
            f"done about {_when(seen.whole)} if work goes on without a pause."
        )
    for one in seen.stuck if is_open else ():
        console.note(f"stuck: {one.unit} with {one.rater} since {one.since:%Y-%m-%d %H:%M} UTC")
    for noted in done.notes:
        console.note(f"{noted['kind']} by {noted['rater']} on {noted['unit']}: {noted['text']}")


def _when(one: "Pace") -> str:
    if one.done:
        return "done"
    return "too early" if one.done_at is None else f"{one.done_at:%Y-%m-%d %H:%M} UTC"


@app.command()
def close(name: Annotated[str, typer.Argument(metavar="ROUND")]) -> None:
    """Take no more ratings in a round.

    Example: annotate round close 2026-q4
    """
    from annotate import rounds
    from annotate.cli import console

    with console.database().write() as session:
        done = rounds.progress(session, rounds.get_round(session, name), by=None)
        rounds.close_round(session, name, by=None)
    missing = done.assignments - done.submitted
    short = f"; {missing} of {done.assignments} submissions never came" if missing else ""
    console.note(f"{name} is closed{short}.")


@app.command()
def design(name: Annotated[str, typer.Argument(metavar="ROUND")]) -> None:
    """The frozen design as a JSON document, every unit in it. `launch --from` launches it again.

    Example: annotate round design 2026-q4 > 2026-q4.design.json
    """
    from annotate import rounds
    from annotate.cli import console

    with console.database().read() as session:
        console.show_json(rounds.design_document(session, rounds.get_round(session, name), by=None))


for command in (*round_kinds.COMMANDS, *round_results.COMMANDS):
    app.command()(command)
