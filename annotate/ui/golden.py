"""What the gold page draws: a promotion, the labels in force, a merge into a dataset."""

import streamlit as st

from annotate import gold, gold_file
from annotate.gold import GoldLabel, Promotion
from annotate.ui import messages, session


def show_promotion(preview: Promotion) -> None:
    """What a promotion would do, with what stays out and why."""
    with st.container(horizontal=True):
        st.metric("New labels", preview.added, border=True)
        st.metric("Changed labels", preview.changed, border=True)
        st.metric("As before", preview.same, border=True)
        st.metric("In conflict", len(preview.conflicts), border=True)
        st.metric("Left out", sum(preview.left.values()), border=True)
    for reason, count in sorted(preview.left.items()):
        st.caption(f"{count} left out: {messages.as_plain_text(reason)}.")
    if preview.conflicts:
        st.warning("Labels of other rounds say something else. They stay in force unless replaced.")
        st.dataframe(
            [
                {
                    "output": c.output,
                    "criterion": c.criterion,
                    "in force": f"{c.in_force} ({c.how}, {c.round})",
                    "offered": f"{c.offered} ({c.offered_how})",
                }
                for c in preview.conflicts
            ],
            hide_index=True,
            width="stretch",
        )
    if any("disput" in reason or "tie" in reason for reason in preview.left):
        st.page_link("../pages/adjudicate.py", label="Settle disputes", icon=":material/gavel:")


def show_labels(labels: list[GoldLabel]) -> None:
    """The labels in force, with their votes."""
    if not labels:
        st.info("No gold yet. Promote the consensus of a closed round.")
        return
    st.dataframe(
        [
            {
                "output": label.output,
                "segment": label.segment,
                "criterion": label.criterion,
                "value": label.value,
                "label": label.label,
                "how": label.how,
                "votes": ", ".join(f"{value}: {n}" for value, n in label.votes.items()),
                "agreement": f"{label.agreement:.0%}",
                "kind": label.kind,
                "round": label.round,
            }
            for label in labels
        ],
        hide_index=True,
        width="stretch",
    )


def show_merge() -> None:
    """Download a new dataset, or bring the gold into one that is uploaded."""
    kind = st.selectbox("Kind", ("all", *gold.KINDS), key="export_kind")
    wanted = None if kind == "all" else kind
    uploaded = st.file_uploader(
        "An existing golden dataset (JSON Lines), to merge into", type=["jsonl"], key="golden_file"
    )
    name = uploaded.name if uploaded else "golden.jsonl"
    resolve = None
    with messages.shown_errors():
        text = gold.decoded(uploaded.getvalue(), name) if uploaded else ""
        with session.lead_reads() as (db, lead):
            merge = gold.merged(db, text, name=name, kind=wanted, by=lead)
        if merge.conflicts:
            _show_conflicts(merge)
            resolve = st.radio(
                "Who wins these conflicts?",
                gold.RESOLVE,
                index=None,
                horizontal=True,
                key="golden_resolve",
            )
            if resolve is None:
                return
        _show_changes(merge)
        if st.button("Prepare the file", type="primary"):
            with session.lead_writes() as (db, lead):
                merge = gold.merged(
                    db, text, name=name, kind=wanted, resolve=resolve, stamp=True, by=lead
                )
            st.session_state["golden_text"] = merge.text
        if (ready := st.session_state.get("golden_text")) is not None:
            st.download_button(
                f"Download {messages.as_plain_text(name)}",
                ready,
                file_name=name,
                mime="application/jsonl",
                on_click="ignore",
            )
            st.caption(f"SHA-256 {gold_file.file_hash(ready)}")


def _show_changes(merge: gold_file.Merge) -> None:
    with st.container(horizontal=True):
        st.metric("Lines added", len(merge.added), border=True)
        st.metric("Lines changed", len(merge.changed), border=True)
        st.metric("The same", len(merge.same), border=True)
        st.metric("Of others, kept", merge.kept, border=True)


def _show_conflicts(merge: gold_file.Merge) -> None:
    st.warning(f"{len(merge.conflicts)} conflicts: the file and the workspace differ.")
    st.dataframe(
        [
            {
                "id": c.id,
                "line": c.line,
                "field": c.field,
                "in the file": gold_file.canonical(c.in_file),
                "in the workspace": gold_file.canonical(c.in_workspace),
            }
            for c in merge.conflicts
        ],
        hide_index=True,
        width="stretch",
    )
