"""The ratings table as a DataFrame: the one door from storage to statistics."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from db.tables import Assignment, Output, Rater, Rating, Round, Unit

Floats = npt.NDArray[np.float64]

AT_ONCE = 20_000
"""Rows that are looked up in one statement."""
WITHDRAWN = "withdrawn"
"""Abstention of a correction that takes an answer back: a condition hid its criterion, or a judge that
was asked again gave none."""


ORDER = (
    "rating_id", "round", "unit_id", "unit", "output", "case", "configuration", "segment",
    "stratum", "purpose", "repeats_id", "inclusion_probability", "rater", "kind", "criterion",
    "value", "text", "abstained", "rationale", "evidence", "seen", "blind", "run", "extra",
    "adjudication", "superseded", "supersedes_id", "rated_at", "seconds", "cost_usd", "latency_ms",
)  # fmt: skip
"""The columns of a frame."""
STATISTICS = (
    "unit", "unit_id", "repeats_id", "purpose", "inclusion_probability", "output", "segment",
    "rater", "kind", "criterion", "value", "abstained", "blind", "run", "extra", "adjudication",
)  # fmt: skip
"""The columns that statistics go by."""

_Columns = dict[str, sa.SQLColumnExpression[Any]]
_TYPES: dict[str, type] = {
    **dict.fromkeys(("rating_id", "run"), np.int64),
    **dict.fromkeys(
        ("unit_id", "supersedes_id", "value", "seconds", "cost_usd", "latency_ms"), np.float64
    ),
    **dict.fromkeys(("extra", "adjudication", "superseded", "blind"), bool),
}
"""Columns of a rating that are not text."""


def _own_columns() -> _Columns:
    """What a rating itself says."""
    later = aliased(Rating)
    said = sa.cast(col(Rating.seen), sa.Text)
    sighted = sa.or_(said.like('%"judge"%'), said.like('%"others"%'))
    return {
        "rating_id": col(Rating.id),
        "unit_id": col(Rating.unit_id),
        "criterion": col(Rating.criterion),
        "value": col(Rating.value),
        "text": col(Rating.text),
        "abstained": col(Rating.abstained),
        "rationale": col(Rating.rationale),
        "evidence": col(Rating.evidence),
        "seen": col(Rating.seen),
        # Whether neither a judge's score nor another rater's value was on screen.
        "blind": sa.or_(col(Rating.seen).is_(None), ~sighted),
        "run": col(Rating.run),
        "extra": col(Rating.extra),
        "adjudication": col(Rating.adjudication),
        "superseded": sa.exists().where(col(later.supersedes_id) == col(Rating.id)),
        "supersedes_id": col(Rating.supersedes_id),
        "rated_at": col(Rating.rated_at),
        "seconds": col(Rating.seconds),
        "cost_usd": col(Rating.cost_usd),
        "latency_ms": col(Rating.latency_ms),
    }


def _dimensions() -> dict[str, tuple[sa.SQLColumnExpression[Any], _Columns]]:
    """What a rating points to: by the column that points, the row's own number and its columns."""
    return {
        "round_id": (col(Round.id), {"round": col(Round.name)}),
        "unit_id": (
            col(Unit.id),
            {
                "unit": col(Unit.key),
                "stratum": col(Unit.stratum),
                "purpose": col(Unit.purpose),
                "repeats_id": col(Unit.repeats_id),
                "inclusion_probability": col(Unit.inclusion_probability),
            },
        ),
        "output_id": (
            col(Output.id),
            {
                "output": col(Output.key),
                "case": col(Output.case_key),
                "configuration": col(Output.configuration),
                "segment": col(Output.segment),
            },
        ),
        "rater_id": (col(Rater.id), {"rater": col(Rater.name), "kind": col(Rater.kind)}),
    }


def frame(
    session: Session,
    *,
    rounds: Iterable[Round] | None = None,
    kinds: Iterable[str] | None = None,
    outside_for: Round | None = None,
    units_of: Rater | None = None,
    current: bool = True,
    columns: Collection[str] | None = None,
) -> pd.DataFrame:
    """One row a rating, with all that statistics need to know about it.

    rounds: only ratings made in these rounds; None is every rating.
    kinds: only these kinds of rater (human, judge, metric).
    outside_for: only ratings made outside any round, of the outputs of this one.
    units_of: only ratings of units that this rater has had, whoever made them.
    current: leave out what a later rating supersedes and what was taken back.
    columns: only these, such as STATISTICS; None is all.
    Names are categories: the millionth rating of a rater costs a number and no text.
    """
    own, dimensions = _own_columns(), _dimensions()
    wanted = {*own, *(n for _, of_row in dimensions.values() for n in of_row)}
    wanted &= set(wanted if columns is None else columns)
    read = {name: column for name, column in own.items() if name in wanted}
    for points in dimensions:
        read[points] = getattr(Rating, points)
    statement = sa.select(*(sa.label(name, column) for name, column in read.items()))
    chosen = _chosen(rounds, kinds, outside_for, units_of)
    if current:
        chosen.append(~own["superseded"])
        withdrawn = col(Rating.abstained).is_(None) | (col(Rating.abstained) != WITHDRAWN)
        chosen.append(withdrawn)
    rows = session.connection().execute(
        statement.where(*chosen).order_by(col(Rating.id))
    ).fetchall()  # fmt: skip
    # Column by column: pandas would look at every cell of the rows to guess its type.
    cells = dict(zip(read, zip(*rows, strict=True) if rows else ((),) * len(read), strict=True))
    found: dict[str, Any] = {}
    for points, (number, of_row) in dimensions.items():
        looked_up = {name: column for name, column in of_row.items() if name in wanted}
        if looked_up:
            found |= _looked_up(session, cells[points], number, looked_up)
    found |= {name: _column(name, cells[name]) for name in own if name in wanted}
    return pd.DataFrame({name: found[name] for name in ORDER if name in found})


def _chosen(
    rounds: Iterable[Round] | None,
    kinds: Iterable[str] | None,
    outside_for: Round | None,
    units_of: Rater | None,
) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    of_rounds = None if rounds is None else [r.id for r in rounds]
    if units_of is not None:
        had = sa.select(col(Assignment.unit_id)).where(col(Assignment.rater_id) == units_of.id)
        if of_rounds is not None:
            had = had.where(col(Assignment.round_id).in_(of_rounds))
        # A unit is of one round: to ask for the round too would walk all that is in it.
        found.append(col(Rating.unit_id).in_(had))
    elif of_rounds is not None:
        found.append(col(Rating.round_id).in_(of_rounds))
    if outside_for is not None:
        outputs = sa.select(col(Unit.output_id)).where(col(Unit.round_id) == outside_for.id)
        found.append(col(Rating.round_id).is_(None))
        found.append(col(Rating.output_id).in_(outputs))
    if kinds is not None:
        raters = sa.select(col(Rater.id)).where(col(Rater.kind).in_(list(kinds)))
        found.append(col(Rating.rater_id).in_(raters))
    return found


def _column(name: str, cells: tuple[Any, ...]) -> Any:
    """One column of ratings, as statistics want it; None stays None in a text."""
    if name == "criterion":
        return pd.Categorical(cells)
    kind = _TYPES.get(name, object)
    return pd.Series(np.array(cells, dtype=kind) if kind is not object else cells, dtype=kind)


def _looked_up(
    session: Session,
    points: tuple[int | None, ...],
    number: sa.SQLColumnExpression[Any],
    columns: _Columns,
) -> dict[str, Any]:
    """The columns of the rows that ratings point to, one entry a rating."""
    wanted = np.array([-1 if point is None else point for point in points], dtype=np.int64)
    numbers = np.unique(wanted[wanted >= 0])
    statement = sa.select(number, *columns.values()).order_by(number)
    rows: list[Any] = []
    for begin in range(0, len(numbers), AT_ONCE):
        some = numbers[begin : begin + AT_ONCE].tolist()
        dense = some[-1] - some[0] < 2 * len(some)
        chosen = number.between(some[0], some[-1]) if dense else number.in_(some)
        rows += session.connection().execute(statement.where(chosen)).fetchall()
    known = np.array([row[0] for row in rows], dtype=np.int64)
    place = np.searchsorted(known, wanted)
    there = np.isin(wanted, known)
    found: dict[str, Any] = {}
    for i, name in enumerate(columns, start=1):
        cells = [row[i] for row in rows]
        if name in ("inclusion_probability", "repeats_id"):
            values = np.append(np.array(cells, dtype=np.float64), np.nan)
            found[name] = values[np.where(there, place, -1)]
        else:
            names, codes = np.unique(np.array(cells, dtype=object), return_inverse=True)
            codes = np.append(codes, -1)[np.where(there, place, -1)]
            found[name] = pd.Categorical.from_codes(codes, categories=pd.Index(names, dtype=object))
    return found


def people(session: Session, round_: Round, *, units_of: Rater | None = None) -> pd.DataFrame:
    """What people said in the round, with the columns that statistics go by.

    units_of: only of the units that this rater has had.
    """
    return frame(session, rounds=[round_], kinds=["human"], units_of=units_of, columns=STATISTICS)


def scored_by(session: Session, of: Iterable[Round]) -> set[tuple[int | None, int | None]]:
    """Which judges and metrics have scored units of which round: (round, rater) by their numbers.

    Within the round, or the same outputs outside any. What was taken back is no score.
    """
    automated = sa.select(col(Rater.id)).where(col(Rater.kind) != "human")
    later = aliased(Rating)
    stands = (
        col(Rating.rater_id).in_(automated),
        ~sa.exists().where(col(later.supersedes_id) == col(Rating.id)),
        sa.or_(col(Rating.abstained).is_(None), col(Rating.abstained) != WITHDRAWN),
    )
    numbers = [round_.id for round_ in of]
    inside = (
        sa.select(col(Rating.round_id), col(Rating.rater_id))
        .where(col(Rating.round_id).in_(numbers), *stands)
        .distinct()
    )
    outside = (
        sa.select(col(Unit.round_id), col(Rating.rater_id))
        .join(Unit, col(Unit.output_id) == col(Rating.output_id))
        .where(col(Rating.round_id).is_(None), col(Unit.round_id).in_(numbers), *stands)
        .distinct()
    )
    found = [row for query in (inside, outside) for row in session.connection().execute(query)]
    return {(round_id, rater_id) for round_id, rater_id in found}


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
    """What changes with every rating: the number of the latest one and, where a rating may be
    stored after one with a later number, how many there are. SQLite writes one by one."""
    last = session.exec(select(sa.func.max(Rating.id))).one()
    if session.get_bind().dialect.name == "sqlite":
        return int(last or 0), 0
    count = session.exec(select(sa.func.count()).select_from(Rating)).one()
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


def matrix(ratings: pd.DataFrame, criterion: str, *, by: str = "unit") -> Matrix:
    """The values of one criterion as units x raters, both in sorted order.

    by: "output" where a unit is to be found again in another round.
    """
    chosen = ratings[ratings["criterion"] == criterion]
    units, unit_names = pd.factorize(chosen[by], sort=True)
    raters, rater_names = pd.factorize(chosen["rater"], sort=True)
    values = np.full((len(unit_names), len(rater_names)), np.nan)
    values[units, raters] = chosen["value"].to_numpy()
    return Matrix(values, [str(u) for u in unit_names], [str(r) for r in rater_names])


def judge_scores(
    ratings: pd.DataFrame, criterion: str, judge: str, *, categories: bool = False
) -> "pd.Series[float]":
    """A judge's score per output key: the mean of its runs; abstentions are absent.

    categories: the commonest of its runs, of several as common the one that came first: a mean of
    two codes would be a third category.
    """
    chosen = ratings[
        (ratings["criterion"] == criterion)
        & (ratings["rater"] == judge)
        & ratings["value"].notna()
        & ~ratings["extra"].astype(bool)
    ]
    if categories:
        votes = chosen.astype({"output": object}).groupby(["output", "value"])["run"]
        found = votes.agg(["size", "min"]).reset_index()
        found = found.sort_values(["size", "min"], ascending=[False, True], kind="stable")
        return found.drop_duplicates("output").set_index("output")["value"].sort_index()
    return chosen.groupby("output")["value"].mean()


def judge_runs(ratings: pd.DataFrame, criterion: str, judge: str, outputs: list[str]) -> Floats:
    """A judge's scores as outputs x runs, NaN where a run has no answer."""
    chosen = ratings[
        (ratings["criterion"] == criterion) & (ratings["rater"] == judge) & ratings["value"].notna()
    ]
    place = pd.Index(outputs).get_indexer(pd.Index(chosen["output"].astype(object)))
    chosen, place = chosen[place >= 0], place[place >= 0]
    runs, names = pd.factorize(chosen["run"], sort=True)
    found = np.zeros((len(outputs), max(1, len(names))))
    number = np.zeros_like(found)
    np.add.at(found, (place, runs), chosen["value"].to_numpy())
    np.add.at(number, (place, runs), 1)
    runs_of: Floats = np.divide(found, number, out=np.full(found.shape, np.nan), where=number > 0)
    return runs_of
