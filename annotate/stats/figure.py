"""A figure: a number with its interval, or the reason why there is none."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Level = Literal["nominal", "ordinal", "interval", "ratio"]


class Reason(StrEnum):
    """Why a figure has no number."""

    NO_VARIATION = "no variation: every rating is the same"
    NOT_TWICE = "no unit was rated twice"
    NO_RATINGS = "no ratings"
    NOMINAL = "a nominal scale has no distances"
    NO_PASS = "the criterion has no pass point"
    ONE_SIDED = "people saw only passes or only fails"
    CONSTANT = "one side gave always the same value"


def plural(more: int, what: str) -> str:
    """`1 more unit`, `4 more units that people rated`: the noun is the phrase's unit or anchor."""
    if more != 1:
        for noun in ("anchor", "unit"):
            what = what.replace(noun, f"{noun}s", 1)
    return f"{more} more {what}"


def not_enough(missing: int) -> str:
    """The reason of a figure that waits for more units: `not enough ratings: 4 more units`."""
    return f"not enough ratings: {plural(missing, 'unit')}"


def p_words(p: float | None) -> str:
    """A probability as it is printed: `0.012`, and `< 0.001` below that, for none is 0; empty for
    None."""
    if p is None:
        return ""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


@dataclass(frozen=True)
class Figure:
    """A value with a 95 % interval over n units, or None with the reason.

    method: what was computed. interval: how its interval was. seed: of a resampled interval.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str | None = None
    method: str = ""
    interval: str = ""
    seed: int | None = None

    @classmethod
    def undefined(cls, reason: str, n: int, method: str = "") -> Self:
        """No number, and why."""
        return cls(None, None, None, n, str(reason), method)

    def words(self, form: str = "{:z.2f}") -> str:
        """`0.71 [0.66, 0.76]`, or the reason why there is no number; form: of each number."""
        if self.value is None:
            return self.reason or "undefined"
        said = form.format(self.value)
        if self.low is None or self.high is None:
            return said
        return f"{said} [{form.format(self.low)}, {form.format(self.high)}]"

    def as_json(self) -> dict[str, Any]:
        """`{"value", "low", "high", "n", "reason"}`."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "reason": self.reason,
        }


def counts(values: Floats, domain: tuple[float, ...]) -> Ints:
    """How many raters gave each unit each value of the scale.

    values: (units, raters), NaN where nobody rated. Returns (units, len(domain)) counts.
    Raises ValueError for a value outside the scale.
    """
    units, _ = np.nonzero(~np.isnan(values))
    said = values[~np.isnan(values)]
    scale = np.asarray(domain, dtype=float)
    codes = np.searchsorted(scale, said)
    codes = np.minimum(codes, len(scale) - 1)
    if said.size and not np.array_equal(scale[codes], said):
        wrong = said[scale[codes] != said][0]
        raise ValueError(
            f"value {wrong:g} is not on the scale {', '.join(f'{d:g}' for d in domain)}"
        )
    flat = np.bincount(units * len(scale) + codes, minlength=len(values) * len(scale))
    return flat.reshape(len(values), len(scale)).astype(np.int64)
