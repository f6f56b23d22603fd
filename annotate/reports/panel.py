"""The raters of a round beside each other, without a rank."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from annotate import people, ratings, rounds
from annotate.pace import FEWEST, Pace, outlying, pace
from annotate.reports.agreement import shown_twice
from annotate.stats import Figure, rate
from annotate.stats.severity import Severity, severity
from db.tables import Assignment, Output, Rater, Round, Unit, now


@dataclass(frozen=True)
class PanelRow:
    """One rater on one criterion."""

    rater: str
    criterion: str
    difference: Figure
    """Their value less the mean of the others, in points."""
    consistency: Figure
    """The share of units shown twice that they answered alike."""
    use: tuple[float, ...]
    """The share of each point among their ratings."""
    ratings: int
    """Those that count: on fresh units and anchors, without repeats and late extras."""
    abstained: int
    """Of the same units."""


@dataclass(frozen=True)
class Panel:
    """A round's raters, criterion by criterion, each by name."""

    round: str
    domains: dict[str, tuple[str, ...]]
    """The labels of each criterion's points."""
    rows: list[PanelRow]

    def as_json(self) -> dict[str, Any]:
        """The document that `annotate round raters --json` prints."""
        return {
            "round": self.round,
            "points": {name: list(labels) for name, labels in self.domains.items()},
            "rows": [
                {
                    **vars(row),
                    "difference": row.difference.as_json(),
                    "consistency": row.consistency.as_json(),
                    "use": list(row.use),
                }
                for row in self.rows
            ],
        }


def panel(session: Session, round_: Round, *, by: Rater | None) -> Panel:
    """Severity, consistency, use of the scale and abstentions of every rater who has rated.

    Refused to a lead who rates in the round while it is open.
    """
    people.require_lead(session, by)
    rounds.refuse_its_raters(round_, by, "its raters are compared")
    said = ratings.people(session, round_)
    said = said[~said["adjudication"].astype(bool)]
    keys = rounds.rubric_of(session, round_).rating_keys()
    rows = []
    for key in keys:
        of_criterion = said[said["criterion"] == key.key]
        matrix = ratings.matrix(ratings.counted(of_criterion), key.key)
        twice = shown_twice(of_criterion)
        without = (
            of_criterion[
                of_criterion["abstained"].notna()
                & ~of_criterion["extra"].astype(bool)
                & of_criterion["purpose"].isin(["fresh", "anchor"])
            ]
            .groupby("rater", observed=True)["unit"]
            .size()
        )
        ordered = not key.categories
        known = dict(zip(matrix.raters, severity(matrix.values, domain=key.domain), strict=True))
        nothing = Severity(Figure.undefined("gave no value that counts", 0), (), 0)
        # Who only abstained is on the panel too.
        for name in sorted({str(rater) for rater in of_criterion["rater"]}):
            one = known.get(name, nothing)
            mine = twice[twice["rater"] == name]
            rows.append(
                PanelRow(
                    rater=name,
                    criterion=key.key,
                    difference=one.difference
                    if ordered
                    else Figure.undefined("categories have no distances", one.ratings),
                    consistency=_alike(mine["value_first"], mine["value_again"]),
                    use=one.use,
                    ratings=one.ratings,
                    abstained=int(without.get(name, 0)),
                )
            )
    labels = {key.key: tuple(key.label(point) for point in key.domain) for key in keys}
    return Panel(round_.name, labels, rows)


def _alike(first: Any, again: Any) -> Figure:
    n = len(first)
    if not n:
        return Figure.undefined("nothing was shown twice", 0)
    return rate(int((first.to_numpy() == again.to_numpy()).sum()), n)


@dataclass(frozen=True)
class Speed:
    """How fast one rater works, beside the panel."""

    rater: str
    submitted: int
    seconds: float | None
    """Active seconds of a submission, the median; None below FEWEST of them."""
    outlying: str | None
    """`fast` or `slow`."""
    last: datetime | None
    """Their last submission."""


@dataclass(frozen=True)
class Stuck:
    """A unit that somebody took and has not handed in for long."""

    rater: str
    unit: str
    since: datetime
    lapsed: bool
    """Whether its lease has run out: whoever comes next gets it."""
    drafted: bool


@dataclass(frozen=True)
class Watched:
    """An open round as it goes."""

    whole: Pace
    by_segment: dict[str, Pace]
    speeds: list[Speed]
    stuck: list[Stuck]


def watched(
    session: Session, round_: Round, *, by: Rater | None, at: datetime | None = None
) -> Watched:
    """The pace of a round, of its segments and raters, and what is stuck. Says nothing of values."""
    people.require_lead(session, by)
    at = at or now()
    done: dict[str, list[tuple[datetime, float]]] = defaultdict(list)
    of_rater: dict[str, list[tuple[datetime, float]]] = {
        name: [] for name in round_.design.get("raters", [])
    }
    for segment, rater, when, seconds in session.connection().execute(
        sa.select(
            col(Output.segment), col(Rater.name), col(Assignment.submitted_at),
            col(Assignment.seconds),
        )
        .join(Unit, col(Unit.id) == col(Assignment.unit_id))
        .join(Output, col(Output.id) == col(Unit.output_id))
        .join(Rater, col(Rater.id) == col(Assignment.rater_id))
        .where(
            col(Assignment.round_id) == round_.id,
            col(Assignment.submitted_at).is_not(None),
            col(Assignment.extra).is_(False),
        )
    ):  # fmt: skip
        if when is not None:
            done[segment].append((when, seconds))
            of_rater.setdefault(rater, []).append((when, seconds))
    missing = {
        str(segment): int(number)
        for segment, number in session.connection().execute(
            sa.select(col(Output.segment), sa.func.sum(col(Unit.missing)))
            .join(Unit, col(Unit.output_id) == col(Output.id))
            .where(col(Unit.round_id) == round_.id)
            .group_by(col(Output.segment))
            .order_by(col(Output.segment))
        )
    }
    everything = [one for rows in done.values() for one in rows]
    return Watched(
        whole=_pace(everything, sum(missing.values()), at),
        by_segment={name: _pace(done[name], left, at) for name, left in missing.items()},
        speeds=_speeds(of_rater),
        stuck=_stuck(session, round_, at),
    )


def _pace(rows: list[tuple[datetime, float]], missing: int, at: datetime) -> Pace:
    return pace([when for when, _ in rows], [seconds for _, seconds in rows], missing, at=at)


def _speeds(of_rater: dict[str, list[tuple[datetime, float]]]) -> list[Speed]:
    typical = {}
    for name, rows in of_rater.items():
        measured = [seconds for _, seconds in rows if seconds > 0]
        if len(measured) >= FEWEST:
            typical[name] = median(measured)
    return [
        Speed(
            name,
            len(rows),
            typical.get(name),
            outlying(typical.get(name), [s for n, s in typical.items() if n != name]),
            max((when for when, _ in rows), default=None),
        )
        for name, rows in sorted(of_rater.items())
    ]


def _stuck(session: Session, round_: Round, at: datetime) -> list[Stuck]:
    """Claims without a sign of activity for a whole lease, the longest first."""
    lease = timedelta(minutes=int(round_.design.get("lease_minutes", 15)))
    rows = session.connection().execute(
        sa.select(
            col(Rater.name), col(Unit.key), col(Assignment.claimed_at), col(Assignment.draft_at),
            col(Assignment.lease_until), col(Assignment.draft).is_not(None),
        )
        .join(Unit, col(Unit.id) == col(Assignment.unit_id))
        .join(Rater, col(Rater.id) == col(Assignment.rater_id))
        .where(
            col(Assignment.round_id) == round_.id,
            col(Assignment.state) == "claimed",
            col(Assignment.submitted_at).is_(None),
            # A unit that others have finished meanwhile waits for nobody; what was sent does.
            sa.or_(col(Unit.missing) > 0, col(Assignment.extra).is_(True)),
        )
    )  # fmt: skip
    found = []
    for rater, unit, claimed, drafted_at, lease_until, drafted in rows:
        since = max(claimed, drafted_at) if drafted_at is not None else claimed
        if at - since >= lease:
            lapsed = lease_until is None or lease_until <= at
            found.append(Stuck(rater, unit, since, lapsed, bool(drafted)))
    return sorted(found, key=lambda one: (one.since, one.rater))
