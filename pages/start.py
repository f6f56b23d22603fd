"""Start: whether the judge can be trusted, where the work stands, and what to do next."""

import streamlit as st

from annotate import rounds
from annotate.ui import messages, overview, session

lead = session.require_lead()
st.title("Can we still trust our judge?")
messages.show_kept()
with messages.shown_errors():
    overview.show_demo()
    with session.database().read() as db:
        known = rounds.list_rounds(db, by=lead)
        overview.show_next_step(db, known, lead)
        answer = st.container()
        overview.show_rounds(db, known, lead)
        # The statistics take a moment to load and to reckon: the rest of the page is there before.
        with answer, messages.shown_errors():
            from annotate.ui import standing

            standing.show(db, known, lead)
