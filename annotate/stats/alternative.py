"""May the judge stand in for a person? The alternative annotator test."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from annotate.stats.figure import Floats, Level, counts, not_enough
from annotate.stats.multiplicity import benjamini_yekutieli

EPSILON = 0.1
"""What a judge may lose against a person and still be preferred, for its lower cost: .2 beside
experts, .15 beside trained raters, .1 beside a crowd."""
EPSILONS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
MINIMUM_UNITS = 30
"""Units a person must share with two others for Student's t to hold."""
MINIMUM_PEOPLE = 3
PASS_AT = 0.5
FALSE_DISCOVERIES = 0.05


@dataclass(frozen=True)
class OneAnnotator:
    """The judge beside one person, both measured against the others."""

    rater: int
    """Column of the ratings."""
    n: int
    """Units that this person, another one and the judge rated."""
    judge_wins: float | None
    """The share of units on which the judge is at least as close to the others."""
    person_wins: float | None
    """The share on which the person is: units of a tie count in both."""
    p: float | None
    """Of the judge losing by epsilon or more, adjusted after Benjamini & Yekutieli."""


@dataclass(frozen=True)
class AlternativeAnnotatorTest:
    """Of how many people the judge could take the place."""

    winning_rate: float | None
    """The share of people against whom the judge holds its own: passed from .5 on."""
    advantage: float | None
    """The mean over people of the share of units on which the judge is at least as close (rho)."""
    passed: bool | None
    epsilon: float
    people: tuple[OneAnnotator, ...]
    winning_rate_at: dict[float, float]
    """At each of EPSILONS: how far the answer depends on that choice."""
    reason: str | None = None


def alternative_annotator_test(
    judge: Floats,
    humans: Floats,
    *,
    domain: tuple[float, ...],
    level: Level,
    epsilon: float = EPSILON,
    minimum_units: int = MINIMUM_UNITS,
) -> AlternativeAnnotatorTest:
    """Each person in turn is left out, and judge and person are compared with the others.

    judge: (units,), NaN where it did not answer. humans: (units, raters), points of the scale,
        NaN where nobody rated. domain: the whole scale.
    Closeness on a unit: minus the root mean squared distance to the others' ratings; on a nominal
    scale the share of them that is equal. Per person, d = (person at least as close) - (judge at
    least as close); one-sided t-test of mean d < epsilon; Benjamini-Yekutieli at .05 over people.
    Calderon, Reichart & Dror (2025), The Alternative Annotator Test for LLM-as-a-Judge, ACL. A
    tie counts as a win of both, and epsilon is a judgement of value: show `winning_rate_at`.
    Undefined with fewer than three people who share `minimum_units` units with two others.
    Raises ValueError for arrays of different length, and for a rating outside the scale.
    """
    if len(judge) != len(humans):
        raise ValueError(f"{len(judge)} scores for {len(humans)} units")
    counts(humans, domain)  # refuses a value outside the scale
    beside = [_beside(judge, humans, column, level) for column in range(humans.shape[1])]
    enough = [i for i, (ours, _) in enumerate(beside) if len(ours) >= minimum_units]
    if len(enough) < MINIMUM_PEOPLE:
        return _withheld(beside, minimum_units, epsilon)
    measured = [beside[i] for i in enough]
    adjusted = dict(zip(enough, _adjusted(measured, epsilon), strict=True))
    people = tuple(_one(i, *beside[i], adjusted.get(i)) for i in range(len(beside)))
    winning = _winning_rate(measured, epsilon)
    advantage = float(np.mean([judge_wins.mean() for judge_wins, _ in measured]))
    return AlternativeAnnotatorTest(
        winning, advantage, winning >= PASS_AT, epsilon, people,
        {other: _winning_rate(measured, other) for other in EPSILONS},
    )  # fmt: skip


def _beside(judge: Floats, humans: Floats, column: int, level: Level) -> tuple[Floats, Floats]:
    """(judge at least as close, person at least as close) of each usable unit, as 0 and 1."""
    person, others = humans[:, column], np.delete(humans, column, axis=1)
    known = ~np.isnan(others)
    usable = ~np.isnan(person) & ~np.isnan(judge) & known.any(axis=1)
    others, known = others[usable], known[usable]

    def closeness(values: Floats) -> Floats:
        if level == "nominal":
            hit = np.where(known, values[:, None] == others, False)
            near: Floats = hit.sum(axis=1) / known.sum(axis=1)
            return near
        squared = np.where(known, (values[:, None] - others) ** 2, 0.0)
        far: Floats = -np.sqrt(squared.sum(axis=1) / known.sum(axis=1))
        return far

    ours, theirs = closeness(judge[usable]), closeness(person[usable])
    return (ours >= theirs - 1e-12).astype(float), (theirs >= ours - 1e-12).astype(float)


def _adjusted(measured: list[tuple[Floats, Floats]], epsilon: float) -> Floats:
    """p of the judge losing to each person by epsilon or more, adjusted over people."""
    return benjamini_yekutieli([_loses(*pair, epsilon) for pair in measured])


def _winning_rate(measured: list[tuple[Floats, Floats]], epsilon: float) -> float:
    """The share of people against whom the judge holds its own."""
    return float((_adjusted(measured, epsilon) <= FALSE_DISCOVERIES).mean())


def _loses(judge_wins: Floats, person_wins: Floats, epsilon: float) -> float:
    """p of the judge losing by epsilon or more."""
    lost = person_wins - judge_wins
    spread = float(lost.std(ddof=1))
    if spread == 0:
        return 0.0 if float(lost[0]) < epsilon else 1.0
    t = (float(lost.mean()) - epsilon) / (spread / np.sqrt(len(lost)))
    return float(stats.t.cdf(t, len(lost) - 1))


def _one(rater: int, ours: Floats, theirs: Floats, p: float | None) -> OneAnnotator:
    if not len(ours):
        return OneAnnotator(rater, 0, None, None, None)
    adjusted = None if p is None else float(p)
    return OneAnnotator(rater, len(ours), float(ours.mean()), float(theirs.mean()), adjusted)


def _withheld(
    beside: list[tuple[Floats, Floats]], minimum: int, epsilon: float
) -> AlternativeAnnotatorTest:
    people = tuple(_one(i, *pair, None) for i, pair in enumerate(beside))
    if len(beside) < MINIMUM_PEOPLE:
        reason = "fewer than three people: nobody can be left out and compared"
    else:
        # The person who decides is the third best supplied.
        most = sorted((one.n for one in people), reverse=True)[MINIMUM_PEOPLE - 1]
        reason = f"{not_enough(minimum - most)} that three people rate"
    return AlternativeAnnotatorTest(None, None, None, epsilon, people, {}, reason)
