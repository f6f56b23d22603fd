"""Uploading a file: its first rows, the mapping of its columns, and what would happen."""

import json
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from annotate.output_rows import preview
from annotate.outputs import Progress

Planned = TypeVar("Planned")

ABSENT = "(not in the file)"
TYPES = ["jsonl", "csv", "parquet", "gz", "ndjson", "tsv"]


@dataclass(frozen=True)
class Upload:
    """Uploaded files and how their columns are to be read."""

    files: list[UploadedFile]
    mapping: dict[str, str]
    """Column by field."""

    @property
    def said(self) -> tuple[Hashable, ...]:
        """What was uploaded and how it is mapped: equal while neither changes."""
        return (*(file.file_id for file in self.files), *self.mapping.items())


def upload(
    label: str,
    *,
    key: str,
    fields: tuple[str, ...],
    required: tuple[str, ...],
    suggest: Callable[[list[str]], dict[str, str]],
    several: bool,
) -> Upload | None:
    """A file uploader with the first rows and an adjustable mapping; None until there is a file.

    The mapping of the first file is that of all: files of one upload have the same columns.
    """
    turn = st.session_state.setdefault(f"{key}/turn", 0)
    given = st.file_uploader(
        label, type=TYPES, accept_multiple_files=several, key=f"{key}/turn{turn}"
    )
    files = [f for f in (given if isinstance(given, list) else [given]) if f is not None]
    if not files:
        return None
    first = files[0]
    found = preview(first, 5, name=first.name)
    which = "" if len(files) == 1 else f" of {len(files)} files; these are of the first"
    total = f" of {found.total}" if found.total is not None else ""
    st.caption(f"The first {len(found.rows)}{total} rows{which}, {found.format}")
    cells = pd.DataFrame(found.rows, columns=found.columns)
    st.dataframe(cells.map(_cell), hide_index=True, width="stretch")
    suggested = suggest(found.columns)
    mapping = {}
    with st.expander("Columns", expanded=not set(required) <= set(suggested)):
        st.caption("Which column holds which field. Suggested by name; adjust what is wrong.")
        columns = st.columns(3)
        for place, name in enumerate(fields):
            # A column with the field's own name is always read as that field or another one.
            choices = found.columns if name in found.columns else [ABSENT, *found.columns]
            with columns[place % 3]:
                chosen = st.selectbox(
                    f"{name} (required)" if name in required else name,
                    choices,
                    index=choices.index(suggested[name]) if name in suggested else 0,
                    key=f"{key}/{first.file_id}/{name}",
                )
            if chosen != ABSENT:
                mapping[name] = chosen
    missing = [name for name in required if name not in mapping]
    if missing:
        st.info(f"Choose the column of {', '.join(missing)} above; then you see what would happen.")
        return None
    return Upload(files, mapping)


def finish(key: str, words: str) -> None:
    """Empty the uploader and its plan, and keep what was done for `show_finished`."""
    st.session_state[f"{key}/turn"] += 1
    st.session_state.pop(f"{key}/plan", None)
    st.session_state[f"{key}/finished"] = words


def show_finished(key: str) -> None:
    """Say, once, what the last import did."""
    if words := st.session_state.pop(f"{key}/finished", None):
        st.success(words)


def planned(key: str, said: tuple[Hashable, ...], plan: Callable[[], Planned]) -> Planned:
    """What an import would do, worked out once for the same files and choices.

    Every click anywhere on the page runs the whole script; the import itself looks again.
    """
    kept: Any = st.session_state.get(f"{key}/plan")
    if kept is None or kept[0] != said:
        kept = st.session_state[f"{key}/plan"] = (said, plan())
    found: Planned = kept[1]
    return found


def bar(things: str) -> Progress:
    """A progress bar for an import of outputs or ratings."""
    drawn = st.progress(0.0, text="Reading the file again")

    def draw(done: int, total: int | None) -> None:
        drawn.progress(min(1.0, done / (total or done or 1)), text=f"{done} of {total} {things}")

    return draw


def _cell(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = "" if value is None else text
    return text if len(text) <= 120 else text[:119] + "…"
