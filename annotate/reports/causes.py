"""Disputed units by their likeliest cause, with the evidence."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from sqlmodel import Session

from annotate import adjudication, ratings, rounds
from annotate.adjudication import Dispute
from annotate.reports.agreement import shown_twice
from annotate.rubric import RatingKey
from annotate.stats import p_words
from annotate.stats.dispute import Explanation, explain
from db.tables import Rater, Round

Cause = Literal["slip", "unclear rubric", "ambiguous"]
CAUSES: tuple[Cause, ...] = ("slip", "unclear rubric", "ambiguous")


@dataclass(frozen=True)
class Explained:
    """A dispute with its likeliest cause."""

    dispute: Dispute
    cause: Cause
    evidence: str
    """In a sentence."""


def explained(
    session: Session, round_: Round, *, by: Rater | None, settled: bool = False
) -> list[Explained]:
    """The disputes of a round, slips first, each with its likeliest cause."""
    waiting = adjudication.disputes(session, round_, by=by, settled=settled)
    if not waiting:
        return []
    said = ratings.people(session, round_)
    by_criterion: dict[str, list[Dispute]] = defaultdict(list)
    for dispute in waiting:
        by_criterion[dispute.decision.criterion].append(dispute)
    found = []
    for key in rounds.rubric_of(session, round_).rating_keys():
        found += _of_criterion(said, key, by_criterion[key.key])
    return sorted(found, key=lambda one: CAUSES.index(one.cause))


def _of_criterion(said: pd.DataFrame, key: RatingKey, waiting: list[Dispute]) -> list[Explained]:
    if not waiting:
        return []
    counted = ratings.matrix(ratings.counted(said), key.key)
    places = {unit: row for row, unit in enumerate(counted.units)}
    again = np.full(counted.values.shape, np.nan)
    pairs = shown_twice(said[said["criterion"] == key.key])
    for unit, rater, value in zip(
        pairs["unit_first"], pairs["rater"], pairs["value_again"], strict=True
    ):
        if unit in places and rater in counted.raters:
            again[places[unit], counted.raters.index(rater)] = value
    known = [dispute for dispute in waiting if dispute.decision.unit in places]
    rows = [places[dispute.decision.unit] for dispute in known]
    found = [
        Explained(dispute, one.cause, _sentence(one, counted, key, row))
        for dispute, row, one in zip(
            known, rows, explain(counted.values, again, rows, level=key.level), strict=True
        )
    ]
    # Where everybody abstained there is no value to explain by.
    found += [
        Explained(dispute, "ambiguous", "Nobody gave a value.")
        for dispute in waiting
        if dispute.decision.unit not in places
    ]
    return found


def _sentence(one: Explanation, said: ratings.Matrix, key: RatingKey, row: int) -> str:
    names = [said.raters[place] for place in one.raters]
    if one.cause == "slip":
        repeats = f"{one.count} of {one.of} units shown twice answered alike"
        if one.here:
            return f"{names[0]} answered this unit otherwise when it was shown again ({repeats})."
        return f"{names[0]} departs from the others and is inconsistent: {repeats}."
    if one.cause == "unclear rubric":
        low, high = one.raters
        chance = p_words(one.p)
        if key.level == "nominal":
            first, second = (key.label(said.values[row, place]) for place in one.raters)
            how = (
                f"{names[0]} says {first} and {names[1]} {second} on {one.count} of the {one.of} "
                "units on which they give these two"
            )
        else:
            where = _boundary(said, low, high, key)
            how = (
                f"{names[0]} stands below {names[1]} on {one.count} of the {one.of} units on which "
                f"they differ{where}"
            )
        return f"{how} (sign test: p {chance}): they read the rubric differently."
    if names:
        kept = " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"
        return f"{kept} stood by it when the unit was shown again: it can be seen either way."
    return (
        "Nobody is known to have slipped, and no two raters differ the same way round more often "
        "than by chance: it can be seen either way."
    )


def _boundary(said: ratings.Matrix, low: int, high: int, key: RatingKey) -> str:
    """The two points between which they differ most."""
    apart = said.values[:, low] < said.values[:, high]
    pairs = Counter(zip(said.values[apart, low], said.values[apart, high], strict=True))
    (one, other), number = pairs.most_common(1)[0]
    if number < 2:
        return ""
    return f", mostly {key.label(one)} beside {key.label(other)}"
