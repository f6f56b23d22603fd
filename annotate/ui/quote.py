"""The passage that decided, found where it stands."""

import re
from collections.abc import Mapping

from annotate.rubric import Criterion, Span


def places(criterion: Criterion, contexts: list[str], response: str) -> dict[str, str]:
    """The texts that this criterion's evidence may come from, by span field."""
    if criterion.evidence == "contexts":
        return {f"contexts[{index}]": text for index, text in enumerate(contexts)}
    return {"response": response} if criterion.evidence == "response" else {}


def lengths(contexts: list[str], response: str) -> dict[str, int]:
    """The number of characters of every text that evidence may point into."""
    return {"response": len(response)} | {
        f"contexts[{index}]": len(text) for index, text in enumerate(contexts)
    }


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


def quoted(span: Span, texts: Mapping[str, str]) -> str:
    """The words of a span, as the quote field shows them."""
    return " ".join(texts.get(span.field, "")[span.start : span.end].split())
