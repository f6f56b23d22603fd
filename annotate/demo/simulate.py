"""Raters and a judge with known habits, for the demo workspace.

Everything here is simulated: a truth per output, bent by each one's habits. The same seed gives
the same ratings on every machine.
"""

import random
from dataclasses import dataclass, field

from annotate.answer import Answer
from annotate.rubric import Rubric

SCORES = ("faithfulness", "relevance", "completeness")


@dataclass(frozen=True)
class Truth:
    """What an output is worth, known because it was written that way."""

    id: str
    faithfulness: int
    relevance: int
    completeness: int
    failure: tuple[str, ...]
    difficulty: float
    """From 0 to 1: how much careful raters would differ."""
    why: str


@dataclass(frozen=True)
class Habit:
    """How somebody rates. Shifts are in points of the scale."""

    name: str
    lenient: float = 0.0
    noise: float = 0.35
    cannot_judge: float = 0.0
    """Share of difficult outputs on which this one abstains."""
    drift: dict[str, float] = field(default_factory=dict)
    """Further leniency in one segment."""


RATERS = (
    Habit("Amara (simulated)", noise=0.25),
    Habit("Jonas (simulated)", lenient=0.3, noise=0.35),
    Habit("Mei (simulated)", lenient=-0.15, noise=0.3, cannot_judge=0.5),
    Habit("Tomasz (simulated)", noise=0.45),
)
JUDGE = Habit("judge-mini (simulated)", lenient=0.1, noise=0.3)
DRIFT = 1.6
"""Points by which the judge became more lenient, in one segment, before the last round."""


def score(truth: Truth, criterion: str, habit: Habit, segment: str, occasion: str) -> float:
    """One continuous score on a criterion, within 1 to 5."""
    chance = random.Random(f"{occasion}:{habit.name}:{truth.id}:{criterion}")  # noqa: S311
    spread = habit.noise + 0.6 * truth.difficulty
    worth: int = getattr(truth, criterion)
    raw = worth + habit.lenient + habit.drift.get(segment, 0.0)
    return min(5.0, max(1.0, raw + chance.gauss(0, spread)))


def answers(
    truth: Truth, habit: Habit, rubric: Rubric, segment: str, occasion: str
) -> dict[str, Answer]:
    """What a rater of this habit submits for an output."""
    chance = random.Random(f"{occasion}:{habit.name}:{truth.id}")  # noqa: S311
    given: dict[str, Answer] = {}
    for criterion in rubric.criteria:
        if criterion.id not in rubric.shown(given):
            continue
        if criterion.id in SCORES:
            value = float(round(score(truth, criterion.id, habit, segment, occasion)))
            unsure = truth.difficulty > 0.6 and chance.random() < habit.cannot_judge
            if unsure and "cannot_judge" in criterion.abstain:
                given[criterion.id] = Answer(abstained="cannot_judge")
                continue
            given[criterion.id] = Answer(
                value=value,
                rationale=(truth.why or "Reads worse than it should.") if value < 3 else None,
            )
        elif criterion.scale == "tags":
            seen = tuple(tag for tag in truth.failure if chance.random() < 0.85)
            given[criterion.id] = Answer(tags=seen)
    return given
