"""Runs of a judge on their page: what it is to grade and would cost, and each run as it stands."""

from dataclasses import dataclass
from datetime import timedelta

import streamlit as st
from sqlmodel import Session

from annotate import outputs, rounds
from annotate.design import Filters
from annotate.errors import BadInput
from annotate.judge import budget, judges, prices, process, run
from annotate.judge.judges import Judge
from annotate.progress import in_minutes
from annotate.ui import messages, session
from db.tables import JudgeRun, Rater, now

SHOWN = 10
"""Runs on the page, the newest."""
READ = 20.0
"""Seconds that a refusal stands, though the runs are drawn anew all the time."""
ROUND, OUTPUTS = "A round", "Outputs"
LIMITS = ("usd", "tokens")
STARTS = timedelta(minutes=1)
"""How long a process may take to start."""


@dataclass(frozen=True)
class _Scope:
    """What a run is to grade: the units of a round, or outputs."""

    round_: str | None
    filters: Filters

    def plan(self, db: Session, judge: Judge, by: Rater, **budgets: float | None) -> JudgeRun:
        usd, tokens = budgets.get("usd"), budgets.get("tokens")
        return run.plan_run(
            db,
            judge,
            round_=None if self.round_ is None else rounds.get_round(db, self.round_),
            filters=self.filters,
            budget_usd=usd,
            budget_tokens=None if tokens is None else int(tokens),
            by=by,
        )


def show_starting(judge: Judge) -> None:
    """Choose what it is to grade, see what that would cost, and start."""
    scope = _scope()
    if scope is None:
        return
    asks = judge.spec.engine != "lexical"
    priced = asks and prices.source(judge.spec) is not None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        limit = _budget(priced, key=f"judge_budget_{priced}", disabled=not asks)
        tried = st.button("What would it cost?", key="judge_try", disabled=not asks)
        started = st.button("Start", type="primary", key="judge_start")
    if asks and not priced:
        st.caption(
            f"The price of {messages.as_plain_text(str(judge.spec.model))} is not known, so no cost "
            "is shown. `prices: {input: ..., output: ...}` in the judge's file says it."
        )
    budgets = {"usd" if priced else "tokens": limit}
    with messages.shown_errors():
        if tried:
            _foretell(judge, scope)
        if started:
            with session.lead_writes() as (db, lead):
                planned = scope.plan(db, judge, lead, **budgets)
                run_id = run.check_start(db, planned.id or 0, by=lead).id
            assert run_id is not None
            _launch(run_id)
            st.toast(f"Run {run_id} is started.")


def _scope() -> _Scope | None:
    """The choice; None, with what to do, where there is nothing to grade."""
    with session.lead_reads() as (db, lead):
        known = [r.name for r in rounds.list_rounds(db, by=lead) if not r.design.get("compares")]
        segments = list(outputs.segments(db, by=lead))
        configurations = list(outputs.configurations(db, by=lead))
    if not segments:
        st.info("There is nothing to judge yet. Import outputs on the page Outputs.")
        return None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        what = st.segmented_control(
            "Grade",
            [ROUND, OUTPUTS] if known else [OUTPUTS],
            default=ROUND if known else OUTPUTS,
            key="judge_scope",
            required=True,
        )
        if what == ROUND:
            name = st.selectbox("Round", known, key="judge_round", width=320)
            return _Scope(name, Filters())
        among = st.multiselect(
            "Segments", segments, key="judge_segments", placeholder="all", width=240, wrap=True
        )
        of = st.multiselect(
            "Configurations",
            configurations,
            key="judge_configurations",
            placeholder="all",
            width=240,
            wrap=True,
        )
    return _Scope(None, Filters(segments=tuple(among), configurations=tuple(of)))


def _budget(priced: bool, *, key: str, disabled: bool = False) -> float | None:
    return st.number_input(
        "Budget in USD" if priced else "Budget in tokens",
        min_value=0.0 if priced else 0,
        value=None,
        key=key,
        placeholder="none",
        width=200,
        disabled=disabled,
    )


def _foretell(judge: Judge, scope: _Scope) -> None:
    """What the run would ask and cost, without asking anything."""
    with session.lead_writes() as (db, lead):
        expected = budget.expectation(db, scope.plan(db, judge, lead), judge)
        db.rollback()
    cost = "" if expected.usd is None else f", about {expected.usd:.4f} USD"
    st.info(
        f"{expected.tasks - expected.cached:,} questions to ask, {expected.cached:,} answered "
        f"before; about {expected.tokens:,} tokens{cost}."
    )


@st.fragment(run_every=timedelta(seconds=2))
def show_runs() -> None:
    """Every run as it stands; the page only reads."""
    messages.show_kept(seconds=READ)
    with session.lead_reads() as (db, lead):
        found = run.list_runs(db, by=lead)[:SHOWN]
        missing = run.missing(db, [one for one, _ in found])
        abstained = run.abstentions(db, [one for one, _ in found])
        for one, _ in found:
            if one.state == "running" and not run.is_alive(one):
                # What a process that died had stored it could not count any more.
                db.expunge(one)
                one.counts = run.counted(db, one)
        left = {one.id: run.remaining(db, one) for one, _ in found}
    if not found:
        st.caption("No run yet.")
    for one, judge in found:
        with st.container(border=True, key=f"judge-run-{one.id}"):
            without = [m for m in missing if m.run == one.id]
            _show_run(one, judge, without, abstained.get(one.id or 0, 0), left[one.id])


def _show_run(
    one: JudgeRun, judge: str, without: list[run.Missing], abstained: int, left: timedelta | None
) -> None:
    total, answered = sum(one.counts.values()), run.answered(one, len(without))
    words = f"Run {one.id}: {judge} on {run.scope_in_words(one)} · {one.state.replace('_', ' ')}"
    figures = [f"{answered} of {total} answered"]
    if abstained:
        figures[0] += f", {abstained} of them with “cannot judge”"
    figures.append(f"{budget.used(one):,} tokens")
    if one.cost_usd:
        figures.append(f"{one.cost_usd:.4f} USD")
    if left is not None:
        figures.append(f"about {in_minutes(left.total_seconds())} left")
    st.progress(
        answered / max(1, total),
        text=messages.as_plain_text(f"{words} · {' · '.join(figures)}"),
    )
    alive = run.is_alive(one)
    starting = not alive and _is_starting(one)
    if starting:
        st.caption("Its process is starting.")
    elif alive and one.state == "running" and not budget.used(one):
        st.caption("Its process waits for the first answer.")
    elif one.state == "running" and not alive:
        st.caption("Its process has died. What it had stored is kept; go on from there.")
    elif one.state == "planned" and one.beat_at is None and now() - one.started_at > STARTS:
        st.caption("Its process did not start; the server's log says why. Go on to try again.")
    if one.note:
        st.caption(messages.as_plain_text(one.note))
    with st.container(horizontal=True, gap="small"):
        if one.state == "running" and alive:
            _button("Pause", "pause", one)
        elif (budget.spent(one) or one.state == "budget_exceeded") and not starting:
            _show_raising(one)
        elif one.state in run.OPEN and not starting:
            _button("Go on", "resume", one)
        if one.state in run.OPEN:
            _button("Cancel", "cancel", one)
        if without:
            with st.popover(f"{len(without)} without a verdict", key=f"judge-failures-{one.id}"):
                st.dataframe(
                    [
                        {
                            "output": m.output,
                            "criterion": m.criterion,
                            "status": m.status,
                            "problem": m.problem,
                        }
                        for m in without
                    ],
                    hide_index=True,
                    width=640,
                )
                _button("Ask these again", "retry", one)


def _show_raising(one: JudgeRun) -> None:
    """A run that has met its budget goes on with another."""
    with st.popover("Raise the budget", key=f"judge-raising-{one.id}"):
        if one.budget_usd is not None:
            _budget(True, key=f"judge_raised_usd_{one.id}")
        if one.budget_tokens is not None:
            _budget(False, key=f"judge_raised_tokens_{one.id}")
        _button("Go on with it", "raise", one)


def _button(label: str, what: str, one: JudgeRun) -> None:
    st.button(label, key=f"judge-{what}-{one.id}", on_click=_step, args=(what, one.id))


def _step(what: str, run_id: int) -> None:
    with messages.kept_errors():
        with session.lead_writes() as (db, lead):
            match what:
                case "pause":
                    run.pause(db, run_id, by=lead)
                case "cancel":
                    run.cancel(db, run_id, by=lead)
                case "retry":
                    run.retry(db, run_id, by=lead)
                    run.check_start(db, run_id, by=lead)
                case "raise":
                    _raise(db, run_id, lead)
                    run.check_start(db, run_id, by=lead)
                case _:
                    run.check_start(db, run_id, by=lead)
        if what in ("resume", "retry", "raise"):
            _launch(run_id)


def _launch(run_id: int) -> None:
    process.launch(run_id)
    st.session_state[_launched_key(run_id)] = now()


def _is_starting(one: JudgeRun) -> bool:
    """Whether its process was started just now, and has not been heard of."""
    launched = st.session_state.get(_launched_key(one.id or 0))
    if launched is None or one.state not in run.OPEN or now() - launched > STARTS:
        return False
    return one.ended_at is None or one.ended_at < launched


def _launched_key(run_id: int) -> str:
    return f"judge_launched_{run_id}"


def _raise(db: Session, run_id: int, lead: Rater) -> None:
    usd, tokens = (st.session_state.get(f"judge_raised_{what}_{run_id}") for what in LIMITS)
    if not usd and not tokens:
        raise BadInput("no budget is given; write the new one, in all, and go on")
    one = run.get_run(db, run_id, by=lead)
    judge = judges.get_judge(db, db.get_one(Rater, one.rater_id).name, by=lead)
    tokens = None if not tokens else int(tokens)
    run.raise_budget(db, run_id, judge, usd=usd or None, tokens=tokens, by=lead)
