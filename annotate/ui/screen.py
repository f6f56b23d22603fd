"""What a browser session has before it while its rater rates."""

import uuid
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from annotate.desk import Place
from annotate.practice import Lesson
from annotate.rubric import Problem
from annotate.ui.clock import time_of_day
from annotate.ui.form import Field, Form
from db.tables import Round

_SCREEN = "rating_screen"
ROUND = "round"
"""The chosen round, in the session and in the address."""


@dataclass
class Screen:
    """The unit on the screen, and what has been said about it."""

    round_id: int
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Another one after the page or the server was lost."""
    place: Place | None = None
    claimed: bool = False
    """Whether the desk has been asked; with no place then, nothing is left."""
    idempotency_key: str = ""
    problems: list[Problem] = field(default_factory=list)
    refused: int = 0
    """How often a step was refused: the page tells its script by it that there is an answer."""
    beginner: bool = False
    """Whether this is the rater's first sight of the round: the guidelines then are open."""
    said: str = ""
    """What became of the last step, in words: `Saved 14:03:41 · unit 7`."""
    paused: bool = False
    drawn: bool = False
    """Whether the unit's widgets are on the page, and hold what was entered."""
    finished: str = ""
    """By which the browser kept the draft of the unit that was finished here last."""
    barred: str = ""
    """Why nothing more can be done on this page, in words: it is another person's by now."""
    lessons: list[Lesson] | None = None
    """In a practice round: what is known of the unit that was just submitted and still stands."""

    def show(self, place: Place | None) -> None:
        """Put a unit (or nothing) on the screen, with nothing of the one before."""
        for key in [k for k in st.session_state if str(k).startswith("rate:")]:
            del st.session_state[key]
        self.place = place
        self.claimed = True
        self.drawn = False
        self.problems = []
        self.lessons = None
        self.idempotency_key = uuid.uuid4().hex
        if place is None:
            return
        if place.draft_name == self.finished:
            self.finished = ""
        form = form_of(place)
        form.fill(place.answers or {}, st.session_state)
        if place.draft:
            form.restore(place.draft, st.session_state)
            for menu in menu_fields(place.assignment_id):
                if menu.accepts(place.draft.get(menu.name)):
                    st.session_state[menu.key] = place.draft[menu.name]

    def arrive(self, place: Place | None) -> None:
        """Show what the desk gives a page that is opened, or opened again."""
        self.show(place)
        if place is None:
            return
        self.beginner = place.done == 0
        if place.lost:
            self.said = (
                "The unit that you had before was given to others, because you were away. "
                "What you entered there is kept in case it comes back to you."
            )
        elif place.draft_at is not None:
            self.said = f"Your draft of {time_of_day(place.draft_at)} is back"
        elif place.stood:
            self.said = (
                "The unit that you had reopened stands as you submitted it, because you were away"
            )

    def forget(self) -> None:
        """Ask the desk anew at the next draw."""
        self.show(None)
        self.claimed = False
        self.said = ""

    def look_again(self) -> None:
        """Ask the desk anew where another page has been shown meanwhile: Streamlit has dropped
        what stood in the widgets, and would draw them empty. The desk has the draft."""
        if self.place is None or not self.drawn or self.lessons is not None:
            return
        if submit_key(self.place.assignment_id) not in st.session_state:
            self.forget()

    def entered(self) -> dict[str, Any]:
        """What stands in the form and its menus, by field."""
        if self.place is None:
            return {}
        said = form_of(self.place).entered(st.session_state)
        menus = menu_fields(self.place.assignment_id)
        return said | {m.name: v for m in menus if (v := st.session_state.get(m.key))}


SKIP_REASONS = (
    "I cannot read it (language, format)",
    "I know this case and would be biased",
    "It is broken or incomplete",
    "Another reason",
)


def menu_key(aid: int, part: str) -> str:
    """The key of a menu's widget: no criterion's, whose names have no slash."""
    return f"rate:{aid}:/{part}"


def submit_key(aid: int) -> str:
    """The key of the button that submits a unit."""
    return f"rate:{aid}:submit"


def menu_fields(aid: int) -> list[Field]:
    """The fields of the menus Skip and Flag: drafts keep them as they keep the form's."""
    return [
        Field("/skip:why", menu_key(aid, "skip:why"), SKIP_REASONS),
        Field("/skip:text", menu_key(aid, "skip:text")),
        Field("/flag:text", menu_key(aid, "flag:text")),
    ]


def form_of(place: Place) -> Form:
    """The form of a unit."""
    other = place.rival_contexts
    return Form(
        place.assignment_id, place.rubric, list(place.contexts), place.response, place.rival,
        None if other is None else list(other),
    )  # fmt: skip


def facts_of(place: Place) -> dict[str, Any]:
    """What else the round shows of the output: only what the desk has handed out."""
    facts = {"configuration": place.configuration} if place.configuration else {}
    return {**facts, **(place.signals or {}), **(place.metadata or {})}


def screen_for(round: Round) -> Screen:
    """The screen of this round in this browser session."""
    screen = st.session_state.get(_SCREEN)
    if not isinstance(screen, Screen) or screen.round_id != round.id:
        screen = Screen(round_id=round.id or 0)
        st.session_state[_SCREEN] = screen
    return screen


def round_before() -> int | None:
    """The round that this browser session was in."""
    screen = st.session_state.get(_SCREEN)
    return screen.round_id if isinstance(screen, Screen) else None
