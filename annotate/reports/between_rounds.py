"""Between rounds: has the judge's mean on traffic left its limits, so that a round is due?

The judge scores outputs day by day; people rate a sample now and then. The chart cannot say who
moved, only when to look. See docs/statistics/between-rounds.md.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from annotate import people, rounds
from annotate.ratings import Floats
from annotate.stats import Baseline, Chart, watch
from annotate.stats.figure import Ints
from annotate.stats.planner import effective_size
from db.tables import Output, Rater, Rating, Round, Unit

Period = Literal["day", "week"]
LEAST = 30
"""Scores of the baseline below which a segment has no chart: its spread would be a guess."""
LEAST_PERIODS = 2


@dataclass(frozen=True)
class Line:
    """One segment's chart."""

    segment: str
    begins: tuple[date, ...]
    """The first day of each period."""
    means: Floats
    """(periods,), NaN where nothing was scored."""
    sizes: Ints
    """Scores in each period."""
    baseline: Baseline
    """Its size, too, is what the scores are worth as an even sample."""
    baseline_size: int
    """Scores from before."""
    chart: Chart

    @property
    def alarm(self) -> date | None:
        """When the line left its limits first."""
        first = self.chart.first_alarm
        return None if first is None else self.begins[first]


@dataclass(frozen=True)
class BetweenRounds:
    """The charts of a judge on one criterion, since a round."""

    round: str
    judge: str
    criterion: str
    period: Period
    lines: tuple[Line, ...]
    without: dict[str, str]
    """Segments without a chart, and why."""
    run_length: float
    """Periods between false alarms in any of them, on average, when nothing moves."""

    @property
    def due(self) -> tuple[str, ...]:
        """Segments whose line left its limits: a round is due, there above all."""
        return tuple(line.segment for line in self.lines if line.alarm is not None)

    def as_json(self) -> dict[str, Any]:
        """The document that `annotate judge watch --json` prints."""
        return {
            "round": self.round,
            "judge": self.judge,
            "criterion": self.criterion,
            "period": self.period,
            "run_length": self.run_length,
            "due": list(self.due),
            "rows": [
                {
                    "segment": line.segment,
                    "baseline": {
                        "mean": line.baseline.centre,
                        "spread": line.baseline.spread,
                        "n": line.baseline_size,
                    },
                    "limit": line.chart.limit,
                    "alarm": None if line.alarm is None else line.alarm.isoformat(),
                    "periods": [
                        {
                            "begins": begin.isoformat(),
                            "mean": None if np.isnan(mean) else float(mean),
                            "n": int(size),
                            "line": float(level),
                        }
                        for begin, mean, size, level in zip(
                            line.begins, line.means, line.sizes, line.chart.line, strict=True
                        )
                    ],
                }
                for line in self.lines
            ],
            "without": self.without,
        }


def between_rounds(
    session: Session,
    round_: Round,
    *,
    judge: str,
    criterion: str,
    period: Period = "week",
    by: Rater | None,
) -> BetweenRounds:
    """The judge's scores on outputs since the round was launched, beside those from before.

    judge: one exact version: a change of the judge is no drift of traffic.
    period: weeks where traffic goes with the weekday.
    A score of a unit that a round drew counts by its inclusion probability, as in drift; one made
    outside any round counts as one. Anchors, repeats and known answers are no sample of traffic.
    Unequal weights make a mean less sure: as many scores count as an even sample would need for the
    same variance (Kish 1965, Survey Sampling, 11.7).
    """
    people.require_lead(session, by)
    rounds.rubric_of(session, round_).rating_key(criterion)
    assert round_.launched_at is not None
    scored = _scores(session, people.get_rater(session, judge), criterion)
    before = scored[scored["at"] < round_.launched_at]
    after = scored[scored["at"] >= round_.launched_at]
    without: dict[str, str] = {}
    found: dict[str, _Periods] = {}
    baselines: dict[str, Baseline] = {}
    sizes = before.groupby("segment")["value"].size()
    for segment, rows in after.groupby("segment", sort=True):
        name = str(segment)
        earlier = before[before["segment"] == segment]
        values = earlier["value"].to_numpy(dtype=np.float64)
        weights = earlier["weight"].to_numpy(dtype=np.float64)
        periods = _periods(rows, round_.launched_at, period)
        if len(values) < LEAST:
            without[name] = (
                f"{len(values)} scores from before the round, {LEAST} are needed: "
                "have the judge score older outputs"
            )
        elif np.ptp(values) == 0:
            without[name] = "every score from before the round is the same"
        elif len(periods.begins) < LEAST_PERIODS:
            without[name] = f"one {period} since the round, {LEAST_PERIODS} are needed"
        else:
            found[name] = periods
            baselines[name] = _baseline(values, weights)
    watched = watch({name: (one.means, one.worth) for name, one in found.items()}, baselines)
    lines = tuple(
        Line(
            name, tuple(one.begins), one.means, one.sizes, baselines[name], int(sizes[name]),
            watched.charts[name],
        )
        for name, one in found.items()
    )  # fmt: skip
    return BetweenRounds(round_.name, judge, criterion, period, lines, without, watched.run_length)


def _scores(session: Session, judge: Rater, criterion: str) -> pd.DataFrame:
    """Every score of the judge on an output whose time is known; of several of one output the mean.

    Columns: segment, at, value and weight.
    """
    later = aliased(Rating)
    probability = sa.case(
        # Who scores all traffic scores a round's units too: an output counts once, as one.
        (col(Rating.round_id).is_(None), 1.0),
        else_=sa.func.coalesce(col(Unit.inclusion_probability), 1.0),
    )
    rows = session.connection().execute(
        sa.select(
            col(Output.segment),
            col(Output.occurred_at),
            sa.func.avg(col(Rating.value)),
            sa.func.max(probability),
        )
        .join(Output, col(Output.id) == col(Rating.output_id))
        .outerjoin(Unit, col(Unit.id) == col(Rating.unit_id))
        .where(
            col(Rating.rater_id) == judge.id,
            col(Rating.criterion) == criterion,
            col(Rating.value).is_not(None),
            col(Rating.extra).is_(False),
            sa.or_(col(Rating.unit_id).is_(None), col(Unit.purpose) == "fresh"),
            col(Output.occurred_at).is_not(None),
            ~sa.exists().where(col(later.supersedes_id) == col(Rating.id)),
        )
        .group_by(col(Output.id), col(Output.segment), col(Output.occurred_at))
        .order_by(col(Output.occurred_at))
    )
    found = pd.DataFrame.from_records(
        rows.fetchall(), columns=["segment", "at", "value", "probability"]
    )
    found["at"] = pd.to_datetime(found["at"], utc=True)
    found["value"] = found["value"].astype(float)
    found["weight"] = 1 / found["probability"].astype(float)
    return found


def _baseline(values: Floats, weights: Floats) -> Baseline:
    """The weighted mean and spread, and how many scores of an even sample they are worth."""
    share = weights / weights.sum()
    centre = float(share @ values)
    n = len(values)
    spread = float(np.sqrt(share @ (values - centre) ** 2 * n / (n - 1)))
    return Baseline(centre, spread, effective_size(weights))


@dataclass(frozen=True)
class _Periods:
    """Whole periods from the round's launch on, those without a score too."""

    begins: list[date]
    means: Floats
    sizes: Ints
    worth: Floats
    """How many scores of an even sample each period's are worth."""


def _periods(rows: pd.DataFrame, start: datetime, period: Period) -> _Periods:
    days = 7 if period == "week" else 1
    place = ((rows["at"] - start).dt.total_seconds() // (days * 86_400)).astype(int)
    number = int(place.max()) + 1 if len(place) else 0
    weight = rows["weight"].to_numpy(dtype=np.float64)

    def total(of: Floats) -> Floats:
        return np.asarray(np.bincount(place, weights=of, minlength=number), dtype=np.float64)

    weights, squares = total(weight), total(weight**2)
    there = weights > 0
    nothing = np.full(number, np.nan)
    sums = total(weight * rows["value"].to_numpy(dtype=np.float64))
    return _Periods(
        begins=[(start + pd.Timedelta(days=days * i)).date() for i in range(number)],
        means=np.divide(sums, weights, out=nothing, where=there),
        sizes=np.bincount(place, minlength=number).astype(np.int64),
        worth=np.divide(weights**2, squares, out=np.zeros(number), where=there),
    )
