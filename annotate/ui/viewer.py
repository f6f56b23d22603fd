"""The output viewer: what a rater reads, as inert text.

Nothing here passes model output to Markdown or HTML: `st.text` draws it letter by letter, so a
link, an image, a formula or a script in an output stays the characters that it is.
"""

import json
from typing import Any

import streamlit as st

ROLES = {"user": "User", "assistant": "Assistant", "system": "System", "tool": "Tool"}
_AVATARS = {
    "user": ":material/person:",
    "assistant": ":material/smart_toy:",
    "system": ":material/settings:",
    "tool": ":material/build:",
}


def show_output(
    *,
    input: Any,
    contexts: list[str],
    response: str,
    reference: str | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    """Draw one output: input, contexts, response, and what else the round shows.

    input: a text, or a list of {role, content}.
    facts: short extra fields by name (configuration, signals ...).
    """
    with st.container(key="output"):
        show_input(input)
        if contexts:
            show_contexts(contexts)
        with st.container(key="response", gap="xsmall"):
            show_label("Response")
            with st.container(border=True):
                show_text(response, empty="The response is empty.")
        if reference:
            with st.container(key="reference", gap="xsmall"):
                show_label("Reference answer")
                with st.container(border=True):
                    show_text(reference)
        if facts:
            show_facts(facts)


def show_input(input: Any) -> None:
    """The input: a text, or a conversation as turns."""
    with st.container(key="input", gap="xsmall"):
        if isinstance(input, list):
            show_label("Conversation")
            for turn in input:
                show_turn(turn)
        else:
            show_label("Input")
            show_text(as_text(input), empty="The input is empty.")


def show_turn(turn: Any) -> None:
    """One turn of a conversation, with the role in words."""
    role, content = "unknown", turn
    if isinstance(turn, dict):
        role, content = str(turn.get("role", "unknown")), turn.get("content", "")
    # The avatar follows known roles only; a foreign role is text like any other.
    known = role in ROLES
    with st.chat_message(
        role if known else "user", avatar=_AVATARS.get(role, ":material/chat_bubble:")
    ):
        if known:
            show_label(ROLES[role])
        else:
            st.text(role)
        show_text(as_text(content), empty="This turn is empty.")


def show_contexts(contexts: list[str]) -> None:
    """The retrieved passages, each by its number."""
    count = len(contexts)
    with (
        st.container(key="contexts"),
        st.expander(
            f"Context, {count} passages" if count > 1 else "Context",
            expanded=True,
            icon=":material/menu_book:",
        ),
    ):
        for number, context in enumerate(contexts, start=1):
            with st.container(key=f"context{number}", gap="xsmall"):
                if count > 1:
                    show_label(f"{number} of {count}")
                show_text(context, empty="This passage is empty.")


def show_facts(facts: dict[str, Any]) -> None:
    """Short extra fields, one a line."""
    with st.container(key="facts", gap="xsmall"):
        show_label("Also known")
        show_text("\n".join(f"{name}: {as_text(value)}" for name, value in facts.items()))


def show_label(words: str) -> None:
    """The small heading above a text; the words are our own, never a file's."""
    st.caption(words)


def show_text(text: str, *, empty: str = "") -> None:
    """Prose, letter by letter, with its line breaks."""
    if text.strip():
        st.text(text, width="stretch")
    else:
        st.caption(empty or "Empty.")


def as_text(value: Any) -> str:
    """A value as a person reads it: a text as it is, anything else as indented JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)
