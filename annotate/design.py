"""The design of a round: what a lead asks for, and the plan that comes of it.

A plan is made by reading only. `annotate.rounds` freezes it.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, select

from annotate import people, ratings, rubric_versions, sampling
from annotate.errors import BadInput, Conflict, NotAllowed, NotFound
from annotate.gold_file import canonical
from annotate.sampling import Drawn, Item
from db.tables import Output, Round, Unit
from db.tables import Rubric as RubricRow

SIGNALS = {
    "thumbs_down": ("thumbs down", col(Output.thumb) == -1),
    "regenerated": ("regenerated", col(Output.regenerated).is_(True)),
    "escalated": ("escalated", col(Output.escalated).is_(True)),
}
ALWAYS_SHOWN = ("input", "contexts", "response")
REPEAT = "#repeat"


class Part(BaseModel):
    """Frozen, and strict about its names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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


class Parameters(Part):
    """What the round's reports decide by."""

    minimum_units: int = Field(default=10, ge=2)
    """Units rated by two or more people below which a figure is "not enough ratings"."""
    delta: float | None = Field(default=None, gt=0)
    """The largest drift that still counts as stable, in points; None is the scale's usual one."""


class Design(Part):
    """What a lead asks for when launching a round."""

    name: str = Field(min_length=1, max_length=100, pattern=r"^[^\s/#?][^/#?\n\r\t]*$")
    rubric: str
    units: int = Field(ge=1)
    """Outputs to draw; in a first round the anchors are among them."""
    by: Literal["segment"] | None = "segment"
    allocate: Literal["proportional", "equal", "neyman"] = "proportional"
    overlap: int = Field(3, ge=1, le=50)
    anchors: int = Field(0, ge=0)
    anchors_from: str | None = None
    repeats: int = Field(0, ge=0)
    raters: tuple[str, ...] = ()
    judges: tuple[str, ...] = ()
    """The judge versions that this round is to calibrate."""
    baseline: str | None = None
    seed: str = "1"
    oversample: dict[Literal["thumbs_down", "regenerated", "escalated"], int] = {}
    """Of the units, so many from outputs with this user signal."""
    filters: Filters = Filters()
    hide: Blind = Blind()
    lease_minutes: int = Field(15, ge=1, le=24 * 60)
    parameters: Parameters = Parameters()

    @property
    def shown(self) -> tuple[str, ...]:
        """The fields that a rater's screen may get."""
        optional = ("reference", "configuration", "metadata", "signals")
        return (*ALWAYS_SHOWN, *(name for name in optional if not getattr(self.hide, name)))


@dataclass(frozen=True)
class PlannedUnit:
    """One unit that the round would have."""

    key: str
    output: str
    purpose: str
    stratum: str
    segment: str
    inclusion_probability: float | None
    overlap: int
    rank: int
    repeats: str | None = None


@dataclass(frozen=True)
class StratumPlan:
    """One stratum of the sample."""

    stratum: str
    population: int
    drawn: int
    anchors: int
    inclusion_probability: float


@dataclass(frozen=True)
class Plan:
    """What launching would freeze."""

    design: Design
    rubric: RubricRow
    baseline: Round | None
    strata: list[StratumPlan]
    units: list[PlannedUnit]
    content: dict[str, str]
    """The content hash of every output in it, by key."""
    warnings: list[str] = field(default_factory=list)

    @property
    def assignments(self) -> int:
        """Ratings of a whole unit that the round asks for."""
        return sum(unit.overlap for unit in self.units)


@dataclass(frozen=True)
class _Candidate:
    key: str
    segment: str
    stratum: str
    content_hash: str


def plan_round(session: Session, design: Design) -> Plan:
    """The round that this design would launch, unit by unit; writes nothing of it.

    (A built-in rubric that is used for the first time is added to the database's rubrics.)
    """
    if session.exec(select(Round).where(Round.name == design.name)).first() is not None:
        raise Conflict(f"there is a round {design.name!r} already; choose another name")
    rubric = rubric_versions.get_rubric(session, design.rubric)
    _check_raters(session, design)
    source = get_round(session, design.anchors_from) if design.anchors_from else None
    baseline = get_round(session, design.baseline) if design.baseline else source
    if design.anchors and source is not None:
        raise BadInput("give either a number of anchors or the round that they come from, not both")
    warnings: list[str] = []
    old_anchors = _anchors_of(session, source) if source is not None else []
    taken = {key for key, _, _ in old_anchors} | _outputs_of(session, baseline)
    candidates = [c for c in _candidates(session, design) if c.key not in taken]
    if not candidates:
        raise NotFound(
            "no output is left to draw from; import outputs, or widen the filters"
            if not taken
            else "every output has been rated in the baseline already; import newer outputs"
        )
    drawn = _draw(session, design, rubric, candidates, warnings)
    by_key = {c.key: c for c in candidates}
    new_anchors = _choose(drawn, design.anchors, f"{design.seed}:anchor")
    units = [
        _unit(d.key, by_key[d.key].segment, d.stratum, d.inclusion_probability, design,
              "anchor" if d.key in new_anchors else "fresh")
        for d in drawn
    ] + [
        _unit(key, segment, segment if design.by else "all", None, design, "anchor")
        for key, segment, _ in old_anchors
    ]  # fmt: skip
    units = _ranked(units, design)
    sizes = Counter(c.stratum for c in candidates)
    counts = Counter(d.stratum for d in drawn)
    anchors = Counter(unit.stratum for unit in units if unit.purpose == "anchor")
    strata = [
        StratumPlan(s, sizes[s], counts[s], anchors[s], counts[s] / sizes[s]) for s in sorted(sizes)
    ]
    _warn(design, units, strata, warnings)
    content = {c.key: c.content_hash for c in candidates if c.key in {d.key for d in drawn}}
    content |= {key: hash_ for key, _, hash_ in old_anchors}
    return Plan(design, rubric, baseline, strata, units, content, warnings)


def get_round(session: Session, name: str) -> Round:
    """The round of that name; NotFound names those there are."""
    found = session.exec(select(Round).where(Round.name == name)).first()
    if found is None:
        known = list(session.exec(select(Round.name).order_by(col(Round.id).desc()).limit(10)))
        there = f"there are {', '.join(known)}" if known else "none has been launched yet"
        raise NotFound(f"there is no round {name!r}; {there}")
    return found


def _check_raters(session: Session, design: Design) -> None:
    if not design.raters:
        raise BadInput("a round needs raters; name them, each with --rater NAME")
    twice = [name for name, count in Counter(design.raters).items() if count > 1]
    if twice:
        raise BadInput(f"rater {twice[0]!r} is named twice; name each once")
    for name in design.raters:
        rater = people.get_rater(session, name)
        if rater.kind != "human":
            raise BadInput(f"{name} is a {rater.kind}; a round's raters are people")
        if rater.revoked_at is not None:
            raise NotAllowed(f"rater {name} is revoked; restore them or choose another")
    for name in design.judges:
        judge = people.get_rater(session, name)
        if judge.kind == "human":
            raise BadInput(f"{name} is a person; --judge names a judge or a metric")
    if len(design.raters) < design.overlap:
        raise BadInput(
            f"overlap {design.overlap} needs {design.overlap} raters, {len(design.raters)} are "
            "named; name more, or lower the overlap"
        )


def _candidates(session: Session, design: Design) -> list[_Candidate]:
    wanted = [name for name in SIGNALS if design.oversample.get(name)]  # type: ignore[call-overload]
    columns: list[sa.SQLColumnExpression[Any]] = [
        col(Output.key), col(Output.segment), col(Output.content_hash)
    ]  # fmt: skip
    statement = sa.select(*columns, *(SIGNALS[name][1] for name in wanted))
    filters = design.filters
    if filters.segments:
        statement = statement.where(col(Output.segment).in_(filters.segments))
    if filters.configurations:
        statement = statement.where(col(Output.configuration).in_(filters.configurations))
    if filters.since:
        statement = statement.where(col(Output.occurred_at) >= filters.since)
    if filters.until:
        statement = statement.where(col(Output.occurred_at) < filters.until)
    found = []
    for key, segment, content_hash, *signals in session.connection().execute(statement):
        stratum = segment if design.by else "all"
        # An output has one stratum: its first signal in the fixed order, else its segment.
        for name, holds in zip(wanted, signals, strict=True):
            if holds:
                stratum = f"{stratum} / {SIGNALS[name][0]}"
                break
        found.append(_Candidate(key, segment, stratum, content_hash))
    return found


def _draw(
    session: Session,
    design: Design,
    rubric: RubricRow,
    candidates: Sequence[_Candidate],
    warnings: list[str],
) -> list[Drawn]:
    sizes = Counter(c.stratum for c in candidates)
    special = sum(design.oversample.values())
    if special > design.units:
        raise BadInput(
            f"{special} units are asked of user signals, {design.units} in all; raise --units"
        )
    if design.units > len(candidates):
        warnings.append(
            f"{design.units} units are asked for and {len(candidates)} outputs are there: "
            "all of them are taken"
        )
    counts: dict[str, int] = {}
    for name, wanted in design.oversample.items():
        suffix = f" / {SIGNALS[name][0]}"
        strata = {s: n for s, n in sizes.items() if s.endswith(suffix)}
        if sum(strata.values()) < wanted:
            warnings.append(
                f"{wanted} units are asked of {SIGNALS[name][0]}, "
                f"{sum(strata.values())} outputs have it"
            )
        counts |= sampling.allocate(strata, wanted, "proportional", minimum=1)
    suffixes = tuple(f" / {SIGNALS[name][0]}" for name in design.oversample)
    plain = {s: n for s, n in sizes.items() if not (suffixes and s.endswith(suffixes))}
    spreads = _spreads(session, rubric) if design.allocate == "neyman" else None
    if spreads is not None and not any(spreads.get(s, 0) > 0 for s in plain):
        raise BadInput(
            "neyman allocation needs the variance of earlier ratings with this rubric, and there "
            "are none in these segments; use --allocate proportional for the first round"
        )
    counts |= sampling.allocate(
        plain, design.units - sum(counts.values()), design.allocate, spreads=spreads
    )
    items = [Item(c.key, c.stratum) for c in candidates]
    return sampling.draw(items, counts, design.seed)


def _spreads(session: Session, rubric: RubricRow) -> dict[str, float]:
    """Standard deviation of people's values on the first scored criterion, by segment."""
    rounds = session.exec(
        select(Round)
        .join(RubricRow, col(RubricRow.id) == Round.rubric_id)
        .where(RubricRow.name == rubric.name)
    ).all()
    said = ratings.counted(ratings.frame(session, rounds=rounds, kinds=["human"]))
    for key in rubric_versions.loaded(rubric).rating_keys():
        values = said[said["criterion"] == key.key]
        if len(values):
            spread = values.groupby("segment")["value"].std()
            return {str(s): float(v) for s, v in spread.items() if v == v}
    return {}


def _choose(drawn: Sequence[Drawn], n: int, seed: str) -> set[str]:
    """n of the drawn, proportional by stratum, by the same hashing."""
    if n > len(drawn):
        raise BadInput(f"{n} anchors are asked for among {len(drawn)} units; ask for fewer")
    counts = sampling.allocate(Counter(d.stratum for d in drawn), n, "proportional", minimum=0)
    return {d.key for d in sampling.draw([Item(d.key, d.stratum) for d in drawn], counts, seed)}


def _unit(
    key: str, segment: str, stratum: str, probability: float | None, design: Design, purpose: str
) -> PlannedUnit:
    return PlannedUnit(key, key, purpose, stratum, segment, probability, design.overlap, 0)


def _ranked(units: list[PlannedUnit], design: Design) -> list[PlannedUnit]:
    """In the order of work: hashed, so that purposes and strata mix; repeats half a round later."""
    ordered = sorted(units, key=lambda u: (sampling.order(u.key, f"{design.seed}:rank"), u.key))
    if design.repeats > len(ordered):
        raise BadInput(f"{design.repeats} repeats of {len(ordered)} units; ask for fewer")
    places: list[tuple[float, PlannedUnit]] = [(float(i), u) for i, u in enumerate(ordered)]
    again = sorted(
        enumerate(ordered),
        key=lambda pair: sampling.order(pair[1].key, f"{design.seed}:repeat"),
    )[: design.repeats]
    for place, unit in again:
        later = place + len(ordered) / 2 + 0.5
        places.append(
            (
                later,
                PlannedUnit(
                    unit.key + REPEAT,
                    unit.output,
                    "repeat",
                    unit.stratum,
                    unit.segment,
                    None,
                    unit.overlap,
                    0,
                    repeats=unit.key,
                ),  # fmt: skip
            )
        )
    places.sort(key=lambda pair: (pair[0], pair[1].key))
    return [PlannedUnit(**{**unit.__dict__, "rank": rank}) for rank, (_, unit) in enumerate(places)]


def _anchors_of(session: Session, round_: Round) -> list[tuple[str, str, str]]:
    """(key, segment, content hash) of a round's anchors."""
    rows = session.connection().execute(
        sa.select(col(Output.key), col(Output.segment), col(Output.content_hash))
        .join(Unit, col(Unit.output_id) == col(Output.id))
        .where(col(Unit.round_id) == round_.id, col(Unit.purpose) == "anchor")
        .order_by(col(Output.key))
    )
    found = [(key, segment, hash_) for key, segment, hash_ in rows]
    if not found:
        raise BadInput(f"round {round_.name} has no anchors; launch this one with --anchors N")
    return found


def _outputs_of(session: Session, round_: Round | None) -> set[str]:
    if round_ is None:
        return set()
    statement = (
        sa.select(col(Output.key))
        .join(Unit, col(Unit.output_id) == col(Output.id))
        .where(col(Unit.round_id) == round_.id)
    )
    return set(session.connection().execute(statement).scalars())


def _warn(
    design: Design,
    units: Sequence[PlannedUnit],
    strata: Sequence[StratumPlan],
    warnings: list[str],
) -> None:
    anchors = sum(unit.purpose == "anchor" for unit in units)
    if 0 < anchors < 10:
        warnings.append(f"{anchors} anchors say little about drift; 20 to 50 are usual")
    if design.baseline and not design.anchors_from:
        warnings.append("a baseline without shared anchors cannot tell who moved")
    thin = [s.stratum for s in strata if 0 < s.drawn < 2]
    if thin:
        warnings.append(f"a variance needs two units in a stratum; one in {', '.join(thin)}")
    empty = [s.stratum for s in strata if s.drawn == 0]
    if empty:
        warnings.append(f"nothing is drawn from {', '.join(empty)}; figures will not cover it")
    if design.overlap < 2:
        warnings.append("with overlap 1 there is no agreement to measure")


def document_hash(document: Mapping[str, Any]) -> str:
    """SHA-256 of a frozen design: canonical JSON of everything but the hash itself."""
    said = {k: v for k, v in document.items() if k not in {"hash", "rubric_source"}}
    return hashlib.sha256(canonical(said).encode()).hexdigest()
