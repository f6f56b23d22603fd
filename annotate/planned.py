"""What a plan of a round is made of."""

from dataclasses import dataclass, field
from typing import NamedTuple

from annotate.design import Design
from db.tables import Round
from db.tables import Rubric as RubricRow


@dataclass(frozen=True)
class PlannedUnit:
    """One unit that the round would have."""

    key: str
    output: str
    purpose: str
    stratum: str
    segment: str
    inclusion_probability: float | None
    overlap: int
    rank: int = 0
    repeats: str | None = None
    rival: str | None = None
    """Of a pair: the candidate's output."""


@dataclass(frozen=True)
class StratumPlan:
    """One stratum of the sample."""

    stratum: str
    population: int
    """Outputs that could be drawn: not those of the baseline round, nor those whose answer raters
    are told in a practice or a norming round."""
    fresh: int
    anchors: int
    inclusion_probability: float
    """Of a fresh unit: fresh over population."""


@dataclass(frozen=True)
class Plan:
    """What launching would freeze."""

    design: Design
    rubric: RubricRow
    """Not in the database yet where a built-in rubric is used for the first time."""
    baseline: Round | None
    strata: list[StratumPlan]
    units: list[PlannedUnit]
    content: dict[str, str]
    """The content hash of every output in it, by key."""
    warnings: list[str] = field(default_factory=list)
    known: dict[str, dict[str, float]] | None = None
    """Of a practice: the known answers, by output and criterion."""
    population: dict[str, int] = field(default_factory=dict)
    """Outputs that could be drawn, by segment."""

    @property
    def assignments(self) -> int:
        """Ratings of a whole unit that the round asks for."""
        return sum(unit.overlap for unit in self.units)


class Candidate(NamedTuple):
    """An output that may be drawn. There are as many as outputs: it is made as fast as a tuple."""

    key: str
    segment: str
    content_hash: str
    stratum: str
    signal: str | None = None
    """The over-sampled user signal that its stratum is made of."""
