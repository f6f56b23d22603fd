"""From round to round: what people and the judge gave, and how far the judge followed them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlmodel import Session, col, select

from annotate import people, ratings, rounds
from annotate.errors import BadInput
from annotate.ratings import Floats
from annotate.reports import comparable
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


@dataclass(frozen=True)
class Timeline:
    """The line of rounds."""

    points: list[Point]
    facts: list[str]
    """What is not in it, and why."""


def timeline(session: Session, current: Round, *, judge: str, by: Rater | None) -> Timeline:
    """Every round of the current one's rubric up to it, oldest first, per criterion and segment.

    judge: a version, or a judge's plain name for whichever version scored each round. Means are of
    fresh units and weighted by their inclusion, so that they speak of the traffic. Left out are
    rounds in which a criterion had another scale, and cases that one of the versions was shown as
    an example: out of every round, so that the same cases are compared.
    """
    people.require_lead(session, by)
    rounds.refuse_its_raters(current, by, "the line of rounds is shown")
    plain = plain_name(judge)
    keys = rounds.rubric_of(session, current).rating_keys()
    found, facts, left_out = [], [], 0
    known = _rounds(session, current)
    scored_in = {round_.id: scores(session, round_) for round_ in known}
    versions: dict[int | None, str | None] = {}
    for round_ in known:
        names = {str(name) for name in scored_in[round_.id]["rater"].unique()}
        name = judge if judge in names else version_there(plain, names)
        versions[round_.id] = name if name in names else None
    shown = comparable.seen_by(session, {name for name in versions.values() if name})
    for round_ in known:
        people_said = ratings.counted(blind(ratings.people(session, round_)))
        said, left = comparable.without(
            session, round_, people_said[people_said["purpose"] == "fresh"], shown
        )
        left_out += left
        scored, version = scored_in[round_.id], versions[round_.id]
        asked = {key.key for key in rounds.rubric_of(session, round_).rating_keys()}
        other_scale = comparable.apart(session, round_, current)
        facts += [
            f"{round_.name} is not in the line of {name}, whose scale was another one: {why}."
            for name, why in other_scale.items()
            if name in asked
        ]
        for key in keys:
            if key.key in other_scale or key.categories:
                continue
            of_all = ratings.matrix(said, key.key, by="output")
            about = said.drop_duplicates("output").set_index("output")
            about = about.reindex(of_all.units)
            weights = (1 / about["inclusion_probability"]).fillna(1.0).to_numpy(dtype=np.float64)
            segments = about["segment"].to_numpy(dtype=object)
            mean = np.nanmean(of_all.values, axis=1) if len(of_all.units) else np.empty(0)
            judged = np.asarray(
                ratings.judge_scores(scored, key.key, version or "").reindex(of_all.units),
                dtype=float,
            )
            for segment in (None, *sorted({str(s) for s in segments})):
                chosen = np.full(len(mean), True) if segment is None else segments == segment
                found.append(
                    Point(
                        round_.name,
                        key.key,
                        segment,
                        version,
                        _mean(mean[chosen], weights[chosen], key.domain),
                        _mean(judged[chosen], weights[chosen], key.domain),
                        _mean((judged - mean)[chosen], weights[chosen]),
                    )
                )
    if left_out:
        facts.append(
            f"{left_out} units are left out of the line: the judge was shown their case as an "
            "example."
        )
    return Timeline(found, facts)


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


def moved_units(
    session: Session,
    baseline: Round,
    current: Round,
    *,
    judge: str,
    criterion: str,
    segment: str | None = None,
    by: Rater | None,
) -> tuple[list[Moved], int]:
    """The anchors that both rounds have, those that moved most first.

    And how many are left out, because the judge was shown their case as an example. Raises BadInput
    for a criterion whose scale is another one in the two rounds.
    """
    people.require_lead(session, by)
    for round_ in (baseline, current):
        rounds.refuse_its_raters(round_, by, "the units that moved are shown")
    if why := comparable.apart(session, baseline, current).get(criterion):
        raise BadInput(
            f"{criterion} cannot be compared between {baseline.name} and {current.name}, for its "
            f"scale is another one: {why}"
        )
    scored = [scores(session, round_) for round_ in (baseline, current)]
    versions = [
        version_there(judge, {str(name) for name in of_round["rater"].unique()})
        for of_round in scored
    ]
    there = {str(name) for of_round in scored for name in of_round["rater"].unique()}
    shown = comparable.seen_by(session, there & set(versions))
    sides, left_out = [], 0
    for round_, of_round, version in zip((baseline, current), scored, versions, strict=True):
        said = ratings.counted(blind(ratings.people(session, round_)))
        said = said[(said["criterion"] == criterion) & (said["purpose"] == "anchor")]
        if segment is not None:
            said = said[said["segment"] == segment]
        said, left = comparable.without(session, round_, said, shown)
        left_out = max(left_out, left)
        sides.append(
            (
                dict(zip(said["output"], said["segment"], strict=True)),
                said.groupby("output", observed=True)["value"].mean(),
                ratings.judge_scores(of_round, criterion, version),
            )
        )
    (where, people_before, judge_before), (now, people_after, judge_after) = sides
    found = [
        Moved(
            str(output),
            str(where[output]),
            _at(judge_before, output),
            _at(judge_after, output),
            _at(people_before, output),
            _at(people_after, output),
        )
        for output in sorted(set(where) & set(now))
    ]
    found.sort(key=lambda one: (-max(abs(one.by_judge), abs(one.by_people)), one.output))
    return found, left_out


def _at(values: Any, output: object) -> float | None:
    return float(values[output]) if output in values.index else None


def _apart(before: float | None, after: float | None) -> float:
    return 0.0 if before is None or after is None else after - before
