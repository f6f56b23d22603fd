"""Units that are chosen for what is known of them: cases with gold, and what raters disputed."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotate import population, ratings, rubric_versions
from annotate.design import Design
from annotate.errors import Conflict, NotAllowed, NotFound
from annotate.planned import Candidate
from annotate.scale import RatingKey
from db.tables import Gold, Output, Round
from db.tables import Rubric as RubricRow

Known = dict[str, dict[str, float]]
"""What is known, by output and criterion."""


def with_gold(session: Session, design: Design, rubric: RubricRow) -> tuple[list[Candidate], Known]:
    """Outputs whose gold says what the rubric asks, for a practice round, and what it says."""
    known = _known(session, rubric)
    if not known:
        raise NotFound(
            f"no gold says what rubric {rubric.name} asks; promote a closed round's consensus with "
            "`annotate gold promote ROUND`, then practise on it"
        )
    return _within(session, design, known, "what gold knows of"), known


def _known(session: Session, rubric: RubricRow) -> Known:
    """The gold in force from rounds of this rubric, where its scale was the one of now."""
    keys = {key.key: _meaning(key) for key in rubric_versions.loaded(rubric).rating_keys()}
    asked: dict[int | None, dict[str, object]] = {}
    found: Known = defaultdict(dict)
    for gold, output, stored in session.exec(
        select(Gold, Output.key, RubricRow)
        .join(Output, col(Output.id) == Gold.output_id)
        .join(Round, col(Round.id) == Gold.round_id)
        .join(RubricRow, col(RubricRow.id) == Round.rubric_id)
        .where(
            col(Gold.retired_at).is_(None),
            col(Gold.criterion).in_(list(keys)),
            RubricRow.name == rubric.name,
        )
        .order_by(Output.key, Gold.criterion)
    ):
        if stored.id not in asked:
            said = rubric_versions.loaded(stored).rating_keys()
            asked[stored.id] = {key.key: _meaning(key) for key in said}
        meant = asked[stored.id].get(gold.criterion)
        if gold.value is not None and meant == keys[gold.criterion]:
            found[output][gold.criterion] = gold.value
    return dict(found)


def _meaning(key: RatingKey) -> tuple[object, ...]:
    """What a number of this criterion means, whatever its words."""
    return key.level, key.domain, key.options


def check_revealed(blind: Round, rubric: RubricRow) -> None:
    """Refuse to reveal votes that are not all in, were not blind, or said something else."""
    if blind.status != "closed":
        raise NotAllowed(
            f"round {blind.name} is {blind.status}; close it before its votes are revealed"
        )
    if "others" in blind.design.get("shown", []):
        raise NotAllowed(f"the votes of round {blind.name} were not blind; reveal a blind round's")
    if blind.design.get("compares"):
        raise NotAllowed(
            f"round {blind.name} compares pairs, which each rater saw in an order of their own; "
            "reveal a round that rates outputs one by one"
        )
    if blind.design["rubric"]["hash"] != rubric.hash:
        raise Conflict(
            f"round {blind.name} has another rubric version; votes can be compared with the same one"
        )


def disagreed(session: Session, design: Design, rubric: RubricRow, blind: Round) -> list[Candidate]:
    """Outputs on which a closed round's blind votes differ, for a norming round."""
    check_revealed(blind, rubric)
    said = ratings.counted(ratings.people(session, blind))
    spread = said.groupby(["output", "criterion"], observed=True)["value"].nunique()
    outputs = sorted({str(output) for output, _ in spread[spread > 1].index})
    if not outputs:
        raise NotFound(f"the raters of round {blind.name} disagree about nothing; there is nothing "
                       "to talk over")  # fmt: skip
    return _within(session, design, outputs, "what raters disagree about")


def _within(
    session: Session, design: Design, outputs: Collection[str], what: str
) -> list[Candidate]:
    """Those of the outputs that lie within the design's filters."""
    chosen = set(outputs)
    conditions = population.conditions(session, design.filters)
    found = [c for c in _candidates(session, design, *conditions) if c.key in chosen]
    if not found:
        raise NotFound(f"nothing of {what} lies within the filters; widen them")
    return found


def _candidates(session: Session, design: Design, *conditions: Any) -> list[Candidate]:
    columns: list[sa.SQLColumnExpression[Any]] = [
        col(Output.key), col(Output.segment), col(Output.content_hash)
    ]  # fmt: skip
    rows = session.connection().execute(
        sa.select(*columns).where(*conditions).order_by(col(Output.key))
    )
    return [
        Candidate(key, segment, content_hash, segment if design.by else "all")
        for key, segment, content_hash in rows
    ]
