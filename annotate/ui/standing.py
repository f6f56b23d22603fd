"""Can the judge still be trusted? The answer of the newest round that a judge scored, at a glance."""

import streamlit as st
from sqlmodel import Session

from annotate import rounds
from annotate.people import get_rater
from annotate.population import tells
from annotate.reports.calibration import is_judge, judges_of
from annotate.reports.drift import plain_name
from annotate.stats import Verdict
from annotate.ui import messages, reports
from annotate.ui.calibration import show_verdict
from db.tables import Rater, Round

LOOKED_AT = 4
"""Newest closed rounds among which one with a judge's scores is looked for."""


def show(db: Session, known: list[Round], lead: Rater) -> None:
    """What may be done with each judge, criterion by criterion, and what has moved.

    known: every round, newest first. Says nothing where no closed round has a judge's scores.
    """
    closed = [r for r in known if r.status == "closed" and not tells(r)][:LOOKED_AT]
    for round_ in closed:
        judges = [name for name in judges_of(db, round_, by=lead) if is_judge(get_rater(db, name))]
        if judges:
            break
    else:
        return
    st.caption(messages.as_plain_text(f"As of {round_.name}, the newest round that a judge scored"))
    for judge in judges:
        with st.container(border=True):
            st.subheader(messages.as_plain_text(judge))
            _show_trust(db, round_, judge, lead)
            _show_drift(db, round_, judge, lead)
    with st.container(horizontal=True):
        for page, label in (("calibration", "Calibration"), ("drift", "Drift")):
            st.page_link(f"../pages/{page}.py", label=label, icon=":material/arrow_forward:")


def _show_trust(db: Session, round_: Round, judge: str, lead: Rater) -> None:
    rows = reports.calibration(db, round_, judge, by=lead).rows
    if not rows:
        st.caption("Nobody has rated a unit that it scored.")
    for row in rows:
        if row.segment is None:
            show_verdict(row.result.verdict, row.criterion, row.result.verdict_reason)
    of_segments = [row for row in rows if row.segment is not None]
    for verdict, words in ((Verdict.DO_NOT_USE, "Do not use"), (Verdict.WATCH, "Watch")):
        named = [
            f"{row.criterion} in {row.segment}"
            for row in of_segments
            if row.result.verdict is verdict
        ]
        if named:
            st.caption(messages.as_plain_text(f"{words} it for {', '.join(named)}."))
    told = {r.criterion for r in of_segments if r.result.verdict is not Verdict.NOT_ENOUGH}
    untold = list(dict.fromkeys(r.criterion for r in of_segments if r.criterion not in told))
    if untold:
        words = f"In no segment are there enough ratings for a verdict on {', '.join(untold)}."
        st.caption(messages.as_plain_text(words))


def _show_drift(db: Session, round_: Round, judge: str, lead: Rater) -> None:
    """What moved since the baseline; nothing where the judge was not there before."""
    if round_.baseline_id is None:
        return
    baseline = db.get_one(Round, round_.baseline_id)
    before = {plain_name(name) for name in judges_of(db, baseline, by=lead)}
    if plain_name(judge) not in before:
        return
    if rounds.kept_from(baseline, lead):
        st.caption(
            messages.as_plain_text(
                f"Whether it moved since {baseline.name} is shown once that round is closed: you "
                "rate in it."
            )
        )
        return
    report = reports.drift(db, baseline.name, round_, plain_name(judge), by=lead)
    moved = [row for row in report.rows if row.result.causes]
    for row in moved:
        where = row.criterion if row.segment is None else f"{row.criterion} in {row.segment}"
        show_verdict(row.result.verdict, where, row.result.sentence(None))
    if moved:
        told = (
            f"The verdicts above say how it agrees with people in {round_.name}. Since "
            f"{baseline.name} something has moved: do not read scores from before and after as one."
        )
        st.caption(messages.as_plain_text(told))
    else:
        st.caption(messages.as_plain_text(report.nothing_found))
