"""The rubric of a round to be launched: which one, what it asks, and one of the lead's own."""

import streamlit as st

from annotate import rubric, rubric_file, rubric_versions
from annotate.ui import messages, session

ADDED = "rubric_added"


def choose(stored: list[str]) -> str:
    """The chosen rubric; stored: those of the workspace, as NAME@VERSION."""
    _add_rubric()
    builtin = [
        name
        for name in rubric.builtin_names()
        if not any(known.startswith(f"{name}@") for known in stored)
    ]
    chosen = st.selectbox("Rubric", stored + builtin, key="launch_rubric")
    _show_rubric(chosen)
    return chosen


def _add_rubric() -> None:
    if added := st.session_state.pop(ADDED, None):
        st.success(messages.as_plain_text(f"{added} is in the workspace and chosen below."))
    with st.expander("Add a rubric of your own"):
        file = st.file_uploader("Rubric file (YAML)", type=["yaml", "yml"], key="rubric_file")
        if file is None or not st.button("Add this rubric"):
            return
        # What is refused is told here, and the rest of the form stays.
        with messages.shown_errors():
            with session.lead_writes() as (db, lead):
                text = rubric_file.decoded(file.getvalue(), file.name)
                row = rubric_versions.add_rubric(db, text, source_name=file.name, by=lead)
                said = f"{row.name}@{row.version}"
            st.session_state[ADDED] = st.session_state["launch_rubric"] = said
            st.rerun()


def _show_rubric(name: str) -> None:
    with session.database().read() as db:
        found = rubric_versions.loaded(rubric_versions.get_rubric(db, name))
    with st.expander(messages.as_plain_text(f"What it asks: {found.title}")):
        for criterion in found.criteria:
            st.text(f"{criterion.id} ({criterion.scale}): {criterion.question}")
            choices = [f"{p.value:g} {p.label}" for p in criterion.points]
            choices += [option.label for option in criterion.options]
            if choices:
                st.caption(messages.as_plain_text(" · ".join(choices)))
