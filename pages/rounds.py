"""Rounds: launch, watch, ratings in and out, close."""

import streamlit as st

from annotate import rounds
from annotate.ui import launching, messages, round_list, round_view, session

lead = session.require_lead()
st.title("Rounds")
if launched := st.session_state.pop("round_launched", None):
    st.success(messages.as_plain_text(f"{launched} is launched."))
    st.session_state["rounds_round"] = launched
watch, launch = st.tabs(["Watch", "Launch a round"])
with watch, messages.shown_errors():
    with session.database().read() as db:
        known = rounds.list_rounds(db, by=lead)
        if len(known) > 1:
            round_list.show(db, known, lead)
    if known:
        name = st.selectbox("Round", [r.name for r in known], key="rounds_round")
        round_view.show(next(r for r in known if r.name == name))
    else:
        st.info("No round yet. The second tab launches one.")
with launch, messages.shown_errors():
    launching.show()
