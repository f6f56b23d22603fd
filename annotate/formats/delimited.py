"""CSV: a header, then rows; comma, semicolon or tab. Formulas are neutralised in what we write.

A spreadsheet runs a cell that starts with `=`, `+`, `-`, `@`, tab or carriage return. Such a
*text* gets a leading apostrophe when written, and reading takes exactly that apostrophe off.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, BinaryIO

from annotate.errors import BadInput, BadRow
from annotate.formats import Rows
from annotate.formats.source import ROW_LIMIT, Source

# The csv module's own limit (131,072) is below what contexts need; fields are checked later,
# where the message can name them.
csv.field_size_limit(ROW_LIMIT)

_RISKY = re.compile(r"'*[=+\-@\t\r]")
_RISKY_STARTS = frozenset("'=+-@\t\r")
_NEUTRALISED = re.compile(r"'+[=+\-@\t\r]")

_encode = json.JSONEncoder(ensure_ascii=False).encode


def columns(source: Source) -> tuple[list[str], Iterator[list[str]]]:
    """The header's names, and an iterator over the records below it."""
    lines = source.lines()
    first = next(lines, None)
    if first is None:
        raise BadInput(f"{source.name}: is empty; give a header and rows")
    delimiter = _delimiter(first)
    records = csv.reader(_chained(first, lines), strict=True, delimiter=delimiter)
    header = [name.strip() for name in _next(source.name, records, 1) or []]
    if not any(header):
        raise BadRow(source.name, 1, None, "names no columns", "write the header in the first row")
    for position, name in enumerate(header, start=1):
        if not name:
            raise BadRow(source.name, 1, None, f"column {position} has no name", "name it")
        if header.index(name) != position - 1:
            raise BadRow(
                source.name, 1, None, f'column "{name}" stands twice', "rename or drop one of them"
            )
    return header, records


def read(source: Source, header: list[str], records: Iterator[list[str]]) -> Rows:
    """(row number as in a spreadsheet, cells by column) of each record; blank lines are skipped."""
    number = 1
    width = len(header)
    while True:
        number += 1
        record = _next(source.name, records, number)
        if record is None:
            return
        if not record:
            continue
        if len(record) != width:
            raise BadRow(
                source.name,
                number,
                None,
                f"has {_cells(len(record))} where the header has {width}",
                "complete the row, or quote cells that hold a delimiter",
            )
        yield number, {name: _plain(cell) for name, cell in zip(header, record, strict=True)}


def write(stream: BinaryIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Write a header and rows as RFC 4180; returns the number of rows."""
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=False)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    count = 0
    for row in rows:
        writer.writerow([_cell(value) for value in row])
        count += 1
    text.flush()
    text.detach()
    return count


def _cell(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        # The set spares most cells the pattern.
        return "'" + value if value[:1] in _RISKY_STARTS and _RISKY.match(value) else value
    if value is None or kind is float or kind is int:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return _encode(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value


def _plain(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and _NEUTRALISED.match(cell) else cell


def _delimiter(header: str) -> str:
    unquoted = re.sub(r'"[^"]*"', "", header)
    return max(",;\t", key=unquoted.count)


def _chained(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _next(name: str, records: Iterator[list[str]], number: int) -> list[str] | None:
    try:
        return next(records, None)
    except csv.Error as error:
        problem, mend = _explained(str(error))
        raise BadRow(name, number, None, problem, mend) from None


def _explained(words: str) -> tuple[str, str]:
    if "unexpected end" in words:
        return "opens a quote that is never closed", 'close it; write a quote inside a cell as ""'
    if "expected after" in words:
        return (
            "has text after a closing quote (or an earlier quote was left open)",
            'quote the whole cell; write a quote inside it as ""',
        )
    if "new-line" in words:
        return "has bare carriage returns as line ends", "save the file with LF or CRLF line ends"
    if "field larger" in words:
        return "has a cell that never ends", "look for a quote that was left open"
    return f"is not CSV ({words})", "mend the row"


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"
