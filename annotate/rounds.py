"""Rounds: launch, freeze, close. What a launched round was designed as, and how far it is."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotate import (
    claims,
    events,
    known_units,
    pairs,
    people,
    practice,
    ratings,
    rubric_versions,
)
from annotate.design import (
    Blind,
    Design,
    Filters,
    Frozen,
    FrozenUnit,
    Parameters,
    document_hash,
    read_document,
)
from annotate.errors import Conflict, NotAllowed, NotFound, RoundClosed
from annotate.plan import get_round, plan_round
from annotate.planned import Plan, PlannedUnit
from annotate.progress import Progress, RaterProgress, progress
from annotate.rubric import Rubric
from db.tables import Assignment, Output, Rater, Round, Unit, now
from db.tables import Rubric as RubricRow

__all__ = [
    "Blind",
    "Design",
    "Filters",
    "Parameters",
    "Plan",
    "Progress",
    "RaterProgress",
    "close_round",
    "design_document",
    "get_round",
    "launch_frozen",
    "launch_plan",
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

LOOKED_UP = 5000
"""Outputs that are looked up by key together."""


def launch_round(
    session: Session, design: Design, *, by: Rater | None, at: datetime | None = None
) -> Round:
    """Draw the sample and freeze everything under one hash. From here it can only be closed."""
    people.require_lead(session, by)
    return launch_plan(session, plan_round(session, design, by=by), by=by, at=at)


def launch_plan(
    session: Session, plan: Plan, *, by: Rater | None, at: datetime | None = None
) -> Round:
    """Freeze a plan that was made in this very transaction."""
    people.require_lead(session, by)
    return _freeze(session, planned_document(plan), by=by, at=at)


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
        "units": [_unit_document(unit, plan.content) for unit in plan.units],
    }
    # Only a practice knows answers, so that the hash of every other design stays what it was.
    if plan.known is not None:
        document["known"] = plan.known
    return {**document, "hash": document_hash(document), "rubric_source": plan.rubric.source}


def _unit_document(unit: PlannedUnit, content: Mapping[str, str]) -> dict[str, Any]:
    said = asdict(unit) | {"content_hash": content[unit.output]}
    del said["segment"]  # the output's own, which the content hash covers
    # Only a pair has a rival, so that the hash of every other design stays what it was.
    if unit.rival is None:
        del said["rival"]
    else:
        said["rival_hash"] = content[unit.rival]
    return said


def launch_frozen(
    session: Session, document: Mapping[str, Any], *, by: Rater | None, at: datetime | None = None
) -> Round:
    """Launch the very design that `design_document` gave elsewhere: the same units, the same hash.

    Its outputs must be here with the same content, its people and its baseline by their names.
    Its rubric comes with it.
    """
    people.require_lead(session, by)
    frozen = read_document(document)
    if session.exec(select(Round).where(Round.name == frozen.name)).first() is not None:
        raise Conflict(f"there is a round {frozen.name!r} already; a round is launched once")
    for rater in frozen.raters:
        people.get_rater(session, rater)
    return _freeze(session, document, by=by, at=at)


def _freeze(
    session: Session, document: Mapping[str, Any], *, by: Rater | None, at: datetime | None
) -> Round:
    frozen = Frozen.model_validate(dict(document))
    rubric = _rubric_by_hash(session, frozen.rubric.hash)
    if rubric is None and frozen.rubric_source is not None:
        # A built-in that is used for the first time, or a rubric that comes with its design.
        rubric_versions.add_rubric(session, frozen.rubric_source, by=by)
        rubric = _rubric_by_hash(session, frozen.rubric.hash)
    if rubric is None:
        raise NotFound(
            f"rubric {frozen.rubric.name} is not here as the design means it; "
            "`annotate rubric add FILE.yaml` adds its file"
        )
    assert rubric.id is not None
    baseline = get_round(session, frozen.baseline) if frozen.baseline else None
    if frozen.reveals is not None:
        known_units.check_revealed(get_round(session, frozen.reveals), rubric)
    pairs.check_rubric(rubric_versions.loaded(rubric), frozen.compares)
    if frozen.qualified_by is not None:
        practised = get_round(session, frozen.qualified_by)
        practice.refuse_unqualified(session, practised, frozen.raters, rubric.name)
    design = {k: v for k, v in document.items() if k not in {"units", "hash", "rubric_source"}}
    round_ = Round(
        name=frozen.name,
        status="open",
        rubric_id=rubric.id,
        baseline_id=baseline.id if baseline else None,
        overlap=frozen.overlap,
        seed=frozen.seed,
        design=design,
        design_hash=frozen.hash,
        launched_at=at or now(),
    )
    session.add(round_)
    session.flush()
    assert round_.id is not None
    _add_units(session, round_.id, frozen.units)
    events.record(
        session, "launched", f"round:{round_.name}", by=by, design_hash=round_.design_hash,
        units=len(frozen.units),
    )  # fmt: skip
    return round_


def _rubric_by_hash(session: Session, hash_: str) -> RubricRow | None:
    return session.exec(
        select(RubricRow).where(RubricRow.hash == hash_).order_by(col(RubricRow.id).desc())
    ).first()


def _add_units(session: Session, round_id: int, units: tuple[FrozenUnit, ...]) -> None:
    meant = {unit.output: unit.content_hash for unit in units}
    meant |= {unit.rival: unit.rival_hash or "" for unit in units if unit.rival is not None}
    outputs = _outputs(session, list(meant))
    for output, content_hash in meant.items():
        if output not in outputs:
            raise NotFound(f"output {output!r} is not here; import the same outputs first")
        if outputs[output][1] != content_hash:
            raise Conflict(
                f"output {output!r} has other content here than in the design; "
                "import the same outputs"
            )

    def row(unit: FrozenUnit, repeats_id: int | None) -> dict[str, Any]:
        own = {"output", "content_hash", "repeats", "rival", "rival_hash"}
        return {
            **unit.model_dump(exclude=own),
            "round_id": round_id,
            "output_id": outputs[unit.output][0],
            "rival_id": None if unit.rival is None else outputs[unit.rival][0],
            "repeats_id": repeats_id,
            "missing": unit.overlap,
        }

    connection = session.connection()
    connection.execute(sa.insert(Unit), [row(unit, None) for unit in units if not unit.repeats])
    again = [unit for unit in units if unit.repeats]
    if again:
        known = sa.select(col(Unit.key), col(Unit.id)).where(col(Unit.round_id) == round_id)
        ids = {str(key): id_ for key, id_ in connection.execute(known)}
        connection.execute(sa.insert(Unit), [row(unit, ids[unit.repeats or ""]) for unit in again])


def _outputs(session: Session, keys: list[str]) -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = {}
    columns: list[sa.SQLColumnExpression[Any]] = [
        col(Output.key), col(Output.id), col(Output.content_hash)
    ]  # fmt: skip
    for start in range(0, len(keys), LOOKED_UP):
        rows = session.connection().execute(
            sa.select(*columns).where(col(Output.key).in_(keys[start : start + LOOKED_UP]))
        )
        found |= {key: (int(id_), hash_) for key, id_, hash_ in rows}
    return found


def design_document(session: Session, round_: Round, *, by: Rater | None) -> dict[str, Any]:
    """A launched round's frozen design with every unit: what its hash is over.

    `launch_frozen` launches the same round elsewhere from it. For leads: it tells which units are
    anchors and repeats.
    """
    people.require_lead(session, by)
    rows = session.exec(
        select(Unit, Output.key, Output.content_hash)
        .join(Output, col(Output.id) == Unit.output_id)
        .where(Unit.round_id == round_.id)
        .order_by(col(Unit.rank))
    ).all()
    rivals = {
        id_: {"rival": key, "rival_hash": content_hash}
        for id_, key, content_hash in session.exec(
            select(Unit.id, Output.key, Output.content_hash)
            .join(Output, col(Output.id) == Unit.rival_id)
            .where(Unit.round_id == round_.id)
        )
    }
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
            **rivals.get(unit.id, {}),
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
    people.require_lead(session, by)
    round_ = get_round(session, name)
    assert round_.id is not None
    claims.one_at_a_time(session, round_.id)  # nobody submits into a round that is closing
    session.refresh(round_)
    if round_.status == "closed":
        raise RoundClosed(f"round {name} is closed already")
    claimed = sa.update(Assignment).where(
        col(Assignment.round_id) == round_.id, col(Assignment.state).in_(("claimed", "sent"))
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


def list_rounds(session: Session, *, by: Rater | None) -> list[Round]:
    """Every round, newest first, for a lead."""
    people.require_lead(session, by)
    return list(session.exec(select(Round).order_by(col(Round.id).desc())))


def rubric_of(session: Session, round_: Round) -> Rubric:
    """The rubric that the round froze."""
    return rubric_versions.frozen(session, round_.rubric_id, round_.design["rubric"]["hash"])


def parameters(round_: Round) -> Parameters:
    """What the round's reports decide by."""
    return Parameters.model_validate(round_.design.get("parameters", {}))


def shown_fields(round_: Round) -> tuple[str, ...]:
    """The fields that a rater's screen may get in this round."""
    return tuple(round_.design.get("shown", ("input", "contexts", "response")))


def kept_from(round_: Round, by: Rater | None) -> bool:
    """Whether what raters say is kept from a lead, because they rate in the round while it is
    open: their ratings would no longer be blind."""
    panel = round_.design.get("raters", [])
    return by is not None and round_.status == "open" and by.name in panel


def refuse_its_raters(round_: Round, by: Rater | None, what: str) -> None:
    """Refuse a lead from whom it is kept (see `kept_from`). what: that they would see."""
    if kept_from(round_, by):
        raise NotAllowed(
            f"you rate in round {round_.name}, and would see what others say; {what} once it is "
            "closed"
        )


def outside_scores(
    session: Session, round_: Round, *, columns: Collection[str] = ratings.STATISTICS
) -> pd.DataFrame:
    """Automated scores of the round's outputs that were made outside any round."""
    return ratings.frame(session, kinds=["judge", "metric"], outside_for=round_, columns=columns)
