"""A rater's private card after a round: pace, consistency, and where they differ from the others.

For nobody but the rater, and without a rank: it is there to learn from.
"""

import statistics
from dataclasses import dataclass

import pandas as pd
from sqlmodel import Session, col, select

from annotate import adjudication, pairs, population, ratings, rounds
from annotate.adjudication import Decision
from annotate.criterion import PREFERENCES
from annotate.errors import NotAllowed
from annotate.rubric import RatingKey
from db.tables import Assignment, Output, Rater, Round, Unit

EXAMPLES = 3
AT_ONCE = 100
"""Differences that are looked through together for examples."""


@dataclass(frozen=True)
class Difference:
    """One answer of the rater's that lies far from what all came to."""

    criterion: str
    yours: str
    consensus: str
    how: str
    response: str
    """Of a pair, what stood as A."""
    rival: str | None
    """Of a pair, what stood as B."""
    input: object
    points: float
    """How far apart they lie, in widths of the scale: 1 is from one end to the other."""


@dataclass(frozen=True)
class Beside:
    """An answer of the rater's beside what all came to."""

    decision: Decision
    key: RatingKey
    yours: float
    all: float
    points: float


@dataclass(frozen=True)
class Card:
    """What a rater may learn of themselves from a closed round."""

    units: int
    seconds: float | None
    """Of active work on a unit, the median."""
    repeated: int
    """Answers that were given twice, because a unit came back unannounced."""
    alike: int
    """Of these, how many were the same again."""
    compared: int
    """Answers that have a consensus to be compared with."""
    as_consensus: int
    differences: list[Difference]


def card(session: Session, rater: Rater, round_: Round) -> Card:
    """The rater's own card; once the round is closed, so that nothing can be fitted to it."""
    if round_.status != "closed":
        raise NotAllowed(f"your card of round {round_.name} is there once the round is closed")
    worked = list(
        session.exec(
            select(Assignment.seconds).where(
                Assignment.round_id == round_.id,
                Assignment.rater_id == rater.id,
                Assignment.state == "submitted",
            )
        )
    )
    keys = {key.key: key for key in rounds.rubric_of(session, round_).rating_keys()}
    said = ratings.people(session, round_, units_of=rater)
    own = said[(said["rater"] == rater.name) & said["value"].notna()]
    own = own[~own["adjudication"].astype(bool)]
    repeated, alike = _repeats(own)
    compared = _compared(session, round_, said, own, keys)
    apart = [one for one in compared if one.points > 0]
    return Card(
        units=len(worked),
        seconds=statistics.median(worked) if worked else None,
        repeated=repeated,
        alike=alike,
        compared=len(compared),
        as_consensus=len(compared) - len(apart),
        differences=_examples(session, rater, round_, apart),
    )


def _repeats(own: pd.DataFrame) -> tuple[int, int]:
    again = own[own["purpose"] == "repeat"]
    pairs = again.merge(
        own, left_on=["repeats_id", "criterion"], right_on=["unit_id", "criterion"],
        suffixes=("_again", "_first"),
    )  # fmt: skip
    return len(pairs), int((pairs["value_again"] == pairs["value_first"]).sum())


def _compared(
    session: Session,
    round_: Round,
    said: pd.DataFrame,
    own: pd.DataFrame,
    keys: dict[str, RatingKey],
) -> list[Beside]:
    """Every answer beside the consensus of at least two others and the rater, or a decision."""
    given = {
        (str(row.unit), str(row.criterion)): float(row.value)  # type: ignore[arg-type]
        for row in own.itertuples()
    }
    found: list[Beside] = []
    for decision in adjudication.decided(session, round_, said):
        value = given.get((decision.unit, decision.criterion))
        result = decision.consensus
        if value is None or result.value is None or decision.open or result.how == "single":
            continue
        key = keys[decision.criterion]
        low, high = key.domain[0], key.domain[-1]
        points = abs(value - result.value) / (high - low)
        if key.level == "nominal":
            points = float(value != result.value)
        found.append(Beside(decision, key, value, result.value, points))
    return found


def _examples(
    session: Session, rater: Rater, round_: Round, apart: list[Beside]
) -> list[Difference]:
    """The largest of the differences, of units that nobody is to rate blind again."""
    furthest = sorted(apart, key=lambda one: -one.points)
    chosen: list[Beside] = []
    for start in range(0, len(furthest), AT_ONCE):
        some = furthest[start : start + AT_ONCE]
        secret = _still_blind(session, {one.decision.output for one in some})
        chosen += [one for one in some if one.decision.output not in secret]
        if len(chosen) >= EXAMPLES:
            break
    return [_example(session, rater, round_, one) for one in chosen[:EXAMPLES]]


def _still_blind(session: Session, outputs: set[str]) -> set[str]:
    """Outputs that are anchors, or units of an open round: what all came to stays unsaid."""
    standing = {round_.id: round_ for round_ in session.exec(select(Round))}
    found: set[str] = set()
    for side in (col(Unit.output_id), col(Unit.rival_id)):
        rows = session.exec(
            select(Output.key, Unit.purpose, Unit.round_id)
            .join(Unit, side == col(Output.id))
            .where(col(Output.key).in_(outputs))
        )
        for key, purpose, round_id in rows:
            where = standing[round_id]
            # What is called an anchor of a norming round has been talked over there.
            if where.status == "open" or (purpose == "anchor" and not population.tells(where)):
                found.add(key)
    return found


def _example(session: Session, rater: Rater, round_: Round, one: Beside) -> Difference:
    """A difference as the rater met it: of a pair, in the words and the order of their screen."""
    first = session.exec(select(Output).where(Output.key == one.decision.output)).one()
    second = pairs.rival_of(session, round_, one.decision.unit)
    yours, consensus = one.key.label(one.yours), one.key.label(one.all)
    if second is not None:
        assert rater.id is not None
        swapped = pairs.swapped(round_.seed, rater.id, one.decision.unit)
        first, second = (second, first) if swapped else (first, second)
        if one.key.options == tuple(PREFERENCES):
            yours = pairs.in_words(one.yours, swapped=swapped)
            consensus = pairs.in_words(one.all, swapped=swapped)
    return Difference(
        criterion=one.decision.criterion,
        yours=yours,
        consensus=consensus,
        how=one.decision.consensus.how,
        response=first.response,
        rival=None if second is None else second.response,
        input=first.input,
        points=one.points,
    )
