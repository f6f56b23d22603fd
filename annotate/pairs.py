"""Pairs: two configurations' outputs of one case, side by side, the order a rater's own.

A unit's output is the base's and its rival the candidate's, and ratings are stored so. On the
screen they are A and B in an order that seed, rater and unit decide; what a rater says of A and B
is turned back here, and nowhere else. Where the two had contexts of their own, each response stands
beside the contexts that it was made from.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotate.answer import Answer, Span
from annotate.design import Design
from annotate.errors import BadInput, NotFound
from annotate.planned import Candidate, PlannedUnit
from annotate.rubric import Rubric
from db.tables import Output, Round, Unit

LOOKED_UP = 1_000
"""Outputs that are looked up by key together."""
FIRST, SECOND, TIE, BOTH_BAD = 0.0, 1.0, 2.0, 3.0
"""A preference as it is stored: the base, the candidate, neither, and neither is any good."""
WORDS = ("A is better", "B is better", "Equally good", "Both are bad")
"""The same as raters say it of what stands before them."""
_TURNED = {FIRST: SECOND, SECOND: FIRST}
_OTHER_SIDE = {"response": "rival", "contexts": "rival_contexts"}
_OTHER_SIDE |= {other: own for own, other in _OTHER_SIDE.items()}


class Rival(NamedTuple):
    """The candidate's output of a case."""

    key: str
    content_hash: str


def rivals(session: Session, base: str, candidate: str) -> dict[str, Rival]:
    """The candidate's output for each output of the base whose case has both.

    Of several outputs of one configuration and case the one with the first key counts.
    """
    first = _by_case(session, base)
    second = _by_case(session, candidate)
    for name, found in ((base, first), (candidate, second)):
        if not found:
            known = session.connection().execute(sa.select(col(Output.configuration)).distinct())
            there = ", ".join(sorted(known.scalars())) or "none"
            raise NotFound(f"no output has the configuration {name!r}; there are: {there}")
    paired = {first[case].key: second[case] for case in first if case in second}
    if not paired:
        raise NotFound(
            f"no case has an output of both {base} and {candidate}; import outputs with the same "
            "`case` for both"
        )
    return paired


def _by_case(session: Session, configuration: str) -> dict[str, Rival]:
    rows = session.connection().execute(
        sa.select(col(Output.case_key), col(Output.key), col(Output.content_hash)).where(
            col(Output.configuration) == configuration
        )
    )
    found: dict[str, Rival] = {}
    # Here and not by the database, whose own order of texts may be another on another engine.
    for case, key, hash_ in sorted(tuple(row) for row in rows):
        found.setdefault(case, Rival(key, hash_))
    return found


def with_rival(
    candidates: Sequence[Candidate],
    rivals: Mapping[str, Rival],
    design: Design,
    told: Collection[str] = (),
) -> list[Candidate]:
    """Those of the outputs that may be drawn that are a pair's base.

    told: outputs whose answer a rater knows; no pair has one.
    """
    found = [c for c in candidates if c.key in rivals and rivals[c.key].key not in told]
    if not found:
        base, candidate = design.compares or ("", "")
        raise NotFound(
            f"within the filters no case has outputs of both {base} and {candidate}; widen them"
        )
    return found


def differing(session: Session, units: Sequence[PlannedUnit]) -> list[str]:
    """What a lead should know of pairs whose outputs had more than another configuration."""
    found = _drawn(session, units)
    both = [(found[u.output], found[u.rival]) for u in units if u.rival]
    notes = []
    if count := sum(base.contexts != candidate.contexts for base, candidate in both):
        notes.append(
            f"in {count} of {len(both)} pairs each response has contexts of its own: raters see "
            "both, and could learn to tell the configurations by them"
        )
    if count := sum(base.input != candidate.input for base, candidate in both):
        notes.append(
            f"in {count} of {len(both)} pairs the two inputs differ, and raters see the base's: "
            "give one `case` only to outputs of the same input"
        )
    return notes


def _drawn(session: Session, units: Sequence[PlannedUnit]) -> dict[str, Any]:
    """Input and contexts of the pairs' outputs, by key."""
    keys = [key for unit in units for key in (unit.output, unit.rival) if key]
    found: dict[str, Any] = {}
    for start in range(0, len(keys), LOOKED_UP):
        some = col(Output.key).in_(keys[start : start + LOOKED_UP])
        rows = session.exec(select(Output.key, Output.input, Output.contexts).where(some))
        found |= {row[0]: row for row in rows}
    return found


def check_rubric(rubric: Rubric, compares: tuple[str, str] | None) -> None:
    """A preference needs two responses, and two responses need a preference."""
    asks = [criterion.id for criterion in rubric.criteria if criterion.scale == "preference"]
    if compares is not None and not asks:
        raise BadInput(
            f"rubric {rubric.name} asks for no preference; add a criterion with the scale "
            "`preference`, or choose a rubric that has one"
        )
    if compares is None and asks:
        raise BadInput(
            f"{asks[0]} of rubric {rubric.name} prefers one of two responses; say which two "
            "configurations are compared"
        )


def swapped(seed: str, rater_id: int, unit: str) -> bool:
    """Whether this rater sees the candidate's response as A; each rater half of the time."""
    digest = hashlib.sha256(f"{seed}:{rater_id}:{unit}".encode()).digest()
    return digest[0] % 2 == 1


def order(swapped: bool) -> str:
    """How a rating records, among what was seen, which response stood as A."""
    return "order:ba" if swapped else "order:ab"


def swapped_as(seen: Collection[str] | None) -> bool | None:
    """Whether the candidate's response stood as A, by what a rating records; None without it."""
    orders = {order(swapped): swapped for swapped in (False, True)}
    return next((orders[word] for word in seen or () if word in orders), None)


def in_words(value: float, *, swapped: bool) -> str:
    """A stored preference as the rater gave it, of A and B."""
    return WORDS[int(_TURNED.get(value, value) if swapped else value)]


def rival_of(session: Session, round_: Round, unit: str) -> Output | None:
    """The candidate's output of a unit; None where it is no pair."""
    return session.exec(
        select(Output)
        .join(Unit, col(Unit.rival_id) == Output.id)
        .where(Unit.round_id == round_.id, Unit.key == unit)
    ).first()


def apart(one: Output, other: Output) -> bool:
    """Whether each of the two has contexts of its own; what both were given is shown once."""
    return one.contexts != other.contexts


def references(first: Output, second: Output | None) -> tuple[str | None, str | None]:
    """The references to be shown; the second is None where there is one for both.

    A reference belongs to the case: where only one output brought it, it is that of both, and
    does not tell them apart.
    """
    own = first.reference or None
    other = None if second is None else second.reference or None
    return (own, other) if own and other and own != other else (own or other, None)


def turned(answers: Mapping[str, Answer], rubric: Rubric, *, apart: bool) -> dict[str, Answer]:
    """Answers about A and B as answers about base and candidate, and back: the same step.

    apart: whether each side has contexts of its own; passages in common ones stay where they are.
    """
    preferences = {c.id for c in rubric.criteria if c.scale == "preference"}
    return {
        name: answer.model_copy(
            update={
                "evidence": tuple(_other_side(s, apart) for s in answer.evidence),
                "value": _TURNED.get(answer.value, answer.value)
                if name in preferences and answer.value is not None
                else answer.value,
            }
        )
        for name, answer in answers.items()
    }


def _other_side(span: Span, apart: bool) -> Span:
    side, bracket, rest = span.field.partition("[")
    if side.endswith("contexts") and not apart:
        return span
    field = _OTHER_SIDE.get(side, side) + bracket + rest
    return Span(field=field, start=span.start, end=span.end)
