"""A judge's run over a round or over outputs: planned, claimed task by task, paid for once.

```
run:   planned -> running -> done
                  |-> budget_exceeded --(raise the budget, resume)--> running
                  |-> paused, cancelled (by a lead)
                  |-> aborted (what every other request would meet too: a wrong key, no money)
task:  queued -> leased -> done    ok, cannot_judge, refused, truncated, filtered
                 leased -> queued  not reachable, or no valid answer: again, after a while
                 leased -> failed  after four attempts
                 leased -> queued  its process has died: the lease ran out
```
Every step is one transaction. An answer that is stored is never asked for again, in this run or in
a later one, of the same version about the same content.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotate import events, people, population
from annotate.answer import Answer
from annotate.criterion import Criterion
from annotate.design import Filters
from annotate.errors import BadInput, Conflict, NotFound
from annotate.judge import prices, prompt
from annotate.judge.judges import Judge
from annotate.judge.reply import Reply
from annotate.judge.verdict import SETTLED, Verdict
from db.tables import JudgeRun, JudgeTask, JudgeVerdict, Output, Rater, Rating, Round, Unit, now

ATTEMPTS = 4
LEASE = timedelta(minutes=5)
BEAT = timedelta(seconds=30)
"""A run whose process has not been heard of for longer has none."""
CHUNK = 500
OPEN = ("planned", "running", "paused", "budget_exceeded", "aborted")
"""States from which a run can go on."""
OUTPUT_TOKENS = 400
"""What an answer is thought to take before the first is there."""


@dataclass(frozen=True)
class Planned:
    """What a run would ask and cost."""

    tasks: int
    cached: int
    """Of those, answered before: asked and paid for no more."""
    tokens: int
    usd: float | None
    """None where the price is not known."""


@dataclass(frozen=True)
class Task:
    """One question that has been claimed."""

    id: int
    criterion: str
    sample: int
    key: str
    attempts: int
    fields: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Outcome:
    """What became of a task."""

    task: Task
    verdict: Verdict
    reply: Reply


@dataclass(frozen=True)
class Claimed:
    """What a process may do next."""

    tasks: tuple[Task, ...]
    state: str
    wait: float | None = None
    """Seconds until something can be claimed again; None where nothing will be."""


def plan_run(
    session: Session,
    judge: Judge,
    *,
    round_: Round | None = None,
    filters: Filters | None = None,
    budget_usd: float | None = None,
    budget_tokens: int | None = None,
    by: Rater | None,
) -> JudgeRun:
    """A run with its tasks, what is known already answered at once; nothing is asked yet."""
    people.require_lead(session, by)
    for name, limit in (("USD", budget_usd), ("tokens", budget_tokens)):
        if limit is not None and not 0 < limit < 10**12:
            raise BadInput(f"the budget in {name} is {limit:g}; give a number above 0")
    if budget_usd is not None and prices.source(judge.spec) is None:
        raise BadInput(
            f"the price of {judge.spec.model} is not known, so a budget in USD cannot be kept; "
            "add `prices: {input: ..., output: ...}` (USD for a million tokens) to the judge's "
            "file, or give a budget in tokens"
        )
    chosen = _units(session, round_) if round_ is not None else _outputs(session, filters)
    if not chosen:
        raise BadInput("there is nothing to judge: no output is in the scope")
    assert judge.rater.id is not None
    run = JudgeRun(
        rater_id=judge.rater.id,
        round_id=None if round_ is None else round_.id,
        scope={"round": round_.name} if round_ is not None else _said(filters),
        state="planned",
        budget_usd=budget_usd,
        budget_tokens=budget_tokens,
        started_at=now(),
    )
    session.add(run)
    session.flush()
    assert run.id is not None
    tasks = [
        {
            "run_id": run.id,
            "output_id": output.id,
            "unit_id": unit_id,
            "criterion": criterion.id,
            "sample": sample,
            "key": judge.key(criterion.id, judge.fields(output), sample),
            "state": "queued",
            "attempts": 0,
            "not_before": run.started_at,
        }
        for output, unit_id in chosen
        for criterion in judge.criteria
        for sample in range(1, judge.spec.samples + 1)
    ]
    session.connection().execute(sa.insert(JudgeTask), tasks)
    _answer_from_before(session, run, judge)
    _refresh(session, run)
    scope = f"round:{round_.name}" if round_ is not None else "outputs"
    events.record(session, "planned judge run", scope, by=by, judge=judge.rater.name, run=run.id)
    return run


def expectation(session: Session, run: JudgeRun, judge: Judge) -> Planned:
    """What is left of a run: questions, tokens and USD, from the length of what is asked."""
    counts = counted(session, run)
    tokens, usd = 0, 0.0
    known = prices.source(judge.spec) is not None
    for task in _of(session, run, "queued", "leased"):
        output = session.get_one(Output, task.output_id)
        one = estimated(judge, task.criterion, judge.fields(output))
        tokens += sum(one.values())
        usd += prices.cost(judge.spec, one) or 0.0
    return Planned(sum(counts.values()), counts.get("done", 0), tokens, usd if known else None)


def estimated(judge: Judge, criterion: str, fields: Mapping[str, Any]) -> dict[str, int]:
    """Tokens that one question may take: a quarter of its characters, and a full answer."""
    if judge.spec.engine == "lexical":
        return {"input": 0, "output": 0}
    one = judge.rubric.criterion(criterion)
    asked = prompt.messages(
        judge.rubric, one, fields, tag="0" * 8, shots=judge.shots.get(criterion, ()),
        critique=judge.spec.critique,
    )  # fmt: skip
    characters = sum(len(message["content"]) for message in asked)
    return {"input": -(-characters // 4), "output": OUTPUT_TOKENS}


def start(session: Session, run_id: int, *, by: Rater | None) -> JudgeRun:
    """Let a run go on; refused while a process works on it."""
    run = get_run(session, run_id, by=by)
    if run.state == "running" and _alive(run):
        raise Conflict(
            f"run {run_id} is being worked on already; if its process has just died, try again in "
            f"{BEAT.seconds} seconds"
        )
    if run.state not in OPEN:
        raise Conflict(f"run {run_id} is {run.state}; plan a new one")
    if _spent(run):
        raise BadInput(f"run {run_id} has used its budget; raise it and resume")
    run.state, run.note, run.beat_at, run.ended_at = "running", None, now(), None
    session.add(run)
    # Whoever had claimed these works no more.
    session.connection().execute(
        sa.update(JudgeTask)
        .where(col(JudgeTask.run_id) == run_id, col(JudgeTask.state) == "leased")
        .values(state="queued", lease_until=None)
    )
    events.record(session, "started judge run", f"run:{run_id}", by=by)
    return run


def pause(session: Session, run_id: int, *, by: Rater | None) -> JudgeRun:
    """Claim nothing more; what is asked already is waited for and stored."""
    return _stop(session, run_id, "paused", by)


def cancel(session: Session, run_id: int, *, by: Rater | None) -> JudgeRun:
    """End a run for good; what is stored stays."""
    return _stop(session, run_id, "cancelled", by)


def raise_budget(
    session: Session, run_id: int, *, usd: float | None, tokens: int | None, by: Rater | None
) -> JudgeRun:
    """Set a run's budget anew."""
    run = get_run(session, run_id, by=by)
    run.budget_usd, run.budget_tokens = usd, tokens
    session.add(run)
    events.record(session, "set budget", f"run:{run_id}", by=by, usd=usd, tokens=tokens)
    return run


def retry(session: Session, run_id: int, *, by: Rater | None) -> int:
    """Ask again what has no verdict: refused, cut off, filtered, invalid or failed; how many."""
    run = get_run(session, run_id, by=by)
    if run.state == "cancelled":
        raise Conflict(f"run {run_id} is cancelled; plan a new one")
    bad = [
        task
        for task, verdict in unsettled(session, run)
        if task.state in ("done", "failed") and (verdict is None or verdict.status not in SETTLED)
    ]
    for task in bad:
        task.state, task.attempts, task.not_before, task.problem = "queued", 0, now(), None
        session.add(task)
    if bad:
        run.state = "planned" if run.state == "done" else run.state
        session.add(run)
        events.record(session, "asked again", f"run:{run_id}", by=by, tasks=len(bad))
        session.flush()
        _refresh(session, run)
    return len(bad)


def get_run(session: Session, run_id: int, *, by: Rater | None) -> JudgeRun:
    """A run by its number."""
    people.require_lead(session, by)
    run = session.get(JudgeRun, run_id, populate_existing=True)
    if run is None:
        raise NotFound(f"there is no judge run {run_id}")
    return run


def list_runs(session: Session, *, by: Rater | None) -> list[tuple[JudgeRun, str]]:
    """Every run with its judge's name, newest first."""
    people.require_lead(session, by)
    rows = session.exec(
        select(JudgeRun, Rater.name)
        .join(Rater, col(Rater.id) == JudgeRun.rater_id)
        .order_by(col(JudgeRun.id).desc())
    )
    return [(run, name) for run, name in rows]


def counted(session: Session, run: JudgeRun) -> dict[str, int]:
    """Tasks by state."""
    rows = session.exec(
        select(JudgeTask.state, sa.func.count())
        .where(JudgeTask.run_id == run.id)
        .group_by(JudgeTask.state)
    )
    return {state: int(number) for state, number in rows}


def unsettled(session: Session, run: JudgeRun) -> list[tuple[JudgeTask, JudgeVerdict | None]]:
    """The tasks of a run that have no answer, with what came instead."""
    rows = session.exec(
        select(JudgeTask, JudgeVerdict)
        .outerjoin(JudgeVerdict, col(JudgeVerdict.id) == JudgeTask.verdict_id)
        .where(
            JudgeTask.run_id == run.id,
            sa.or_(col(JudgeVerdict.id).is_(None), col(JudgeVerdict.status).not_in(SETTLED)),
        )
        .order_by(col(JudgeTask.id))
    )
    return [(task, verdict) for task, verdict in rows]


# What a process does.


def claim(session: Session, run_id: int, judge: Judge, count: int, *, at: datetime) -> Claimed:
    """Up to `count` questions, for as long as the budget has room for them."""
    run = session.get_one(JudgeRun, run_id, populate_existing=True)
    run.beat_at = at
    session.add(run)
    if run.state != "running":
        return Claimed((), run.state)
    session.connection().execute(
        sa.update(JudgeTask)
        .where(
            col(JudgeTask.run_id) == run_id,
            col(JudgeTask.state) == "leased",
            col(JudgeTask.lease_until) < at,
        )
        .values(state="queued", lease_until=None)
    )
    chosen = session.exec(
        select(JudgeTask, Output)
        .join(Output, col(Output.id) == JudgeTask.output_id)
        .where(JudgeTask.run_id == run_id, JudgeTask.state == "queued", JudgeTask.not_before <= at)
        .order_by(col(JudgeTask.id))
        .limit(count)
        .with_for_update(skip_locked=True, of=JudgeTask)
    ).all()
    room = _Room(session, run, judge)
    taken = []
    for task, output in chosen:
        fields = judge.fields(output)
        if not room.takes(task.criterion, fields):
            break
        task.state, task.lease_until = "leased", at + LEASE
        task.attempts += 1
        session.add(task)
        assert task.id is not None
        taken.append(Task(task.id, task.criterion, task.sample, task.key, task.attempts, fields))
    if taken:
        return Claimed(tuple(taken), "running")
    if chosen and not room.in_flight:
        _end(run, "budget_exceeded", "the budget has no room for another question", at)
        return Claimed((), run.state)
    if chosen:
        return Claimed((), "running", wait=0.2)
    return Claimed((), "running", wait=_until_next(session, run, at))


def settle(
    session: Session, run_id: int, judge: Judge, outcomes: Sequence[Outcome], *, at: datetime
) -> None:
    """Store what came of tasks; an answer that another process has stored meanwhile stands."""
    run = session.get_one(JudgeRun, run_id, populate_existing=True)
    ids = [outcome.task.id for outcome in outcomes]
    tasks = {
        task.id: task for task in session.exec(select(JudgeTask).where(col(JudgeTask.id).in_(ids)))
    }
    known = _known(session, [outcome.task.key for outcome in outcomes])
    source = prices.source(judge.spec)
    found: list[tuple[JudgeTask, JudgeVerdict]] = []
    for outcome in outcomes:
        task, reply = tasks[outcome.task.id], outcome.reply
        if task.state == "done":
            continue
        cost = prices.cost(judge.spec, reply.usage, tier=reply.service_tier)
        run.tokens = _added(run.tokens, reply.usage)
        run.cost_usd += cost or 0.0
        if reply.kind == "fatal":
            task.state, task.lease_until, task.problem = "queued", None, reply.problem
            task.attempts -= 1
            _end(run, "aborted", reply.problem, at)
        elif reply.kind == "transient":
            _again(task, reply.problem, at, reply.retry_after)
        else:
            verdict = known.get(task.key)
            if verdict is None:
                verdict = _verdict(run, task, outcome, cost, source, at)
                session.add(verdict)
            found.append((task, verdict))
            task.problem = outcome.verdict.problem or None
            if verdict.status in SETTLED:
                known[task.key] = verdict
                task.state, task.lease_until = "done", None
            elif verdict.status == "invalid" and task.attempts < ATTEMPTS:
                _again(task, outcome.verdict.problem, at, None)
            else:
                task.state = "failed" if verdict.status == "invalid" else "done"
                task.lease_until = None
    session.flush()
    for task, verdict in found:
        task.verdict_id = verdict.id
    _rate(session, run, judge, [(t, v) for t, v in found if v.status in SETTLED])
    session.flush()
    _refresh(session, run)
    _finish_if_done(session, run, at)


def give_back(session: Session, tasks: Sequence[Task]) -> None:
    """Tasks that were claimed and not asked."""
    if tasks:
        session.connection().execute(
            sa.update(JudgeTask)
            .where(col(JudgeTask.id).in_([t.id for t in tasks]), col(JudgeTask.state) == "leased")
            .values(state="queued", lease_until=None, attempts=JudgeTask.attempts - 1)
        )


def _finish_if_done(session: Session, run: JudgeRun, at: datetime) -> None:
    waiting = run.counts.get("queued", 0) + run.counts.get("leased", 0)
    if run.state == "running" and not waiting:
        _end(run, "done", None, at)
        session.add(run)


def finish(session: Session, run_id: int, *, at: datetime) -> JudgeRun:
    """The run as it stands when its process ends: done where nothing waits."""
    run = session.get_one(JudgeRun, run_id, populate_existing=True)
    _refresh(session, run)
    _finish_if_done(session, run, at)
    return run


class _Room:
    """Whether the budget has room for another question, all that are in flight counted."""

    def __init__(self, session: Session, run: JudgeRun, judge: Judge) -> None:
        self._judge, self._run = judge, run
        leased = (
            session.exec(
                select(JudgeTask.criterion, Output)
                .join(Output, col(Output.id) == JudgeTask.output_id)
                .where(JudgeTask.run_id == run.id, JudgeTask.state == "leased")
            ).all()
            if self._limited
            else []
        )
        self.in_flight = len(leased)
        # What an answer has cost at most so far says more than a guess.
        self._dearest = _dearest(session, run) if self._limited else {}
        self._tokens = sum(run.tokens.values()) - run.tokens.get("cached", 0)
        self._usd = run.cost_usd
        for criterion, output in leased:
            self._add(criterion, judge.fields(output))

    @property
    def _limited(self) -> bool:
        return self._run.budget_usd is not None or self._run.budget_tokens is not None

    def takes(self, criterion: str, fields: Mapping[str, Any]) -> bool:
        """Count another question in, where there is room."""
        if not self._limited:
            return True
        tokens, usd = self._tokens, self._usd
        self._add(criterion, fields)
        over = (self._run.budget_tokens is not None and self._tokens > self._run.budget_tokens) or (
            self._run.budget_usd is not None and self._usd > self._run.budget_usd
        )
        if over:
            self._tokens, self._usd = tokens, usd
        else:
            self.in_flight += 1
        return not over

    def _add(self, criterion: str, fields: Mapping[str, Any]) -> None:
        one = estimated(self._judge, criterion, fields)
        one = {
            # A token has hardly ever fewer than two characters; an answer may be longer than the longest.
            "input": 2 * one["input"],
            "output": max(one["output"], 2 * self._dearest.get("output", 0)),
        }
        self._tokens += sum(one.values())
        self._usd += prices.cost(self._judge.spec, one) or 0.0


def _dearest(session: Session, run: JudgeRun) -> dict[str, int]:
    found = session.exec(
        select(JudgeVerdict.tokens)
        .where(JudgeVerdict.run_id == run.id)
        .order_by(col(JudgeVerdict.id).desc())
        .limit(200)
    )
    return {"output": max([(tokens or {}).get("output", 0) for tokens in found], default=0)}


def _units(session: Session, round_: Round) -> list[tuple[Output, int | None]]:
    """The outputs of a round, each once; a pair is nothing that a judge can grade here."""
    if round_.design.get("compares"):
        raise BadInput(
            f"round {round_.name} compares pairs, which this judge cannot; choose a round that "
            "rates single outputs"
        )
    rows = session.exec(
        select(Output, Unit.id)
        .join(Unit, col(Unit.output_id) == Output.id)
        .where(Unit.round_id == round_.id, col(Unit.repeats_id).is_(None))
        .order_by(col(Unit.rank))
    )
    return [(output, unit_id) for output, unit_id in rows]


def _outputs(session: Session, filters: Filters | None) -> list[tuple[Output, int | None]]:
    statement = select(Output).order_by(col(Output.id))
    if filters is not None:
        statement = statement.where(*population.conditions(session, filters))
    return [(output, None) for output in session.exec(statement)]


def _said(filters: Filters | None) -> dict[str, Any]:
    return {} if filters is None else filters.model_dump(mode="json", exclude_none=True)


def _answer_from_before(session: Session, run: JudgeRun, judge: Judge) -> None:
    """Tasks whose answer is stored are done at once; so are those that nobody can answer."""
    tasks = _of(session, run, "queued")
    known = _known(session, [task.key for task in tasks])
    done = []
    for task in tasks:
        verdict = known.get(task.key)
        if verdict is None:
            assert run.id is not None
            output = session.get_one(Output, task.output_id)
            lacking = judge.lacks(judge.fields(output))
            if not lacking:
                continue
            verdict = JudgeVerdict(
                key=task.key, run_id=run.id, output_id=task.output_id, criterion=task.criterion,
                sample=task.sample, status="cannot_judge", cost_usd=0.0, tokens={},
                answer=Answer(abstained="cannot_judge").model_dump(mode="json", exclude_none=True),
                problem=f"the output has no {' and no '.join(lacking)}",
            )  # fmt: skip
            session.add(verdict)
            session.flush()
            known[task.key] = verdict
        task.state, task.verdict_id = "done", verdict.id
        session.add(task)
        done.append((task, verdict))
    _rate(session, run, judge, done)


def _known(session: Session, keys: Sequence[str]) -> dict[str, JudgeVerdict]:
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


def _of(session: Session, run: JudgeRun, *states: str) -> list[JudgeTask]:
    return list(
        session.exec(
            select(JudgeTask)
            .where(JudgeTask.run_id == run.id, col(JudgeTask.state).in_(states))
            .order_by(col(JudgeTask.id))
        )
    )


def _verdict(
    run: JudgeRun,
    task: JudgeTask,
    outcome: Outcome,
    cost: float | None,
    source: str | None,
    at: datetime,
) -> JudgeVerdict:
    found, reply = outcome.verdict, outcome.reply
    assert run.id is not None
    return JudgeVerdict(
        key=task.key,
        run_id=run.id,
        output_id=task.output_id,
        criterion=task.criterion,
        sample=task.sample,
        status=found.status,
        answer=None
        if found.answer is None
        else found.answer.model_dump(mode="json", exclude_none=True),
        score=found.score,
        score_source=found.score_source if found.score is not None else None,
        probabilities=None if found.probabilities is None else dict(found.probabilities),
        critique=found.critique or None,
        evidence=list(found.evidence) or None,
        injection_suspected=found.injection_suspected,
        problem=found.problem or None,
        attempt=task.attempts,
        model=reply.model,
        fingerprint=reply.fingerprint,
        request_id=reply.request_id,
        tokens=dict(reply.usage),
        cost_usd=cost,
        price_source=source,
        latency_ms=reply.latency_ms,
        raw=reply.raw,
        at=at,
    )


def _rate(
    session: Session, run: JudgeRun, judge: Judge, done: Iterable[tuple[JudgeTask, JudgeVerdict]]
) -> None:
    """Write the ratings that verdicts say, where this judge's do not stand yet."""
    pairs_ = list(done)
    outputs = {task.output_id for task, _ in pairs_}
    there = _standing(session, run, judge, outputs)
    rows = []
    for task, verdict in pairs_:
        criterion = judge.rubric.criterion(task.criterion)
        for found in _ratings(criterion, verdict):
            if (task.output_id, found.key, task.sample) in there:
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
                    "rated_at": verdict.at,
                    "cost_usd": verdict.cost_usd,
                    "latency_ms": verdict.latency_ms,
                }
            )
    if rows:
        session.connection().execute(sa.insert(Rating), rows)


def _ratings(criterion: Criterion, verdict: JudgeVerdict) -> list[Any]:
    return list(Answer.model_validate(verdict.answer or {}).ratings(criterion))


def _standing(
    session: Session, run: JudgeRun, judge: Judge, outputs: Iterable[int]
) -> set[tuple[int, str, int]]:
    named = sorted(outputs)
    there: set[tuple[int, str, int]] = set()
    where = (
        col(Rating.round_id).is_(None) if run.round_id is None else Rating.round_id == run.round_id
    )
    for start_ in range(0, len(named), CHUNK):
        rows = session.exec(
            select(Rating.output_id, Rating.criterion, Rating.run).where(
                where,
                Rating.rater_id == judge.rater.id,
                col(Rating.output_id).in_(named[start_ : start_ + CHUNK]),
            )
        )
        there |= {(output, criterion, sample) for output, criterion, sample in rows}
    return there


def _again(task: JudgeTask, problem: str, at: datetime, retry_after: float | None) -> None:
    """Back into the queue after a while; failed once it was tried often enough."""
    task.problem, task.lease_until = problem, None
    if task.attempts >= ATTEMPTS and retry_after is None:
        task.state = "failed"
        return
    if retry_after is not None:
        # The server is busy: that is not this output's fault.
        task.attempts = max(0, task.attempts - 1)
    task.state = "queued"
    wait = retry_after if retry_after is not None else min(60.0, 0.5 * 2.0**task.attempts)
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


def _refresh(session: Session, run: JudgeRun) -> None:
    run.counts = counted(session, run)
    session.add(run)


def _end(run: JudgeRun, state: str, note: str | None, at: datetime) -> None:
    run.state, run.note, run.ended_at = state, note, at


def _stop(session: Session, run_id: int, state: str, by: Rater | None) -> JudgeRun:
    run = get_run(session, run_id, by=by)
    if run.state not in OPEN:
        raise Conflict(f"run {run_id} is {run.state} already")
    _end(run, state, f"{state} by {by.name if by is not None else 'the command line'}", now())
    session.add(run)
    events.record(session, f"{state} judge run", f"run:{run_id}", by=by)
    return run


def _alive(run: JudgeRun) -> bool:
    return run.beat_at is not None and now() - run.beat_at < BEAT


def _spent(run: JudgeRun) -> bool:
    used = sum(run.tokens.values()) - run.tokens.get("cached", 0)
    return (run.budget_usd is not None and run.cost_usd >= run.budget_usd) or (
        run.budget_tokens is not None and used >= run.budget_tokens
    )


def _added(tokens: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return {name: tokens.get(name, 0) + more.get(name, 0) for name in {*tokens, *more}}
