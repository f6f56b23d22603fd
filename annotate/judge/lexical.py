"""The `lexical` engine: how many of the response's word pairs stand in the contexts.

A baseline without a key and without a model. It is blind to paraphrase, negation and changed
numbers: it is drawn as the floor on every judge's chart, and gates nothing.

Source: ROUGE-2 precision of the response against the contexts (Lin 2004, "ROUGE: A Package for
Automatic Evaluation of Summaries"), on lower-cased words.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from annotate.answer import Answer
from annotate.criterion import Criterion
from annotate.judge.verdict import Verdict

VERSION = 1
"""Raised with every change of what is counted below: it is part of what the baseline is."""
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def rendered(criterion: Criterion) -> dict[str, Any]:
    """What of a criterion decides its answer: part of the version."""
    return {"lexical": VERSION, "scale": criterion.scale, "domain": list(criterion.domain)}


def support(response: str, contexts: Sequence[str]) -> float | None:
    """The share of the response's word pairs that the contexts have, 0 to 1.

    None where the response has no words, or there is no context. One word counts as itself.
    """
    said = _WORD.findall(response.casefold())
    if not said or not any(_WORD.search(text) for text in contexts):
        return None
    size = 2 if len(said) > 1 else 1
    there: Counter[tuple[str, ...]] = Counter()
    for text in contexts:
        there |= Counter(_grams(_WORD.findall(text.casefold()), size))
    pairs = Counter(_grams(said, size))
    return sum((pairs & there).values()) / sum(pairs.values())


def unsupported_numbers(response: str, contexts: Sequence[str]) -> tuple[str, ...]:
    """Numbers of the response that no context has."""
    there = {number for text in contexts for number in _NUMBER.findall(text)}
    return tuple(dict.fromkeys(n for n in _NUMBER.findall(response) if n not in there))


def judge(criterion: Criterion, fields: Mapping[str, Any]) -> Verdict:
    """Support as a value of the criterion's scale: its lowest point is 0, its highest 1.

    Only of binary and ordinal criteria; on any other it cannot judge.
    """
    response, contexts = str(fields.get("response") or ""), list(fields.get("contexts") or ())
    share = support(response, contexts)
    if share is None or not criterion.points:
        return Verdict("cannot_judge", Answer(abstained="cannot_judge"))
    low, high = criterion.bounds
    score = low + share * (high - low)
    level = min(criterion.domain, key=lambda point: (abs(point - score), point))
    odd = unsupported_numbers(response, contexts)
    words = f"{share:.0%} of its word pairs stand in the context."
    if odd:
        words += f" Numbers that do not: {', '.join(odd[:5])}."
    return Verdict("ok", Answer(value=level), score, "expected", critique=words)


def _grams(words: Sequence[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + size]) for i in range(len(words) - size + 1)]
