"""Judges against human consensus, per criterion and segment, beside the human ceiling."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlmodel import Session, col

from annotate import people, ratings, rounds
from annotate.design import Parameters
from annotate.judge.judges import is_floor, seen_cases
from annotate.ratings import Floats
from annotate.reports.slices import slices
from annotate.rubric import RatingKey
from annotate.stats import (
    AlternativeAnnotatorTest,
    Calibration,
    Ceiling,
    Dependence,
    Figure,
    JudgeNoise,
    WithinCorrelation,
    alternative_annotator_test,
    calibrate,
    correlation_between,
    correlation_within,
    group_bias,
    judge_noise,
    length_bias,
)
from db.tables import JudgeRun, JudgeTask, Rater, Round


@dataclass(frozen=True)
class CalibrationRow:
    """One judge on one criterion in one segment; None is all segments together."""

    criterion: str
    segment: str | None
    judge: str
    segment_size: int
    left_out: int
    """Units that do not count, because the judge has seen their case: as an example, or to fit its
    cut points."""
    result: Calibration
    noise: JudgeNoise
    """The judge against itself on the same units, where it scored them more than once."""
    alternative: AlternativeAnnotatorTest
    correlation: "Correlation | None"
    """None for categories, which have no order."""
    dependence: dict[str, Dependence]
    """On what its error depends: the response's `length`, the `configuration`."""


@dataclass(frozen=True)
class Correlation:
    """Whether judge and people rank alike, by what is ranked."""

    within_case: WithinCorrelation
    """Outputs of one case."""
    between_configurations: Figure
    """Configurations, by their means."""


@dataclass(frozen=True)
class CalibrationReport:
    """Calibration of a round's judges."""

    round: str
    rows: list[CalibrationRow]

    def as_json(self) -> dict[str, Any]:
        """The document that `annotate calibration --json` prints."""
        return {"round": self.round, "rows": [_row_json(row) for row in self.rows]}


def is_judge(rater: Rater) -> bool:
    """Whether it says of right and wrong: not a metric that was imported, nor word overlap."""
    return rater.kind == "judge" and not is_floor(rater)


def judges_of(session: Session, round_: Round, *, by: Rater | None) -> list[str]:
    """The judges and metrics that have scored units of the round, as `judges_by_round` has them."""
    return judges_by_round(session, [round_], by=by)[round_.name]


def judges_by_round(
    session: Session, of: Sequence[Round], *, by: Rater | None
) -> dict[str, list[str]]:
    """By round the judges and metrics that have scored units of it.

    Judges first, the newest first, then metrics, and word overlap last: what a page opens with is
    the judge that is in question.
    """
    people.require_lead(session, by)
    names = {round_.id: round_.name for round_ in of}
    automated = [r for r in people.list_raters(session, by=by) if r.kind != "human"]
    order = {
        r.id: r.name
        for r in sorted(automated, key=lambda r: (is_floor(r), r.kind != "judge", -(r.id or 0)))
    }
    there = ratings.scored_by(session, of)
    return {
        name: [rater for number, rater in order.items() if (round_id, number) in there]
        for round_id, name in names.items()
    }


def scores(
    session: Session, round_: Round, *, columns: Collection[str] = ratings.STATISTICS
) -> pd.DataFrame:
    """Every automated score on the round's units.

    A judge that scored within the round counts with those scores only; one that scored the
    same outputs outside any round counts with these.
    """
    automated = ["judge", "metric"]
    inside = ratings.frame(session, rounds=[round_], kinds=automated, columns=columns)
    outside = rounds.outside_scores(session, round_, columns=columns)
    outside = outside[~outside["rater"].isin(inside["rater"].unique())]
    return pd.concat([inside, outside]) if len(outside) else inside


def blind(found: pd.DataFrame) -> pd.DataFrame:
    """Only ratings made without sight of a judge's score or of another rater's value."""
    return found[found["blind"]]


def calibration_report(
    session: Session,
    round_: Round,
    *,
    judge: str | None = None,
    by_segment: bool = True,
    by: Rater | None,
) -> CalibrationReport:
    """How far each judge follows the round's raters."""
    people.require_lead(session, by)
    rounds.refuse_its_raters(round_, by, "calibration is shown")
    people_said = ratings.counted(blind(ratings.people(session, round_)))
    scored = scores(session, round_)
    if judge is not None:
        scored = scored[scored["rater"] == judge]
    parameters = rounds.parameters(round_)
    about = ratings.outputs_rated(session, round_)
    raters = {name: people.get_rater(session, name) for name in scored["rater"].unique()}
    rows = []
    asked = _asked(session, round_)
    for key in rounds.rubric_of(session, round_).rating_keys():
        of_criterion = people_said[people_said["criterion"] == key.key]
        # Where a judge was asked and gave no verdict at all, that is a figure too.
        of_judges = {name for name in raters if (name, key.criterion) in asked}
        for name in sorted(of_judges.union(scored.loc[scored["criterion"] == key.key, "rater"])):
            by_output = ratings.judge_scores(scored, key.key, name, categories=key.categories)
            known = pd.Series(False, index=of_criterion.index)
            if seen := seen_cases(session, raters[name], key.key):
                cases = of_criterion["output"].astype(object).map(about["case"])
                known = cases.isin(seen)
            rows += [
                _row(key, name, segment, chosen, known, by_output, scored, about, parameters)
                for segment, chosen in slices(of_criterion, by_segment)
            ]
    return CalibrationReport(round_.name, rows)


def _asked(session: Session, round_: Round) -> set[tuple[str, str]]:
    """Which judges were asked about which criteria of the round, whatever came of it."""
    rows = session.connection().execute(
        sa.select(col(Rater.name), col(JudgeTask.criterion))
        .join(JudgeRun, col(JudgeRun.rater_id) == col(Rater.id))
        .join(JudgeTask, col(JudgeTask.run_id) == col(JudgeRun.id))
        .where(col(JudgeRun.round_id) == round_.id, col(JudgeTask.state).in_(("done", "failed")))
        .distinct()
    )
    return {(name, criterion) for name, criterion in rows}


def _row(
    key: RatingKey,
    judge: str,
    segment: str | None,
    chosen: pd.DataFrame,
    known: "pd.Series[bool]",
    by_output: "pd.Series[float]",
    scored: pd.DataFrame,
    about: pd.DataFrame,
    parameters: Parameters,
) -> CalibrationRow:
    """One judge on one criterion, of the people's ratings that were chosen.

    known: of each rating, whether the judge has seen its case.
    """
    left_out = int(chosen.loc[known[chosen.index], "unit"].nunique())
    chosen = chosen[~known[chosen.index]]
    said = ratings.matrix(chosen, key.key)
    outputs = chosen.drop_duplicates("unit").set_index("unit")["output"].astype(object)
    named = outputs.reindex(said.units).tolist()
    judged = np.asarray(by_output.reindex(named), dtype=np.float64)
    minimum = parameters.minimum_units
    return CalibrationRow(
        criterion=key.key,
        segment=segment,
        judge=judge,
        segment_size=len(said.units),
        left_out=left_out,
        result=calibrate(
            judged,
            said.values,
            domain=key.domain,
            level=key.level,
            pass_at=key.pass_at,
            minimum_units=minimum,
            thresholds=parameters.thresholds,
        ),
        noise=judge_noise(ratings.judge_runs(scored, key.key, judge, named), minimum_units=minimum),
        alternative=alternative_annotator_test(
            judged, said.values, domain=key.domain, level=key.level, epsilon=parameters.epsilon
        ),
        **_in_points(key, judged, said.values, about.loc[named], minimum),
    )


class _InPoints(TypedDict):
    correlation: Correlation | None
    dependence: dict[str, Dependence]


def _in_points(
    key: RatingKey, judged: Floats, said: Floats, about: pd.DataFrame, minimum: int
) -> _InPoints:
    """What needs distances between values: categories have none."""
    if key.categories:
        return {"correlation": None, "dependence": {}}
    people = np.nanmean(said, axis=1) if len(said) else np.empty(0)
    error = judged - people
    configurations = about["configuration"].to_numpy(dtype=str)
    length = about["length"].to_numpy(dtype=np.float64)
    return {
        "correlation": Correlation(
            correlation_within(judged, people, about["case"].to_numpy(dtype=str)),
            correlation_between(judged, people, configurations),
        ),
        "dependence": {
            "length": length_bias(
                error, np.where(length > 0, length, np.nan), minimum_units=minimum
            ),
            "configuration": group_bias(error, configurations, minimum_units=minimum),
        },
    }


def _row_json(row: CalibrationRow) -> dict[str, Any]:
    result = row.result
    return {
        "criterion": row.criterion,
        "segment": row.segment,
        "judge": row.judge,
        "segment_size": row.segment_size,
        "left_out": row.left_out,
        "n_units": result.n_units,
        "weighted_kappa": result.weighted_kappa.as_json(),
        "spearman": result.spearman.as_json(),
        "kendall_tau_b": result.kendall_tau_b.as_json(),
        "bias": result.bias.as_json(),
        "mae": result.mae.as_json(),
        "tpr": result.tpr.as_json(),
        "tnr": result.tnr.as_json(),
        "coverage": result.coverage.as_json(),
        "ceiling": _ceiling_json(result.ceiling),
        "leave_one_out": _ceiling_json(result.judge_leave_one_out),
        "alternative_annotator_test": {
            "winning_rate": row.alternative.winning_rate,
            "advantage": row.alternative.advantage,
            "passed": row.alternative.passed,
            "epsilon": row.alternative.epsilon,
            "winning_rate_at": {
                f"{e:g}": rate for e, rate in row.alternative.winning_rate_at.items()
            },
            "reason": row.alternative.reason,
        },
        "correlation": _correlation_json(row.correlation),
        "dependence": {
            name: {
                "p": found.p,
                "figures": {group: figure.as_json() for group, figure in found.figures.items()},
            }
            for name, found in row.dependence.items()
        },
        "test_retest": {
            "runs": row.noise.runs,
            "same": row.noise.same.as_json(),
            "difference": row.noise.difference.as_json(),
        },
        "confusion": {
            "labels": list(result.confusion_labels),
            "rows": [list(row) for row in result.confusion],
        },
        "verdict": result.verdict,
        "verdict_reason": result.verdict_reason,
    }


def _ceiling_json(found: Ceiling) -> dict[str, Any]:
    return {
        "weighted_kappa": found.weighted_kappa.as_json(),
        "spearman": found.spearman.as_json(),
        "ac": found.ac.as_json(),
        "alpha": found.alpha.as_json(),
    }


def _correlation_json(found: Correlation | None) -> dict[str, Any] | None:
    if found is None:
        return None
    within = found.within_case
    return {
        "within_case": within.figure.as_json() | {"constant": within.constant},
        "between_configurations": found.between_configurations.as_json(),
    }
