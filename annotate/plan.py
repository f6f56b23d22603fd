"""The plan of a round: which units a design would come to. Made by reading only.

Every output that may be drawn has one stratum: its segment (or "all"), and where the design
over-samples a user signal and the output has it, "segment / signal". Within a stratum the sample
is a simple random one, so a fresh unit's inclusion probability is the number of fresh units over
the number of outputs. Anchors have none: they are chosen to be rated again, and what they say
about traffic goes by the fresh units.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from annotate import known_units, pairs, people, population, practice, rubric_versions, sampling
from annotate.design import REPEAT, Design
from annotate.errors import BadInput, Conflict, NotAllowed, NotFound
from annotate.planned import Candidate, Plan, PlannedUnit, StratumPlan
from db.tables import Output, Rater, Rating, Round, Unit
from db.tables import Rubric as RubricRow

# The order is the priority where an output has several: the gravest signal names its stratum.
SIGNALS = {
    "escalated": ("escalated", col(Output.escalated).is_(True)),
    "thumbs_down": ("thumbs down", col(Output.thumb) == -1),
    "regenerated": ("regenerated", col(Output.regenerated).is_(True)),
}
FEW_ANCHORS = 10
MOST_RATERS = 50
"""Of one unit; see `annotate.design.Overlap`."""


def get_round(session: Session, name: str) -> Round:
    """The round of that name; NotFound names those there are."""
    found = session.exec(select(Round).where(Round.name == name)).first()
    if found is None:
        known = list(session.exec(select(Round.name).order_by(col(Round.id).desc()).limit(10)))
        there = f"there are {', '.join(known)}" if known else "none has been launched yet"
        raise NotFound(f"there is no round {name!r}; {there}")
    return found


def plan_round(session: Session, design: Design, *, by: Rater | None) -> Plan:
    """The round that this design would launch, unit by unit; writes nothing.

    Raises BadInput, NotFound, NotAllowed or Conflict for a design that cannot be launched.
    """
    people.require_lead(session, by)
    if session.exec(select(Round).where(Round.name == design.name)).first() is not None:
        raise Conflict(f"there is a round {design.name!r} already; choose another name")
    rubric = rubric_versions.get_rubric(session, design.rubric)
    _check_raters(session, design, rubric)
    if design.reveals is not None:
        blind = get_round(session, design.reveals)
        found = known_units.disagreed(session, design, rubric, blind)
        return _every_rater_on(session, found, design, rubric, None)
    pairs.check_rubric(rubric_versions.loaded(rubric), design.compares)
    if design.practice is not None:
        found, known = known_units.with_gold(session, design, rubric)
        return _every_rater_on(session, found, design, rubric, known)
    _check_overlap(design)
    source = get_round(session, design.anchors_from) if design.anchors_from else None
    baseline = get_round(session, design.baseline) if design.baseline else source
    if design.anchors and source is not None:
        raise BadInput("give either a number of anchors or the round that they come from, not both")
    earlier = _anchors_of(session, design, source) if source is not None else []
    warnings = population.undated(session, design.filters)
    told = population.told(session, design.raters)
    candidates = _population(session, design, earlier, baseline, told, warnings)
    rivals: dict[str, pairs.Rival] = {}
    if design.compares is not None:
        rivals = pairs.rivals(session, *design.compares)
        candidates = pairs.with_rival(candidates, rivals, design, told)
    counts = _allocation(session, design, rubric, candidates, warnings)
    fresh, marked = _drawn(design, candidates, counts)
    sizes = Counter(c.stratum for c in candidates)
    of_fresh = Counter(c.stratum for c in fresh)
    of_anchors = Counter(c.stratum for c in (*marked, *earlier))
    units = [
        PlannedUnit(c.key, c.key, "fresh", c.stratum, c.segment,
                    of_fresh[c.stratum] / sizes[c.stratum], design.overlap,
                    rival=rivals[c.key].key if rivals else None)
        for c in fresh
    ] + [
        PlannedUnit(c.key, c.key, "anchor", c.stratum, c.segment, None, design.overlap)
        for c in (*marked, *earlier)
    ]  # fmt: skip
    strata = [
        StratumPlan(s, sizes[s], of_fresh[s], of_anchors[s], of_fresh[s] / max(1, sizes[s]))
        for s in sorted({*sizes, *of_anchors})
    ]
    planned = _ranked(units, design)
    warnings += _warnings(session, design, rubric, baseline, strata)
    warnings += _quota(design, planned)
    if rivals:
        warnings += pairs.differing(session, planned)
    content = {c.key: c.content_hash for c in (*fresh, *marked, *earlier)}
    content |= {rivals[c.key].key: rivals[c.key].content_hash for c in fresh if rivals}
    there = dict(Counter(c.segment for c in candidates))
    return Plan(
        design, rubric, baseline, strata, planned, content, warnings, population=there
    )  # fmt: skip


def _check_raters(session: Session, design: Design, rubric: RubricRow) -> None:
    if not design.raters:
        raise BadInput("a round needs raters; name them, at least as many as rate each unit")
    twice = [name for name, count in Counter(design.raters).items() if count > 1]
    if twice:
        raise BadInput(f"rater {twice[0]!r} is named twice; name each once")
    for name in design.raters:
        rater = people.get_rater(session, name)
        if rater.kind != "human":
            raise BadInput(f"{name} is a {rater.kind}; a round's raters are people")
        if rater.revoked_at is not None:
            raise NotAllowed(f"rater {name} is revoked; restore them or choose another")
    if design.qualified_by is not None:
        practised = get_round(session, design.qualified_by)
        practice.refuse_unqualified(session, practised, design.raters, rubric.name)
    _check_judges(session, design.judges)


def _check_judges(session: Session, names: Sequence[str]) -> None:
    kinds = dict(session.exec(select(Rater.name, Rater.kind).order_by(Rater.name)).all())
    for name in names:
        if name not in kinds:
            there = [known for known, kind in kinds.items() if kind != "human"]
            some = f"there are {', '.join(there[:10])}" if there else "there is none yet"
            raise NotFound(
                f"there is no judge {name!r}; {some}: `annotate judge add FILE.yaml` adds one"
            )
        if kinds[name] == "human":
            raise BadInput(f"{name} is a person; name judges and metrics as judges")


def _check_overlap(design: Design) -> None:
    if len(design.raters) < design.overlap:
        raise BadInput(
            f"overlap {design.overlap} needs {design.overlap} raters, {len(design.raters)} are "
            "named; name more, or lower the overlap"
        )


def _candidates(session: Session, design: Design, *conditions: Any) -> list[Candidate]:
    wanted = [name for name in SIGNALS if name in design.oversample]
    columns: list[sa.SQLColumnExpression[Any]] = [
        col(Output.key), col(Output.segment), col(Output.content_hash)
    ]  # fmt: skip
    statement = sa.select(*columns, *(SIGNALS[name][1] for name in wanted)).where(*conditions)
    found = []
    for key, segment, content_hash, *signals in session.connection().execute(statement).fetchall():
        stratum = segment if design.by else "all"
        signal = next((name for name, holds in zip(wanted, signals, strict=True) if holds), None)
        if signal is not None:
            stratum = f"{stratum} / {SIGNALS[signal][0]}"
        found.append(Candidate(key, segment, content_hash, stratum, signal))
    return found


def _anchors_of(session: Session, design: Design, source: Round) -> list[Candidate]:
    """The outputs that are anchors of an earlier round, by key."""
    outputs = sa.select(col(Unit.output_id)).where(
        col(Unit.round_id) == source.id, col(Unit.purpose) == "anchor"
    )
    found = _candidates(session, design, col(Output.id).in_(outputs))
    if not found:
        raise BadInput(
            f"round {source.name} has no anchors; name a round that has, or launch this one with "
            "a number of anchors"
        )
    return sorted(found, key=lambda c: c.key)


def _population(
    session: Session,
    design: Design,
    earlier: Sequence[Candidate],
    baseline: Round | None,
    told: Mapping[str, str],
    warnings: list[str],
) -> list[Candidate]:
    """The outputs that may be drawn: within the filters, not rated in the baseline, and their
    answer told to nobody on the panel.

    told: the outputs whose answer was, with the round that tells it.
    """
    taken = {c.key for c in earlier}
    if baseline is not None:
        rated = (
            sa.select(col(Output.key))
            .join(Unit, col(Unit.output_id) == col(Output.id))
            .where(col(Unit.round_id) == baseline.id)
        )
        taken |= set(session.connection().execute(rated).scalars())
    within = _candidates(session, design, *population.conditions(session, design.filters))
    if not within:
        raise NotFound("there is no output to draw from; import outputs, or widen the filters")
    unrated = [c for c in within if c.key not in taken]
    if not unrated:
        assert baseline is not None
        raise NotFound(
            f"every output here has been rated in round {baseline.name}; import newer outputs, or "
            "launch without a baseline"
        )
    found = [c for c in unrated if c.key not in told]
    if not found:
        raise NotFound(
            "raters of this panel are told the answer to every output that could be drawn, in "
            f"{_rounds(told)}; import newer outputs, or name other raters"
        )
    if count := len(unrated) - len(found):
        warnings.append(
            f"{count} outputs are left out, because raters of this panel are told their answer in "
            f"{_rounds(told)}"
        )
    if count := sum(c.key in told for c in earlier):
        warnings.append(
            f"{count} of the anchors are not blind: raters of this panel are told their answer in "
            f"{_rounds(told)}, and may seem to have moved for it"
        )
    return found


def _allocation(
    session: Session,
    design: Design,
    rubric: RubricRow,
    candidates: Sequence[Candidate],
    warnings: list[str],
) -> dict[str, int]:
    """How many to draw from each stratum: first of the user signals, then of the rest."""
    asked = sum(design.oversample.values())
    if asked > design.units:
        raise BadInput(
            f"{asked} units are asked of user signals, {design.units} in all; raise the units"
        )
    if design.units > len(candidates):
        warnings.append(
            f"{design.units} units are asked for and {len(candidates)} outputs are there: "
            "all of them are taken"
        )
    counts: dict[str, int] = {}
    for signal, wanted in design.oversample.items():
        strata = Counter(c.stratum for c in candidates if c.signal == signal)
        if strata.total() < wanted:
            warnings.append(
                f"{wanted} units are asked of {SIGNALS[signal][0]}, "
                f"{strata.total()} outputs have it: the rest is drawn elsewhere"
            )
        counts |= sampling.allocate(strata, wanted, "proportional")
    plain = Counter(c.stratum for c in candidates if c.signal is None)
    if clash := counts.keys() & plain.keys():
        raise BadInput(f"a segment is called {min(clash)!r}, as a stratum would be; rename it")
    left = design.units - sum(counts.values())
    spreads = _spreads(session, design, rubric) if design.allocate == "neyman" else None
    rest = sampling.allocate(plain, left, design.allocate, spreads=spreads)
    if short := min(left, len(candidates) - sum(counts.values())) - sum(rest.values()):
        warnings.append(
            f"{short} more units are drawn of outputs with a user signal than asked for: "
            "the others are too few"
        )
        signalled = Counter(c.stratum for c in candidates if c.signal is not None)
        more = sampling.allocate(signalled - Counter(counts), short, "proportional")
        counts = dict(Counter(counts) + Counter(more))
    return counts | rest


def _spreads(session: Session, design: Design, rubric: RubricRow) -> dict[str, float]:
    """Standard deviation of people's mean value per output on one criterion, by segment.

    From every earlier round with a version of this rubric.
    """
    if not design.by:
        raise BadInput("neyman allocation divides the sample among segments; stratify by segment")
    keys = rubric_versions.loaded(rubric).rating_keys()
    if design.criterion is not None:
        chosen = rubric_versions.loaded(rubric).rating_key(design.criterion)
    else:
        chosen = next((key for key in keys if key.level == "ordinal"), keys[0])
    later = aliased(Rating)
    means = (
        sa.select(col(Output.segment), sa.func.avg(col(Rating.value)))
        .join(Output, col(Output.id) == col(Rating.output_id))
        .join(Rater, col(Rater.id) == col(Rating.rater_id))
        .join(Unit, col(Unit.id) == col(Rating.unit_id))
        .join(Round, col(Round.id) == col(Rating.round_id))
        .join(RubricRow, col(RubricRow.id) == col(Round.rubric_id))
        .where(
            col(RubricRow.name) == rubric.name,
            col(Rating.criterion) == chosen.key,
            col(Rating.value).is_not(None),
            col(Rating.extra).is_(False),
            col(Rating.adjudication).is_(False),
            col(Rater.kind) == "human",
            col(Unit.purpose).in_(["fresh", "anchor"]),
            ~sa.exists().where(col(later.supersedes_id) == col(Rating.id)),
        )
        .group_by(col(Output.segment), col(Output.id), col(Output.key))
        .order_by(col(Output.key))
    )
    by_segment: dict[str, list[float]] = {}
    for segment, mean in session.connection().execute(means):
        by_segment.setdefault(segment, []).append(float(mean))
    spreads = {s: _deviation(values) for s, values in by_segment.items() if len(values) > 1}
    if not any(spreads.values()):
        raise BadInput(
            f"neyman allocation needs the variance of earlier ratings of {chosen.key}, and there "
            "are none; allocate proportionally in the first round"
        )
    return spreads


def _deviation(values: Sequence[float]) -> float:
    # Summed exactly: the order in which a database gives its rows must not decide a tie.
    mean = math.fsum(values) / len(values)
    return float((math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1)) ** 0.5)


def _rounds(by_output: Mapping[str, str]) -> str:
    return ", ".join(sorted(set(by_output.values())))


def _every_rater_on(
    session: Session,
    candidates: Sequence[Candidate],
    design: Design,
    rubric: RubricRow,
    known: known_units.Known | None,
) -> Plan:
    """A plan in which every rater gets every unit, and nothing is said of traffic.

    known: of a practice, what is known by output.
    """
    if len(design.raters) > MOST_RATERS:
        raise BadInput(
            f"{len(design.raters)} raters are named and a unit takes at most {MOST_RATERS}; "
            "launch it for some of them at a time"
        )
    design = design.model_copy(update={"overlap": len(design.raters)})
    rated = population.being_rated(session, design.raters)
    allowed = [c for c in candidates if c.key not in rated]
    if not allowed:
        raise NotAllowed(
            f"raters of this panel rate all of these outputs blind in {_rounds(rated)}; close it "
            "first, or name other raters"
        )
    warnings = []
    if len(allowed) < len(candidates):
        warnings.append(
            f"{len(candidates) - len(allowed)} outputs are left out, because raters of this panel "
            f"rate them blind in {_rounds(rated)}"
        )
    candidates = allowed
    sizes = Counter(c.stratum for c in candidates)
    counts = sampling.allocate(sizes, design.units, "proportional")
    drawn = {d.key for d in sampling.draw(candidates, counts, design.seed)}
    chosen = [c for c in candidates if c.key in drawn]
    purpose = "check" if design.practice is not None else "anchor"
    units = [
        PlannedUnit(c.key, c.key, purpose, c.stratum, c.segment, None, design.overlap)
        for c in chosen
    ]
    strata = [StratumPlan(s, sizes[s], 0, counts[s], 0.0) for s in sorted(sizes)]
    content = {c.key: c.content_hash for c in chosen}
    if known is not None:
        known = {c.key: known[c.key] for c in chosen}
    planned = _ranked(units, design)
    warnings += _quota(design, planned)
    there = dict(Counter(c.segment for c in candidates))
    return Plan(design, rubric, None, strata, planned, content, warnings, known, there)


def _drawn(
    design: Design, candidates: Sequence[Candidate], counts: Mapping[str, int]
) -> tuple[list[Candidate], list[Candidate]]:
    """The fresh units and the anchors among what is drawn, both in the order of the draw.

    Anchors are a random part of each stratum's draw, so what remains is one as well. They leave
    two fresh units to a stratum wherever there are enough others.
    """
    drawn = sampling.draw(candidates, counts, design.seed)
    taken = {d.key for d in drawn}
    by_key = {c.key: c for c in candidates if c.key in taken}
    if design.anchors > len(drawn):
        raise BadInput(
            f"{design.anchors} anchors are asked for among {len(drawn)} units; ask for fewer"
        )
    of_strata = Counter(d.stratum for d in drawn)
    spare = {stratum: max(0, count - 2) for stratum, count in of_strata.items()}
    available = spare if sum(spare.values()) >= design.anchors else of_strata
    anchors = sampling.draw(
        drawn,
        sampling.allocate(available, design.anchors, "proportional", minimum=0),
        f"{design.seed}:anchor",
    )
    marked = {d.key for d in anchors}
    return (
        [by_key[d.key] for d in drawn if d.key not in marked],
        [by_key[d.key] for d in anchors],
    )


def _ranked(units: list[PlannedUnit], design: Design) -> list[PlannedUnit]:
    """In the order of work: hashed, so that purposes and strata mix; repeats half a round later.

    Units of the first half are repeated before others, so that a rater has forgotten them.
    """

    def hashed(label: str) -> list[PlannedUnit]:
        seed = f"{design.seed}:{label}"
        return sorted(units, key=lambda unit: (sampling.order(unit.key, seed), unit.key))

    places = {unit.key: float(place) for place, unit in enumerate(hashed("rank"))}
    if design.repeats > len(units):
        raise BadInput(f"{design.repeats} repeats of {len(units)} units; ask for fewer")
    half = len(units) / 2
    repeated = sorted(hashed("repeat"), key=lambda unit: places[unit.key] >= half)
    again = [
        replace(unit, key=unit.key + REPEAT, purpose="repeat", inclusion_probability=None,
                repeats=unit.key)
        for unit in repeated[: design.repeats]
    ]  # fmt: skip
    if clash := places.keys() & {unit.key for unit in again}:
        raise BadInput(f"an output is called {min(clash)!r}, as a repeat would be; import it anew")
    places |= {unit.key: places[unit.repeats or ""] + half + 0.5 for unit in again}
    ordered = sorted([*units, *again], key=lambda unit: (places[unit.key], unit.key))
    return [replace(unit, rank=rank) for rank, unit in enumerate(ordered)]


def _quota(design: Design, units: Sequence[PlannedUnit]) -> list[str]:
    """A warning where the raters cannot finish the round, each with what they may get."""
    asked = sum(unit.overlap for unit in units)
    possible = len(design.raters) * (asked if design.quota is None else design.quota)
    if possible >= asked:
        return []
    return [
        f"{len(design.raters)} raters of {design.quota} units each make {possible} of the {asked} "
        "ratings of a unit that are asked for; raise the quota, or name more raters"
    ]


def _warnings(
    session: Session,
    design: Design,
    rubric: RubricRow,
    baseline: Round | None,
    strata: Sequence[StratumPlan],
) -> list[str]:
    found = []
    anchors = sum(s.anchors for s in strata)
    if 0 < anchors < FEW_ANCHORS:
        found.append(f"{anchors} anchors say little about drift; 20 to 50 are usual")
    if baseline is not None and not design.anchors_from:
        found.append("a baseline without shared anchors cannot tell who moved")
    if baseline is not None and baseline.rubric_id != rubric.id:
        found.append(
            f"round {baseline.name} had another rubric version: only criteria that are the same "
            "in both can be compared"
        )
    thin = [s.stratum for s in strata if s.fresh == 1]
    if thin:
        found.append(f"a variance needs two units in a stratum; one in {', '.join(thin)}")
    empty = [s.stratum for s in strata if s.population and s.fresh == 0]
    if empty:
        found.append(f"no fresh unit is drawn from {', '.join(empty)}; figures do not cover it")
    if design.overlap < 2:
        found.append("with overlap 1 there is no agreement to measure")
    leads = sa.select(sa.func.count()).where(
        col(Rater.role) == "lead", col(Rater.revoked_at).is_(None)
    )
    if not session.connection().execute(leads).scalar_one():
        found.append("nobody here is a lead, who could settle what raters dispute")
    return found
