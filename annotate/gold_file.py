"""The golden dataset as a file: JSON Lines, one case a line, sorted, canonical, mergeable.

A merge keeps every field and every line that it does not know, byte for byte where nothing
changes, and reports each conflict instead of choosing.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from annotate.errors import BadRow

Line = dict[str, Any]
BOM = "\ufeff"
OWN_FIELDS = (
    "input", "contexts", "response", "reference", "configuration", "kind", "segment",
)  # fmt: skip

REFERENCE = "field:reference"
"""In what was exported earlier: references that a case had, beside its criteria's values."""


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spare white space: equal values give equal bytes."""
    return json.dumps(
        value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )


def content_hash(line: Mapping[str, Any]) -> str:
    """SHA-256 of what a line says, whenever it was exported."""
    said = {key: line.get(key) for key in ("id", *OWN_FIELDS, "labels")}
    return hashlib.sha256(canonical(said).encode()).hexdigest()


def file_hash(text: str) -> str:
    """SHA-256 of a whole file."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class GoldConflict:
    """The file and the workspace say different things, and neither is known to be older."""

    id: str
    line: int
    field: str
    in_file: Any
    in_workspace: Any

    def __str__(self) -> str:
        return (
            f"line {self.line}, {self.id}: {self.field} is {canonical(self.in_file)} in the file "
            f"and {canonical(self.in_workspace)} in the workspace"
        )


@dataclass(frozen=True)
class Merge:
    """What a merge gives: the file's new text and how it came about."""

    text: str
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    kept: int = 0
    """Lines of the file that the workspace knows nothing of."""
    conflicts: list[GoldConflict] = field(default_factory=list)

    @property
    def hash(self) -> str:
        """SHA-256 of the text."""
        return file_hash(self.text)


def fresh(lines: Iterable[Line]) -> str:
    """The text of a new file with these lines, sorted by id."""
    ordered = sorted(lines, key=lambda line: str(line["id"]))
    return "".join(canonical(line) + "\n" for line in ordered)


def merge(
    text: str,
    lines: Iterable[Line],
    *,
    name: str,
    earlier: Mapping[tuple[str, str], Iterable[int | float | str]] | None = None,
    resolve: str | None = None,
) -> Merge:
    """Bring the workspace's lines into an existing file's text.

    earlier: values that this workspace itself has exported before, by (id, criterion): the file
        still holding one of them is out of date, not in conflict.
    resolve: None reports conflicts; "workspace" or "file" is the lead's explicit choice.
    Raises BadRow for a line that is not a JSON object, and for an id that stands twice.
    """
    ours = {str(line["id"]): line for line in lines}
    theirs = parse(text, name=name)
    there = {id_ for id_, _, _, _ in theirs}
    added = [key for key in ours if key not in there]
    changed: list[str] = []
    same: list[str] = []
    conflicts: list[GoldConflict] = []
    sorted_lines: list[tuple[str, str]] = [(key, canonical(ours[key])) for key in added]
    unsorted_lines: list[str] = []
    kept = 0
    for key, number, raw, value in theirs:
        if key is None:
            unsorted_lines.append(raw)
            kept += 1
        elif key not in ours:
            sorted_lines.append((key, raw))
            kept += 1
        else:
            merged, found = _merge_line(value, ours[key], key, number, earlier or {}, resolve)
            conflicts += found
            if merged == value:
                same.append(key)
                sorted_lines.append((key, raw))
            else:
                changed.append(key)
                sorted_lines.append((key, canonical(merged)))
    body = [raw for _, raw in sorted(sorted_lines, key=lambda pair: pair[0])] + unsorted_lines
    # Lines that nothing changes keep their own ends; new ones end as the file's others do.
    end = "\r" if "\r\n" in text else ""
    kept_ends = {raw for _, _, raw, _ in theirs}
    return Merge(
        text=(BOM if text.startswith(BOM) else "")
        + "".join(f"{raw}\n" if raw in kept_ends else f"{raw}{end}\n" for raw in body),
        added=sorted(added),
        changed=sorted(changed),
        same=sorted(same),
        kept=kept,
        conflicts=conflicts,
    )


def parse(text: str, *, name: str) -> list[tuple[str | None, int, str, Line]]:
    """(id or None, line number, the line as it stands, its value) of each line that is not blank."""
    found: list[tuple[str | None, int, str, Line]] = []
    seen: dict[str, int] = {}
    for number, raw in enumerate(text.removeprefix(BOM).split("\n"), start=1):
        if not raw.strip():
            continue
        try:
            value = json.loads(
                raw,
                parse_constant=_refuse_constant,
                parse_float=_finite,
                object_pairs_hook=_unique_object,
            )
            raw.encode()
            canonical(value).encode()
        except UnicodeEncodeError:
            raise BadRow(
                name, number, None, "has half a character (a lone surrogate)", "mend the line"
            ) from None
        except (ValueError, RecursionError) as error:
            raise BadRow(
                name, number, None, f"is not JSON ({error})", "mend the line or take it out"
            ) from None
        if not isinstance(value, dict):
            raise BadRow(
                name, number, None, "is not a JSON object", "each line of a golden dataset is one"
            )
        key = str(value["id"]) if value.get("id") is not None else None
        if key is not None:
            if key in seen:
                raise BadRow(
                    name, number, "id", f"is {key!r}, as on line {seen[key]}", "keep one of them"
                )
            seen[key] = number
        found.append((key, number, raw, value))
    return found


def _merge_line(
    theirs: Line,
    ours: Line,
    key: str,
    number: int,
    earlier: Mapping[tuple[str, str], Iterable[int | float | str]],
    resolve: str | None,
) -> tuple[Line, list[GoldConflict]]:
    merged = dict(theirs)
    conflicts: list[GoldConflict] = []
    # An empty field is no opinion: the other side fills it.
    for name in OWN_FIELDS:
        if ours.get(name) in (None, [], ""):
            if name not in theirs and ours.get(name) is not None:
                merged[name] = ours[name]
        elif (
            theirs.get(name) in (None, [], "")
            or resolve == "workspace"
            or (name == "reference" and theirs[name] in earlier.get((key, REFERENCE), ()))
        ):
            merged[name] = ours[name]
        elif ours[name] != theirs[name] and resolve is None:
            conflicts.append(GoldConflict(key, number, name, theirs[name], ours[name]))
    labels = theirs.get("labels")
    merged_labels = dict(labels) if isinstance(labels, dict) else {}
    for criterion, label in ours["labels"].items():
        stored = merged_labels.get(criterion)
        value = stored.get("value") if isinstance(stored, dict) else stored
        known = [label["value"], *earlier.get((key, criterion), ())]
        if stored is None or value in known or resolve == "workspace":
            extra = stored if isinstance(stored, dict) else {}
            merged_labels[criterion] = {**extra, **label}
        elif resolve is None:
            conflicts.append(
                GoldConflict(key, number, f"labels.{criterion}", value, label["value"])
            )
    merged["labels"] = merged_labels
    if canonical(merged) != canonical(theirs):
        provenance = theirs.get("provenance")
        extra = provenance if isinstance(provenance, dict) else {}
        merged["provenance"] = {**extra, **ours["provenance"], "hash": content_hash(merged)}
        # Only the time of export differs: the line says what it said, and stays as it is.
        if "provenance" in theirs and {**merged, "provenance": None} == {
            **theirs,
            "provenance": None,
        }:
            merged = theirs
    return merged, conflicts


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _finite(digits: str) -> float:
    found = float(digits)
    if found in (float("inf"), float("-inf")):
        raise ValueError(f"{digits} is too large a number")
    return found


def _unique_object(pairs: list[tuple[str, Any]]) -> Line:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f'"{twice}" stands twice in one object')
    return found
