"""Rate: one unit in the middle, the form beside it."""

import streamlit as st

from annotate.ui import messages, rating, session

round = rating.choose_round(session.require_rater())
if round is None:
    messages.show_kept()
    st.subheader("No round is open")
    st.write("When a lead launches a round with you in it, it appears here.")
else:
    rating.draw(round)
