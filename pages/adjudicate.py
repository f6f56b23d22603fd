"""Disagreement desk: what raters dispute by its likeliest cause, and the lead's decision."""

import streamlit as st

from annotate import outputs, pairs, progress, rounds
from annotate.reports import causes
from annotate.ui import choose, disagreeing, dispute, ideal_answers, messages, reports, session

lead = session.require_lead()
st.title("Adjudicate")
st.caption("Units that raters see differently. Your decision is a rating of its own.")
messages.show_kept(far=True)
with messages.shown_errors(), session.database().read() as db:
    round_ = choose.chosen_round(rounds.list_rounds(db, by=lead), key="adjudicate_round")
    if round_ is None:
        st.stop()
    settled = st.toggle("Show settled ones too", key="adjudicate_settled")
    found = causes.explained(db, round_, by=lead, settled=settled)
    ideal_answers.show(round_)
    cause = dispute.chosen_cause(found)
    if cause == dispute.ALONE:
        disagreeing.show_alone(reports.judge_alone(db, round_, by=lead), round_)
        st.stop()
    if not found:
        if progress.progress(db, round_, by=lead).done:
            st.success("Nothing waits for a decision in this round.")
        else:
            st.info(
                "Nothing waits for a decision yet: no unit of this round has all its ratings. What "
                "raters differ about stands here as soon as two have rated it."
            )
        st.stop()
    found = [one for one in found if cause in (dispute.ALL, one.cause)]
    if not found:
        st.success("Nothing of this cause waits for a decision.")
        st.stop()
    one = dispute.chosen(found)
    rubric = rounds.rubric_of(db, round_)
    left, right = st.columns([3, 2], gap="large")
    with left:
        unit = one.dispute.decision
        dispute.show_output(
            outputs.get_output(db, unit.output, by=lead), pairs.rival_of(db, round_, unit.unit)
        )
    with right:
        dispute.show_evidence(one)
        dispute.show_sides(one.dispute, rubric)
        dispute.decision_form(one.dispute, rubric, round_)
