"""Which outputs a round may draw from, and which its raters no longer see, or do not yet, blind."""

from collections.abc import Collection

import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotate import people
from annotate.design import Filters
from annotate.errors import NotFound
from db.tables import Assignment, Output, Rater, Round, Unit


def conditions(session: Session, filters: Filters) -> list[sa.ColumnElement[bool]]:
    """What an output must be to lie within the filters; NotFound for a name that no output has."""
    found: list[sa.ColumnElement[bool]] = []
    for what, column, names in (
        ("segment", col(Output.segment), filters.segments),
        ("configuration", col(Output.configuration), filters.configurations),
    ):
        if not names:
            continue
        known = set(session.connection().execute(sa.select(column).distinct()).scalars())
        for name in names:
            if name not in known:
                there = ", ".join(sorted(known)) or "none"
                raise NotFound(f"no output has the {what} {name!r}; there are: {there}")
        found.append(column.in_(names))
    if filters.since:
        found.append(col(Output.occurred_at) >= filters.since)
    if filters.until:
        found.append(col(Output.occurred_at) < filters.until)
    return found


def within(session: Session, filters: Filters, *, by: Rater | None) -> dict[str, int]:
    """How many outputs lie within the filters, by segment; NotFound as `conditions`."""
    people.require_lead(session, by)
    found = session.exec(
        select(Output.segment, sa.func.count())
        .where(*conditions(session, filters))
        .group_by(Output.segment)
        .order_by(Output.segment)
    ).all()
    return dict(found)


def undated(session: Session, filters: Filters) -> list[str]:
    """A warning for outputs that a filter by time cannot place."""
    if not (filters.since or filters.until):
        return []
    nowhen = col(Output.occurred_at).is_(None)
    count = session.exec(select(sa.func.count()).select_from(Output).where(nowhen)).one()
    return [f"{count} outputs have no time (occurred_at) and are left out"] if count else []


def told(session: Session, raters: Collection[str]) -> dict[str, str]:
    """Outputs whose answer one of these raters was told, or may yet be: the round, by output.

    A practice round tells what is known, a norming round how all voted.
    """
    found: dict[str, str] = {}
    for round_ in session.exec(select(Round).order_by(col(Round.id))):
        panel = _of_panel(round_, raters)
        if not panel or not tells(round_):
            continue
        units = col(Unit.round_id) == round_.id
        if round_.status == "closed":
            # Nobody is told any more; who never came was not.
            units &= sa.exists().where(
                col(Assignment.unit_id) == col(Unit.id),
                col(Assignment.rater_id) == col(Rater.id),
                col(Rater.name).in_(panel),
            )
        found |= dict.fromkeys(_outputs(session, units), round_.name)
    return found


def being_rated(session: Session, raters: Collection[str]) -> dict[str, str]:
    """Outputs that one of these raters rates blind at present: the open round, by output."""
    found: dict[str, str] = {}
    for round_ in session.exec(select(Round).where(Round.status == "open")):
        if _of_panel(round_, raters) and not tells(round_):
            outputs = _outputs(session, col(Unit.round_id) == round_.id)
            found |= dict.fromkeys(outputs, round_.name)
    return found


def tells(round_: Round) -> bool:
    """Whether a round tells its raters what is known of a unit, or what others say of it."""
    return bool(round_.design.get("practice") or round_.design.get("reveals"))


def _of_panel(round_: Round, raters: Collection[str]) -> list[str]:
    return [name for name in round_.design.get("raters", []) if name in raters]


def _outputs(session: Session, units: sa.ColumnElement[bool]) -> list[str]:
    """The keys of the units' outputs, both of a pair."""
    found: list[str] = []
    for side in (col(Unit.output_id), col(Unit.rival_id)):
        keys = sa.select(col(Output.key)).join(Unit, side == col(Output.id)).where(units)
        found += session.connection().execute(keys).scalars()
    return found
