"""What the outputs page draws: the outputs that are there, one of them, and their import."""

import itertools
from collections.abc import Iterator
from typing import Any

import streamlit as st

from annotate import outputs
from annotate.output_rows import FIELDS, REQUIRED, OutputRow, suggest_mapping
from annotate.outputs import ImportPlan
from annotate.ui import importing, messages, session, viewer
from annotate.ui.importing import Upload
from db.tables import Output, Rater

PAGE = 50
ALL = "All"


def show_listing() -> None:
    """The outputs, filtered and page by page, and the one that is chosen."""
    with session.database().read() as db:
        sizes = outputs.segments(db)
        if not sizes:
            st.info("No outputs yet. Import some: the second tab takes JSON Lines, CSV or Parquet.")
            return
        total = sum(sizes.values())
        names = [ALL, *sizes]
        left, right = st.columns(2)
        segment = left.selectbox(
            "Segment",
            names,
            format_func=lambda s: f"{s} ({total if s == ALL else sizes[s]})",
            key="outputs_segment",
        )
        search = right.text_input("Search", key="outputs_search", placeholder="id, input, response")
        chosen = None if segment == ALL else segment
        page = int(st.session_state.get("outputs_page", 1))
        found = outputs.list_outputs(
            db, segment=chosen, search=search or None, limit=PAGE + 1, offset=(page - 1) * PAGE
        )
    if not found:
        st.info("Nothing fits. Clear the search, or go back to the first page.")
    picked = st.dataframe(
        [_row(output) for output in found[:PAGE]],
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        key=f"outputs_table/{segment}/{search}/{page}",
    )
    if page > 1 or len(found) > PAGE:
        st.number_input("Page", min_value=1, value=1, key="outputs_page", width=140)
    if picked.selection.rows:
        _show_one(found[picked.selection.rows[0]])
    elif found:
        st.caption("Choose a row to read the output.")


def _row(output: Output) -> dict[str, object]:
    return {
        "id": output.key,
        "segment": output.segment,
        "configuration": output.configuration,
        "input": _in_a_line(output.input),
        "response": output.response[:120],
        "latency (ms)": output.latency_ms,
        "thumb": {1: "up", -1: "down"}.get(output.thumb or 0, ""),
        "regenerated": output.regenerated,
        "escalated": output.escalated,
        "occurred": output.occurred_at,
    }


def _in_a_line(input: Any) -> str:
    """The input, or what was said last in a conversation."""
    if isinstance(input, list) and input and isinstance(input[-1], dict):
        input = input[-1].get("content", "")
    return " ".join(viewer.as_text(input).split())[:120]


def _show_one(output: Output) -> None:
    st.subheader(messages.as_plain_text(output.key))
    facts = {
        name: value
        for name, value in outputs.shown_fields(output).items()
        if name not in {"id", "input", "contexts", "response", "reference"}
        and value not in (None, "", {}, [])
    }
    viewer.show_output(
        input=output.input,
        contexts=output.contexts,
        response=output.response,
        reference=output.reference,
        facts=facts,
    )


def show_import(lead: Rater) -> None:
    """Upload, preview, mapping, what would happen, and then the import itself."""
    if done := st.session_state.pop("outputs_imported", None):
        st.success(done)
    uploaded = importing.upload(
        "Files of outputs: JSON Lines, CSV or Parquet, also gzipped",
        key="outputs_files",
        fields=FIELDS,
        required=REQUIRED,
        suggest=suggest_mapping,
        several=True,
    )
    if uploaded is None:
        return
    segment = st.text_input(
        "Segment of rows that name none", key="outputs_default_segment", placeholder="optional"
    )
    with st.spinner("Reading the files"), session.database().read() as db:
        plan = outputs.plan_import(db, _rows(uploaded, segment))
    _show_plan(plan)
    skip = bool(plan.conflicting) and st.checkbox(
        "Leave the conflicting rows out", key="outputs_skip"
    )
    ready = plan.new and (skip or not plan.conflicting)
    if st.button(f"Import {plan.new} outputs", type="primary", disabled=not ready):
        bar = st.progress(0.0, text="Importing")

        def progress(done: int, total: int | None) -> None:
            bar.progress(min(1.0, done / (total or plan.rows or 1)), text=f"Importing: {done} rows")

        with session.database().write() as db:
            stored = outputs.import_outputs(
                db,
                _rows(uploaded, segment),
                by=lead,
                skip_conflicts=skip,
                progress=progress,
                total=plan.rows,
            )
        st.session_state["outputs_imported"] = (
            f"Imported {stored.new} outputs; {stored.same} were there already."
        )
        st.rerun()


def _rows(uploaded: Upload, segment: str) -> Iterator[tuple[int, OutputRow]]:
    return itertools.chain.from_iterable(
        outputs.read_outputs(
            file, name=file.name, mapping=uploaded.mapping, segment=segment.strip() or None
        )
        for file in uploaded.files
    )


def _show_plan(plan: ImportPlan) -> None:
    st.subheader("What would happen")
    with st.container(horizontal=True):
        st.metric("New", plan.new, border=True)
        st.metric("Stored already", plan.same, border=True)
        st.metric("In conflict", plan.conflicting, border=True)
    if plan.by_segment:
        said = ", ".join(f"{name}: {n}" for name, n in sorted(plan.by_segment.items()))
        st.caption(messages.as_plain_text(f"New by segment: {said}"))
    if plan.unknown:
        said = ", ".join(f"{name} ({n} rows)" for name, n in sorted(plan.unknown.items()))
        st.caption(messages.as_plain_text(f"Columns that go into metadata: {said}"))
    if plan.conflicting:
        st.warning(
            f"{plan.conflicting} rows have the id of a stored output and other content. Stored "
            "outputs are never overwritten: give changed outputs a new id, or leave the rows out."
        )
        st.dataframe(
            [
                {
                    "row": c.row,
                    "id": c.key,
                    "field": name,
                    "stored": viewer.as_text(c.stored.get(name)),
                    "offered": viewer.as_text(c.offered.get(name)),
                }
                for c in plan.conflicts
                for name in c.fields
            ],
            hide_index=True,
            width="stretch",
        )
