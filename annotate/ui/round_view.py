"""What one round's page draws: progress, the frozen design, ratings in and out, closing."""

import io
import json

import streamlit as st
from sqlmodel import Session

from annotate import design_words, exchange, outputs, rating_rows, rounds
from annotate.exchange import RatingPlan
from annotate.planned import StratumPlan
from annotate.progress import Progress
from annotate.reports.document import round_document
from annotate.ui import importing, messages, round_kinds, session, strata, watching
from db.tables import Rater, Round

REQUIRED = ("output_id", "rater", "criterion", "value")


def show(round_: Round) -> None:
    """Everything about one round."""
    with session.lead_reads() as (db, lead):
        done = rounds.progress(db, round_, by=lead)
        hidden = rounds.kept_from(round_, lead)
    # Not in the select box: the browser would go on showing the words that were chosen.
    st.badge(round_.status, color="green" if round_.status == "open" else "gray")
    _next_step(round_, done)
    watching.show(round_, hidden=hidden)
    with messages.shown_errors():
        round_kinds.show(round_, hidden=hidden)
    if hidden:
        st.caption(
            "You rate in this round, and would see what others say: agreement, raters, ratings "
            "and the report are shown once it is closed."
        )
    # Worked out when it is asked for: a folded part would cost its time at every run.
    elif st.toggle("Raters side by side", key=f"panel_shown/{round_.id}"):
        with messages.shown_errors():
            watching.show_panel(round_)
    with st.expander("Import ratings: people, judges, metrics"), messages.shown_errors():
        _show_import(round_)
    if not hidden:
        with st.expander("Export ratings"), messages.shown_errors():
            _show_export(round_)
        _show_report(round_)
    with st.expander("The frozen design"):
        _show_design(round_)
    if round_.status == "open":
        _show_closing(round_, done)


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


def _show_import(round_: Round) -> None:
    key = f"ratings_file/{round_.id}"
    importing.show_finished(key)
    uploaded = importing.upload(
        "A file of ratings: JSON Lines, CSV or Parquet, also gzipped",
        key=key,
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

    def step(
        db: Session, lead: Rater, *, dry_run: bool, progress: outputs.Progress | None = None
    ) -> RatingPlan:
        file = uploaded.files[0]
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
            progress=progress,
            by=lead,
        )

    def look() -> RatingPlan:
        with st.spinner("Reading the file"), session.lead_reads() as (db, lead):
            return step(db, lead, dry_run=True)

    plan = importing.planned(key, (*uploaded.said, kind, add, correct), look)
    _show_plan(plan)
    ready = plan.new > 0 and not (plan.conflicting and not correct)
    if st.button(f"Import {plan.new} ratings", type="primary", disabled=not ready):
        progress = importing.bar("ratings")
        with session.lead_writes() as (db, lead):
            stored = step(db, lead, dry_run=False, progress=progress)
        importing.finish(key, f"Imported {stored.new} ratings; {stored.same} were there already.")
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
    if plan.corrected:
        st.caption(f"{plan.corrected} of the new ones are corrections that supersede a rating.")
    for what, count in sorted(plan.irregular.items()):
        st.caption(messages.as_plain_text(f"{what} in {count} submissions, taken as they are."))
    if plan.ignored:
        said = ", ".join(f"{name} ({n} rows)" for name, n in sorted(plan.ignored.items()))
        st.caption(messages.as_plain_text(f"Columns that are no field and are not read: {said}"))
    if plan.conflicting:
        st.warning(
            f"{plan.conflicting} {'row contradicts' if plan.conflicting == 1 else 'rows contradict'}"
            " stored ratings. Nothing of the file is stored unless the differing values are stored "
            "as corrections."
        )
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

    def content(lead: Rater) -> bytes:
        stream = io.BytesIO()
        file = f"{round_.name}.{format_}"
        with session.database().read() as db:
            found = rounds.get_round(db, round_.name)
            count = exchange.write_ratings(db, found, stream, format_, by=lead)
        with session.database().write() as db:
            exchange.record_export(db, found, file, count, by=lead)
        return stream.getvalue()

    st.download_button(
        "Download the ratings",
        session.later(content),
        file_name=f"{round_.name}.{format_}",
        on_click="ignore",
    )


def _show_report(round_: Round) -> None:
    def content(lead: Rater) -> str:
        with session.database().read() as db:
            return round_document(db, rounds.get_round(db, round_.name), by=lead)

    st.download_button(
        "Download the report (HTML)",
        session.later(content),
        file_name=f"{round_.name}.html",
        mime="text/html",
        on_click="ignore",
        help="One file that prints well: design, agreement, judges, raters, disputes",
    )


def _show_design(round_: Round) -> None:
    for sentence in design_words.sentences(round_.design):
        st.text(sentence)
    strata.show(StratumPlan(**stratum) for stratum in round_.design["strata"])
    st.caption("The hash of all of this, unit by unit")
    st.code(round_.design_hash, language=None, wrap_lines=True)

    def document(lead: Rater) -> str:
        with session.database().read() as db:
            found = rounds.design_document(db, rounds.get_round(db, round_.name), by=lead)
        return json.dumps(found, ensure_ascii=False, indent=2)

    st.download_button(
        "Download the design document",
        session.later(document),
        file_name=f"{round_.name}.design.json",
        mime="application/json",
        on_click="ignore",
        help="Launches the same round elsewhere: `annotate round launch --from FILE`",
    )


def _show_closing(round_: Round, done: Progress) -> None:
    with st.popover("Close the round"):
        missing = done.assignments - done.submitted
        if missing:
            st.warning(f"{missing} ratings of a unit are still to come; they would stay missing.")
        st.write("A closed round takes no more ratings. It cannot be opened again.")
        if st.button("Close it now", type="primary", key=f"close/{round_.id}"):
            with messages.shown_errors():
                with session.lead_writes() as (db, lead):
                    rounds.close_round(db, round_.name, by=lead)
                st.rerun()
