"""The rating screen: one unit, its form, and what a rater can do with it.

What a button does happens in its callback, before anything is drawn: one transaction stores the
ratings and claims the next unit, then one script run draws it.
"""

import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import streamlit as st
from sqlmodel import Session

from annotate import desk
from annotate.desk import Place, Receipt
from annotate.errors import AnnotateError, BadInput, RoundClosed, StaleAssignment
from annotate.rubric import Problem
from annotate.ui import form, look, messages, viewer
from annotate.ui.clock import time_of_day
from annotate.ui.form import Form
from annotate.ui.session import current_rater, database
from db.engine import DatabaseError
from db.tables import Rater, Round, now

SKIP_REASONS = (
    "I cannot read it (language, format)",
    "I know this case and would be biased",
    "It is broken or incomplete",
    "Another reason",
)
LONG_GUIDELINES = 600
"""Characters from which guidelines scroll in a box of their own, so that the unit stays in view."""
_SCREEN = "rating_screen"


@dataclass
class Screen:
    """What this browser session has before it."""

    round_id: int
    place: Place | None = None
    claimed: bool = False
    """Whether the desk has been asked; with no place then, nothing is left."""
    idempotency_key: str = ""
    opened_at: float = 0.0
    problems: list[Problem] = field(default_factory=list)
    beginner: bool = False
    """Whether this is the rater's first sight of the round: the guidelines then are open."""
    saved: str | None = None
    """The acknowledgement, in words."""
    refused: int = 0
    """How often a submission was refused: marks the next scroll to the first problem."""

    @property
    def seconds(self) -> float:
        """How long the unit has been on the screen."""
        return time.monotonic() - self.opened_at

    def show(self, place: Place | None) -> None:
        """Put a unit (or nothing) on the screen, with nothing of the one before."""
        for key in [k for k in st.session_state if str(k).startswith("rate:")]:
            del st.session_state[key]
        self.place = place
        self.claimed = True
        self.problems = []
        self.opened_at = time.monotonic()
        self.idempotency_key = uuid.uuid4().hex
        if place is not None and place.draft:
            form_of(place).restore(place.draft, st.session_state)

    def forget(self) -> None:
        """Ask the desk anew at the next draw."""
        self.show(None)
        self.claimed = False


def form_of(place: Place) -> Form:
    """The form of a unit."""
    return Form(place.assignment_id, place.rubric, list(place.contexts), place.response)


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


def choose_round(rater: Rater) -> Round | None:
    """The open round to rate in: the rater's choice where there are several, None without one."""
    with database().read() as session:
        found = desk.open_rounds(session, rater)
    screen = st.session_state.get(_SCREEN)
    if isinstance(screen, Screen) and screen.round_id not in {round.id for round in found}:
        st.info("The round that you were in is closed. What you have submitted is stored.")
    if len(found) < 2:
        return found[0] if found else None
    names = {round.name: round for round in found}
    chosen = st.selectbox("Round", list(names), key="chosen_round", width=420)
    return names[chosen]


def draw(rater: Rater, round: Round) -> None:
    """Draw the unit that is this rater's to rate, or say that nothing is left."""
    look.apply()
    screen = screen_for(round)
    if not screen.claimed:
        with database().write() as session:
            screen.show(desk.claim_next(session, rater, round, at=now()))
        screen.beginner = screen.place is not None and screen.place.done == 0
    place = screen.place
    _head(screen, round)
    if place is None:
        _nothing_left(screen, round)
        return
    look.start_at(f"{screen.idempotency_key}:{screen.refused}", problem=bool(screen.problems))
    left, right = st.columns([11, 9], gap="large")
    with left:
        viewer.show_output(
            input=place.input,
            contexts=list(place.contexts),
            response=place.response,
            reference=place.reference,
            facts=facts_of(place),
        )
    with right, st.container(key="form"):
        if place.reopened:
            st.info("You have reopened this unit. Submit it again to store the correction.")
        form.draw(form_of(place), screen.problems)
        _buttons(screen, round, place)


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
        shortcut="Ctrl+Enter",
        key=f"rate:{aid}:submit",
        on_click=submit,
        args=(screen, round, aid),
    )
    with st.container(horizontal=True, gap="small"):
        st.button("Save draft", key=f"rate:{aid}:save", on_click=save_draft, args=(screen, aid))
        # What has been submitted once is corrected or left as it was, not skipped.
        if not place.reopened:
            _skip_menu(screen, round, aid)
        with st.popover("Flag"):
            st.text_area(
                "What should the lead look at?", key=f"rate:{aid}:flag-note", on_change="ignore"
            )
            st.button(
                "Flag for the lead",
                key=f"rate:{aid}:flag",
                on_click=flag,
                args=(screen, aid),
            )


def _skip_menu(screen: Screen, round: Round, aid: int) -> None:
    with st.popover("Skip"):
        st.radio(
            "Why skip this unit?",
            SKIP_REASONS,
            index=None,
            key=f"rate:{aid}:why",
            on_change="ignore",
        )
        st.text_input("In your words (optional)", key=f"rate:{aid}:why-text", on_change="ignore")
        st.button(
            "Skip this unit", key=f"rate:{aid}:skip", on_click=skip, args=(screen, round, aid)
        )


def _head(screen: Screen, round: Round) -> None:
    """Where the rater stands: the round, the progress, what was saved, the guidelines."""
    place = screen.place
    with st.container(horizontal=True, vertical_alignment="center", key="head"):
        with st.container(width="stretch", gap=None):
            if place is not None:
                done, left = place.done, place.left
                st.progress(
                    done / max(1, done + left),
                    text=f"{messages.as_plain_text(round.name)}: {done} done, {left} left for you",
                )
        if screen.saved:
            st.caption(f":material/check_circle: {screen.saved}", width="content")
        st.button(
            "Undo last",
            icon=":material/undo:",
            type="tertiary",
            key="undo-last",
            on_click=undo,
            args=(screen, round),
            help="Reopen the unit that you submitted last",
            disabled=place is not None and place.done == 0,
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


def _nothing_left(screen: Screen, round: Round) -> None:
    with st.container(key="nothing-left"):
        st.subheader("Nothing waits for you")
        st.write(
            f"You have rated everything that waits for you in "
            f"{messages.as_plain_text(round.name)}. Thank you."
        )
        st.button("Look again", on_click=screen.forget, key="look-again")


def submit(screen: Screen, round: Round, aid: int) -> None:
    """Store the ratings and claim the next unit, in one transaction."""
    place = screen.place
    if place is None or place.assignment_id != aid:
        return  # the second of two quick clicks: its unit has been submitted already
    answers, screen.problems = form_of(place).read(st.session_state)
    if screen.problems:
        screen.refused += 1
        return

    def work(session: Session, rater: Rater) -> None:
        receipt = desk.submit(
            session,
            rater,
            aid,
            answers,
            idempotency_key=screen.idempotency_key,
            seconds=screen.seconds,
            at=now(),
        )
        following = desk.claim_next(session, rater, round, at=now())
        then.append((saved_in_words(receipt, place), following))

    then: list[tuple[str, Place | None]] = []
    if _stored(screen, work):
        screen.saved = then[0][0]
        screen.show(then[0][1])


def save_draft(screen: Screen, aid: int) -> None:
    """Keep what is entered so far; the unit stays on the screen and with this rater."""
    place = screen.place
    if place is None or place.assignment_id != aid:
        return
    if _stored(screen, lambda session, rater: _keep(session, rater, screen, place)):
        screen.saved = f"Draft saved {time_of_day(now())}"


def skip(screen: Screen, round: Round, aid: int) -> None:
    """Give the unit up, with the reason, and go on to the next."""
    place = screen.place
    if place is None or place.assignment_id != aid:
        return
    why = st.session_state.get(f"rate:{aid}:why") or ""
    words = (st.session_state.get(f"rate:{aid}:why-text") or "").strip()
    reason = ": ".join(part for part in (why, words) if part)
    then: list[Place | None] = []

    def work(session: Session, rater: Rater) -> None:
        if not reason:
            raise BadInput("the unit was not skipped; say why you skip it")
        desk.skip(session, rater, aid, reason, at=now())
        then.append(desk.claim_next(session, rater, round, at=now()))

    if _stored(screen, work):
        screen.saved = f"Skipped {time_of_day(now())}"
        screen.show(then[0])


def flag(screen: Screen, aid: int) -> None:
    """Leave a note for the lead; the unit stays on the screen."""
    place = screen.place
    if place is None or place.assignment_id != aid:
        return
    note = (st.session_state.get(f"rate:{aid}:flag-note") or "").strip()

    def work(session: Session, rater: Rater) -> None:
        if not note:
            raise BadInput("the flag has no note; say what the lead should look at")
        desk.flag(session, rater, aid, note, at=now())

    if _stored(screen, work):
        screen.saved = f"Flagged for the lead {time_of_day(now())}"


def undo(screen: Screen, round: Round) -> None:
    """Reopen the last submission; what is entered for the present unit is kept as its draft."""
    then: list[Place] = []

    def work(session: Session, rater: Rater) -> None:
        if screen.place is not None:
            _keep(session, rater, screen, screen.place)
        then.append(desk.undo(session, rater, round, at=now()))

    if _stored(screen, work):
        screen.saved = None
        screen.show(then[0])


def _keep(session: Session, rater: Rater, screen: Screen, place: Place) -> None:
    answers, _ = form_of(place).read(st.session_state)
    desk.save_draft(
        session,
        rater,
        place.assignment_id,
        {name: answer.model_dump(mode="json") for name, answer in answers.items()},
        seconds=screen.seconds,
        at=now(),
    )


def _stored(screen: Screen, work: Callable[[Session, Rater], None]) -> bool:
    """Run a step of the signed-in rater as one transaction; False if it was refused.

    The rater is asked for anew: who lost access since the page was drawn can store nothing, and
    the page then says how to get in.
    """
    try:
        rater = current_rater()
        if rater is None:
            return False
        with database().write() as session:
            work(session, rater)
    except (AnnotateError, DatabaseError) as error:
        messages.keep(error)
        if isinstance(error, StaleAssignment | RoundClosed):
            screen.forget()
        return False
    return True


def saved_in_words(receipt: Receipt, place: Place) -> str:
    """The acknowledgement that a rater sees, and only after the receipt is there."""
    words = f"Saved {time_of_day(receipt.at)} · unit {place.done + 1}"
    if receipt.extra:
        words += " · kept as an extra rating, because its place had been given to others"
    return words
