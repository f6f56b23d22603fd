"""What of two rounds can be compared: criteria on one scale, units that no judge has seen."""

from collections.abc import Collection, Iterable, Mapping

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


def seen_by(
    session: Session, judges: Collection[str], criteria: Iterable[str]
) -> dict[str, frozenset[str]]:
    """By criterion the cases that any of these judges has seen: cut points of one criterion say
    nothing of another."""
    raters = [people.get_rater(session, name) for name in sorted(judges)]
    return {
        criterion: frozenset(
            case for rater in raters for case in seen_cases(session, rater, criterion)
        )
        for criterion in criteria
    }


def cases_of(session: Session, round_: Round) -> "pd.Series[str]":
    """The case of each output of the round."""
    return ratings.outputs_rated(session, round_)["case"]


def without(
    said: pd.DataFrame, case: "pd.Series[str]", cases: Collection[str]
) -> tuple[pd.DataFrame, int]:
    """What people said of a round's units but those of these cases, and how many units that is.

    case: of each output, as `cases_of` has it.
    """
    if not cases:
        return said, 0
    known = said["output"].astype(object).map(case).isin(cases)
    return said[~known], int(said.loc[known, "output"].nunique())


def left_out(units: Mapping[str, str]) -> list[str]:
    """What is said of the units that do not count because the judge has seen their case.

    units: by criterion how many, in words; "" where none is left out. Criteria of which the same
    is to be said are told in one sentence.
    """
    told: dict[str, list[str]] = {}
    for criterion, number in units.items():
        told.setdefault(number, []).append(criterion)
    found = []
    for number, criteria in told.items():
        of = "" if len(told) == 1 else f" of {', '.join(criteria)}"
        if number:
            found.append(
                f"Left out{of} are {number}: the judge has seen their case, as an example or to fit "
                "its cut points."
            )
    return found
