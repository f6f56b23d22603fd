"""Units that are chosen for what is known of them: cases with gold, and what raters disputed."""

from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from annotate import ratings, rubric_versions
from annotate.design import Design
from annotate.errors import Conflict, NotAllowed, NotFound
from annotate.planned import Candidate
from db.tables import Gold, Output, Round
from db.tables import Rubric as RubricRow


def with_gold(session: Session, design: Design, rubric: RubricRow) -> list[Candidate]:
    """Outputs whose gold says what the rubric asks, for a practice round."""
    keys = [key.key for key in rubric_versions.loaded(rubric).rating_keys()]
    known = sa.select(col(Gold.output_id)).where(
        col(Gold.retired_at).is_(None), col(Gold.criterion).in_(keys), col(Gold.value).is_not(None)
    )
    found = _candidates(session, design, col(Output.id).in_(known))
    if not found:
        raise NotFound(
            f"no gold says what rubric {rubric.name} asks; promote a closed round's consensus with "
            "`annotate gold promote ROUND`, then practise on it"
        )
    return found


def disagreed(session: Session, design: Design, rubric: RubricRow, blind: Round) -> list[Candidate]:
    """Outputs on which a closed round's blind votes differ, for a norming round."""
    if blind.status != "closed":
        raise NotAllowed(
            f"round {blind.name} is {blind.status}; close it before its votes are revealed"
        )
    if "others" in blind.design.get("shown", []):
        raise NotAllowed(f"the votes of round {blind.name} were not blind; reveal a blind round's")
    if blind.rubric_id != rubric.id:
        raise Conflict(
            f"round {blind.name} has another rubric version; votes can be compared with the same one"
        )
    said = ratings.counted(ratings.people(session, blind))
    spread = said.groupby(["output", "criterion"], observed=True)["value"].nunique()
    outputs = sorted({str(output) for output, _ in spread[spread > 1].index})
    if not outputs:
        raise NotFound(f"the raters of round {blind.name} disagree about nothing; there is nothing "
                       "to talk over")  # fmt: skip
    found = _candidates(session, design)
    chosen = set(outputs)
    return [candidate for candidate in found if candidate.key in chosen]


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
