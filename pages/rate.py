"""Rate: one unit in the middle, the form beside it."""

import streamlit as st

from annotate.ui import messages, rating, session

rater = session.require_rater()
messages.show_kept()
round = rating.choose_round(rater)
if round is None:
    st.subheader("No round is open")
    st.write("When a lead launches a round with you in it, it appears here.")
else:
    rating.draw(rater, round)
