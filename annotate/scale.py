"""Values of a scale between files, numbers and words."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from numbers import Real
from typing import Literal

from annotate.errors import BadInput

Level = Literal["nominal", "ordinal", "interval"]

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_YES = {"true": 1.0, "yes": 1.0, "pass": 1.0, "false": 0.0, "no": 0.0, "fail": 0.0}


@dataclass(frozen=True)
class RatingKey:
    """What statistics take for a criterion: a criterion, or one tag of it as 0 or 1.

    key: as ratings store it, `faithfulness` or `failure.unsupported`.
    domain: the declared scale, ascending; pass_at: the lowest value that passes, if any does.
    """

    key: str
    criterion: str
    level: Level
    domain: tuple[float, ...]
    pass_at: float | None
    labels: tuple[str, ...] = field(repr=False)
    options: tuple[str, ...] = field(default=(), repr=False)
    """The ids behind the codes 0, 1 ... of a categorical criterion."""

    @property
    def categories(self) -> bool:
        """Whether its values have no order: their numbers are codes."""
        return self.level == "nominal" and len(self.domain) > 2

    def label(self, value: float) -> str:
        """The words for a value; a number between points stays a number."""
        return label(value, self.domain, self.labels)

    def code(self, raw: object) -> float:
        """The number of a value as files have it; BadInput says what is allowed."""
        value = self._number(raw)
        if value is None or value not in self.domain:
            raise BadInput(f"{self.key}: {_shown(raw)} is not on the scale; give {self.allowed}")
        return value

    def encode_any(self, raw: object, kind: str) -> float:
        """As `code`; a judge or a metric may give any real number within the scale."""
        if kind == "human" or self.options:
            return self.code(raw)
        value = self._number(raw)
        low, high = self.domain[0], self.domain[-1]
        if value is None or not low <= value <= high:
            raise BadInput(
                f"{self.key}: {_shown(raw)} is not within the scale; "
                f"give a number from {low:g} to {high:g}"
            )
        return value

    @property
    def allowed(self) -> str:
        """The permitted values in the words of a message."""
        words = self.options or [f"{value:g}" for value in self.domain]
        return f"one of {', '.join(words)}"

    def _number(self, raw: object) -> float | None:
        """The number that is meant, whether or not it is on the scale."""
        if isinstance(raw, str):
            word = raw.strip()
            if self.options:
                return float(self.options.index(word)) if word in self.options else None
            if _NUMBER.fullmatch(word):
                return _finite(float(word))
            if self.domain != (0.0, 1.0):
                return None
            own = {one.casefold(): float(code) for code, one in enumerate(self.labels)}
            return (_YES | own).get(word.casefold())
        # numpy's bool is no bool of Python's; its name is what they share.
        if type(raw).__name__ in ("bool", "bool_"):
            return float(bool(raw)) if self.domain == (0.0, 1.0) and not self.options else None
        if isinstance(raw, Real | Decimal):
            try:
                return _finite(float(raw))
            except OverflowError:
                return None
        return None


def label(value: float, domain: Sequence[float], labels: Sequence[str]) -> str:
    """The label of a value of the domain; the number itself elsewhere."""
    return labels[domain.index(value)] if value in domain else f"{value:g}"


def tags(name: str, raw: object, options: Sequence[str]) -> tuple[str, ...]:
    """The chosen tags of a file's value, in the rubric's order: a list of ids, or `a|b`."""
    if isinstance(raw, str):
        chosen: list[object] = [word.strip() for word in raw.split("|")] if raw.strip() else []
    elif isinstance(raw, Sequence) or type(raw).__name__ == "ndarray":
        chosen = list(raw)  # type: ignore[call-overload]
    else:
        raise BadInput(f"{name}: {_shown(raw)} is no list of tags; give a list or `a|b`")
    for one in chosen:
        if one not in options:
            raise BadInput(
                f"{name}: {_shown(one)} is not one of the tags; choose among {', '.join(options)}"
            )
    return tuple(option for option in options if option in chosen)


def _finite(value: float) -> float | None:
    return value + 0.0 if math.isfinite(value) else None


def _shown(raw: object) -> str:
    text = repr(raw)
    return "nothing" if raw is None else text if len(text) <= 60 else f"{text[:57]}..."
