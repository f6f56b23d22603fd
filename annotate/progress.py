"""How far a round is: units and submissions, by rater and by segment, with flags and skips."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from annotate import people
from db.tables import Assignment, Output, Rater, Round, Unit


@dataclass(frozen=True)
class RaterProgress:
    """One rater's work in a round."""

    submitted: int = 0
    skipped: int = 0
    claimed: int = 0
    flagged: int = 0
    extra: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Progress:
    """How far a round is."""

    round: str
    status: str
    design_hash: str
    units: int
    done: int
    """Units that have all the ratings they need."""
    assignments: int
    """Submissions that the round asks for."""
    submitted: int
    """Submissions that count."""
    by_rater: dict[str, RaterProgress] = field(default_factory=dict)
    by_segment: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: list[dict[str, str]] = field(default_factory=list)
    """Flags and skips: {unit, rater, kind, text}."""

    def as_json(self) -> dict[str, Any]:
        """The document that `annotate round status --json` prints."""
        return asdict(self)


def progress(session: Session, round_: Round, *, by: Rater | None) -> Progress:
    """Units and submissions of a round, by rater and by segment, with flags and skips."""
    people.require_lead(session, by)
    connection = session.connection()
    wanted = sum_of(col(Unit.overlap))
    by_segment = {}
    for segment, units, done, places, missing in connection.execute(
        sa.select(
            col(Output.segment),
            sa.func.count(),
            sum_of(sa.case((col(Unit.missing) == 0, 1), else_=0)),
            wanted,
            sum_of(col(Unit.missing)),
        )
        .join(Unit, col(Unit.output_id) == col(Output.id))
        .where(col(Unit.round_id) == round_.id)
        .group_by(col(Output.segment))
        .order_by(col(Output.segment))
    ):
        by_segment[str(segment)] = {
            "units": int(units),
            "done": int(done),
            "assignments": int(places),
            "submitted": int(places) - int(missing),
        }

    def total(name: str) -> int:
        return sum(counts[name] for counts in by_segment.values())

    return Progress(
        round=round_.name,
        status=round_.status,
        design_hash=round_.design_hash,
        units=total("units"),
        done=total("done"),
        assignments=total("assignments"),
        submitted=total("submitted"),
        by_rater=_by_rater(session, round_),
        by_segment=by_segment,
        notes=_notes(session, round_),
    )


@dataclass(frozen=True)
class Count:
    """How far a round is, in three numbers, as `Progress` has them."""

    units: int = 0
    assignments: int = 0
    submitted: int = 0


def counts(session: Session, of: Sequence[Round], *, by: Rater | None) -> dict[str, Count]:
    """How far each of these rounds is, by name."""
    people.require_lead(session, by)
    rows = session.connection().execute(
        sa.select(
            col(Unit.round_id),
            sa.func.count(),
            sum_of(col(Unit.overlap)),
            sum_of(col(Unit.missing)),
        )
        .where(col(Unit.round_id).in_([round_.id for round_ in of]))
        .group_by(col(Unit.round_id))
    )
    found = {
        number: Count(int(units), int(places), int(places) - int(missing))
        for number, units, places, missing in rows
    }
    return {round_.name: found.get(round_.id or 0, Count()) for round_ in of}


def sum_of(expression: Any) -> Any:
    """A sum that is 0 over nothing."""
    return sa.func.coalesce(sa.func.sum(expression), 0)


def _by_rater(session: Session, round_: Round) -> dict[str, RaterProgress]:
    extra = sa.case((col(Assignment.extra).is_(True), 1), else_=0)
    counts: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for name in round_.design.get("raters", []):
        counts[name]["seconds"] = 0.0
    for name, state, number, extras, flagged, seconds in session.connection().execute(
        sa.select(
            col(Rater.name),
            col(Assignment.state),
            sa.func.count(),
            sum_of(extra),
            sa.func.count(col(Assignment.flag)),
            sum_of(col(Assignment.seconds)),
        )
        .join(Assignment, col(Assignment.rater_id) == col(Rater.id))
        .where(col(Assignment.round_id) == round_.id)
        .group_by(col(Rater.name), col(Assignment.state))
    ):
        counts[name][state] += number
        counts[name]["extra"] += extras
        counts[name]["flagged"] += flagged
        counts[name]["seconds"] += seconds
    return {
        name: RaterProgress(
            submitted=int(c["submitted"]),
            skipped=int(c["skipped"]),
            claimed=int(c["claimed"]),
            flagged=int(c["flagged"]),
            extra=int(c["extra"]),
            seconds=c["seconds"],
        )
        for name, c in sorted(counts.items())
    }


def _notes(session: Session, round_: Round) -> list[dict[str, str]]:
    rows = session.connection().execute(
        sa.select(col(Unit.key), col(Rater.name), col(Assignment.flag), col(Assignment.skip_reason))
        .join(Unit, col(Unit.id) == col(Assignment.unit_id))
        .join(Rater, col(Rater.id) == col(Assignment.rater_id))
        .where(
            col(Assignment.round_id) == round_.id,
            sa.or_(col(Assignment.flag).is_not(None), col(Assignment.skip_reason).is_not(None)),
        )
        .order_by(col(Unit.key), col(Rater.name))
    )
    return [
        {"unit": unit, "rater": rater, "kind": kind, "text": text}
        for unit, rater, flag, skip in rows
        for kind, text in (("flag", flag), ("skip", skip))
        if text
    ]


def in_minutes(seconds: float) -> str:
    """`25 min`, `2 h 10 min`; never less than a minute."""
    minutes = max(1, int(seconds / 60 + 0.5))
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours else f"{rest} min"
