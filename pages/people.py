"""People: who rates and who leads, and the judges and metrics beside them."""

import streamlit as st

from annotate.ui import messages, panel, session

session.require_lead()
st.title("People")
messages.show_kept(far=True)
with messages.shown_errors():
    panel.show_people()
st.header("Add a person")
with messages.shown_errors():
    panel.show_adding()
st.header("Judges and metrics")
with messages.shown_errors():
    panel.show_automated()
