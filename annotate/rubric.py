"""The rubric: criteria with their scales, loaded, checked and hashed.

One object drives the rater's form, the judge's prompt and schema, the level of measurement, the
pass rule and the gold fields. See `annotate.answer` for what raters give back.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError, field_validator, model_validator

from annotate import answer, condition, rubric_file
from annotate.answer import Answer, Problem, Span
from annotate.condition import Condition, Given
from annotate.criterion import Criterion, Option, Part, Point, Rationale, literal
from annotate.errors import BadRubric, NotFound
from annotate.rubric_text import LongText, Slug, Text, bad, refusal, words_of
from annotate.scale import RatingKey

__all__ = [
    "Answer",
    "Condition",
    "Criterion",
    "Option",
    "Point",
    "Problem",
    "RatingKey",
    "Rationale",
    "Rubric",
    "Span",
    "builtin",
    "builtin_names",
    "load",
    "parse",
]

MAX_CRITERIA = 50


class Rubric(Part):
    """A form: guidelines and criteria, in the order that raters meet them."""

    name: Slug
    title: Text
    guidelines: LongText | None = None
    criteria: tuple[Criterion, ...]

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and isinstance(data.get("name"), str) and "title" not in data:
            data = {**data, "title": words_of(data["name"])}
        return data

    @field_validator("criteria", mode="after")
    @classmethod
    def _bind(cls, criteria: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
        """Criteria are told apart, and every condition refers to what was asked before."""
        if not criteria:
            raise bad("is empty", "list at least one criterion")
        if len(criteria) > MAX_CRITERIA:
            raise bad(f"are {len(criteria)}", f"ask at most {MAX_CRITERIA} things of a rater")
        earlier: dict[str, Criterion] = {}
        later = {criterion.id for criterion in criteria}
        bound = []
        for index, criterion in enumerate(criteria):
            if criterion.id in earlier:
                raise bad(
                    f"repeats {criterion.id!r}", "give each criterion its own id", f"[{index}].id"
                )
            if criterion.show_if is not None:
                try:
                    show_if = criterion.show_if.bound(
                        lambda one, earlier=earlier: literal(one, earlier, later)  # type: ignore[misc]
                    )
                except condition.BadCondition as error:
                    raise bad(error.problem, error.mend, f"[{index}].show_if") from None
                criterion = criterion.model_copy(update={"show_if": show_if})
            if criterion.becomes and any(one.becomes for one in earlier.values()):
                raise bad(
                    "is given a second time",
                    "a case has one reference; ask for one ideal answer",
                    f"[{index}].becomes",
                )
            earlier[criterion.id] = criterion
            bound.append(criterion)
        return tuple(bound)

    @classmethod
    def from_document(cls, document: Mapping[str, Any], source: str = "rubric") -> "Rubric":
        """The rubric that a document says; BadRubric names `source` and the path in it."""
        try:
            return cls.model_validate(dict(document))
        except ValidationError as error:
            raise BadRubric(source, *refusal(error)) from None

    def document(self) -> dict[str, Any]:
        """The rubric as JSON values, defaults written out; `from_document` reads it back."""
        return self.model_dump(mode="json", exclude_none=True)

    @property
    def hash(self) -> str:
        """SHA-256, in hexadecimal, of the document as canonical JSON."""
        canonical = json.dumps(
            self.document(), sort_keys=True, ensure_ascii=False, separators=(",", ":")
        )
        return hashlib.sha256(canonical.encode()).hexdigest()

    def __contains__(self, id_: str) -> bool:
        return any(criterion.id == id_ for criterion in self.criteria)

    def criterion(self, id_: str) -> Criterion:
        """The criterion of that id; NotFound names those there are."""
        for criterion in self.criteria:
            if criterion.id == id_:
                return criterion
        known = ", ".join(criterion.id for criterion in self.criteria)
        raise NotFound(f"rubric {self.name} has no criterion {id_!r}; it has {known}")

    def rating_keys(self) -> tuple[RatingKey, ...]:
        """What statistics are computed of: every criterion, tags one by one, without texts."""
        return tuple(key for criterion in self.criteria for key in criterion.rating_keys)

    def rating_key(self, key: str) -> RatingKey:
        """One of them by its key; NotFound names those there are."""
        for one in self.rating_keys():
            if one.key == key:
                return one
        known = ", ".join(one.key for one in self.rating_keys())
        raise NotFound(f"rubric {self.name} has no criterion {key!r} with values; it has {known}")

    @property
    def deciding(self) -> frozenset[str]:
        """The ids of the criteria on whose answers it hangs whether others are asked."""
        return frozenset(
            name for one in self.criteria if one.show_if is not None for name in one.show_if.names
        )

    def shown(self, answers: Mapping[str, Answer]) -> tuple[str, ...]:
        """The ids of the criteria that are asked, given these answers.

        What a hidden criterion was answered does not count.
        """
        given: dict[str, Given] = {}
        shown = []
        for criterion in self.criteria:
            if criterion.show_if is None or criterion.show_if.holds(given):
                shown.append(criterion.id)
                given[criterion.id] = criterion.given(answers.get(criterion.id))
        return tuple(shown)

    def check_answers(
        self, answers: Mapping[str, Answer], lengths: Mapping[str, int] | None = None
    ) -> list[Problem]:
        """The one rule for a submission: what keeps it from being taken. See `answer.check`."""
        return answer.check(self, answers, lengths)


def parse(text: str, source: str = "rubric.yaml") -> Rubric:
    """The rubric that a YAML text says; BadRubric says what is wrong, where, and the mend."""
    return Rubric.from_document(rubric_file.document(text, source), source)


def load(path: Path | str) -> Rubric:
    """The rubric in a YAML file."""
    path = Path(path)
    return parse(rubric_file.read(path), path.name)


def builtin_names() -> tuple[str, ...]:
    """The names of the rubrics that come with the product."""
    folder = resources.files("annotate") / "rubrics"
    return tuple(
        sorted(
            file.name.removesuffix(".yaml")
            for file in folder.iterdir()
            if file.name[-5:] == ".yaml"
        )
    )


def builtin_text(name: str) -> str:
    """A built-in rubric as its file has it, comments and all; NotFound names those there are."""
    if name not in builtin_names():
        raise NotFound(
            f"there is no built-in rubric {name!r}; there are {', '.join(builtin_names())}"
        )
    return (resources.files("annotate") / "rubrics" / f"{name}.yaml").read_text("utf-8")


@cache
def builtin(name: str) -> Rubric:
    """A rubric that comes with the product, by name."""
    return parse(builtin_text(name), f"{name}.yaml")
