"""Two judges on one split of a round: which follows people better, and on which units."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotate import people, ratings, rounds
from annotate.errors import BadInput
from annotate.judge import judges
from annotate.judge.judges import seen_cases, shown_cases
from annotate.judge.splits import Split, split_of
from annotate.ratings import Floats
from annotate.reports.calibration import blind, scores
from annotate.reports.disagreements import Disagreement, disagreements, reasons
from annotate.reports.opening import openings, record_opening
from annotate.rubric import RatingKey, Rubric
from annotate.stats import Calibration, calibrate, lower_median, nearest_point, sign_test
from annotate.stats.cut_points import CutPoints, fit_cut_points
from db.tables import JudgeVerdict, Output, Rater, Round, Unit

__all__ = [
    "Candidate",
    "Iteration",
    "compare_judges",
    "has_cut_points",
    "open_test",
    "openings",
    "refit",
]

TOO_FEW = 40
"""Rated cases in all below which a part of them decides nothing."""


@dataclass(frozen=True)
class Given:
    """What one judge said of a unit, and why."""

    label: str
    reason: str | None


@dataclass(frozen=True)
class Candidate:
    """One of the judges that are compared."""

    judge: str
    given: Mapping[str, Given]
    """Its answers, by output."""
    result: Calibration
    false_passes: int
    false_fails: int
    differing: tuple[Disagreement, ...]
    """The units on which it differs from people, the farthest apart first."""


Change = Literal["broken", "wrong in both", "mended", "unanswered"]


@dataclass(frozen=True)
class Apart:
    """A unit on which one of the two judges differs from people."""

    row: Disagreement
    """Of the current judge; of the saved one where the current one is right."""
    change: Change
    """unanswered: only one of the two has an answer."""
    saved: Given | None
    current: Given | None


@dataclass(frozen=True)
class Iteration:
    """Two judges beside people on the same units."""

    round: str
    criterion: str
    split: Split
    units: int
    left_out: int
    """Units of the split that one of them has seen: as an example, or to fit its cut points."""
    saved: Candidate
    current: Candidate
    mended: tuple[str, ...]
    """Units that the current one gets right and the saved one does not."""
    broken: tuple[str, ...]
    p: float | None
    """Of as many mended beside broken by chance (sign test)."""
    exploratory: bool
    """Fewer than TOO_FEW units were rated in all."""

    @property
    def apart(self) -> list[Apart]:
        """Every unit on which one of them differs from people: what broke first, then what both
        get wrong, what is mended, and what only one of them answered."""
        rows = {row.output: row for row in (*self.saved.differing, *self.current.differing)}
        found = [
            Apart(
                row, self._change(row.output), self.saved.given.get(row.output),
                self.current.given.get(row.output),
            )
            for row in rows.values()
        ]  # fmt: skip
        order = get_args(Change)
        return sorted(
            found,
            key=lambda one: (order.index(one.change), -abs(one.row.difference), one.row.unit),
        )

    def _change(self, output: str) -> Change:
        if output in self.broken:
            return "broken"
        if output in self.mended:
            return "mended"
        both = output in self.saved.given and output in self.current.given
        return "wrong in both" if both else "unanswered"

    def as_json(self) -> dict[str, Any]:
        """The document that `annotate judge compare --json` prints."""
        return {
            "round": self.round,
            "criterion": self.criterion,
            "split": self.split,
            "n_units": self.units,
            "left_out": self.left_out,
            "exploratory": self.exploratory,
            "mended": list(self.mended),
            "broken": list(self.broken),
            "p": self.p,
            "apart": [
                {
                    "unit": one.row.unit,
                    "change": one.change,
                    "people": one.row.labels[0],
                    "saved": None if one.saved is None else vars(one.saved),
                    "current": None if one.current is None else vars(one.current),
                }
                for one in self.apart
            ],
            "rows": [
                {
                    "judge": one.judge,
                    "weighted_kappa": one.result.weighted_kappa.as_json(),
                    "ceiling": one.result.ceiling.weighted_kappa.as_json(),
                    "bias": one.result.bias.as_json(),
                    "false_passes": one.false_passes,
                    "false_fails": one.false_fails,
                    "tpr": one.result.tpr.as_json(),
                    "tnr": one.result.tnr.as_json(),
                    "coverage": one.result.coverage.as_json(),
                    "verdict": one.result.verdict,
                }
                for one in (self.saved, self.current)
            ],
        }


def compare_judges(
    session: Session,
    round_: Round,
    *,
    saved: str,
    current: str,
    criterion: str,
    split: Split = "dev",
    by: Rater | None,
) -> Iteration:
    """Both judges on the units of a split that neither has seen.

    split: dev, on which a prompt is worked; test is refused: `open_test` opens it and says so.
    """
    if split == "test":
        raise BadInput("the test split is opened by an act of its own, which is logged")
    return _compared(session, round_, saved, current, criterion, split, by)


def open_test(
    session: Session, round_: Round, *, judge: str, criterion: str, by: Rater | None
) -> Iteration:
    """A judge on the test split, once its prompt is settled; the opening is logged for good.

    Raises BadInput, and logs nothing, where it has graded none of it.
    """
    people.require_lead(session, by)
    rounds.refuse_its_raters(round_, by, "its judges are compared")
    rounds.rubric_of(session, round_).rating_key(criterion)
    rater = people.get_rater(session, judge)
    _, cases, outputs = _people(session, round_, criterion)
    chosen = _chosen(cases, "test", seen_cases(session, rater, criterion))
    named = [output for output, inside in zip(outputs, chosen, strict=True) if inside]
    scored = ratings.judge_scores(scores(session, round_), criterion, judge)
    if scored.reindex(named).notna().sum() == 0:
        raise BadInput(
            f"{judge} has graded {criterion} on no unit of the test split of round {round_.name} "
            f"that people rated: there is nothing to open; `annotate judge run {judge} --round "
            f"{round_.name}` grades it"
        )
    record_opening(session, rater, round_, criterion, by=by)
    session.flush()
    return _compared(session, round_, judge, judge, criterion, "test", by)


def refit(
    session: Session, round_: Round, *, judge: str, criterion: str, by: Rater | None
) -> CutPoints:
    """Cut points fitted to people on the dev split, from the scores that are stored."""
    people.require_lead(session, by)
    rounds.refuse_its_raters(round_, by, "cut points are fitted")
    rubric = rounds.rubric_of(session, round_)
    key = rubric.rating_key(criterion)
    if not has_cut_points(rubric, criterion):
        raise BadInput(f"{criterion} has categories without an order, which have no cut points")
    one = judges.get_judge(session, judge, by=by)
    graded = [asked.id for asked in one.criteria]
    if criterion not in graded:
        raise BadInput(f"{judge} does not grade {criterion}; it grades {', '.join(graded)}")
    values, cases, outputs = _people(session, round_, criterion)
    # Fitted anew, whatever its cut points were fitted to before.
    chosen = _chosen(cases, "dev", shown_cases(one.rater))
    scored = _expected_scores(session, round_, one, criterion)
    score = np.array([scored.get(output, np.nan) for output in outputs])
    return fit_cut_points(
        score[chosen],
        lower_median(values)[chosen],
        domain=key.domain,
        groups=[case for case, inside in zip(cases, chosen, strict=True) if inside],
    )


def has_cut_points(rubric: Rubric, criterion: str) -> bool:
    """Whether it has points, two or more, between which a score can be cut."""
    return any(one.id == criterion and one.points for one in rubric.criteria)


def _compared(
    session: Session,
    round_: Round,
    saved: str,
    current: str,
    criterion: str,
    split: Split,
    by: Rater | None,
) -> Iteration:
    people.require_lead(session, by)
    rounds.refuse_its_raters(round_, by, "its judges are compared")
    key = rounds.rubric_of(session, round_).rating_key(criterion)
    values, cases, outputs = _people(session, round_, criterion)
    seen = {
        case
        for name in (saved, current)
        for case in seen_cases(session, people.get_rater(session, name), criterion)
    }
    chosen = _chosen(cases, split, seen)
    inside = np.array([split_of(case) == split for case in cases], dtype=bool)
    scored = scores(session, round_, columns=(*ratings.STATISTICS, "rationale"))
    parameters = rounds.parameters(round_)
    middle = lower_median(values)[chosen]
    named = [output for output, ok in zip(outputs, chosen, strict=True) if ok]

    def candidate(name: str) -> tuple[Candidate, Floats]:
        judged = np.asarray(
            ratings.judge_scores(scored, criterion, name, categories=key.categories).reindex(named),
            dtype=np.float64,
        )
        differing = [
            row
            for row in disagreements(
                session, round_, judge=name, criterion=criterion, split=split, by=by
            )
            if row.output in set(named)
        ]
        errors = Counter(row.error for row in differing)
        result = calibrate(
            judged, values[chosen], domain=key.domain, level=key.level, pass_at=key.pass_at,
            minimum_units=parameters.minimum_units, thresholds=parameters.thresholds,
        )  # fmt: skip
        made = Candidate(
            name, _given(named, judged, key, reasons(scored, criterion, name)), result,
            errors["false pass"], errors["false fail"], tuple(differing),
        )  # fmt: skip
        return made, judged

    (one, first), (other, second) = candidate(saved), candidate(current)
    wrong = [{row.output for row in made.differing} for made in (one, other)]
    both = [
        output
        for output, a, b in zip(named, first, second, strict=True)
        if not np.isnan(a) and not np.isnan(b)
    ]
    mended = tuple(o for o in both if o in wrong[0] and o not in wrong[1])
    broken = tuple(o for o in both if o in wrong[1] and o not in wrong[0])
    return Iteration(
        round=round_.name,
        criterion=criterion,
        split=split,
        units=len(middle),
        left_out=int(inside.sum()) - int(chosen.sum()),
        saved=one,
        current=other,
        mended=mended,
        broken=broken,
        p=sign_test(len(mended), len(broken)) if mended or broken else None,
        exploratory=len(cases) < TOO_FEW,
    )


def _given(
    outputs: list[str], judged: Floats, key: RatingKey, why: Mapping[str, str]
) -> dict[str, Given]:
    """A judge's answers in words, by output."""
    found = {}
    for output, score in zip(outputs, judged.tolist(), strict=True):
        if not np.isnan(score):
            point = float(nearest_point(np.array([score]), key.domain)[0])
            label = key.label(point) if key.options else f"{score:.3g}"
            found[output] = Given(label, why.get(output))
    return found


def _people(session: Session, round_: Round, criterion: str) -> tuple[Floats, list[str], list[str]]:
    """What people gave, output by output, with each output's case."""
    said = ratings.counted(blind(ratings.people(session, round_)))
    matrix = ratings.matrix(said, criterion, by="output")
    case = ratings.outputs_rated(session, round_)["case"]
    return matrix.values, [str(case[output]) for output in matrix.units], matrix.units


def _chosen(cases: list[str], split: Split, seen: set[str]) -> "np.typing.NDArray[np.bool_]":
    return np.array([split_of(c) == split and c not in seen for c in cases], dtype=bool)


def _expected_scores(
    session: Session, round_: Round, judge: judges.Judge, criterion: str
) -> dict[str, float]:
    """The stored score of each output, whichever version asked the same question."""
    # Outputs of one content have one answer.
    outputs: dict[str, list[str]] = {}
    for output in session.exec(
        select(Output)
        .join(Unit, col(Unit.output_id) == Output.id)
        .where(Unit.round_id == round_.id)
    ):
        outputs.setdefault(judge.key(criterion, judge.fields(output), 1), []).append(output.key)
    found: dict[str, float] = {}
    keys = list(outputs)
    for start in range(0, len(keys), 500):
        rows = session.connection().execute(
            sa.select(col(JudgeVerdict.key), col(JudgeVerdict.score)).where(
                col(JudgeVerdict.key).in_(keys[start : start + 500]),
                col(JudgeVerdict.status) == "ok",
                col(JudgeVerdict.score).is_not(None),
            )
        )
        found |= {
            output: float(score)
            for key, score in rows
            if score is not None
            for output in outputs[key]
        }
    return found
