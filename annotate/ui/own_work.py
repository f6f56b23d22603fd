"""A rater's own work: per round how much, each unit to be found and corrected, and the card."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from annotate import desk, own_card, own_history, practice
from annotate.own_card import Card
from annotate.own_history import OwnUnit, Tally
from annotate.rubric import Rubric
from annotate.ui import learning, messages, session, viewer
from annotate.ui.clock import own_zone
from annotate.ui.messages import as_plain_text
from annotate.ui.screen import ROUND, screen_for
from db.tables import Rater, Round, now

REOPENED = "own_work_reopened"
STATES = {
    "claimed": "on the desk",
    "submitted": "submitted",
    "skipped": "skipped",
    "expired": "given back",
    "sent": "waits for you",
}


def show(rater: Rater, work: list[tuple[Round, Rubric]]) -> None:
    """Every round that the rater has worked in."""
    if st.session_state.pop(REOPENED, False):
        st.switch_page(Path(__file__).parents[2] / "pages" / "rate.py")
    if not work:
        st.write("Nothing yet. What you rate on the page Rate appears here.")
    for round_, rubric in work:
        with st.container(key=f"own-{round_.id}"):
            _show_round(rater, round_, rubric)


def _show_round(rater: Rater, round_: Round, rubric: Rubric) -> None:
    st.subheader(as_plain_text(round_.name))
    with session.database().read() as db:
        done = own_history.tally(db, rater, round_)
        units = own_history.history(db, rater, round_)
    st.caption(summary(round_, done))
    if round_.status == "closed":
        with session.database().read() as db:
            show_card(own_card.card(db, rater, round_), rubric)
    search = ""
    if len(units) > 5:
        search = st.text_input(
            "Search in the responses", key=f"own-search-{round_.id}", width=420,
            placeholder="words of the response",
        )  # fmt: skip
    if search:
        with session.database().read() as db:
            units = own_history.history(db, rater, round_, search=search)
        if not units:
            st.write("No response of yours has these words.")
            return
    if not units:
        st.write("Nothing submitted yet.")
        return
    st.dataframe(table(units, own_zone()), hide_index=True, width="stretch")
    submitted = [unit for unit in units if unit.state == "submitted"]
    if round_.status != "open" or not submitted:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "A submission to correct",
            submitted,
            format_func=lambda unit: f"{unit.at.astimezone(own_zone()):%H:%M} · {unit.excerpt}",
            key=f"own-choice-{round_.id}",
        )
        st.button(
            "Correct it",
            icon=":material/edit:",
            key=f"own-correct-{round_.id}",
            on_click=_correct,
            args=(round_, chosen.assignment_id),
            help="It opens on the page Rate with your answers",
        )
    if practice.rules(round_) is not None:
        with session.database().read() as db:
            lessons = practice.lessons(db, rater, round_, chosen.assignment_id)
        with st.expander("What is known of it"):
            learning.show_lessons(lessons, rubric)


def _correct(round_: Round, assignment_id: int) -> None:
    """Reopen one of the rater's own submissions."""
    with messages.kept_errors():
        rater = session.current_rater()
        if rater is None:
            return
        with session.database().write() as db:
            desk.reopen(db, rater, assignment_id, at=now())
        st.session_state[ROUND] = round_.name
        screen_for(round_).forget()
        st.session_state[REOPENED] = True


def show_card(card: Card, rubric: Rubric) -> None:
    """The private card: for learning, without a rank."""
    if not card.units:
        return
    with st.container(border=True):
        st.caption("Only you see this")
        with st.container(horizontal=True):
            st.metric("Units", card.units)
            if card.seconds is not None:
                st.metric("Seconds a unit, half took less", round(card.seconds))
            if card.repeated:
                st.metric("Same answer again, when a unit came twice",
                          f"{card.alike} of {card.repeated}")  # fmt: skip
            if card.compared:
                st.metric("Answers as all came to", f"{card.as_consensus} of {card.compared}")
        if card.differences:
            st.write("Where you and the others were furthest apart:")
        for place, one in enumerate(card.differences):
            with st.container(key=f"apart-{place}", border=True, gap="xsmall"):
                st.markdown(f"**{as_plain_text(learning.question(rubric, one.criterion))}**")
                st.text(f"You: {one.yours}. All together: {one.consensus} ({one.how}).")
                with st.expander("The unit", type="compact"):
                    st.text(_as_text(one.input))
                    for name, text in (("A", one.response), ("B", one.rival)):
                        if one.rival is not None:
                            st.markdown(f"**Response {name}**")
                        if text is not None:
                            st.text(text)


def _as_text(input: object) -> str:
    if isinstance(input, list):
        turns = [t for t in input if isinstance(t, dict)]
        return "\n".join(f"{t.get('role')}: {viewer.as_text(t.get('content'))}" for t in turns)
    return viewer.as_text(input)


def summary(round_: Round, done: Tally) -> str:
    """`open · 12 submitted · 1 skipped · 34 min at work`"""
    counts = [
        f"{count} {words}" for state, words in STATES.items() if (count := done.units.get(state))
    ]
    return " · ".join([round_.status, *counts, f"{done.seconds / 60:.0f} min at work"])


def table(units: list[OwnUnit], zone: ZoneInfo) -> pd.DataFrame:
    """One row a unit."""
    return pd.DataFrame(
        {
            "When": [unit.at.astimezone(zone).strftime("%Y-%m-%d %H:%M") for unit in units],
            "State": [
                STATES.get(unit.state, unit.state) + (", not counted" if unit.extra else "")
                for unit in units
            ],
            "Seconds": [round(unit.seconds) for unit in units],
            "Response": [unit.excerpt for unit in units],
        }
    )
