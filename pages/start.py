"""Start: where the work stands and what to do next."""

import streamlit as st

from annotate import rounds
from annotate.ui import messages, overview, session, standing

lead = session.require_lead()
st.title("Can we still trust our judge?")
messages.show_kept()
with messages.shown_errors():
    overview.show_demo()
    with session.database().read() as db:
        known = rounds.list_rounds(db, by=lead)
        overview.show_next_step(db, known, lead)
        with messages.shown_errors():
            standing.show(db, known, lead)
        overview.show_rounds(db, known, lead)
