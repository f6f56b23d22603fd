"""annotate calibration: judges against people."""

from typing import Annotated

import typer


def calibration(
    round_name: Annotated[str, typer.Argument(metavar="ROUND")],
    judge: Annotated[
        str | None,
        typer.Option(
            "--judge", help="Only this judge; by its plain name its newest version there."
        ),
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", help="segment: also every segment by itself.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Judges against human consensus, beside the human ceiling. Exit code 3: not enough ratings.

    Example: annotate calibration 2026-q4 --judge judge-v1 --by segment
    """
    from annotate import rounds
    from annotate.cli import console
    from annotate.reports.calibration import calibration_report, judges_of
    from annotate.reports.drift import no_scores, version_there
    from annotate.stats import Verdict

    with console.database().read() as session:
        found = rounds.get_round(session, round_name)
        judges = judges_of(session, found, by=None)
        judge = judge and version_there(judge, judges)
        if judge is not None and judge not in judges:
            raise no_scores(session, found, judge, judges)
        report = calibration_report(
            session, found, judge=judge, by_segment=console.by_segment(by), by=None
        )
    if json:
        console.show_json(report.as_json())
    elif not report.rows:
        console.note(
            f"Round {round_name} has no judge's scores yet; "
            f"`annotate rating import FILE --round {round_name} --kind judge` brings them in."
        )
    else:
        console.show_table(
            [
                [
                    row.criterion,
                    row.segment or "all",
                    row.judge,
                    str(row.result.n_units),
                    console.figure(row.result.coverage, percent=True),
                    console.figure(row.result.weighted_kappa),
                    console.figure(row.result.ceiling.weighted_kappa),
                    console.figure(row.result.spearman),
                    console.figure(row.result.bias),
                    row.result.verdict,
                ]
                for row in report.rows
            ],
            ["criterion", "segment", "judge", "units", "answered", "kappa", "ceiling", "Spearman", "bias",
             "verdict"],
            title=f"Calibration in {round_name}",
        )  # fmt: skip
        for row in report.rows:
            if row.segment is None:
                console.note(
                    f"{row.judge} on {row.criterion}: {row.result.verdict}, "
                    f"{row.result.verdict_reason}."
                )
            if row.segment is None and row.left_out:
                console.note(
                    f"{row.judge} on {row.criterion}: {row.left_out} units are left out, because "
                    "it has seen their case, as an example or to fit its cut points."
                )
    pooled = {row.result.verdict for row in report.rows if row.segment is None}
    if not pooled or pooled == {Verdict.NOT_ENOUGH}:
        raise typer.Exit(3)
