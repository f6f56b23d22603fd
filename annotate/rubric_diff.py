"""What two versions of a rubric differ in: criterion by criterion, and what that does to ratings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from annotate.criterion import Criterion
from annotate.rubric import Rubric

Effect = Literal["scale", "meaning", "asking"]


@dataclass(frozen=True)
class Change:
    """One thing that differs."""

    where: str
    """`title`, `faithfulness`, `faithfulness.points[3].anchor`."""
    before: str | None
    """None where it was not there."""
    after: str | None
    effect: Effect
    """scale: old and new ratings cannot be compared. meaning: raters may see units otherwise, so
    that a change of their ratings is no drift. asking: how it is asked alone."""


SCALE = ("scale", "points", "options", "label")
"""A point that is called otherwise is another answer: `Fair` and `Good` are not one value."""
MEANING = ("question", "anchor", "guidelines", "pass_at", "abstain")


def diff(before: Rubric, after: Rubric) -> list[Change]:
    """What differs, in the rubric's order; empty where nothing does."""
    found = list(
        _fields("", _plain(before, {"criteria", "name"}), _plain(after, {"criteria", "name"}))
    )
    old = {criterion.id: criterion for criterion in before.criteria}
    new = {criterion.id: criterion for criterion in after.criteria}
    for name, criterion in new.items():
        if name not in old:
            found.append(Change(name, None, criterion.question.strip(), "scale"))
        else:
            found += _criterion(old[name], criterion)
    found += [
        Change(name, criterion.question.strip(), None, "scale")
        for name, criterion in old.items()
        if name not in new
    ]
    found += _turned("criteria", list(old), list(new), "asking")
    return found


def comparable(changes: list[Change], key: str) -> bool:
    """Whether ratings of a criterion, or of one tag of it, under both versions are on one scale."""
    return not scale_changes(changes, key)


def scale_changes(changes: list[Change], key: str) -> list[Change]:
    """What makes ratings under both versions incomparable on a criterion, or on one tag of it.

    A tag is given or not whatever other tags there are.
    """
    criterion, _, tag = key.partition(".")
    return [
        change
        for change in changes
        if change.effect == "scale"
        and change.where.split(".")[0] == criterion
        and (
            not tag
            or not change.where.startswith(f"{criterion}.options[")
            or change.where.startswith(f"{criterion}.options[{tag}]")
        )
    ]


def _criterion(before: Criterion, after: Criterion) -> Iterator[Change]:
    name = after.id
    yield from _fields(name, _plain(before, {"points", "options", "id"}),
                       _plain(after, {"points", "options", "id"}))  # fmt: skip
    for kind, key in (("points", "value"), ("options", "id")):
        old = {_word(getattr(one, key)): one for one in getattr(before, kind)}
        new = {_word(getattr(one, key)): one for one in getattr(after, kind)}
        for word in [*old, *(w for w in new if w not in old)]:
            where = f"{name}.{kind}[{word}]"
            if word not in new:
                yield Change(where, old[word].label, None, "scale")
            elif word not in old:
                yield Change(where, None, new[word].label, "scale")
            else:
                yield from _fields(where, _plain(old[word], {key}), _plain(new[word], {key}))
        # An option's number is its place: one scale in another order is another scale.
        effect: Effect = "asking" if after.scale == "tags" else "scale"
        yield from _turned(f"{name}.{kind}", list(old), list(new), effect)


def _turned(where: str, old: list[str], new: list[str], effect: Effect) -> Iterator[Change]:
    """What both have, where it stands in another order."""
    before, after = [w for w in old if w in new], [w for w in new if w in old]
    if before != after:
        yield Change(where, ", ".join(before), ", ".join(after), effect)


def _fields(where: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for field in [*before, *(f for f in after if f not in before)]:
        old, new = before.get(field), after.get(field)
        if old == new or (field == "label" and _alike(old, new)):
            continue
        place = f"{where}.{field}" if where else field
        yield Change(place, _said(old), _said(new), _effect(field))


def _alike(old: Any, new: Any) -> bool:
    """Whether two labels are one word in another spelling: capitals and spaces are no matter."""
    return " ".join(str(old).split()).casefold() == " ".join(str(new).split()).casefold()


def _effect(field: str) -> Effect:
    if field in SCALE:
        return "scale"
    return "meaning" if field in MEANING else "asking"


def _plain(part: Any, without: set[str]) -> dict[str, Any]:
    document: dict[str, Any] = part.model_dump(mode="json", exclude=without)
    return document


def _said(value: Any) -> str | None:
    if value is None:
        return None
    return value.strip() if isinstance(value, str) else str(value)


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
