"""What of two rounds can be compared: criteria on one scale, units that no judge has seen."""

from collections.abc import Collection

import pandas as pd
from sqlmodel import Session

from annotate import people, ratings, rounds
from annotate.judge.judges import seen_cases
from annotate.rubric_diff import Change, diff, scale_changes
from db.tables import Round

SAID = 2
"""Changes of a scale that are spelled out."""


def apart(session: Session, before: Round, after: Round) -> dict[str, str]:
    """Of the later round's criteria those whose scale is another one than before, and why."""
    changes = diff(rounds.rubric_of(session, before), rounds.rubric_of(session, after))
    found = {}
    for key in rounds.rubric_of(session, after).rating_keys():
        of_scale = scale_changes(changes, key.key)
        if of_scale:
            more = len(of_scale) - SAID
            found[key.key] = "; ".join(map(_said, of_scale[:SAID])) + (
                f"; and {more} more" if more > 0 else ""
            )
    return found


def _said(change: Change) -> str:
    """`quality.points[3] was Good and is not there any more`"""
    if change.before is None:
        return f"{change.where} is new"
    if change.after is None:
        return f"{change.where} ({change.before}) is not there any more"
    return f"{change.where} was {change.before} and is {change.after}"


def seen_by(session: Session, judges: Collection[str]) -> set[str]:
    """The cases that any of these judges has seen."""
    found: set[str] = set()
    for name in judges:
        found |= seen_cases(session, people.get_rater(session, name))
    return found


def without(
    session: Session, round_: Round, said: pd.DataFrame, cases: Collection[str]
) -> tuple[pd.DataFrame, int]:
    """What people said of a round's units but those of these cases, and how many units that is."""
    if not cases:
        return said, 0
    case = ratings.outputs_rated(session, round_)["case"]
    known = said["output"].astype(object).map(case).isin(cases)
    return said[~known], int(said.loc[known, "output"].nunique())
