"""From round to round: what people and the judge gave, and how far the judge followed them."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sqlmodel import Session, col, select

from annotate import people, ratings, rounds
from annotate.errors import BadInput
from annotate.ratings import Floats
from annotate.reports import comparable
from annotate.reports.calibration import blind, scores
from annotate.reports.disagreements import commonest_words
from annotate.reports.drift import plain_name, version_there
from annotate.reports.opening import closed_cases
from annotate.rubric import RatingKey
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
    open rounds in which the lead who asks rates, rounds in which a criterion had another scale, and
    cases that one of the versions has seen: out of every round, so that the same cases are
    compared.
    """
    people.require_lead(session, by)
    rounds.refuse_its_raters(current, by, "the line of rounds is shown")
    plain = plain_name(judge)
    keys = rounds.rubric_of(session, current).rating_keys()
    found, facts = [], []
    known = _rounds(session, current)
    for round_ in known:
        if rounds.kept_from(round_, by):
            facts.append(
                f"{round_.name} is not in the line: you rate in it, and would see what others say; "
                "it is shown once it is closed."
            )
    known = [round_ for round_ in known if not rounds.kept_from(round_, by)]
    scored_in = {round_.id: scores(session, round_) for round_ in known}
    versions: dict[int | None, str | None] = {}
    for round_ in known:
        names = {str(name) for name in scored_in[round_.id]["rater"].unique()}
        name = judge if judge in names else version_there(plain, names)
        versions[round_.id] = name if name in names else None
    seen = comparable.seen_by(
        session, {name for name in versions.values() if name}, [key.key for key in keys]
    )
    left_out = dict.fromkeys(seen, 0)
    for round_ in known:
        people_said = ratings.counted(blind(ratings.people(session, round_)))
        fresh = people_said[people_said["purpose"] == "fresh"]
        case = comparable.cases_of(session, round_)
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
            said, left = comparable.without(fresh, case, seen[key.key])
            left_out[key.key] += left
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
    facts += comparable.left_out(
        {key.key: _units(left_out[key.key]) for key in keys if not key.categories}
    )
    return Timeline(found, facts)


def _units(number: int) -> str:
    return f"{number} units" if number else ""


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
    judge: tuple[str, str]
    """What it gave before and after, in words: a category's label, else the number; "-" is
    nothing."""
    people: tuple[str, str]
    """Their mean; of categories the commonest, several where they are as common."""
    by_judge: float | None
    """How far the judge moved, in points; of categories 1 where it gives another one. None where it
    did not score both times."""
    by_people: float
    """How far people moved."""


@dataclass(frozen=True)
class MovedUnits:
    """The anchors that two rounds share, and what is not told of them."""

    rows: list[Moved]
    left_out: list[str]
    """What is said of those that do not count because the judge has seen their case."""
    held_back: int
    """Those of the test split of a judge that is worked on here, while it is closed."""
    categories: bool
    """Whether the criterion has categories, which move by no number of points."""


def moved_units(
    session: Session,
    baseline: Round,
    current: Round,
    *,
    judge: str,
    criterion: str,
    segment: str | None = None,
    by: Rater | None,
) -> MovedUnits:
    """The anchors that both rounds have, those that moved most first.

    Raises BadInput for a criterion whose scale is another one in the two rounds.
    """
    people.require_lead(session, by)
    for round_ in (baseline, current):
        rounds.refuse_its_raters(round_, by, "the units that moved are shown")
    if why := comparable.apart(session, baseline, current).get(criterion):
        raise BadInput(
            f"{criterion} cannot be compared between {baseline.name} and {current.name}, for its "
            f"scale is another one: {why}"
        )
    key = rounds.rubric_of(session, current).rating_key(criterion)
    scored = [scores(session, round_) for round_ in (baseline, current)]
    names = [{str(name) for name in of_round["rater"].unique()} for of_round in scored]
    versions = [version_there(judge, there) for there in names]
    seen = comparable.seen_by(session, (names[0] | names[1]) & set(versions), [criterion])
    before, after = (
        _Anchors.of(session, round_, of_round, version, key, segment, seen[criterion])
        for round_, of_round, version in zip((baseline, current), scored, versions, strict=True)
    )
    closed: set[str] = set()
    for round_, version, there in zip((baseline, current), versions, names, strict=True):
        if version in there:
            rater = people.get_rater(session, version)
            closed |= closed_cases(session, rater, round_, criterion, before.case.unique())
    shared = sorted(set(before.segment) & set(after.segment))
    told = [output for output in shared if before.case[output] not in closed]
    rows = [_moved(output, before, after, key) for output in told]
    rows.sort(key=lambda one: (-max(abs(one.by_judge or 0.0), abs(one.by_people)), one.output))
    return MovedUnits(
        rows,
        comparable.left_out({criterion: _anchors(max(before.left_out, after.left_out))}),
        len(shared) - len(told),
        key.categories,
    )


@dataclass(frozen=True)
class _Anchors:
    """What was said of one round's anchors on one criterion."""

    case: "pd.Series[str]"
    segment: dict[str, str]
    """By output."""
    people: dict[str, Floats]
    """By output, what each of them gave."""
    judge: dict[str, float]
    left_out: int
    """Units whose case the judge has seen."""

    @classmethod
    def of(
        cls,
        session: Session,
        round_: Round,
        scored: pd.DataFrame,
        version: str,
        key: RatingKey,
        segment: str | None,
        seen: Collection[str],
    ) -> "_Anchors":
        said = ratings.counted(blind(ratings.people(session, round_)))
        said = said[(said["criterion"] == key.key) & (said["purpose"] == "anchor")]
        if segment is not None:
            said = said[said["segment"] == segment]
        case = comparable.cases_of(session, round_)
        said, left = comparable.without(said, case, seen)
        matrix = ratings.matrix(said, key.key, by="output")
        judged = ratings.judge_scores(scored, key.key, version, categories=key.categories)
        return cls(
            case.astype(object),
            {str(o): str(s) for o, s in zip(said["output"], said["segment"], strict=True)},
            dict(zip(matrix.units, matrix.values, strict=True)),
            {str(output): float(value) for output, value in judged.items()},
            left,
        )


def _moved(output: str, before: _Anchors, after: _Anchors, key: RatingKey) -> Moved:
    both = (before, after)
    judged = [side.judge.get(output, np.nan) for side in both]
    mean = [float(np.nanmean(side.people[output])) for side in both]
    if key.categories:
        judge = ["-" if np.isnan(value) else key.label(value) for value in judged]
        said = [commonest_words(key, side.people[output]) for side in both]
        by_judge, by_people = float(judge[0] != judge[1]), float(said[0] != said[1])
    else:
        judge = ["-" if np.isnan(value) else f"{value:.3g}" for value in judged]
        said = [f"{value:.3g}" for value in mean]
        by_judge, by_people = judged[1] - judged[0], mean[1] - mean[0]
    both_times = not np.isnan(judged).any()
    return Moved(
        output,
        before.segment[output],
        (judge[0], judge[1]),
        (said[0], said[1]),
        float(by_judge) if both_times else None,
        by_people,
    )


def _anchors(number: int) -> str:
    return f"{number} anchors" if number else ""
