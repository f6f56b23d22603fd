"""Words of a rubric: which texts, numbers and ids it may hold, and how a refusal reads."""

import difflib
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, LiteralString

from pydantic import BeforeValidator, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

MAX_ID = 64
MAX_LABEL = 200
MAX_TEXT = 20_000
MAX_NUMBER = 1_000_000

_SLUG = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)


@dataclass(frozen=True)
class Words:
    """What a kind of file is told by: its keys by the key that holds the mapping, and mends by key."""

    keys: Mapping[str, tuple[str, ...]]
    mends: Mapping[str, str]


_MENDS = {
    "anchor": "say what deserves this point",
    "criteria": "list the questions, each with an id and a scale",
    "id": "give it a short name such as `faithfulness`",
    "label": "say in a word or two what it means",
    "name": "give the rubric a short name such as `rag-answer`",
    "scale": "write binary, ordinal, categorical, preference, tags or text",
    "value": "give the point's number",
}

_KEYS = {
    "": ("name", "title", "guidelines", "criteria"),
    "criteria": (
        *("id", "question", "scale", "points", "options", "level", "pass_at", "show_if"),
        *("rationale", "evidence", "abstain", "required", "becomes"),
    ),
    "points": ("value", "label", "anchor"),
    "options": ("id", "label", "anchor"),
    "rationale": ("required", "required_below", "required_above"),
}
"""The keys that a file may have, by the key that holds the mapping."""
OF_RUBRICS = Words(_KEYS, _MENDS)


def bad(problem: str, mend: str, path: str = "") -> PydanticCustomError:
    """A refusal for pydantic to place; `path` leads on from where it is raised."""
    template: LiteralString = "{problem}; {mend}"
    return PydanticCustomError("rubric", template, {"problem": problem, "mend": mend, "path": path})


def words_of(slug: str) -> str:
    """`answer-relevance` as `Answer relevance`."""
    return slug.replace("-", " ").replace("_", " ").strip().capitalize() or slug


def _text(value: Any, longest: int, *, lines: bool) -> str:
    if value is None:
        raise bad("is empty", "write it, or leave the key out")
    if isinstance(value, bool | int | float):
        raise bad(f"is {value}, not a text", f'put it in quotes: "{value}"')
    if not isinstance(value, str):
        raise bad("is not a text", "write plain text, in quotes if it has a colon")
    text = value.strip().replace("\r\n", "\n")
    if not text:
        raise bad("is empty", "write it, or leave the key out")
    if len(text) > longest:
        raise bad(f"is {len(text):,} characters long", f"shorten it to {longest:,}")
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and not (lines and character in "\n\t"):
            name = "a line break" if character in "\r\n" else f"U+{ord(character):04X}"
            raise bad(f"has the control character {name}", "remove it")
    return text


def _slug(value: Any) -> str:
    if not isinstance(value, str):
        raise bad(
            "is empty" if value is None else "is not a text",
            "begin with a letter, then small letters, digits, - and _",
        )
    if not _SLUG.fullmatch(value) or len(value) > MAX_ID:
        raise bad(
            f"is {value[:40]!r}",
            f"use small letters, digits, - and _, beginning with a letter, {MAX_ID} at most",
        )
    return value


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad(f"is {str(value)[:40]!r}, not a number", "write a number without quotes")
    if not (isinstance(value, int) or math.isfinite(value)) or abs(value) > MAX_NUMBER:
        what = f"is {value}" if isinstance(value, float) else "is too large"
        raise bad(what, f"give a number between -{MAX_NUMBER:,} and {MAX_NUMBER:,}")
    return float(value) + 0.0  # -0.0 would hash apart from 0


Slug = Annotated[str, BeforeValidator(_slug)]
Text = Annotated[str, BeforeValidator(lambda value: _text(value, MAX_LABEL, lines=False))]
LongText = Annotated[str, BeforeValidator(lambda value: _text(value, MAX_TEXT, lines=True))]
Number = Annotated[float, BeforeValidator(_number)]


def refusal(error: ValidationError, told: Words = OF_RUBRICS) -> tuple[str, str, str]:
    """The path, the problem and the mend of what is wrong first, in words for this kind of file."""
    found = error.errors(include_url=False)
    # A mistyped key is the cause of the key that is then missing.
    first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
    path = _path(first["loc"])
    problem, mend = _words(first, told)
    further = str(first.get("ctx", {}).get("path", ""))
    joint = "." if path and further and not further.startswith("[") else ""
    return path + joint + further, problem, mend


def _path(loc: tuple[int | str, ...]) -> str:
    path = ""
    for step in loc:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            # A key can hold anything, terminal escapes too.
            plain = step if step.isprintable() and len(step) <= MAX_ID else repr(step)[:MAX_ID]
            path += f".{plain}" if path else plain
    return path


def _words(error: ErrorDetails, told: Words) -> tuple[str, str]:
    loc = error["loc"]
    names = [step for step in loc if isinstance(step, str)]
    name = names[-1] if names else ""
    context = error.get("ctx", {})
    match error["type"]:
        case "rubric":
            return str(context["problem"]), str(context["mend"])
        case "missing":
            return "is missing", told.mends.get(name, "write it")
        case "extra_forbidden":
            keys = told.keys.get(names[-2] if len(names) > 1 else "", ())
            near = difflib.get_close_matches(name, keys, 1)
            hint = f"did you mean {near[0]}?" if near else f"use {', '.join(keys)}"
            return "is not a known key", hint
        case "literal_error":
            return _not_among(error["input"], str(context["expected"]))
        case "tuple_type":
            if error["input"] is None:
                return "is empty", told.mends.get(name, "list its entries, or leave the key out")
            return "is not a list", "write its entries on lines that begin with `- `"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "is not a mapping", "write `key: value` pairs"
        case "bool_type":
            return f"is {str(error['input'])[:40]!r}", "write true or false"
        case "float_type" | "finite_number":
            return "is empty", told.mends.get(name, "give a number")
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal" | "int_type":
            if name in told.mends:
                return f"is {str(error['input'])[:40]}", told.mends[name]
    return error["msg"], told.mends.get(name, "correct it")


def _not_among(given: Any, expected: str) -> tuple[str, str]:
    allowed = [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]
    if given is None:
        return "is empty", f"write {', '.join(allowed)}"
    near = difflib.get_close_matches(given, allowed, 1) if isinstance(given, str) else []
    hint = f"did you mean {near[0]}? Allowed: " if near else "use one of "
    return f"is {str(given)[:40]!r}", f"{hint}{', '.join(allowed)}"
