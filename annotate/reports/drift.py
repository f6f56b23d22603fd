"""Drift of a judge between a baseline round and a later one, with its cause."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sqlmodel import Session, col, select

from annotate import people, ratings, rounds
from annotate.errors import BadInput, NotFound
from annotate.judge import provenance
from annotate.judge.judges import is_asked_here, is_floor
from annotate.judge.run import missing
from annotate.judge.spec import NOT_DECISIVE
from annotate.ratings import Floats
from annotate.reports import comparable
from annotate.reports.calibration import blind, scores
from annotate.rubric import RatingKey
from annotate.stats import Drift, RoundScores, across, drift
from db.tables import JudgeRun, Rater, Round, Rubric, Unit

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

    @property
    def nothing_found(self) -> str:
        """What is said where nothing is seen to have moved: that may be for want of ratings."""
        if not self.rows:
            return f"Nothing of it can be compared with {self.baseline}."
        untold = [
            f"{row.criterion}: {row.result.unseen('J')}"
            for row in self.rows
            if row.segment is None and row.result.unseen("J")
        ]
        if not untold:
            return f"No sign that it moved since {self.baseline}."
        return f"Whether it moved since {self.baseline} cannot be told. {'; '.join(untold)}."

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
                            "besides": contrast.besides,
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
    by: Rater | None,
) -> DriftReport:
    """Compare the judge, the raters and the traffic of two rounds on their shared anchors.

    The round before the current one, which confirms a weak sign, is not asked while it is open and
    the lead who asks rates in it.
    """
    people.require_lead(session, by)
    for round_ in (baseline, current):
        rounds.refuse_its_raters(round_, by, "drift is shown")
    if baseline.id == current.id:
        raise BadInput("the baseline and the current round are the same; name two rounds")
    before = _Side.of(session, baseline, judge)
    after = _Side.of(session, current, judge)
    last = _round_before(session, baseline, current)
    withheld = last if last is not None and rounds.kept_from(last, by) else None
    last = None if withheld else last
    between = _Side.of(session, last, judge, required=False) if last else None
    keys = rounds.rubric_of(session, current).rating_keys()
    seen = comparable.seen_by(session, {before.judge, after.judge}, [key.key for key in keys])
    left_out: dict[str, str] = {}
    delta = rounds.parameters(current).delta
    found: list[tuple[str, str | None, int, Drift]] = []
    other_scale = comparable.apart(session, baseline, current)
    other_between = comparable.apart(session, last, current) if last else {}
    for key in keys:
        if not (before.judged_on(key.key) and after.judged_on(key.key)) or key.key in other_scale:
            continue
        was, is_now = before.without(seen[key.key]), after.without(seen[key.key])
        then = between.without(seen[key.key]) if between is not None else None
        left_out[key.key] = _left_out(was, is_now)
        segments: list[str | None] = [None]
        if by_segment:
            segments += sorted(is_now.segments | was.segments)
        for segment in segments:
            earlier = (
                _compared(was, then, key, segment, delta)
                if then is not None and key.key not in other_between
                else None
            )
            result = _compared(was, is_now, key, segment, delta, earlier)
            found.append((key.key, segment, is_now.size(key, segment), result))
    rows = [
        DriftRow(criterion, segment, size, result, result.sentence(segment))
        for (criterion, segment, size, _), result in zip(
            found, _judged_together(found), strict=True
        )
    ]
    facts = _facts(session, baseline, current)
    facts += [
        f"{name} is not compared, for its scale is another one: {why}."
        for name, why in other_scale.items()
    ]
    if not before.anchors(None) & after.anchors(None):
        facts.append(_no_anchors(session, baseline, current))
    facts += _changes(session, before.judge, after.judge)
    if before.judge == after.judge and _asked_once(session, current, after.judge):
        facts.append(
            f"{after.judge} was asked once about what both rounds have, and that answer counts in "
            f"both: whether it moved within its version is not seen. `annotate judge run "
            f"{after.judge} --round {current.name} --again` asks afresh about the anchors."
        )
    for name in dict.fromkeys((before.judge, after.judge)):
        said = provenance.changed(provenance.answered_by(session, people.get_rater(session, name)))
        facts += [f"{name}: {said}"] if said else []
    facts += comparable.left_out(left_out)
    if withheld is not None:
        facts.append(
            f"{withheld.name}, which is in between, confirms nothing here: you rate in it, and would "
            "see what others say; it does once it is closed."
        )
    return DriftReport(baseline.name, current.name, judge, rows, facts)


def _asked_once(session: Session, current: Round, judge: str) -> bool:
    """Whether the same stored answers of a judge of this workspace stand in both rounds."""
    rater = people.get_rater(session, judge)
    if not is_asked_here(rater) or is_floor(rater):
        return False
    runs = session.exec(
        select(JudgeRun).where(JudgeRun.rater_id == rater.id, JudgeRun.round_id == current.id)
    )
    return not any(run.scope.get("again") for run in runs)


def _round_before(session: Session, baseline: Round, current: Round) -> Round | None:
    """The latest earlier round against the same baseline: two weak signs in a row are an alarm."""
    return session.exec(
        select(Round)
        .where(Round.baseline_id == baseline.id, col(Round.id) < current.id)
        .order_by(col(Round.id).desc())
    ).first()


def _left_out(before: "_Side", after: "_Side") -> str:
    """How many units of two sides do not count, in words; "" for none."""
    if not before.left_out + after.left_out:
        return ""
    return f"{before.left_out} units before and {after.left_out} now"


def _compared(
    before: "_Side",
    after: "_Side",
    key: RatingKey,
    segment: str | None,
    delta: float | None,
    earlier: Drift | None = None,
) -> Drift:
    """The verdict on one criterion in one segment, on the anchors that both sides have."""
    anchors = sorted(before.anchors(segment) & after.anchors(segment))
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


@dataclass(frozen=True)
class _Wide:
    """One criterion of one round: a row an output that people rated, sorted."""

    outputs: list[str]
    row: dict[str, int]
    """Where each output stands."""
    segments: "np.typing.NDArray[np.object_]"
    fresh: "np.typing.NDArray[np.bool_]"
    weight: Floats
    """One over the inclusion probability."""
    people: Floats
    """(outputs, raters)"""
    runs: Floats
    """(outputs, runs): the judge."""

    def of(self, segment: str | None) -> "np.typing.NDArray[np.bool_]":
        """The rows of the segment; None is all."""
        return np.full(len(self.outputs), True) if segment is None else self.segments == segment


class _Side:
    """One round's half of the comparison."""

    def __init__(
        self,
        people_said: pd.DataFrame,
        judged: pd.DataFrame,
        judge: str,
        case: "pd.Series[str]",
        left_out: int = 0,
    ) -> None:
        self._case = case
        self.left_out = left_out
        """Units that do not count, because the judge has seen their case."""
        self._without: dict[frozenset[str], _Side] = {}
        self._judge = self.judge = judge
        self._judged = judged
        self._people = people_said
        self._wide: dict[str, _Wide] = {}
        about = people_said.drop_duplicates("output")
        self._anchors = {
            str(output): str(segment)
            for output, segment, purpose in zip(
                about["output"], about["segment"], about["purpose"], strict=True
            )
            if purpose == "anchor"
        }
        self.segments = {str(segment) for segment in about["segment"].unique()}
        self.raters = tuple(sorted(str(name) for name in people_said["rater"].unique()))

    @classmethod
    def of(cls, session: Session, round_: Round, judge: str, *, required: bool = True) -> "_Side":
        judged = scores(session, round_)
        judge = version_there(judge, {str(name) for name in judged["rater"].unique()})
        if required and judge not in set(judged["rater"]):
            raise no_scores(session, round_, judge, sorted(judged["rater"].unique()))
        said = ratings.counted(blind(ratings.people(session, round_)))
        case = comparable.cases_of(session, round_)
        return cls(said, judged[judged["rater"] == judge], judge, case)

    def without(self, cases: frozenset[str]) -> "_Side":
        """It without the units of cases that the judge has seen; made once for all criteria on
        which these are the same."""
        if not cases:
            return self
        if cases not in self._without:
            said, left = comparable.without(self._people, self._case, cases)
            self._without[cases] = _Side(said, self._judged, self.judge, self._case, left)
        return self._without[cases]

    def anchors(self, segment: str | None) -> set[str]:
        """The anchors that people rated on any criterion."""
        return {a for a, where in self._anchors.items() if segment in (None, where)}

    def judged_on(self, criterion: str) -> bool:
        """Whether the judge scored this criterion at all."""
        return bool((self._judged["criterion"] == criterion).any())

    def size(self, key: RatingKey, segment: str | None) -> int:
        """Outputs of the segment that people rated."""
        return int(self.wide(key).of(segment).sum())

    def wide(self, key: RatingKey) -> _Wide:
        """The criterion's ratings, arranged once for all segments."""
        if key.key not in self._wide:
            self._wide[key.key] = self._arranged(key)
        return self._wide[key.key]

    def _arranged(self, key: RatingKey) -> _Wide:
        chosen = self._people[self._people["criterion"] == key.key]
        said = ratings.matrix(chosen, key.key, by="output")
        first = chosen.drop_duplicates("output").set_index("output").reindex(said.units)
        columns = [self.raters.index(name) for name in said.raters]
        people = np.full((len(said.units), len(self.raters)), np.nan)
        people[:, columns] = said.values
        return _Wide(
            outputs=said.units,
            row={output: place for place, output in enumerate(said.units)},
            segments=first["segment"].to_numpy(dtype=object),
            fresh=(first["purpose"] == "fresh").to_numpy(dtype=bool),
            weight=(1 / first["inclusion_probability"]).fillna(1.0).to_numpy(dtype=np.float64),
            people=people,
            runs=ratings.judge_runs(self._judged, key.key, self._judge, said.units),
        )

    def arrays(self, key: RatingKey, anchors: list[str], segment: str | None) -> RoundScores:
        wide = self.wide(key)
        places = np.array([wide.row.get(anchor, -1) for anchor in anchors], dtype=np.int64)
        runs = np.vstack([wide.runs, np.full((1, wide.runs.shape[1]), np.nan)])
        people = np.vstack([wide.people, np.full((1, wide.people.shape[1]), np.nan)])
        missing = np.flatnonzero(places < 0)
        # The judge may have scored an anchor that nobody rated on this criterion.
        unrated = (
            ratings.judge_runs(self._judged, key.key, self._judge, [anchors[i] for i in missing])
            if len(missing)
            else np.empty((0, 1))
        )
        anchors_judge = _padded(runs[places], unrated.shape[1])
        anchors_judge[missing] = _padded(unrated, anchors_judge.shape[1])
        fresh = wide.of(segment) & wide.fresh
        return RoundScores(
            anchors_judge=anchors_judge,
            anchors_human=people[places],
            fresh_judge=_mean(wide.runs[fresh]),
            fresh_human=wide.people[fresh],
            fresh_weight=wide.weight[fresh],
            raters=self.raters,
        )


def _padded(runs: Floats, columns: int) -> Floats:
    """Runs with at least so many columns, NaN where a run was not made."""
    more = max(0, columns - runs.shape[1])
    found: Floats = np.hstack([runs, np.full((len(runs), more), np.nan)])
    return found


def _mean(runs: Floats) -> Floats:
    """The mean of each row's runs, NaN where there is none: (outputs,)."""
    number = (~np.isnan(runs)).sum(axis=1)
    total = np.nansum(runs, axis=1)
    found: Floats = np.divide(total, number, out=np.full(len(runs), np.nan), where=number > 0)
    return found


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


def _no_anchors(session: Session, baseline: Round, current: Round) -> str:
    """Why nothing can tell who moved, and what to do in the next round."""
    had, has = (
        session.exec(
            select(Unit.id).where(Unit.round_id == round_.id, Unit.purpose == "anchor").limit(1)
        ).first()
        for round_ in (baseline, current)
    )
    if had is None:
        return (
            f"{baseline.name} was launched without anchors, so nothing can tell who moved: launch "
            "the next round with a number of anchors, and the one after it with the anchors of "
            "that round."
        )
    why = (
        f"{current.name} was launched without anchors"
        if has is None
        else f"none of the anchors of {current.name} was rated in {baseline.name}"
    )
    return (
        f"{why}, so nothing can tell who moved: launch the next round with the anchors of "
        f"{baseline.name} (--anchors-from {baseline.name})."
    )


def no_scores(session: Session, round_: Round, judge: str, known: Sequence[str]) -> NotFound:
    """That a round has none of this judge, and what to do: it may have graded it in vain.

    known: the judges of which it has scores.
    """
    told = f"round {round_.name} has no scores of judge {judge!r}"
    runs = session.exec(
        select(JudgeRun, Rater.name)
        .join(Rater, col(Rater.id) == JudgeRun.rater_id)
        .where(JudgeRun.round_id == round_.id)
        .order_by(col(JudgeRun.id).desc())
    )
    ran = next((run for run, name in runs if judge in (name, plain_name(name))), None)
    if ran is not None and ran.state in ("planned", "running", "paused"):
        return NotFound(
            f"{told} yet: its run {ran.id} is {ran.state}. See `annotate judge runs`; `annotate judge "
            f"resume {ran.id}` goes on with one that stands"
        )
    if ran is not None and missing(session, [ran]):
        return NotFound(
            f"{told}: its run {ran.id} gave no verdict; see `annotate judge failures {ran.id}`"
        )
    return NotFound(
        f"{told}; it has those of: {', '.join(known) or 'none'}. Grade it with `annotate judge run`, "
        "or import them with `annotate rating import`"
    )


def version_there(judge: str, names: Collection[str]) -> str:
    """The judge's version among the raters of a round: itself, or by its plain name the latest."""
    versions = [name for name in names if name != judge and plain_name(name) == judge]
    if judge in names or not versions:
        return judge
    return max(versions, key=lambda name: int(name.rpartition("@")[2]))


def plain_name(rater: str) -> str:
    """The judge that a rater is a version of: `strict` of `strict@2`; else the rater itself."""
    plain, _, number = rater.rpartition("@")
    return plain if plain and number.isdecimal() else rater


def _changes(session: Session, before: str, after: str) -> list[str]:
    """What of a judge differs between two of its versions, on record."""
    if before == after:
        return []
    told = [
        (people.get_rater(session, name).identity or {}).get("spec", {}) for name in (before, after)
    ]
    differ = sorted(
        name
        for name in {*told[0], *told[1]}
        if told[0].get(name) != told[1].get(name) and name not in NOT_DECISIVE
    )
    what = f": {', '.join(differ)} changed" if differ else ""
    return [f"The judge is another one: {before} before, {after} now{what}."]
