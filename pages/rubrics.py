"""Rubrics: try a change on ratings that are there before it is made, and compare versions."""

import streamlit as st

from annotate import rounds, rubric_versions
from annotate.ui import choose, messages, rubric_lab, session

lead = session.require_lead()
st.title("Rubrics")
st.caption(
    "Try a coarser scale on ratings that are there already, before anybody rates again; and see "
    "what two versions differ in."
)
trying, versions = st.tabs(["Try a change", "Versions"])
with trying, messages.shown_errors(), session.database().read() as db:
    round_ = choose.chosen_round(rounds.list_rounds(db, by=lead), key="lab_round")
    if round_ is not None:
        rubric_lab.show_lab(db, round_, lead)
with versions, messages.shown_errors(), session.database().read() as db:
    rubric_lab.show_versions(db, rubric_versions.list_rubrics(db, by=lead), lead)
