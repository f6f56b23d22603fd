"""annotate judge: run, resume, runs, pause, cancel, failures, retry."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from annotate.judge.judges import Judge
    from db.engine import Database
    from db.tables import JudgeRun

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
RunNumber = Annotated[int, typer.Argument(metavar="RUN", help="The number of a run.")]


def run(
    name: Annotated[str, typer.Argument(metavar="JUDGE[@VERSION]")],
    round_: Annotated[
        str | None, typer.Option("--round", help="Judge the units of a round.")
    ] = None,
    segment: Annotated[
        list[str] | None, typer.Option("--segment", help="Outputs of these only; repeatable.")
    ] = None,
    configuration: Annotated[
        list[str] | None, typer.Option("--configuration", help="Outputs of these only; repeatable.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option("--since", help="Outputs from this day (UTC) on.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", help="Outputs before this day (UTC).")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Judge every output there is.")] = False,
    budget: Annotated[
        float | None, typer.Option("--budget", help="Stop before this many USD.")
    ] = None,
    budget_tokens: Annotated[
        int | None, typer.Option("--budget-tokens", help="Stop before this many tokens.")
    ] = None,
    again: Annotated[
        bool,
        typer.Option("--again", help="Ask the round's anchors afresh: has the judge moved?"),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would ask and cost.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Have a judge grade a round, or outputs; what it has answered before is not paid again.

    With --again it is asked afresh about the round's anchors: the new answers count in that round,
    the earlier ones are kept and count where they were given, and `annotate drift` tells whether
    the judge has moved within its version.

    Example: annotate judge run strict --round May --budget 2.50
    """
    from annotate.cli import console
    from annotate.design import Filters
    from annotate.errors import BadInput
    from annotate.judge import budget as budgets
    from annotate.judge import judges
    from annotate.judge import run as runs
    from annotate.rounds import get_round

    chosen = bool(segment or configuration or since or until)
    if round_ is not None and chosen:
        raise BadInput("--round and a choice of outputs exclude each other; give one of them")
    if all_ and (round_ is not None or chosen):
        raise BadInput("--all leaves nothing to choose; leave it out, or the choice")
    if not (all_ or chosen or again or round_ is not None):
        raise BadInput(
            "nothing says what to judge; give --round ROUND, choose outputs (--segment, "
            "--configuration, --since, --until), or --all"
        )
    database = console.database()
    with database.write() as session:
        judge = judges.get_judge(session, name, by=None)
        planned = runs.plan_run(
            session,
            judge,
            round_=None if round_ is None else get_round(session, round_),
            filters=Filters(
                segments=tuple(segment or ()),
                configurations=tuple(configuration or ()),
                since=since,
                until=until,
            ),
            budget_usd=budget,
            budget_tokens=budget_tokens,
            again=again,
            by=None,
        )
        expected = budgets.expectation(session, planned, judge)
        run_id = planned.id
        if dry_run:
            session.rollback()
    assert run_id is not None
    cost = "unknown" if expected.usd is None else f"about {expected.usd:.4f} USD"
    left = expected.tasks - expected.cached
    told = f"{left} questions to ask, {expected.cached} answered before; about {expected.tokens:,} tokens, cost {cost}."
    if dry_run:
        if json:
            console.show_json({"questions": left, "cached": expected.cached,
                               "tokens": expected.tokens, "usd": expected.usd})  # fmt: skip
        else:
            console.note(told)
        return
    console.note(f"Run {run_id}: {told}")
    _work(run_id, judge, json)


def resume(
    run_: RunNumber,
    budget: Annotated[float | None, typer.Option("--budget", help="A new budget in USD.")] = None,
    budget_tokens: Annotated[
        int | None, typer.Option("--budget-tokens", help="A new budget in tokens.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Go on with a run that was paused, killed, aborted, or out of budget.

    Example: annotate judge resume 3 --budget 5
    """
    from annotate.cli import console
    from annotate.judge import judges
    from annotate.judge import run as runs
    from db.tables import Rater

    with console.database().write() as session:
        found = runs.get_run(session, run_, by=None)
        judge = judges.get_judge(session, session.get_one(Rater, found.rater_id).name, by=None)
        if budget is not None or budget_tokens is not None:
            runs.raise_budget(session, run_, judge, usd=budget, tokens=budget_tokens, by=None)
    _work(run_, judge, json)


def runs(json: AsJson = False) -> None:
    """Every run, newest first.

    Example: annotate judge runs
    """
    from collections import Counter

    from annotate.cli import console
    from annotate.judge import judges, prices
    from annotate.judge import run as runs_

    with console.database().read() as session:
        found = runs_.list_runs(session, by=None)
        priced = {
            name: prices.source(judges.get_judge(session, name, by=None).spec) is not None
            for name in {name for _, name in found}
        }
        rows = [_told(one, name, priced=priced[name]) for one, name in found]
        notes = [
            f"its process has died: annotate judge resume {one.id}"
            if one.state == "running" and not runs_.is_alive(one)
            else one.note or ""
            for one, _ in found
        ]
        scopes = [runs_.scope_in_words(one) for one, _ in found]
        missing = Counter(m.run for m in runs_.missing(session, [one for one, _ in found]))
        questions = [_questions(one, missing[one.id or 0]) for one, _ in found]
    if json:
        console.show_json({"rows": rows})
        return
    if not rows:
        console.note("No judge has been run yet: annotate judge run JUDGE --round ROUND")
        return
    console.show_table(
        [[str(r["run"]), r["judge"], scope, r["state"], asked, _usd(r["cost_usd"]), note]
         for r, scope, asked, note in zip(rows, scopes, questions, notes, strict=True)],
        ["run", "judge", "scope", "state", "questions", "cost", "note"],
    )  # fmt: skip


def pause(run_: RunNumber) -> None:
    """Ask nothing more for now; what is asked already is stored.

    Example: annotate judge pause 3
    """
    _say(run_, "pause")


def cancel(run_: RunNumber) -> None:
    """End a run for good; what is stored stays.

    Example: annotate judge cancel 3
    """
    _say(run_, "cancel")


def failures(run_: RunNumber, json: AsJson = False) -> None:
    """What has no verdict, and why: refused, cut off, filtered, invalid, failed. Exit code 1 if any.

    Example: annotate judge failures 3
    """
    from annotate.cli import console
    from annotate.judge import run as runs_

    with console.database().read() as session:
        found = runs_.missing(session, [runs_.get_run(session, run_, by=None)])
    rows = [
        {
            "output": one.output,
            "criterion": one.criterion,
            "sample": one.sample,
            "status": one.status,
            "problem": one.problem,
            "attempts": one.attempts,
        }
        for one in found
    ]
    if json:
        console.show_json({"run": run_, "rows": rows})
    elif not rows:
        console.note(f"Nothing of run {run_} has ended without a verdict.")
    else:
        console.show_table(
            [[one.output, one.criterion, one.status, one.problem or ""] for one in found],
            ["output", "criterion", "status", "problem"],
        )
    if rows:
        raise typer.Exit(1)


def retry(run_: RunNumber) -> None:
    """Put what has no verdict back into the queue; `resume` asks it.

    Example: annotate judge retry 3 && annotate judge resume 3
    """
    from annotate.cli import console
    from annotate.judge import run as runs_

    with console.database().write() as session:
        count = runs_.retry(session, run_, by=None)
    console.note(f"{count} questions will be asked again: annotate judge resume {run_}")


def _work(run_id: int, judge: "Judge", json: bool) -> None:
    """Work off a run in this process, and say how it ended."""
    import signal
    import threading
    from contextlib import suppress

    from sqlalchemy.exc import DBAPIError

    from annotate.cli import console
    from annotate.judge import prices, worker
    from annotate.judge import run as runs_
    from db.engine import DatabaseError

    database = console.database()
    with database.write() as session:
        runs_.start(session, run_id, by=None)

    told, over = threading.Event(), threading.Event()

    def pause() -> None:
        # A database that refuses it now takes it soon: nobody says a second time to stop.
        while not over.is_set():
            with suppress(DatabaseError, DBAPIError), database.write() as session:
                if runs_.get_run(session, run_id, by=None).state == "running":
                    runs_.pause(session, run_id, by=None)
                return
            over.wait(1)

    def stop(*_: Any) -> None:
        # A signal may come twice, and in the middle of the first one's handling: here nothing is
        # done that could wait for itself.
        if not told.is_set():
            told.set()
            threading.Thread(target=pause).start()
            # Nobody may be listening any more.
            with suppress(OSError):
                console.note("Stopping: what has been asked is waited for, and stored.")

    before = signal.signal(signal.SIGTERM, stop), signal.signal(signal.SIGINT, stop)
    try:
        ended = worker.work(database, run_id, judge, told=_progress(database))
    finally:
        over.set()
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    said = _told(ended, judge.rater.name, priced=prices.source(judge.spec) is not None)
    if json:
        console.show_json(said)
    with database.read() as session:
        bad = len(runs_.missing(session, [ended]))
        abstained = runs_.abstentions(session, [ended]).get(run_id, 0)
    cannot = f" ({abstained} of them with “cannot judge”)" if abstained else ""
    console.note(
        f"Run {run_id} is {ended.state}: {runs_.answered(ended, bad)} of "
        f"{sum(ended.counts.values())} answered{cannot}, "
        f"cost {_usd(said['cost_usd'])}." + (f" {ended.note}" if ended.note else "")
    )
    if bad:
        console.note(f"{bad} have no verdict: annotate judge failures {run_id}")
    if ended.state != "done":
        raise typer.Exit(3)
    if bad:
        raise typer.Exit(1)


def _progress(database: "Database") -> Any:
    """A line that counts, where somebody watches."""
    import sys
    import time
    from contextlib import suppress

    from sqlalchemy.exc import DBAPIError

    from annotate.judge import run as runs_
    from annotate.progress import in_minutes
    from db.engine import DatabaseError

    if not sys.stderr.isatty():
        return None
    said = 0.0

    def told(run: "JudgeRun") -> None:
        nonlocal said
        if time.monotonic() - said < 1:
            return
        said = time.monotonic()
        left = None
        # What only counts may not end the run.
        with suppress(DatabaseError, DBAPIError), database.read() as session:
            left = runs_.remaining(session, run)
        line = f"{runs_.ended(run)} of {sum(run.counts.values())}, {run.cost_usd:.4f} USD"
        if left is not None:
            line += f", about {in_minutes(left.total_seconds())} left"
        sys.stderr.write(f"\r{line:<60} ")
        sys.stderr.flush()

    return told


def _say(run_id: int, what: str) -> None:
    from annotate.cli import console
    from annotate.judge import run as runs_

    with console.database().write() as session:
        found = (runs_.pause if what == "pause" else runs_.cancel)(session, run_id, by=None)
        state = found.state
    console.note(f"Run {run_id} is {state}.")


def _usd(cost: float | None) -> str:
    return "unknown" if cost is None else f"{cost:.4f} USD"


def _told(run: "JudgeRun", judge: str, *, priced: bool) -> dict[str, Any]:
    """priced: whether what it costs is known at all."""
    return {
        "run": run.id,
        "judge": judge,
        "scope": run.scope,
        "state": run.state,
        "counts": run.counts,
        "tokens": run.tokens,
        "cost_usd": run.cost_usd if priced or run.cost_usd else None,
        "budget_usd": run.budget_usd,
        "budget_tokens": run.budget_tokens,
        "note": run.note,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
    }


def _questions(run: "JudgeRun", without: int) -> str:
    from annotate.judge.run import answered

    said = f"{answered(run, without)} of {sum(run.counts.values())} answered"
    return f"{said}, {without} without a verdict" if without else said


COMMANDS = (run, resume, runs, pause, cancel, failures, retry)
