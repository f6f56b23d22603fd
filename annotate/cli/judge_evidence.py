"""annotate judge: disagreements, watch: what stands behind a judge's figures."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from annotate.reports.between_rounds import Period

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
JudgeName = Annotated[str, typer.Argument(metavar="JUDGE[@VERSION]")]
RoundName = Annotated[str, typer.Option("--round", help="The round whose people it is beside.")]
Criterion = Annotated[str, typer.Option("--criterion", help="The criterion.")]


def disagreements(
    judge: JudgeName,
    round_: RoundName,
    criterion: Criterion,
    segment: Annotated[str | None, typer.Option("--segment", help="Of this segment only.")] = None,
    json: AsJson = False,
) -> None:
    """The units on which a judge and people differ, the farthest apart first, with both reasons.

    Exit code 1 if there are any.

    Example: annotate judge disagreements strict --round May --criterion faithfulness
    """
    from annotate.cli import console
    from annotate.reports.calibration import judges_of
    from annotate.reports.disagreements import disagreements as report
    from annotate.reports.drift import version_there
    from annotate.rounds import get_round

    with console.database().read() as session:
        found_round = get_round(session, round_)
        found = report(
            session,
            found_round,
            judge=version_there(judge, judges_of(session, found_round, by=None)),
            criterion=criterion,
            segment=segment,
            by=None,
        )
    if json:
        console.show_json({"round": round_, "rows": [one.as_json() for one in found]})
    else:
        console.show_table(
            [
                [
                    one.unit, one.segment, f"{one.people:g}", f"{one.judge:.3g}",
                    f"{one.difference:+.2f}", one.error or "", one.reason or "",
                ]
                for one in found
            ],
            ["unit", "segment", "people", "judge", "difference", "error", "the judge's reason"],
        )  # fmt: skip
    if found:
        raise typer.Exit(1)


def watch(
    judge: JudgeName,
    round_: Annotated[str, typer.Option("--round", help="The round since which to look.")],
    criterion: Criterion,
    period: Annotated[str, typer.Option("--period", help="week or day.")] = "week",
    json: AsJson = False,
) -> None:
    """Between rounds: has the judge's mean on traffic left its limits, so that a round is due?

    Beside outputs that it scored from before the round. Exit code 1: a round is due. 3: too little
    to chart.

    Example: annotate judge watch strict --round May --criterion faithfulness
    """
    from annotate.cli import console
    from annotate.errors import BadInput
    from annotate.judge import judges
    from annotate.reports.between_rounds import between_rounds
    from annotate.rounds import get_round

    if period not in ("week", "day"):
        raise BadInput(f"--period {period}: week and day are known")
    chosen: Period = "day" if period == "day" else "week"
    with console.database().read() as session:
        found = between_rounds(
            session,
            get_round(session, round_),
            judge=judges.rater_named(session, judge).name,
            criterion=criterion,
            period=chosen,
            by=None,
        )
    if json:
        console.show_json(found.as_json())
    else:
        console.show_table(
            [
                [
                    line.segment,
                    f"{line.baseline.centre:.2f} ({line.baseline_size})",
                    str(int(line.sizes.sum())),
                    f"{line.chart.line[-1]:+.2f} of ±{line.chart.limit:.2f}",
                    "within its limits" if line.alarm is None else f"out since {line.alarm}",
                ]
                for line in found.lines
            ],
            ["segment", "before", "scores since", "line", "a round"],
        )
        for segment, why in found.without.items():
            console.note(f"{segment}: {why}.")
    if found.due:
        raise typer.Exit(1)
    if not found.lines:
        raise typer.Exit(3)


COMMANDS = (disagreements, watch)
