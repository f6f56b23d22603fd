"""annotate round: practice, norming, preference: what a round of one kind has come to."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def practice(name: Annotated[str, typer.Argument(metavar="ROUND")], json: Json = False) -> None:
    """How each rater does in a practice round, and who has passed.

    Example: annotate round practice training
    """
    from dataclasses import asdict

    from annotate import practice as practised
    from annotate import rounds
    from annotate.cli import console

    with console.database().read() as session:
        found = practised.results(session, rounds.get_round(session, name), by=None)
    if json:
        rows = [{**asdict(result), "share": result.share} for result in found]
        console.show_json({"round": name, "rows": rows})
        return
    words = {True: "yes", False: "no", None: "not finished"}
    console.show_table(
        [
            [r.rater, f"{r.done} of {r.units}", "" if r.share is None else f"{r.share:.0%}",
             str(r.asked), words[r.passed]]
            for r in found
        ],
        ["rater", "units", "as known", "of answers", "passed"],
        title=f"Practice in {name}",
    )  # fmt: skip


def norming(name: Annotated[str, typer.Argument(metavar="ROUND")], json: Json = False) -> None:
    """Agreement before and after the raters of a norming round saw each other's votes.

    Example: annotate round norming talk
    """
    from annotate import norming as normed
    from annotate import rounds
    from annotate.cli import console

    with console.database().read() as session:
        found = normed.changes(session, rounds.get_round(session, name), by=None)
    if json:
        rows = [
            {
                "criterion": c.criterion,
                "before": c.before.as_json(),
                "after": c.after.as_json(),
                "moved": c.moved,
                "votes": c.votes,
            }
            for c in found
        ]
        console.show_json({"round": name, "rows": rows})
        return
    console.show_table(
        [
            [c.criterion, console.figure(c.before), console.figure(c.after),
             f"{c.moved} of {c.votes}"]
            for c in found
        ],
        ["criterion", "alpha before", "alpha after", "votes changed"],
        title=f"Norming in {name}",
    )  # fmt: skip


def preference(name: Annotated[str, typer.Argument(metavar="ROUND")], json: Json = False) -> None:
    """Which of two configurations people prefer, per criterion and segment.

    Exit code 3: not enough ratings.

    Example: annotate round preference v2-against-v1
    """
    from annotate import rounds
    from annotate.cli import console
    from annotate.reports.preference import preference_report
    from annotate.stats import p_words

    with console.database().read() as session:
        report = preference_report(session, rounds.get_round(session, name), by=None)
    if json:
        console.show_json(report.as_json())
    else:
        console.show_table(
            [
                [row.criterion, row.segment or "all", str(row.share.n),
                 console.figure(row.share, percent=True),
                 *(str(count) for count in row.votes.values()),
                 p_words(row.p)]
                for row in report.rows
            ],
            ["criterion", "segment", "pairs", f"{report.candidate} wins", "base", "candidate",
             "tie", "both bad", "p"],
            title=f"{report.candidate} against {report.base} in {report.round}",
        )  # fmt: skip
        shown = console.figure(report.first_shown, percent=True)
        console.note(f"The response shown as A got {shown} of the votes for one of the two.")
    if all(row.share.value is None for row in report.rows):
        raise typer.Exit(3)


COMMANDS = (practice, norming, preference)
