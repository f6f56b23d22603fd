"""What helps to read: which words texts share, and in which they differ. Pure.

Passages are (start, end) in characters of the text, end excluded.
"""

import re
from collections.abc import Sequence
from difflib import Match, SequenceMatcher
from itertools import accumulate

Passage = tuple[int, int]

RUN = 3
"""Words in a row from which a coincidence counts as shared: two words stand together by chance."""
EXACT_UP_TO = 3_000
"""Words up to which all are compared; beyond, frequent words are not."""
MOST_COMPARED = 3_000_000
"""Pairs of equal words that one difference looks at, some tenths of a second. Texts that go round
in circles, as models write them too, have thousands of millions."""

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
    """The passages of each text whose words the other does not have at that place.

    Between what both begin and end with. A part that would take too long to compare is one
    passage as a whole.
    """
    a, b = _words(first, fold=False), _words(second, fold=False)
    begin = _alike(a, b)
    a, b = a[begin:], b[begin:]
    end = _alike(a[::-1], b[::-1])
    a, b = a[: len(a) - end], b[: len(b) - end]
    only_a, only_b = [], []
    for tag, i, j, k, m in _Compared([w for w, _ in a], [w for w, _ in b]).get_opcodes():
        if tag != "equal":
            if j > i:
                only_a.append((a[i][1][0], a[j - 1][1][1]))
            if m > k:
                only_b.append((b[k][1][0], b[m - 1][1][1]))
    return only_a, only_b


_Word = tuple[str, Passage]


def _alike(a: Sequence[_Word], b: Sequence[_Word]) -> int:
    """How many words both begin with."""
    pairs = zip(a, b, strict=False)
    return next(
        (i for i, (one, other) in enumerate(pairs) if one[0] != other[0]), min(len(a), len(b))
    )


class _Compared(SequenceMatcher[str]):
    """A comparison that ends: what is left when MOST_COMPARED is reached has nothing in common."""

    def __init__(self, a: list[str], b: list[str]) -> None:
        super().__init__(None, a, b, autojunk=max(len(a), len(b)) > EXACT_UP_TO)
        self.left = MOST_COMPARED
        places: dict[str, list[int]] = self.b2j  # type: ignore[attr-defined]  # documented, untyped
        self._pairs = [0, *accumulate(len(places.get(word, ())) for word in a)]
        """Pairs of equal words that the first words of `a` make, by how many these are."""

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> Match:
        """The longest run that both have; none when there is no time left to look for it."""
        ahi = len(self._pairs) - 1 if ahi is None else ahi
        self.left -= self._pairs[ahi] - self._pairs[alo]
        if self.left < 0:
            return Match(alo, blo, 0)
        return super().find_longest_match(alo, ahi, blo, bhi)


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
