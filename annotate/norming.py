"""Norming: raters see how all voted blind, talk it over, and vote again."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from annotate import people, ratings, rounds
from annotate.errors import NotAllowed
from annotate.plan import get_round
from annotate.ratings import WITHDRAWN
from annotate.rubric import Rubric
from annotate.stats import Figure, agreement
from db.tables import Rater, Rating, Round, Unit

OWN = "You"


@dataclass(frozen=True)
class Voted:
    """One rater's blind vote on one criterion, under a letter instead of a name."""

    criterion: str
    who: str
    """`You`, or `Rater A`, `Rater B` ..., the same person under the same letter on a unit."""
    said: str
    rationale: str | None


def votes(
    session: Session, round_: Round, unit: Unit, rubric: Rubric, rater: Rater
) -> tuple[Voted, ...]:
    """How everybody voted on a unit's output in the blind round that this one reveals."""
    blind = revealed(session, round_)
    later = aliased(Rating)
    rows = session.exec(
        select(Rating, Rater)
        .join(Rater, col(Rater.id) == Rating.rater_id)
        .join(Unit, col(Unit.id) == Rating.unit_id)
        .where(
            Rating.output_id == unit.output_id,
            Rating.round_id == blind.id,
            Rater.kind == "human",
            # Not repeats, which are nobody's business, and not what is kept and not counted.
            col(Unit.purpose).in_(["fresh", "anchor"]),
            col(Rating.extra).is_(False),
            col(Rating.adjudication).is_(False),
            ~select(later.id).where(col(later.supersedes_id) == col(Rating.id)).exists(),
        )
        .order_by(col(Rating.id))
    ).all()
    # By what was said first, not by name: the letters tell nothing of who it is.
    others = list(dict.fromkeys(who.id for _, who in rows if who.id != rater.id))
    letters = {id_: f"Rater {_letters(place)}" for place, id_ in enumerate(others)}
    keys = {key.key: key for key in rubric.rating_keys()}
    order = {key: place for place, key in enumerate(keys)}
    shown = [
        Voted(
            rating.criterion,
            letters.get(who.id, OWN),
            _in_words(rating, keys[rating.criterion].label),
            rating.rationale,
        )
        for rating, who in rows
        if rating.criterion in keys and rating.abstained != WITHDRAWN
    ]
    return tuple(sorted(shown, key=lambda v: (order[v.criterion], v.who != OWN, v.who)))


def revealed(session: Session, round_: Round) -> Round:
    """The blind round whose votes a norming round reveals."""
    name = round_.design.get("reveals")
    if name is None:
        raise NotAllowed(f"round {round_.name} reveals nobody's votes")
    blind = get_round(session, str(name))
    if blind.status != "closed":
        raise NotAllowed(f"round {blind.name} is {blind.status}: its votes are still blind")
    return blind


@dataclass(frozen=True)
class Change:
    """Agreement on one criterion, by the same raters on the same outputs, before and after."""

    criterion: str
    before: Figure
    after: Figure
    moved: int
    """Votes that were changed."""
    votes: int
    """Votes that were cast both times."""


def changes(session: Session, round_: Round, *, by: Rater | None) -> list[Change]:
    """What talking it over has changed, per criterion; for leads."""
    people.require_lead(session, by)
    rounds.refuse_its_raters(round_, by, "what has changed is shown")
    blind = revealed(session, round_)
    after = ratings.counted(ratings.people(session, round_))
    before = ratings.counted(ratings.people(session, blind))
    pairs = before.merge(after, on=["output", "rater", "criterion"], suffixes=("_before", "_after"))
    minimum = rounds.parameters(round_).minimum_units
    found = []
    for key in rounds.rubric_of(session, round_).rating_keys():
        chosen = pairs[pairs["criterion"] == key.key]
        if chosen.empty:
            continue

        def alpha(when: str, chosen: pd.DataFrame = chosen, key: Any = key) -> Figure:
            values = chosen.rename(columns={f"value_{when}": "value"})
            said = ratings.matrix(values, key.key, by="output")
            return agreement(
                said.values, domain=key.domain, level=key.level, minimum_units=minimum
            ).alpha

        moved = chosen["value_before"] != chosen["value_after"]
        found.append(
            Change(key.key, alpha("before"), alpha("after"), int(moved.sum()), len(chosen))
        )
    return found


def _in_words(rating: Rating, label: Any) -> str:
    if rating.value is not None:
        return str(label(rating.value))
    return (rating.abstained or "").replace("_", " ")


def _letters(place: int) -> str:
    """A ... Z, AA, AB ..."""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
