"""annotate agreement: how far a round's raters coincide."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from annotate.reports.agreement import AgreementReport


def agreement(
    round_name: Annotated[str, typer.Argument(metavar="ROUND")],
    by: Annotated[
        str | None, typer.Option("--by", help="segment: also every segment by itself.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Agreement of a round's raters: alpha, AC1 or AC2 and percent, each with its interval.

    Exit code 3: not enough ratings.

    Example: annotate agreement 2026-q4 --by segment
    """
    from annotate import rounds
    from annotate.cli import console
    from annotate.reports.agreement import agreement_report

    with console.database().read() as session:
        report = agreement_report(
            session,
            rounds.get_round(session, round_name),
            by_segment=console.by_segment(by),
        )
    if json:
        console.show_json(report.as_json())
    else:
        _show(report)
    if all(row.result.alpha.value is None and row.result.ac.value is None for row in report.rows):
        raise typer.Exit(3)


def _show(report: "AgreementReport") -> None:
    from annotate.cli import console

    console.show_table(
        [
            [
                row.criterion,
                row.segment or "all",
                str(row.result.n_units),
                console.figure(row.result.alpha),
                console.figure(row.result.ac),
                console.figure(row.result.percent, percent=True),
                row.result.level,
            ]
            for row in report.rows
        ],
        ["criterion", "segment", "units", "alpha", "AC1/AC2", "percent", "level"],
        title=f"Agreement in {report.round}",
    )
