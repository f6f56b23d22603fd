"""A person's own password, where the installation has passwords."""

import streamlit as st

from annotate import passwords
from annotate.settings import get_settings
from annotate.ui import messages, session
from db.tables import Rater

PRESENT, NEW, DONE = "own_password_present", "own_password_new", "own_password_done"


def show(rater: Rater) -> None:
    """The form for a new one; nothing where nobody signs in by password."""
    if not get_settings().passwords:
        return
    if st.session_state.pop(DONE, False):
        st.success("Your password is changed. Every other browser of yours is signed out.")
    with st.expander("Your password"), st.form("own_password", border=False):
        if rater.password_hash is not None:
            st.text_input("Present password", type="password", key=PRESENT, width=420,
                          autocomplete="current-password")  # fmt: skip
        st.text_input("New password", type="password", key=NEW, width=420,
                      autocomplete="new-password")  # fmt: skip
        st.form_submit_button("Change it", on_click=_change)


def _change() -> None:
    given = st.session_state
    new, present = given.pop(NEW, ""), given.pop(PRESENT, "")
    with messages.kept_errors():
        rater = session.signed_in()
        passwords.change(session.database(), rater, new, present=present, keep=session.cookie())
        given[DONE] = True
