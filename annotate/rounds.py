"""Rounds: launch, freeze, progress, close."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa
from pydantic import ValidationError
from sqlmodel import Session, col, select

from annotate import events, people, ratings, rubric_versions
from annotate.design import (
    Design,
    Parameters,
    Plan,
    PlannedUnit,
    document_hash,
    get_round,
    plan_round,
)
from annotate.errors import BadInput, Conflict, NotFound, RoundClosed
from annotate.rubric import Rubric
from db.tables import Assignment, Output, Rater, Round, Unit, now
from db.tables import Rubric as RubricRow

__all__ = [
    "Design",
    "Plan",
    "Progress",
    "close_round",
    "design_document",
    "get_round",
    "launch_frozen",
    "launch_round",
    "list_rounds",
    "outside_scores",
    "parameters",
    "plan_round",
    "planned_document",
    "progress",
    "rubric_of",
    "shown_fields",
]


def launch_round(
    session: Session, design: Design, *, by: Rater | None, at: datetime | None = None
) -> Round:
    """Draw the sample and freeze everything under one hash. From here it can only be closed."""
    people.require_lead(by)
    return _freeze(session, planned_document(plan_round(session, design)), by=by, at=at)


def planned_document(plan: Plan) -> dict[str, Any]:
    """The frozen design that a plan would become, with its hash."""
    design = plan.design.model_dump(mode="json", exclude={"rubric", "hide", "baseline", "units"})
    document: dict[str, Any] = {
        **design,
        "format": 1,
        "rubric": {
            "name": plan.rubric.name,
            "version": plan.rubric.version,
            "hash": plan.rubric.hash,
        },
        "baseline": plan.baseline.name if plan.baseline else None,
        "shown": list(plan.design.shown),
        "strata": [asdict(stratum) for stratum in plan.strata],
        "units": [_unit_document(unit, plan.content[unit.output]) for unit in plan.units],
    }
    return {**document, "hash": document_hash(document), "rubric_source": plan.rubric.source}


def _unit_document(unit: PlannedUnit, content_hash: str) -> dict[str, Any]:
    said = asdict(unit) | {"content_hash": content_hash}
    del said["segment"]
    return said


def launch_frozen(session: Session, document: Mapping[str, Any], *, by: Rater | None) -> Round:
    """Launch the very design that `design_document` gave elsewhere: the same units, the same hash.

    Its outputs and raters must be here, with the same content.
    """
    people.require_lead(by)
    if not isinstance(document.get("units"), list) or "hash" not in document:
        raise BadInput("this is not a design document; `annotate round design NAME` writes one")
    if document_hash(document) != document["hash"]:
        raise BadInput(
            "the design document was changed after it was exported: its hash does not fit; "
            "export it again"
        )
    name = str(document["name"])
    if session.exec(select(Round).where(Round.name == name)).first() is not None:
        raise Conflict(f"there is a round {name!r} already; a round is launched once")
    for rater in document["raters"]:
        people.get_rater(session, rater)
    if document["baseline"]:
        get_round(session, document["baseline"])
    source = document.get("rubric_source")
    if isinstance(source, str):
        rubric_versions.add_rubric(session, source, by=by)
    return _freeze(session, document, by=by)


def _freeze(
    session: Session, document: Mapping[str, Any], *, by: Rater | None, at: datetime | None = None
) -> Round:
    try:
        Parameters.model_validate(document["parameters"])
        rubric = session.exec(
            select(RubricRow).where(RubricRow.hash == document["rubric"]["hash"])
        ).first()
        if rubric is None:
            raise NotFound(
                f"rubric {document['rubric']['name']} is not here in that version; add its file"
            )
        assert rubric.id is not None
        frozen = {k: v for k, v in document.items() if k not in {"units", "hash", "rubric_source"}}
        baseline = get_round(session, document["baseline"]) if document["baseline"] else None
        round_ = Round(
            name=document["name"],
            status="open",
            rubric_id=rubric.id,
            baseline_id=baseline.id if baseline else None,
            overlap=document["overlap"],
            seed=document["seed"],
            design=frozen,
            design_hash=document["hash"],
            launched_at=at or now(),
        )
        session.add(round_)
        session.flush()
        _add_units(session, round_, document["units"])
    except (KeyError, TypeError, ValidationError) as error:
        raise BadInput(f"the design document cannot be used: {error}; export it again") from None
    events.record(
        session, "launched", f"round:{round_.name}", by=by, design_hash=round_.design_hash,
        units=len(document["units"]),
    )  # fmt: skip
    return round_


def _add_units(session: Session, round_: Round, units: list[dict[str, Any]]) -> None:
    outputs = _outputs(session, [unit["output"] for unit in units])
    for unit in units:
        if unit["output"] not in outputs:
            raise NotFound(f"output {unit['output']!r} is not here; import the same outputs first")
        if outputs[unit["output"]][1] != unit["content_hash"]:
            raise Conflict(
                f"output {unit['output']!r} has other content here than in the design; "
                "import the same outputs"
            )

    def row(unit: Mapping[str, Any], repeats_id: int | None) -> dict[str, Any]:
        return {
            "round_id": round_.id,
            "key": unit["key"],
            "output_id": outputs[unit["output"]][0],
            "purpose": unit["purpose"],
            "repeats_id": repeats_id,
            "stratum": unit["stratum"],
            "inclusion_probability": unit["inclusion_probability"],
            "overlap": unit["overlap"],
            "rank": unit["rank"],
            "missing": unit["overlap"],
        }

    connection = session.connection()
    connection.execute(sa.insert(Unit), [row(u, None) for u in units if not u["repeats"]])
    again = [unit for unit in units if unit["repeats"]]
    if again:
        ids = dict(
            connection.execute(
                sa.select(col(Unit.key), col(Unit.id)).where(col(Unit.round_id) == round_.id)
            ).all()
        )
        connection.execute(sa.insert(Unit), [row(u, ids[u["repeats"]]) for u in again])


def _outputs(session: Session, keys: list[str]) -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = {}
    columns: list[sa.SQLColumnExpression[Any]] = [
        col(Output.key), col(Output.id), col(Output.content_hash)
    ]  # fmt: skip
    for start in range(0, len(keys), 5000):
        rows = session.connection().execute(
            sa.select(*columns).where(col(Output.key).in_(keys[start : start + 5000]))
        )
        found |= {key: (int(id_), hash_) for key, id_, hash_ in rows}
    return found


def design_document(session: Session, round_: Round) -> dict[str, Any]:
    """A launched round's frozen design with every unit: what its hash is over.

    `launch_frozen` launches the same round elsewhere from it.
    """
    rows = session.exec(
        select(Unit, Output.key, Output.content_hash)
        .join(Output, col(Output.id) == Unit.output_id)
        .where(Unit.round_id == round_.id)
        .order_by(col(Unit.rank))
    ).all()
    keys = {unit.id: unit.key for unit, _, _ in rows}
    units = [
        {
            "key": unit.key,
            "output": output,
            "purpose": unit.purpose,
            "stratum": unit.stratum,
            "inclusion_probability": unit.inclusion_probability,
            "overlap": unit.overlap,
            "rank": unit.rank,
            "repeats": keys.get(unit.repeats_id),
            "content_hash": content_hash,
        }
        for unit, output, content_hash in rows
    ]
    document = {**round_.design, "units": units}
    source = session.get_one(RubricRow, round_.rubric_id).source
    return {**document, "hash": document_hash(document), "rubric_source": source}


def close_round(
    session: Session, name: str, *, by: Rater | None, at: datetime | None = None
) -> Round:
    """Take no more ratings. Claims that are open end; what was submitted stays."""
    people.require_lead(by)
    round_ = get_round(session, name)
    if round_.status == "closed":
        raise RoundClosed(f"round {name} is closed already")
    claimed = sa.update(Assignment).where(
        col(Assignment.round_id) == round_.id, col(Assignment.state) == "claimed"
    )
    # A submission that was reopened and never corrected stands as it was submitted.
    session.execute(
        claimed.where(col(Assignment.submitted_at).is_not(None)).values(
            state="submitted", lease_until=None
        )
    )
    session.execute(claimed.values(state="expired", lease_until=None))
    round_.status = "closed"
    round_.closed_at = at or now()
    session.add(round_)
    events.record(session, "closed", f"round:{name}", by=by)
    return round_


def list_rounds(session: Session) -> list[Round]:
    """Every round, newest first."""
    return list(session.exec(select(Round).order_by(col(Round.id).desc())))


def rubric_of(session: Session, round_: Round) -> Rubric:
    """The rubric that the round froze."""
    return rubric_versions.loaded(session.get_one(RubricRow, round_.rubric_id))


def parameters(round_: Round) -> Parameters:
    """What the round's reports decide by."""
    return Parameters.model_validate(round_.design.get("parameters", {}))


def shown_fields(round_: Round) -> tuple[str, ...]:
    """The fields that a rater's screen may get in this round."""
    return tuple(round_.design.get("shown", ("input", "contexts", "response")))


def outside_scores(session: Session, round_: Round) -> pd.DataFrame:
    """Automated scores of the round's outputs that were made outside any round."""
    return ratings.frame(session, kinds=["judge", "metric"], outside_for=round_)


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


def progress(session: Session, round_: Round) -> Progress:
    """Units and submissions of a round, by rater and by segment, with flags and skips."""
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
