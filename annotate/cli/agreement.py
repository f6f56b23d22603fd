"""annotate agreement: how far a round's raters coincide."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from annotate.reports.agreement import AgreementReport


def agreement(
    round_name: Annotated[str, typer.Argument(metavar="ROUND")],
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            help="segment: also every segment by itself. rater: every pair of raters, and the "
            "others without each.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Agreement of a round's raters: alpha, AC1 or AC2 and percent, each with its interval.

    Exit code 3: not enough ratings.

    Example: annotate agreement 2026-q4 --by segment
    """
    if by == "rater":
        _by_rater(round_name, json=json)
        return
    from annotate import rounds
    from annotate.cli import console
    from annotate.reports.agreement import agreement_report

    with console.database().read() as session:
        report = agreement_report(
            session,
            rounds.get_round(session, round_name),
            by_segment=console.by_segment(by),
            by=None,
        )
    if json:
        console.show_json(report.as_json())
    else:
        _show(report)
    if all(row.result.alpha.value is None and row.result.ac.value is None for row in report.rows):
        raise typer.Exit(3)


def _by_rater(round_name: str, *, json: bool) -> None:
    from annotate import rounds
    from annotate.cli import console
    from annotate.reports.raters import rater_report

    with console.database().read() as session:
        report = rater_report(session, rounds.get_round(session, round_name), by=None)
    if json:
        console.show_json(report.as_json())
        return
    console.show_table(
        [
            [row.criterion, *row.named(pair), str(pair.kappa.n), console.figure(pair.kappa),
             console.figure(pair.percent, percent=True), console.figure(pair.marginals.difference)]
            for row in report.rows
            for pair in row.pairs
        ],
        ["criterion", "rater", "and", "units", "kappa", "percent", "more lenient by (points)"],
        title=f"Pairs of raters in {report.round}",
    )  # fmt: skip
    console.show_table(
        [
            [row.criterion, name, str(rest.n_units), console.figure(rest.alpha)]
            for row in report.rows
            for name, rest in zip(row.raters, row.without, strict=True)
        ],
        ["criterion", "without", "units", "alpha of the others"],
        title=f"Without each rater in {report.round}",
    )
    console.show_table(
        [
            [row.criterion, name, str(figure.n), console.figure(figure)]
            for row in report.rows
            for name, figure in row.coefficients.items()
        ],
        ["criterion", "coefficient", "units", "value"],
        title=f"Further coefficients in {report.round}",
    )


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
