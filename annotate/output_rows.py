"""From a file's rows to checked outputs: fields, columns, preview."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from annotate import fields
from annotate.errors import BadInput, BadRow
from annotate.formats import Row
from annotate.formats.detect import Table
from annotate.formats.source import File

REQUIRED = ("id", "input", "response")
EVERYTHING = "all"
"""The segment of outputs whose file has none."""
UNNAMED = "default"
"""The configuration of outputs whose file has none."""
REPEAT_SUFFIX = "#repeat"

CHECKS: dict[str, Callable[[Any], Any]] = {
    "id": fields.name,
    "input": fields.conversation,
    "response": fields.text,
    "contexts": fields.texts,
    "reference": fields.text,
    "case": fields.name,
    "configuration": fields.name,
    "segment": fields.name,
    "occurred_at": fields.moment,
    "latency_ms": fields.amount,
    "ttft_ms": fields.amount,
    "error": fields.text,
    "cost": fields.amounts,
    "tokens": fields.counts,
    "thumb": fields.thumb,
    "regenerated": fields.boolean,
    "escalated": fields.boolean,
    "metadata": fields.mapping,
}
FIELDS = tuple(CHECKS)
_UNSAID_IF_EMPTY = ("contexts", "cost", "tokens", "regenerated", "escalated", "metadata")
"""Fields in which nothing, or false, says as much as a field that is left out."""

SYNONYMS: dict[str, tuple[str, ...]] = {
    "id": (
        "output_id",
        "outputid",
        "uuid",
        "key",
        "trace_id",
        "request_id",
        "run_id",
        "example_id",
    ),
    "input": ("prompt", "question", "query", "user_input", "user_message", "messages", "request"),
    "response": ("answer", "output", "completion", "prediction", "generation", "generated_text"),
    "contexts": ("context", "documents", "retrieved_contexts", "chunks", "passages", "sources"),
    "reference": ("ground_truth", "expected", "expected_output", "gold", "target", "ideal"),
    "case": ("case_id", "case_key", "input_id", "prompt_id", "question_id"),
    "configuration": ("config", "system", "model", "variant", "version", "experiment"),
    "segment": ("feature", "feature_area", "use_case", "category", "topic", "intent", "slice"),
    "occurred_at": ("timestamp", "created_at", "time", "date", "datetime", "start_time"),
    "latency_ms": ("latency", "duration_ms", "response_time_ms"),
    "ttft_ms": ("ttft", "time_to_first_token_ms", "time_to_first_token"),
    "error": ("error_message", "exception"),
    "cost": ("cost_usd", "total_cost", "price"),
    "tokens": ("total_tokens", "token_count", "usage"),
    "thumb": ("feedback", "thumbs", "user_feedback", "rating", "vote"),
    "regenerated": ("regenerate", "retried"),
    "escalated": ("escalate", "handoff"),
    "metadata": ("meta", "extra", "attributes"),
}


@dataclass(slots=True)
class OutputRow:
    """One checked row of an outputs file: its fields, with defaults for those it leaves out."""

    file: str
    id: str
    input: str | list[dict[str, Any]]
    response: str
    contexts: list[str]
    reference: str | None
    case: str
    configuration: str
    segment: str
    occurred_at: datetime | None
    latency_ms: float | None
    ttft_ms: float | None
    error: str | None
    cost: dict[str, float] | None
    tokens: dict[str, int] | None
    thumb: int | None
    regenerated: bool
    escalated: bool
    metadata: dict[str, Any]
    content_hash: str
    """SHA-256 of the canonical JSON of every field but the id that is not empty."""
    unknown: tuple[str, ...] = ()
    """Columns that are no field: their values are in metadata."""


def read_outputs(
    file: File,
    *,
    name: str | None = None,
    format: str | None = None,
    mapping: Mapping[str, str] | None = None,
    segment: str | None = None,
) -> Iterator[tuple[int, OutputRow]]:
    """(row number, checked output) of each row of a file.

    mapping: {field: column} for fields whose column has another name.
    segment: for rows that name none.
    Columns that are no field go into metadata under their own name.
    Raises BadInput for the file as a whole and BadRow for the first row that cannot be used.
    """
    with Table(file, name, format) as table:
        reader = _Reader(table, dict(mapping or {}), segment)
        for number, row in table:
            yield number, reader.checked(number, row)
        reader.finished()


def suggest_mapping(columns: list[str]) -> dict[str, str]:
    """{field: column} for columns that are named like a field or a common synonym of one."""
    by_plain = {_plain(column): column for column in reversed(columns)}
    found: dict[str, str] = {}
    for name in FIELDS:
        if name in by_plain:
            found[name] = by_plain[name]
    for name, synonyms in SYNONYMS.items():
        taken = set(found.values())
        if name in found:
            continue
        for synonym in synonyms:
            column = by_plain.get(synonym)
            if column is not None and column not in taken:
                found[name] = column
                break
    return {name: found[name] for name in FIELDS if name in found}


@dataclass(frozen=True)
class Preview:
    """The beginning of a file, as it stands."""

    format: str
    columns: list[str]
    rows: list[Row]
    total: int | None
    """How many rows the file has, where the format says so."""


def preview(
    file: File, n: int = 5, *, name: str | None = None, format: str | None = None
) -> Preview:
    """The first n rows; the columns of JSON Lines are those of the first 100 rows."""
    rows: list[Row] = []
    with Table(file, name, format) as table:
        for _, row in table:
            rows.append(row)
            if len(rows) >= max(n, 1 if table.columns else 100):
                break
        columns = table.columns or list(dict.fromkeys(key for row in rows for key in row))
        return Preview(table.format, columns, rows[:n], table.total)


class _Reader:
    """Checks the rows of one file."""

    def __init__(self, table: Table, mapping: dict[str, str], segment: str | None) -> None:
        self._file = table.name
        self._columns = table.columns
        self._segment = segment if segment is None else self._given_segment(segment)
        self._column_of = {name: mapping.get(name, name) for name in FIELDS}
        self._response_column = self._column_of["response"]
        self._checks_of: dict[str, list[tuple[str, Callable[[Any], Any]]]] = {}
        for name, column in self._column_of.items():
            self._checks_of.setdefault(column, []).append((name, CHECKS[name]))
        self._unseen = {column for name, column in mapping.items() if name not in REQUIRED}
        self._first_with: int | None = None
        self._first_without: int | None = None
        for name in mapping:
            if name not in CHECKS:
                raise BadInput(
                    f'--map {name}={mapping[name]}: "{name}" is not a field; '
                    f"the fields are {', '.join(FIELDS)}"
                )
        if self._columns is not None:
            self._check_columns(self._columns, mapping)

    def _given_segment(self, segment: str) -> str:
        try:
            return fields.name(segment)
        except fields.Unfit as unfit:
            raise BadInput(f"--segment {unfit.problem}; {unfit.mend}") from None

    def _check_columns(self, columns: list[str], mapping: dict[str, str]) -> None:
        for name, column in mapping.items():
            if column not in columns:
                raise BadInput(
                    f'{self._file}: has no column "{column}" for {name}; '
                    f"its columns are {', '.join(columns)}"
                )
        for name in REQUIRED:
            if self._column_of[name] not in columns:
                raise BadInput(f"{self._file}: {missing_column(name, columns)}")
        self._unseen = set()

    def checked(self, number: int, row: Row) -> OutputRow:
        """The row as an output."""
        found: dict[str, Any] = {}
        more: dict[str, Any] = {}
        name = "id"
        checks_of = self._checks_of.get
        try:
            for column, value in row.items():
                if value is None or (value == "" and column != self._response_column):
                    continue
                checks = checks_of(column)
                if checks is None:
                    name = column
                    more[column] = fields.plain(value, fields.DEPTH_LIMIT)
                    if type(value) is str:
                        fields.text(value)
                else:
                    for name, check in checks:
                        if value != "" or name == "response":
                            found[name] = check(value)
        except fields.Unfit as unfit:
            raise self._bad(number, name, unfit.problem, unfit.mend) from None
        if self._unseen:
            self._unseen -= row.keys()
        self._require(number, row, found)
        self._place(number, row, found)
        if more:
            self._merge(number, found, more)
        if found["id"].endswith(REPEAT_SUFFIX):
            raise self._bad(
                number, "id", f"ends in {REPEAT_SUFFIX}", "rename it: repeats of units use that end"
            )
        return self._row(number, found, tuple(more))

    def finished(self) -> None:
        """After the last row: a mapped column that no row had is a slip of the pen."""
        if self._unseen:
            raise BadInput(
                f'{self._file}: no row has "{sorted(self._unseen)[0]}"; check the --map options'
            )

    def _require(self, number: int, row: Row, found: dict[str, Any]) -> None:
        for name in REQUIRED:
            if name in found:
                continue
            if name == "response" and found.get("error"):
                found["response"] = ""
            elif self._column_of[name] in row:
                mend = "give a value"
                if name == "response":
                    mend = 'give the response ("" if the system said nothing), or say the error'
                raise self._bad(number, name, "is empty", mend)
            else:
                raise BadRow(self._file, number, None, *_missing(name, list(row)))

    def _place(self, number: int, row: Row, found: dict[str, Any]) -> None:
        """Settle case, configuration and segment."""
        found.setdefault("case", found["id"])
        found.setdefault("configuration", UNNAMED)
        if "segment" in found:
            self._first_with = self._first_with or number
        elif self._segment is not None:
            found["segment"] = self._segment
        elif self._column_of["segment"] in row:
            raise self._bad(number, "segment", "is empty", "give a value or pass --segment")
        else:
            self._first_without = self._first_without or number
            found["segment"] = EVERYTHING
        if self._first_with and self._first_without and self._segment is None:
            # Only JSON Lines can get here: its rows name their own fields.
            raise self._bad(
                self._first_without,
                "segment",
                f"is missing, and row {self._first_with} has one",
                "give a value or pass --segment",
            )

    def _merge(self, number: int, found: dict[str, Any], more: dict[str, Any]) -> None:
        metadata = found.setdefault("metadata", {})
        for column, value in more.items():
            if column in metadata and metadata[column] != value:
                raise self._bad(
                    number,
                    "metadata",
                    f'has "{column}", and so has the column "{column}"',
                    "rename one of them",
                )
            metadata[column] = value

    def _row(self, number: int, found: dict[str, Any], unknown: tuple[str, ...]) -> OutputRow:
        key = found.pop("id")
        try:
            # What is empty is left out, so that a field added in a later release, or a column
            # of nothing, leaves the hash as it was. Zero is a value.
            for name in _UNSAID_IF_EMPTY:
                if name in found and not found[name]:
                    del found[name]
            content = canonical(found)
            # A lone backslash is found ten times faster, and most rows have none.
            if (b"\\" in content and b"\\u0000" in content) or not key.isascii():
                self._check_storable(number, key, found)
        except UnicodeEncodeError:
            self._check_storable(number, key, found)
            raise
        get = found.get
        return OutputRow(
            self._file,
            key,
            found["input"],
            found["response"],
            get("contexts") or [],
            get("reference"),
            found["case"],
            found["configuration"],
            found["segment"],
            get("occurred_at"),
            get("latency_ms"),
            get("ttft_ms"),
            get("error"),
            get("cost"),
            get("tokens"),
            get("thumb"),
            get("regenerated", False),
            get("escalated", False),
            get("metadata") or {},
            hashlib.sha256(content).hexdigest(),
            unknown,
        )

    def _check_storable(self, number: int, key: str, found: dict[str, Any]) -> None:
        for name, value in {"id": key, **found}.items():
            try:
                fields.storable(value)
            except fields.Unfit as unfit:
                raise self._bad(number, name, unfit.problem, unfit.mend) from None

    def _bad(self, number: int, name: str, problem: str, mend: str) -> BadRow:
        column = self._column_of.get(name, name)
        shown = name if column == name else f'{name} (column "{column}")'
        return BadRow(self._file, number, shown, problem, mend)


def canonical(value: Any) -> bytes:
    """Checked fields as canonical JSON in UTF-8: sorted keys, no spare white space.

    Raises UnicodeEncodeError for half a character (a lone surrogate).
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        # An integer of more than 64 bits, or half a character.
        return json.dumps(
            value,
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
            default=datetime.isoformat,
        ).encode()


def missing_column(name: str, columns: list[str]) -> str:
    """Words for a required field that no column is named for: problem and mend."""
    return "; ".join(_missing(name, columns))


def _missing(name: str, columns: list[str]) -> tuple[str, str]:
    likely = suggest_mapping(columns).get(name, "COLUMN")
    shown = ", ".join(columns[:20]) + (", ..." if len(columns) > 20 else "")
    return (
        f'has no column "{name}" (its columns are {shown or "none"})',
        f"name the right one: --map {name}={likely}",
    )


def _plain(column: str) -> str:
    return "_".join(column.strip().lower().replace("-", " ").replace(".", " ").split())
