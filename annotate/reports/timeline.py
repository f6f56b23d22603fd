"""From round to round: what people and the judge gave, and how far the judge followed them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlmodel import Session, col, select

from annotate import people, ratings, rounds
from annotate.ratings import Floats
from annotate.reports.calibration import blind, scores
from annotate.reports.drift import plain_name, version_there
from annotate.stats import Figure, mean_figure
from db.tables import Rater, Round
from db.tables import Rubric as RubricRow

FEWEST = 3
"""Fresh units below which no mean is given."""


@dataclass(frozen=True)
class Point:
    """One round on one criterion in one segment; None is all segments together."""

    round: str
    criterion: str
    segment: str | None
    judge: str | None
    """The version that scored the round; None where none did."""
    of_people: Figure
    """The mean of people on fresh units, weighted to the traffic."""
    of_judge: Figure
    """The judge's mean on the same units."""
    bias: Figure
    """Judge less people, on the fresh units that both have."""


def timeline(session: Session, current: Round, *, judge: str, by: Rater | None) -> list[Point]:
    """Every round of the current one's rubric up to it, oldest first, per criterion and segment.

    judge: a version, or a judge's plain name for whichever version scored each round. Means are of
    fresh units and weighted by their inclusion, so that they speak of the traffic.
    """
    people.require_lead(session, by)
    rounds.refuse_its_raters(current, by, "the line of rounds is shown")
    plain = plain_name(judge)
    keys = rounds.rubric_of(session, current).rating_keys()
    found = []
    for round_ in _rounds(session, current):
        said = ratings.counted(blind(ratings.people(session, round_)))
        said = said[said["purpose"] == "fresh"]
        scored = scores(session, round_)
        names = {str(name) for name in scored["rater"].unique()}
        version = judge if judge in names else version_there(plain, names)
        asked = {key.key: key.domain for key in rounds.rubric_of(session, round_).rating_keys()}
        for key in keys:
            categories = key.level == "nominal" and len(key.domain) > 2
            if asked.get(key.key) != key.domain or categories:
                continue
            of_all = ratings.matrix(said, key.key, by="output")
            about = said.drop_duplicates("output").set_index("output")
            about = about.reindex(of_all.units)
            weights = (1 / about["inclusion_probability"]).fillna(1.0).to_numpy(dtype=np.float64)
            segments = about["segment"].to_numpy(dtype=object)
            mean = np.nanmean(of_all.values, axis=1) if len(of_all.units) else np.empty(0)
            judged = np.asarray(
                ratings.judge_scores(scored, key.key, version).reindex(of_all.units), dtype=float
            )
            for segment in (None, *sorted({str(s) for s in segments})):
                chosen = np.full(len(mean), True) if segment is None else segments == segment
                found.append(
                    Point(
                        round_.name,
                        key.key,
                        segment,
                        version if version in names else None,
                        _mean(mean[chosen], weights[chosen], key.domain),
                        _mean(judged[chosen], weights[chosen], key.domain),
                        _mean((judged - mean)[chosen], weights[chosen]),
                    )
                )
    return found


def _rounds(session: Session, current: Round) -> list[Round]:
    """The rounds with a rubric of the same name, up to the current one; not those that compare
    pairs, practise or reveal votes."""
    name = current.design["rubric"]["name"]
    rows = session.exec(
        select(Round)
        .join(RubricRow, col(RubricRow.id) == Round.rubric_id)
        .where(RubricRow.name == name, col(Round.id) <= current.id, Round.status != "draft")
        .order_by(col(Round.id))
    )
    other = ("compares", "practice", "reveals")
    return [round_ for round_ in rows if not any(round_.design.get(kind) for kind in other)]


def _mean(values: Floats, weights: Floats, domain: tuple[float, ...] = ()) -> Figure:
    """The weighted mean; of values on a scale with an interval that stays on it."""
    there = ~np.isnan(values)
    n = int(there.sum())
    if n < FEWEST:
        return Figure.undefined(f"fewer than {FEWEST} fresh units", n)
    ends = {"lowest": domain[0], "highest": domain[-1]} if domain else {}
    return mean_figure(values[there], "mean of fresh units", weights=weights[there], **ends)


@dataclass(frozen=True)
class Moved:
    """An anchor that the judge or people see otherwise than before."""

    output: str
    segment: str
    judge_before: float | None
    judge_after: float | None
    people_before: float | None
    people_after: float | None

    @property
    def by_judge(self) -> float:
        """How far the judge moved, in points; 0 where it did not score both times."""
        return _apart(self.judge_before, self.judge_after)

    @property
    def by_people(self) -> float:
        """How far people's mean moved."""
        return _apart(self.people_before, self.people_after)

    def as_json(self) -> dict[str, Any]:
        """The unit as `annotate drift --units --json` prints it."""
        return {**vars(self), "by_judge": self.by_judge, "by_people": self.by_people}


def moved_units(
    session: Session,
    baseline: Round,
    current: Round,
    *,
    judge: str,
    criterion: str,
    segment: str | None = None,
    by: Rater | None,
) -> list[Moved]:
    """The anchors that both rounds have, those that moved most first."""
    people.require_lead(session, by)
    for round_ in (baseline, current):
        rounds.refuse_its_raters(round_, by, "the units that moved are shown")
    sides = []
    for round_ in (baseline, current):
        said = ratings.counted(blind(ratings.people(session, round_)))
        said = said[(said["criterion"] == criterion) & (said["purpose"] == "anchor")]
        scored = scores(session, round_)
        names = {str(name) for name in scored["rater"].unique()}
        sides.append(
            (
                dict(zip(said["output"], said["segment"], strict=True)),
                said.groupby("output", observed=True)["value"].mean(),
                ratings.judge_scores(scored, criterion, version_there(judge, names)),
            )
        )
    (where, people_before, judge_before), (there, people_after, judge_after) = sides
    found = [
        Moved(
            str(output),
            str(where[output]),
            _at(judge_before, output),
            _at(judge_after, output),
            _at(people_before, output),
            _at(people_after, output),
        )
        for output in sorted(set(where) & set(there))
        if segment in (None, where[output])
    ]
    return sorted(found, key=lambda one: (-max(abs(one.by_judge), abs(one.by_people)), one.output))


def _at(values: Any, output: object) -> float | None:
    return float(values[output]) if output in values.index else None


def _apart(before: float | None, after: float | None) -> float:
    return 0.0 if before is None or after is None else after - before
