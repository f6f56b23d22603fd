"""A submission: from a form's answers to ratings, and back when it is reopened."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from annotate import answer, pairs
from annotate.errors import BadInput
from annotate.ratings import WITHDRAWN
from annotate.rubric import Answer, Criterion, Rubric, Span
from db.tables import Assignment, Output, Rater, Rating, Round, Unit

SAID = ("value", "text", "abstained", "rationale", "evidence")
"""What a rater says in a rating; the rest says who, when and of what."""
MAX_DRAFT = 100_000
"""Characters of one field that a draft keeps: more than may be submitted, so that a text that is
too long is not lost before it is shortened."""
MAX_ENTRIES = 1_000


def store(
    session: Session,
    assignment: Assignment,
    unit: Unit,
    round_: Round,
    rubric: Rubric,
    answers: Mapping[str, Answer],
    *,
    seen: list[str],
    seconds: float,
    at: datetime,
) -> int:
    """Write the ratings that differ from what stands; the number that stands then.

    A rating that says something else supersedes the earlier one. An answer that is no longer
    given, because a condition hides its criterion now, is superseded by a withdrawal: neither a
    value nor an abstention, and left out of the ratings in force.
    """
    standing = {rating.criterion: rating for rating in in_force(session, assignment)}
    wanted = dict(_said(rubric, answers))
    withdrawn = {key: {**dict.fromkeys(SAID), "abstained": WITHDRAWN} for key in standing}
    facts = {
        "round_id": round_.id,
        "unit_id": unit.id,
        "output_id": unit.output_id,
        "rater_id": assignment.rater_id,
        "assignment_id": assignment.id,
        "seen": seen,
        "run": 1,
        "extra": assignment.extra,
        "adjudication": False,
        "rated_at": at,
        "seconds": seconds,
    }
    rows = []
    for key, said in {**withdrawn, **wanted}.items():
        old = standing.get(key)
        if old is None or any(getattr(old, name) != said[name] for name in SAID):
            rows.append({**facts, **said, "criterion": key, "supersedes_id": old and old.id})
    if rows:
        session.connection().execute(sa.insert(Rating), rows)
    return len(wanted)


def in_force(session: Session, assignment: Assignment) -> list[Rating]:
    """The assignment's ratings that no later one supersedes, withdrawals among them."""
    if assignment.submitted_at is None:
        return []
    later = aliased(Rating)
    return list(
        session.exec(
            select(Rating)
            .where(Rating.assignment_id == assignment.id)
            .where(~sa.exists().where(col(later.supersedes_id) == col(Rating.id)))
            .order_by(col(Rating.id))
        )
    )


def standing(session: Session, assignment: Assignment) -> list[Rating]:
    """The ratings of the assignment that statistics count: in force and not withdrawn."""
    return [r for r in in_force(session, assignment) if r.abstained != WITHDRAWN]


def as_answers(session: Session, assignment: Assignment, rubric: Rubric) -> dict[str, Answer]:
    """What was submitted, as answers by criterion."""
    said: dict[str, list[Rating]] = defaultdict(list)
    for rating in standing(session, assignment):
        said[rating.criterion.partition(".")[0]].append(rating)
    return {
        criterion.id: _answer(criterion, said[criterion.id])
        for criterion in rubric.criteria
        if said[criterion.id]
    }


def draft(entries: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """Unfinished entries as they are kept: by field of the form, a text or a list of choices.

    What they mean is asked when they are submitted; here only what no database should keep is
    refused.
    """
    if len(entries) > MAX_ENTRIES:
        raise BadInput(f"a draft has {len(entries):,} fields; a form has at most {MAX_ENTRIES}")
    kept: dict[str, str | list[str]] = {}
    for name, said in entries.items():
        many = said if isinstance(said, list) else [said]
        if not all(isinstance(one, str) for one in many) or len(many) > MAX_ENTRIES:
            raise BadInput(f"the draft of {name[:100]} is neither a text nor a list of choices")
        size = sum(map(len, many))
        if size > MAX_DRAFT:
            raise BadInput(
                f"the draft of {name[:100]} has {size:,} characters; shorten it to {MAX_DRAFT:,}"
            )
        texts = [answer.storable(one) for one in many]
        kept[answer.storable(name)[:200]] = texts if isinstance(said, list) else texts[0]
    return kept


def drafts_of(rater: Rater) -> str:
    """By which browsers keep a rater's drafts apart from everybody else's, also from those of
    another workspace at the same address: no number that begins anew with a database."""
    return _digest(f"{rater.id} {rater.created_at.isoformat()}")


def draft_name(rater: Rater, round_: Round, unit: Unit) -> str:
    """By which a browser keeps the draft of one unit."""
    return f"{drafts_of(rater)}:{_digest(f'{round_.design_hash} {unit.key}')}"


def _digest(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def lengths(output: Output, rival: Output | None = None) -> dict[str, int]:
    """How many characters each field has that evidence may point into."""
    contexts = {f"contexts[{i}]": len(text) for i, text in enumerate(output.contexts)}
    own = {"response": len(output.response), **contexts}
    if rival is None:
        return own
    other = enumerate(rival.contexts if pairs.apart(output, rival) else ())
    return {
        **own,
        "rival": len(rival.response),
        **{f"rival_contexts[{i}]": len(text) for i, text in other},
    }


def _said(rubric: Rubric, answers: Mapping[str, Answer]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What each rating is to say, by its criterion's key."""
    for criterion in rubric.criteria:
        given = answers.get(criterion.id, Answer())
        for found in given.ratings(criterion):
            yield (
                found.key,
                {
                    "value": found.value,
                    "text": found.text,
                    "abstained": found.abstained,
                    "rationale": (given.rationale or "").strip() or None,
                    "evidence": [span.model_dump() for span in given.evidence] or None,
                },
            )


def _answer(criterion: Criterion, said: list[Rating]) -> Answer:
    first = said[0]
    tags = None
    if criterion.scale == "tags" and first.abstained is None:
        tags = tuple(r.criterion.partition(".")[2] for r in said if r.value == 1)
    return Answer(
        value=None if criterion.scale == "tags" else first.value,
        tags=tags,
        text=first.text,
        abstained=first.abstained,
        rationale=first.rationale,
        evidence=tuple(Span.model_validate(span) for span in first.evidence or ()),
    )
