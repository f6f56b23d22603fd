"""What one round's page draws: progress, the frozen design, ratings in and out, closing."""

import io
import json

import streamlit as st

from annotate import exchange, rating_rows, rounds
from annotate.exchange import RatingPlan
from annotate.progress import Progress
from annotate.ui import importing, messages, session
from db.tables import Rater, Round

REQUIRED = ("output_id", "rater", "criterion", "value")


def show(round_: Round, lead: Rater) -> None:
    """Everything about one round."""
    with session.database().read() as db:
        done = rounds.progress(db, round_)
    # Not in the select box: the browser would go on showing the words that were chosen.
    st.badge(round_.status, color="green" if round_.status == "open" else "gray")
    _show_progress(done)
    _next_step(round_, done)
    with st.expander("Import ratings: people, judges, metrics"), messages.shown_errors():
        _show_import(round_, lead)
    with st.expander("Export ratings"), messages.shown_errors():
        _show_export(round_)
    with st.expander("The frozen design"):
        _show_design(round_)
    if round_.status == "open":
        _show_closing(round_, lead, done)


def _show_progress(done: Progress) -> None:
    share = done.submitted / max(1, done.assignments)
    st.progress(share, text=f"{done.submitted} of {done.assignments} ratings of a unit submitted")
    left, right = st.columns(2, gap="large")
    left.dataframe(
        [
            {
                "segment": segment,
                "units": counts["units"],
                "done": counts["done"],
                "progress": counts["submitted"] / max(1, counts["assignments"]),
            }
            for segment, counts in done.by_segment.items()
        ],
        column_config={
            "progress": st.column_config.ProgressColumn(
                "submitted", format="percent", min_value=0, max_value=1
            )
        },
        hide_index=True,
        width="stretch",
    )
    right.dataframe(
        [
            {
                "rater": name,
                "submitted": r.submitted,
                "skipped": r.skipped,
                "flagged": r.flagged,
                "open": r.claimed,
                "seconds a unit": round(r.seconds / r.submitted) if r.submitted else None,
            }
            for name, r in done.by_rater.items()
        ],
        hide_index=True,
        width="stretch",
    )
    if done.notes:
        st.caption("Flags and skips")
        st.dataframe(done.notes, hide_index=True, width="stretch")


def _next_step(round_: Round, done: Progress) -> None:
    if round_.status == "open" and done.submitted < done.assignments:
        st.caption("Hand each rater their personal link; they find the round under Rate.")
        st.page_link("../pages/people.py", label="Personal links", icon=":material/group:")
    elif round_.status == "open":
        st.caption("Every unit has its ratings: close the round.")
    else:
        with st.container(horizontal=True):
            for page, label in (
                ("agreement", "Agreement"),
                ("calibration", "Calibration"),
                ("adjudicate", "Adjudicate"),
                ("gold", "Gold"),
            ):
                st.page_link(f"../pages/{page}.py", label=label)


def _show_import(round_: Round, lead: Rater) -> None:
    if said := st.session_state.pop(f"ratings_imported/{round_.id}", None):
        st.success(said)
    uploaded = importing.upload(
        "A file of ratings: JSON Lines, CSV or Parquet, also gzipped",
        key=f"ratings_file/{round_.id}",
        fields=rating_rows.FIELDS,
        required=REQUIRED,
        suggest=rating_rows.suggest_mapping,
        several=False,
    )
    if uploaded is None:
        return
    kind = st.selectbox("Whose ratings, where rows do not say", ("human", "judge", "metric"),
                        key=f"ratings_kind/{round_.id}")  # fmt: skip
    add = st.checkbox("Add raters that are not known yet", key=f"ratings_add/{round_.id}")
    correct = st.checkbox(
        "Store differing values as corrections that supersede", key=f"ratings_correct/{round_.id}"
    )

    def step(*, dry_run: bool) -> RatingPlan:
        file = uploaded.files[0]
        with session.database().write() as db:
            return exchange.import_ratings(
                db,
                file,
                round=rounds.get_round(db, round_.name),
                kind=kind,
                mapping=uploaded.mapping,
                add_raters=add,
                correct=correct,
                dry_run=dry_run,
                name=file.name,
                by=lead,
            )

    with st.spinner("Reading the file"):
        plan = step(dry_run=True)
    _show_plan(plan)
    ready = plan.new > 0 and not (plan.conflicting and not correct)
    if st.button(f"Import {plan.new} ratings", type="primary", disabled=not ready):
        with st.status("Importing ratings") as status:
            stored = step(dry_run=False)
            status.update(label="Imported", state="complete")
        st.session_state[f"ratings_imported/{round_.id}"] = (
            f"Imported {stored.new} ratings; {stored.same} were there already."
        )
        st.rerun()


def _show_plan(plan: RatingPlan) -> None:
    with st.container(horizontal=True):
        st.metric("New", plan.new, border=True)
        st.metric("Stored already", plan.same, border=True)
        st.metric("In conflict", plan.conflicting, border=True)
        st.metric("Units submitted", plan.assignments, border=True)
    if plan.raters:
        st.caption(messages.as_plain_text(f"New raters: {', '.join(plan.raters)}"))
    if plan.outside:
        st.caption(f"{plan.outside} are of outputs outside the round and are kept beside it.")
    if plan.extra:
        st.caption(f"{plan.extra} units have all their ratings; theirs are kept, not counted.")
    if plan.conflicts:
        st.dataframe(
            [
                {
                    "row": c.row,
                    "rater": c.rater,
                    "unit": c.unit,
                    "criterion": c.criterion,
                    "stored": c.stored,
                    "offered": c.offered,
                }
                for c in plan.conflicts
            ],
            hide_index=True,
            width="stretch",
        )


def _show_export(round_: Round) -> None:
    format_ = st.selectbox("Format", ("csv", "jsonl", "parquet"), key=f"export/{round_.id}")

    def content() -> bytes:
        stream = io.BytesIO()
        with session.database().read() as db:
            exchange.write_ratings(db, rounds.get_round(db, round_.name), stream, format_)
        return stream.getvalue()

    st.download_button(
        "Download the ratings",
        content,
        file_name=f"{round_.name}.{format_}",
        on_click="ignore",
    )


def _show_design(round_: Round) -> None:
    design = round_.design
    seen = ", ".join(design.get("shown", []))
    for words in (
        f"Rubric {design['rubric']['name']}@{design['rubric']['version']}, seed {round_.seed}, "
        f"overlap {round_.overlap}, allocation {design['allocate']}",
        f"Raters: {', '.join(design['raters'])}",
        f"Raters see: {seen}",
        f"Baseline: {design['baseline'] or 'none'}",
        f"Hash {round_.design_hash}",
    ):
        st.text(words)
    with session.database().read() as db:
        document = rounds.design_document(db, round_)
    st.download_button(
        "Download the design document",
        json.dumps(document, ensure_ascii=False, indent=2),
        file_name=f"{round_.name}.design.json",
        mime="application/json",
        on_click="ignore",
    )


def _show_closing(round_: Round, lead: Rater, done: Progress) -> None:
    with st.popover("Close the round"):
        missing = done.assignments - done.submitted
        if missing:
            st.warning(f"{missing} ratings of a unit are still to come; they would stay missing.")
        st.write("A closed round takes no more ratings. It cannot be opened again.")
        if st.button("Close it now", type="primary", key=f"close/{round_.id}"):
            with messages.shown_errors():
                with session.database().write() as db:
                    rounds.close_round(db, round_.name, by=lead)
                st.rerun()
