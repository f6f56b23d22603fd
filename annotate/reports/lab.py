"""The rubric lab: what a coarser scale would have come to, on ratings that are there already."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlmodel import Session

from annotate import people, ratings, rounds
from annotate.design import Parameters
from annotate.errors import BadInput
from annotate.judge.judges import seen_cases
from annotate.reports.calibration import blind, scores
from annotate.rubric import RatingKey
from annotate.stats import (
    Agreement,
    Calibration,
    Figure,
    agreement,
    calibrate,
    correlation_between,
    nearest_point,
)
from annotate.stats.regroup import Confusion, Groups, confusions, cut_at, merge, regroup
from db.tables import Rater, Round

REDUNDANT = 0.8
"""Two criteria that rank units as alike as this may be one question."""


@dataclass(frozen=True)
class Trial:
    """One criterion as it is, or on the scale that is tried."""

    groups: Groups
    labels: tuple[str, ...]
    agreement: Agreement
    judges: dict[str, Calibration]
    """Each judge of the round, on the same scale."""


@dataclass(frozen=True)
class Confused:
    """Two points that raters of the same units gave, with those units."""

    low: float
    high: float
    labels: tuple[str, str]
    pairs: int
    units: tuple[str, ...]


@dataclass(frozen=True)
class Lab:
    """A criterion before and after a change of its scale."""

    round: str
    criterion: str
    before: Trial
    after: Trial | None
    """None where no change is tried."""
    confusions: tuple[Confused, ...]
    """As the scale is, the most frequent first."""
    beside: dict[str, Figure]
    """How alike each other criterion ranks the units (Spearman of their means): one that says the
    same can be dropped."""

    def as_json(self) -> dict[str, Any]:
        """The document that `annotate rubric try --json` prints."""
        return {
            "round": self.round,
            "criterion": self.criterion,
            "before": _trial_json(self.before),
            "after": None if self.after is None else _trial_json(self.after),
            "confusions": [vars(one) for one in self.confusions],
            "beside": {name: figure.as_json() for name, figure in self.beside.items()},
        }


def lab(
    session: Session,
    round_: Round,
    criterion: str,
    *,
    cut: float | None = None,
    together: tuple[tuple[float, ...], ...] = (),
    by: Rater | None,
) -> Lab:
    """Agreement and every judge's calibration on the scale as it is and as it would be.

    cut: make it binary, passing from this point on. together: points to merge. A judge's score
    counts as the group of its nearest point. Raises BadInput for a scale that cannot be.
    """
    people.require_lead(session, by)
    rounds.refuse_its_raters(round_, by, "its ratings can be tried out")
    key = rounds.rubric_of(session, round_).rating_key(criterion)
    if cut is not None and together:
        raise BadInput("a cut and a merge exclude each other; give one of them")
    said = ratings.counted(blind(ratings.people(session, round_)))
    matrix = ratings.matrix(said, key.key)
    groups = _groups(key, cut, together)
    as_is: Groups = tuple((point,) for point in key.domain)
    scored = scores(session, round_)
    of_criterion = scored[scored["criterion"] == key.key]
    outputs = said[said["criterion"] == key.key].drop_duplicates("unit").set_index("unit")["output"]
    named = outputs.astype(object).reindex(matrix.units).tolist()
    judged = {
        str(name): np.array(
            ratings.judge_scores(scored, key.key, name, categories=key.categories).reindex(named),
            dtype=np.float64,
        )
        for name in sorted(of_criterion["rater"].unique())
    }
    # What a judge has seen does not count for it, as on Calibration.
    case = ratings.outputs_rated(session, round_)["case"]
    for name, its in judged.items():
        seen = seen_cases(session, people.get_rater(session, name), key.key)
        its[[str(case.get(output)) in seen for output in named]] = np.nan
    parameters = rounds.parameters(round_)
    minimum = parameters.minimum_units
    return Lab(
        round=round_.name,
        criterion=key.key,
        before=_trial(matrix.values, judged, key, as_is, parameters, cut=False),
        after=None
        if groups is None
        else _trial(matrix.values, judged, key, groups, parameters, cut=cut is not None),
        confusions=tuple(_confused(one, matrix, key) for one in confusions(matrix.values)),
        beside=_beside(session, round_, said, key, matrix, minimum),
    )


def _groups(
    key: RatingKey, cut: float | None, together: tuple[tuple[float, ...], ...]
) -> Groups | None:
    if cut is None and not together:
        return None
    if key.categories and cut is not None:
        raise BadInput(f"{key.key} has categories, which have no order to cut")
    if len(key.domain) < 3:
        raise BadInput(f"{key.key} has two values: there is nothing to merge")
    try:
        if cut is not None:
            return cut_at(key.domain, cut)
        return merge(key.domain, together, ordered=key.level != "nominal")
    except ValueError as error:
        points = ", ".join(f"{point:g}" for point in key.domain)
        raise BadInput(f"{key.key}: {error}; its points are {points}") from None


def _trial(
    values: Any,
    judged: dict[str, Any],
    key: RatingKey,
    groups: Groups,
    parameters: Parameters,
    *,
    cut: bool,
) -> Trial:
    same = len(groups) == len(key.domain)
    domain = key.domain if same else tuple(float(place) for place in range(len(groups)))
    table = values if same else regroup(values, groups)
    level = "nominal" if len(domain) == 2 and not same else key.level
    pass_at = key.pass_at
    if pass_at is not None and not same:
        # Of a group that holds the pass point all pass: a coarser scale cannot tell. Where that is
        # the lowest, there is nothing left that fails.
        first = next(i for i, group in enumerate(groups) if max(group) >= pass_at)
        pass_at = domain[first] if first else None
    if cut:
        pass_at = domain[1]

    def on_scale(scores_: Any) -> Any:
        if same:
            return scores_
        found = np.full(len(scores_), np.nan)
        there = ~np.isnan(scores_)
        found[there] = regroup(nearest_point(scores_[there], key.domain), groups)
        return found

    return Trial(
        groups=groups,
        labels=tuple(_words(key, group) for group in groups),
        agreement=agreement(
            table, domain=domain, level=level, minimum_units=parameters.minimum_units
        ),
        judges={
            name: calibrate(
                on_scale(scores_), table, domain=domain, level=level, pass_at=pass_at,
                minimum_units=parameters.minimum_units, thresholds=parameters.thresholds,
            )
            for name, scores_ in judged.items()
        },
    )  # fmt: skip


def _words(key: RatingKey, group: tuple[float, ...]) -> str:
    points = f"{group[0]:g}" if len(group) == 1 else f"{group[0]:g} to {group[-1]:g}"
    if key.options:
        return " / ".join(key.label(point) for point in group)
    return f"{points} {' / '.join(key.label(point) for point in group)}"


def _confused(one: Confusion, matrix: ratings.Matrix, key: RatingKey) -> Confused:
    return Confused(
        one.low,
        one.high,
        (key.label(one.low), key.label(one.high)),
        one.pairs,
        tuple(matrix.units[row] for row in one.units),
    )


def _beside(
    session: Session, round_: Round, said: Any, key: RatingKey, matrix: ratings.Matrix, minimum: int
) -> dict[str, Figure]:
    """Every other ordered criterion beside this one, by the means of the units that have both."""
    if key.categories:
        return {}
    mine = dict(zip(matrix.units, _means(matrix.values), strict=True))
    found = {}
    for other in rounds.rubric_of(session, round_).rating_keys():
        if other.key == key.key or other.categories:
            continue
        theirs = ratings.matrix(said, other.key)
        means = dict(zip(theirs.units, _means(theirs.values), strict=True))
        both = [unit for unit in matrix.units if unit in means]
        figure = correlation_between(
            np.array([mine[unit] for unit in both]),
            np.array([means[unit] for unit in both]),
            np.array(both, dtype=str),
            minimum_groups=minimum,
        )
        # Here each unit is a group of its own.
        reason = None if figure.reason is None else figure.reason.replace("group", "unit")
        found[other.key] = replace(figure, reason=reason)
    return found


def _means(values: Any) -> Any:
    return np.nanmean(values, axis=1) if len(values) else np.empty(0)


def _trial_json(trial: Trial) -> dict[str, Any]:
    return {
        "scale": list(trial.labels),
        "alpha": trial.agreement.alpha.as_json(),
        "ac": trial.agreement.ac.as_json(),
        "percent": trial.agreement.percent.as_json(),
        "n_units": trial.agreement.n_units,
        "judges": {
            name: {
                "weighted_kappa": found.weighted_kappa.as_json(),
                "ceiling": found.ceiling.weighted_kappa.as_json(),
                "tpr": found.tpr.as_json(),
                "tnr": found.tnr.as_json(),
                "verdict": found.verdict,
                "verdict_reason": found.verdict_reason,
            }
            for name, found in trial.judges.items()
        },
    }
