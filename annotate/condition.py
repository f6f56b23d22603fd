"""`show_if`: when a criterion is asked, depending on earlier answers.

The grammar, where `and` binds tighter than `or`:

    condition  = all_of { "or" all_of }
    all_of     = comparison { "and" comparison }
    comparison = criterion ( "<" | "<=" | ">" | ">=" | "==" | "!=" ) literal
               | tags_criterion "has" option
    literal    = number | option
"""

import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Given: TypeAlias = float | Collection[str] | None
"""What was answered: a number, the chosen tags, or None (unanswered, abstained or hidden)."""

KEYWORDS = frozenset({"and", "or", "has"})
MAX_LENGTH = 500

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?\d+(?:\.\d+)?(?![\w.-]))|(?P<word>[a-z][a-z0-9_-]*)"
    r"|(?P<operator><=|>=|==|!=|<|>))",
    re.ASCII,
)


class BadCondition(ValueError):
    """A condition that cannot be read: what is wrong, and the mend."""

    def __init__(self, problem: str, mend: str) -> None:
        self.problem, self.mend = problem, mend
        super().__init__(f"{problem}; {mend}")


@dataclass(frozen=True)
class Comparison:
    """`name operator literal`; `code` is the literal's number once the rubric is known."""

    name: str
    operator: str
    literal: float | str
    code: float | None = None

    def holds(self, answers: Mapping[str, Given]) -> bool:
        """Whether it holds. What is not answered fulfils nothing, not even `!=`."""
        given = answers.get(self.name)
        if given is None:
            return False
        if self.operator == "has":
            return isinstance(given, Collection) and self.literal in given
        if self.code is None or isinstance(given, Collection):
            return False
        return _COMPARE[self.operator](given, self.code)

    def __str__(self) -> str:
        literal = self.literal if isinstance(self.literal, str) else f"{self.literal:.15g}"
        return f"{self.name} {self.operator} {literal}"


@dataclass(frozen=True)
class Condition:
    """At least one of the groups has all its comparisons hold."""

    any_of: tuple[tuple[Comparison, ...], ...]

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """All comparisons, in the order written."""
        return tuple(comparison for group in self.any_of for comparison in group)

    @property
    def names(self) -> tuple[str, ...]:
        """The criteria that decide, each once, in the order written."""
        return tuple(dict.fromkeys(comparison.name for comparison in self.comparisons))

    def holds(self, answers: Mapping[str, Given]) -> bool:
        """Whether it holds for these answers, by criterion id."""
        return any(all(one.holds(answers) for one in group) for group in self.any_of)

    def bound(self, code: Callable[[Comparison], float | None]) -> "Condition":
        """The same condition with every literal's number, as `code` finds it."""
        return Condition(
            tuple(
                tuple(Comparison(c.name, c.operator, c.literal, code(c)) for c in group)
                for group in self.any_of
            )
        )

    def __str__(self) -> str:
        return " or ".join(" and ".join(map(str, group)) for group in self.any_of)


def parse(text: str) -> Condition:
    """Read a condition; BadCondition says where it stops making sense."""
    if len(text) > MAX_LENGTH:
        raise BadCondition(
            f"is {len(text):,} characters long", f"write it in at most {MAX_LENGTH} characters"
        )
    tokens = _tokens(text)
    if not tokens:
        raise BadCondition("is empty", "write for example `faithfulness < 4`, or leave it out")
    groups: list[tuple[Comparison, ...]] = []
    group: list[Comparison] = []
    position = 0
    while True:
        group.append(_comparison(tokens[position : position + 3]))
        position += 3
        if position == len(tokens):
            groups.append(tuple(group))
            return Condition(tuple(groups))
        _, joiner = tokens[position]
        position += 1
        if joiner == "or":
            groups.append(tuple(group))
            group = []
        elif joiner != "and":
            raise BadCondition(
                f"has {joiner!r} where `and` or `or` belongs", "join comparisons by `and` or `or`"
            )


def _tokens(text: str) -> list[tuple[str, str]]:
    """(kind, text) of each token; kind is number, word or operator."""
    found = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            rest = text[position:].strip()
            raise BadCondition(
                f"cannot be read at {rest[:20]!r}",
                "write comparisons such as `faithfulness < 4` or `failure has unsupported`, "
                "joined by `and` or `or`, without parentheses",
            )
        kind = str(match.lastgroup)
        found.append((kind, match.group(kind)))
        position = match.end()
    return found


def _comparison(tokens: list[tuple[str, str]]) -> Comparison:
    kinds = [kind for kind, _ in tokens]
    words = [word for _, word in tokens]
    incomplete = BadCondition(
        f"has no complete comparison at {' '.join(words) or 'its end'!r}",
        "write a criterion, an operator (< <= > >= == != has) and a value, "
        "for example `faithfulness < 4`",
    )
    if len(tokens) < 3 or kinds[0] != "word" or words[0] in KEYWORDS:
        raise incomplete
    name, symbol, literal = words
    if symbol != "has" and kinds[1] != "operator":
        raise incomplete
    if kinds[2] == "operator" or literal in KEYWORDS:
        raise incomplete
    if kinds[2] == "number":
        return Comparison(name, symbol, float(literal) + 0.0)
    return Comparison(name, symbol, literal)
