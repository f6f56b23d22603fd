"""The page of judges: what they are asked, beside the rater's form, and their runs."""

from datetime import timedelta
from typing import Any

import streamlit as st

from annotate import rounds
from annotate.errors import BadInput
from annotate.judge import budget, judges, prices, process, prompt, provenance, run, spec
from annotate.judge.judges import Judge
from annotate.ui import form, messages, session
from annotate.ui.form import Form
from annotate.ui.rating import in_minutes
from db.tables import JudgeRun, Rater, now

TEMPLATE = """\
name: strict
engine: chat              # chat, decisions (OpenAI's scoring endpoint) or lexical (no key needed)
model: gpt-6.1-terra
# base_url: http://localhost:8092/v1    # any server that speaks OpenAI's protocol
rubric: rag-answer
criteria: [faithfulness]  # leave out for all
"""
BASELINE = "name: word-overlap\nengine: lexical\nrubric: rag-answer\nneeds: [response, contexts]\n"
SHOWN = 10
"""Runs on the page, the newest."""


def show_adding() -> None:
    """A judge's file, uploaded or written here."""
    file = st.file_uploader("judge.yaml", type=["yaml", "yml"], key="judge_file")
    start = st.segmented_control(
        "Begin with", ["A model", "The word-overlap baseline"], default="A model", key="judge_begin"
    )
    text = st.text_area(
        "Or write it here",
        BASELINE if start == "The word-overlap baseline" else TEMPLATE,
        height=200,
        key=f"judge_text_{start}",
    )
    if not st.button("Add the judge", type="primary", key="judge_add"):
        return
    with messages.shown_errors(), session.lead_writes() as (db, lead):
        said = text if file is None else file.getvalue().decode("utf-8-sig", "replace")
        one = spec.parse(said, "judge.yaml" if file is None else file.name)
        before = {rater.name for rater in judges.versions(db, one.name)}
        judge = judges.add_judge(db, one, by=lead)
        name = judge.rater.name
        known = name in before
    st.success(
        messages.as_plain_text(
            f"{name} is in the workspace already: nothing that can change an answer differs."
            if known
            else f"{name} was added. It is a rater of its own."
        )
    )


def chosen_judge() -> Judge | None:
    """A select box of judges, newest version first; says what to do where there is none."""
    with session.lead_reads() as (db, lead):
        known = [rater.name for rater in judges.list_judges(db, by=lead)]
    if not known:
        st.info(
            "No judge yet. Add one below: a model behind an API key, one on this machine, or the "
            "word-overlap baseline, which needs neither."
        )
        return None
    name = st.selectbox("Judge", known[::-1], key="judge_name", width=420)
    with session.lead_reads() as (db, lead):
        return judges.get_judge(db, name, by=lead)


def show_warnings(judge: Judge) -> None:
    """That another model answers for it by now, or that its model will be switched off."""
    with session.lead_reads() as (db, _):
        answered = provenance.answered_by(db, judge.rater)
        off = provenance.shutdown_of(db, judge.rater)
    for warning in provenance.warnings(answered, off, now().date()):
        st.warning(messages.as_plain_text(warning))


def show_question(judge: Judge) -> None:
    """One criterion as raters have it and as the judge is asked it: the same words."""
    if judge.spec.engine == "lexical":
        st.caption(
            "Word-overlap baseline: the share of the response's word pairs that stand in the "
            "contexts. It is blind to paraphrase, negation and changed numbers: the floor that a "
            "judge must beat, and never a gate."
        )
        return
    criterion = st.segmented_control(
        "Criterion",
        [one.id for one in judge.criteria],
        default=judge.criteria[0].id,
        key="judge_criterion",
        required=True,
    )
    one = judge.rubric.criterion(criterion or judge.criteria[0].id)
    raters, model = st.columns(2, gap="large")
    with raters:
        st.subheader("What raters see")
        alone = one.model_copy(update={"show_if": None})
        form.draw(Form(0, judge.rubric.model_copy(update={"criteria": (alone,)}), [], ""))
    with model:
        st.subheader("What the judge is asked")
        st.text(prompt.system(judge.rubric, one, critique=judge.spec.critique))
        with st.expander("The schema of its answer"):
            st.json(prompt.schema(one, critique=judge.spec.critique))


def show_running(judge: Judge) -> None:
    """Choose what it is to grade, see what that would cost, and start."""
    with session.lead_reads() as (db, lead):
        known = [r.name for r in rounds.list_rounds(db, by=lead) if not r.design.get("compares")]
    if not known:
        st.info("There is no round to judge yet. Launch one on the page Rounds.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Round", known, key="judge_round", width=320)
        priced = prices.source(judge.spec) is not None and judge.spec.engine != "lexical"
        limit = st.number_input(
            "Budget in USD" if priced else "Budget in tokens",
            min_value=0.0 if priced else 0,
            value=None,
            key=f"judge_budget_{priced}",
            placeholder="none",
            width=200,
            disabled=judge.spec.engine == "lexical",
        )
        started = st.button("Start", type="primary", key="judge_start")
    if not priced and judge.spec.engine != "lexical":
        st.caption(
            f"The price of {messages.as_plain_text(str(judge.spec.model))} is not known, so no cost "
            "is shown. `prices: {input: ..., output: ...}` in the judge's file says it."
        )
    if not started:
        return
    with messages.shown_errors():
        with session.lead_writes() as (db, lead):
            planned = run.plan_run(
                db,
                judge,
                round_=rounds.get_round(db, name),
                budget_usd=float(limit) if priced and limit else None,
                budget_tokens=int(limit) if not priced and limit else None,
                by=lead,
            )
            run_id = planned.id
        if run_id is None:
            raise BadInput("the run was not planned; try again")
        process.launch(run_id)
        st.toast(f"Run {run_id} is started.")


@st.fragment(run_every=timedelta(seconds=2))
def show_runs() -> None:
    """Every run as it stands; the page only reads."""
    messages.show_kept()
    with session.lead_reads() as (db, lead):
        found = run.list_runs(db, by=lead)[:SHOWN]
        missing = run.missing(db, [one for one, _ in found])
    if not found:
        st.caption("No run yet.")
    for one, judge in found:
        with st.container(border=True, key=f"judge-run-{one.id}"):
            _show_run(one, judge, [m for m in missing if m.run == one.id])


def _show_run(one: JudgeRun, judge: str, without: list[run.Missing]) -> None:
    done, total = one.counts.get("done", 0), sum(one.counts.values())
    failed = one.counts.get("failed", 0)
    scope = one.scope.get("round") or "outputs"
    words = f"Run {one.id}: {judge} on {scope} · {one.state.replace('_', ' ')}"
    figures = [f"{done + failed - len(without)} of {total} answered"]
    figures.append(f"{budget.used(one):,} tokens")
    if one.cost_usd:
        figures.append(f"{one.cost_usd:.4f} USD")
    left = run.remaining(one)
    if left is not None:
        figures.append(f"about {in_minutes(left.total_seconds())} left")
    st.progress(
        (done + failed) / max(1, total),
        text=messages.as_plain_text(f"{words} · {' · '.join(figures)}"),
    )
    if one.state == "running" and not run.is_alive(one):
        st.caption("Its process has died. What it had stored is kept; go on from there.")
    if one.note:
        st.caption(messages.as_plain_text(one.note))
    with st.container(horizontal=True, gap="small"):
        if one.state == "running" and run.is_alive(one):
            _button("Pause", "pause", one)
        elif one.state in run.OPEN:
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
                )
                _button("Ask these again", "retry", one)


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
                case _:
                    run.check_start(db, run_id, by=lead)
        if what in ("resume", "retry"):
            process.launch(run_id)


def table_of(rows: list[Rater]) -> list[dict[str, Any]]:
    """Judges as a table."""
    return [
        {
            "judge": rater.name,
            "engine": said["spec"].get("engine"),
            "model": said["spec"].get("model"),
            "rubric": said["rubric"],
            "version": said["version"],
        }
        for rater in rows
        if (said := rater.identity or {})
    ]
