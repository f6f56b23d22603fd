"""Watching a round: how far it is, when it would be done, what is stuck, and agreement so far."""

from datetime import timedelta

import streamlit as st

from annotate import desk, people, rounds
from annotate.pace import Pace
from annotate.progress import Progress, in_minutes
from annotate.reports.panel import Panel, panel, slips
from annotate.reports.watch import Speed, Stuck, Watched, watched
from annotate.stats import Figure
from annotate.ui import choose, clock, figures, messages, reports, session
from db.tables import Round, now

EARLY = "too early"
EVERY = timedelta(seconds=30)
"""How often an open round is drawn anew while somebody watches it."""


def show(round_: Round, *, hidden: bool) -> None:
    """How far a round is. While it is open it is drawn anew by itself.

    hidden: whether what raters say is kept from who looks.
    """
    every = EVERY if round_.status == "open" else None
    st.fragment(_draw, run_every=every)(round_.name, round_.status, hidden)


def _draw(name: str, status: str, hidden: bool) -> None:
    messages.show_kept(seconds=EVERY.total_seconds())
    with messages.shown_errors():
        with session.lead_reads() as (db, lead):
            round_ = rounds.get_round(db, name)
            if round_.status != status:  # somebody has closed it meanwhile
                st.rerun()
            done = rounds.progress(db, round_, by=lead)
            found = watched(db, round_, by=lead)
        _show_progress(round_, done, found, hidden=hidden)
        _show_judges(found)
        if round_.status == "open":
            _show_stuck(round_, found.stuck)
            if not hidden:
                _show_agreement(round_)


def _show_progress(round_: Round, done: Progress, found: Watched, *, hidden: bool) -> None:
    share = done.submitted / max(1, done.assignments)
    st.progress(
        share,
        text=f"{done.submitted} of {done.assignments} submitted; "
        f"{done.done} of {done.units} units have all their ratings",
    )
    is_open = round_.status == "open"
    if is_open and not found.whole.done:
        st.text(_in_all(found.whole))
    st.dataframe(
        [
            {
                "segment": segment,
                "progress": 100 * counts["submitted"] // max(1, counts["assignments"]),
                "submitted": f"{counts['submitted']} of {counts['assignments']}",
                "units done": f"{counts['done']} of {counts['units']}",
                **(_ahead(found.by_segment[segment]) if is_open else {}),
            }
            for segment, counts in done.by_segment.items()
        ],
        column_config={
            "progress": st.column_config.ProgressColumn(format="%d%%", min_value=0, max_value=100)
        },
        hide_index=True,
        width="stretch",
    )
    _show_raters(done, found, is_open=is_open)
    # A note may say how somebody grades.
    if done.notes and not hidden:
        st.caption("Units that raters flagged or skipped, with their reason")
        st.dataframe(done.notes, hide_index=True, width="stretch")


def _in_all(whole: Pace) -> str:
    if whole.done_at is None:
        return "It is too early to tell when the round would be done."
    work = "" if whole.work_left is None else f"Work left: {_work(whole)} for all raters together. "
    return f"{work}Done: {_when(whole)}."


def _show_raters(done: Progress, found: Watched, *, is_open: bool) -> None:
    speeds = {one.rater: one for one in found.speeds}
    # Whoever is free takes the next unit: there is no number that a rater must reach.
    share_each = done.assignments // max(1, len(done.by_rater))
    most = max((r.submitted for r in done.by_rater.values()), default=0)
    # What has not happened has no column: the table is to be read at a glance.
    outlying = any(one.outlying for one in found.speeds)
    skipped, flagged, held = (
        any(getattr(r, what) for r in done.by_rater.values())
        for what in ("skipped", "flagged", "claimed")
    )
    st.dataframe(
        [
            {
                "rater": name,
                "submitted": r.submitted,
                **(_rest(speeds[name]) if is_open else {}),
                "a unit takes": _takes(speeds[name]),
                **({"beside the panel": speeds[name].outlying or ""} if outlying else {}),
                **({"holds now": r.claimed} if is_open and held else {}),
                **({"skipped": r.skipped} if skipped else {}),
                **({"flagged": r.flagged} if flagged else {}),
                "last submission": _at(speeds[name]),
            }
            for name, r in done.by_rater.items()
        ],
        column_config={
            "submitted": st.column_config.ProgressColumn(
                format="%d",
                width="small",
                min_value=0,
                max_value=max(1, most, share_each),
                help="A full bar is an equal share, or the most that anybody has done",
            ),
            "left, about": st.column_config.TextColumn(
                help="What would come to them if all work on: whoever is free takes the next unit"
            ),
        },
        hide_index=True,
        placeholder="",
        width="stretch",
    )
    said = ["Done is when, if work goes on without a pause."] if is_open else []
    said.append("A unit takes the median of active work.")
    if outlying:
        said.append(
            "Fast or slow is a third, or three times, of the panel's median: a reason to look at "
            "the units, not a fault."
        )
    st.caption(" ".join(said))


def _rest(one: Speed) -> dict[str, str]:
    return {"left, about": str(one.left), "done": _when(one.pace)}


def _ahead(one: Pace) -> dict[str, str]:
    return {"work left": _work(one), "done": _when(one)}


def _takes(one: Speed) -> str:
    return ("" if not one.submitted else EARLY) if one.seconds is None else f"{one.seconds:.0f} s"


def _at(one: Speed) -> str:
    return "" if one.last is None else f"{clock.day(one.last)} {clock.time_of_day(one.last)[:5]}"


def _work(one: Pace) -> str:
    if one.work_left is None:
        return EARLY
    return "none" if one.done else in_minutes(one.work_left.total_seconds())


def _when(one: Pace) -> str:
    if one.done:
        return "done"
    if one.done_at is None:
        return EARLY
    today = clock.day(one.done_at) == clock.day(now())
    return f"about {clock.time_of_day(one.done_at)[:5] if today else clock.day(one.done_at)}"


def _show_judges(found: Watched) -> None:
    for one in found.judges:
        judge = messages.as_plain_text(one.judge)
        if one.outputs:
            st.caption(f"Judge {judge} has scored {one.outputs} of {one.of} outputs.")
        else:
            st.caption(f"Judge {judge} is to be calibrated here and has scored nothing yet.")
            st.page_link("../pages/judges.py", label="Have it grade", icon=":material/smart_toy:")


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


def _show_agreement(round_: Round) -> None:
    st.subheader("Agreement so far")
    with session.lead_reads() as (db, lead):
        report = reports.agreement(db, round_, by=lead)
    st.dataframe(
        [
            {
                "criterion": row.criterion,
                "units rated twice": row.result.n_units,
                "alpha": _early(row.result.alpha),
                "percent agreement": _early(row.result.percent, percent=True),
                **(
                    {"same rater twice": _early(row.repeats)}
                    if round_.design.get("repeats")
                    else {}
                ),
                "abstentions": row.abstained,
            }
            for row in report.rows
            if row.segment is None
        ],
        hide_index=True,
        placeholder="",
        width="stretch",
    )


def _early(figure: Figure, *, percent: bool = False) -> str:
    if figure.value is None and (figure.reason or "").startswith("not enough"):
        return f"too early: {(figure.reason or '').removeprefix('not enough ratings: ')}"
    return figures.words(figure, percent=percent)


def show_panel(round_: Round) -> None:
    """The raters beside each other, by name and never by rank, and what they slipped on."""
    with session.lead_reads() as (db, lead):
        found = panel(db, round_, by=lead)
        apart = slips(db, round_, by=lead)
    if not found.rows:
        st.caption("Nobody has rated anything yet.")
        return
    criterion = choose.chosen_criterion(list(found.domains), key=f"panel/{round_.id}")
    _show_panel(found, criterion)
    if apart:
        st.caption("Units that a rater answered otherwise when they were shown again")
        st.dataframe(
            [
                {
                    "rater": one.rater,
                    "unit": one.unit,
                    "criterion": one.criterion,
                    "at first": one.first,
                    "shown again": one.again,
                }
                for one in apart
            ],
            hide_index=True,
            width="stretch",
        )


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
