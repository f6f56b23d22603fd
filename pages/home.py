"""My work: what I have done in each round, newest first."""

import streamlit as st

from annotate import desk, rounds
from annotate.ui import messages, own_work, session

rater = session.require_rater()
st.title("My work")
with messages.shown_errors(), session.database().read() as db:
    mine = [(round_, desk.history(db, rater, round_)) for round_ in rounds.list_rounds(db)]
    own_work.show([(round_, units) for round_, units in mine if units])
