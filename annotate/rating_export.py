"""Ratings out of the workspace: every rating of a round, superseded ones too, in order."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from annotate import events, people, rounds
from annotate.errors import BadInput
from annotate.formats.detect import FORMATS, format_of_name, write_table
from annotate.rubric import Rubric
from db.tables import Output, Rater, Rating, Round, Unit
from db.tables import Rubric as StoredRubric

COLUMNS: dict[str, str] = {
    "output_id": "text",
    "rater": "text",
    "criterion": "text",
    "value": "number",
    "kind": "text",
    "unit": "text",
    "rationale": "text",
    "abstained": "text",
    "text": "text",
    "evidence": "text",
    "rated_at": "time",
    "seconds": "number",
    "cost_usd": "number",
    "latency_ms": "number",
    "round": "text",
    "case": "text",
    "configuration": "text",
    "segment": "text",
    "stratum": "text",
    "purpose": "text",
    "inclusion_probability": "number",
    "seen": "texts",
    "run": "integer",
    "extra": "boolean",
    "adjudication": "boolean",
    "rating": "integer",
    "supersedes": "integer",
    "superseded": "boolean",
}
"""Columns of an export, and what they hold.

`rating` numbers the rows from 1, and `supersedes` names the number of the row that this one
corrects: so a file says the same whatever database it comes from. An empty `round` says that an
automated rater scored the output outside any round.
"""
FETCHED = 5000


def export_ratings(
    session: Session,
    round: Round,
    file: str | Path,
    *,
    format: str | None = None,
    by: Rater | None,
) -> int:
    """Write every rating of a round to a file, whole or not at all; returns their number.

    Automated ratings of the round's outputs that belong to no round are written too: the round's
    figures rest on them. `-` is standard output. Raises BadInput for a name that says no format.
    Only reads the database, so that nobody who rates has to wait for it: the caller then writes
    `record_export`.
    """
    people.require_lead(session, by)
    path = Path(file)
    standard = str(file) == "-"
    chosen = format or (None if standard else format_of_name(path.name))
    if standard and chosen is None:
        chosen = "jsonl"
    if chosen not in FORMATS:
        raise BadInput(
            f"{path.name}: the name says no format; "
            "end it in .jsonl, .csv or .parquet, or pass --format"
        )
    if standard:
        count = write_ratings(session, round, sys.stdout.buffer, chosen, by=by)
        sys.stdout.buffer.flush()
    else:
        count = _write_whole(session, round, path, chosen, by=by)
    return count


def record_export(
    session: Session, round: Round, file: str | Path, count: int, *, by: Rater | None
) -> None:
    """Note in the audit log that ratings left the workspace."""
    people.require_lead(session, by)
    events.record(
        session,
        "exported ratings",
        f"round:{round.name}",
        by=by,
        file=Path(file).name,
        ratings=count,
    )


def write_ratings(
    session: Session, round: Round, stream: BinaryIO, format: str, *, by: Rater | None
) -> int:
    """Write every rating of a round to a binary stream; returns their number."""
    people.require_lead(session, by)
    rounds.refuse_its_raters(round, by, "its ratings are exported")
    options = _options(session, round)
    types = dict(COLUMNS)
    if format == "parquet" and options:
        types["value"] = "text"  # option ids stand beside numbers in one column
    rows = _rows(session, round, options, format, as_text=types["value"] == "text")
    return write_table(stream, format, list(COLUMNS), rows, types)


def _write_whole(
    session: Session, round: Round, path: Path, format: str, *, by: Rater | None
) -> int:
    """Through a file beside it, so that a failure leaves what stood there."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as stream:
            if path.name.lower().endswith(".gz"):
                import gzip

                # Without a time in it, equal ratings give equal bytes.
                with gzip.GzipFile("", "wb", fileobj=stream, mtime=0) as packed:
                    target: BinaryIO = packed  # type: ignore[assignment]
                    count = write_ratings(session, round, target, format, by=by)
            else:
                count = write_ratings(session, round, stream, format, by=by)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadInput(f"{path}: cannot be written ({reason}); name another file") from None
    finally:
        part.unlink(missing_ok=True)
    return count


def _options(session: Session, round: Round) -> dict[str, tuple[str, ...]]:
    """Ids of the options, by categorical criterion: in files a value is the option's id."""
    stored = session.get_one(StoredRubric, round.rubric_id)
    keys = Rubric.from_document(stored.document).rating_keys()
    return {key.key: key.options for key in keys if key.options}


def _rows(
    session: Session,
    round: Round,
    options: dict[str, tuple[str, ...]],
    format: str,
    *,
    as_text: bool,
) -> Iterator[list[Any]]:
    """The rows as lists in the order of COLUMNS."""
    (criterion_at, value_at, evidence_at, seen_at, rating_at, supersedes_at, superseded_at) = (
        list(COLUMNS).index(name)
        for name in (
            "criterion",
            "value",
            "evidence",
            "seen",
            "rating",
            "supersedes",
            "superseded",
        )
    )
    numbers: dict[int, int] = {}
    result = session.connection().execution_options(yield_per=FETCHED).execute(_statement(round))
    for count, fetched in enumerate(result, start=1):
        row = list(fetched)
        numbers[row[rating_at]] = count
        row[rating_at] = count
        row[superseded_at] = bool(row[superseded_at])
        if row[supersedes_at] is not None:
            row[supersedes_at] = numbers.get(row[supersedes_at])
        value = row[value_at]
        if value is not None:
            value = int(value) if value.is_integer() else value
            if row[criterion_at] in options:
                value = options[row[criterion_at]][int(value)]
            row[value_at] = str(value) if as_text else value
        if format != "jsonl" and row[evidence_at] is not None:
            row[evidence_at] = json.dumps(row[evidence_at], ensure_ascii=False)
        yield row


def _statement(round: Round) -> sa.Select[Any]:
    later = aliased(Rating)
    units = sa.select(col(Unit.output_id)).where(col(Unit.round_id) == round.id)
    automated = sa.and_(
        col(Rating.round_id).is_(None),
        col(Rater.kind).in_(["judge", "metric"]),
        col(Rating.output_id).in_(units),
    )
    columns: dict[str, Any] = {
        "output_id": col(Output.key),
        "rater": col(Rater.name),
        "criterion": col(Rating.criterion),
        "value": col(Rating.value),
        "kind": col(Rater.kind),
        "unit": col(Unit.key),
        "rationale": col(Rating.rationale),
        "abstained": col(Rating.abstained),
        "text": col(Rating.text),
        "evidence": col(Rating.evidence),
        "rated_at": col(Rating.rated_at),
        "seconds": col(Rating.seconds),
        "cost_usd": col(Rating.cost_usd),
        "latency_ms": col(Rating.latency_ms),
        "round": sa.func.coalesce(col(Round.name), ""),
        "case": col(Output.case_key),
        "configuration": col(Output.configuration),
        "segment": col(Output.segment),
        "stratum": col(Unit.stratum),
        "purpose": col(Unit.purpose),
        "inclusion_probability": col(Unit.inclusion_probability),
        "seen": col(Rating.seen),
        "run": col(Rating.run),
        "extra": col(Rating.extra),
        "adjudication": col(Rating.adjudication),
        "rating": col(Rating.id),
        "supersedes": col(Rating.supersedes_id),
        "superseded": col(later.id).is_not(None),
    }
    return (
        sa.select(*(columns[name].label(name) for name in COLUMNS))
        .select_from(Rating)
        .join(Output, col(Output.id) == Rating.output_id)
        .join(Rater, col(Rater.id) == Rating.rater_id)
        .outerjoin(Round, col(Round.id) == Rating.round_id)
        .outerjoin(Unit, col(Unit.id) == Rating.unit_id)
        .outerjoin(later, col(later.supersedes_id) == Rating.id)
        .where(sa.or_(col(Rating.round_id) == round.id, automated))
        .order_by(col(Rating.id))
    )
