"""What a rater does with the unit on the screen: each step is a callback and one transaction.

The screen says what was stored only after the transaction is committed.
"""

from collections.abc import Callable

import streamlit as st
from sqlmodel import Session

from annotate import desk, practice
from annotate.desk import Place, Receipt
from annotate.errors import (
    AnnotateError,
    BadInput,
    DraftOutdated,
    RoundClosed,
    StaleAssignment,
)
from annotate.practice import Lesson
from annotate.ui import messages
from annotate.ui.clock import time_of_day
from annotate.ui.screen import Screen, form_of, menu_key
from annotate.ui.session import current_rater, database
from db.engine import DatabaseError
from db.tables import Rater, Round, now


def submit(screen: Screen, round: Round, aid: int) -> None:
    """Store the ratings and claim the next unit, in one transaction."""
    place = screen.place
    if place is None or place.assignment_id != aid or screen.lessons is not None:
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
            sitting=place.sitting,
            at=now(),
        )
        if practice.rules(round) is not None:
            told.extend(practice.lessons(session, rater, round, aid))
            then.append((receipt, None))
        else:
            then.append((receipt, desk.claim_next(session, rater, round, at=now())))

    then: list[tuple[Receipt, Place | None]] = []
    told: list[Lesson] = []
    if _stored(screen, work):
        receipt, following = then[0]
        screen.said = saved_in_words(receipt, place)
        screen.finished = place.draft_name
        if practice.rules(round) is not None:
            screen.lessons = told
        else:
            screen.show(following)


def go_on(screen: Screen, round: Round) -> None:
    """From what was learnt to the next unit of a practice round."""
    then: list[Place | None] = []

    def work(session: Session, rater: Rater) -> None:
        then.append(desk.claim_next(session, rater, round, at=now()))

    if _stored(screen, work):
        screen.show(then[0])


def skip(screen: Screen, round: Round, aid: int) -> None:
    """Give the unit up, with the reason, and go on to the next."""
    place = screen.place
    if place is None or place.assignment_id != aid:
        return
    why = st.session_state.get(menu_key(aid, "skip:why")) or ""
    words = (st.session_state.get(menu_key(aid, "skip:text")) or "").strip()
    reason = ": ".join(part for part in (why, words) if part)
    then: list[Place | None] = []

    def work(session: Session, rater: Rater) -> None:
        if not reason:
            raise BadInput("the unit was not skipped; say why you skip it")
        desk.skip(session, rater, aid, reason, at=now())
        then.append(desk.claim_next(session, rater, round, at=now()))

    if _stored(screen, work):
        screen.said = f"Skipped {time_of_day(now())}"
        screen.finished = place.draft_name
        screen.show(then[0])


def flag(screen: Screen, aid: int) -> None:
    """Leave a note for the lead; the unit stays on the screen."""
    place = screen.place
    if place is None or place.assignment_id != aid:
        return
    note = (st.session_state.get(menu_key(aid, "flag:text")) or "").strip()

    def work(session: Session, rater: Rater) -> None:
        if not note:
            raise BadInput("the flag has no note; say what the lead should look at")
        desk.flag(session, rater, aid, note, at=now())

    if _stored(screen, work):
        screen.said = f"Flagged for the lead {time_of_day(now())}"


def undo(screen: Screen, round: Round) -> None:
    """Reopen the last submission; what is entered for the present unit is kept as its draft."""
    then: list[Place] = []

    def work(session: Session, rater: Rater) -> None:
        _keep(session, rater, screen)
        then.append(desk.undo(session, rater, round, at=now()))

    if _stored(screen, work):
        screen.said = "Reopened: submit it again to store the correction"
        screen.paused = False
        screen.show(then[0])


def pause(screen: Screen) -> None:
    """Put the unit out of sight, with its draft; no time is counted."""
    if _stored(screen, lambda session, rater: _keep(session, rater, screen)):
        screen.paused = True


def resume(screen: Screen) -> None:
    """Go on: with the same unit, unless others have been given it meanwhile."""
    screen.paused = False
    screen.forget()


def restored(screen: Screen) -> None:
    """The browser has brought back a draft that the server did not have."""
    screen.forget()


def stale(screen: Screen) -> None:
    """A draft of this screen was refused: the desk says why, when it is asked again."""
    if screen.lessons is not None:
        return  # it was submitted here a moment ago, and what is known of it is being read

    def work(session: Session, rater: Rater) -> None:
        if screen.place is not None:
            aid, sitting = screen.place.assignment_id, screen.place.sitting
            desk.save_draft(session, rater, aid, None, sitting=sitting, at=now())

    if _stored(screen, work):
        screen.forget()


def bar(screen: Screen) -> None:
    """Somebody else has signed in in this browser: what is entered from now on is nobody's."""
    screen.show(None)
    screen.barred = (
        "Somebody else has signed in in this browser since this page was opened. What was entered "
        "here before that is kept as a draft; what was entered since is not. To come back to it, "
        "follow your own personal link or sign in again."
    )


def _keep(session: Session, rater: Rater, screen: Screen) -> None:
    """Keep what is entered for the unit on the screen, unless another screen has kept more."""
    place = screen.place
    if place is None or screen.lessons is not None:
        return
    try:
        desk.save_draft(
            session,
            rater,
            place.assignment_id,
            screen.entered(),
            screen=screen.id,
            version=place.draft_version,
            sitting=place.sitting,
            at=now(),
        )
    except DraftOutdated as error:
        messages.keep(error)


def _stored(screen: Screen, work: Callable[[Session, Rater], None]) -> bool:
    """Run a step of the signed-in rater as one transaction; False if it was refused.

    The rater is asked for anew: who lost access since the page was drawn can store nothing, and
    the page then says how to get in.
    """
    try:
        rater = current_rater()
        if rater is None:
            screen.forget()
            return False
        with database().write() as session:
            work(session, rater)
    except (AnnotateError, DatabaseError) as error:
        screen.refused += 1
        # That a round is closed is said by the page, which has no desk for it any more.
        if not isinstance(error, RoundClosed):
            messages.keep(error)
        if isinstance(error, StaleAssignment | RoundClosed):
            screen.forget()
        return False
    return True


def saved_in_words(receipt: Receipt, place: Place) -> str:
    """The acknowledgement that a rater sees, and only after the receipt is there."""
    what = "correction" if place.reopened else f"unit {place.done + 1}"
    words = f"Saved {time_of_day(receipt.at)} · {what}"
    if receipt.extra:
        words += " · kept as an extra rating: the unit has all that it needs"
    return words
