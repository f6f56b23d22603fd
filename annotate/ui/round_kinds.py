"""What a practice, a norming and a comparison round have come to, on the round's own page."""

import streamlit as st

from annotate import norming, practice
from annotate.reports.panel import missed_checks
from annotate.reports.preference import preference_report
from annotate.stats import p_words
from annotate.ui import figures, learning, messages, session
from db.tables import Round


def show(round_: Round, *, hidden: bool) -> None:
    """What only a round of this kind has to show; nothing for an ordinary one.

    hidden: whether what raters say is kept from who looks.
    """
    if round_.design.get("practice") is not None:
        _show_practice(round_, hidden=hidden)
    elif hidden:
        return
    elif round_.design.get("reveals") is not None:
        _show_norming(round_)
    elif round_.design.get("compares") is not None:
        _show_preference(round_)


def _show_practice(round_: Round, *, hidden: bool) -> None:
    rules = practice.rules(round_)
    assert rules is not None
    st.subheader("Practice")
    st.caption(f"Passed from {rules.pass_mark:.0%} of the known answers on. First answers count.")
    with session.lead_reads() as (db, lead):
        learning.show_results(practice.results(db, round_, by=lead), own=False)
        missed = [] if hidden else missed_checks(db, round_, by=lead)
    if missed:
        st.caption("Known answers that were missed, and by whom")
        st.dataframe(
            [
                {
                    "rater": one.rater,
                    "unit": one.unit,
                    "criterion": one.criterion,
                    "given": one.given,
                    "known": one.known,
                }
                for one in missed
            ],
            hide_index=True,
            width="stretch",
        )


def _show_norming(round_: Round) -> None:
    st.subheader("Before and after")
    with session.lead_reads() as (db, lead):
        found = norming.changes(db, round_, by=lead)
    if not found:
        st.caption("Nobody has voted again yet.")
        return
    st.dataframe(
        [
            {
                "criterion": change.criterion,
                "alpha before": figures.words(change.before),
                "alpha after": figures.words(change.after),
                "votes changed": f"{change.moved} of {change.votes}",
            }
            for change in found
        ],
        hide_index=True,
        width="stretch",
    )


def _show_preference(round_: Round) -> None:
    with session.lead_reads() as (db, lead):
        report = preference_report(db, round_, by=lead)
    st.subheader(messages.as_plain_text(f"{report.candidate} against {report.base}"))
    st.dataframe(
        [
            {
                "criterion": row.criterion,
                "segment": row.segment or "all",
                "candidate wins": figures.words(row.share, percent=True),
                **{name.replace("_", " "): count for name, count in row.votes.items()},
                "p": p_words(row.p),
            }
            for row in report.rows
        ],
        hide_index=True,
        width="stretch",
    )
    words = figures.words(report.first_shown, percent=True)
    st.caption(
        messages.as_plain_text(
            f"A pair that neither wins counts half to each. Shown as A: {words} of the votes for "
            "one of the two; half of them, unless the order decides."
        )
    )
