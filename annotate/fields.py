"""One checker per kind of field: a foreign value in, our value out, or `Unfit` with the mend."""

import json
import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar
from unicodedata import normalize

from annotate.formats.source import FIELD_LIMIT

NAME_LIMIT = 500
"""Characters in an id or a name: what every database can index."""
_SAFE = 2**53
"""From here on not every whole number is a float."""
DEPTH_LIMIT = 32
"""Levels of nesting in metadata."""

T = TypeVar("T")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
INVISIBLE = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
"""Characters that turn the direction of writing, or that nobody can see: two names could look
alike. Joiners stay: several scripts and emoji need them."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


class Unfit(ValueError):
    """A value cannot be used: what is wrong with it, and the mend."""

    def __init__(self, problem: str, mend: str) -> None:
        super().__init__(problem)
        self.problem, self.mend = problem, mend


def text(value: Any) -> str:
    """A text, kept as it is; a number becomes its digits."""
    if type(value) is str:
        if len(value) > FIELD_LIMIT:
            raise Unfit(
                f"has {len(value):,} characters; at most {FIELD_LIMIT:,} can be stored",
                "shorten it or take the row out",
            )
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return _digits(value)
    if isinstance(value, float | Decimal):
        if not math.isfinite(value):
            raise Unfit(f"is {shown(value)}", "give a text or leave it empty")
        return str(value)
    raise Unfit(f"is {shown(value)}, not a text", "give a text")


def _digits(value: int) -> str:
    try:
        return str(value)
    except ValueError:
        raise Unfit("is a number of thousands of digits", "give a text") from None


def name(value: Any) -> str:
    """An id or a name: one line, up to 500 characters, surrounding spaces dropped, composed (NFC)."""
    if type(value) is not str:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Unfit(f"is {shown(value)}, not a text", "give a text")
        value = _digits(value)
    found: str = value.strip()
    if not found:
        raise Unfit("is empty", "give a value")
    if len(found) > NAME_LIMIT:
        raise Unfit(f"has {len(found):,} characters", f"use at most {NAME_LIMIT}")
    if found.isascii() and found.isprintable():
        return found
    if control := _CONTROL.search(found):
        raise Unfit(f"has the control character {control.group()!r}", "take it out")
    if hidden := INVISIBLE.search(found):
        raise Unfit(f"has the invisible character U+{ord(hidden.group()):04X}", "take it out")
    return normalize("NFC", found)


def number(value: Any) -> float:
    """A finite number; a text of digits counts as one."""
    if type(value) is float or type(value) is int:
        try:
            found = float(value)
        except OverflowError:
            raise Unfit("is too large a number", "give a smaller one") from None
    elif isinstance(value, Decimal):
        found = float(value)
    elif isinstance(value, str):
        stripped = value.strip()
        if not _NUMBER.fullmatch(stripped):
            if stripped.lower().lstrip("+-") in ("nan", "inf", "infinity"):
                raise Unfit(f"is {stripped}, not a finite number", "leave it empty if unknown")
            raise Unfit(
                f"is {shown(value)}, not a number",
                "write digits with a decimal point, without units or thousands separators",
            )
        found = float(stripped)
    else:
        raise Unfit(f"is {shown(value)}, not a number", "give a number")
    if not math.isfinite(found):
        raise Unfit(f"is {shown(value)}, not a finite number", "leave it empty if unknown")
    return found


def amount(value: Any) -> float:
    """A number that is not negative."""
    if type(value) is float and 0 <= value < math.inf:
        return value  # what nearly every row has
    found = number(value)
    if found < 0:
        raise Unfit(f"is {shown(value)}", "give a number from 0")
    return found


def whole(value: Any) -> int:
    """A whole number that is not negative."""
    if type(value) is int and 0 <= value < _SAFE:
        return value  # what nearly every row has
    found = amount(value)
    if not found.is_integer():
        raise Unfit(f"is {shown(value)}", "give a whole number")
    return int(found)


def boolean(value: Any) -> bool:
    """True or false: also 1, 0, yes, no."""
    key = value.strip().lower() if isinstance(value, str) else value
    found = _BOOLEANS.get(key) if isinstance(key, str | int | float) else None
    if found is None:
        raise Unfit(f"is {shown(value)}", "write true or false")
    return found


_BOOLEANS: dict[Any, bool] = {
    "true": True,
    "yes": True,
    "1": True,
    "1.0": True,
    1: True,
    "false": False,
    "no": False,
    "0": False,
    "0.0": False,
    0: False,
}


def thumb(value: Any) -> int:
    """-1, 0 or 1; also up and down."""
    key = value.strip().lower() if isinstance(value, str) else value
    known = isinstance(key, str | int | float) and not isinstance(key, bool)
    found = _THUMBS.get(key) if known else None
    if found is None:
        raise Unfit(f"is {shown(value)}", "write -1, 0 or 1 (or up, down)")
    return found


_THUMBS: dict[Any, int] = {
    "up": 1,
    "1": 1,
    "+1": 1,
    "1.0": 1,
    1: 1,
    "0": 0,
    "0.0": 0,
    0: 0,
    "down": -1,
    "-1": -1,
    "-1.0": -1,
    -1: -1,
}


def moment(value: Any) -> datetime:
    """A time in UTC, from ISO 8601; one without a time zone is read as UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise Unfit(
                f"is {shown(value)}, not a time", "write ISO 8601, like 2026-03-31T14:05:00Z"
            ) from None
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise Unfit(f"is {shown(value)}, not a time", "write ISO 8601, like 2026-03-31T14:05:00Z")
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise Unfit(f"is {shown(value)}", "give a year from 1 to 9999") from None


def amounts(value: Any) -> dict[str, float]:
    """US dollars by component; one number is the total."""
    return _by_component(value, amount)


def counts(value: Any) -> dict[str, int]:
    """Whole numbers by component; one number is the total."""
    return _by_component(value, whole)


def _by_component(value: Any, check: Callable[[Any], T]) -> dict[str, T]:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = json_text(value)
    if not isinstance(value, dict):
        return {"total": check(value)}
    component = None
    found = {}
    try:
        for component, part in value.items():
            if part is not None:  # a Parquet struct names every component in every row
                found[component] = check(part)
    except Unfit as unfit:
        raise Unfit(f"{component} {unfit.problem}", unfit.mend) from None
    return found


def texts(value: Any) -> list[str]:
    """A list of texts: a list, a JSON list in one text, or one text."""
    if isinstance(value, str):
        if value.lstrip().startswith("["):
            try:
                parsed = json.loads(value)
            except (ValueError, RecursionError):
                parsed = None
            if isinstance(parsed, list) and parsed and all(isinstance(v, str) for v in parsed):
                return _within_limit(parsed)
            if parsed == []:
                return []
        return [text(value)]
    if not isinstance(value, list):
        raise Unfit(f"is {shown(value)}, not a list of texts", "give a list of texts")
    for position, part in enumerate(value, start=1):
        if not isinstance(part, str):
            raise Unfit(f"entry {position} is {shown(part)}, not a text", "give a list of texts")
    return _within_limit(value)


def _within_limit(parts: list[str]) -> list[str]:
    size = sum(map(len, parts))
    if size > FIELD_LIMIT:
        raise Unfit(
            f"has {size:,} characters; at most {FIELD_LIMIT:,} can be stored",
            "shorten it or take the row out",
        )
    return parts


ROLES_MEND = "give a text or a list of {role, content}"


def conversation(value: Any) -> str | list[dict[str, Any]]:
    """A text, or a list of {role, content}; such a list may also come as JSON in one text."""
    if isinstance(value, str):
        messages = _messages_in(value) if value.lstrip().startswith("[") else None
        return text(value) if messages is None else messages
    if not isinstance(value, list):
        return text(value)
    if not value:
        raise Unfit("is an empty list", ROLES_MEND)
    for position, message in enumerate(value, start=1):
        if (
            not isinstance(message, dict)
            or not isinstance(message.get("role"), str)
            or not isinstance(message.get("content"), str)
        ):
            raise Unfit(f"message {position} has no role and content as texts", ROLES_MEND)
    _within_limit([message["content"] for message in value])
    return [plain(message, DEPTH_LIMIT) for message in value]


def _messages_in(value: str) -> list[dict[str, Any]] | None:
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if (
        isinstance(parsed, list)
        and parsed
        and all(isinstance(m, dict) and "role" in m and "content" in m for m in parsed)
    ):
        messages = conversation(parsed)
        return messages if isinstance(messages, list) else None
    return None


def mapping(value: Any) -> dict[str, Any]:
    """An object, or an object as JSON in one text; entries that are null are left out."""
    if isinstance(value, str):
        value = json_text(value)
    if not isinstance(value, dict):
        raise Unfit(f"is {shown(value)}, not an object", "give a JSON object")
    found = plain(value, DEPTH_LIMIT)
    return {key: part for key, part in found.items() if part is not None}


def json_text(value: str) -> Any:
    """What a JSON text says."""
    if len(value) > FIELD_LIMIT:
        raise Unfit(f"has {len(value):,} characters", f"use at most {FIELD_LIMIT:,}")
    try:
        return json.loads(value, parse_constant=_refuse_constant)
    except RecursionError:
        raise Unfit("is nested too deeply", "flatten it") from None
    except ValueError as error:
        raise Unfit(f"is not JSON ({error})", "mend it") from None


def plain(value: Any, levels: int) -> Any:
    """The value as JSON can hold it: times as ISO 8601, decimals as numbers."""
    if value is None or type(value) in (str, int, bool):
        return value
    if levels == 0:
        raise Unfit(f"is nested more than {DEPTH_LIMIT} levels deep", "flatten it")
    if isinstance(value, dict):
        return {str(key): plain(part, levels - 1) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part, levels - 1) for part in value]
    if isinstance(value, float | Decimal):
        return number(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str | int):
        return value
    raise Unfit(f"holds {shown(value)}", "use texts, numbers, true, false, lists and objects")


def storable(value: Any) -> None:
    """Refuse what PostgreSQL cannot store in a text: NUL and lone surrogates.

    value: a text, or lists and dicts of texts.
    """
    for part in _texts_in(value):
        if "\0" in part:
            raise Unfit("has a NUL character", "take it out")
        try:
            part.encode()
        except UnicodeEncodeError as error:
            raise Unfit(
                f"has half a character (lone surrogate \\u{ord(part[error.start]):04x})",
                "write the whole character, or take it out",
            ) from None


def _texts_in(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from _texts_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts_in(part)


def shown(value: Any) -> str:
    """A value for a message: short, quoted, on one line."""
    if value is None:
        return "empty"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return "binary data"
    words = ascii(value)[1:-1] if isinstance(value, str) and not value.isprintable() else str(value)
    words = words if len(words) <= 60 else words[:57] + "..."
    return f'"{words}"' if isinstance(value, str) else words


def _refuse_constant(found: str) -> None:
    raise ValueError(f"{found} is not a JSON number")
