"""What a judge's answer comes to: an answer on the scale, an abstention, or no verdict at all.

A refusal, an answer that was cut off, one that is no JSON or names no level of the scale is never
a score: it is listed, can be asked again, and lowers the coverage that stands beside every figure.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from annotate.answer import Answer
from annotate.criterion import Criterion
from annotate.judge import prompt
from annotate.judge.reply import Reply

Status = Literal["ok", "cannot_judge", "refused", "truncated", "filtered", "invalid", "failed"]
SETTLED: tuple[Status, ...] = ("ok", "cannot_judge")
"""What counts as an answer and is not asked again."""
Source = Literal["argmax", "expected"]

LEAST_MASS = 0.5
"""Below this share of the probability on permitted levels there is no distribution: some servers
report what the model would have said before its answer was forced into the schema."""
MAX_CRITIQUE = 4_000
_LEVEL = re.compile(r'(?<!\\)"level"\s*:\s*"?(?P<value>[^"\s,}]+)')
"""Inside a text of the JSON every quote has a backslash before it, so that this is the field."""


@dataclass(frozen=True)
class Verdict:
    """One answer to one criterion of one output."""

    status: Status
    answer: Answer | None = None
    """What is stored as ratings: a value, tags or an abstention; None where there is no verdict."""
    score: float | None = None
    """The expected value over the levels where the server gives probabilities, else the level."""
    score_source: Source = "argmax"
    probabilities: Mapping[str, float] | None = None
    """By the word of each level."""
    critique: str = ""
    evidence: tuple[str, ...] = ()
    injection_suspected: bool = False
    problem: str = ""
    """Why there is no verdict, in words."""


def read(
    criterion: Criterion,
    content: str,
    *,
    tokens: Sequence[Mapping[str, Any]] | None = None,
) -> Verdict:
    """The verdict in an answer's JSON; `invalid` with the reason where there is none.

    tokens: the answer's tokens with their alternatives, as chat completions give `logprobs`.
    """
    try:
        said = _json(content)
    except ValueError as error:
        return Verdict("invalid", problem=f"the answer is no JSON ({error})")
    if not isinstance(said, dict) or "level" not in said:
        return Verdict("invalid", problem="the answer names no level")
    critique, evidence = said.get("critique"), said.get("evidence")
    told = Verdict(
        "invalid",
        critique=critique.strip()[:MAX_CRITIQUE] if isinstance(critique, str) else "",
        evidence=tuple(
            one for one in (evidence if isinstance(evidence, list) else ()) if isinstance(one, str)
        ),
        injection_suspected=said.get("injection_suspected") is True,
    )
    level = said["level"]
    if level in (prompt.CANNOT_JUDGE, prompt.NOT_APPLICABLE):
        if level == prompt.NOT_APPLICABLE and level not in criterion.abstain:
            return replace(told, problem="not_applicable is no answer here")
        return replace(told, status="cannot_judge", answer=Answer(abstained=level))
    known = {level.word: level for level in prompt.levels(criterion)}
    if criterion.scale == "tags":
        if not isinstance(level, list) or any(
            not isinstance(x, str) or x not in known for x in level
        ):
            return replace(told, problem=f"{_short(level)} is no list of the tags")
        chosen = tuple(str(word) for word in known if word in level)
        return replace(told, status="ok", answer=Answer(tags=chosen))
    found = known.get(_word(level, known))
    if found is None:
        return replace(told, problem=f"{_short(level)} is no level of the scale")
    spread = distribution(criterion, tokens) if tokens else None
    sure = replace(
        told, status="ok", answer=Answer(value=found.value), score=found.value, probabilities=spread
    )
    if spread is None or not criterion.points:
        return sure
    return replace(sure, score=expected(criterion, spread), score_source="expected")


def of(criterion: Criterion, reply: Reply) -> Verdict:
    """What a reply comes to: a refusal, a cut-off or a failure is never a score."""
    match reply.kind:
        case "answered":
            return read(criterion, reply.content, tokens=reply.tokens)
        case "transient" | "fatal":
            return Verdict("failed", problem=reply.problem)
        case _:
            return Verdict(reply.kind, problem=reply.problem)


def expected(criterion: Criterion, spread: Mapping[str, float]) -> float:
    """The mean of the levels' values by their probabilities."""
    values = {str(level.word): level.value for level in prompt.levels(criterion)}
    return math.fsum(values[word] * share for word, share in spread.items())


def distribution(
    criterion: Criterion, tokens: Sequence[Mapping[str, Any]]
) -> dict[str, float] | None:
    """Probabilities of the levels at the token that says the level; None where they cannot be read.

    It is the one token that says the whole value of the field `level`: a quote may name a level
    too, and of a level in several tokens the first says little. Only permitted words count, and
    their shares are made to sum to one.
    """
    words = {str(level.word) for level in prompt.levels(criterion)}
    texts = [str(token.get("token", "")) for token in tokens]
    places = list(_LEVEL.finditer("".join(texts)))
    if len(places) != 1:
        return None
    begin, end, at, saying = *places[0].span("value"), 0, []
    for token, text in zip(tokens, texts, strict=True):
        if at < end and at + len(text) > begin:
            saying.append((token, text))
        at += len(text)
    if len(saying) != 1 or _bare(saying[0][1]) not in words:
        return None
    listed = saying[0][0].get("top_logprobs")
    shares: dict[str, float] = {}
    for other in listed if isinstance(listed, list) else ():
        if not isinstance(other, Mapping):
            continue
        word = _bare(str(other.get("token", "")))
        logprob = other.get("logprob")
        if word in words and isinstance(logprob, int | float) and logprob <= 1e-6:
            shares[word] = shares.get(word, 0.0) + math.exp(logprob)
    mass = math.fsum(shares.values())
    if mass < LEAST_MASS or mass > 1.01:
        return None
    return {word: shares.get(word, 0.0) / mass for word in sorted(words)}


def _bare(token: str) -> str:
    return token.strip(' "},\n')


def _json(content: str) -> Any:
    """The JSON of an answer, also where a server has put it into a fence or words around it."""
    text = content.strip()
    if text.startswith("```"):
        text = text.removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    elif not text.startswith("{") and "{" in text and text.endswith("}"):
        text = text[text.index("{") :]

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError("it says a field twice")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _word(level: Any, known: Mapping[Any, Any]) -> Any:
    """The level as the scale has it: some servers write numbers as texts."""
    if isinstance(level, bool) or not isinstance(level, int | float | str):
        return None
    if isinstance(level, str) and level not in known:
        try:
            return float(level)
        except ValueError:
            return None
    return level


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
