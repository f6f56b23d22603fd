"""A run's questions, as the process that works on it takes them: claimed, settled, given back.

Every step is one transaction.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotate.answer import storable
from annotate.judge import answers, budget, prices
from annotate.judge.judges import Judge
from annotate.judge.reply import Reply
from annotate.judge.run import BEAT, end, refresh
from annotate.judge.verdict import SETTLED, Verdict
from db.tables import JudgeRun, JudgeTask, JudgeVerdict, Output

ATTEMPTS = 4
LEASE = timedelta(minutes=5)
"""A claim is renewed for as long as its process lives."""


@dataclass(frozen=True)
class Task:
    """One question that has been claimed."""

    id: int
    criterion: str
    sample: int
    key: str
    fields: Mapping[str, Any] = field(repr=False)
    attempt: int = 1
    """Which attempt this claim is: one that was taken back and given to another process is over."""


@dataclass(frozen=True)
class Outcome:
    """What became of a task."""

    task: Task
    verdict: Verdict
    reply: Reply
    stops: str = ""
    """Why the run stops with it, where every other answer would be as it is."""


@dataclass(frozen=True)
class Claimed:
    """What a process may do next."""

    tasks: tuple[Task, ...]
    state: str
    wait: float | None = None
    """Seconds until something can be claimed again; None where nothing will be."""


def claim(
    session: Session,
    run_id: int,
    judge: Judge,
    count: int,
    *,
    at: datetime,
    held: Collection[int] = (),
    beat: bool = True,
) -> Claimed:
    """Up to `count` questions, for as long as the budget has room for them.

    held: the tasks that the process has in its hands; their claims are renewed.
    beat: say that the process lives, renew its claims, and take back those that have lapsed; every
        second will do.
    """
    run = _locked(session, run_id, judge)
    if beat:
        if held or run.state == "running":
            run.beat_at = at
        _renew(session, held, at)
        refresh(session, run)
    if run.state != "running":
        return Claimed((), run.state)
    if beat:
        session.connection().execute(
            sa.update(JudgeTask)
            .where(
                col(JudgeTask.run_id) == run_id,
                col(JudgeTask.state) == "leased",
                col(JudgeTask.lease_until) < at,
            )
            .values(state="queued", lease_until=None)
        )
    if not count:
        return Claimed((), "running", wait=0.2)
    chosen = session.exec(
        select(JudgeTask, Output)
        .join(Output, col(Output.id) == JudgeTask.output_id)
        .where(JudgeTask.run_id == run_id, JudgeTask.state == "queued", JudgeTask.not_before <= at)
        # As the index has them: the first are found without sorting all that wait.
        .order_by(col(JudgeTask.not_before), col(JudgeTask.id))
        .limit(count)
        .with_for_update(skip_locked=True, of=JudgeTask)
    ).all()
    # Another run, or another output of the same content, may have been answered meanwhile.
    keys = [task.key for task, _ in chosen]
    known, asked = answers.known(session, keys), _asked_now(session, keys, at)
    answered = [(task, known[task.key]) for task, _ in chosen if task.key in known]
    room = budget.Room(session, run, judge)
    taken: list[Task] = []
    full = False
    for task, output in chosen:
        if task.key in known or task.key in asked:
            continue
        fields = judge.fields(output)
        if full := not room.takes(task.criterion, fields):
            break
        task.state, task.lease_until = "leased", at + LEASE
        task.attempts += 1
        assert task.id is not None
        taken.append(Task(task.id, task.criterion, task.sample, task.key, fields, task.attempts))
        asked.add(task.key)
    if answered:
        for task, verdict in answered:
            task.state, task.verdict_id, task.problem = "done", verdict.id, None
        answers.rate(session, run, judge, answered)
        session.flush()
        _finish_if_done(session, run, at, count=beat)
    if taken or run.state != "running":
        return Claimed(tuple(taken), run.state)
    if full and not room.in_flight:
        note = f"the budget has no room for another question: {room.lack}{_in_vain(session, run)}"
        end(run, "budget_exceeded", note, at)
        run.beat_at = None
        return Claimed((), run.state)
    if chosen:
        return Claimed((), "running", wait=0.0 if answered else 0.2)
    return Claimed((), "running", wait=_until_next(session, run, at))


def _locked(session: Session, run_id: int, judge: Judge) -> JudgeRun:
    answers.lock(session, judge)
    return session.get_one(JudgeRun, run_id, populate_existing=True, with_for_update=True)


def _asked_now(session: Session, keys: Sequence[str], at: datetime) -> set[str]:
    """Of these keys, those that are on their way, in whatever run whose process lives."""
    working = select(JudgeRun.id).where(col(JudgeRun.beat_at) > at - BEAT)
    return set(
        session.exec(
            select(JudgeTask.key).where(
                col(JudgeTask.run_id).in_(working),
                JudgeTask.state == "leased",
                col(JudgeTask.key).in_(keys),
            )
        )
    )


def _renew(session: Session, held: Collection[int], at: datetime) -> None:
    """A question may be on its way for longer than a claim holds: another would pay for it too."""
    session.connection().execute(
        sa.update(JudgeTask)
        .where(
            col(JudgeTask.id).in_(sorted(held)),
            col(JudgeTask.state) == "leased",
            col(JudgeTask.lease_until) < at + LEASE / 2,
        )
        .values(lease_until=at + LEASE)
    )


def settle(
    session: Session,
    run_id: int,
    judge: Judge,
    outcomes: Sequence[Outcome],
    *,
    at: datetime,
    count: bool = True,
) -> None:
    """Store what came of tasks; an answer that another process has stored meanwhile stands.

    count: count the run's tasks anew, which takes as long as there are many; each beat of `claim`
        does.
    """
    run = _locked(session, run_id, judge)
    # What changes is written once, at the end.
    with session.no_autoflush:
        _settle(session, run, judge, outcomes, at)
    session.flush()
    _finish_if_done(session, run, at, count=count)


def _settle(
    session: Session, run: JudgeRun, judge: Judge, outcomes: Sequence[Outcome], at: datetime
) -> None:
    ids = [outcome.task.id for outcome in outcomes]
    tasks = {
        task.id: task for task in session.exec(select(JudgeTask).where(col(JudgeTask.id).in_(ids)))
    }
    known = answers.known(session, [outcome.task.key for outcome in outcomes])
    source = prices.source(judge.spec)
    rows: list[dict[str, Any]] = []
    new: dict[str, int] = {}
    found: list[tuple[JudgeTask, answers.Stored | int]] = []
    lost: list[JudgeTask] = []
    for outcome in outcomes:
        task, reply = tasks[outcome.task.id], outcome.reply
        answered = reply.raw is not None
        cost = prices.cost(judge.spec, reply.usage, tier=reply.service_tier) if answered else 0.0
        budget.add_to(run, reply.usage, cost)
        if outcome.stops:
            _abort(run, storable(outcome.stops), at)
        if task.state == "done":
            continue
        if answered and reply.kind == "transient":
            # What is paid has its row, though nothing in it can be read.
            rows.append(answers.row(run, task, outcome.verdict, reply, cost, source, at))
        if not _holds(task, outcome.task) and reply.kind in ("transient", "fatal"):
            # Another process asks it by now: what this one met is no matter.
            if reply.kind == "fatal":
                _abort(run, storable(reply.problem), at)
            continue
        problem = storable(reply.problem or outcome.verdict.problem)
        if reply.kind == "fatal":
            task.state, task.lease_until, task.problem = "queued", None, problem
            task.attempts -= 1
            _abort(run, problem, at)
        elif reply.kind == "transient":
            _again(task, problem, at, reply)
            lost += [task] if task.state == "failed" else []
        else:
            verdict = known.get(task.key, new.get(task.key))
            if verdict is None:
                verdict = len(rows)
                rows.append(answers.row(run, task, outcome.verdict, reply, cost, source, at))
            found.append((task, verdict))
            status = rows[verdict]["status"] if isinstance(verdict, int) else verdict.status
            task.problem = problem or None
            if answered and not reply.usage and budget.limited(run):
                _abort(
                    run, "the server does not say what an answer took, so a budget cannot be kept; "
                    "plan a run without one", at,
                )  # fmt: skip
            if status in SETTLED:
                if isinstance(verdict, int):
                    new[task.key] = verdict
                task.state, task.lease_until = "done", None
            elif not _holds(task, outcome.task):
                continue
            elif status == "invalid" and answered and task.attempts < ATTEMPTS:
                _again(task, problem, at, reply)
            else:
                task.state = "failed" if status == "invalid" else "done"
                task.lease_until = None
                lost.append(task)
    stored = answers.store(session, rows)
    told = [(task, stored[one] if isinstance(one, int) else one) for task, one in found]
    for task, verdict in told:
        task.verdict_id = verdict.id
    answers.rate(session, run, judge, [(t, v) for t, v in told if v.status in SETTLED], lost)


def after_refusal(
    session: Session,
    run_id: int,
    judge: Judge,
    outcomes: Sequence[Outcome],
    held: Collection[int],
    tried: Sequence[datetime],
) -> list[Outcome]:
    """What is still to be stored after the database has refused a step, which it may have taken
    all the same, only its word being lost: what it stored is neither stored nor counted again, and
    what it claimed for this process, which never heard of it, is free again.

    held: every task that the process knows of.
    tried: when the step was done, which says what it claimed: another process may work on the run by
        now, and what that has claimed is not touched.
    """
    _locked(session, run_id, judge)
    there: set[tuple[str, float | None]] = set()
    keys = [outcome.task.key for outcome in outcomes]
    for start in range(0, len(keys), answers.CHUNK):
        rows = session.connection().execute(
            sa.select(col(JudgeVerdict.key), col(JudgeVerdict.latency_ms)).where(
                col(JudgeVerdict.run_id) == run_id,
                col(JudgeVerdict.key).in_(keys[start : start + answers.CHUNK]),
            )
        )
        there |= {(key, latency) for key, latency in rows}
    session.connection().execute(
        sa.update(JudgeTask)
        .where(
            col(JudgeTask.run_id) == run_id,
            col(JudgeTask.state) == "leased",
            col(JudgeTask.lease_until).in_([at + LEASE for at in tried]),
            col(JudgeTask.id).not_in(sorted(held)),
        )
        .values(state="queued", lease_until=None, attempts=JudgeTask.attempts - 1)
    )
    return [
        one
        for one in outcomes
        if one.reply.raw is None or (one.task.key, one.reply.latency_ms) not in there
    ]


def give_back(session: Session, tasks: Sequence[Task]) -> None:
    """Tasks that were claimed and not asked; not those that another process has claimed since."""
    for task in tasks:
        session.connection().execute(
            sa.update(JudgeTask)
            .where(
                col(JudgeTask.id) == task.id,
                col(JudgeTask.state) == "leased",
                col(JudgeTask.attempts) == task.attempt,
            )
            .values(state="queued", lease_until=None, attempts=JudgeTask.attempts - 1)
        )


def _holds(task: JudgeTask, claimed: Task) -> bool:
    """Whether this claim is still the one that stands."""
    return task.state == "leased" and task.attempts == claimed.attempt


def _finish_if_done(session: Session, run: JudgeRun, at: datetime, *, count: bool = True) -> None:
    """End the run where nothing waits; its tasks are counted then at any rate."""
    waits = session.exec(
        select(JudgeTask.id)
        .where(JudgeTask.run_id == run.id, col(JudgeTask.state).in_(("queued", "leased")))
        .limit(1)
    ).first()
    if count or waits is None:
        refresh(session, run)
    if run.state == "running" and waits is None:
        problem = _nothing_came(session, run)
        end(run, "done" if problem is None else "aborted", problem, at)
        run.beat_at = None


def _nothing_came(session: Session, run: JudgeRun) -> str | None:
    """What most questions met, where the server has answered none of the run's: it is not there."""
    if set(run.counts) != {"failed"}:
        return None
    met = _met(session, run, "failed")
    answered = any(verdict is not None for _, _, verdict in met)
    return None if answered else f"no question was answered: {met[0][0]}"


def _in_vain(session: Session, run: JudgeRun) -> str:
    """What was paid for and is to be asked again, with why: it is told where the money went."""
    met = [(problem, number) for problem, number, _ in _met(session, run, "queued") if problem]
    if not met:
        return ""
    number = sum(count for _, count in met)
    return f"; {number} questions were asked without getting a verdict, most often: {met[0][0]}"


def _met(
    session: Session, run: JudgeRun, state: str
) -> Sequence[tuple[str | None, int, int | None]]:
    """What the run's questions in this state have met, the commonest first: how many met it, and
    the latest of their verdicts."""
    return session.exec(
        select(JudgeTask.problem, sa.func.count(), sa.func.max(JudgeTask.verdict_id))
        .where(JudgeTask.run_id == run.id, JudgeTask.state == state)
        .group_by(col(JudgeTask.problem))
        .order_by(sa.func.count().desc())
    ).all()


def _abort(run: JudgeRun, problem: str, at: datetime) -> None:
    # A lead may have ended it meanwhile, and that stands.
    if run.state == "running":
        end(run, "aborted", problem, at)


def finish(session: Session, run_id: int, *, at: datetime) -> JudgeRun:
    """The run as it stands when its process ends: done where nothing waits."""
    run = session.get_one(JudgeRun, run_id, populate_existing=True, with_for_update=True)
    run.beat_at = None
    _finish_if_done(session, run, at)
    return run


def fail(session: Session, run_id: int, problem: str, *, at: datetime) -> None:
    """Note that the run's process cannot go on, and why."""
    run = session.get_one(JudgeRun, run_id, populate_existing=True, with_for_update=True)
    run.beat_at = None
    _abort(run, storable(problem), at)


def _again(task: JudgeTask, problem: str, at: datetime, reply: Reply) -> None:
    """Back into the queue after a while; failed once it was tried often enough."""
    task.problem, task.lease_until, task.verdict_id = problem, None, None
    if task.attempts >= ATTEMPTS and not reply.busy:
        task.state = "failed"
        return
    if reply.busy:
        # It was asked too often, which is not this output's fault. A server that fails again and
        # again has failed, whatever it asks to wait.
        task.attempts = max(0, task.attempts - 1)
    task.state = "queued"
    wait = reply.retry_after
    wait = min(60.0, 0.5 * 2.0**task.attempts) if wait is None else wait
    task.not_before = at + timedelta(seconds=min(wait, 3600.0))


def _until_next(session: Session, run: JudgeRun, at: datetime) -> float | None:
    """Seconds until a task can be claimed; None where none waits."""
    first = session.exec(
        select(sa.func.min(JudgeTask.not_before)).where(
            JudgeTask.run_id == run.id, JudgeTask.state == "queued"
        )
    ).one()
    leased = session.exec(
        select(sa.func.min(JudgeTask.lease_until)).where(
            JudgeTask.run_id == run.id, JudgeTask.state == "leased"
        )
    ).one()
    moments = [moment for moment in (first, leased) if moment is not None]
    return max(0.05, min((moment - at).total_seconds() for moment in moments)) if moments else None
