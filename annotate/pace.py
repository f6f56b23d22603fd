"""How fast a round goes, and when it would be done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

FEWEST = 5
"""Submissions before anything is said."""
WINDOW = timedelta(days=7)
OUTLYING = 3.0
"""So many times as long, or as short, as the panel's median."""


@dataclass(frozen=True)
class Pace:
    """The pace of a round, or of a part of it."""

    seconds: float | None
    """Active seconds of a submission, the median; None while it is too early."""
    work_left: timedelta | None
    """Active work of all raters together."""
    done_at: datetime | None
    """At the pace of the last week, or since the first submission; None while it is too early."""


def pace(
    submitted: Sequence[datetime], seconds: Sequence[float], missing: int, *, at: datetime
) -> Pace:
    """What is left, from the submissions so far.

    submitted: when each was. seconds: of active work on each; zero where nobody measured it.
    missing: submissions that are still to come. Nights and weekends are part of the pace: it goes
    by the calendar of the last week.
    """
    measured = [one for one in seconds if one > 0]
    typical = median(measured) if len(measured) >= FEWEST else None
    work = None if typical is None else timedelta(seconds=typical * missing)
    recent = [one for one in submitted if at - one <= WINDOW]
    done_at = None
    if missing and len(recent) >= FEWEST:
        span = max(at - min(recent), timedelta(minutes=1))
        done_at = at + span / len(recent) * missing
    return Pace(typical, work, done_at)


def outlying(seconds: float | None, others: Sequence[float]) -> str | None:
    """`fast` or `slow` beside the others' median; None where neither, or where nothing is known."""
    if seconds is None or not others:
        return None
    middle = median(others)
    if seconds * OUTLYING < middle:
        return "fast"
    return "slow" if seconds > OUTLYING * middle else None
