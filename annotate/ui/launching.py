"""What launching a round draws: the design, the sample that it would draw, and the launch."""

from datetime import UTC, datetime, time
from typing import Any

import streamlit as st

from annotate import outputs, people, rounds, rubric, rubric_file, rubric_versions
from annotate.design import Blind, Parameters, checked
from annotate.errors import Conflict
from annotate.planned import Plan
from annotate.reports.outlook import outlook
from annotate.settings import get_settings
from annotate.ui import frozen_design, messages, session
from db.tables import Rater, Round

PREVIEW = "launch_preview"
ADDED = "rubric_added"
NONE = "None"
HIDEABLE = tuple(Blind.model_fields)
RATE, COMPARE, PRACTISE, NORM = "Rate outputs", "Compare pairs", "Practise", "Norm"
KINDS = {
    RATE: "Outputs one by one, to calibrate judges and make gold.",
    COMPARE: "Two configurations' outputs of one case side by side, in an order that is each "
    "rater's own. The rubric needs a preference; `pairwise` is one.",
    PRACTISE: "Cases with gold, the same for every rater, with the known answer after each. "
    "Units and raters count; sampling and anchors do not.",
    NORM: "What a closed round's raters disagreed about: each sees how all voted blind, you talk "
    "it over, and all vote again.",
}
KINDS_HELP = " ".join(f"{name}: {words}" for name, words in KINDS.items())


def show() -> None:
    """The whole of launching, from the rubric to the frozen round."""
    with session.lead_reads() as (db, lead):
        sizes = outputs.segments(db, by=lead)
        configurations = outputs.configurations(db, by=lead)
        stored = [f"{r.name}@{r.version}" for r in rubric_versions.list_rubrics(db, by=lead)]
        raters = [r for r in people.list_raters(db, "human", by=lead) if r.revoked_at is None]
        judges = [r.name for r in people.list_raters(db, by=lead) if r.kind != "human"]
        known = rounds.list_rounds(db, by=lead)
    if not sizes:
        st.info("A round draws from outputs, and there are none yet. Import some first.")
        st.page_link("../pages/outputs.py", label="Import outputs", icon=":material/inbox:")
        return
    _add_rubric()
    kind = st.segmented_control(
        "Kind of round", list(KINDS), default=RATE, key="launch_kind", help=KINDS_HELP
    )
    if kind is not None and kind != RATE:
        st.caption(KINDS[kind])
    fields = _design(sizes, list(configurations), stored, raters, judges, known)
    fields |= _kind_fields(kind or RATE, list(configurations), known)
    if st.button("Preview the sample", type="secondary"):
        st.session_state.pop(PREVIEW, None)
        design = checked(**fields)
        with st.spinner("Drawing the sample"), session.database().read() as db:
            plan = rounds.plan_round(db, design, by=lead)
            hash_ = rounds.planned_document(plan)["hash"]
        st.session_state[PREVIEW] = (fields, hash_)
        _show_plan(plan, hash_)
    elif PREVIEW in st.session_state and st.session_state[PREVIEW][0] == fields:
        with session.database().read() as db:
            plan = rounds.plan_round(db, checked(**fields), by=lead)
        _show_plan(plan, st.session_state[PREVIEW][1])
    else:
        st.caption("Preview the sample; then it can be launched.")
        return
    st.write("Launching freezes all of this. The round can be closed later, never edited.")
    if st.button("Launch", type="primary"):
        _launch(fields, st.session_state[PREVIEW][1])


def _launch(fields: dict[str, Any], seen: str) -> None:
    """Launch what was previewed, and nothing else."""
    with session.lead_writes() as (db, lead):
        plan = rounds.plan_round(db, checked(**fields), by=lead)
        if rounds.planned_document(plan)["hash"] != seen:
            del st.session_state[PREVIEW]
            raise Conflict(
                "the outputs, anchors or rubric changed since the preview, so nothing was "
                "launched; preview the sample again"
            )
        name = rounds.launch_plan(db, plan, by=lead).name
    del st.session_state[PREVIEW]
    st.session_state["round_launched"] = name
    st.rerun()


def _add_rubric() -> None:
    if added := st.session_state.pop(ADDED, None):
        st.success(messages.as_plain_text(f"{added} is in the workspace and chosen below."))
    with st.expander("Add a rubric of your own"):
        file = st.file_uploader("Rubric file (YAML)", type=["yaml", "yml"], key="rubric_file")
        if file is not None and st.button("Add this rubric"):
            with session.lead_writes() as (db, lead):
                text = rubric_file.decoded(file.getvalue(), file.name)
                row = rubric_versions.add_rubric(db, text, source_name=file.name, by=lead)
                said = f"{row.name}@{row.version}"
            st.session_state[ADDED] = st.session_state["launch_rubric"] = said
            st.rerun()


def _design(
    sizes: dict[str, int],
    configurations: list[str],
    stored: list[str],
    raters: list[Rater],
    judges: list[str],
    known: list[Round],
) -> dict[str, Any]:
    """The form; what it says as a design's fields."""
    names = [r.name for r in known]
    rubrics = stored + [n for n in rubric.builtin_names() if not any(
        s.startswith(f"{n}@") for s in stored
    )]  # fmt: skip
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("What is rated")
        name = st.text_input("Name of the round", key="launch_name", placeholder="2026-q4")
        chosen = st.selectbox("Rubric", rubrics, key="launch_rubric")
        _show_rubric(chosen)
        units = st.number_input(
            "Units to draw", min_value=1, value=min(60, sum(sizes.values())), key="launch_units"
        )
        by = st.checkbox("Draw by segment", value=True, key="launch_by")
        allocate = st.selectbox(
            "Allocation",
            ("proportional", "equal", "neyman"),
            key="launch_allocate",
            help="Neyman draws more where past ratings varied more; it needs an earlier round",
        )
        old = st.selectbox(
            "Anchors of an earlier round, rated again", [NONE, *names], key="launch_anchors_from"
        )
        anchors = 0
        if old == NONE:
            anchors = st.number_input(
                "Units to keep as anchors",
                min_value=0,
                value=0,
                key="launch_anchors",
                help="Rated again in later rounds, to tell who moved; 20 to 50 are usual",
            )
        repeats = st.number_input(
            "Units shown twice", min_value=0, value=0, key="launch_repeats",
            help="To the same rater, unannounced: how consistent is each with themselves?",
        )  # fmt: skip
    with right:
        st.subheader("Who rates it, seeing what")
        panel = st.multiselect("Raters", [r.name for r in raters], key="launch_raters")
        if not raters:
            st.page_link("../pages/people.py", label="Add raters", icon=":material/group:")
        overlap = st.number_input(
            "Raters of each unit (overlap)", min_value=1, max_value=50, value=3,
            key="launch_overlap",
        )  # fmt: skip
        judged = st.multiselect("Judges to calibrate", judges, key="launch_judges")
        baseline = st.selectbox(
            "Baseline round", [NONE, *names], key="launch_baseline",
            help="Drift is measured from it; with anchors of an earlier round it is that round",
        )  # fmt: skip
        shown = st.multiselect(
            "Raters see, beside input, contexts and response",
            HIDEABLE,
            default=["reference"],
            key="launch_shown",
            help="A judge's score and other raters' values are never shown",
        )
        seed = st.text_input("Seed", value="1", key="launch_seed",
                             help="The same seed and outputs draw the same sample anywhere")  # fmt: skip
    with st.expander("Which outputs, and more of some"):
        first, second = st.columns(2)
        segments = first.multiselect("Only these segments", list(sizes), key="launch_segments")
        only = second.multiselect(
            "Only these configurations", configurations, key="launch_configurations"
        )
        since = first.date_input("From this day on (UTC)", value=None, key="launch_since")
        until = second.date_input("Before this day (UTC)", value=None, key="launch_until")
        st.caption("Of the units, so many from outputs with a user signal:")
        over = {}
        for column, (signal, words) in zip(
            st.columns(3), frozen_design.SIGNALS.items(), strict=True
        ):
            wanted = column.number_input(words, min_value=0, value=0, key=f"launch_{signal}")
            if wanted:
                over[signal] = int(wanted)
    parameters = _parameters()
    return {
        "name": name.strip(),
        "rubric": chosen,
        "units": int(units),
        "by": "segment" if by else None,
        "allocate": allocate,
        "overlap": int(overlap),
        "anchors": int(anchors),
        "anchors_from": None if old == NONE else old,
        "repeats": int(repeats),
        "raters": tuple(panel),
        "judges": tuple(judged),
        "baseline": None if baseline == NONE else baseline,
        "seed": seed.strip() or "1",
        "oversample": over,
        "filters": {
            "segments": tuple(segments),
            "configurations": tuple(only),
            "since": datetime.combine(since, time(), UTC) if since else None,
            "until": datetime.combine(until, time(), UTC) if until else None,
        },
        "hide": {field: field not in shown for field in HIDEABLE},
        "lease_minutes": get_settings().lease_minutes,
        "parameters": parameters,
    }


def _kind_fields(kind: str, configurations: list[str], known: list[Round]) -> dict[str, Any]:
    """What the kind of round adds to the design, and what it takes away."""
    practices = [r.name for r in known if r.design.get("practice")]
    qualified = None
    if practices and kind != PRACTISE:
        chosen = st.selectbox("Raters must have passed", [NONE, *practices], key="launch_qualified")
        qualified = None if chosen == NONE else chosen
    quota = None
    if kind != PRACTISE:  # of which everybody rates every unit
        quota = st.number_input(
            "Units that one rater gets at most", min_value=1, value=None, key="launch_quota",
            placeholder="no limit",
        )  # fmt: skip
    fields: dict[str, Any] = {
        "qualified_by": qualified,
        "quota": None if quota is None else int(quota),
    }
    if kind == RATE:
        return fields
    plain: dict[str, Any] = {
        "anchors": 0,
        "anchors_from": None,
        "baseline": None,
        "judges": (),
        "oversample": {},
    }
    first, second = st.columns(2)
    if kind == COMPARE:
        base = first.selectbox("Base", configurations, key="launch_base")
        candidate = second.selectbox("Candidate", configurations, key="launch_candidate",
                                     index=min(1, len(configurations) - 1))  # fmt: skip
        return fields | plain | {"compares": (base, candidate)}
    if kind == PRACTISE:
        mark = first.number_input(
            "Passed from this share of known answers on", min_value=0.05, max_value=1.0,
            value=0.8, step=0.05, key="launch_pass_mark",
        )  # fmt: skip
        tolerance = second.number_input(
            "Points that an answer may be off", min_value=0.0, value=1.0, step=1.0,
            key="launch_tolerance",
        )  # fmt: skip
        return fields | plain | {
            "repeats": 0, "overlap": 1, "practice": {"pass_mark": mark, "tolerance": tolerance},
        }  # fmt: skip
    closed = [r.name for r in known if r.status == "closed"]
    blind = first.selectbox(
        "Blind round whose votes are shown", [NONE, *closed], key="launch_blind"
    )
    return fields | plain | {
        "repeats": 0, "overlap": 1, "reveals": None if blind == NONE else blind,
    }  # fmt: skip


THRESHOLDS = {
    "of_ceiling": "Trusted from this share of people's own kappa",
    "poor_of_ceiling": "Not to be used below this share of it",
    "ceiling": "People's kappa below which they calibrate no judge",
    "bias": "Trusted within this bias, as a share of the scale",
    "poor_bias": "Not to be used beyond this bias, as a share of the scale",
    "epsilon": "What it may lose against a person (epsilon)",
}


def _parameters() -> dict[str, float | None]:
    """What the round's reports decide by."""
    usual = Parameters()
    with st.expander("When a figure is shown, and when a judge is trusted"):
        first, second = st.columns(2)
        minimum = first.number_input(
            "Units below which a figure is withheld", min_value=2, value=usual.minimum_units,
            key="launch_minimum",
        )  # fmt: skip
        delta = second.number_input(
            "Drift in points that is still stable", min_value=0.0, value=None, step=0.05,
            key="launch_delta", placeholder="a quarter point; 0.05 of a pass rate",
        )  # fmt: skip
        chosen = {
            name: (first, second)[place % 2].number_input(
                words, min_value=0.0, value=getattr(usual, name), step=0.05,
                format="%.3f", key=f"launch_{name}",
            )
            for place, (name, words) in enumerate(THRESHOLDS.items())
        }  # fmt: skip
    return {"minimum_units": int(minimum), "delta": delta, **chosen}


def _show_rubric(name: str) -> None:
    with session.database().read() as db:
        found = rubric_versions.loaded(rubric_versions.get_rubric(db, name))
    with st.expander(messages.as_plain_text(f"What it asks: {found.title}")):
        for criterion in found.criteria:
            st.text(f"{criterion.id} ({criterion.scale}): {criterion.question}")
            choices = [f"{p.value:g} {p.label}" for p in criterion.points]
            choices += [option.label for option in criterion.options]
            if choices:
                st.caption(messages.as_plain_text(" · ".join(choices)))


def _show_plan(plan: Plan, hash_: str) -> None:
    st.subheader("The sample")
    with st.container(horizontal=True):
        st.metric("Units", len(plan.units), border=True)
        st.metric("Submissions", plan.assignments, border=True)
        st.metric("Each rater, about", round(plan.assignments / len(plan.design.raters)),
                  border=True)  # fmt: skip
    frozen_design.show_strata(plan.strata)
    with session.lead_reads() as (db, lead):
        for sentence in outlook(db, plan, by=lead).sentences:
            st.caption(messages.as_plain_text(sentence))
    for warning in plan.warnings:
        st.warning(messages.as_plain_text(f"{warning[0].upper()}{warning[1:]}."))
    st.caption(f"Design {hash_[:12]}")
