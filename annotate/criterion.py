"""One question of a rubric: its scale, its words, and when it is asked."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    StrictBool,
    field_validator,
    model_validator,
)

from annotate import condition, scale
from annotate.answer import Abstention, Answer
from annotate.condition import Comparison, Condition, Given
from annotate.errors import BadInput
from annotate.rubric_text import LongText, Number, Slug, Text, bad, words_of
from annotate.scale import Level, RatingKey

MAX_CHOICES = 101
"""Points or options of one criterion: a scale from 0 to 100 still fits."""

Scale = Literal["binary", "ordinal", "categorical", "preference", "tags", "text"]

_LEVELS: dict[Scale, tuple[Level | None, ...]] = {
    "binary": ("nominal",),
    "ordinal": ("ordinal", "interval"),
    "categorical": ("nominal",),
    "preference": ("nominal",),
    "tags": ("nominal",),
    "text": (None,),
}
"""Levels of measurement that a scale may claim, its default first."""

_YES_NO = ({"value": 0, "label": "No"}, {"value": 1, "label": "Yes"})
PREFERENCES = {
    "base": "The base is better",
    "candidate": "The candidate is better",
    "tie": "Equally good",
    "both_bad": "Both are bad",
}
"""What a preference between the responses of two configurations may say, in the order of its
codes 0 to 3. Raters see A and B; which is which, `annotate.pairs` knows."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Point(Part):
    """A point of a binary or ordinal scale, with the situation that deserves it."""

    value: Number
    label: Text
    anchor: LongText | None = None


class Option(Part):
    """One of the categories or tags to choose from."""

    id: Slug
    label: Text
    anchor: LongText | None = None


class Rationale(Part):
    """When a rater must say why: always, or for values beyond a limit."""

    required: StrictBool = False
    required_below: Number | None = None
    required_above: Number | None = None


def _condition(value: Any) -> Any:
    if value is None or isinstance(value, Condition):
        return value
    if not isinstance(value, str):
        raise bad("is not a condition", "write for example `faithfulness < 4`")
    try:
        return condition.parse(value)
    except condition.BadCondition as error:
        raise bad(error.problem, error.mend) from None


class Criterion(Part):
    """One question of a rubric and the scale of its answers."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    id: Slug
    question: LongText
    scale: Scale
    points: tuple[Point, ...] = ()
    options: tuple[Option, ...] = ()
    level: Level | None = None
    pass_at: Number | None = None
    show_if: Annotated[
        Condition | None,
        BeforeValidator(_condition),
        PlainSerializer(lambda value: None if value is None else str(value)),
    ] = None
    rationale: Rationale = Rationale()
    evidence: Literal["response", "contexts"] | None = None
    abstain: tuple[Abstention, ...] = ("not_applicable", "cannot_judge")
    required: StrictBool = True
    becomes: Literal["reference"] | None = None
    """Of a text: an ideal answer, which becomes the reference of its case in the gold."""

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, data: Any) -> Any:
        """What the scale and the id already say need not be written."""
        if not isinstance(data, Mapping):
            return data
        data = dict(data)
        if isinstance(data.get("id"), str) and "question" not in data:
            data["question"] = words_of(data["id"])
        scale_ = data.get("scale")
        if scale_ == "binary":
            if data.get("points") is None:
                data["points"] = _YES_NO
            if data.get("pass_at") is None:
                data["pass_at"] = 1
        if scale_ == "preference" and data.get("options") is None:
            data["options"] = [{"id": id_, "label": label} for id_, label in PREFERENCES.items()]
        if isinstance(scale_, str) and scale_ in _LEVELS and data.get("level") is None:
            data["level"] = _LEVELS[scale_][0]
        if data.get("rationale", ...) is None:
            del data["rationale"]
        return data

    @field_validator("abstain", mode="after")
    @classmethod
    def _abstain_once(cls, value: tuple[Abstention, ...]) -> tuple[Abstention, ...]:
        if len(set(value)) < len(value):
            raise bad("names a reason twice", "name each reason once")
        return tuple(word for word in ("not_applicable", "cannot_judge") if word in value)

    @field_validator("points", "options", mode="after")
    @classmethod
    def _few_choices(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(value) > MAX_CHOICES:
            raise bad(f"are {len(value)}", f"nobody tells more than {MAX_CHOICES} apart; use fewer")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.id in condition.KEYWORDS:
            raise bad(f"is the word {self.id!r} of show_if", "choose another id", "id")
        self._check_choices()
        if self.level not in _LEVELS[self.scale]:
            allowed = " or ".join(str(level) for level in _LEVELS[self.scale] if level)
            raise bad(
                f"is {self.level}, which a {self.scale} scale is not",
                f"write {allowed}, or leave it out" if allowed else "leave it out",
                "level",
            )
        self._check_limits()
        return self

    def _check_choices(self) -> None:
        """Points and options are those of the scale, told apart, and anchored."""
        by_points = ("binary", "ordinal")
        by_options = ("categorical", "preference", "tags")
        for name, given, scales in (
            ("points", self.points, by_points),
            ("options", self.options, by_options),
        ):
            if given and self.scale not in scales:
                raise bad(f"are given for a {self.scale} scale", "leave them out", name)
            least = 1 if self.scale == "tags" else 2
            if self.scale in scales and len(given) < least:
                raise bad(
                    "is missing" if not given else f"has {len(given)} of at least {least}",
                    f"list what a rater may choose, at least {least}",
                    name,
                )
        ids = [option.id for option in self.options]
        if self.scale == "preference" and ids != list(PREFERENCES):
            raise bad(
                f"are {', '.join(ids)}",
                f"a preference has {', '.join(PREFERENCES)}, in this order; leave them out, or "
                "give each its anchor",
                "options",
            )
        for index, id_ in enumerate(ids):
            if id_ in ids[:index]:
                raise bad(f"repeats {id_!r}", "give each option its own id", f"options[{index}].id")
        values = [point.value for point in self.points]
        if self.scale == "binary" and values != [0, 1]:
            raise bad(
                f"are {_list(values)}",
                "a binary scale has the values 0 and 1, in this order",
                "points",
            )
        for index in range(1, len(values)):
            if values[index] <= values[index - 1]:
                raise bad(
                    f"{values[index]:g} does not rise above {values[index - 1]:g}",
                    "list points from the lowest to the highest",
                    f"points[{index}].value",
                )
        labels = [
            *(point.label.casefold() for point in self.points),
            *(option.label.casefold() for option in self.options),
        ]
        for index, label in enumerate(labels):
            if label in labels[:index]:
                name = "points" if self.points else "options"
                raise bad(
                    "repeats an earlier label",
                    "raters could not tell them apart; choose another",
                    f"{name}[{index}].label",
                )
        if self.scale == "ordinal":
            for index, point in enumerate(self.points):
                if point.anchor is None:
                    raise bad(
                        "is missing", "say what deserves this point", f"points[{index}].anchor"
                    )

    def _check_limits(self) -> None:
        """Pass point and rationale limits lie where they can make a difference."""
        limits = {
            "pass_at": self.pass_at,
            "rationale.required_below": self.rationale.required_below,
            "rationale.required_above": self.rationale.required_above,
        }
        for path, limit in limits.items():
            if limit is None:
                continue
            if not self.points:
                raise bad(f"is given for a {self.scale} scale", "leave it out", path)
            low, high = self.bounds
            if path.endswith("above"):
                if not low <= limit < high:
                    raise bad(
                        f"is {limit:g}", f"give a number from {low:g} to below {high:g}", path
                    )
            elif not low < limit <= high:
                raise bad(
                    f"is {limit:g}",
                    f"give a number above {low:g}, up to {high:g}; at {low:g} it decides nothing",
                    path,
                )
        if self.becomes is not None and self.scale != "text":
            raise bad(
                f"is given for a {self.scale} scale",
                "only a text can become the reference",
                "becomes",
            )
        if self.scale == "text" and self.rationale.required:
            raise bad("is required of a text", "the text is its own reason", "rationale.required")

    @property
    def domain(self) -> tuple[float, ...]:
        """The permitted numbers: points, codes of options, 0 and 1 of tags; none for text."""
        match self.scale:
            case "binary" | "ordinal":
                return tuple(point.value for point in self.points)
            case "categorical" | "preference":
                return tuple(map(float, range(len(self.options))))
            case "tags":
                return (0.0, 1.0)
            case "text":
                return ()

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest of the domain."""
        return min(self.domain), max(self.domain)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that its ratings are stored under: its id, or one a tag."""
        if self.scale == "tags":
            return tuple(f"{self.id}.{option.id}" for option in self.options)
        return (self.id,)

    @property
    def rating_keys(self) -> tuple[RatingKey, ...]:
        """Its keys with what statistics need; none for text."""
        if self.scale == "text":
            return ()
        return tuple(
            RatingKey(
                key=key,
                criterion=self.id,
                level=self.level or "nominal",
                domain=self.domain,
                pass_at=self.pass_at,
                labels=self._labels,
                options=() if self.scale == "tags" else tuple(o.id for o in self.options),
            )
            for key in self.keys
        )

    @property
    def _labels(self) -> tuple[str, ...]:
        if self.scale == "tags":
            return ("No", "Yes")
        return (
            *(point.label for point in self.points),
            *(option.label for option in self.options),
        )

    def label(self, value: float) -> str:
        """The words for a value; a number between points (a mean, a judge's) stays a number."""
        return scale.label(value, self.domain, self._labels)

    def code(self, raw: object) -> float:
        """The number of a value as files have it: a point's number, 0/1, an option's id.

        A code stays itself. Raises BadInput with what is allowed; tags are read by `tags`.
        """
        return self._one_key.code(raw)

    def encode_any(self, raw: object, kind: str) -> float:
        """As `code`; a judge or a metric may give any real number within the scale."""
        return self._one_key.encode_any(raw, kind)

    @property
    def _one_key(self) -> RatingKey:
        if self.scale == "text":
            raise BadInput(f"{self.id}: a text has no number; give it as text")
        if self.scale == "tags":
            raise BadInput(
                f"{self.id}: a list of tags has no number; give 0 or 1 for one of "
                f"{', '.join(self.keys)}"
            )
        return self.rating_keys[0]

    def tags(self, raw: object) -> tuple[str, ...]:
        """The chosen tags of a file's value: a list, or `a|b`; an empty one chooses none."""
        if self.scale != "tags":
            raise BadInput(f"{self.id}: is {self.scale}, not tags; give one value")
        return scale.tags(self.id, raw, tuple(option.id for option in self.options))

    def wants_rationale(self, given: Answer) -> bool:
        """Whether this answer must come with a rationale; an abstention never must."""
        if given.abstained is not None or not given.given:
            return False
        if self.rationale.required:
            return True
        if given.value is None:
            return False
        below, above = self.rationale.required_below, self.rationale.required_above
        return (below is not None and given.value < below) or (
            above is not None and given.value > above
        )

    def given(self, one: Answer | None) -> Given:
        """An answer as conditions see it."""
        if one is None or one.abstained is not None:
            return None
        return one.tags if self.scale == "tags" else one.value


def literal(one: Comparison, earlier: Mapping[str, Criterion], known: set[str]) -> float | None:
    """The number that a comparison compares with; BadCondition if it makes no sense."""
    criterion = earlier.get(one.name)
    if criterion is None:
        if one.name in known:
            raise condition.BadCondition(
                f"refers to {one.name!r}, which is not asked before it",
                "move this criterion below it",
            )
        choices = ", ".join(earlier) or "none"
        raise condition.BadCondition(
            f"refers to {one.name!r}, which is no criterion", f"criteria before it: {choices}"
        )
    options = [option.id for option in criterion.options]
    if criterion.scale == "text":
        raise condition.BadCondition(
            f"refers to the text {one.name!r}", "a condition can only look at values and tags"
        )
    if (criterion.scale == "tags") != (one.operator == "has"):
        if criterion.scale == "tags":
            mend = f"write `{one.name} has {options[0]}`"
        else:
            mend = "`has` is for tags; use a comparison such as =="
        raise condition.BadCondition(f"has `{one}`, but {one.name!r} is {criterion.scale}", mend)
    if criterion.scale == "preference" and one.literal in ("base", "candidate"):
        raise condition.BadCondition(
            f"asks which response {one.name!r} prefers",
            "raters see A and B and not which is which; ask for tie or both_bad",
        )
    if options:
        if one.literal not in options:
            raise condition.BadCondition(
                f"has no option {one.literal!r} of {one.name!r} to compare with",
                f"choose among {', '.join(options)}",
            )
        if one.operator not in ("has", "==", "!="):
            raise condition.BadCondition(
                f"orders the categories of {one.name!r} by {one.operator}", "use == or !="
            )
        return None if one.operator == "has" else float(options.index(str(one.literal)))
    low, high = criterion.bounds
    if isinstance(one.literal, str) or not low <= one.literal <= high:
        raise condition.BadCondition(
            f"compares {one.name!r} with {one.literal}",
            f"give a number from {low:g} to {high:g}",
        )
    if one.operator in ("==", "!=") and one.literal not in criterion.domain:
        raise condition.BadCondition(
            f"compares {one.name!r} with {one.literal:g}, which is no point of it",
            f"choose among {_list(criterion.domain)}",
        )
    return one.literal


def _list(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
