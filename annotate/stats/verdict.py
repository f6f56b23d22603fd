"""What a lead may do with a judge on one criterion, and by which thresholds."""

from dataclasses import dataclass
from enum import StrEnum

from annotate.stats.figure import Figure, Reason


class Verdict(StrEnum):
    """What a lead may do with the judge on this criterion."""

    TRUST = "trust"
    WATCH = "watch"
    DO_NOT_USE = "do not use"
    NOT_ENOUGH = "not enough ratings"


@dataclass(frozen=True)
class Thresholds:
    """What the verdict decides by."""

    of_ceiling: float = 0.8
    """Trust asks for this share of the agreement that people have with each other."""
    poor_of_ceiling: float = 0.5
    """Below this share the judge is not to be used; trust asks that the lower end of the interval
    lies above it."""
    ceiling: float = 0.4
    """People who agree less than this among themselves cannot calibrate anything."""
    bias: float = 0.125
    """Trust asks for a bias within this share of the scale's range (half a point of 1 to 5)."""
    poor_bias: float = 0.25
    """A bias beyond this share of the range: not to be used as it is; trust asks that the whole
    interval lies within it."""

    def __post_init__(self) -> None:
        """Raises ValueError for thresholds that contradict each other."""
        if not 0 <= self.poor_of_ceiling <= self.of_ceiling:
            raise ValueError("0 <= poor_of_ceiling <= of_ceiling must hold")
        if not 0 <= self.bias <= self.poor_bias <= 1:
            raise ValueError("0 <= bias <= poor_bias <= 1 must hold")
        if not 0 < self.ceiling < 1:
            raise ValueError("ceiling lies between 0 and 1")


def decide(
    kappa: Figure,
    ceiling: Figure,
    bias: Figure,
    domain: tuple[float, ...],
    limits: Thresholds,
) -> tuple[Verdict, str]:
    """The verdict and the sentence that gives its reason."""
    if kappa.interval.endswith(Reason.CONSTANT):
        return Verdict.DO_NOT_USE, "it gave always the same value, whatever people saw"
    if kappa.value is None or kappa.low is None:
        why = kappa.reason or kappa.interval.removeprefix("none: ")
        return Verdict.WATCH, f"agreement with people is undefined: {why}"
    if ceiling.value is None or ceiling.value < limits.ceiling:
        said = "is undefined" if ceiling.value is None else f"is {ceiling.value:z.2f}"
        return (
            Verdict.WATCH,
            f"people's agreement with each other {said}: they cannot calibrate a judge; "
            "mend the rubric or train the raters first",
        )
    span = domain[-1] - domain[0]
    off = abs(bias.value) if bias.value is not None else 0.0
    share = kappa.value / ceiling.value
    beside = f"kappa {kappa.value:z.2f} beside {ceiling.value:z.2f} among people"
    direction = "lenient" if (bias.value or 0) > 0 else "strict"
    if off > limits.poor_bias * span:
        return Verdict.DO_NOT_USE, f"{off:z.1f} points too {direction}; {beside}"
    if share < limits.poor_of_ceiling:
        return Verdict.DO_NOT_USE, f"it follows people too little: {beside}"
    if off > limits.bias * span:
        return Verdict.WATCH, f"{off:z.1f} points too {direction}; {beside}"
    if share < limits.of_ceiling:
        return Verdict.WATCH, f"it follows people less than they follow each other: {beside}"
    if kappa.low < limits.poor_of_ceiling * ceiling.value:
        return Verdict.WATCH, f"too few ratings to be sure, from {kappa.low:z.2f} up: {beside}"
    low, high = bias.low or 0.0, bias.high or 0.0
    if max(-low, high) > limits.poor_bias * span:
        return (
            Verdict.WATCH,
            f"too few ratings to be sure, a bias from {low:+z.1f} to {high:+z.1f} points is "
            f"possible: {beside}",
        )
    return Verdict.TRUST, f"it follows people as they follow each other: {beside}"
