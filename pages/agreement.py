"""Agreement: how far the raters of a round coincide, per criterion and segment."""

import streamlit as st

from annotate import rounds
from annotate.ui import agreeing, choose, figures, messages, reports, session

lead = session.require_lead()
st.title("Agreement")
st.caption(
    "How far raters of the same units coincide beyond chance. Look at the lower end of the "
    "interval, and at every segment, before you trust the pooled figure."
)
with messages.shown_errors(), session.database().read() as db:
    round_ = choose.chosen_round(rounds.list_rounds(db, by=lead), key="agreement_round")
    if round_ is None:
        st.stop()
    report = reports.agreement(db, round_, by=lead)
    if not report.rows:
        st.info("Nobody has rated anything in this round yet.")
        st.stop()
    criterion = choose.chosen_criterion(
        list(dict.fromkeys(row.criterion for row in report.rows)), key="agreement_criterion"
    )
    rows = [row for row in report.rows if row.criterion == criterion]
    alphas = {choose.segment_name(row.segment): row.result.alpha for row in rows}
    figures.intervals(alphas, title="Krippendorff's alpha")
    coefficient = "AC1" if rows[0].result.level == "nominal" else "AC2"
    st.dataframe(
        [
            {
                "segment": choose.segment_name(row.segment),
                "units": row.result.n_units,
                "ratings": row.result.n_ratings,
                "alpha": figures.words(row.result.alpha),
                coefficient: figures.words(row.result.ac),
                "percent agreement": figures.words(row.result.percent, percent=True),
                "same rater twice": figures.words(row.repeats),
                "abstentions": row.abstained,
            }
            for row in rows
        ],
        hide_index=True,
        width="stretch",
    )
    st.caption("Units that were shown twice count once here; their repeats tell of each rater.")
    if st.toggle("Rater by rater", key="agreement_raters"):
        of_raters = next(
            (r for r in reports.raters(db, round_, by=lead).rows if r.criterion == criterion), None
        )
        if of_raters is not None:
            agreeing.show_raters(of_raters)
    with st.expander("What these figures mean"):
        st.markdown(
            f"""
- **Alpha** is 1 when raters always coincide and 0 when they do so as often as by chance; below
  0 they disagree systematically. Measured here at the {rows[0].result.level} level. Below 0.667
  Krippendorff advises against conclusions.
- **{coefficient}** (Gwet) stays readable where nearly all ratings are the same; alpha does not.
- **Percent agreement** ignores chance.
- **Same rater twice** compares a rater with themselves on units that were shown again.
- Every interval is a 95 % interval over units; raters are taken as they are.
"""
        )
    figures.download(report.as_json(), f"agreement-{round_.name}.json")
