"""What an earlier round says of one that is being planned: how far units move alpha, how often a
criterion is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import comb

import numpy as np
from sqlmodel import Session, col, select

from annotate import population, ratings, rounds
from annotate.ratings import Floats
from annotate.rubric import RatingKey, Rubric
from annotate.stats import expected_spread, unit_spread
from annotate.stats.figure import Level
from annotate.stats.planner import TYPICAL_SPREAD
from db.tables import Round
from db.tables import Rubric as RubricRow

USUAL_ALPHA = 0.6
LOOKED_AT = 3
"""Newest rounds among which a pilot is looked for."""
MOST_RATERS = 10
MOST_VALUES = 11
"""Points of a scale beyond which the usual spread is not worked out for it."""
MOST_PATTERNS = 2_000
"""Ways to rate a unit beyond which fewer raters are reckoned with, which is a little cautious: the
page works this out while it is being filled in."""


@dataclass(frozen=True)
class Expected:
    """Of one criterion: what its alpha will go by."""

    spread: float
    """How much one unit moves alpha."""
    asked: float
    """The share of units that two people give a value on it, of those that two people rate."""


@dataclass(frozen=True)
class Pilot:
    """What is expected of each criterion, and by which round."""

    round: str | None
    """None where no earlier round says anything: then it is what is usual."""
    expected: dict[str, Expected]
    """Criteria that are asked on a condition are not among them where no round says how often."""


def pilot(session: Session, rubric: Rubric, *, overlap: int) -> Pilot:
    """By the newest closed round with a rubric of this name that says something; else the usual.

    A practice, a norming and a comparison say nothing of how people agree who rate blind and one
    by one.
    """
    keys = rubric.rating_keys()
    for round_ in _rounds(session, rubric.name):
        found = _of_round(session, round_, keys, overlap)
        if found:
            return Pilot(round_.name, {**_usual(rubric, keys, overlap), **found})
    return Pilot(None, _usual(rubric, keys, overlap))


def _rounds(session: Session, rubric: str) -> list[Round]:
    rows = session.exec(
        select(Round)
        .join(RubricRow, col(RubricRow.id) == Round.rubric_id)
        .where(RubricRow.name == rubric, Round.status == "closed")
        .order_by(col(Round.id).desc())
    )
    return [
        round_ for round_ in rows
        if not population.tells(round_) and not round_.design.get("compares")
    ][:LOOKED_AT]  # fmt: skip


def _of_round(
    session: Session, round_: Round, keys: tuple[RatingKey, ...], overlap: int
) -> Mapping[str, Expected]:
    """What it says by criterion; nothing where it has no spread of any."""
    seen = ratings.counted(ratings.people(session, round_))
    # An older version may have had another scale, whose values say nothing about this one.
    then = rounds.rubric_of(session, round_).rating_keys()
    scales = {key.key: (key.domain, key.level) for key in then}
    raters_of = seen.drop_duplicates(["unit", "rater"]).groupby("unit", observed=True).size()
    twice = int((raters_of >= 2).sum())
    found = {}
    spreads = 0
    for key in keys:
        if scales.get(key.key) != (key.domain, key.level):
            continue
        values = ratings.matrix(seen, key.key).values
        both = int(((~np.isnan(values)).sum(axis=1) >= 2).sum())
        if not both:
            continue
        spread = _spread(values, key)
        spreads += spread is not None
        # Who always agreed foretells nothing but how often it is asked: the usual stands in.
        usual = _usual_spread(key.domain, key.level, overlap)
        found[key.key] = Expected(usual if spread is None else spread, both / twice)
    return found if spreads else {}


def _spread(values: Floats, key: RatingKey) -> float | None:
    if not values.size:
        return None
    found = unit_spread(values, domain=key.domain, level=key.level)
    return None if found is None or found < 1e-9 else found


def _usual(rubric: Rubric, keys: tuple[RatingKey, ...], overlap: int) -> dict[str, Expected]:
    return {
        key.key: Expected(_usual_spread(key.domain, key.level, overlap), 1.0)
        for key in keys
        if rubric.criterion(key.criterion).show_if is None
    }


@lru_cache(maxsize=256)
def _usual_spread(domain: tuple[float, ...], level: Level, overlap: int) -> float:
    """Of units of which half are as good as can be, and each lower value half as often."""
    if len(domain) > MOST_VALUES:
        return TYPICAL_SPREAD
    raters = min(max(overlap, 2), MOST_RATERS)
    while raters > 2 and comb(len(domain) + raters - 1, raters) > MOST_PATTERNS:
        raters -= 1
    share = 0.5 ** np.arange(len(domain), 0, -1)
    return expected_spread(
        USUAL_ALPHA,
        (share / share.sum()).tolist(),
        raters=raters,
        domain=domain,
        level=level,
    )
