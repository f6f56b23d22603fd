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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotate import design_words, events, people, population
from annotate.answer import Answer
from annotate.design import Filters
from annotate.errors import BadInput, Conflict, NotFound
from annotate.judge import answers, budget, prices
from annotate.judge.judges import Judge
from annotate.judge.reply import Reply
from annotate.judge.verdict import SETTLED, Verdict
from db.tables import JudgeRun, JudgeTask, JudgeVerdict, Output, Rater, Round, Unit, now

BEAT = timedelta(seconds=30)
"""A run whose process has not been heard of for longer has none."""
PACE = 200
"""Answers by whose pace the rest is foretold."""
MANY = 2**31
"""No run has such a number."""
OPEN = ("planned", "running", "paused", "budget_exceeded", "aborted")
"""States from which a run can go on."""


@dataclass(frozen=True)
class Missing:
    """A question that ended without a verdict: refused, cut off, filtered, invalid or failed."""

    run: int
    task: int
    output: str
    criterion: str
    sample: int
    status: str
    problem: str | None
    attempts: int


def plan_run(
    session: Session,
    judge: Judge,
    *,
    round_: Round | None = None,
    filters: Filters | None = None,
    budget_usd: float | None = None,
    budget_tokens: int | None = None,
    again: bool = False,
    by: Rater | None,
) -> JudgeRun:
    """A run with its tasks, what is known already answered at once; nothing is asked yet.

    again: ask afresh about the round's anchors, whatever was answered before, to see whether the
    judge has moved within its version. The new answers stand for this round instead of those that
    were found, which are kept, and nothing where it is refused; other rounds' stay as they are.
    """
    people.require_lead(session, by)
    _check_budget(judge, budget_usd, budget_tokens)
    answers.lock(session, judge)
    if again:
        chosen = _anchors(session, judge, round_)
    else:
        chosen = _units(session, round_) if round_ is not None else _outputs(session, filters)
    if not chosen:
        raise BadInput("there is nothing to judge: no output is in the scope")
    assert judge.rater.id is not None
    run = JudgeRun(
        rater_id=judge.rater.id,
        round_id=None if round_ is None else round_.id,
        scope=_scope(round_, filters, again=again),
        state="planned",
        budget_usd=budget_usd,
        budget_tokens=budget_tokens,
        started_at=now(),
    )
    session.add(run)
    session.flush()
    assert run.id is not None
    shown = [(output, unit_id, judge.fields(output)) for output, unit_id in chosen]
    tasks = [
        {
            "run_id": run.id,
            "output_id": output.id,
            "unit_id": unit_id,
            "criterion": criterion.id,
            "sample": sample,
            "key": judge.key(criterion.id, fields, sample, again=run.id if again else None),
            "state": "queued",
            "attempts": 0,
            "not_before": run.started_at,
        }
        for output, unit_id, fields in shown
        for criterion in judge.criteria
        for sample in range(1, judge.spec.samples + 1)
    ]
    session.connection().execute(sa.insert(JudgeTask), tasks)
    lacking = {output.id: judge.lacks(fields) for output, _, fields in shown}
    _answer_from_before(session, run, judge, lacking)
    refresh(session, run)
    if judge.outdated and run.counts.get("queued"):
        raise BadInput(judge.in_other_words)
    scope = f"round:{round_.name}" if round_ is not None else "outputs"
    events.record(session, "planned judge run", scope, by=by, judge=judge.rater.name, run=run.id)
    return run


def start(session: Session, run_id: int, *, by: Rater | None) -> JudgeRun:
    """Let a run go on; refused while a process works on it."""
    run = check_start(session, run_id, by=by)
    if run.state == "aborted" and set(run.counts) == {"failed"}:
        retry(session, run_id, by=by)  # its server was not there; it may be by now
    run.state, run.note, run.beat_at, run.ended_at = "running", None, now(), None
    run.started_at = now()
    session.add(run)
    # Whoever had claimed these works no more.
    session.connection().execute(
        sa.update(JudgeTask)
        .where(col(JudgeTask.run_id) == run_id, col(JudgeTask.state) == "leased")
        .values(state="queued", lease_until=None)
    )
    events.record(session, "started judge run", f"run:{run_id}", by=by)
    return run


def check_start(session: Session, run_id: int, *, by: Rater | None) -> JudgeRun:
    """The run, where it can go on; else Conflict or BadInput says why not.

    A process that was told to stop still waits for what it has asked: another would ask it again.
    """
    run = get_run(session, run_id, by=by, lock=True)
    if is_alive(run):
        still = "" if run.state == "running" else " until what it has asked is answered"
        raise Conflict(
            f"run {run_id} is being worked on already{still}; try again in a moment, or, if its "
            f"process has just died, in {BEAT.seconds} seconds"
        )
    if run.state not in OPEN:
        raise Conflict(f"run {run_id} is {run.state}; plan a new one")
    if budget.spent(run):
        raise BadInput(f"run {run_id} has used its budget; raise it and resume")
    return run


def pause(session: Session, run_id: int, *, by: Rater | None) -> JudgeRun:
    """Claim nothing more; what is asked already is waited for and stored."""
    return _stop(session, run_id, "paused", by)


def cancel(session: Session, run_id: int, *, by: Rater | None) -> JudgeRun:
    """End a run for good; what is stored stays, and what met a problem is listed with it."""
    run = _stop(session, run_id, "cancelled", by)
    session.connection().execute(
        sa.update(JudgeTask)
        .where(
            col(JudgeTask.run_id) == run_id,
            col(JudgeTask.state) == "queued",
            col(JudgeTask.problem).is_not(None),
        )
        .values(state=sa.case((col(JudgeTask.verdict_id).is_(None), "failed"), else_="done"))
    )
    refresh(session, run)
    return run


def raise_budget(
    session: Session,
    run_id: int,
    judge: Judge,
    *,
    usd: float | None = None,
    tokens: int | None = None,
    by: Rater | None,
) -> JudgeRun:
    """Set a run's budget anew; a limit that is not given stays as it is."""
    run = get_run(session, run_id, by=by, lock=True)
    _check_budget(judge, usd, tokens)
    run.budget_usd = run.budget_usd if usd is None else usd
    run.budget_tokens = run.budget_tokens if tokens is None else tokens
    session.add(run)
    events.record(session, "set budget", f"run:{run_id}", by=by, usd=usd, tokens=tokens)
    return run


def retry(session: Session, run_id: int, *, by: Rater | None) -> int:
    """Ask again what has no verdict: refused, cut off, filtered, invalid or failed; how many."""
    run = get_run(session, run_id, by=by, lock=True)
    if run.state == "cancelled":
        raise Conflict(f"run {run_id} is cancelled; plan a new one")
    again = [one.task for one in missing(session, [run])]
    if again:
        for start_ in range(0, len(again), answers.CHUNK):
            session.connection().execute(
                sa.update(JudgeTask)
                .where(col(JudgeTask.id).in_(again[start_ : start_ + answers.CHUNK]))
                # Why it has none stays on record until another answer comes.
                .values(state="queued", attempts=0, not_before=now())
            )
        if run.state in ("done", "planned"):
            # It waits for its process from now on.
            run.state, run.started_at, run.ended_at = "planned", now(), None
        events.record(session, "asked again", f"run:{run_id}", by=by, tasks=len(again))
        refresh(session, run)
    return len(again)


def get_run(session: Session, run_id: int, *, by: Rater | None, lock: bool = False) -> JudgeRun:
    """A run by its number; `lock` keeps its process from changing it until the transaction ends."""
    people.require_lead(session, by)
    run = None
    if 0 < run_id < MANY:
        run = session.get(JudgeRun, run_id, populate_existing=True, with_for_update=lock or None)
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


def missing(session: Session, runs: Sequence[JudgeRun]) -> list[Missing]:
    """What ended without a verdict in these runs: listed, and never a score."""
    rows = session.exec(
        select(JudgeTask, JudgeVerdict.status, Output.key)
        .join(Output, col(Output.id) == JudgeTask.output_id)
        .outerjoin(JudgeVerdict, col(JudgeVerdict.id) == JudgeTask.verdict_id)
        .where(
            col(JudgeTask.run_id).in_([run.id for run in runs]),
            col(JudgeTask.state).in_(("done", "failed")),
            sa.or_(col(JudgeVerdict.id).is_(None), col(JudgeVerdict.status).not_in(SETTLED)),
        )
        .order_by(col(JudgeTask.id))
    )
    return [
        Missing(
            task.run_id, task.id or 0, output, task.criterion, task.sample,
            status or "failed", task.problem, task.attempts,
        )
        for task, status, output in rows
    ]  # fmt: skip


def ended(run: JudgeRun) -> int:
    """How many of its questions are asked and done with, whatever came of them."""
    return run.counts.get("done", 0) + run.counts.get("failed", 0)


def answered(run: JudgeRun, without: int) -> int:
    """How many of its questions have a verdict; without: how many have ended and are `missing`."""
    # What is counted may be older by a moment than what is missing.
    return max(0, ended(run) - without)


def remaining(session: Session, run: JudgeRun) -> timedelta | None:
    """How long the rest will take at the pace of the latest answers; None where nothing tells.

    Of those that its process was given since it started, or started again: what was answered before
    took no time, and a pause was none of the server's.
    """
    waiting = run.counts.get("queued", 0) + run.counts.get("leased", 0)
    if run.state != "running" or not waiting:
        return None
    latest = session.exec(
        select(JudgeVerdict.at)
        .where(JudgeVerdict.run_id == run.id, col(JudgeVerdict.status).in_(SETTLED))
        .order_by(col(JudgeVerdict.id).desc())
        .limit(PACE)
    ).all()
    since = [at for at in latest if at > run.started_at]
    begun = run.started_at if len(since) < PACE else since[-1]
    took = now() - begun
    if not since or took < timedelta(seconds=3):
        return None
    return took * (waiting / len(since))


def _anchors(
    session: Session, judge: Judge, round_: Round | None
) -> list[tuple[Output, int | None]]:
    """What a judge is asked about again."""
    if round_ is None:
        raise BadInput("a judge is asked again about the anchors of a round; name the round")
    if judge.spec.engine == "lexical":
        raise BadInput("word overlap says the same for ever; ask a judge again that has a model")
    found = _units(session, round_, purpose="anchor")
    if not found:
        raise BadInput(
            f"round {round_.name} has no anchors, which a judge is asked about again; choose a "
            "round that has"
        )
    return found


def _units(
    session: Session, round_: Round, *, purpose: str | None = None
) -> list[tuple[Output, int | None]]:
    """The outputs of a round, each once; a pair is nothing that a judge can grade here."""
    if round_.design.get("compares"):
        raise BadInput(
            f"round {round_.name} compares pairs, which this judge cannot; choose a round that "
            "rates single outputs"
        )
    rows = session.exec(
        select(Output, Unit.id)
        .join(Unit, col(Unit.output_id) == Output.id)
        .where(
            Unit.round_id == round_.id,
            col(Unit.repeats_id).is_(None),
            sa.true() if purpose is None else col(Unit.purpose) == purpose,
        )
        .order_by(col(Unit.rank))
    )
    return [(output, unit_id) for output, unit_id in rows]


def _outputs(session: Session, filters: Filters | None) -> list[tuple[Output, int | None]]:
    statement = select(Output).order_by(col(Output.id))
    if filters is not None:
        statement = statement.where(*population.conditions(session, filters))
    return [(output, None) for output in session.exec(statement)]


def _scope(round_: Round | None, filters: Filters | None, *, again: bool) -> dict[str, Any]:
    """What a run grades, as its row says it; what was not chosen is left out."""
    if round_ is not None:
        return {"round": round_.name} | ({"again": True} if again else {})
    return {} if filters is None else filters.model_dump(mode="json", exclude_defaults=True)


def _answer_from_before(
    session: Session, run: JudgeRun, judge: Judge, lacking: Mapping[int | None, list[str]]
) -> None:
    """Tasks whose answer is stored are done at once; so are those that nobody can answer.

    lacking: what each output has not of what the judge needs.
    """
    assert run.id is not None
    tasks = list(session.exec(select(JudgeTask).where(JudgeTask.run_id == run.id)))
    known = answers.known(session, [task.key for task in tasks])
    rows: dict[str, dict[str, Any]] = {}
    for task in tasks:
        if lacking[task.output_id] and task.key not in known:
            found = Verdict(
                "cannot_judge",
                answer=Answer(abstained="cannot_judge"),
                problem=f"the output has no {' and no '.join(lacking[task.output_id])}",
            )
            rows[task.key] = answers.row(run, task, found, Reply("answered"), 0.0, None, now())
    known |= dict(zip(rows, answers.store(session, list(rows.values())), strict=True))
    done = [(task, known[task.key]) for task in tasks if task.key in known]
    for task, verdict in done:
        task.state, task.verdict_id = "done", verdict.id
    answers.rate(session, run, judge, done)


def scope_in_words(run: JudgeRun) -> str:
    """What it grades: a round, or which outputs."""
    if "round" in run.scope:
        return f"round {run.scope['round']}{', its anchors again' * bool(run.scope.get('again'))}"
    said = design_words.chosen(run.scope)
    return f"outputs of {said}" if said else "all outputs"


def abstentions(session: Session, runs: Sequence[JudgeRun]) -> dict[int, int]:
    """Of each run's questions, those that were answered with "cannot judge"."""
    rows = session.exec(
        select(JudgeTask.run_id, sa.func.count())
        .join(JudgeVerdict, col(JudgeVerdict.id) == JudgeTask.verdict_id)
        .where(
            col(JudgeTask.run_id).in_([run.id for run in runs]),
            JudgeTask.state == "done",
            JudgeVerdict.status == "cannot_judge",
        )
        .group_by(col(JudgeTask.run_id))
    )
    return {run_id: int(number) for run_id, number in rows}


def refresh(session: Session, run: JudgeRun) -> None:
    """Count the run's tasks anew."""
    run.counts = counted(session, run)
    session.add(run)


def end(run: JudgeRun, state: str, note: str | None, at: datetime) -> None:
    """Let the run stop in this state; note: why, in words."""
    run.state, run.note, run.ended_at = state, note, at


def _check_budget(judge: Judge, usd: float | None, tokens: int | None) -> None:
    for name, limit in (("USD", usd), ("tokens", tokens)):
        if limit is not None and not 0 < limit < 10**12:
            raise BadInput(f"the budget in {name} is {limit:g}; give a number above 0")
    if usd is not None and prices.source(judge.spec) is None:
        raise BadInput(
            f"the price of {judge.spec.model} is not known, so a budget in USD cannot be kept; "
            "add `prices: {input: ..., output: ...}` (USD for a million tokens) to the judge's "
            "file, or give a budget in tokens"
        )


def _stop(session: Session, run_id: int, state: str, by: Rater | None) -> JudgeRun:
    run = get_run(session, run_id, by=by, lock=True)
    if run.state not in OPEN:
        raise Conflict(f"run {run_id} is {run.state} already")
    end(run, state, f"{state} by {by.name if by is not None else 'the command line'}", now())
    session.add(run)
    events.record(session, f"{state} judge run", f"run:{run_id}", by=by)
    return run


def is_alive(run: JudgeRun) -> bool:
    """Whether a process has worked on it just now."""
    return run.beat_at is not None and now() - run.beat_at < BEAT
