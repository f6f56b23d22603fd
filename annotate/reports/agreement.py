"""Agreement of a round's raters, per criterion and segment."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlmodel import Session

from annotate import people, ratings, rounds
from annotate.ratings import Floats
from annotate.reports.slices import slices
from annotate.stats import Agreement, Figure, agreement, intra_rater
from db.tables import Rater, Round


@dataclass(frozen=True)
class AgreementRow:
    """Agreement on one criterion in one segment; None is all segments together."""

    criterion: str
    segment: str | None
    segment_size: int
    """Units of the segment that anybody rated."""
    result: Agreement
    repeats: Figure
    """Raters with themselves, on units shown twice."""
    abstained: int


@dataclass(frozen=True)
class AgreementReport:
    """Agreement of a round."""

    round: str
    rows: list[AgreementRow]

    def as_json(self) -> dict[str, Any]:
        """The document that `annotate agreement --json` prints."""
        return {
            "round": self.round,
            "rows": [
                {
                    "criterion": row.criterion,
                    "segment": row.segment,
                    "segment_size": row.segment_size,
                    "n_units": row.result.n_units,
                    "n_ratings": row.result.n_ratings,
                    "alpha": row.result.alpha.as_json(),
                    "ac": row.result.ac.as_json(),
                    "percent": row.result.percent.as_json(),
                    "level": row.result.level,
                    "repeats": row.repeats.as_json(),
                    "abstained": row.abstained,
                }
                for row in self.rows
            ],
        }


def agreement_report(
    session: Session, round_: Round, *, by_segment: bool = True, by: Rater | None
) -> AgreementReport:
    """How far the round's raters coincide, per criterion and (if asked) segment."""
    people.require_lead(session, by)
    rounds.refuse_its_raters(round_, by, "agreement is shown")
    found = ratings.people(session, round_)
    found = found[~found["adjudication"].astype(bool)]
    parameters = rounds.parameters(round_)
    rows = []
    for key in rounds.rubric_of(session, round_).rating_keys():
        of_criterion = found[found["criterion"] == key.key]
        for segment, chosen in slices(of_criterion, by_segment):
            counted = ratings.counted(chosen)
            first, again = _repeats(chosen)
            rows.append(
                AgreementRow(
                    criterion=key.key,
                    segment=segment,
                    segment_size=int(chosen["unit"].nunique()),
                    result=agreement(
                        ratings.matrix(counted, key.key).values,
                        domain=key.domain,
                        level=key.level,
                        minimum_units=parameters.minimum_units,
                    ),
                    repeats=intra_rater(first, again, domain=key.domain, level=key.level),
                    abstained=int(chosen["abstained"].notna().sum()),
                )
            )
    return AgreementReport(round_.name, rows)


def _repeats(found: pd.DataFrame) -> tuple[Floats, Floats]:
    """The same rater's value at the first and at the second showing, pair by pair."""
    pairs = shown_twice(found)
    return (
        pairs["value_first"].to_numpy(dtype=float),
        pairs["value_again"].to_numpy(dtype=float),
    )


def shown_twice(found: pd.DataFrame) -> pd.DataFrame:
    """What raters said of a unit at its first and second showing: a row a unit and rater.

    found: of one criterion. Columns `unit_first`, `rater`, `value_first`, `value_again`.
    """
    valued = found[found["value"].notna()]
    again = valued[valued["purpose"] == "repeat"]
    return again.merge(
        valued, left_on=["repeats_id", "rater"], right_on=["unit_id", "rater"],
        suffixes=("_again", "_first"),
    )  # fmt: skip
