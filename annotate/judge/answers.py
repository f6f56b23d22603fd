"""Answers of a judge as they are stored: each once, and as ratings like a person's."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotate.answer import Answer, storable
from annotate.criterion import Criterion
from annotate.judge import spec
from annotate.judge.judges import Judge
from annotate.judge.reply import Reply
from annotate.judge.verdict import SETTLED, Verdict
from annotate.ratings import WITHDRAWN
from annotate.stats.cut_points import at_cuts
from db.tables import JudgeRun, JudgeTask, JudgeVerdict, Rating, now

CHUNK = 500
_SETTLED = sa.text(f"judge_verdict.status IN ({', '.join(map(repr, SETTLED))})")
"""In the words of the index of settled answers: SQLite takes it for no others."""


class Stored(NamedTuple):
    """An answer that is stored, as far as ratings and tasks need it."""

    id: int
    run_id: int
    output_id: int
    status: str
    answer: dict[str, Any] | None
    score: float | None
    critique: str | None
    cost_usd: float | None
    latency_ms: float | None
    at: datetime


@dataclass(frozen=True)
class _Standing:
    """A rating that no later one supersedes."""

    id: int | None
    run: int | None
    withdrawn: bool


def lock(session: Session, judge: Judge) -> None:
    """Let one transaction at a time work on what is asked of this judge's model.

    SQLite has one writer anyway; on PostgreSQL two runs of a judge, or of two judges that share a
    question, would otherwise ask it twice, and two processes of one run would lose what the other
    has counted.
    """
    if session.get_bind().dialect.name == "postgresql":
        told = spec.digest([judge.spec.engine, judge.spec.server, judge.spec.model])
        number = int(told, 16) - 2**63
        session.connection().execute(sa.select(sa.func.pg_advisory_xact_lock(number)))


def known(session: Session, keys: Sequence[str]) -> dict[str, Stored]:
    """Settled answers by key."""
    columns = [getattr(JudgeVerdict, name) for name in Stored._fields]
    found: dict[str, Stored] = {}
    for start_ in range(0, len(keys), CHUNK):
        rows = session.connection().execute(
            sa.select(col(JudgeVerdict.key), *columns).where(
                col(JudgeVerdict.key).in_(keys[start_ : start_ + CHUNK]), _SETTLED
            )
        )
        found |= {key: Stored(*told) for key, *told in rows}
    return found


def row(
    run: JudgeRun,
    task: JudgeTask,
    found: Verdict,
    reply: Reply,
    cost: float | None,
    source: str | None,
    at: datetime,
) -> dict[str, Any]:
    """The row of one answer."""
    return {
        "key": task.key,
        "run_id": run.id,
        "output_id": task.output_id,
        "criterion": task.criterion,
        "sample": task.sample,
        "status": found.status,
        "answer": None
        if found.answer is None
        else found.answer.model_dump(mode="json", exclude_none=True),
        "score": found.score,
        "score_source": found.score_source if found.score is not None else None,
        "probabilities": None if found.probabilities is None else dict(found.probabilities),
        "critique": storable(found.critique) or None,
        "evidence": [storable(one) for one in found.evidence] or None,
        "injection_suspected": found.injection_suspected,
        "problem": storable(found.problem) or None,
        "attempt": task.attempts,
        "model": _kept(reply.model),
        "fingerprint": _kept(reply.fingerprint),
        "request_id": _kept(reply.request_id),
        "tokens": dict(reply.usage),
        "cost_usd": cost,
        "price_source": source,
        "latency_ms": reply.latency_ms,
        "raw": _kept(reply.raw),
        "at": at,
    }


def store(session: Session, rows: Sequence[Mapping[str, Any]]) -> list[Stored]:
    """Store answers, all in one statement; in their order."""
    if not rows:
        return []
    # What was stored is known: only its number is asked back.
    insert = sa.insert(JudgeVerdict.__table__).returning(  # type: ignore[attr-defined]
        col(JudgeVerdict.id), sort_by_parameter_order=True
    )
    ids: Sequence[Any] = session.connection().execute(insert, list(rows)).scalars().all()
    told = Stored._fields[1:]
    return [Stored(id_, *(row[name] for name in told)) for id_, row in zip(ids, rows, strict=True)]


def _kept(text: str | None) -> str | None:
    return None if text is None else storable(text)


def rate(
    session: Session,
    run: JudgeRun,
    judge: Judge,
    done: Iterable[tuple[JudgeTask, Stored]],
    lost: Sequence[JudgeTask] = (),
) -> None:
    """Write the ratings that verdicts say, where this judge's do not stand yet.

    A run that asks again supersedes what stands in its round: where it got no answer, and of
    samples that it does not ask for, with a withdrawal, so that nothing old passes for new.

    lost: tasks that ended without an answer.
    """
    pairs_ = list(done)
    again = bool(run.scope.get("again"))
    tasks = [*(task for task, _ in pairs_), *(lost if again else ())]
    there = _standing(session, run, judge, {task.output_id for task in tasks})
    rows = _withdrawn(session, run, judge, there, tasks, lost) if again else []
    for task, verdict in pairs_:
        criterion = judge.rubric.criterion(task.criterion)
        # What was paid stands with one rating: another run, output or tag paid nothing more.
        paid = verdict.run_id == run.id and verdict.output_id == task.output_id
        unpaid = None if verdict.cost_usd is None else 0.0
        for place, found in enumerate(_ratings(judge, criterion, verdict)):
            before = there.get((task.output_id, found.key, task.sample))
            own = before is not None and before.run == run.id and not before.withdrawn
            if before is not None and (not again or own):
                continue
            rows.append(
                _row(run, judge, task, found.key, task.sample, before)
                | {
                    "value": found.value,
                    "abstained": found.abstained,
                    "rationale": verdict.critique,
                    "rated_at": verdict.at,
                    "cost_usd": verdict.cost_usd if paid and not place else unpaid,
                    "latency_ms": verdict.latency_ms,
                }
            )
    if rows:
        session.connection().execute(sa.insert(Rating), rows)


def _row(
    run: JudgeRun,
    judge: Judge,
    task: JudgeTask,
    key: str,
    sample: int,
    before: _Standing | None,
) -> dict[str, Any]:
    """A rating without what it says."""
    return {
        "round_id": run.round_id,
        "unit_id": task.unit_id,
        "output_id": task.output_id,
        "rater_id": run.rater_id,
        "judge_run_id": run.id,
        "criterion": key,
        "seen": list(judge.spec.sees),
        "run": sample,
        "extra": False,
        "adjudication": False,
        "supersedes_id": None if before is None else before.id,
    }


def _withdrawn(
    session: Session,
    run: JudgeRun,
    judge: Judge,
    there: Mapping[tuple[int, str, int], _Standing],
    tasks: Iterable[JudgeTask],
    lost: Iterable[JudgeTask],
) -> list[dict[str, Any]]:
    """Ratings that take back what a run that asks again supersedes with no answer."""
    last = session.exec(
        select(sa.func.max(JudgeTask.sample)).where(JudgeTask.run_id == run.id)
    ).one()
    without = {(task.output_id, task.criterion, task.sample) for task in lost}
    of_pair = {
        (task.output_id, key): task
        for task in tasks
        for key in judge.rubric.criterion(task.criterion).keys
    }
    rows = []
    for (output, key, sample), before in there.items():
        task = of_pair.get((output, key))
        if task is None or before.run == run.id or before.withdrawn:
            continue
        if sample > (last or 0) or (output, task.criterion, sample) in without:
            rows.append(
                _row(run, judge, task, key, sample, before)
                | {
                    "value": None,
                    "abstained": WITHDRAWN,
                    "rationale": None,
                    "rated_at": now(),
                    "cost_usd": 0.0,
                    "latency_ms": None,
                }
            )
    return rows


def _ratings(judge: Judge, criterion: Criterion, verdict: Stored) -> list[Any]:
    answer = Answer.model_validate(verdict.answer or {})
    cuts = judge.spec.cut_points.get(criterion.id)
    if cuts and verdict.score is not None and answer.value is not None:
        (value,) = at_cuts(np.array([verdict.score]), cuts, criterion.domain).tolist()
        answer = answer.model_copy(update={"value": value})
    return list(answer.ratings(criterion))


def _standing(
    session: Session, run: JudgeRun, judge: Judge, outputs: Iterable[int]
) -> dict[tuple[int, str, int], _Standing]:
    """The judge's rating that stands, by output, criterion and sample."""
    named = sorted(outputs)
    there: dict[tuple[int, str, int], _Standing] = {}
    for start_ in range(0, len(named), CHUNK):
        rows = session.connection().execute(
            sa.select(
                col(Rating.output_id), col(Rating.criterion), col(Rating.run), col(Rating.id),
                col(Rating.judge_run_id), col(Rating.abstained), col(Rating.round_id),
            )
            .where(
                col(Rating.rater_id) == judge.rater.id,
                col(Rating.output_id).in_(named[start_ : start_ + CHUNK]),
            )
            # Whatever supersedes another comes after it.
            .order_by(col(Rating.id))
        )  # fmt: skip
        there |= {
            (output, name, sample): _Standing(id_, of_run, abstained == WITHDRAWN)
            for output, name, sample, id_, of_run, abstained, round_ in rows
            # Asked of the database, it would go through all ratings of the round.
            if round_ == run.round_id
        }
    return there
