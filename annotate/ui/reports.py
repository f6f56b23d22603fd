"""Reports as pages ask for them: computed once, and again only when a rating has arrived."""

from collections.abc import Sequence

import streamlit as st
from sqlmodel import Session

from annotate import people, ratings, rounds
from annotate.judge.judges import is_floor
from annotate.reports.agreement import AgreementReport, agreement_report
from annotate.reports.between_rounds import BetweenRounds, Period
from annotate.reports.between_rounds import between_rounds as between_report
from annotate.reports.calibration import CalibrationReport, CalibrationRow, calibration_report
from annotate.reports.disagreements import Disagreement
from annotate.reports.disagreements import judge_alone as alone_report
from annotate.reports.drift import DriftReport, drift_report
from annotate.reports.opening import all_openings
from annotate.reports.raters import RaterReport, rater_report
from annotate.reports.timeline import Timeline
from annotate.reports.timeline import timeline as timeline_report
from annotate.rubric import RatingKey
from annotate.ui import session
from db.tables import Rater, Round

ENTRIES = 64


def _ask(db: Session, by: Rater, *of: Round) -> None:
    """What a report asks before it is worked out. What is remembered is asked for by nobody."""
    people.require_lead(db, by)
    for round_ in of:
        rounds.refuse_its_raters(round_, by, "this is shown")


def agreement(db: Session, round_: Round, *, by: Rater) -> AgreementReport:
    """Agreement of the round as its ratings are now."""
    _ask(db, by, round_)
    return _agreement(session.database().shown, round_.name, ratings.latest(db))


def raters(db: Session, round_: Round, *, by: Rater) -> RaterReport:
    """Agreement rater by rater as the round's ratings are now."""
    _ask(db, by, round_)
    return _raters(session.database().shown, round_.name, ratings.latest(db))


def calibration(db: Session, round_: Round, judge: str, *, by: Rater) -> CalibrationReport:
    """Calibration of the judge in the round as its ratings are now."""
    _ask(db, by, round_)
    return _calibration(session.database().shown, round_.name, judge, ratings.latest(db))


def floors(
    db: Session, round_: Round, judges: Sequence[str], *, by: Rater
) -> dict[str, list[CalibrationRow]]:
    """Calibration of the word-overlap baselines among the round's judges, by name."""
    names = [name for name in judges if is_floor(people.get_rater(db, name))]
    return {name: calibration(db, round_, name, by=by).rows for name in names}


def judge_alone(db: Session, round_: Round, *, by: Rater) -> dict[str, list[Disagreement]]:
    """The units on which people are of one mind and a judge is not, as ratings are now."""
    people.require_lead(db, by)
    rounds.refuse_its_raters(round_, by, "where the judge differs is shown")
    url = session.database().shown
    return _judge_alone(url, round_.name, ratings.latest(db), all_openings(db))


def drift(db: Session, baseline: str, round_: Round, judge: str, *, by: Rater) -> DriftReport:
    """Drift of the judge between the two rounds as their ratings are now."""
    _ask(db, by, rounds.get_round(db, baseline), round_)
    url = session.database().shown
    return _drift(url, baseline, round_.name, judge, ratings.latest(db), _kept(db, by))


def timeline(db: Session, round_: Round, judge: str, *, by: Rater) -> Timeline:
    """From round to round, up to this one, as ratings are now."""
    _ask(db, by, round_)
    url = session.database().shown
    return _timeline(url, round_.name, judge, ratings.latest(db), _kept(db, by))


def between(
    db: Session, round_: Round, judge: str, criterion: str, period: Period, *, by: Rater
) -> BetweenRounds:
    """The judge's scores since the round as ratings are now."""
    people.require_lead(db, by)
    url = session.database().shown
    return _between(url, round_.name, judge, criterion, period, ratings.latest(db))


def keys_of(db: Session, round_: Round) -> tuple[RatingKey, ...]:
    """What the round's ratings are about."""
    return rounds.rubric_of(db, round_).rating_keys()


# The database's name and the latest rating are part of what is remembered: ratings are never
# changed. So is what else can make a report another: how often test splits were opened, and which
# rounds are kept from the lead who asks. Who asks was asked for the role before: what is remembered
# is the same for every lead from whom nothing is kept.

Kept = tuple[str, tuple[str, ...]] | None
"""A lead and the open rounds in which they rate; None where there are none."""


def _kept(db: Session, by: Rater) -> Kept:
    names = [one.name for one in rounds.list_rounds(db, by=by) if rounds.kept_from(one, by)]
    return (by.name, tuple(names)) if names else None


def _asks(db: Session, kept: Kept) -> Rater | None:
    """Who asks, where it makes a difference."""
    return None if kept is None else people.get_rater(db, kept[0])


@st.cache_data(max_entries=ENTRIES, show_spinner="Computing agreement and its intervals")
def _agreement(url: str, name: str, latest: tuple[int, int]) -> AgreementReport:
    del url, latest
    with session.database().read() as db:
        return agreement_report(db, rounds.get_round(db, name), by=None)


@st.cache_data(max_entries=ENTRIES, show_spinner="Comparing raters one by one")
def _raters(url: str, name: str, latest: tuple[int, int]) -> RaterReport:
    del url, latest
    with session.database().read() as db:
        return rater_report(db, rounds.get_round(db, name), by=None)


@st.cache_data(max_entries=ENTRIES, show_spinner="Comparing the judge with people")
def _calibration(url: str, name: str, judge: str, latest: tuple[int, int]) -> CalibrationReport:
    del url, latest
    with session.database().read() as db:
        return calibration_report(db, rounds.get_round(db, name), judge=judge, by=None)


@st.cache_data(max_entries=ENTRIES, show_spinner="Looking where people agree and a judge does not")
def _judge_alone(
    url: str, name: str, latest: tuple[int, int], opened: int
) -> dict[str, list[Disagreement]]:
    del url, latest, opened
    with session.database().read() as db:
        return alone_report(db, rounds.get_round(db, name), by=None)


@st.cache_data(max_entries=ENTRIES, show_spinner="Comparing the two rounds on their anchors")
def _drift(
    url: str, baseline: str, name: str, judge: str, latest: tuple[int, int], kept: Kept
) -> DriftReport:
    del url, latest
    with session.database().read() as db:
        return drift_report(
            db,
            rounds.get_round(db, baseline),
            rounds.get_round(db, name),
            judge=judge,
            by=_asks(db, kept),
        )


@st.cache_data(max_entries=ENTRIES, show_spinner="Going through the rounds")
def _timeline(url: str, name: str, judge: str, latest: tuple[int, int], kept: Kept) -> Timeline:
    del url, latest
    with session.database().read() as db:
        by = _asks(db, kept)
        return timeline_report(db, rounds.get_round(db, name), judge=judge, by=by)


@st.cache_data(max_entries=ENTRIES, show_spinner="Charting the judge's scores since the round")
def _between(
    url: str, name: str, judge: str, criterion: str, period: Period, latest: tuple[int, int]
) -> BetweenRounds:
    del url, latest
    with session.database().read() as db:
        return between_report(
            db,
            rounds.get_round(db, name),
            judge=judge,
            criterion=criterion,
            period=period,
            by=None,
        )
