"""Launching a round, step by step: the choices, what they will show, the preview, the launch."""

from typing import Any

import streamlit as st

from annotate import rounds
from annotate.design import checked
from annotate.errors import Conflict
from annotate.planned import Plan
from annotate.preview import preview
from annotate.ui import launch_form, launch_outlook, messages, session, strata
from annotate.ui.launch_kinds import KINDS, KINDS_HELP, RATE

PREVIEW = "launch_preview"


def show() -> None:
    """The whole of launching, from the choice of outputs to the frozen round."""
    among = launch_form.choices()
    if not among.sizes:
        st.info("A round draws from outputs, and there are none yet. Import some first.")
        st.page_link("../pages/outputs.py", label="Import outputs", icon=":material/inbox:")
        return
    kind = st.segmented_control(
        "Kind of round", list(KINDS), default=RATE, key="launch_kind", help=KINDS_HELP
    )
    if kind is not None and kind != RATE:
        st.caption(KINDS[kind])
    left, right = st.columns([3, 2], gap="large")
    with left:
        fields = launch_form.fields(among, kind or RATE)
    with right:
        plan = launch_outlook.show(fields, among.names)
    st.subheader("5. Preview and launch")
    if st.button("Preview the sample", type="secondary", disabled=plan is None):
        st.session_state.pop(PREVIEW, None)
        checked(**fields)  # the plan stands for a round without a name too
        if plan is not None:
            st.session_state[PREVIEW] = (fields, rounds.planned_document(plan)["hash"])
    if plan is None:
        st.caption("What is still missing stands under “What it will show”.")
        return
    if st.session_state.get(PREVIEW, (None,))[0] != fields:
        st.caption("Preview the sample; then it can be launched.")
        return
    seen = st.session_state[PREVIEW][1]
    _show_sample(plan, seen)
    st.write("Launching freezes all of this. The round can be closed later, never edited.")
    if st.button("Launch", type="primary"):
        _launch(fields, seen)


def _show_sample(plan: Plan, hash_: str) -> None:
    """Every unit that would be drawn, and each stratum with how many of it are."""
    st.subheader("The sample")
    with session.lead_reads() as (db, lead):
        units = preview(db, plan, by=lead)
    st.dataframe(
        [
            {"key": u.key, "segment": u.segment, "purpose": u.purpose, "input": u.input}
            for u in units
        ],
        hide_index=True,
        width="stretch",
        key="launch_sample",
    )
    strata.show(plan.strata)
    each = round(plan.assignments / len(plan.design.raters))
    st.caption(
        messages.as_plain_text(
            f"{len(plan.units)} units, {plan.assignments} submissions, about {each} for each "
            f"rater. Design {hash_[:12]}"
        )
    )


def _launch(fields: dict[str, Any], seen: str) -> None:
    """Launch what was previewed, and nothing else."""
    with session.lead_writes() as (db, lead):
        plan = rounds.plan_round(db, checked(**fields), by=lead)
        if rounds.planned_document(plan)["hash"] != seen:
            del st.session_state[PREVIEW]
            raise Conflict(
                "the outputs, anchors or rubric changed since the preview, so nothing was "
                "launched; preview the sample again"
            )
        name = rounds.launch_plan(db, plan, by=lead).name
    del st.session_state[PREVIEW]
    st.session_state["round_launched"] = name
    st.rerun()
