"""The design of a round: what a lead asks for, and the document that it is frozen as."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from annotate.errors import BadInput
from annotate.gold_file import canonical

if TYPE_CHECKING:
    from annotate.stats import Thresholds

ALWAYS_SHOWN = ("input", "contexts", "response")
TELLING = ("configuration", "metadata", "signals")
"""What tells which of two configurations an output comes from."""
REPEAT = "#repeat"

Signal = Literal["thumbs_down", "regenerated", "escalated"]
Shown = Literal[
    "input", "contexts", "response", "reference", "configuration", "metadata", "signals", "others"
]
Quota = Annotated[int, Field(ge=1)]
LONGEST_NAME = 100
Name = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_NAME, pattern=r"^[^\s/#?][^/#?\x00-\x1f\x7f-\x9f]*$"),
]
Seed = Annotated[str, Field(max_length=100, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
Overlap = Annotated[int, Field(ge=1, le=50)]
Minutes = Annotated[int, Field(ge=1, le=24 * 60)]


class Part(BaseModel):
    """Frozen, and strict about its names."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Blind(Part):
    """What raters do not see. A judge's score and other raters' values are never shown."""

    configuration: bool = True
    reference: bool = False
    metadata: bool = True
    signals: bool = True


class Filters(Part):
    """Which outputs may be drawn; empty is all."""

    segments: tuple[str, ...] = ()
    configurations: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    @field_validator("since", "until")
    @classmethod
    def _in_utc(cls, at: datetime | None) -> datetime | None:
        """A time without a time zone is one in UTC, as in files of outputs."""
        if at is None:
            return None
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


class Practice(Part):
    """Training on units whose answer is known: what is shown at once, and what counts as passed."""

    pass_mark: float = Field(default=0.8, gt=0, le=1)
    """The share of known answers that must be met."""
    tolerance: float = Field(default=1.0, ge=0, le=1_000)
    """Points that an answer on an ordinal scale may lie off the known one."""


THRESHOLDS = ("of_ceiling", "poor_of_ceiling", "ceiling", "bias", "poor_bias")


class Parameters(Part):
    """What the round's reports decide by."""

    minimum_units: int = Field(default=10, ge=2, le=1_000_000)
    """Units rated by two or more people below which a figure is "not enough ratings"."""
    delta: float | None = Field(default=None, gt=0, le=1_000_000)
    """The largest drift that still counts as stable, in points; None is the scale's usual one."""
    of_ceiling: float = 0.8
    poor_of_ceiling: float = 0.5
    ceiling: float = 0.4
    bias: float = 0.125
    poor_bias: float = 0.25
    """The thresholds of the verdict on a judge, as in `annotate.stats.Thresholds`; they are
    frozen with the round."""
    epsilon: float = Field(default=0.1, ge=0, le=1)
    """What a judge may lose against a person and still be preferred, for its lower cost."""

    @property
    def thresholds(self) -> "Thresholds":
        """What the verdict on a judge decides by."""
        from annotate.stats import Thresholds  # brings scipy, which only reports need

        return Thresholds(**{name: getattr(self, name) for name in THRESHOLDS})

    @model_validator(mode="after")
    def _check_thresholds(self) -> "Parameters":
        if not 0 <= self.poor_of_ceiling <= self.of_ceiling:
            raise ValueError(
                f"a judge cannot be trusted from {self.of_ceiling:g} of people's kappa on "
                f"(of_ceiling) and not to be used below {self.poor_of_ceiling:g} of it "
                "(poor_of_ceiling); give a poor_of_ceiling from 0 up to of_ceiling"
            )
        if not 0 <= self.bias <= self.poor_bias <= 1:
            raise ValueError(
                f"a judge cannot be trusted up to a bias of {self.bias:g} of the scale (bias) and "
                f"not to be used beyond {self.poor_bias:g} (poor_bias); give a poor_bias from bias "
                "up to 1"
            )
        if not 0 < self.ceiling < 1:
            raise ValueError(
                f"the kappa that people need among themselves (ceiling) is {self.ceiling:g}; give "
                "a number between 0 and 1"
            )
        return self


class Design(Part):
    """What a lead asks for when launching a round."""

    name: Name
    rubric: str
    units: int = Field(ge=1)
    """Outputs to draw. Anchors that are marked in this round are among them; those of an earlier
    round come on top."""
    by: Literal["segment"] | None = "segment"
    allocate: Literal["proportional", "equal", "neyman"] = "proportional"
    criterion: str | None = None
    """Whose past variances `neyman` goes by; None is the rubric's first ordinal criterion."""
    overlap: Overlap = 3
    anchors: int = Field(default=0, ge=0)
    anchors_from: str | None = None
    repeats: int = Field(default=0, ge=0)
    raters: tuple[str, ...] = ()
    judges: tuple[str, ...] = ()
    """The judge versions that this round is to calibrate."""
    baseline: str | None = None
    seed: Seed = "1"
    oversample: dict[Signal, Annotated[int, Field(ge=1)]] = {}
    """Of the units, so many from outputs with this user signal."""
    filters: Filters = Filters()
    hide: Blind = Blind()
    lease_minutes: Minutes = 15
    quota: Quota | None = None
    """Units that one rater gets at most; None is no limit."""
    compares: tuple[str, str] | None = None
    """Two configurations, base and candidate: a unit is a pair of their outputs of one case."""
    practice: Practice | None = None
    """Units are cases with gold; every rater rates all of them and is told at once."""
    qualified_by: str | None = None
    """The practice round that every rater must have passed."""
    reveals: str | None = None
    """A closed round whose votes raters see: they vote again on what they disagreed about."""
    parameters: Parameters = Parameters()

    @property
    def shown(self) -> tuple[str, ...]:
        """The fields that a rater's screen may get."""
        optional = ("reference", "configuration", "metadata", "signals")
        others = ("others",) if self.reveals else ()
        seen = (name for name in optional if not getattr(self.hide, name))
        return (*ALWAYS_SHOWN, *seen, *others)

    @model_validator(mode="after")
    def _one_kind(self) -> "Design":
        """A practice, a comparison and a norming round are three things, and none has anchors."""
        _check_kind(self, self.shown)
        kind = _kinds(self)
        if not kind:
            return self
        unfit = {
            "anchors": self.anchors,
            "anchors_from": self.anchors_from,
            "baseline": self.baseline,
            "judges": self.judges,
            "oversample": self.oversample,
            "repeats": self.repeats if kind != ["compares"] else 0,
        }
        for name, given in unfit.items():
            if given:
                raise ValueError(f"a round with {kind[0]} takes no {name}; leave it out")
        return self


def _kinds(design: "Design | Frozen") -> list[str]:
    """What makes a round another one than rating outputs one by one."""
    return [
        name
        for name in ("practice", "compares", "reveals")
        if getattr(design, name) is not None
    ]  # fmt: skip


def _check_kind(design: "Design | Frozen", shown: tuple[str, ...]) -> None:
    """What must hold of the round's kind however it is launched."""
    kinds = _kinds(design)
    if len(kinds) > 1:
        raise ValueError(f"a round cannot be both {' and '.join(kinds)}; launch one of each")
    if design.practice is not None and design.quota is not None:
        raise ValueError("a round with practice takes no quota: it is passed once all is rated")
    if design.compares is not None:
        if design.compares[0] == design.compares[1]:
            raise ValueError("compares names one configuration twice; name base and candidate")
        for name in TELLING:
            if name in shown:
                raise ValueError(
                    f"a comparison is blind: {name} would tell the two apart; leave it hidden"
                )


class FrozenRubric(Part):
    """Which rubric version a frozen design means; its hash decides."""

    name: str
    version: int
    hash: str


class FrozenUnit(Part):
    """A unit of a frozen design."""

    key: str
    output: str
    purpose: Literal["fresh", "anchor", "repeat", "check"]
    stratum: str
    inclusion_probability: float | None = Field(gt=0, le=1)
    overlap: Overlap
    rank: int = Field(ge=0)
    repeats: str | None
    content_hash: str
    rival: str | None = None
    """Of a pair: the other output."""
    rival_hash: str | None = None


class Frozen(BaseModel):
    """What a design document must have before a round can be launched from it."""

    name: Name
    rubric: FrozenRubric
    baseline: str | None
    overlap: Overlap
    seed: str
    raters: tuple[str, ...]
    judges: tuple[str, ...]
    shown: tuple[Shown, ...]
    lease_minutes: Minutes
    parameters: Parameters
    quota: Quota | None = None
    compares: tuple[str, str] | None = None
    practice: Practice | None = None
    qualified_by: str | None = None
    reveals: str | None = None
    known: dict[str, dict[str, float]] | None = None
    """Of a practice round: the known answers by output and criterion. Frozen, so that gold that
    is promoted later neither fails nor passes anybody who has been told them."""
    units: tuple[FrozenUnit, ...] = Field(min_length=1)
    hash: str
    rubric_source: str | None = None

    @model_validator(mode="after")
    def _check_units(self) -> "Frozen":
        counts = Counter(unit.key for unit in self.units)
        twice = [key for key, count in counts.items() if count > 1]
        if twice:
            raise ValueError(f"unit {twice[0]!r} stands twice")
        originals = {unit.key for unit in self.units if unit.purpose != "repeat"}
        for unit in self.units:
            if (unit.purpose == "repeat") != (unit.repeats in originals):
                raise ValueError(f"unit {unit.key!r} does not say which unit it repeats")
        return self

    @model_validator(mode="after")
    def _check_its_kind(self) -> "Frozen":
        _check_kind(self, self.shown)
        if ("others" in self.shown) != (self.reveals is not None):
            raise ValueError("others' votes are shown where, and only where, a round is revealed")
        if (self.practice is None) != (self.known is None):
            raise ValueError("known answers are there for a practice, and only for a practice")
        for unit in self.units:
            if (unit.rival is None) != (self.compares is None):
                raise ValueError(f"unit {unit.key!r} is no pair, or the round compares nothing")
            if self.known is not None and unit.output not in self.known:
                raise ValueError(f"nothing is known of unit {unit.key!r}, which is practised on")
        return self


def checked(**fields: Any) -> Design:
    """The design of these fields; BadInput names the field that cannot be used."""
    try:
        return Design.model_validate(fields)
    except ValidationError as error:
        raise BadInput(_first(error)) from None


def read_document(document: Mapping[str, Any]) -> Frozen:
    """A design document as `annotate round design` writes it, checked against its own hash."""
    if not isinstance(document.get("units"), list) or "hash" not in document:
        raise BadInput("this is not a design document; `annotate round design NAME` writes one")
    try:
        unchanged = document_hash(document) == document["hash"]
    except (TypeError, ValueError):  # NaN, which no document of ours has
        unchanged = False
    if not unchanged:
        raise BadInput(
            "the design document was changed after it was exported: its hash does not fit; "
            "export it again"
        )
    try:
        return Frozen.model_validate(dict(document))
    except ValidationError as error:
        raise BadInput(
            f"the design document cannot be used: {_first(error)}; export it again"
        ) from None


def document_hash(document: Mapping[str, Any]) -> str:
    """SHA-256 of a frozen design: canonical JSON of everything but the hash itself.

    The rubric's YAML is left out because the rubric's own hash is in.
    """
    said = {k: v for k, v in document.items() if k not in {"hash", "rubric_source"}}
    return hashlib.sha256(canonical(said).encode()).hexdigest()


def _first(error: ValidationError) -> str:
    """The first thing that is wrong, in a sentence: the field, what it is, and the mend."""
    first = error.errors(include_url=False)[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    where = ".".join(str(part) for part in first["loc"]).removeprefix("parameters.")
    if first["type"] == "missing":
        return f"{where} is missing"
    if first["type"] == "extra_forbidden":
        return f"{where} is no field of a design; leave it out"
    if where == "name":
        return _about_the_name(first["input"])
    return f"{where} is {str(first['input'])[:60]!r}; {_mend(first)}"


def _about_the_name(given: object) -> str:
    if not str(given).strip():
        return "the round has no name; give it one, such as 2026-q4"
    if len(str(given)) > LONGEST_NAME:
        return f"the round's name has {len(str(given))} characters; give at most {LONGEST_NAME}"
    return (
        f"the round's name {str(given)[:60]!r} cannot be used; leave out slashes, # and ?, line "
        "breaks, and a space at its beginning"
    )


_LIMITS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}


def _mend(first: Any) -> str:
    """What would be taken instead, in the words of a lead."""
    kind, said = first["type"], first.get("ctx", {})
    if kind in _LIMITS:
        words, name = _LIMITS[kind]
        return f"give {words} {said[name]:g}"
    if kind == "literal_error":
        return f"give one of {said['expected']}"
    if kind == "too_short":
        return f"give at least {said['min_length']}"
    if kind == "string_too_long":
        return f"give at most {said['max_length']} characters"
    if kind == "string_pattern_mismatch":
        return "leave out line breaks and control characters"
    if kind.startswith(("int", "float", "finite")):
        return "give a whole number" if kind.startswith("int") else "give a number"
    if kind.startswith("datetime"):
        return "give a day such as 2026-03-31"
    said_plainly: str = first["msg"]
    return said_plainly[:1].lower() + said_plainly[1:]
