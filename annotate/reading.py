"""What helps to read: which words texts share, and in which they differ. Pure.

Passages are (start, end) in characters of the text, end excluded.
"""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

Passage = tuple[int, int]

RUN = 3
"""Words in a row from which a coincidence counts as shared: two words stand together by chance."""
EXACT_UP_TO = 3_000
"""Words up to which a difference is the shortest; beyond, frequent words are not compared."""

_WORD = re.compile(r"\w+(?:['’.,]\w+)*")


def shared(
    response: str, contexts: Sequence[str], *, run: int = RUN
) -> tuple[list[Passage], list[list[Passage]]]:
    """Passages of at least `run` words that the response shares with a context, in any case.

    Returns those of the response, and those of every context.
    """
    said = _words(response)
    read = [_words(context) for context in contexts]
    known = {gram for words in read for gram in _grams(words, run)}
    asked = set(_grams(said, run))
    return _covered(said, known, run), [_covered(words, asked, run) for words in read]


def difference(first: str, second: str) -> tuple[list[Passage], list[Passage]]:
    """The passages of each text whose words the other does not have at that place."""
    a, b = _words(first, fold=False), _words(second, fold=False)
    long = max(len(a), len(b)) > EXACT_UP_TO
    matcher = SequenceMatcher(None, [w for w, _ in a], [w for w, _ in b], autojunk=long)
    only_a, only_b = [], []
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag != "equal":
            if j > i:
                only_a.append((a[i][1][0], a[j - 1][1][1]))
            if m > k:
                only_b.append((b[k][1][0], b[m - 1][1][1]))
    return only_a, only_b


_Word = tuple[str, Passage]


def _words(text: str, *, fold: bool = True) -> list[_Word]:
    found = _WORD.finditer(text)
    return [(m.group().casefold() if fold else m.group(), m.span()) for m in found]


def _grams(words: Sequence[_Word], run: int) -> list[tuple[str, ...]]:
    return [tuple(w for w, _ in words[i : i + run]) for i in range(len(words) - run + 1)]


def _covered(words: Sequence[_Word], known: set[tuple[str, ...]], run: int) -> list[Passage]:
    """Where runs of known words stand; runs that overlap are one passage."""
    passages: list[Passage] = []
    last = -1
    for i, gram in enumerate(_grams(words, run)):
        if gram not in known:
            continue
        start, end = words[i][1][0], words[i + run - 1][1][1]
        if passages and i < last:
            passages[-1] = (passages[-1][0], end)
        else:
            passages.append((start, end))
        last = i + run
    return passages
