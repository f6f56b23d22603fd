"""Adjudication: what a round's ratings come to, what raters dispute, and the lead's decision.

Consensus is computed, never stored; what is stored is the lead's decision, as a rating of its own.
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotate import claims, events, pairs, people, ratings, rounds
from annotate.answer import storable
from annotate.consensus import Consensus, consensus
from annotate.errors import BadInput, Conflict, NotAllowed, NotFound
from annotate.formats.source import FIELD_LIMIT
from annotate.rubric import RatingKey
from db.tables import Assignment, Event, Rater, Rating, Round, Unit, now


@dataclass(frozen=True)
class Decision:
    """What one unit is worth on one criterion: the consensus, or the lead's adjudication."""

    unit: str
    output: str
    segment: str
    criterion: str
    consensus: Consensus
    label: str | None
    raters: tuple[str, ...]
    adjudicated_by: str | None = None

    @property
    def open(self) -> bool:
        """Whether it waits for a lead."""
        return self.adjudicated_by is None and self.consensus.disputed


@dataclass(frozen=True)
class Vote:
    """One rater's side of a dispute."""

    rater: str
    value: float | None
    label: str
    rationale: str | None
    evidence: tuple[dict[str, Any], ...] = ()
    swapped: bool | None = None
    """Of a pair: whether the candidate's response stood as A, of which the rationale may speak."""
    counted: bool = True
    """False of one more rater's, who was asked or came late: it stands beside the others only."""


VOTES = (
    "unit", "rater", "criterion", "value", "abstained", "rationale", "evidence", "seen", "extra",
)  # fmt: skip
"""The columns that votes are made of."""


@dataclass(frozen=True)
class Dispute:
    """A unit that raters see differently on one criterion, with every side of it."""

    decision: Decision
    votes: tuple[Vote, ...]


def decisions(session: Session, round_: Round) -> list[Decision]:
    """The consensus of every rated unit and criterion of a round, adjudications applied.

    For services that have asked who wants to know; `disputes` asks itself.
    """
    return decided(session, round_, ratings.people(session, round_))


def decided(session: Session, round_: Round, found: pd.DataFrame) -> list[Decision]:
    """As `decisions`, from what people said in the round, or of some of its units."""
    people_said = ratings.counted(found)
    rulings = _rulings(found)
    segments = dict(zip(found["unit"], found["segment"], strict=True))
    outputs = dict(zip(found["unit"], found["output"], strict=True))
    all_decided = []
    for key in rounds.rubric_of(session, round_).rating_keys():
        said = ratings.matrix(people_said, key.key)
        results = consensus(said.values, level=key.level, domain=key.domain)
        for row, (unit, result) in enumerate(zip(said.units, results, strict=True)):
            who = tuple(
                rater
                for rater, value in zip(said.raters, said.values[row], strict=True)
                if value == value
            )
            decision = Decision(unit, outputs[unit], segments[unit], key.key, result, None, who)
            all_decided.append(_apply(decision, rulings.get((unit, key.key)), key))
        # A lead may decide where every rater abstained.
        for unit, criterion in rulings:
            if criterion == key.key and unit not in set(said.units):
                none = Consensus(None, "undecided", {}, 0.0, True, "disputed: nobody gave a value")
                decision = Decision(unit, outputs[unit], segments[unit], criterion, none, None, ())
                all_decided.append(_apply(decision, rulings[unit, criterion], key))
    return all_decided


def _rulings(found: pd.DataFrame) -> dict[tuple[str, str], tuple[float, str]]:
    """The latest adjudication per unit and criterion: its value and who decided."""
    ruled = found[found["adjudication"].astype(bool) & found["value"].notna()]
    return {
        (row.unit, row.criterion): (float(row.value), row.rater)  # type: ignore[arg-type, misc]
        for row in ruled.itertuples()
    }


def _apply(decision: Decision, ruling: tuple[float, str] | None, key: RatingKey) -> Decision:
    if ruling is not None:
        value, lead = ruling
        votes = decision.consensus.votes
        decision = replace(
            decision,
            consensus=replace(
                decision.consensus,
                value=value,
                how="adjudicated",
                agreement=votes.get(value, 0) / max(1, sum(votes.values())),
                disputed=False,
                reason=None,
            ),
            adjudicated_by=lead,
        )
    value_ = decision.consensus.value
    return replace(decision, label=None if value_ is None else key.label(value_))


def decision_on(
    session: Session, round_: Round, unit_key: str, criterion: str, *, by: Rater | None
) -> Decision | None:
    """What a unit is worth now on a criterion; None where nobody rated it. For leads."""
    people.require_lead(session, by)
    return next(
        (d for d in decisions(session, round_) if (d.unit, d.criterion) == (unit_key, criterion)),
        None,
    )


def disputes(
    session: Session, round_: Round, *, by: Rater | None, settled: bool = False
) -> list[Dispute]:
    """What waits for a lead's decision; with `settled`, also what a lead has decided.

    Refused to a lead who rates in the round while it is open: their ratings would no longer be
    blind.
    """
    people.require_lead(session, by)
    rounds.refuse_its_raters(round_, by, "its disputes are shown")
    chosen = [d for d in decisions(session, round_) if d.open or (settled and d.adjudicated_by)]
    if not chosen:
        return []
    keys = {key.key: key for key in rounds.rubric_of(session, round_).rating_keys()}
    found = ratings.frame(
        session, rounds=[round_], kinds=["human"], columns=(*VOTES, "purpose", "adjudication")
    )
    found = found[~found["adjudication"].astype(bool) & found["purpose"].isin(["fresh", "anchor"])]
    found = found[found["unit"].isin({d.unit for d in chosen}) & found["criterion"].isin(keys)]
    votes: dict[tuple[str, str], list[Vote]] = defaultdict(list)
    for unit, rater, criterion, number, abstained, rationale, evidence, seen, extra in zip(
        *(found[name] for name in VOTES), strict=True
    ):
        value = None if pd.isna(number) else float(number)
        label = str(abstained).replace("_", " ") if value is None else keys[criterion].label(value)
        votes[unit, criterion].append(
            Vote(
                rater=rater,
                value=value,
                label=label,
                rationale=rationale if isinstance(rationale, str) else None,
                evidence=tuple(evidence or ()),
                swapped=pairs.swapped_as(seen),
                counted=not extra,
            )
        )
    return [Dispute(d, tuple(votes[d.unit, d.criterion])) for d in chosen]


def adjudicate(
    session: Session,
    round_: Round,
    unit_key: str,
    criterion: str,
    value: str | float,
    reason: str,
    *,
    by: Rater,
) -> Rating:
    """Settle a dispute: a rating of the lead's own, with a reason. A later one supersedes it.

    The same said twice (a button pressed twice) is said once.
    """
    people.require_lead(session, by)
    reason = storable(reason)
    if not reason.strip():
        raise BadInput("an adjudication needs a reason; raters will read it")
    if round_.status == "draft":
        raise NotAllowed(f"round {round_.name} is not launched; there is nothing to adjudicate")
    unit = session.exec(
        select(Unit).where(Unit.round_id == round_.id, Unit.key == unit_key)
    ).one_or_none()
    if unit is not None and unit.purpose == "repeat":
        raise BadInput(
            f"{unit_key} is a repeat: it tells of its rater, and no decision hangs on it; "
            "adjudicate the unit that it repeats"
        )
    if len(reason) > FIELD_LIMIT:
        raise BadInput(f"the reason has {len(reason):,} characters; at most {FIELD_LIMIT:,}")
    if unit is None:
        raise NotFound(
            f"round {round_.name} has no unit {unit_key!r}; "
            f"`annotate gold disputes {round_.name}` lists them"
        )
    code = rounds.rubric_of(session, round_).rating_key(criterion).code(value)
    assert round_.id is not None
    claims.one_at_a_time(session, round_.id)  # of two leads at once the later one supersedes
    last = session.exec(
        select(Rating)
        .where(
            Rating.unit_id == unit.id,
            Rating.criterion == criterion,
            col(Rating.adjudication).is_(True),
        )
        .order_by(col(Rating.id).desc())
    ).first()
    assert by.id is not None
    reason = reason.strip()
    if last is not None and (last.rater_id, last.value, last.rationale) == (by.id, code, reason):
        return last
    rating = Rating(
        round_id=round_.id,
        unit_id=unit.id,
        output_id=unit.output_id,
        rater_id=by.id,
        criterion=criterion,
        value=code,
        rationale=reason,
        seen=[*rounds.shown_fields(round_), "others"],
        adjudication=True,
        supersedes_id=last.id if last else None,
    )
    session.add(rating)
    events.record(
        session, "adjudicated", f"round:{round_.name}", by=by, unit=unit_key,
        criterion=criterion, value=code,
    )  # fmt: skip
    session.flush()
    return rating


def send_to_one_more(
    session: Session,
    round_: Round,
    unit_key: str,
    rater: str | None = None,
    *,
    at: datetime | None = None,
    by: Rater | None,
) -> Rater:
    """Have one more rater of the panel rate a unit that has all its ratings; who it is.

    rater: of the panel, one who has not rated it; None is whoever has the fewest such units. The
    round stays as it was frozen: the rating is marked extra, stands beside the others under the
    dispute, and is counted neither in agreement nor in the consensus.
    """
    people.require_lead(session, by)
    if round_.status != "open":
        raise NotAllowed(
            f"round {round_.name} is {round_.status}; launch a norming round on what its raters "
            "disagree about, with --norm"
        )
    assert round_.id is not None
    claims.one_at_a_time(session, round_.id)
    unit = session.exec(
        select(Unit).where(Unit.round_id == round_.id, Unit.key == unit_key).with_for_update()
    ).one_or_none()
    if unit is None or unit.purpose == "repeat":
        raise NotFound(
            f"round {round_.name} has no unit {unit_key!r} that could be sent to anybody"
        )
    if unit.missing:
        raise Conflict(
            f"{unit_key} still waits for {unit.missing} of its own raters; send it once they are in"
        )
    had = {
        name: assignment
        for assignment, name in session.exec(
            select(Assignment, Rater.name)
            .join(Rater, col(Rater.id) == Assignment.rater_id)
            .where(Assignment.unit_id == unit.id)
        )
    }
    panel = [people.get_rater(session, name) for name in round_.design.get("raters", [])]
    free = [
        one for one in panel
        if one.revoked_at is None and (one.name not in had or had[one.name].state == "expired")
    ]  # fmt: skip
    if rater is not None:
        free = [one for one in free if one.name == rater]
    if not free:
        who = "everybody on the panel" if rater is None else rater
        raise Conflict(f"{who} has had {unit_key}, or is not on the panel; name another rater")
    sent = _sent(session, round_)
    chosen = min(free, key=lambda one: (sent.get(one.id, 0), one.name))
    assert chosen.id is not None and unit.id is not None
    assignment = had.get(chosen.name) or Assignment(
        round_id=round_.id, unit_id=unit.id, rater_id=chosen.id, state="sent",
        claimed_at=at or now(),
    )  # fmt: skip
    assignment.state, assignment.extra, assignment.lease_until = "sent", True, None
    session.add(assignment)
    events.record(
        session, "sent to one more rater", f"round:{round_.name}", by=by, unit=unit_key,
        rater=chosen.name,
    )  # fmt: skip
    session.flush()
    return chosen


def _sent(session: Session, round_: Round) -> dict[int | None, int]:
    """How many units each rater has been sent and has not submitted."""
    rows = session.exec(
        select(Assignment.rater_id, sa.func.count())
        .where(
            Assignment.round_id == round_.id,
            col(Assignment.extra).is_(True),
            col(Assignment.submitted_at).is_(None),
        )
        .group_by(col(Assignment.rater_id))
    )
    return {rater: int(number) for rater, number in rows}


NOTE = "noted for the guideline"


@dataclass(frozen=True)
class GuidelineNote:
    """What a lead wants the next version of a rubric to say, and the unit that taught it."""

    at: datetime
    by: str | None
    round: str
    unit: str
    criterion: str
    text: str


def note_for_guideline(
    session: Session, round_: Round, unit: str, criterion: str, text: str, *, by: Rater | None
) -> None:
    """Keep what the rubric should say better; the frozen rubric stays as it is."""
    people.require_lead(session, by)
    text = storable(text).strip()
    if not text:
        raise BadInput("a note for the guideline needs words")
    if len(text) > FIELD_LIMIT:
        raise BadInput(f"the note has {len(text):,} characters; at most {FIELD_LIMIT:,}")
    rounds.rubric_of(session, round_).rating_key(criterion)
    rubric = round_.design["rubric"]["name"]
    events.record(
        session, NOTE, f"rubric:{rubric}", by=by, round=round_.name, unit=unit,
        criterion=criterion, text=text,
    )  # fmt: skip


def guideline_notes(session: Session, rubric: str, *, by: Rater | None) -> list[GuidelineNote]:
    """The notes for a rubric by its name, oldest first."""
    people.require_lead(session, by)
    rows = session.exec(
        select(Event, Rater.name)
        .outerjoin(Rater, col(Rater.id) == Event.rater_id)
        .where(Event.action == NOTE, Event.subject == f"rubric:{rubric}")
        .order_by(col(Event.id))
    )
    return [
        GuidelineNote(
            event.at,
            name,
            **{k: str(event.detail[k]) for k in ("round", "unit", "criterion", "text")},
        )
        for event, name in rows
    ]
