"""Drift: did the judge move, did the raters move, or did the traffic move?"""

import streamlit as st

from annotate import rounds
from annotate.ui import choose, drifting, figures, messages, reports, session

lead = session.require_lead()
st.title("Drift")
st.caption(
    "Two rounds compared on the anchors that both have: did the judge move, did the raters move, "
    "or did the traffic move?"
)
with messages.shown_errors(), session.database().read() as db:
    known = rounds.list_rounds(db, by=lead)
    round_ = choose.chosen_round(known, key="drift_round")
    if round_ is None:
        st.stop()
    judge, baseline = drifting.chosen(db, known, round_, lead)
    if judge is None:
        st.stop()
    if baseline is not None:
        report = reports.drift(db, baseline.name, round_, judge, by=lead)
        if report.rows:
            criterion = choose.chosen_criterion(
                list(dict.fromkeys(row.criterion for row in report.rows)), key="drift_criterion"
            )
            found = [row for row in report.rows if row.criterion == criterion]
            drifting.show_verdicts(found, report.facts)
            row = drifting.chosen_row(found)
            st.header("The four contrasts")
            drifting.show_contrasts(row)
            st.header("Units that moved most")
            drifting.show_moved(db, baseline, round_, judge, row, lead)
            figures.download(report.as_json(), f"drift-{baseline.name}-{round_.name}.json")
            st.header("From round to round")
            drifting.show_timeline(reports.timeline(db, round_, judge, by=lead), row)
        else:
            drifting.show_nothing(report)
    st.header("Between rounds")
    drifting.show_between(db, round_, judge, lead)
