"""Judges in the workspace: each version is a rater of its own, and never changes."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlmodel import Session, col, select

from annotate import events, people, rubric_versions
from annotate.criterion import Criterion
from annotate.errors import BadInput, NotFound
from annotate.judge import decisions, lexical, prompt, shots, spec
from annotate.judge.prompt import Shot
from annotate.judge.spec import Spec
from annotate.judge.splits import split_of
from annotate.rubric import Rubric
from db.tables import Output, Rater, Rating
from db.tables import Rubric as RubricRow


@dataclass(frozen=True)
class Judge:
    """A judge at one exact version."""

    rater: Rater
    spec: Spec
    rubric: Rubric
    version: str
    """Sixteen digits of a hash over all that can change an answer."""
    shots: Mapping[str, tuple[Shot, ...]]
    """Examples by criterion."""
    questions: Mapping[str, str] = field(default_factory=dict)
    """By criterion, the hash of its question as it was when the judge was added; empty for one that
    an earlier release added."""

    @cached_property
    def criteria(self) -> tuple[Criterion, ...]:
        """What it is asked, in the rubric's order."""
        return asked(self.spec, self.rubric)

    @cached_property
    def asks(self) -> dict[str, str]:
        """By criterion, all that is sent before what is judged: guide, examples, schema."""
        return {one.id: self._asks(one) for one in self.criteria}

    @cached_property
    def bytes_asked(self) -> dict[str, int]:
        """How long that is."""
        return {name: len(said.encode("utf-8", "replace")) for name, said in self.asks.items()}

    def _asks(self, one: Criterion) -> str:
        if self.spec.engine == "decisions":
            return json.dumps(decisions.questions(self.rubric, one), ensure_ascii=False)
        critique = self.spec.critique
        examples = self.shots.get(one.id, ())
        said = prompt.messages(self.rubric, one, {}, tag="", shots=examples, critique=critique)
        schema = json.dumps(prompt.schema(one, critique=critique), ensure_ascii=False)
        return "".join(message["content"] for message in said[:-1]) + schema

    def rendered(self, criterion: Criterion) -> dict[str, Any]:
        """All of a question but what is judged, as its engine asks it."""
        return _rendered(self.spec, self.rubric, criterion, self.shots)

    def fields(self, output: Output) -> dict[str, Any]:
        """What it is shown of an output: nothing of who made it, and of what others said."""
        return {name: getattr(output, name) for name in self.spec.sees if getattr(output, name)}

    def lacks(self, fields: Mapping[str, Any]) -> list[str]:
        """What it needs and is not there."""
        return [name for name in self.spec.needs if not fields.get(name)]

    @cached_property
    def outdated(self) -> tuple[str, ...]:
        """The criteria that this release asks in other words than the judge was added with: an
        answer to these would be another judge's."""
        if self.questions:
            now_ = questions_of(self.spec, self.rubric, self.shots)
            return tuple(one for one, said in self.questions.items() if now_.get(one) != said)
        same = _earlier_version(self.spec, self.rubric, self.shots) == self.version
        # What else than `chat` asked was no part of an earlier release's version.
        if same or self.spec.engine != "chat":
            return ()
        return tuple(criterion.id for criterion in self.criteria)

    @property
    def in_other_words(self) -> str:
        """Why it cannot be asked, and the mend."""
        return (
            f"{self.rater.name} was added by a release that asks {', '.join(self.outdated)} in "
            "other words, so that its answers would be another judge's; add its file again "
            "(`annotate judge add`), which makes a new version"
        )

    @cached_property
    def _asking(self) -> str:
        """The version of what is asked, where there are no questions: cut points change what an
        answer comes to, and not what is asked."""
        if not self.spec.cut_points:
            return self.version
        plain = self.spec.model_copy(update={"cut_points": {}})
        return _earlier_version(plain, self.rubric, self.shots)

    def key(
        self, criterion: str, fields: Mapping[str, Any], sample: int, *, again: int | None = None
    ) -> str:
        """By which an answer is found again and not paid for: the question, content and sample.

        Whatever else changes in a judge, its name, another criterion or its cut points, leaves it.
        again: the run that asks afresh; its answers are found by itself alone.
        """
        asked_ = [self.questions[criterion]] if self.questions else [self._asking, criterion]
        afresh = [] if again is None else [f"again in run {again}"]
        said = json.dumps(
            [*asked_, sample, dict(fields), *afresh], sort_keys=True, ensure_ascii=False
        )
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def asked(one: Spec, rubric: Rubric) -> tuple[Criterion, ...]:
    """The criteria that a judge is asked; BadInput for one that no judge can answer."""
    possible = {criterion.id: criterion for criterion in prompt.judged(rubric)}
    for name in one.criteria:
        if name not in possible:
            if name not in rubric:
                known = ", ".join(possible)
                raise BadInput(
                    f"judge {one.name}: criteria: rubric {rubric.name} has no criterion {name!r}; it has {known}"
                )
            raise BadInput(f"judge {one.name}: {name} has no values that a judge could give")
    found = tuple(c for c in possible.values() if not one.criteria or c.id in one.criteria)
    if not found:
        raise BadInput(f"judge {one.name}: rubric {rubric.name} has nothing for a judge to grade")
    for name, cuts in one.cut_points.items():
        criterion = rubric.criterion(name)
        if not criterion.points or len(cuts) != len(criterion.points) - 1:
            wanted = max(0, len(criterion.points) - 1)
            raise BadInput(
                f"judge {one.name}: {name} has {len(criterion.points)} points, which {wanted} cut "
                f"points divide; {len(cuts)} are given"
            )
    return found


def version_of(one: Spec, rubric: Rubric, examples: Mapping[str, tuple[Shot, ...]]) -> str:
    """The hash of all that can change an answer."""
    return spec.digest(
        {
            "judge": one.decisive(),
            "rubric": rubric.hash,
            "asked": {c.id: _rendered(one, rubric, c, examples) for c in asked(one, rubric)},
        }
    )


def questions_of(
    one: Spec, rubric: Rubric, examples: Mapping[str, tuple[Shot, ...]]
) -> dict[str, str]:
    """By criterion, the hash of all that can change its answer: who is asked, and in which words."""
    return {
        criterion.id: spec.digest(
            {
                "engine": one.engine,
                "model": one.model,
                "server": one.server,
                "parameters": one.parameters,
                "needs": sorted(one.needs),
                "asked": _rendered(one, rubric, criterion, examples),
            }
        )
        for criterion in asked(one, rubric)
    }


def _rendered(
    one: Spec, rubric: Rubric, criterion: Criterion, examples: Mapping[str, tuple[Shot, ...]]
) -> dict[str, Any]:
    """All of a question but what is judged, as the judge's engine asks it."""
    match one.engine:
        case "chat":
            return _as_chat(one, rubric, criterion, examples)
        case "decisions":
            return decisions.rendered(rubric, criterion)
        case "lexical":
            return lexical.rendered(criterion)


def _as_chat(
    one: Spec, rubric: Rubric, criterion: Criterion, examples: Mapping[str, tuple[Shot, ...]]
) -> dict[str, Any]:
    shown = examples.get(criterion.id, ())
    return prompt.rendered(rubric, criterion, shots=shown, critique=one.critique)


def _earlier_version(one: Spec, rubric: Rubric, examples: Mapping[str, tuple[Shot, ...]]) -> str:
    """A version as earlier releases made it: of the words of `chat`, whatever the engine."""
    return spec.digest(
        {
            "judge": one.decisive() | {"shots": one.shots, "critique": one.critique},
            "rubric": rubric.hash,
            "asked": {c.id: _as_chat(one, rubric, c, examples) for c in asked(one, rubric)},
        }
    )


def add_judge(session: Session, one: Spec, *, by: Rater | None) -> Judge:
    """The judge as a rater: the one that is the same to the letter, or a new version.

    Its rater is called `name@1`, `name@2` ... : a changed judge is another rater.
    """
    people.require_lead(session, by)
    row = rubric_versions.get_rubric(session, one.rubric)
    if row.id is None:
        row = rubric_versions.add_rubric(session, row.source, source_name=row.name, by=by)
    rubric = rubric_versions.loaded(row)
    examples = shots.choose(session, one, rubric)
    questions = questions_of(one, rubric, examples)
    return _add_version(session, one, row, examples, questions, by=by)


def _add_version(
    session: Session,
    one: Spec,
    row: RubricRow,
    examples: Mapping[str, tuple[Shot, ...]],
    questions: Mapping[str, str],
    *,
    by: Rater | None,
) -> Judge:
    rubric = rubric_versions.loaded(row)
    version = version_of(one, rubric, examples)
    earlier = versions(session, one.name)
    for found in earlier:
        if _told(found)["rubric_hash"] == rubric.hash and _is_same(
            _judge(session, found), version, questions
        ):
            _keep_how(session, found, one, by=by)
            return _judge(session, found)
    number = 1 + max([int((r.identity or {}).get("number", 0)) for r in earlier], default=0)
    rater = people.add_rater(
        session,
        f"{one.name}@{number}",
        kind="metric" if one.engine == "lexical" else "judge",
        identity={
            "judge": one.name,
            "number": number,
            "version": version,
            "spec": one.document(),
            "rubric": f"{row.name}@{row.version}",
            "rubric_hash": rubric.hash,
            "shots": {
                name: [
                    {"fields": dict(s.fields), "answer": dict(s.answer), "case": s.case}
                    for s in given
                ]
                for name, given in examples.items()
            },
            "questions": dict(questions),
        },
        by=by,
    )
    events.record(session, "added judge", f"rater:{rater.name}", by=by, version=version)
    return _judge(session, rater)


def _is_same(found: Judge, version: str, questions: Mapping[str, str]) -> bool:
    """Whether a judge of the workspace is this version, however its release hashed it."""
    same = version_of(found.spec, found.rubric, found.shots) == version
    return same and (dict(found.questions) == questions if found.questions else not found.outdated)


def _keep_how(session: Session, rater: Rater, one: Spec, *, by: Rater | None) -> None:
    """The same judge may be asked otherwise from now on: its prices, pace, samples and key."""
    told = rater.identity or {}
    said, before = one.document(), told["spec"]
    new = {name: said[name] for name in spec.NOT_DECISIVE if name in said}
    kept = {name: value for name, value in before.items() if name not in spec.NOT_DECISIVE}
    if kept | new != before:
        rater.identity = {**told, "spec": kept | new}
        events.record(session, "changed judge", f"rater:{rater.name}", by=by)
        session.flush()


def is_floor(rater: Rater) -> bool:
    """Whether it is a word-overlap baseline: drawn below judges, and gating nothing."""
    return bool(_told(rater).get("spec", {}).get("engine") == "lexical")


def with_cut_points(
    session: Session, judge: Judge, cuts: Mapping[str, tuple[float, ...]], *, by: Rater | None
) -> Judge:
    """The judge with other cut points: a new version, whose answers are there already.

    It keeps the judge's own rubric and examples, whatever has been added since: others would be
    asked anew.
    """
    people.require_lead(session, by)
    document = judge.spec.document()
    document["cut_points"] = {**document["cut_points"], **cuts}
    one = spec.from_document(document, judge.rater.name, stored=True)
    row = _rubric_row(session, judge.rater)
    return _add_version(session, one, row, judge.shots, judge.questions, by=by)


def is_asked_here(rater: Rater) -> bool:
    """Whether this product asks it, by a file that leads work on; not one with imported scores."""
    return bool(_told(rater))


def shown_cases(rater: Rater) -> set[str]:
    """The cases whose outputs this judge has been shown as examples."""
    return {shot["case"] for given in _told(rater).get("shots", {}).values() for shot in given}


def seen_cases(session: Session, rater: Rater, criterion: str | None = None) -> set[str]:
    """The cases that this judge has seen, so that they say nothing of what it can do: its examples,
    and, where it has cut points, what these can have been fitted to.

    That is the dev split as far as people had rated it when the version was added, whoever fitted
    them, and however they came into its file.
    criterion: cut points of this one only; None is all.
    """
    cut = [
        name
        for name in _told(rater).get("spec", {}).get("cut_points", {})
        if criterion in (None, name)
    ]
    if not cut:
        return shown_cases(rater)
    people_ = select(Rater.id).where(Rater.kind == "human")
    rated = session.exec(
        select(Output.case_key)
        .join(Rating, col(Rating.output_id) == Output.id)
        .where(
            col(Rating.criterion).in_(cut),
            col(Rating.rater_id).in_(people_),
            col(Rating.rated_at) <= rater.created_at,
        )
        .distinct()
    )
    return shown_cases(rater) | {case for case in rated if split_of(case) == "dev"}


def versions(session: Session, name: str) -> list[Rater]:
    """The versions of a judge, oldest first."""
    automated = session.exec(
        select(Rater).where(col(Rater.kind).in_(("judge", "metric"))).order_by(col(Rater.id))
    )
    return [rater for rater in automated if _told(rater).get("judge") == name]


def get_judge(session: Session, name: str, *, by: Rater | None) -> Judge:
    """A judge by `name` (its latest version) or `name@2`."""
    people.require_lead(session, by)
    plain, _, number = name.partition("@")
    found = versions(session, plain)
    if number:
        found = [rater for rater in found if rater.name == name]
    if not found:
        known = ", ".join(judge.name for judge in list_judges(session, by=by)) or "none yet"
        raise NotFound(f"there is no judge {name!r}; there are: {known}; `annotate judge add FILE`")
    return _judge(session, found[-1])


def rater_named(session: Session, name: str) -> Rater:
    """The rater of a judge by its plain name (its latest version), its version's, or of any whose
    scores are imported."""
    found = versions(session, name)
    return found[-1] if found else people.get_rater(session, name)


def list_judges(session: Session, *, by: Rater | None) -> list[Rater]:
    """Every version of every judge, by name."""
    return [rater for rater in _automated(session, by) if _told(rater)]


def list_imported(session: Session, *, by: Rater | None) -> list[Rater]:
    """The judges and metrics whose scores were imported, by name: none of them can be run here."""
    return [rater for rater in _automated(session, by) if not _told(rater)]


def _automated(session: Session, by: Rater | None) -> list[Rater]:
    people.require_lead(session, by)
    rows = session.exec(
        select(Rater).where(col(Rater.kind).in_(("judge", "metric"))).order_by(Rater.name)
    )
    return list(rows)


def _told(rater: Rater) -> dict[str, Any]:
    """The identity of a judge that this product runs; empty for one whose scores are imported."""
    said = rater.identity or {}
    return said if "spec" in said else {}


def _rubric_row(session: Session, rater: Rater) -> RubricRow:
    wanted = (rater.identity or {})["rubric_hash"]
    row = session.exec(select(RubricRow).where(RubricRow.hash == wanted)).first()
    if row is None:
        raise NotFound(f"the rubric of judge {rater.name} is not stored; add it again")
    return row


def _judge(session: Session, rater: Rater) -> Judge:
    said = rater.identity or {}
    one = spec.from_document(said["spec"], rater.name, stored=True)
    row = _rubric_row(session, rater)
    examples = {
        name: tuple(Shot(s["fields"], s["answer"], s.get("case", "")) for s in given)
        for name, given in said.get("shots", {}).items()
    }
    return Judge(
        rater,
        one,
        rubric_versions.loaded(row),
        said["version"],
        examples,
        said.get("questions", {}),
    )
