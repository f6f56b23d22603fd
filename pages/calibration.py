"""Calibration: can the judge be trusted, on what, where not, and why?"""

import streamlit as st

from annotate import rounds
from annotate.reports.calibration import judges_of
from annotate.ui import calibration, choose, figures, matrix, messages, reports, session

CRITERION, SEGMENT = "calibration_criterion", "calibration_segment"

lead = session.require_lead()
st.title("Calibration")
st.caption("The judge compared with people who rated the same units blind.")
with messages.shown_errors(), session.database().read() as db:
    round_ = choose.chosen_round(rounds.list_rounds(db, by=lead), key="calibration_round")
    if round_ is None:
        st.stop()
    judges = judges_of(db, round_, by=lead)
    if not judges:
        calibration.show_how_to_score(round_)
        st.stop()
    judge = st.selectbox("Judge", judges, key="calibration_judge", width=420)
    report = reports.calibration(db, round_, judge, by=lead)
    if not report.rows:
        st.info("Nobody has rated a unit that this judge scored.")
        st.stop()
    calibration.show_left_out(report)
    matrix.show(report.rows, key="calibration_matrix", chosen=(CRITERION, SEGMENT))
    criterion = choose.chosen_criterion(
        list(dict.fromkeys(row.criterion for row in report.rows)), key=CRITERION
    )
    rows = [row for row in report.rows if row.criterion == criterion]
    floors = reports.floors(db, round_, judges, by=lead)
    calibration.show_criterion(rows, floors)
    row = calibration.chosen_row(rows, key=SEGMENT)
    calibration.show_row(row)
    with st.expander("Where judge and people differ, unit by unit", expanded=True):
        calibration.show_disagreements(db, round_, row, lead)
    with st.expander("May it stand in for a person?"):
        calibration.show_alternative(row.alternative)
    with st.expander("On what its error depends"):
        calibration.show_dependence(row)
    with st.expander("Every figure"):
        calibration.show_figures(rows)
    figures.download(report.as_json(), f"calibration-{round_.name}.json")
