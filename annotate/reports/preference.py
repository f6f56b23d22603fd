"""What a round of pairs says: which of two configurations people prefer, and where."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sqlmodel import Session

from annotate import pairs, people, ratings, rounds
from annotate.errors import NotAllowed
from annotate.ratings import Floats
from annotate.reports.slices import slices
from annotate.stats import Figure, not_enough
from annotate.stats.comparison import sign_test
from annotate.stats.means import mean_figure
from db.tables import Rater, Round

METHOD = "share of pairs that the candidate wins, ties half"
_POINTS = {pairs.FIRST: 0.0, pairs.SECOND: 1.0, pairs.TIE: 0.5, pairs.BOTH_BAD: 0.5}


@dataclass(frozen=True)
class PreferenceRow:
    """One preference criterion in one segment; None is all segments together."""

    criterion: str
    segment: str | None
    share: Figure
    """Of the pairs, how many the candidate wins; a pair that neither wins counts half to each.
    Raters of one pair count together as one."""
    votes: dict[str, int]
    """Raters' votes: base, candidate, tie, both_bad."""
    p: float | None
    """Of both winning equally many pairs (sign test)."""


@dataclass(frozen=True)
class PreferenceReport:
    """What a round of pairs says."""

    round: str
    base: str
    candidate: str
    rows: list[PreferenceRow]
    first_shown: Figure
    """Of votes for one of the two, how many went to the response shown as A: half, unless the
    order decides."""

    def as_json(self) -> dict[str, Any]:
        """The document that `annotate round preference --json` prints."""
        return {
            "round": self.round,
            "base": self.base,
            "candidate": self.candidate,
            "first_shown": self.first_shown.as_json(),
            "rows": [
                {
                    "criterion": row.criterion,
                    "segment": row.segment,
                    "n_units": row.share.n,
                    "candidate_share": row.share.as_json(),
                    "votes": row.votes,
                    "p": row.p,
                }
                for row in self.rows
            ],
        }


def preference_report(session: Session, round_: Round, *, by: Rater | None) -> PreferenceReport:
    """Which configuration people prefer, per preference criterion and segment."""
    people.require_lead(session, by)
    compared = round_.design.get("compares")
    if not compared:
        raise NotAllowed(f"round {round_.name} compares no two configurations")
    rounds.refuse_its_raters(round_, by, "which of the two people prefer is shown")
    rubric = rounds.rubric_of(session, round_)
    names = [c.id for c in rubric.criteria if c.scale == "preference"]
    found = ratings.counted(ratings.people(session, round_))
    minimum = rounds.parameters(round_).minimum_units
    rows = [
        _row(name, segment, chosen, minimum)
        for name in names
        for segment, chosen in slices(found[found["criterion"] == name], True)
    ]
    return PreferenceReport(
        round_.name, compared[0], compared[1], rows, _first_shown(session, round_, names)
    )


def _row(name: str, segment: str | None, said: pd.DataFrame, minimum: int) -> PreferenceRow:
    points = said["value"].map(_POINTS)
    means = points.groupby(said["unit"], observed=True).mean()
    of_units: Floats = np.asarray(means, dtype=np.float64)
    votes = {
        option: int((said["value"] == code).sum())
        for option, code in zip(("base", "candidate", "tie", "both_bad"), _POINTS, strict=True)
    }
    if len(of_units) < minimum:
        share = Figure.undefined(not_enough(minimum - len(of_units)), len(of_units))
        return PreferenceRow(name, segment, share, votes, None)
    better, worse = int((of_units > 0.5).sum()), int((of_units < 0.5).sum())
    return PreferenceRow(
        name,
        segment,
        mean_figure(of_units, METHOD, lowest=0, highest=1),
        votes,
        sign_test(better, worse),
    )


def _first_shown(session: Session, round_: Round, names: list[str]) -> Figure:
    """By what each vote that counts records of the order on the screen."""
    columns = (*ratings.STATISTICS, "seen")
    said = ratings.frame(session, rounds=[round_], kinds=["human"], columns=columns)
    votes = ratings.counted(said)
    votes = votes[votes["criterion"].isin(names) & votes["value"].isin([pairs.FIRST, pairs.SECOND])]
    by_unit: dict[str, list[float]] = {}
    for unit, value, seen in zip(votes["unit"], votes["value"], votes["seen"], strict=True):
        swapped = pairs.swapped_as(seen)
        if swapped is not None:
            by_unit.setdefault(str(unit), []).append(float((value == pairs.SECOND) == swapped))
    means: Floats = np.array([sum(v) / len(v) for v in by_unit.values()], dtype=np.float64)
    if len(means) < 2:
        return Figure.undefined(not_enough(2 - len(means)), len(means))
    return mean_figure(means, "share of votes for A", lowest=0, highest=1)
