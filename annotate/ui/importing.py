"""Uploading a file: its first rows, the mapping of its columns, and what would happen."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from annotate.output_rows import preview

ABSENT = "(not in the file)"
TYPES = ["jsonl", "csv", "parquet", "gz", "ndjson", "tsv"]


@dataclass(frozen=True)
class Upload:
    """Uploaded files and how their columns are to be read."""

    files: list[UploadedFile]
    mapping: dict[str, str]
    """Column by field."""


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
    given = st.file_uploader(label, type=TYPES, accept_multiple_files=several, key=key)
    files = [f for f in (given if isinstance(given, list) else [given]) if f is not None]
    if not files:
        return None
    first = files[0]
    found = preview(first, 5, name=first.name)
    total = f" of {found.total}" if found.total is not None else ""
    st.caption(f"The first {len(found.rows)} rows{total} of {len(files)} file(s), {found.format}")
    cells = pd.DataFrame(found.rows, columns=found.columns)
    st.dataframe(cells.map(_cell), hide_index=True, width="stretch")
    suggested = suggest(found.columns)
    choices = [ABSENT, *found.columns]
    mapping = {}
    with st.expander("Columns", expanded=not set(required) <= set(suggested)):
        st.caption("Which column holds which field. Suggested by name; adjust what is wrong.")
        columns = st.columns(3)
        for place, name in enumerate(fields):
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


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 120 else text[:119] + "…"
