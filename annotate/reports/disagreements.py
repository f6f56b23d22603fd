"""Where a judge and the people of a round differ, unit by unit, with the reasons that both gave."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from sqlmodel import Session

from annotate import people, ratings, rounds
from annotate.errors import BadInput
from annotate.judge.judges import seen_cases
from annotate.judge.splits import Split, split_of
from annotate.reports.calibration import blind, scores
from annotate.reports.opening import is_closed
from annotate.rubric import RatingKey
from annotate.stats import lower_median, nearest_point
from db.tables import Rater, Round

COLUMNS = (*ratings.STATISTICS, "rationale", "configuration", "case")


@dataclass(frozen=True)
class Side:
    """What one rater said, and why."""

    rater: str
    value: float
    label: str
    rationale: str | None


@dataclass(frozen=True)
class Disagreement:
    """One unit on one criterion that the judge sees differently from people."""

    criterion: str
    unit: str
    output: str
    segment: str
    configuration: str
    people: float
    """Their middle value, the lower one of two: always a point of the scale."""
    judge: float
    """Its score, the mean of its runs."""
    difference: float
    """Judge less the mean of people, in points; of categories 1 where they differ."""
    error: Literal["false pass", "false fail"] | None
    """None where both pass it, both fail it, or the criterion has no pass point."""
    reason: str | None
    """The judge's own."""
    sides: tuple[Side, ...]
    """What people said."""

    def as_json(self) -> dict[str, Any]:
        """As `annotate calibration --examples --json` prints it."""
        return {
            **{k: v for k, v in vars(self).items() if k != "sides"},
            "sides": [vars(side) for side in self.sides],
        }


def disagreements(
    session: Session,
    round_: Round,
    *,
    judge: str,
    criterion: str,
    segment: str | None = None,
    split: Split | None = None,
    by: Rater | None,
) -> list[Disagreement]:
    """The units of a round on which the judge and people differ, the farthest apart first.

    split: only of cases in this part. Cases that the judge has seen are left out, as in its
    calibration; those of the test split too, until it is opened: `held_back` says how many.
    """
    people.require_lead(session, by)
    rounds.refuse_its_raters(round_, by, "where the judge differs is shown")
    key = rounds.rubric_of(session, round_).rating_key(criterion)
    said, closed = _said(session, round_, judge, criterion, segment)
    if split == "test" and closed.any():
        raise BadInput("the test split is opened by an act of its own, which is logged")
    said = said[~closed]
    if split is not None:
        said = said[said["case"].astype(object).map(split_of) == split]
    scored = scores(session, round_, columns=(*ratings.STATISTICS, "rationale"))
    by_output = ratings.judge_scores(scored, criterion, judge)
    rows = _differing(said, by_output, _reasons(scored, criterion, judge), key)
    return sorted(rows, key=lambda row: (-abs(row.difference), row.error is None, row.unit))


def held_back(
    session: Session,
    round_: Round,
    *,
    judge: str,
    criterion: str,
    segment: str | None = None,
    by: Rater | None,
) -> int:
    """Units of the test split that `disagreements` does not tell of, because nobody opened it."""
    people.require_lead(session, by)
    rounds.refuse_its_raters(round_, by, "where the judge differs is shown")
    said, closed = _said(session, round_, judge, criterion, segment)
    return int(said.loc[closed, "unit"].nunique())


def _said(
    session: Session, round_: Round, judge: str, criterion: str, segment: str | None
) -> "tuple[pd.DataFrame, pd.Series[bool]]":
    """What people said of cases that the judge has not seen, and which of it is not to be told:
    that of the test split, while it is closed."""
    found = ratings.frame(session, rounds=[round_], kinds=["human"], columns=COLUMNS)
    said = ratings.counted(blind(found))
    said = said[said["criterion"] == criterion]
    if segment is not None:
        said = said[said["segment"] == segment]
    rater = people.get_rater(session, judge)
    said = said[~said["case"].astype(object).isin(seen_cases(session, rater, criterion))]
    if is_closed(session, rater, round_, criterion):
        closed = said["case"].astype(object).map(split_of) == "test"
    else:
        closed = pd.Series(False, index=said.index)
    return said, closed


def _differing(
    said: pd.DataFrame, by_output: "pd.Series[float]", reasons: Mapping[str, str], key: RatingKey
) -> Iterator[Disagreement]:
    """Every unit whose middle value is not the point that is nearest to the judge's score."""
    ordered = key.level != "nominal" or len(key.domain) == 2
    for unit, rows in said.groupby("unit", observed=True, sort=True):
        first = rows.iloc[0]
        if first["output"] not in by_output.index:
            continue
        judged = float(by_output[first["output"]])
        values = rows["value"].to_numpy(dtype=np.float64)
        middle = float(lower_median(values[None, :])[0])
        point = float(nearest_point(np.array([judged]), key.domain)[0])
        if point == middle:
            continue
        error: Literal["false pass", "false fail"] | None = None
        if key.pass_at is not None and (point >= key.pass_at) != (middle >= key.pass_at):
            error = "false pass" if point >= key.pass_at else "false fail"
        yield Disagreement(
            criterion=key.key,
            unit=str(unit),
            output=str(first["output"]),
            segment=str(first["segment"]),
            configuration=str(first["configuration"]),
            people=middle,
            judge=judged,
            difference=judged - float(values.mean()) if ordered else 1.0,
            error=error,
            reason=reasons.get(str(first["output"])),
            sides=tuple(
                Side(
                    str(row["rater"]),
                    float(row["value"]),
                    key.label(float(row["value"])),
                    row["rationale"] if isinstance(row["rationale"], str) else None,
                )
                for row in rows.to_dict("records")
            ),
        )


def _reasons(scored: pd.DataFrame, criterion: str, judge: str) -> dict[str, str]:
    """What the judge gave as its reason, by output; of several runs the first that gave one."""
    mine = scored[(scored["rater"] == judge) & (scored["criterion"] == criterion)]
    given = mine[mine["rationale"].notna()].drop_duplicates("output")
    return {str(o): str(r) for o, r in zip(given["output"], given["rationale"], strict=True)}
