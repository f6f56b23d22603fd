"""The page of judges: which there are, and what they are asked, beside the rater's form."""

from typing import Any

import streamlit as st

from annotate import rubric_file
from annotate.criterion import Criterion
from annotate.judge import decisions, judges, prompt, provenance, spec
from annotate.judge.judges import Judge
from annotate.ui import form, messages, session
from annotate.ui.form import Form
from db.tables import Rater, now

TEMPLATE = """\
name: strict
engine: chat              # chat, decisions (OpenAI's scoring endpoint) or lexical (no key needed)
model: gpt-6.1-terra
# base_url: http://localhost:8092/v1    # any server that speaks OpenAI's protocol
rubric: rag-answer
criteria: [faithfulness]  # leave out for all
"""
BASELINE = "name: word-overlap\nengine: lexical\nrubric: rag-answer\nneeds: [response, contexts]\n"
_ADDED, _OPENED = "judge_added", "judge_opened"


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
    if st.button("Add the judge", type="primary", key="judge_add"):
        with messages.shown_errors():
            if file is None:
                _add(text, "judge.yaml")
            else:
                _add(rubric_file.decoded(file.getvalue(), file.name), file.name)
    if told := st.session_state.pop(_ADDED, None):
        st.success(messages.as_plain_text(told))


def _add(said: str, source: str) -> None:
    """Add what the file says, and draw the page anew: what stands above shows it too."""
    with session.lead_writes() as (db, lead):
        one = spec.parse(said, source)
        before = {rater.name for rater in judges.versions(db, one.name)}
        name = judges.add_judge(db, one, by=lead).rater.name
    st.session_state[_ADDED] = (
        f"{name} is in the workspace already: nothing that can change an answer differs."
        if name in before
        else f"{name} was added. It is a rater of its own."
    )
    st.session_state[_OPENED] = name
    st.rerun()


def chosen_judge() -> Judge | None:
    """A select box of judges, newest version first; says what to do where there is none."""
    with session.lead_reads() as (db, lead):
        known = [rater.name for rater in judges.list_judges(db, by=lead)][::-1]
        imported = judges.list_imported(db, by=lead)
    if not known:
        others = ", ".join(rater.name for rater in imported)
        st.info(
            messages.as_plain_text(
                "No judge to run yet. Add one below: a model behind an API key, one on this "
                "machine, or the word-overlap baseline, which needs neither."
                + (
                    f" The imported scores of {others} stand on Calibration and Drift already."
                    if imported
                    else ""
                )
            )
        )
        return None
    if added := st.session_state.pop(_OPENED, None):
        st.session_state["judge_name"] = added
    name = st.selectbox("Judge", known, key="judge_name", width=420)
    with session.lead_reads() as (db, lead):
        return judges.get_judge(db, name, by=lead)


def show_warnings(judge: Judge) -> None:
    """That another model answers for it by now, or that its model will be switched off."""
    with session.lead_reads() as (db, _):
        answered = provenance.answered_by(db, judge.rater)
        off = provenance.shutdown_of(db, judge.rater)
    for warning in provenance.warnings(answered, off, now().date()):
        st.warning(messages.as_plain_text(warning))
    if judge.outdated:
        st.warning(messages.as_plain_text(f"{judge.in_other_words}."))


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
        _show_asked(judge, one)


def _show_asked(judge: Judge, one: Criterion) -> None:
    """All that is sent before what is judged; outputs among it are text, and stay it."""
    if judge.spec.engine == "decisions":
        st.json(decisions.questions(judge.rubric, one))
        return
    critique, shots = judge.spec.critique, judge.shots.get(one.id, ())
    first, *examples, last = prompt.messages(
        judge.rubric, one, dict.fromkeys(judge.spec.sees, "..."), tag="TAG", shots=shots,
        critique=critique,
    )  # fmt: skip
    st.text(first["content"])
    if examples:
        with st.expander(f"{len(shots)} examples from the shot split"):
            for message in examples:
                st.text(f"{message['role']}: {message['content']}")
    with st.expander("How it is given what it judges"):
        st.caption("As data, behind a tag that is made up for each request.")
        st.text(last["content"])
    with st.expander("The schema of its answer"):
        st.json(prompt.schema(one, critique=critique))


def table_of(rows: list[Rater]) -> list[dict[str, Any]]:
    """Judges as a table."""
    return [
        {
            "judge": rater.name,
            "engine": said["spec"].get("engine"),
            "model": said["spec"].get("model") or "",
            "rubric": said["rubric"],
            "version": said["version"],
        }
        for rater in rows
        if (said := rater.identity or {})
    ]
