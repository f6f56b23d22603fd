"""What a rater answered to one criterion, and the one rule for what may be submitted."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from annotate.rubric import Criterion, Rubric

Abstention = Literal["not_applicable", "cannot_judge"]

MAX_TEXT = 20_000
MAX_SPANS = 100

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_FIELDS = {
    "response": re.compile("response|rival"),
    "contexts": re.compile(r"(rival_)?contexts\[\d{1,6}\]", re.ASCII),
}

_CONFIG = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Span(BaseModel):
    """A marked passage: characters `start` to `end` (excluded), counted as Unicode code points.

    field: `response`, or `contexts[0]`, `contexts[1]` ... for one of the contexts. Of a pair they
        are the base's; `rival` is the candidate's response, and `rival_contexts[0]` ... are the
        candidate's contexts where these are others.
    """

    model_config = _CONFIG

    field: str
    start: int
    end: int


class RatingValue(NamedTuple):
    """What one rating stores: its key and exactly one of value, abstained and text."""

    key: str
    value: float | None
    abstained: str | None
    text: str | None


class Answer(BaseModel):
    """One criterion's answer, finished or not: drafts hold the same thing.

    value: a number of the scale (binary, ordinal, categorical by code).
    tags: the chosen options; an empty tuple says that none applies, None that nobody answered.
    text: the answer to a text criterion.
    abstained: `not_applicable` or `cannot_judge`, instead of an answer.
    """

    model_config = _CONFIG

    value: float | None = None
    tags: tuple[str, ...] | None = None
    text: str | None = None
    abstained: str | None = None
    rationale: str | None = None
    evidence: tuple[Span, ...] = Field(default=())

    @property
    def given(self) -> bool:
        """Whether it says something: a value, tags, a text, or an abstention."""
        return (
            self.value is not None
            or self.tags is not None
            or bool(self.text and self.text.strip())
            or self.abstained is not None
        )

    def ratings(self, criterion: "Criterion") -> list[RatingValue]:
        """The ratings to store: one, or one a tag with 0 or 1; none if nothing was given."""
        if not self.given:
            return []
        if self.abstained is not None:
            return [RatingValue(key, None, self.abstained, None) for key in criterion.keys]
        if criterion.scale == "tags":
            chosen = set(self.tags or ())
            return [
                RatingValue(f"{criterion.id}.{option.id}", float(option.id in chosen), None, None)
                for option in criterion.options
            ]
        if criterion.scale == "text":
            return [RatingValue(criterion.id, None, None, (self.text or "").strip())]
        return [RatingValue(criterion.id, self.value, None, None)]


def storable(text: str) -> str:
    """The text without characters that no database stores: NUL and lone surrogates."""
    return _UNSTORABLE.sub("", text)


@dataclass(frozen=True)
class Problem:
    """Why a submission cannot be taken, at which criterion and part, and the mend."""

    criterion: str
    field: Literal["answer", "abstained", "rationale", "evidence"]
    problem: str
    mend: str

    def __str__(self) -> str:
        return f"{self.criterion}: {self.problem}; {self.mend}"


def check(
    rubric: "Rubric",
    answers: Mapping[str, Answer],
    lengths: Mapping[str, int] | None = None,
) -> list[Problem]:
    """Everything that keeps these answers from being submitted; empty when they are complete.

    lengths: how many characters each field that evidence may point into has, by span field;
    without it, only the order of a span's ends is checked.
    """
    shown = set(rubric.shown(answers))
    problems = []
    for name in answers:
        if name not in rubric:
            known = ", ".join(criterion.id for criterion in rubric.criteria)
            problems.append(
                Problem(name, "answer", "is not in the rubric", f"it has {known}; reload the page")
            )
    for criterion in rubric.criteria:
        answer = answers.get(criterion.id, Answer())
        if criterion.id in shown:
            problems.extend(_check(criterion, answer, lengths))
        elif answer != Answer():
            problems.append(
                Problem(
                    criterion.id,
                    "answer",
                    "is not asked here",
                    f"leave it out unless {criterion.show_if}",
                )
            )
    return problems


def _check(
    criterion: "Criterion", answer: Answer, lengths: Mapping[str, int] | None
) -> Iterator[Problem]:
    """The problems of one criterion that is asked."""
    id_ = criterion.id
    if answer.abstained is not None:
        if answer.abstained not in criterion.abstain:
            allowed = " or ".join(word.replace("_", " ") for word in criterion.abstain)
            mend = f"answer, or choose {allowed}" if allowed else "choose an answer"
            what = f"cannot be {answer.abstained.replace('_', ' ')!r}"
            yield Problem(id_, "abstained", what, mend)
        if answer.value is not None or answer.tags or answer.text:
            yield Problem(
                id_, "answer", "is both answered and abstained from", "keep one of the two"
            )
    elif answer.given:
        yield from _check_value(criterion, answer)
    elif criterion.required:
        way_out = ", or say why you cannot" if criterion.abstain else ""
        yield Problem(id_, "answer", "is not answered", f"choose an answer{way_out}")
    elif answer.rationale or answer.evidence:
        yield Problem(
            id_, "answer", "has a reason and no answer", "choose an answer, or clear the reason"
        )
    yield from _check_text(id_, "rationale", answer.rationale)
    if criterion.wants_rationale(answer) and not (answer.rationale or "").strip():
        yield Problem(id_, "rationale", "needs a rationale", "say in a sentence what decided")
    if answer.evidence:
        yield from _check_evidence(criterion, answer.evidence, lengths)


def _check_value(criterion: "Criterion", answer: Answer) -> Iterator[Problem]:
    """A given answer is of the scale's kind and within it."""
    kinds = {
        "value": answer.value is not None,
        "tags": answer.tags is not None,
        "text": bool(answer.text),
    }
    kind = criterion.scale if criterion.scale in ("tags", "text") else "value"
    if not kinds.pop(kind) or any(kinds.values()):
        yield Problem(
            criterion.id,
            "answer",
            f"is not answered as its {criterion.scale} scale asks",
            "answer it again",
        )
    elif kind == "text":
        yield from _check_text(criterion.id, "answer", answer.text)
    elif kind == "tags":
        chosen = answer.tags or ()
        known = [option.id for option in criterion.options]
        for tag in chosen:
            if tag not in known:
                yield Problem(
                    criterion.id,
                    "answer",
                    f"has no option {tag!r}",
                    f"choose among {', '.join(known)}",
                )
        if len(set(chosen)) < len(chosen):
            yield Problem(criterion.id, "answer", "has an option twice", "choose each once")
    elif answer.value not in criterion.domain:
        allowed = ", ".join(f"{value:g}" for value in criterion.domain)
        yield Problem(
            criterion.id,
            "answer",
            f"{answer.value:g} is not on the scale",
            f"choose among {allowed}",
        )


def _check_text(
    id_: str, field: Literal["answer", "rationale"], text: str | None
) -> Iterator[Problem]:
    noun = "text" if field == "answer" else "rationale"
    if text is None:
        return
    if len(text) > MAX_TEXT:
        what = f"has a {noun} of {len(text):,} characters"
        yield Problem(id_, field, what, f"shorten it to {MAX_TEXT:,}")
    # Neither can be stored: PostgreSQL has no NUL in text, and UTF-8 no lone surrogate.
    if _UNSTORABLE.search(text):
        yield Problem(id_, field, f"has a {noun} with a character that is no text", "remove it")


def _check_evidence(
    criterion: "Criterion", spans: tuple[Span, ...], lengths: Mapping[str, int] | None
) -> Iterator[Problem]:
    if criterion.evidence is None:
        yield Problem(criterion.id, "evidence", "takes no marked passages", "clear the marks")
        return
    if len(spans) > MAX_SPANS:
        what = f"has {len(spans)} marked passages"
        yield Problem(criterion.id, "evidence", what, f"mark at most {MAX_SPANS}")
    pattern = _FIELDS[criterion.evidence]
    for span in spans:
        if not pattern.fullmatch(span.field) or (lengths is not None and span.field not in lengths):
            yield Problem(
                criterion.id,
                "evidence",
                f"has a passage marked in {span.field[:40]!r}",
                f"mark passages in the {criterion.evidence}",
            )
        elif not 0 <= span.start < span.end or (
            lengths is not None and span.end > lengths[span.field]
        ):
            yield Problem(
                criterion.id,
                "evidence",
                f"has a passage from {span.start} to {span.end}, which the text does not have",
                "mark it again",
            )
