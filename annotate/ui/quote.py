"""Passages that decided: lines in a text field, found where they stand.

A line is `[response 12-40] the words`, which the page writes when a passage is marked, or a quote
alone, which stands where it first stands. The numbers are characters, the end excluded. Of a pair,
`response` and `context 1` are A's, `response B` and `context B 1` the other's.
"""

import re
from collections.abc import Mapping, Sequence

from annotate.rubric import Criterion, Span

_PLACED = re.compile(r"\s*\[(response B|response|context (B )?(\d{1,6})) (\d{1,9})[-–](\d{1,9})\]")
_CONTEXT = re.compile(r"(rival_)?contexts\[(\d+)\]")


def texts(
    contexts: Sequence[str],
    response: str,
    rival: str | None = None,
    rival_contexts: Sequence[str] | None = None,
) -> dict[str, str]:
    """Every text that evidence may point into, by span field."""
    return (
        {"response": response}
        | ({} if rival is None else {"rival": rival})
        | {f"contexts[{index}]": text for index, text in enumerate(contexts)}
        | {f"rival_contexts[{index}]": text for index, text in enumerate(rival_contexts or ())}
    )


def places(criterion: Criterion, texts: Mapping[str, str]) -> dict[str, str]:
    """Those of the texts that this criterion's evidence may come from."""
    if criterion.evidence is None:
        return {}
    contexts = criterion.evidence == "contexts"
    return {name: text for name, text in texts.items() if bool(_CONTEXT.match(name)) == contexts}


def read(lines: str, texts: Mapping[str, str]) -> tuple[tuple[Span, ...], list[str]]:
    """The passages that the lines mean, each once and in order, and the lines that mean none."""
    spans: dict[Span, None] = {}
    lost = []
    # Not splitlines: a passage may hold U+0085 or U+2028, at which only Python ends a line.
    for line in lines.split("\n"):
        if not line.strip():
            continue
        span = _placed(line, texts) if _PLACED.match(line) else find(line, texts)
        if span is None:
            lost.append(line.strip())
        else:
            spans[span] = None
    return tuple(spans), lost


def written(span: Span, texts: Mapping[str, str]) -> str:
    """The line of a span, as `read` reads it."""
    words = " ".join(texts.get(span.field, "")[span.start : span.end].split())
    number = _CONTEXT.fullmatch(span.field)
    label = _LABELS.get(span.field, span.field)
    if number:
        label = f"context {'B ' if number[1] else ''}{int(number[2]) + 1}"
    return f"[{label} {span.start}-{span.end}] {words[:200]}"


_LABELS = {"response": "response", "rival": "response B"}


def _placed(line: str, texts: Mapping[str, str]) -> Span | None:
    found = _PLACED.match(line)
    assert found is not None
    label, other, number, start, end = found.groups()
    field = "response" if label == "response" else "rival"
    if number:
        field = f"{'rival_' if other else ''}contexts[{int(number) - 1}]"
    if field not in texts or not 0 <= int(start) < int(end) <= len(texts[field]):
        return None
    return Span(field=field, start=int(start), end=int(end))


def find(quote: str, texts: Mapping[str, str]) -> Span | None:
    """Where the quote first stands, or None.

    A quote copied from the screen may have other white space than the text: any run of white
    space matches any other.
    """
    words = quote.split()
    if not words:
        return None
    pattern = re.compile(r"\s+".join(map(re.escape, words)))
    for field, text in texts.items():
        found = pattern.search(text)
        if found:
            return Span(field=field, start=found.start(), end=found.end())
    return None
