"""Gold: promote a round's consensus, compare with a golden dataset, merge into it."""

import streamlit as st

from annotate import gold, rounds
from annotate.ui import choose, golden, messages, session

lead = session.require_lead()
st.title("Gold")
st.caption("Labels that the team accepts, with where they came from.")
with messages.shown_errors(), session.database().read() as db:
    closed = [r for r in rounds.list_rounds(db, by=lead) if r.status == "closed"]
    labels = gold.list_gold(db, by=lead)

promote, listing, dataset = st.tabs(["Promote", f"In force ({len(labels)})", "Golden dataset"])
with promote:
    if not closed:
        st.info("Gold comes from closed rounds. Close a round on the page Rounds first.")
    else:
        round_ = choose.chosen_round(closed, key="gold_round")
        kind = st.selectbox("Kind", gold.KINDS, key="gold_kind")
        assert round_ is not None
        with messages.shown_errors(), session.database().read() as db:
            preview = gold.promote(db, round_, kind=kind, by=lead, dry_run=True)
        golden.show_promotion(preview)
        replace = bool(preview.conflicts) and st.checkbox("Replace them", key="gold_replace")
        ready = preview.added or preview.changed or replace
        if st.button("Promote", type="primary", disabled=not ready):
            with messages.shown_errors(), session.lead_writes() as (db, lead):
                again = rounds.get_round(db, round_.name)
                gold.promote(db, again, kind=kind, replace=replace, by=lead)
            st.rerun()
with listing:
    golden.show_labels(labels)
with dataset:
    golden.show_merge()
