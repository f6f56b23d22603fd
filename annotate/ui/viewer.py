"""The output viewer: what is read, as inert text.

Nothing here passes model output to Markdown or HTML: the reader's script draws it letter by letter
(`textContent`), so a link, an image, a formula or a script in an output stays the characters that
it is.
"""

import json
from collections.abc import Mapping
from typing import Any

import streamlit as st

from annotate import reading
from annotate.ui.component import reader


def show_output(
    *,
    input: Any,
    contexts: list[str],
    response: str,
    rival: str | None = None,
    rival_contexts: list[str] | None = None,
    reference: str | None = None,
    rival_reference: str | None = None,
    names: tuple[str, str] = ("A", "B"),
    facts: Mapping[str, Any] | None = None,
    mark: str = "",
) -> None:
    """Draw one output, or two responses side by side: input, contexts, response, and what else
    the round shows.

    input: a text, or a list of {role, content}.
    rival_contexts, rival_reference: the other response's own; None where it has the same.
    names: what the two responses of a pair are called, and their contexts.
    facts: short extra fields by name (configuration, signals ...).
    mark: another mark is another unit, which begins at its top; the default goes by the content.
    """
    shown = {
        "input": _input(input),
        "contexts": contexts,
        "response": response,
        "rival": rival,
        "rival_contexts": rival_contexts,
        "reference": reference,
        "rival_reference": rival_reference,
        "names": list(names),
        "facts": [[name, as_text(value)] for name, value in (facts or {}).items()],
    }
    shown["mark"] = mark or str(hash(json.dumps(shown, sort_keys=True)))
    with st.container(key="output"):
        reader(key="reader", data=shown | _painted_on_demand(shown))


def _painted_on_demand(shown: dict[str, Any]) -> dict[str, Any]:
    """What its texts share or in what they differ, where that is wanted."""
    painted: dict[str, Any] = {}
    if shown["rival"] is not None:
        if _wanted("Show differences"):
            only_a, only_b = reading.difference(shown["response"], shown["rival"])
            painted["differs"] = [*_painted("response", only_a), *_painted("rival", only_b)]
    elif shown["contexts"] and _wanted("Show what response and context share"):
        said, read = reading.shared(shown["response"], shown["contexts"])
        painted["shared"] = _painted("response", said)
        for index, passages in enumerate(read):
            painted["shared"] += _painted(f"contexts[{index}]", passages)
    return painted


def _wanted(label: str) -> bool:
    return st.toggle(label, key="highlight")


def _painted(field: str, passages: list[reading.Passage]) -> list[list[Any]]:
    return [[field, start, end] for start, end in passages]


def _input(input: Any) -> Any:
    """A text, or turns of {role, text}."""
    if not isinstance(input, list):
        return as_text(input)
    return [
        {"role": str(turn.get("role", "unknown")), "text": as_text(turn.get("content", ""))}
        if isinstance(turn, dict)
        else {"role": "unknown", "text": as_text(turn)}
        for turn in input
    ]


def as_text(value: Any) -> str:
    """A value as a person reads it: a text as it is, anything else as indented JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)
