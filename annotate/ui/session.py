"""Who looks at this page, and the database that it draws from."""

import streamlit as st

from annotate import people
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
    way = st.context.headers.get(WAY_HEADER)
    with database().read() as session:
        if way == "cookie":
            rater = people.signed_in(session, st.context.cookies.get(COOKIE, ""))
        elif way == "proxy":
            rater = session.get(Rater, int(st.context.headers.get(RATER_HEADER, "0")))
            if rater is not None and rater.revoked_at is not None:
                rater = None
        else:
            rater = None
    _forget_others(rater)
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
