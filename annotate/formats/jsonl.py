"""JSON Lines: one JSON object a line; blank lines are skipped."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, BinaryIO

from annotate.errors import BadInput, BadRow
from annotate.formats import Row, Rows
from annotate.formats.source import Source


def read(source: Source) -> Rows:
    """(line number, object) of each line. Raises BadRow naming what is wrong with the line."""
    decode = json.JSONDecoder(
        parse_constant=_refuse_constant, object_pairs_hook=_unique_object
    ).decode
    for number, line in enumerate(source.lines(), start=1):
        if line.isspace():
            continue
        try:
            value = decode(line.rstrip("\r\n"))
        except RecursionError:
            raise BadRow(
                source.name, number, None, "is nested too deeply", "flatten the object"
            ) from None
        except ValueError as error:
            if number == 1 and line.lstrip().startswith("["):
                raise _array(source.name) from None
            raise BadRow(
                source.name, number, None, f"is not JSON ({_words(error)})", "mend the line"
            ) from None
        if isinstance(value, list) and number == 1:
            raise _array(source.name)
        if not isinstance(value, dict):
            raise BadRow(
                source.name,
                number,
                None,
                f"is a JSON {_KINDS.get(type(value), 'value')}, not an object",
                "write one object {...} a line",
            )
        yield number, value


def write(stream: BinaryIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Write one object a line, leaving out what is None; returns the number of rows."""
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_encoded).encode
    count = 0
    for row in rows:
        fields = {
            name: value for name, value in zip(columns, row, strict=True) if value is not None
        }
        stream.write(encode(fields).encode() + b"\n")
        count += 1
    return count


_KINDS: dict[type, str] = {
    str: "text",
    int: "number",
    float: "number",
    bool: "truth value",
    list: "array",
    type(None): "null",
}


def _encoded(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _unique_object(pairs: list[tuple[str, Any]]) -> Row:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f'"{twice}" stands twice in one object')
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number; leave the field out")


def _array(name: str) -> BadInput:
    return BadInput(
        f"{name}: is one JSON array; write one object a line (jq -c '.[]' FILE > rows.jsonl)"
    )


def _words(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return str(error)
