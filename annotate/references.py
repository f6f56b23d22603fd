"""Ideal answers: what raters say the answer should have been, and which becomes the reference."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from annotate import adjudication, claims, events, people, rounds
from annotate.answer import MAX_TEXT, Answer, storable
from annotate.consensus import How
from annotate.errors import BadInput, NotFound
from annotate.ratings import WITHDRAWN
from annotate.rubric import Criterion
from db.tables import Output, Rater, Rating, Round, Unit

SEVERAL = "raters wrote different ideal answers: a lead chooses"
SINGLE = "only one rater wrote an ideal answer: a lead confirms it"
UNASKED = "what raters agree on asks for no ideal answer: a lead confirms it"


@dataclass(frozen=True)
class Ideal:
    """The ideal answers to one output, and which of them stands."""

    unit: str
    output: str
    criterion: str
    written: tuple[tuple[str, str], ...]
    """(rater, text) of everybody who wrote one."""
    chosen: str | None
    """None while it waits for a lead."""
    how: How
    reason: str | None = None
    """Why it waits."""

    @property
    def open(self) -> bool:
        """Whether it waits for a lead."""
        return self.chosen is None


def criteria(session: Session, round_: Round) -> list[Criterion]:
    """The criteria of a round's rubric whose texts become references."""
    rubric = rounds.rubric_of(session, round_)
    return [criterion for criterion in rubric.criteria if criterion.becomes == "reference"]


def ideals(session: Session, round_: Round, *, by: Rater | None) -> list[Ideal]:
    """The ideal answers of a round, by output; for leads.

    A text stands where at least two raters wrote it and nobody another, and where the consensus
    asks for it: who alone calls a response wrong does not thereby mend it. Else a lead decides.
    """
    people.require_lead(session, by)
    names = [criterion.id for criterion in criteria(session, round_)]
    if not names:
        return []
    later = aliased(Rating)
    rows = session.exec(
        select(Rating, Rater.name, Unit.key, Output.key)
        .join(Rater, col(Rater.id) == Rating.rater_id)
        .join(Unit, col(Unit.id) == Rating.unit_id)
        .join(Output, col(Output.id) == Rating.output_id)
        .where(
            Rating.round_id == round_.id,
            col(Rating.criterion).in_(names),
            col(Rating.text).is_not(None),
            Rater.kind == "human",
            col(Unit.purpose).in_(["fresh", "anchor"]),
            col(Rating.extra).is_(False),
            sa.or_(col(Rating.abstained).is_(None), col(Rating.abstained) != WITHDRAWN),
            ~select(later.id).where(col(later.supersedes_id) == col(Rating.id)).exists(),
        )
        .order_by(Output.key, Rating.criterion, col(Rating.id))
    )
    grouped: dict[tuple[str, str, str], list[tuple[Rating, str]]] = defaultdict(list)
    for rating, name, unit, output in rows:
        grouped[unit, output, rating.criterion].append((rating, name))
    found = [_ideal(*place, said) for place, said in grouped.items()]
    if not any(ideal.how == "unanimous" for ideal in found):
        return found
    asked = _asked(session, round_)
    return [
        replace(ideal, chosen=None, how="undecided", reason=UNASKED)
        if ideal.how == "unanimous" and ideal.criterion not in asked(ideal.unit)
        else ideal
        for ideal in found
    ]


def _asked(session: Session, round_: Round) -> Callable[[str], tuple[str, ...]]:
    """What the rubric asks of each unit, were it answered as the raters agree on it."""
    rubric = rounds.rubric_of(session, round_)
    agreed: dict[str, dict[str, float]] = defaultdict(dict)
    for decision in adjudication.decisions(session, round_):
        if decision.consensus.value is not None and not decision.open:
            agreed[decision.unit][decision.criterion] = decision.consensus.value

    def asked(unit: str) -> tuple[str, ...]:
        return rubric.shown({c.id: _answered(c, agreed[unit]) for c in rubric.criteria})

    return asked


def _answered(criterion: Criterion, agreed: Mapping[str, float]) -> Answer:
    said = {key: agreed[key] for key in criterion.keys if key in agreed}
    if criterion.scale != "tags":
        return Answer(value=said.get(criterion.id))
    return Answer(tags=tuple(key.partition(".")[2] for key, value in said.items() if value == 1))


def _ideal(unit: str, output: str, criterion: str, said: list[tuple[Rating, str]]) -> Ideal:
    written = tuple((name, r.text or "") for r, name in said if not r.adjudication)
    ruled = [r.text for r, _ in said if r.adjudication]
    if ruled:
        return Ideal(unit, output, criterion, written, ruled[-1], "adjudicated")
    different = {" ".join(text.split()) for _, text in written}
    if len(different) > 1:
        return Ideal(unit, output, criterion, written, None, "undecided", SEVERAL)
    if len(written) == 1:
        return Ideal(unit, output, criterion, written, None, "single", SINGLE)
    return Ideal(unit, output, criterion, written, written[0][1], "unanimous")


def choose(
    session: Session, round_: Round, unit_key: str, criterion: str, text: str, *, by: Rater
) -> Rating:
    """Make a text the reference of a unit's case: one that a rater wrote, or the lead's own.

    Stored as a rating of the lead's; a later choice supersedes it.
    """
    people.require_lead(session, by)
    text = storable(text).strip()
    if not text:
        raise BadInput("the ideal answer is empty; choose one, or write it")
    if len(text) > MAX_TEXT:
        raise BadInput(f"the ideal answer has {len(text):,} characters; at most {MAX_TEXT:,}")
    if criterion not in [one.id for one in criteria(session, round_)]:
        raise NotFound(f"{criterion!r} asks for no ideal answer in round {round_.name}")
    unit = session.exec(
        select(Unit).where(Unit.round_id == round_.id, Unit.key == unit_key)
    ).one_or_none()
    if unit is None:
        raise NotFound(f"round {round_.name} has no unit {unit_key!r}")
    assert round_.id is not None and by.id is not None
    claims.one_at_a_time(session, round_.id)
    last = session.exec(
        select(Rating)
        .where(
            Rating.unit_id == unit.id,
            Rating.criterion == criterion,
            col(Rating.adjudication).is_(True),
        )
        .order_by(col(Rating.id).desc())
    ).first()
    rating = Rating(
        round_id=round_.id,
        unit_id=unit.id,
        output_id=unit.output_id,
        rater_id=by.id,
        criterion=criterion,
        text=text,
        seen=[*rounds.shown_fields(round_), "others"],
        adjudication=True,
        supersedes_id=last.id if last else None,
    )
    session.add(rating)
    events.record(
        session, "chose ideal answer", f"round:{round_.name}", by=by, unit=unit_key,
        criterion=criterion,
    )  # fmt: skip
    session.flush()
    return rating
