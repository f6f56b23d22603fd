"""Judges: what they are asked beside the rater's form, their runs, and the work on their prompt."""

import streamlit as st

from annotate.judge import judges
from annotate.ui import iterating, judge_running, judging, messages, session

session.require_lead()
st.title("Judges")
st.caption(
    "A judge grades by the very rubric that raters use, and is one more rater. A changed judge is "
    "another one: compare it with people on Calibration before you trust it."
)
with messages.shown_errors():
    judge = judging.chosen_judge()
    if judge is not None:
        judging.show_warnings(judge)
        grade, asked, work = st.tabs(["Grade a round", "What it is asked", "Work on it"])
        with grade, messages.shown_errors():
            judge_running.show_starting(judge)
            st.header("Runs")
            judge_running.show_runs()
        with asked, messages.shown_errors():
            judging.show_question(judge)
        with work, messages.shown_errors():
            iterating.show(judge)
st.header("Add a judge")
judging.show_adding()
with messages.shown_errors(), session.lead_reads() as (db, lead):
    table = judging.table_of(judges.list_judges(db, by=lead))
if table:
    st.header("All versions")
    st.dataframe(table, hide_index=True)
