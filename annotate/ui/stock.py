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
from db.tables import Output

PAGE = 50
FILES = "outputs_files"


def show_listing() -> None:
    """The outputs, filtered and page by page, and the one that is chosen."""
    with session.lead_reads() as (db, lead):
        sizes = outputs.segments(db, by=lead)
        if not sizes:
            st.info("No outputs yet. Import some: the second tab takes JSON Lines, CSV or Parquet.")
            return
        segment, configuration, search = _filters(sizes, outputs.configurations(db, by=lead))
        page = int(st.session_state.get("outputs_page", 1))
        found = outputs.list_outputs(
            db,
            segment=segment,
            configuration=configuration,
            search=search,
            limit=PAGE + 1,
            offset=(page - 1) * PAGE,
            by=lead,
        )
    if not found:
        st.info("Nothing fits. Choose All, or clear the search.")
        return
    first = (page - 1) * PAGE + 1
    st.caption(f"Outputs {first} to {first + len(found[:PAGE]) - 1}, by id")
    picked = st.dataframe(
        [_row(output) for output in found[:PAGE]],
        column_config={
            "input": st.column_config.TextColumn(width="medium"),
            "response": st.column_config.TextColumn(width="medium"),
            "occurred": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
        },
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        placeholder="",
        key=f"outputs_table/{segment}/{configuration}/{search}/{page}",
    )
    if page > 1 or len(found) > PAGE:
        st.number_input(
            "Page",
            min_value=1,
            max_value=page + (len(found) > PAGE),
            value=1,
            key="outputs_page",
            width=140,
        )
    if picked.selection.rows:
        _show_one(found[picked.selection.rows[0]])
    else:
        st.caption("Choose a row to read the output.")


def _filters(
    segments: dict[str, int], configurations: dict[str, int]
) -> tuple[str | None, str | None, str | None]:
    """Segment, configuration and search; None is no filter."""
    left, middle, right = st.columns(3)
    with left:
        segment = _choice("Segment", segments)
    with middle:
        configuration = _choice("Configuration", configurations)
    search = right.text_input(
        "Search",
        key="outputs_search",
        placeholder="in id, input and response",
        on_change=_back_to_the_first_page,
    )
    return segment, configuration, search.strip() or None


def _choice(label: str, counts: dict[str, int]) -> str | None:
    """One of the names with its count, or None for all of them."""
    total = sum(counts.values())
    chosen = st.selectbox(
        label,
        ["", *counts],
        format_func=lambda name: f"{name} ({counts[name]})" if name else f"All ({total})",
        key=f"outputs_{label.lower()}",
        on_change=_back_to_the_first_page,
    )
    return chosen or None


def _back_to_the_first_page() -> None:
    st.session_state["outputs_page"] = 1


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
        name: _fact(value)
        for name, value in outputs.shown_fields(output).items()
        if name not in {"id", "input", "contexts", "response", "reference"}
    }
    viewer.show_output(
        input=output.input,
        contexts=output.contexts,
        response=output.response,
        reference=output.reference,
        facts=facts,
    )


def _fact(value: Any) -> Any:
    """Amounts by name on one line: `input 646, output 33`."""
    if isinstance(value, dict) and not any(isinstance(v, dict | list) for v in value.values()):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    return value


def show_import() -> None:
    """Upload, preview, mapping, what would happen, and then the import itself."""
    importing.show_finished(FILES)
    uploaded = importing.upload(
        "Files of outputs: JSON Lines, CSV or Parquet, also gzipped",
        key=FILES,
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

    def look() -> ImportPlan:
        with st.spinner("Reading the files"), session.lead_reads() as (db, lead):
            return outputs.plan_import(db, _rows(uploaded, segment), by=lead)

    plan = importing.planned(FILES, (*uploaded.said, segment), look)
    _show_plan(plan)
    skip = bool(plan.conflicting) and st.checkbox(
        "Leave the conflicting rows out", key="outputs_skip"
    )
    if not plan.new:
        st.caption("Nothing of it is new.")
    ready = plan.new and (skip or not plan.conflicting)
    if st.button(f"Import {plan.new} outputs", type="primary", disabled=not ready):
        stored = _import(uploaded, segment, plan, skip=skip)
        left = f"; {stored.conflicting} in conflict were left out" if stored.conflicting else ""
        importing.finish(
            FILES, f"Imported {stored.new} outputs; {stored.same} were there already{left}."
        )
        st.rerun()


def _import(uploaded: Upload, segment: str, plan: ImportPlan, *, skip: bool) -> ImportPlan:
    progress = importing.bar("rows")
    with session.lead_writes() as (db, lead):
        return outputs.import_outputs(
            db,
            _rows(uploaded, segment),
            by=lead,
            skip_conflicts=skip,
            progress=progress,
            total=plan.rows,
        )


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
            f"{plan.conflicting} {'row has' if plan.conflicting == 1 else 'rows have'} the id of a "
            "stored output and other content. Stored outputs are never overwritten: give changed "
            "outputs a new id, or leave them out."
        )
        listed = len(plan.conflicts)
        if plan.conflicting > listed:
            st.caption(f"The first {listed} of them, with both versions:")
        st.dataframe(
            [
                {
                    "row": c.row,
                    "id": c.key,
                    "field": name,
                    "stored": viewer.as_text(c.stored.get(name) or ""),
                    "offered": viewer.as_text(c.offered.get(name) or ""),
                }
                for c in plan.conflicts
                for name in c.fields
            ],
            hide_index=True,
            width="stretch",
        )
