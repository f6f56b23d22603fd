"""A rater's private card after a round: pace, consistency, and where they differ from the others.

For nobody but the rater, and without a rank: it is there to learn from.
"""

import statistics
from dataclasses import dataclass

import pandas as pd
from sqlmodel import Session, col, select

from annotate import adjudication, ratings, rounds
from annotate.errors import NotAllowed
from annotate.rubric import RatingKey
from db.tables import Assignment, Output, Rater, Round

EXAMPLES = 3


@dataclass(frozen=True)
class Difference:
    """One answer of the rater's that lies far from what all came to."""

    criterion: str
    yours: str
    consensus: str
    how: str
    response: str
    input: object
    points: float
    """How far apart they lie, in widths of the scale: 1 is from one end to the other."""


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
    differences, compared = _differences(session, round_, said, own, keys)
    apart = [one for one in differences if one.points > 0]
    return Card(
        units=len(worked),
        seconds=statistics.median(worked) if worked else None,
        repeated=repeated,
        alike=alike,
        compared=compared,
        as_consensus=compared - len(apart),
        differences=sorted(apart, key=lambda one: -one.points)[:EXAMPLES],
    )


def _repeats(own: pd.DataFrame) -> tuple[int, int]:
    again = own[own["purpose"] == "repeat"]
    pairs = again.merge(
        own, left_on=["repeats_id", "criterion"], right_on=["unit_id", "criterion"],
        suffixes=("_again", "_first"),
    )  # fmt: skip
    return len(pairs), int((pairs["value_again"] == pairs["value_first"]).sum())


def _differences(
    session: Session,
    round_: Round,
    said: pd.DataFrame,
    own: pd.DataFrame,
    keys: dict[str, RatingKey],
) -> tuple[list[Difference], int]:
    """Every answer beside the consensus of at least two others and the rater, or a decision."""
    given = {
        (str(row.unit), str(row.criterion)): float(row.value)  # type: ignore[arg-type]
        for row in own.itertuples()
    }
    found: list[tuple[str, Difference]] = []
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
        found.append(
            (
                decision.output,
                Difference(
                    decision.criterion, key.label(value), decision.label or "", result.how,
                    "", None, points,
                ),
            )
        )  # fmt: skip
    furthest = sorted(found, key=lambda one: -one[1].points)[:EXAMPLES]
    outputs = {
        output.key: output
        for output in session.exec(
            select(Output).where(col(Output.key).in_([key for key, _ in furthest]))
        )
    }
    shown = [
        Difference(
            d.criterion, d.yours, d.consensus, d.how,
            outputs[key].response, outputs[key].input, d.points,
        )
        for key, d in furthest
    ]  # fmt: skip
    rest = [d for _, d in sorted(found, key=lambda one: -one[1].points)[EXAMPLES:]]
    return [*shown, *rest], len(found)
