"""Judges against human consensus, per criterion and segment, beside the human ceiling."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sqlmodel import Session

from annotate import ratings, rounds
from annotate.reports.slices import slices
from annotate.stats import Calibration, JudgeNoise, calibrate, judge_noise
from db.tables import Round

NOT_BLIND = {"judge", "others"}


@dataclass(frozen=True)
class CalibrationRow:
    """One judge on one criterion in one segment; None is all segments together."""

    criterion: str
    segment: str | None
    judge: str
    segment_size: int
    result: Calibration
    noise: JudgeNoise
    """The judge against itself on the same units, where it scored them more than once."""


@dataclass(frozen=True)
class CalibrationReport:
    """Calibration of a round's judges."""

    round: str
    rows: list[CalibrationRow]

    def as_json(self) -> dict[str, Any]:
        """The document that `annotate calibration --json` prints."""
        return {"round": self.round, "rows": [_row_json(row) for row in self.rows]}


def judges_of(session: Session, round_: Round) -> list[str]:
    """The judges and metrics that have scored units of the round."""
    found = scores(session, round_)
    return sorted(found["rater"].unique())


def scores(session: Session, round_: Round) -> pd.DataFrame:
    """Every automated score on the round's units.

    A judge that scored within the round counts with those scores only; one that scored the
    same outputs outside any round counts with these.
    """
    automated = ["judge", "metric"]
    inside = ratings.frame(session, rounds=[round_], kinds=automated)
    outside = rounds.outside_scores(session, round_)
    outside = outside[~outside["rater"].isin(inside["rater"].unique())]
    return pd.concat([inside, outside]) if len(outside) else inside


def blind(found: pd.DataFrame) -> pd.DataFrame:
    """Only ratings made without sight of a judge's score or of another rater's value."""
    seen = found["seen"].map(lambda fields: bool(NOT_BLIND & set(fields or ())))
    return found[~seen.astype(bool)]


def calibration_report(
    session: Session, round_: Round, *, judge: str | None = None, by_segment: bool = True
) -> CalibrationReport:
    """How far each judge follows the round's raters."""
    people_said = ratings.counted(blind(ratings.frame(session, rounds=[round_], kinds=["human"])))
    scored = scores(session, round_)
    if judge is not None:
        scored = scored[scored["rater"] == judge]
    parameters = rounds.parameters(round_)
    rows = []
    for key in rounds.rubric_of(session, round_).rating_keys():
        for name in sorted(scored.loc[scored["criterion"] == key.key, "rater"].unique()):
            by_output = ratings.judge_scores(scored, key.key, name)
            of_criterion = people_said[people_said["criterion"] == key.key]
            for segment, chosen in slices(of_criterion, by_segment):
                said = ratings.matrix(chosen, key.key)
                outputs = chosen.drop_duplicates("unit").set_index("unit")["output"]
                named = [outputs[unit] for unit in said.units]
                judged = by_output.reindex(named)
                rows.append(
                    CalibrationRow(
                        criterion=key.key,
                        segment=segment,
                        judge=name,
                        segment_size=len(said.units),
                        result=calibrate(
                            np.asarray(judged, dtype=np.float64),
                            said.values,
                            domain=key.domain,
                            level=key.level,
                            pass_at=key.pass_at,
                            minimum_units=parameters.minimum_units,
                        ),
                        noise=judge_noise(
                            ratings.judge_runs(scored, key.key, name, named),
                            minimum_units=parameters.minimum_units,
                        ),
                    )
                )
    return CalibrationReport(round_.name, rows)


def _row_json(row: CalibrationRow) -> dict[str, Any]:
    result = row.result
    return {
        "criterion": row.criterion,
        "segment": row.segment,
        "judge": row.judge,
        "segment_size": row.segment_size,
        "n_units": result.n_units,
        "weighted_kappa": result.weighted_kappa.as_json(),
        "spearman": result.spearman.as_json(),
        "kendall_tau_b": result.kendall_tau_b.as_json(),
        "bias": result.bias.as_json(),
        "mae": result.mae.as_json(),
        "tpr": result.tpr.as_json(),
        "tnr": result.tnr.as_json(),
        "coverage": result.coverage.as_json(),
        "ceiling": {
            "weighted_kappa": result.ceiling.weighted_kappa.as_json(),
            "spearman": result.ceiling.spearman.as_json(),
        },
        "leave_one_out": {
            "weighted_kappa": result.judge_leave_one_out.weighted_kappa.as_json(),
            "spearman": result.judge_leave_one_out.spearman.as_json(),
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
