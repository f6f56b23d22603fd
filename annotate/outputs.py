"""Outputs in the workspace: plan an import, import, list, show."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel, col, select

from annotate import events, people
from annotate.errors import BadRow, Conflict, NotFound
from annotate.output_rows import (
    OutputRow,
    Preview,
    canonical,
    preview,
    read_outputs,
    suggest_mapping,
)
from db.tables import Output, Rater, now

__all__ = [
    "ImportPlan",
    "OutputConflict",
    "OutputConflicts",
    "OutputRow",
    "Preview",
    "configurations",
    "get_output",
    "import_outputs",
    "list_outputs",
    "plan_import",
    "preview",
    "read_outputs",
    "segments",
    "shown_fields",
    "suggest_mapping",
]

CHUNK = 250
"""Rows that are checked, looked up and inserted together; larger ones leave the cache."""
CONFLICTS_SHOWN = 20
"""Conflicts that are kept with both versions; the rest are counted."""

Progress = Callable[[int, int | None], None]
"""Called with the rows done and, where it is known, their total."""


@dataclass(frozen=True)
class OutputConflict:
    """A row says something else than the stored output with the same id."""

    key: str
    file: str
    row: int
    stored: dict[str, Any]
    offered: dict[str, Any]
    fields: list[str]
    """The fields that differ; stored and offered hold only these."""

    def __str__(self) -> str:
        return f"{self.file} row {self.row}: {self.key} differs in {', '.join(self.fields)}"


@dataclass
class ImportPlan:
    """What an import would do, or has done."""

    new: int = 0
    same: int = 0
    """Rows that are stored already, or stand twice in the file."""
    conflicting: int = 0
    conflicts: list[OutputConflict] = field(default_factory=list)
    """The first of the conflicting rows, with both versions."""
    by_segment: Counter[str] = field(default_factory=Counter)
    """New outputs by segment."""
    unknown: Counter[str] = field(default_factory=Counter)
    """Columns that are no field, which go into metadata: rows that fill them."""

    @property
    def rows(self) -> int:
        """All rows that were read."""
        return self.new + self.same + self.conflicting

    def as_json(self) -> dict[str, Any]:
        """The plan for programs."""
        return {
            "new": self.new,
            "same": self.same,
            "conflicting": self.conflicting,
            "conflicts": [
                {
                    "id": c.key,
                    "file": c.file,
                    "row": c.row,
                    "fields": c.fields,
                    "stored": c.stored,
                    "offered": c.offered,
                }
                for c in self.conflicts
            ],
            "by_segment": dict(sorted(self.by_segment.items())),
            "into_metadata": dict(sorted(self.unknown.items())),
        }


class OutputConflicts(Conflict):
    """Rows of an import contradict stored outputs; nothing of it is stored."""

    def __init__(self, plan: ImportPlan) -> None:
        self.plan = plan
        shown = "\n".join(f"  {conflict}" for conflict in plan.conflicts)
        more = plan.conflicting - len(plan.conflicts)
        rest = f"\n  and {more} more" if more else ""
        count = plan.conflicting
        super().__init__(
            f"{count} {'row contradicts' if count == 1 else 'rows contradict'} stored outputs, "
            f"so nothing was stored:\n{shown}{rest}\n"
            "give changed outputs a new id, or leave these rows out with --skip-conflicts"
        )


def plan_import(
    session: Session,
    rows: Iterable[tuple[int, OutputRow]],
    *,
    progress: Progress | None = None,
    by: Rater | None,
) -> ImportPlan:
    """What importing the rows would do; stores nothing."""
    people.require_lead(session, by)
    plan = ImportPlan()
    for _ in _planned(session, rows, plan, progress, None):
        pass
    return plan


def import_outputs(
    session: Session,
    rows: Iterable[tuple[int, OutputRow]],
    *,
    by: Rater | None,
    skip_conflicts: bool = False,
    progress: Progress | None = None,
    total: int | None = None,
) -> ImportPlan:
    """Store the rows that are new.

    A row whose id is stored with the same content is a no-op. Raises OutputConflicts, after
    reading everything, when ids are stored with other content (unless those are to be skipped):
    the caller's transaction then leaves nothing behind. An output is never overwritten.
    """
    people.require_lead(session, by)
    plan = ImportPlan()
    files: dict[str, None] = {}
    connection = session.connection()
    insert, moment = _insert(connection.dialect), _moment(connection.dialect)
    imported_at = moment(now())
    for new in _planned(session, rows, plan, progress, total):
        if plan.conflicting and not skip_conflicts:
            continue
        files.update(dict.fromkeys(row.file for row in new))
        try:
            connection.exec_driver_sql(insert, [_stored(row, imported_at, moment) for row in new])
        except IntegrityError:
            # PostgreSQL only: SQLite has one writer at a time.
            raise Conflict(
                "another import stored some of these ids at this moment, so nothing was stored; "
                "repeat the import"
            ) from None
    if plan.conflicting and not skip_conflicts:
        raise OutputConflicts(plan)
    if plan.new:
        events.record(
            session,
            "outputs imported",
            ", ".join(files),
            by=by,
            new=plan.new,
            same=plan.same,
            conflicting=plan.conflicting,
        )
    return plan


def list_outputs(
    session: Session,
    *,
    segment: str | None = None,
    configuration: str | None = None,
    search: str | None = None,
    limit: int = 50,
    offset: int = 0,
    by: Rater | None,
) -> list[Output]:
    """Outputs by id, of one segment or configuration, or with a text in id, input or response."""
    people.require_lead(session, by)
    statement = select(Output).order_by(col(Output.key)).limit(limit).offset(offset)
    if segment is not None:
        statement = statement.where(col(Output.segment) == segment)
    if configuration is not None:
        statement = statement.where(col(Output.configuration) == configuration)
    if search:
        # Inputs are stored as JSON, which may write a letter beyond ASCII as it is or escaped.
        forms = {json.dumps(search, ensure_ascii=ascii_only)[1:-1] for ascii_only in (False, True)}
        stored = sa.cast(col(Output.input), sa.String)
        statement = statement.where(
            sa.or_(
                col(Output.key).icontains(search, autoescape=True),
                col(Output.response).icontains(search, autoescape=True),
                *(stored.icontains(form, autoescape=True) for form in sorted(forms)),
            )
        )
    return list(session.exec(statement).all())


def get_output(session: Session, key: str, *, by: Rater | None) -> Output:
    """The output with this id. Raises NotFound, naming ids that begin alike."""
    people.require_lead(session, by)
    found = session.exec(select(Output).where(Output.key == key)).first()
    if found is None:
        alike = session.exec(
            select(Output.key)
            .where(col(Output.key).startswith(key[:8], autoescape=True))
            .order_by(col(Output.key))
            .limit(3)
        ).all()
        hint = f"did you mean {', '.join(alike)}?" if alike else "see `annotate output list`"
        raise NotFound(f'there is no output "{key}"; {hint}')
    return found


def segments(session: Session, *, by: Rater | None) -> dict[str, int]:
    """How many outputs each segment has, by name."""
    people.require_lead(session, by)
    rows = session.exec(
        select(Output.segment, sa.func.count()).group_by(Output.segment).order_by(Output.segment)
    ).all()
    return dict(rows)


def latest(session: Session) -> int:
    """The number of the latest output: a new one changes it."""
    return int(session.exec(select(sa.func.max(Output.id))).one() or 0)


def configurations(session: Session, *, by: Rater | None) -> dict[str, int]:
    """How many outputs each configuration has, by name."""
    people.require_lead(session, by)
    rows = session.exec(
        select(Output.configuration, sa.func.count())
        .group_by(Output.configuration)
        .order_by(Output.configuration)
    ).all()
    return dict(rows)


def content_hash(output: Output) -> str:
    """The hash of what is stored, as the import computed it from the file."""
    said = {name: value for name, value in shown_fields(output).items() if name != "id"}
    if output.occurred_at is not None:
        said["occurred_at"] = output.occurred_at
    return hashlib.sha256(canonical({**said, "response": output.response})).hexdigest()


def shown_fields(output: Output) -> dict[str, Any]:
    """An output as a file's fields, without what is empty."""
    found = {
        "id": output.key,
        "case": output.case_key,
        "configuration": output.configuration,
        "segment": output.segment,
        "input": output.input,
        "contexts": output.contexts,
        "response": output.response,
        "reference": output.reference,
        "occurred_at": None if output.occurred_at is None else output.occurred_at.isoformat(),
        "latency_ms": output.latency_ms,
        "ttft_ms": output.ttft_ms,
        "error": output.error,
        "cost": output.cost,
        "tokens": output.tokens,
        "thumb": output.thumb,
        "regenerated": output.regenerated or None,
        "escalated": output.escalated or None,
        "metadata": output.extra,
    }
    return {name: value for name, value in found.items() if value not in (None, [], {})}


def _planned(
    session: Session,
    rows: Iterable[tuple[int, OutputRow]],
    plan: ImportPlan,
    progress: Progress | None,
    total: int | None,
) -> Iterator[list[OutputRow]]:
    """Fill the plan chunk by chunk, and give each chunk's new rows."""
    seen: dict[str, tuple[str, int, str]] = {}
    remaining = iter(rows)
    while chunk := list(islice(remaining, CHUNK)):
        stored = _hashes(session, [row.id for _, row in chunk])
        new: list[OutputRow] = []
        conflicting: list[tuple[int, OutputRow]] = []
        for number, row in chunk:
            if row.unknown:
                plan.unknown.update(row.unknown)
            earlier = seen.get(row.id)
            if earlier is not None:
                if earlier[2] != row.content_hash:
                    raise _twice(number, row, earlier)
                plan.same += 1
                continue
            seen[row.id] = (row.file, number, row.content_hash)
            if row.id in stored and stored[row.id] == row.content_hash:
                plan.same += 1
            elif row.id not in stored:
                new.append(row)
            else:
                conflicting.append((number, row))
        plan.new += len(new)
        plan.by_segment.update(row.segment for row in new)
        plan.conflicting += len(conflicting)
        _describe(session, conflicting, plan)
        if new:
            yield new
        if progress is not None:
            progress(plan.rows, total)


def _hashes(session: Session, keys: list[str]) -> dict[str, str]:
    statement = sa.select(col(Output.key), col(Output.content_hash)).where(
        col(Output.key).in_(keys)
    )
    return {row.key: row.content_hash for row in session.connection().execute(statement)}


def _twice(number: int, row: OutputRow, earlier: tuple[str, int, str]) -> BadRow:
    file, first, _ = earlier
    place = f"row {first}" if file == row.file else f"{file} row {first}"
    return BadRow(
        row.file,
        number,
        "id",
        f'is "{row.id}", as in {place}, and the rest differs',
        "give each output its own id",
    )


def _describe(session: Session, rows: list[tuple[int, OutputRow]], plan: ImportPlan) -> None:
    """Add both versions of the first conflicting rows to the plan."""
    for number, row in rows[: CONFLICTS_SHOWN - len(plan.conflicts)]:
        stored = shown_fields(get_output(session, row.id, by=None))
        offered = shown_fields(Output(**_attributes(row)))
        differing = [
            name
            for name in dict.fromkeys((*stored, *offered))
            if stored.get(name) != offered.get(name)
        ]
        plan.conflicts.append(
            OutputConflict(
                row.id,
                row.file,
                number,
                {name: stored.get(name) for name in differing},
                {name: offered.get(name) for name in differing},
                differing,
            )
        )


def _attributes(row: OutputRow) -> dict[str, Any]:
    return {
        "key": row.id,
        "case_key": row.case,
        "configuration": row.configuration,
        "segment": row.segment,
        "input": row.input,
        "response": row.response,
        "contexts": row.contexts,
        "reference": row.reference,
        "occurred_at": row.occurred_at,
        "latency_ms": row.latency_ms,
        "ttft_ms": row.ttft_ms,
        "error": row.error,
        "cost": row.cost,
        "tokens": row.tokens,
        "thumb": row.thumb,
        "regenerated": row.regenerated,
        "escalated": row.escalated,
        "extra": row.metadata,
        "content_hash": row.content_hash,
    }


def _insert(dialect: sa.Dialect) -> str:
    """The insert as the driver takes it: its JSON columns take JSON text, encoded once.

    SQLAlchemy's own would look at every parameter of every row again.
    """
    mark = "?" if dialect.name == "sqlite" else "%s"
    marks = dict.fromkeys(_COLUMNS, mark)
    if dialect.name == "postgresql":
        marks |= dict.fromkeys(_JSON_COLUMNS, f"{mark}::jsonb")
    return f"INSERT INTO output ({', '.join(marks)}) VALUES ({', '.join(marks.values())})"


_PLAIN_COLUMNS = {
    "key": "id",
    "case_key": "case",
    "configuration": "configuration",
    "segment": "segment",
    "response": "response",
    "reference": "reference",
    "latency_ms": "latency_ms",
    "ttft_ms": "ttft_ms",
    "error": "error",
    "thumb": "thumb",
    "regenerated": "regenerated",
    "escalated": "escalated",
    "content_hash": "content_hash",
}
"""By column: the attribute of a row that is stored as it is."""
_JSON_COLUMNS = {"input": None, "contexts": "[]", "cost": None, "tokens": None, "metadata": "{}"}
"""By column: what stands for an empty field."""
_COLUMNS = (*_PLAIN_COLUMNS, *_JSON_COLUMNS, "occurred_at", "imported_at")

_plain_values = attrgetter(*_PLAIN_COLUMNS.values())
_json_values = attrgetter(*_JSON_COLUMNS)


def _stored(row: OutputRow, imported_at: Any, moment: Callable[[Any], Any]) -> tuple[Any, ...]:
    """A row's values in the order of the columns.

    moment: how the database stores a time; imported_at is stored so already.
    """
    said = zip(_json_values(row), _JSON_COLUMNS.values(), strict=True)
    return (
        *_plain_values(row),
        *[canonical(value).decode() if value else empty for value, empty in said],
        row.occurred_at and moment(row.occurred_at),
        imported_at,
    )


def _moment(dialect: sa.Dialect) -> Callable[[Any], Any]:
    """How this database's driver takes a time."""
    column = SQLModel.metadata.tables["output"].columns["occurred_at"]
    return column.type.dialect_impl(dialect).bind_processor(dialect) or (lambda at: at)
