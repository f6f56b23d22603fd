"""Answers of a judge as they are stored: each once, and as ratings like a person's."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotate.answer import Answer, storable
from annotate.criterion import Criterion
from annotate.judge import spec
from annotate.judge.judges import Judge
from annotate.judge.reply import Reply
from annotate.judge.verdict import SETTLED, Verdict
from annotate.stats.cut_points import at_cuts
from db.tables import JudgeRun, JudgeTask, JudgeVerdict, Rating

CHUNK = 500


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


def known(session: Session, keys: Sequence[str]) -> dict[str, JudgeVerdict]:
    """Settled verdicts by key."""
    found: dict[str, JudgeVerdict] = {}
    for start_ in range(0, len(keys), CHUNK):
        rows = session.exec(
            select(JudgeVerdict).where(
                col(JudgeVerdict.key).in_(keys[start_ : start_ + CHUNK]),
                col(JudgeVerdict.status).in_(SETTLED),
            )
        )
        found |= {row.key: row for row in rows}
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


def store(session: Session, rows: Sequence[Mapping[str, Any]]) -> list[JudgeVerdict]:
    """Store answers, all in one statement; in their order."""
    if not rows:
        return []
    insert = sa.insert(JudgeVerdict).returning(JudgeVerdict, sort_by_parameter_order=True)
    return list(session.scalars(insert, list(rows)))


def _kept(text: str | None) -> str | None:
    return None if text is None else storable(text)


def rate(
    session: Session, run: JudgeRun, judge: Judge, done: Iterable[tuple[JudgeTask, JudgeVerdict]]
) -> None:
    """Write the ratings that verdicts say, where this judge's do not stand yet.

    A run that asks again supersedes what stands in its round.
    """
    pairs_ = list(done)
    again = bool(run.scope.get("again"))
    outputs = {task.output_id for task, _ in pairs_}
    there = _standing(session, run, judge, outputs)
    rows = []
    for task, verdict in pairs_:
        criterion = judge.rubric.criterion(task.criterion)
        # What was paid stands with one rating: another run, output or tag paid nothing more.
        paid = verdict.run_id == run.id and verdict.output_id == task.output_id
        unpaid = None if verdict.cost_usd is None else 0.0
        for place, found in enumerate(_ratings(judge, criterion, verdict)):
            before, of_run = there.get((task.output_id, found.key, task.sample), (None, None))
            if before is not None and (not again or of_run == run.id):
                continue
            rows.append(
                {
                    "round_id": run.round_id,
                    "unit_id": task.unit_id,
                    "output_id": task.output_id,
                    "rater_id": run.rater_id,
                    "judge_run_id": run.id,
                    "criterion": found.key,
                    "value": found.value,
                    "abstained": found.abstained,
                    "rationale": verdict.critique,
                    "seen": list(judge.spec.sees),
                    "run": task.sample,
                    "extra": False,
                    "adjudication": False,
                    "supersedes_id": before,
                    "rated_at": verdict.at,
                    "cost_usd": verdict.cost_usd if paid and not place else unpaid,
                    "latency_ms": verdict.latency_ms,
                }
            )
    if rows:
        session.connection().execute(sa.insert(Rating), rows)


def _ratings(judge: Judge, criterion: Criterion, verdict: JudgeVerdict) -> list[Any]:
    answer = Answer.model_validate(verdict.answer or {})
    cuts = judge.spec.cut_points.get(criterion.id)
    if cuts and verdict.score is not None and answer.value is not None:
        (value,) = at_cuts(np.array([verdict.score]), cuts, criterion.domain).tolist()
        answer = answer.model_copy(update={"value": value})
    return list(answer.ratings(criterion))


def _standing(
    session: Session, run: JudgeRun, judge: Judge, outputs: Iterable[int]
) -> dict[tuple[int, str, int], tuple[int | None, int | None]]:
    """The judge's rating that stands and its run, by output, criterion and sample."""
    named = sorted(outputs)
    there: dict[tuple[int, str, int], tuple[int | None, int | None]] = {}
    where = (
        col(Rating.round_id).is_(None)
        if run.round_id is None
        else col(Rating.round_id) == run.round_id
    )
    for start_ in range(0, len(named), CHUNK):
        rows = session.connection().execute(
            sa.select(
                col(Rating.output_id), col(Rating.criterion), col(Rating.run), col(Rating.id),
                col(Rating.judge_run_id),
            )
            .where(
                where,
                col(Rating.rater_id) == judge.rater.id,
                col(Rating.output_id).in_(named[start_ : start_ + CHUNK]),
            )
            # Whatever supersedes another comes after it.
            .order_by(col(Rating.id))
        )  # fmt: skip
        there |= {
            (output, name, sample): (id_, of_run) for output, name, sample, id_, of_run in rows
        }
    return there
