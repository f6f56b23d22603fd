"""The rating screen: one unit, its form, and what a rater can do with it."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import streamlit as st

from annotate import desk, draft_route, practice
from annotate.desk import Place
from annotate.errors import RoundClosed
from annotate.place import MANY_LEFT
from annotate.progress import in_minutes
from annotate.ui import component, form, keyboard, learning, look, messages, steps, viewer
from annotate.ui.clock import own_zone
from annotate.ui.screen import (
    ROUND,
    SKIP_REASONS,
    Screen,
    facts_of,
    form_of,
    menu_fields,
    menu_key,
    round_before,
    screen_for,
    submit_key,
)
from annotate.ui.session import current_rater, database
from db.tables import Rater, Round, now

LONG_GUIDELINES = 600
"""Characters from which guidelines scroll in a box of their own, so that the unit stays in view."""


def choose_round(rater: Rater) -> Round | None:
    """The open round to rate in: the rater's choice where there are several, None without one."""
    with database().read() as session:
        found = desk.open_rounds(session, rater)
    before = round_before()
    if before is not None and before not in {round.id for round in found}:
        st.info(
            "The round that you were in is closed. What you have submitted is stored; a unit that "
            "was still on the screen was not submitted."
        )
    if len(found) < 2:
        return found[0] if found else None
    names = {round.name: round for round in found}
    # In the address, so that a page that is loaded again shows the round that it showed.
    chosen = st.selectbox("Round", list(names), key=ROUND, bind="query-params", width=420)
    return names[chosen]


def draw(round: Round) -> None:
    """Draw the unit that is this rater's to rate, or say that nothing is left."""
    look.apply()
    _desk(round)


# A fragment: a step at the desk draws the desk anew, and not the menu and the page around it. A
# server that has been restarted knows no fragment of a page that is still open, and would not
# hear it; because of the interval, however long, the browser asks such a server for the whole page.
@st.fragment(run_every=timedelta(days=1))
def _desk(round: Round) -> None:
    screen = screen_for(round)
    if screen.barred:
        st.warning(screen.barred)
        # A page link would be routed inside the app; this one leaves it.
        st.html('<a href="/" target="_self">Reload the page</a>')
        return
    screen.look_again()
    if not screen.claimed and not screen.paused:
        _claim(screen, round)
    messages.show_kept()
    if screen.paused:
        _paused(screen, round)
        return
    place = screen.place
    _head(screen, round)
    if place is None:
        _nothing_left(screen, round)
        return
    widths = (11, 9) if place.rival is None else (14, 6)
    output, answers = st.columns(widths, gap="large")
    with output:
        viewer.show_output(
            input=place.input,
            contexts=list(place.contexts),
            response=place.response,
            rival=place.rival,
            rival_contexts=None if place.rival_contexts is None else list(place.rival_contexts),
            reference=place.reference,
            rival_reference=place.rival_reference,
            facts=facts_of(place),
            mark=screen.idempotency_key,
        )
        if place.others is not None:
            learning.show_votes(place.others, place.rubric)
    # The outer key says to the keeper of drafts as of when the form stands on the page.
    drawn = answers.container(key=f"drawn:{screen.idempotency_key}")
    with drawn, st.container(key="form"):
        if screen.lessons is not None:
            with st.container(key="lessons"):
                learning.show_lessons(screen.lessons, place.rubric)
            st.button(
                "Next unit",
                type="primary",
                width="stretch",
                shortcut="Enter",
                key="next-unit",
                on_click=steps.go_on,
                args=(screen, round),
            )
            told = learning.in_short(screen.lessons)
            _keyboard_alone(screen, "lessons", "next-unit", top="lessons", told=told)
            return
        if place.reopened:
            st.info("You have reopened this unit. Submit it again to store the correction.")
        form.draw(form_of(place), screen.problems)
        _buttons(screen, round, place)
        component.form(
            key="keyboard",
            data=_for_the_script(screen, place),
            on_restored_change=lambda: steps.restored(screen),
            on_stale_change=lambda: steps.stale(screen),
            on_stranger_change=lambda: steps.bar(screen),
        )
        screen.drawn = True


def _claim(screen: Screen, round: Round) -> None:
    """Ask the desk. Who is signed out, or whose round is closed, is told by the whole page."""
    rater = current_rater()
    if rater is None:
        st.rerun()
    try:
        with database().write() as session:
            screen.arrive(desk.claim_next(session, rater, round, at=now()))
    except RoundClosed:
        st.rerun()


def _buttons(screen: Screen, round: Round, place: Place) -> None:
    aid = place.assignment_id
    if screen.problems:
        count = len({problem.criterion for problem in screen.problems})
        st.error(
            f"Not submitted: {count} answer{'s' if count > 1 else ''} to complete, marked above. "
            "What you have entered is kept."
        )
    st.button(
        "Submit and next",
        type="primary",
        width="stretch",
        key=submit_key(aid),
        on_click=steps.submit,
        args=(screen, round, aid),
    )
    with st.container(horizontal=True, gap="small", key="menus"):
        # What has been submitted once is corrected or left as it was, not skipped; and a practice
        # is passed once every unit is rated.
        if not place.reopened and practice.rules(round) is None:
            _skip_menu(screen, round, aid)
        with st.popover("Flag", key="flag-menu"):
            st.text_area(
                "What should the lead look at?", key=menu_key(aid, "flag:text"), on_change="ignore"
            )
            st.button(
                "Flag for the lead",
                key=f"rate:{aid}:flag",
                on_click=steps.flag,
                args=(screen, aid),
            )


def _skip_menu(screen: Screen, round: Round, aid: int) -> None:
    with st.popover("Skip", key="skip-menu"):
        st.radio(
            "Why skip this unit?",
            SKIP_REASONS,
            index=None,
            key=menu_key(aid, "skip:why"),
            on_change="ignore",
        )
        st.text_input(
            "In your words (optional)", key=menu_key(aid, "skip:text"), on_change="ignore"
        )
        st.button(
            "Skip this unit", key=f"rate:{aid}:skip", on_click=steps.skip, args=(screen, round, aid)
        )


def _for_the_script(screen: Screen, place: Place) -> dict[str, Any]:
    """What the keyboard and the keeper of drafts work with; nothing that is not on the page."""
    aid = place.assignment_id
    described = keyboard.described(form_of(place))
    menus = [
        {"name": field.name, "key": field.key, "options": field.options, "menu": True}
        for field in menu_fields(aid)
    ]
    return described | {
        "fields": [*described["fields"], *menus],
        "mark": screen.idempotency_key,
        "screen": screen.id,
        "assignment": aid,
        "seconds": place.seconds,
        "draft": screen.entered(),
        "name": place.draft_name,
        "sitting": place.sitting,
        "version": place.draft_version,
        "finished": screen.finished,
        "draft_url": draft_route.PATH.lstrip("/"),
        "submit": submit_key(aid),
        "menus": [
            {"name": "skip", "opener": "skip-menu", "commit": f"rate:{aid}:skip",
             "reasons": menu_key(aid, "skip:why"), "text": menu_key(aid, "skip:text")},
            {"name": "flag", "opener": "flag-menu", "commit": f"rate:{aid}:flag",
             "text": menu_key(aid, "flag:text")},
        ],
        "last": None if place.last is None else place.last[0],
        "problem": screen.problems[0].criterion if screen.problems else None,
        "refused": screen.refused,
    }  # fmt: skip


def _keyboard_alone(
    screen: Screen, view: str, button: str, *, aid: int | None = None, top: str = "", told: str = ""
) -> None:
    """The keyboard where no form is: Enter presses the button, and nothing is kept as a draft.

    aid: the unit whose draft the browser goes on keeping.
    top: the key of what is to be in view.
    told: what is read out.
    """
    component.form(
        key="keyboard",
        data={
            "fields": [],
            "criteria": [],
            "menus": [],
            "mark": f"{screen.idempotency_key}:{view}",
            "screen": screen.id,
            "assignment": aid,
            "finished": screen.finished,
            "submit": button,
            "draft_url": None,
            "last": None,
            "problem": None,
            "refused": 0,
            "top": top,
            "told": told,
        },
        on_restored_change=lambda: None,
        on_stale_change=lambda: None,
    )


def _head(screen: Screen, round: Round) -> None:
    """Where the rater stands: the round, the progress, the guidelines, and what was saved."""
    place = screen.place
    if place is not None and screen.lessons is not None:
        place = _behind(place)
    with st.container(horizontal=True, vertical_alignment="center", key="head"):
        if place is not None:
            share = place.done / max(1, place.done + place.share)
            st.progress(share, text=progress_in_words(place, round))
        with st.container(key="said", width="content"):
            if screen.said:
                st.caption(messages.as_plain_text(screen.said))
        st.button(
            "Undo last",
            icon=":material/undo:",
            type="tertiary",
            key="undo-last",
            on_click=steps.undo,
            args=(screen, round),
            help="Reopen the unit that you submitted last",
            disabled=place is not None and place.last is None,
        )
        if place is not None:
            st.button(
                "Pause",
                icon=":material/pause:",
                type="tertiary",
                key="pause",
                on_click=steps.pause,
                args=(screen,),
            )
    if place is not None and place.rubric.guidelines:
        # The key keeps it open or closed, as the rater left it, from unit to unit.
        with st.expander(
            "Guidelines",
            icon=":material/description:",
            key="guidelines",
            expanded=screen.beginner,
        ):
            words = unwrapped(place.rubric.guidelines)
            height: int | Literal["content"] = 240 if len(words) > LONG_GUIDELINES else "content"
            with st.container(height=height, border=False):
                st.text(words)


def _behind(place: Place) -> Place:
    """The unit as it stands once it is submitted: the desk counts anew only for the next one."""
    new = 0 if place.reopened else 1
    return replace(
        place,
        done=place.done + new,
        left=max(0, place.left - 1),
        share=max(0, place.share - 1),
        last=(place.assignment_id, now()),
    )


def progress_in_words(place: Place, round: Round) -> str:
    """`May: 12 done, about 38 left for you · about 25 min`"""
    many = place.left > MANY_LEFT
    how = "over " if many else "about " if place.share < place.left else ""
    left = f"{how}{place.share - many:,}"
    words = f"{messages.as_plain_text(round.name)}: {place.done} done, {left} left for you"
    if place.pace is None or many:
        return words
    return f"{words} · about {in_minutes(place.pace * place.share)}"


def nothing_left_in_words(round_name: str, given_away: int) -> str:
    """Why nothing waits: all is done, or what was before the rater went to others."""
    name = messages.as_plain_text(round_name)
    if not given_away:
        return f"You have rated everything that waits for you in {name}. Thank you."
    units, were = ("unit", "was") if given_away == 1 else ("units", "were")
    return (
        f"{given_away} {units} that you had before you {were} given to others, because you were "
        f"away. What you entered there is kept in case it comes back to you. Nothing else in {name} "
        "waits for you."
    )


def unwrapped(text: str) -> str:
    """Guidelines with the line breaks of their file taken out where a sentence goes on.

    A line goes on the one before when it is indented without being a list item, or when the one
    before is as long as a wrapped line is; short lines are headings or meant as lines.
    """
    lines: list[str] = []
    for line in text.strip().splitlines():
        words = line.strip()
        item = re.match(r"([-*•]|\d+[.)])\s", words)
        before = lines[-1] if lines else ""
        if words and before and not item and (line[0].isspace() or len(before) >= 60):
            lines[-1] = f"{before} {words}"
        else:
            lines.append(words)
    return "\n".join(lines)


def _paused(screen: Screen, round: Round) -> None:
    with st.container(key="paused"):
        st.subheader("Paused")
        until = now() + timedelta(minutes=round.design.get("lease_minutes", 15))
        st.write(
            "Your draft is kept and no time is counted. Your unit waits for you until about "
            f"{until.astimezone(own_zone()):%H:%M}; after that it may be given to others."
        )
        st.button("Go on", type="primary", key="resume", on_click=steps.resume, args=(screen,))
        aid = None if screen.place is None else screen.place.assignment_id
        _keyboard_alone(screen, "paused", "resume", aid=aid)


def _nothing_left(screen: Screen, round: Round) -> None:
    with st.container(key="nothing-left"):
        st.subheader("Nothing waits for you")
        rater = current_rater()
        given = 0
        if rater is not None:
            with database().read() as session:
                given = desk.given_away(session, rater, round)
                if practice.rules(round) is not None:
                    learning.show_results(practice.results(session, round, by=rater), own=True)
        st.write(nothing_left_in_words(round.name, given))
        st.button("Look again", on_click=screen.forget, key="look-again")
        _keyboard_alone(screen, "nothing-left", "look-again")
