"""Watching a round: when it would be done, what is stuck, agreement so far, raters side by side."""

from datetime import timedelta

import streamlit as st

from annotate import desk, people
from annotate.errors import NotAllowed, in_words
from annotate.pace import Pace
from annotate.reports.panel import Panel, Stuck, Watched, panel, watched
from annotate.stats import Figure
from annotate.ui import choose, clock, figures, messages, reports, session
from annotate.ui.rating import in_minutes
from db.tables import Round, now

EARLY = "too early to tell"


def show(round_: Round) -> None:
    """What a lead looks at while a round is open."""
    with session.lead_reads() as (db, lead):
        found = watched(db, round_, by=lead)
    st.subheader("When it would be done")
    _show_pace(found)
    _show_stuck(round_, found.stuck)
    st.subheader("Agreement so far")
    try:
        with session.lead_reads() as (db, lead):
            report = reports.agreement(db, round_, by=lead)
    except NotAllowed as error:
        st.caption(messages.as_plain_text(in_words(error)))
        return
    st.dataframe(
        [
            {
                "criterion": row.criterion,
                "units rated twice": row.result.n_units,
                "alpha": _early(row.result.alpha),
                "percent agreement": _early(row.result.percent, percent=True),
                "same rater twice": figures.words(row.repeats),
                "abstentions": row.abstained,
            }
            for row in report.rows
            if row.segment is None
        ],
        hide_index=True,
        placeholder="",
        width="stretch",
    )


def show_panel(round_: Round) -> None:
    """The raters beside each other, by name and never by rank."""
    with session.lead_reads() as (db, lead):
        found = panel(db, round_, by=lead)
    if not found.rows:
        st.caption("Nobody has rated anything yet.")
        return
    criterion = choose.chosen_criterion(list(found.domains), key=f"panel/{round_.id}")
    _show_panel(found, criterion)


def _early(figure: Figure, *, percent: bool = False) -> str:
    if figure.value is None and (figure.reason or "").startswith("not enough"):
        return f"too early: {(figure.reason or '').removeprefix('not enough ratings: ')}"
    return figures.words(figure, percent=percent)


def _show_pace(found: Watched) -> None:
    whole = found.whole
    st.text(f"Work left: {_work(whole)} in all. Done: {_when(whole)}.")
    st.dataframe(
        [
            {"segment": name, "work left": _work(one), "done": _when(one)}
            for name, one in found.by_segment.items()
        ],
        hide_index=True,
        placeholder="",
        width="stretch",
    )
    st.dataframe(
        [
            {
                "rater": one.rater,
                "submitted": one.submitted,
                "a unit takes": EARLY if one.seconds is None else f"{one.seconds:.0f} s",
                "beside the panel": one.outlying or "",
                "last submission": ""
                if one.last is None
                else f"{clock.day(one.last)} {clock.time_of_day(one.last)}",
            }
            for one in found.speeds
        ],
        hide_index=True,
        placeholder="",
        width="stretch",
    )
    st.caption(
        "Medians of active work. Fast or slow is a third, or three times, of the panel's median: a "
        "reason to look at the units, not a fault."
    )


def _work(one: Pace) -> str:
    return (
        EARLY
        if one.work_left is None
        else ("none" if not one.work_left else in_minutes(one.work_left.total_seconds()))
    )


def _when(one: Pace) -> str:
    if one.work_left is not None and not one.work_left:
        return "now"
    if one.done_at is None:
        return EARLY
    soon = one.done_at - now() < timedelta(days=1)
    return (
        f"{clock.day(one.done_at)} {clock.time_of_day(one.done_at)[:5]}"
        if soon
        else clock.day(one.done_at)
    )


def _show_stuck(round_: Round, stuck: list[Stuck]) -> None:
    if not stuck:
        return
    st.subheader("Units that are stuck")
    st.caption(
        "Taken, and without a sign of activity for a whole lease. Giving them back loses nothing: "
        "what the rater submits later is still kept."
    )
    for place, one in enumerate(stuck):
        with st.container(horizontal=True, vertical_alignment="center"):
            draft = ", with a draft" if one.drafted else ""
            lapsed = ", lease has run out" if one.lapsed else ""
            st.text(
                f"{one.unit}: {one.rater} since {clock.day(one.since)} "
                f"{clock.time_of_day(one.since)}{draft}{lapsed}"
            )
            st.button(
                f"Give back all of {messages.as_plain_text(one.rater)}'s",
                key=f"stuck/{round_.id}/{place}/{one.rater}/{one.unit}",
                on_click=_release,
                args=(round_, one.rater),
            )


def _release(round_: Round, rater: str) -> None:
    with messages.kept_errors(), session.lead_writes() as (db, lead):
        number = desk.release(db, round_, people.get_rater(db, rater), at=now(), by=lead)
        st.toast(messages.as_plain_text(f"{number} units of {rater} are free again."))


def _show_panel(found: Panel, criterion: str) -> None:
    labels = found.domains[criterion]
    st.dataframe(
        [
            {
                "rater": row.rater,
                "ratings that count": row.ratings,
                "beside the others (points)": figures.words(row.difference, signed=True),
                "units shown twice answered alike": figures.words(row.consistency, percent=True),
                "abstentions": row.abstained,
                **{
                    # A point may be called like a column.
                    f"gave {label}": f"{share:.0%}"
                    for label, share in zip(labels, row.use or (0.0,) * len(labels), strict=True)
                },
            }
            for row in found.rows
            if row.criterion == criterion
        ],
        hide_index=True,
        width="stretch",
    )
    st.caption(
        "By name, never by rank: a rater who is stricter than the others may be the one who reads "
        "the rubric well. The shares say how each uses the scale."
    )
