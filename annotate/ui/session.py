"""Who looks at this page, and the database that it draws from."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

import streamlit as st
from sqlmodel import Session

from annotate import people
from annotate.errors import NotAllowed
from annotate.identity import COOKIE, RATER_HEADER, WAY_HEADER
from annotate.settings import get_settings
from annotate.ui import messages, provider_login
from annotate.workspace import open_database
from db.engine import Database
from db.tables import Rater

_WHOSE = "signed_in_rater"


def database() -> Database:
    """The workspace's database; raises `DatabaseError`."""
    return open_database()


def current_rater() -> Rater | None:
    """The rater who is signed in at this moment, or None.

    The database is asked at every script run, so a revoked link or an ended sign-in loses access
    at the next click. Headers and cookies are those of the websocket's handshake; the identity
    middleware has taken away any identity header that came from outside.
    """
    rater = _behind(_shown())
    _forget_others(rater)
    return rater


class _Proof(NamedTuple):
    """What a browser shows of who it is."""

    way: str | None
    cookie: str
    rater: int


def _shown() -> _Proof:
    headers, cookies = st.context.headers, st.context.cookies
    return _Proof(
        headers.get(WAY_HEADER), cookies.get(COOKIE, ""), int(headers.get(RATER_HEADER, "0"))
    )


def _behind(proof: _Proof) -> Rater | None:
    """Who stands behind it at this moment."""
    with database().read() as session:
        if proof.way == "cookie":
            return people.signed_in(session, proof.cookie)
        if proof.way == "proxy":
            rater = session.get(Rater, proof.rater)
            return None if rater is None or rater.revoked_at is not None else rater
    return None


def signed_in() -> Rater:
    """Who takes a step, asked at that moment; the service asks for the role.

    Not whoever the page was drawn for: they may have signed out since, here or everywhere. Raises
    NotAllowed where nobody is signed in any more.
    """
    return _still(current_rater())


@contextmanager
def lead_reads() -> Iterator[tuple[Session, Rater]]:
    """A session for a lead's questions, and who asks: `signed_in()`."""
    by = signed_in()
    with database().read() as db:
        yield db, by


@contextmanager
def lead_writes() -> Iterator[tuple[Session, Rater]]:
    """One transaction of a lead's, and who takes the step: `signed_in()`."""
    by = signed_in()
    with database().write() as db:
        yield db, by


def cookie() -> str | None:
    """The token of this browser's sign-in, where it has one of its own."""
    return _shown().cookie or None


Made = TypeVar("Made")


def later(make: Callable[[Rater], Made]) -> Callable[[], Made]:
    """What a download makes when it is asked for, by the lead who is signed in then.

    It is made outside the script, where the browser cannot be asked: what the browser shows now
    is looked up again then.
    """
    proof = _shown()
    return lambda: make(_still(_behind(proof)))


def _still(rater: Rater | None) -> Rater:
    if rater is None:
        raise NotAllowed("you are signed out, and nothing was done; sign in again")
    return rater


def require_rater() -> Rater:
    """The signed-in rater; without one the page says how to get in and stops."""
    rater = current_rater()
    if rater is None:
        how_to_get_in()
        st.stop()
    return rater


def require_lead() -> Rater:
    """The signed-in lead; anybody else is told so and the page stops."""
    rater = require_rater()
    if rater.role != "lead":
        st.info("This page is for leads. Ask a lead of your round if you need it.")
        st.stop()
    return rater


def how_to_get_in() -> None:
    """What a visitor without a sign-in reads."""
    with st.container(horizontal_alignment="center"), st.container(key="stranger", width=560):
        st.title("annotate")
        messages.show_kept()
        st.write(
            "You are not signed in. Follow the personal link that the lead of your round gave "
            "you; it signs this browser in."
        )
        provider_login.show_buttons()
        if get_settings().passwords:
            # A page link would be routed inside the app; this one leaves it.
            st.html('<a href="/login" target="_self">Sign in with your password</a>')
        st.write(
            "If the link does not work (any more), ask the lead for a new one. On the server "
            "itself, `annotate rater link NAME` makes one."
        )


def _forget_others(rater: Rater | None) -> None:
    """Nothing of one person's screen is left for the next person in the same browser tab."""
    whose = None if rater is None else rater.id
    if st.session_state.get(_WHOSE, whose) != whose:
        st.session_state.clear()
    st.session_state[_WHOSE] = whose
