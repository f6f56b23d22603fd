"""How fast a round goes, and when it would be done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import mean, median
from typing import Any

FEWEST = 5
"""Submissions before anything is said."""
WINDOW = timedelta(days=7)
PAUSE = timedelta(minutes=30)
LONG = 10
"""A gap is a pause when it is longer than PAUSE and so many times the usual gap."""
OUTLYING = 3.0
"""So many times as long, or as short, as the panel's median."""


@dataclass(frozen=True)
class Pace:
    """The pace of a round, or of a part of it."""

    seconds: float | None
    """Active seconds of a submission, the median; None while it is too early."""
    work_left: timedelta | None
    """Active work of all raters together; none where nothing is missing."""
    done_at: datetime | None
    """If work goes on without a pause as it went in the last week; None while it is too early."""

    @property
    def done(self) -> bool:
        """Whether nothing is missing."""
        return self.work_left == timedelta(0)

    def as_json(self) -> dict[str, Any]:
        """`{"seconds", "work_left_seconds", "done_at"}`."""
        return {
            "seconds": self.seconds,
            "work_left_seconds": None if self.work_left is None else self.work_left.total_seconds(),
            "done_at": None if self.done_at is None else self.done_at.isoformat(),
        }


def pace(
    submitted: Sequence[datetime], seconds: Sequence[float], missing: int, *, at: datetime
) -> Pace:
    """What is left, from the submissions so far.

    submitted: when each was. seconds: of active work on each; zero where nobody measured it.
    missing: submissions that are still to come.
    """
    measured = [one for one in seconds if one > 0]
    typical = median(measured) if len(measured) >= FEWEST else None
    if not missing:
        return Pace(typical, timedelta(0), None)
    work = None if typical is None else timedelta(seconds=typical * missing)
    recent = sorted(one for one in submitted if at - one <= WINDOW)
    done_at = at + _gap(recent) * missing if len(recent) >= FEWEST else None
    return Pace(typical, work, done_at)


def _gap(submitted: Sequence[datetime]) -> timedelta:
    """From one submission to the next while work goes on, the mean: pauses are left out.

    The nights between two sittings, or a week in which nobody came, say nothing of how fast the
    work goes. What a pause is follows from the usual gap: a round may see one rating an hour.
    """
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(submitted)]
    pause = max(PAUSE.total_seconds(), LONG * median(gaps))
    at_work = [gap for gap in gaps if gap <= pause]
    return timedelta(seconds=max(1.0, mean(at_work)))


def outlying(seconds: float | None, others: Sequence[float]) -> str | None:
    """`fast` or `slow` beside the others' median; None where neither, or where nothing is known."""
    if seconds is None or not others:
        return None
    middle = median(others)
    if seconds * OUTLYING < middle:
        return "fast"
    return "slow" if seconds > OUTLYING * middle else None
