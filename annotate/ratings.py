"""The ratings table as a DataFrame: the one door from storage to statistics."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from db.tables import Output, Rater, Rating, Round, Unit

Floats = npt.NDArray[np.float64]

WITHDRAWN = "withdrawn"
"""Abstention of a correction that takes an answer back: a condition hid its criterion."""


def frame(
    session: Session,
    *,
    rounds: Iterable[Round] | None = None,
    kinds: Iterable[str] | None = None,
    outside_for: Round | None = None,
    current: bool = True,
) -> pd.DataFrame:
    """One row a rating, with all that statistics need to know about it.

    rounds: only ratings made in these rounds; None is every rating.
    kinds: only these kinds of rater (human, judge, metric).
    outside_for: only ratings made outside any round, of the outputs of this one.
    current: leave out what a later rating supersedes and what was taken back.
    """
    later = aliased(Rating)
    superseded = sa.exists().where(col(later.supersedes_id) == col(Rating.id))
    columns: dict[str, sa.SQLColumnExpression[Any]] = {
        "rating_id": col(Rating.id),
        "round": col(Round.name),
        "unit_id": col(Rating.unit_id),
        "unit": col(Unit.key),
        "output": col(Output.key),
        "case": col(Output.case_key),
        "configuration": col(Output.configuration),
        "segment": col(Output.segment),
        "stratum": col(Unit.stratum),
        "purpose": col(Unit.purpose),
        "repeats_id": col(Unit.repeats_id),
        "inclusion_probability": col(Unit.inclusion_probability),
        "rater": col(Rater.name),
        "kind": col(Rater.kind),
        "criterion": col(Rating.criterion),
        "value": col(Rating.value),
        "text": col(Rating.text),
        "abstained": col(Rating.abstained),
        "rationale": col(Rating.rationale),
        "evidence": col(Rating.evidence),
        "seen": col(Rating.seen),
        "run": col(Rating.run),
        "extra": col(Rating.extra),
        "adjudication": col(Rating.adjudication),
        "superseded": superseded,
        "supersedes_id": col(Rating.supersedes_id),
        "rated_at": col(Rating.rated_at),
        "seconds": col(Rating.seconds),
        "cost_usd": col(Rating.cost_usd),
        "latency_ms": col(Rating.latency_ms),
    }
    statement = (
        sa.select(*(sa.label(name, column) for name, column in columns.items()))
        .select_from(Rating)
        .join(Output, col(Output.id) == Rating.output_id)
        .join(Rater, col(Rater.id) == Rating.rater_id)
        .outerjoin(Round, col(Round.id) == Rating.round_id)
        .outerjoin(Unit, col(Unit.id) == Rating.unit_id)
        .order_by(col(Rating.id))
    )
    if rounds is not None:
        statement = statement.where(col(Rating.round_id).in_([r.id for r in rounds]))
    if outside_for is not None:
        outputs = sa.select(col(Unit.output_id)).where(col(Unit.round_id) == outside_for.id)
        statement = statement.where(
            col(Rating.round_id).is_(None), col(Rating.output_id).in_(outputs)
        )
    if kinds is not None:
        statement = statement.where(col(Rater.kind).in_(list(kinds)))
    if current:
        statement = statement.where(
            ~superseded,
            sa.or_(col(Rating.abstained).is_(None), col(Rating.abstained) != WITHDRAWN),
        )
    rows = session.connection().execute(statement).fetchall()
    found = pd.DataFrame.from_records(rows, columns=list(columns))
    numeric = ("value", "inclusion_probability", "seconds", "cost_usd", "latency_ms")
    return found.astype(dict.fromkeys(numeric, "float64"))


def outputs_rated(session: Session, round_: Round) -> pd.DataFrame:
    """What a judge's error may depend on, of the round's outputs: case, configuration, length.

    Indexed by the output's key; length in characters.
    """
    columns: dict[str, sa.SQLColumnExpression[Any]] = {
        "output": col(Output.key),
        "case": col(Output.case_key),
        "configuration": col(Output.configuration),
        "length": sa.func.length(col(Output.response)),
    }
    units = sa.select(col(Unit.output_id)).where(col(Unit.round_id) == round_.id)
    rows = session.connection().execute(
        sa.select(*(sa.label(name, column) for name, column in columns.items()))
        .where(col(Output.id).in_(units))
        .order_by(col(Output.key))
    )
    return pd.DataFrame.from_records(rows.fetchall(), columns=list(columns), index="output")


def latest(session: Session) -> tuple[int, int]:
    """The number of the latest rating and how many there are: what has been computed since is
    current. The count tells of one that was stored after a later number."""
    last, count = session.exec(select(sa.func.max(Rating.id), sa.func.count())).one()
    return int(last or 0), int(count)


def counted(ratings: pd.DataFrame) -> pd.DataFrame:
    """What consensus and agreement count: people's values on fresh units and anchors.

    Left out: judges and metrics, abstentions, late extras, adjudications, repeats and checks.
    """
    return ratings[
        (ratings["kind"] == "human")
        & ratings["value"].notna()
        & ~ratings["extra"].astype(bool)
        & ~ratings["adjudication"].astype(bool)
        & ratings["purpose"].isin(["fresh", "anchor"])
    ]


@dataclass(frozen=True)
class Matrix:
    """Values of one criterion: a row a unit, a column a rater, NaN where nobody rated."""

    values: Floats
    units: list[str]
    raters: list[str]


def matrix(ratings: pd.DataFrame, criterion: str) -> Matrix:
    """The values of one criterion as units x raters, both in sorted order."""
    chosen = ratings[ratings["criterion"] == criterion]
    units, unit_names = pd.factorize(chosen["unit"], sort=True)
    raters, rater_names = pd.factorize(chosen["rater"], sort=True)
    values = np.full((len(unit_names), len(rater_names)), np.nan)
    values[units, raters] = chosen["value"].to_numpy()
    return Matrix(values, [str(u) for u in unit_names], [str(r) for r in rater_names])


def judge_scores(ratings: pd.DataFrame, criterion: str, judge: str) -> "pd.Series[float]":
    """A judge's score per output key: the mean of its runs; abstentions are absent."""
    chosen = ratings[
        (ratings["criterion"] == criterion)
        & (ratings["rater"] == judge)
        & ratings["value"].notna()
        & ~ratings["extra"].astype(bool)
    ]
    return chosen.groupby("output")["value"].mean()


def judge_runs(ratings: pd.DataFrame, criterion: str, judge: str, outputs: list[str]) -> Floats:
    """A judge's scores as outputs x runs, NaN where a run has no answer."""
    chosen = ratings[
        (ratings["criterion"] == criterion) & (ratings["rater"] == judge) & ratings["value"].notna()
    ]
    wide = chosen.pivot_table(index="output", columns="run", values="value", aggfunc="mean")
    if wide.empty:
        return np.full((len(outputs), 1), np.nan)
    return wide.reindex(outputs).to_numpy(dtype=float)
