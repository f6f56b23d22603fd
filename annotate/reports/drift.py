"""Drift of a judge between a baseline round and a later one, with its cause."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sqlmodel import Session, col, select

from annotate import ratings, rounds
from annotate.errors import BadInput, NotFound
from annotate.reports.calibration import blind, scores
from annotate.rubric import RatingKey
from annotate.stats import Drift, RoundScores, across, drift
from db.tables import Round, Rubric

CAUSES = {"J": "judge", "H": "raters", "T": "traffic", "C": "coverage"}


@dataclass(frozen=True)
class DriftRow:
    """The verdict on one criterion in one segment; None is all segments together."""

    criterion: str
    segment: str | None
    segment_size: int
    """Anchors and fresh units of the current round."""
    result: Drift
    sentence: str


@dataclass(frozen=True)
class DriftReport:
    """Did the judge move, did the raters move, or did the traffic move?"""

    baseline: str
    current: str
    judge: str
    rows: list[DriftRow]
    facts: list[str]
    """What changed on record between the rounds: rubric, panel, configurations."""

    def as_json(self) -> dict[str, Any]:
        """The document that `annotate drift --json` prints."""
        return {
            "baseline": self.baseline,
            "current": self.current,
            "judge": self.judge,
            "facts": self.facts,
            "rows": [
                {
                    "criterion": row.criterion,
                    "segment": row.segment,
                    "segment_size": row.segment_size,
                    "verdict": row.result.verdict,
                    "causes": list(row.result.causes),
                    "contrasts": {
                        name: {
                            "estimate": contrast.estimate,
                            "low": contrast.low,
                            "high": contrast.high,
                            "p": contrast.p,
                            "p_adjusted": contrast.p_adjusted,
                            "n": contrast.n,
                            "detectable": contrast.detectable,
                            "reason": contrast.reason,
                        }
                        for name, contrast in row.result.contrasts.items()
                    },
                    "sentence": row.sentence,
                }
                for row in self.rows
            ],
        }


def drift_report(
    session: Session,
    baseline: Round,
    current: Round,
    *,
    judge: str,
    by_segment: bool = True,
) -> DriftReport:
    """Compare the judge, the raters and the traffic of two rounds on their shared anchors."""
    if baseline.id == current.id:
        raise BadInput("the baseline and the current round are the same; name two rounds")
    before = _Side.of(session, baseline, judge)
    after = _Side.of(session, current, judge)
    last = _round_before(session, baseline, current)
    between = _Side.of(session, last, judge, required=False) if last else None
    delta = rounds.parameters(current).delta
    segments: list[str | None] = [None]
    if by_segment:
        segments += sorted(after.segments | before.segments)
    found: list[tuple[str, str | None, int, Drift]] = []
    for key in rounds.rubric_of(session, current).rating_keys():
        if not (before.judged_on(key.key) and after.judged_on(key.key)):
            continue
        for segment in segments:
            earlier = _compared(before, between, key, segment, delta) if between else None
            result = _compared(before, after, key, segment, delta, earlier)
            found.append((key.key, segment, after.size(key, segment), result))
    rows = [
        DriftRow(criterion, segment, size, result, result.sentence(segment))
        for (criterion, segment, size, _), result in zip(
            found, _judged_together(found), strict=True
        )
    ]
    return DriftReport(baseline.name, current.name, judge, rows, _facts(session, baseline, current))


def _round_before(session: Session, baseline: Round, current: Round) -> Round | None:
    """The latest earlier round against the same baseline: two weak signs in a row are an alarm."""
    return session.exec(
        select(Round)
        .where(Round.baseline_id == baseline.id, col(Round.id) < current.id)
        .order_by(col(Round.id).desc())
    ).first()


def _compared(
    before: "_Side",
    after: "_Side",
    key: RatingKey,
    segment: str | None,
    delta: float | None,
    earlier: Drift | None = None,
) -> Drift:
    """The verdict on one criterion in one segment, on the anchors that both sides have."""
    shared = sorted(before.outputs("anchor") & after.outputs("anchor"))
    anchors = [a for a in shared if segment in (None, after.segment_of.get(a))]
    return drift(
        before.arrays(key, anchors, segment),
        after.arrays(key, anchors, segment),
        level=key.level,
        domain=key.domain,
        delta=delta,
        previous=earlier.contrasts if earlier else None,
    )


def _judged_together(found: list[tuple[str, str | None, int, Drift]]) -> list[Drift]:
    """The verdicts, with those of segments held to what all segments together support."""
    segments = [i for i, (_, segment, _, _) in enumerate(found) if segment is not None]
    results = [result for _, _, _, result in found]
    for i, result in zip(segments, across([results[i] for i in segments]), strict=True):
        results[i] = result
    return results


class _Side:
    """One round's half of the comparison."""

    def __init__(self, people_said: pd.DataFrame, judged: pd.DataFrame, judge: str) -> None:
        self._judge = judge
        self.people = people_said
        self.judged = judged
        self.segment_of = dict(zip(people_said["output"], people_said["segment"], strict=True))
        self.segments = set(self.segment_of.values())
        self.raters = sorted(people_said["rater"].unique())

    @classmethod
    def of(cls, session: Session, round_: Round, judge: str, *, required: bool = True) -> "_Side":
        judged = scores(session, round_)
        if required and judge not in set(judged["rater"]):
            known = ", ".join(sorted(judged["rater"].unique())) or "none"
            raise NotFound(
                f"round {round_.name} has no scores of judge {judge!r}; "
                f"it has those of: {known}. Import them with `annotate rating import`"
            )
        said = ratings.counted(blind(ratings.frame(session, rounds=[round_], kinds=["human"])))
        return cls(said, judged[judged["rater"] == judge], judge)

    def outputs(self, purpose: str) -> set[str]:
        return set(self.people.loc[self.people["purpose"] == purpose, "output"])

    def judged_on(self, criterion: str) -> bool:
        """Whether the judge scored this criterion at all."""
        return bool((self.judged["criterion"] == criterion).any())

    def size(self, key: RatingKey, segment: str | None) -> int:
        return int(self._chosen(key, segment)["output"].nunique())

    def arrays(self, key: RatingKey, anchors: list[str], segment: str | None) -> RoundScores:
        chosen = self._chosen(key, segment)
        fresh = chosen[chosen["purpose"] == "fresh"]
        fresh_outputs = sorted(fresh["output"].unique())
        weight = 1 / fresh.groupby("output")["inclusion_probability"].first()
        return RoundScores(
            anchors_judge=ratings.judge_runs(self.judged, key.key, self._judge, anchors),
            anchors_human=self._people_by_rater(chosen, anchors),
            fresh_judge=np.asarray(
                ratings.judge_scores(self.judged, key.key, self._judge).reindex(fresh_outputs),
                dtype=np.float64,
            ),
            fresh_human=self._people_by_rater(fresh, fresh_outputs),
            fresh_weight=weight.reindex(fresh_outputs).fillna(1.0).to_numpy(dtype=np.float64),
            raters=tuple(self.raters),
        )

    def _chosen(self, key: RatingKey, segment: str | None) -> pd.DataFrame:
        chosen = self.people[self.people["criterion"] == key.key]
        return chosen if segment is None else chosen[chosen["segment"] == segment]

    def _people_by_rater(self, chosen: pd.DataFrame, outputs: list[str]) -> ratings.Floats:
        wide = chosen.pivot_table(index="output", columns="rater", values="value")
        return wide.reindex(index=outputs, columns=self.raters).to_numpy(dtype=np.float64)


def _facts(session: Session, baseline: Round, current: Round) -> list[str]:
    facts = []
    rubrics = [session.get_one(Rubric, r.rubric_id) for r in (baseline, current)]
    if rubrics[0].hash != rubrics[1].hash:
        facts.append(
            f"The rubric changed: {rubrics[0].name}@{rubrics[0].version} before, "
            f"{rubrics[1].name}@{rubrics[1].version} now."
        )
    panels = [set(r.design.get("raters", [])) for r in (baseline, current)]
    if gone := sorted(panels[0] - panels[1]):
        facts.append(f"No longer in the panel: {', '.join(gone)}.")
    if came := sorted(panels[1] - panels[0]):
        facts.append(f"New in the panel: {', '.join(came)}.")
    return facts
