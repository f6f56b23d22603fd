"""Adjudication: what raters dispute, every side of it, and the lead's decision with a reason."""

import streamlit as st

from annotate import adjudication, outputs, pairs, rounds
from annotate.ui import choose, dispute, ideal_answers, messages, session

lead = session.require_lead()
st.title("Adjudicate")
st.caption("Units that raters see differently. Your decision is a rating of its own.")
messages.show_kept()
with messages.shown_errors(), session.database().read() as db:
    round_ = choose.chosen_round(rounds.list_rounds(db, by=lead), key="adjudicate_round")
    if round_ is None:
        st.stop()
    settled = st.toggle("Show settled ones too", key="adjudicate_settled")
    found = adjudication.disputes(db, round_, by=lead, settled=settled)
    ideal_answers.show(round_)
    if not found:
        st.success("Nothing waits for a decision in this round.")
        st.stop()
    chosen = dispute.chosen(found)
    rubric = rounds.rubric_of(db, round_)
    left, right = st.columns([3, 2], gap="large")
    with left:
        unit = chosen.decision
        dispute.show_output(
            outputs.get_output(db, unit.output, by=lead), pairs.rival_of(db, round_, unit.unit)
        )
    with right:
        dispute.show_sides(chosen, rubric)
        dispute.decision_form(chosen, rubric, round_.name)
