"""annotate round: raters, report: what came of a round."""

from pathlib import Path
from typing import Annotated

import typer

RoundName = Annotated[str, typer.Argument(metavar="ROUND")]


def raters(
    name: RoundName,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """A round's raters beside each other, by name and never by rank.

    How strict each is beside the others, how consistent on units shown twice, and how each uses the
    scale.

    Example: annotate round raters 2026-q4
    """
    from annotate import rounds
    from annotate.cli import console
    from annotate.reports.panel import panel

    with console.database().read() as session:
        found = panel(session, rounds.get_round(session, name), by=None)
    if json:
        console.show_json(found.as_json())
        return
    console.show_table(
        [
            [
                row.criterion,
                row.rater,
                str(row.ratings),
                console.figure(row.difference),
                console.figure(row.consistency),
                str(row.abstained),
                " ".join(f"{share:.0%}" for share in row.use),
            ]
            for row in found.rows
        ],
        ["criterion", "rater", "ratings", "beside the others", "the same twice", "abstained",
         "use of the scale"],
    )  # fmt: skip


def report(name: RoundName, file: Path) -> None:
    """Write a round's report as one HTML file, which prints well and needs nothing else.

    Example: annotate round report 2026-q4 2026-q4.html
    """
    from annotate import rounds
    from annotate.cli import console
    from annotate.errors import BadInput
    from annotate.reports.document import round_document

    with console.database().read() as session:
        text = round_document(session, rounds.get_round(session, name), by=None)
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{file} cannot be written: {error.strerror}; choose another") from None
    console.note(f"The report of {name} is in {file}.")


COMMANDS = (raters, report)
