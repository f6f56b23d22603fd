"""Where a judge and the people of a round differ, unit by unit, with the reasons that both gave."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from sqlmodel import Session

from annotate import people, ratings, rounds
from annotate.errors import BadInput
from annotate.judge.judges import seen_cases
from annotate.judge.splits import Split, split_of
from annotate.ratings import Floats
from annotate.reports.calibration import blind, is_judge, scores
from annotate.reports.opening import closed_cases
from annotate.rubric import RatingKey
from annotate.stats import commonest, leading, lower_median, nearest_point
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
    people: float | None
    """Their middle value, the lower one of two: always a point of the scale. Of categories the
    commonest; None where several are as common, and the judge's is none of them."""
    judge: float
    """Its score, the mean of its runs; of categories the commonest."""
    labels: tuple[str, str]
    """Both in words: a category's label, else the number."""
    difference: float
    """Judge less the mean of people, in points; of categories 1 where they differ."""
    error: Literal["false pass", "false fail"] | None
    """None where both pass it, both fail it, or the criterion has no pass point."""
    reason: str | None
    """The judge's own."""
    sides: tuple[Side, ...]
    """What people said."""
    categories: bool = False
    """Whether the criterion has categories, whose difference is no number of points."""

    def as_json(self) -> dict[str, Any]:
        """As `annotate calibration --examples --json` prints it."""
        return {
            **{k: v for k, v in vars(self).items() if k not in ("sides", "categories")},
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
    said = _said(session, round_, criterion, segment)
    rater = people.get_rater(session, judge)
    closed = closed_cases(session, rater, round_, criterion, said["case"].unique())
    if split == "test" and closed:
        raise BadInput("the test split is opened by an act of its own, which is logged")
    if split is not None:
        said = said[said["case"].astype(object).map(split_of) == split]
    hidden = seen_cases(session, rater, criterion) | closed
    return _sorted(_differing(_Said.of(said, key), _scored(session, round_), judge, hidden))


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
    said = _said(session, round_, criterion, segment)
    rater = people.get_rater(session, judge)
    closed = closed_cases(session, rater, round_, criterion, said["case"].unique())
    closed -= seen_cases(session, rater, criterion)
    return int(said.loc[said["case"].isin(closed), "unit"].nunique())


def judge_alone(
    session: Session, round_: Round, *, by: Rater | None
) -> dict[str, list[Disagreement]]:
    """By judge, the units on which several people all say the same and the judge does not.

    A metric that was imported and the word-overlap baseline say nothing of right and wrong: they
    are no judges, and none of them is alone. Left out as in `disagreements`: what a judge has seen,
    and the test split until it is opened.
    """
    people.require_lead(session, by)
    rounds.refuse_its_raters(round_, by, "where the judge differs is shown")
    said, scored = _said(session, round_), _scored(session, round_)
    raters = [people.get_rater(session, name) for name in sorted(scored["rater"].unique())]
    judges = [rater for rater in raters if is_judge(rater)]
    found: dict[str, list[Disagreement]] = {}
    for key in rounds.rubric_of(session, round_).rating_keys() if judges else ():
        agreed = _Said.of(said[said["criterion"] == key.key], key).unanimous()
        for rater in judges:
            hidden = seen_cases(session, rater, key.key)
            hidden |= closed_cases(session, rater, round_, key.key, agreed.units["case"].unique())
            if rows := _differing(agreed, scored, rater.name, hidden):
                found.setdefault(rater.name, []).extend(rows)
    return {one.name: _sorted(found[one.name]) for one in judges if one.name in found}


def _said(
    session: Session, round_: Round, criterion: str | None = None, segment: str | None = None
) -> pd.DataFrame:
    found = ratings.frame(session, rounds=[round_], kinds=["human"], columns=COLUMNS)
    said = ratings.counted(blind(found))
    if criterion is not None:
        said = said[said["criterion"] == criterion]
    return said if segment is None else said[said["segment"] == segment]


def _scored(session: Session, round_: Round) -> pd.DataFrame:
    return scores(session, round_, columns=(*ratings.STATISTICS, "rationale"))


def _sorted(rows: list[Disagreement]) -> list[Disagreement]:
    return sorted(rows, key=lambda row: (-abs(row.difference), row.error is None, row.unit))


@dataclass(frozen=True)
class _Said:
    """What people said of one criterion, a row a unit."""

    key: RatingKey
    rows: pd.DataFrame
    """A row a rating."""
    units: pd.DataFrame
    """A row a unit: its output, case, segment, configuration."""
    values: Floats
    """(units, raters)"""

    @classmethod
    def of(cls, rows: pd.DataFrame, key: RatingKey) -> "_Said":
        matrix = ratings.matrix(rows, key.key)
        about = rows.drop_duplicates("unit").set_index("unit")[
            ["output", "case", "segment", "configuration"]
        ]
        return cls(key, rows, about.astype(object).reindex(matrix.units), matrix.values)

    def unanimous(self) -> "_Said":
        """The units on which at least two people say the same and nobody another thing."""
        if not self.values.size:
            return self
        number = (~np.isnan(self.values)).sum(axis=1)
        apart = np.nanmax(self.values, axis=1) - np.nanmin(self.values, axis=1)
        chosen = (number >= 2) & (apart == 0)
        return _Said(self.key, self.rows, self.units[chosen], self.values[chosen])


def _differing(
    said: _Said, scored: pd.DataFrame, judge: str, seen: Collection[str]
) -> list[Disagreement]:
    """Every unit of cases that the judge has not seen on which its nearest point is another."""
    key = said.key
    categories = key.categories
    by_output = ratings.judge_scores(scored, key.key, judge, categories=categories)
    judged = np.asarray(by_output.reindex(said.units["output"]), dtype=np.float64)
    usable = np.flatnonzero(~np.isnan(judged) & ~said.units["case"].isin(seen).to_numpy(dtype=bool))
    values, judged = said.values[usable], judged[usable]
    point = nearest_point(judged, key.domain)
    middle = commonest(values, key.domain) if categories else lower_median(values)
    apart = point != middle
    if categories:
        # Of two categories that are as common, neither is an error.
        place = np.searchsorted(key.domain, point)
        apart &= ~leading(values, key.domain)[np.arange(len(point)), place]
    mean = np.nanmean(values, axis=1) if len(values) else np.empty(0)
    sides = _sides(said.rows, set(said.units.index[usable[apart]]), key)
    why = reasons(scored, key.key, judge)
    found = []
    for row in np.flatnonzero(apart):
        unit = said.units.index[usable[row]]
        about = said.units.iloc[usable[row]]
        people_, score = float(middle[row]), float(judged[row])
        error: Literal["false pass", "false fail"] | None = None
        if key.pass_at is not None and (point[row] >= key.pass_at) != (people_ >= key.pass_at):
            error = "false pass" if point[row] >= key.pass_at else "false fail"
        found.append(
            Disagreement(
                criterion=key.key,
                unit=str(unit),
                output=str(about["output"]),
                segment=str(about["segment"]),
                configuration=str(about["configuration"]),
                people=None if np.isnan(people_) else people_,
                judge=score,
                labels=_words(key, values[row], people_, float(point[row]), score),
                difference=1.0 if categories else score - float(mean[row]),
                error=error,
                reason=why.get(str(about["output"])),
                sides=sides[str(unit)],
                categories=categories,
            )
        )
    return found


def _words(
    key: RatingKey, values: Floats, middle: float, point: float, score: float
) -> tuple[str, str]:
    """What people say and what the judge says: a category's label, else the number."""
    if not key.options:
        return f"{middle:g}", f"{score:.3g}"
    of_people = commonest_words(key, values) if np.isnan(middle) else key.label(middle)
    return of_people, key.label(point)


def commonest_words(key: RatingKey, values: Floats) -> str:
    """The category that most said, several where they are as common.

    values: (raters,), NaN where one said nothing.
    """
    first = leading(values[None, :], key.domain)[0]
    return " or ".join(
        key.label(value) for value, leads in zip(key.domain, first, strict=True) if leads
    )


def _sides(rows: pd.DataFrame, units: set[str], key: RatingKey) -> dict[str, tuple[Side, ...]]:
    """What people said of these units, and why."""
    found: dict[str, list[Side]] = {}
    chosen = rows[rows["unit"].isin(units)]
    for unit, rater, value, why in zip(
        chosen["unit"], chosen["rater"], chosen["value"], chosen["rationale"], strict=True
    ):
        side = Side(str(rater), float(value), key.label(float(value)),
                    why if isinstance(why, str) else None)  # fmt: skip
        found.setdefault(str(unit), []).append(side)
    return {unit: tuple(sides) for unit, sides in found.items()}


def reasons(scored: pd.DataFrame, criterion: str, judge: str) -> Mapping[str, str]:
    """What the judge gave as its reason, by output; of several runs the first that gave one."""
    mine = scored[(scored["rater"] == judge) & (scored["criterion"] == criterion)]
    given = mine[mine["rationale"].notna()].drop_duplicates("output")
    return {str(o): str(r) for o, r in zip(given["output"], given["rationale"], strict=True)}
