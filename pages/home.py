"""My work: what I have done in each round, to be searched and corrected, and my own card."""

import streamlit as st

from annotate import own_history, rounds
from annotate.ui import messages, own_password, own_work, session

rater = session.require_rater()
st.title("My work")
messages.show_kept()
with messages.shown_errors():
    with session.database().read() as db:
        mine = [
            (round_, rounds.rubric_of(db, round_)) for round_ in own_history.worked_in(db, rater)
        ]
    own_work.show(rater, mine)
    own_password.show(rater)
