"""From a file's rows to ratings with checked fields; the rubric and the database come later."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from annotate import fields
from annotate.errors import BadInput, BadRow
from annotate.formats import Row
from annotate.formats.detect import Table
from annotate.formats.source import File

KINDS = ("human", "judge", "metric")
ABSTENTIONS = ("not_applicable", "cannot_judge", "withdrawn")

INFORMATION = (
    "case",
    "configuration",
    "segment",
    "stratum",
    "purpose",
    "inclusion_probability",
    "superseded",
)
"""Columns of an export that the database it is imported into knows itself."""


def _kind(value: Any) -> str:
    return _one_of(value, KINDS)


def _abstention(value: Any) -> str:
    return _one_of(value, ABSTENTIONS)


def _one_of(value: Any, known: tuple[str, ...]) -> str:
    word = value.strip().lower().replace(" ", "_") if isinstance(value, str) else value
    if word not in known:
        raise fields.Unfit(f"is {fields.shown(value)}", f"use one of {', '.join(known)}")
    return str(word)


def _stored_text(value: Any) -> str:
    found = fields.text(value)
    fields.storable(found)
    return found


def _stored_name(value: Any) -> str:
    found = fields.name(value)
    if not found.isascii():
        fields.storable(found)
    return found


def _spans(value: Any) -> list[dict[str, Any]]:
    found = fields.json_text(value) if isinstance(value, str) else value
    if not isinstance(found, list):
        raise fields.Unfit(f"is {fields.shown(value)}, not a list of spans", _SPANS_MEND)
    for span in found:
        if (
            not isinstance(span, dict)
            or set(span) != {"field", "start", "end"}
            or not isinstance(span["field"], str)
            or type(span["start"]) is not int
            or type(span["end"]) is not int
            or not 0 <= span["start"] < span["end"]
        ):
            raise fields.Unfit(f"has the span {fields.shown(str(span))}", _SPANS_MEND)
    fields.storable(found)
    return found


_SPANS_MEND = "give a list of {field, start, end}, in characters"


def _run(value: Any) -> int:
    found = fields.whole(value)
    if found < 1:
        raise fields.Unfit(f"is {found}", "count runs from 1")
    return found


CHECKS = {
    "output_id": _stored_name,
    "rater": _stored_name,
    "criterion": _stored_name,
    "value": lambda value: value,
    "kind": _kind,
    "unit": _stored_name,
    "rationale": _stored_text,
    "abstained": _abstention,
    "text": _stored_text,
    "evidence": _spans,
    "rated_at": fields.moment,
    "seconds": fields.amount,
    "cost_usd": fields.amount,
    "latency_ms": fields.amount,
    "round": _stored_name,
    "seen": fields.texts,
    "run": _run,
    "extra": fields.boolean,
    "adjudication": fields.boolean,
    "rating": fields.whole,
    "supersedes": fields.whole,
}
FIELDS = tuple(CHECKS)

SYNONYMS: dict[str, tuple[str, ...]] = {
    "output_id": ("id", "output", "example_id", "item", "item_id"),
    "rater": ("annotator", "annotator_id", "rater_id", "judge", "worker", "worker_id", "user"),
    "criterion": ("metric", "dimension", "question", "aspect", "label_name"),
    "value": ("score", "label", "rating_value", "answer"),
    "rationale": ("reason", "explanation", "comment", "justification"),
    "rated_at": ("timestamp", "created_at", "time"),
    "cost_usd": ("cost",),
    "latency_ms": ("latency",),
}


@dataclass(slots=True)
class RatingRow:
    """One row of a ratings file; what it leaves out is None."""

    row: int
    output_id: str | None
    unit: str | None
    rater: str
    kind: str | None
    criterion: str
    value: Any
    """As the file has it; None where the row has no value at all."""
    text: str | None
    abstained: str | None
    rationale: str | None
    evidence: list[dict[str, Any]] | None
    rated_at: datetime | None
    seconds: float | None
    cost_usd: float | None
    latency_ms: float | None
    round: str | None
    """Empty where the file says that the rating belongs to no round."""
    seen: list[str] | None
    run: int
    extra: bool
    adjudication: bool
    rating: int | None
    """The row's number in an export, which `supersedes` of a later row refers to."""
    supersedes: int | None


@dataclass(frozen=True)
class RatingFile:
    """A ratings file, read."""

    name: str
    rows: list[RatingRow]
    ignored: Counter[str]
    """Columns that are no field: rows that fill them."""


def read_ratings(
    file: File,
    *,
    name: str | None = None,
    format: str | None = None,
    mapping: Mapping[str, str] | None = None,
) -> RatingFile:
    """The rows of a ratings file.

    mapping: {field: column} for fields whose column has another name.
    Raises BadInput for the file as a whole and BadRow for the first row that cannot be used.
    """
    mapping = dict(mapping or {})
    with Table(file, name, format) as table:
        for field in mapping:
            if field not in CHECKS:
                raise BadInput(
                    f'--map {field}={mapping[field]}: "{field}" is not a field; '
                    f"the fields are {', '.join(FIELDS)}"
                )
        column_of = {field: mapping.get(field, field) for field in FIELDS}
        if table.columns is not None:
            _check_columns(table.name, table.columns, column_of, set(mapping))
        fields_of: dict[str, list[str]] = {}
        for field, column in column_of.items():
            fields_of.setdefault(column, []).append(field)
        ignored: Counter[str] = Counter()
        rows = []
        for number, row in table:
            found = _found(table.name, number, row, fields_of, ignored)
            rows.append(_checked(table.name, number, row, found, column_of))
        return RatingFile(table.name, rows, ignored)


def suggest_mapping(columns: list[str]) -> dict[str, str]:
    """{field: column} for columns that are named like a field or a common synonym of one."""
    by_name = {column.strip().lower(): column for column in reversed(columns)}
    found = {field: by_name[field] for field in FIELDS if field in by_name}
    for field, synonyms in SYNONYMS.items():
        for synonym in synonyms:
            column = by_name.get(synonym)
            if field not in found and column is not None and column not in found.values():
                found[field] = column
    return {field: found[field] for field in FIELDS if field in found}


def _check_columns(
    name: str, columns: list[str], column_of: dict[str, str], mapped: set[str]
) -> None:
    for field in sorted(mapped):
        if column_of[field] not in columns:
            raise BadInput(
                f'{name}: has no column "{column_of[field]}" for {field}; '
                f"its columns are {', '.join(columns)}"
            )
    present = {field for field, column in column_of.items() if column in columns}
    for field in ("output_id", "rater", "criterion", "value"):
        instead = {"output_id": {"unit"}, "value": {"text", "abstained"}}.get(field, set())
        if field not in present and not present & instead:
            raise BadInput(f"{name}: {'; '.join(_missing(field, columns))}")


def _missing(field: str, columns: list[str]) -> tuple[str, str]:
    likely = suggest_mapping(columns).get(field, "COLUMN")
    shown = ", ".join(columns[:20]) + (", ..." if len(columns) > 20 else "")
    return (
        f'has no column "{field}" (its columns are {shown or "none"})',
        f"name the right one: --map {field}={likely}",
    )


def _found(
    name: str, number: int, row: Row, fields_of: dict[str, list[str]], ignored: Counter[str]
) -> dict[str, Any]:
    """The row's checked fields, those without a value left out."""
    found: dict[str, Any] = {}
    field = ""
    try:
        for column, value in row.items():
            names = fields_of.get(column)
            if names is None:
                if column not in INFORMATION and value not in (None, ""):
                    ignored[column] += 1
                continue
            for field in names:
                if value is None or value == "":
                    # An empty list of tags is a value; an empty round says "none".
                    if field in ("value", "round") and value is not None:
                        found[field] = value
                else:
                    found[field] = CHECKS[field](value)
    except fields.Unfit as unfit:
        shown = field if column == field else f'{field} (column "{column}")'
        raise BadRow(name, number, shown, unfit.problem, unfit.mend) from None
    return found


def _checked(
    name: str, number: int, row: Row, found: dict[str, Any], column_of: dict[str, str]
) -> RatingRow:
    for field in ("rater", "criterion"):
        if field not in found:
            if column_of[field] in row:
                raise BadRow(name, number, field, "is empty", "give a value")
            raise BadRow(name, number, None, *_missing(field, list(row)))
    if "output_id" not in found and "unit" not in found:
        if column_of["output_id"] in row or column_of["unit"] in row:
            raise BadRow(name, number, "output_id", "is empty", "give the id of the output")
        raise BadRow(name, number, None, *_missing("output_id", list(row)))
    get = found.get
    return RatingRow(
        number,
        get("output_id"),
        get("unit"),
        found["rater"],
        get("kind"),
        found["criterion"],
        get("value"),
        get("text"),
        get("abstained"),
        get("rationale"),
        get("evidence"),
        get("rated_at"),
        get("seconds"),
        get("cost_usd"),
        get("latency_ms"),
        get("round"),
        get("seen"),
        get("run", 1),
        get("extra", False),
        get("adjudication", False),
        get("rating"),
        get("supersedes"),
    )
