"""Outputs: what was produced, and the import of more."""

import streamlit as st

from annotate.ui import messages, session, stock

session.require_lead()
st.title("Outputs")
st.caption("What the system produced: the material from which rounds draw their units.")
listing, more = st.tabs(["Outputs", "Import"])
with listing, messages.shown_errors():
    stock.show_listing()
with more, messages.shown_errors():
    stock.show_import()
