"""The units that a planned round would draw, as a lead looks them over before launching."""

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from annotate import people
from annotate.planned import Plan
from db.tables import Output, Rater

BEGINNING = 80
LOOKED_UP = 1_000


@dataclass(frozen=True)
class PreviewedUnit:
    """One unit of the sample."""

    key: str
    segment: str
    purpose: str
    input: str
    """How its input begins, on one line; of a conversation the last turn."""


def preview(session: Session, plan: Plan, *, by: Rater | None) -> list[PreviewedUnit]:
    """The units of a plan in the order of work, each with the beginning of its input."""
    people.require_lead(session, by)
    keys = sorted({unit.output for unit in plan.units})
    inputs: dict[str, Any] = {}
    for start in range(0, len(keys), LOOKED_UP):
        some = col(Output.key).in_(keys[start : start + LOOKED_UP])
        rows = session.connection().execute(
            sa.select(col(Output.key), col(Output.input)).where(some)
        )
        for key, given in rows:
            inputs[key] = given
    return [
        PreviewedUnit(unit.key, unit.segment, unit.purpose, _beginning(inputs[unit.output]))
        for unit in plan.units
    ]


def _beginning(given: Any) -> str:
    if isinstance(given, list) and given:
        given = given[-1]
    if isinstance(given, dict):
        given = given.get("content", given)
    text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, default=str)
    # Cut before its words are joined: an input may be megabytes long.
    return " ".join(text[: 4 * BEGINNING].split())[:BEGINNING]
