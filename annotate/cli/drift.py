"""annotate drift: did the judge move, did the raters move, or did the traffic move?"""

from typing import Annotated

import typer


def drift(
    judge: Annotated[str, typer.Option("--judge", help="The judge in question.")],
    baseline: Annotated[str, typer.Option("--baseline", help="The round to compare with.")],
    current: Annotated[str, typer.Option("--current", help="The later round.")],
    by: Annotated[
        str | None, typer.Option("--by", help="segment: also every segment by itself.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Drift of a judge between two rounds, with its cause.

    Exit code 1: an alarm. Exit code 3: not enough ratings to tell on any criterion.

    Example: annotate drift --judge judge-v1 --baseline 2026-q3 --current 2026-q4 --by segment
    """
    from annotate import rounds
    from annotate.cli import console
    from annotate.reports.drift import drift_report
    from annotate.stats import DriftVerdict

    with console.database().read() as session:
        report = drift_report(
            session,
            rounds.get_round(session, baseline),
            rounds.get_round(session, current),
            judge=judge,
            by_segment=console.by_segment(by),
            by=None,
        )
    if json:
        console.show_json(report.as_json())
    else:
        console.show_table(
            [
                [
                    row.criterion,
                    row.segment or "all",
                    row.result.verdict,
                    *(console.moved(row.result.contrasts[name]) for name in "JHTC"),
                    row.sentence,
                ]
                for row in report.rows
            ],
            ["criterion", "segment", "verdict", "judge", "raters", "traffic", "coverage",
             "what happened"],
            title=f"Drift of {judge}: {baseline} to {current}; points [95 % interval] (units)",
        )  # fmt: skip
        for fact in report.facts:
            console.note(fact)
    verdicts = {row.result.verdict for row in report.rows}
    if DriftVerdict.ALARM in verdicts:
        raise typer.Exit(1)
    undecided = {DriftVerdict.CANNOT_TELL, DriftVerdict.NOT_ENOUGH}
    if not verdicts or verdicts <= undecided:
        raise typer.Exit(3)
