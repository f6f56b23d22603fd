"""annotate round launch: draw a sample, say what it would show, freeze the round."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from sqlmodel import Session

    from annotate.planned import Plan
    from annotate.reports.outlook import Outlook, Reach

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def launch(
    name: Annotated[str | None, typer.Argument(metavar="NAME")] = None,
    rubric: Annotated[str | None, typer.Option("--rubric", help="NAME or NAME@VERSION.")] = None,
    units: Annotated[int, typer.Option("--units", help="Outputs to draw.")] = 60,
    by: Annotated[str, typer.Option("--by", help="segment, or none for one stratum.")] = "segment",
    allocate: Annotated[
        str, typer.Option("--allocate", help="proportional, equal or neyman.")
    ] = "proportional",
    criterion: Annotated[
        str | None,
        typer.Option("--criterion", help="Whose past variances neyman goes by; first ordinal one."),
    ] = None,
    overlap: Annotated[int, typer.Option("--overlap", help="Raters of each unit.")] = 3,
    anchors: Annotated[
        int, typer.Option("--anchors", help="Of the units, so many to rate again later.")
    ] = 0,
    anchors_from: Annotated[
        str | None,
        typer.Option(
            "--anchors-from",
            help="Rate this round's anchors again, all of them, beside the units drawn.",
        ),
    ] = None,
    repeats: Annotated[int, typer.Option("--repeats", help="Units to show twice.")] = 0,
    rater: Annotated[
        list[str] | None, typer.Option("--rater", help="Who rates; may be repeated.")
    ] = None,
    judge: Annotated[
        list[str] | None, typer.Option("--judge", help="Judge to calibrate; may be repeated.")
    ] = None,
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="Round that drift is measured from.")
    ] = None,
    seed: Annotated[str, typer.Option("--seed", help="Any text; the same draws the same.")] = "1",
    oversample: Annotated[
        list[str] | None,
        typer.Option(
            "--oversample",
            help="SIGNAL=N, of the units: thumbs_down, regenerated or escalated; repeatable.",
        ),
    ] = None,
    segment: Annotated[
        list[str] | None, typer.Option("--segment", help="Draw from these only; repeatable.")
    ] = None,
    configuration: Annotated[
        list[str] | None,
        typer.Option("--configuration", help="Draw from these only; repeatable."),
    ] = None,
    since: Annotated[
        datetime | None, typer.Option("--since", help="Draw outputs from this day (UTC) on.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", help="Draw outputs before this day (UTC).")
    ] = None,
    show: Annotated[
        list[str] | None,
        typer.Option(
            "--show", help="Let raters see configuration, metadata or signals; repeatable."
        ),
    ] = None,
    hide: Annotated[
        list[str] | None, typer.Option("--hide", help="Hide the reference from raters.")
    ] = None,
    lease: Annotated[
        int | None, typer.Option("--lease", help="Minutes a claim is kept without activity.")
    ] = None,
    minimum: Annotated[
        int, typer.Option("--minimum", help="Units below which a figure is withheld.")
    ] = 10,
    delta: Annotated[
        float | None, typer.Option("--delta", help="Drift in points that still is stable.")
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            "--threshold",
            help="NAME=NUMBER, by which a judge is trusted: of_ceiling, poor_of_ceiling, ceiling, "
            "bias, poor_bias or epsilon; repeatable.",
        ),
    ] = None,
    from_: Annotated[
        Path | None, typer.Option("--from", help="Launch an exported design document as it is.")
    ] = None,
    quota: Annotated[
        int | None, typer.Option("--quota", help="Units that one rater gets at most.")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option("--base", help="Compare pairs: this configuration, with --candidate."),
    ] = None,
    candidate: Annotated[
        str | None, typer.Option("--candidate", help="Compare pairs: with this configuration.")
    ] = None,
    practice: Annotated[
        bool,
        typer.Option("--practice", help="Practise on gold, with the known answer after each unit."),
    ] = False,
    pass_mark: Annotated[
        float, typer.Option("--pass-mark", help="Share of known answers that passes a practice.")
    ] = 0.8,
    tolerance: Annotated[
        float,
        typer.Option("--tolerance", help="Points that an answer may lie off the known one."),
    ] = 1.0,
    qualified_by: Annotated[
        str | None,
        typer.Option("--qualified-by", help="Practice round that every rater must have passed."),
    ] = None,
    reveals: Annotated[
        str | None,
        typer.Option(
            "--reveals", help="Norming: vote again on what a closed round's raters disputed."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the sample; write nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Draw a sample and freeze the round. It can be closed later, never edited.

    Example: annotate round launch 2026-q4 --rubric rag-answer --units 60 --overlap 3 --anchors 15
    --rater Ada --rater Ben --rater Cleo --dry-run
    """
    from annotate import rounds
    from annotate.cli import console
    from annotate.design import checked
    from annotate.errors import BadInput
    from annotate.settings import get_settings

    if from_ is not None:
        _launch_again(from_, name, dry_run=dry_run, json=json)
        return
    if name is None or rubric is None:
        raise BadInput("give the round's name and --rubric, or --from a design document")
    design = checked(
        name=name,
        rubric=rubric,
        units=units,
        by=None if by == "none" else by,
        allocate=allocate,
        criterion=criterion,
        overlap=overlap,
        anchors=anchors,
        anchors_from=anchors_from,
        repeats=repeats,
        raters=tuple(rater or ()),
        judges=tuple(judge or ()),
        baseline=baseline,
        seed=seed,
        oversample=_oversample(oversample or []),
        filters={
            "segments": tuple(segment or ()),
            "configurations": tuple(configuration or ()),
            "since": _utc(since),
            "until": _utc(until),
        },
        hide=_blind(hide or [], show or []),
        lease_minutes=get_settings().lease_minutes if lease is None else lease,
        parameters={"minimum_units": minimum, "delta": delta, **_thresholds(threshold or [])},
        quota=quota,
        compares=_compared(base, candidate),
        practice={"pass_mark": pass_mark, "tolerance": tolerance} if practice else None,
        qualified_by=qualified_by,
        reveals=reveals,
    )
    database = console.database()
    with database.read() if dry_run else database.write() as session:
        plan = rounds.plan_round(session, design, by=None)
        document = rounds.planned_document(plan)
        expected = _outlook(session, plan) if dry_run else None
        if not dry_run:
            rounds.launch_plan(session, plan, by=None)
    if json:
        console.show_json(
            {
                "round": name,
                "launched": not dry_run,
                "design_hash": document["hash"],
                "units": len(plan.units),
                "assignments": plan.assignments,
                "strata": document["strata"],
                **({"outlook": expected.as_json()} if expected else {}),
                "warnings": plan.warnings,
            }
        )
        return
    console.show_table(
        [
            [s.stratum, str(s.population), str(s.fresh), str(s.anchors),
             f"{s.inclusion_probability:.3f}"]
            for s in plan.strata
        ],
        ["stratum", "outputs", "fresh", "anchors", "inclusion probability"],
        title=f"The sample of {name}",
    )  # fmt: skip
    if expected is not None:
        _show_outlook(expected)
    for warning in plan.warnings:
        console.note(f"Note: {warning}.")
    verb = "would be" if dry_run else "is"
    console.note(
        f"{name} {verb} launched with {len(plan.units)} units and {plan.assignments} ratings of "
        f"a unit; design {document['hash'][:12]}."
    )


def _launch_again(file: Path, name: str | None, *, dry_run: bool, json: bool) -> None:
    """Launch an exported design document as it is; the name may only confirm its own."""
    from annotate import rounds
    from annotate.cli import console
    from annotate.errors import BadInput

    document = _read_design(file)
    if name is not None and name != document.get("name"):
        raise BadInput(f"{file.name} is the design of {document.get('name')!r}; leave the name out")
    database = console.database()
    with database.read() if dry_run else database.write() as session:
        round_ = rounds.launch_frozen(session, document, by=None)
        launched, design_hash = round_.name, round_.design_hash
    if json:
        console.show_json(
            {
                "round": launched,
                "launched": not dry_run,
                "design_hash": design_hash,
                "units": len(document["units"]),
            }
        )
        return
    verb = "can be" if dry_run else "is"
    console.note(f"{launched} {verb} launched with its {len(document['units'])} units; "
                 f"design {design_hash[:12]}.")  # fmt: skip


def _compared(base: str | None, candidate: str | None) -> tuple[str, str] | None:
    from annotate.errors import BadInput

    if base is None and candidate is None:
        return None
    if base is None or candidate is None:
        raise BadInput("a comparison needs both --base and --candidate")
    return base, candidate


def _blind(hide: list[str], show: list[str]) -> dict[str, bool]:
    """The blind policy of --hide and --show words."""
    from annotate.design import Blind
    from annotate.errors import BadInput

    for word in (*hide, *show):
        if word not in Blind.model_fields:
            known = ", ".join(Blind.model_fields)
            raise BadInput(f"{word!r} can be neither shown nor hidden; choose among {known}")
    return {**dict.fromkeys(hide, True), **dict.fromkeys(show, False)}


def _oversample(words: list[str]) -> dict[str, int]:
    from annotate.errors import BadInput

    found = {}
    for word in words:
        signal, _, number = word.partition("=")
        if not number.isdecimal():
            raise BadInput(f"--oversample {word}: write SIGNAL=N, such as thumbs_down=20")
        found[signal] = int(number)
    return found


def _outlook(session: "Session", plan: "Plan") -> "Outlook":
    """What the round could tell; it brings scipy, which a launch does without."""
    from annotate.reports.outlook import outlook

    return outlook(session, plan, by=None)


def _show_outlook(expected: "Outlook") -> None:
    """By segment: the intervals, and what more a narrower one would take; then the hours."""
    from annotate.cli import console

    whole = expected.rows[0]
    columns = ["segment", "fresh"]
    columns += ["pass rate, to ±5%"] if whole.pass_rate else []
    columns += ["wins, to ±5%"] if whole.preference else []
    columns += ["alpha known least, to ±0.1"] if whole.least else []
    columns += ["drift of the judge from"] if expected.judge else []
    console.show_table(
        [
            [
                row.segment or "all", str(row.fresh),
                *([_reach(row.pass_rate, "{:.0%}")] if whole.pass_rate else []),
                *([_reach(row.preference, "{:.0%}")] if whole.preference else []),
                *([_reach(row.least, "{:.2f}")] if whole.least else []),
                *([_points(row.judge)] if expected.judge else []),
            ]
            for row in expected.rows
        ],
        columns,
        title="What it would show",
    )  # fmt: skip
    for sentence in expected.sentences:
        console.note(sentence)
    console.note(expected.work.sentence())


def _points(shift: float | None) -> str:
    return "too few anchors" if shift is None else f"{shift:.2g} points"


def _reach(reach: "Reach | None", form: str) -> str:
    """`±0.21 (32 more units)`: how wide now, and what the wished width would take."""
    if reach is None:
        return "-"
    width = "withheld" if reach.half_width is None else f"±{form.format(reach.half_width)}"
    if not reach.more:
        return width
    left = f", {reach.left} left" if reach.more > reach.left else ""
    return f"{width} ({reach.more} more units{left})"


def _thresholds(words: list[str]) -> dict[str, float]:
    from annotate.design import THRESHOLDS
    from annotate.errors import BadInput

    known = (*THRESHOLDS, "epsilon")
    found = {}
    for word in words:
        name, _, number = word.partition("=")
        if name not in known:
            raise BadInput(f"--threshold {word}: the names are {', '.join(known)}")
        try:
            found[name] = float(number)
        except ValueError:
            raise BadInput(f"--threshold {word}: write NAME=NUMBER, such as bias=0.1") from None
    return found


def _utc(day: datetime | None) -> datetime | None:
    from datetime import UTC

    return day.replace(tzinfo=UTC) if day else None


def _read_design(path: Path) -> dict[str, Any]:
    import json

    from annotate.errors import BadInput, NotFound

    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror}; check the path") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(
            f"{path.name}: is not JSON ({error}); `annotate round design NAME` writes one"
        ) from None
    if not isinstance(document, dict):
        raise BadInput(f"{path.name}: is not a design document")
    return document
