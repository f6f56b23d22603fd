"""The choices of a round to be launched: outputs, rubric, raters; as a design's fields."""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

import streamlit as st

from annotate import outputs, people, population, rounds, rubric_versions
from annotate.design import Blind, Filters
from annotate.design_words import SIGNALS
from annotate.settings import get_settings
from annotate.ui import launch_kinds, launch_rubric, messages, session
from annotate.ui.launch_kinds import NONE
from db.tables import Round

HIDEABLE = tuple(Blind.model_fields)
NAMED = 12
"""Segments that are counted by name."""


@dataclass(frozen=True)
class Choices:
    """What a workspace has to choose among."""

    sizes: dict[str, int]
    """Outputs by segment."""
    configurations: list[str]
    rubrics: list[str]
    raters: list[str]
    judges: list[str]
    rounds: list[Round]

    @property
    def names(self) -> list[str]:
        """Of the rounds."""
        return [round_.name for round_ in self.rounds]


def choices() -> Choices:
    """All there is to choose among at this moment."""
    with session.lead_reads() as (db, lead):
        everybody = people.list_raters(db, by=lead)
        return Choices(
            outputs.segments(db, by=lead),
            list(outputs.configurations(db, by=lead)),
            [f"{r.name}@{r.version}" for r in rubric_versions.list_rubrics(db, by=lead)],
            [r.name for r in everybody if r.kind == "human" and r.revoked_at is None],
            [r.name for r in everybody if r.kind != "human"],
            rounds.list_rounds(db, by=lead),
        )


def fields(among: Choices, kind: str) -> dict[str, Any]:
    """The first three steps; what they say as a design's fields."""
    name = st.text_input("Name of the round", key="launch_name", placeholder="2026-q4")
    st.subheader("1. Outputs")
    said = {"name": name.strip(), **_sample(among)}
    st.subheader("2. Rubric")
    said["rubric"] = launch_rubric.choose(among.rubrics)
    st.subheader("3. Raters and overlap")
    said |= _raters(among)
    return said | launch_kinds.kind_fields(kind, among.configurations, among.rounds)


def _sample(among: Choices) -> dict[str, Any]:
    """Which outputs are drawn, how many, and which to keep as anchors."""
    filters = _filters(among)
    first, second = st.columns(2)
    units = first.number_input(
        "Units to draw", min_value=1, value=min(60, sum(among.sizes.values())), key="launch_units"
    )
    allocate = second.selectbox(
        "Allocation", ("proportional", "equal", "neyman"), key="launch_allocate",
        help="Neyman draws more where past ratings varied more; it needs an earlier round",
    )  # fmt: skip
    by = st.checkbox("Draw by segment", value=True, key="launch_by")
    first, second = st.columns(2, vertical_alignment="bottom")
    old = first.selectbox(
        "Anchors of an earlier round, rated again", [NONE, *among.names], key="launch_anchors_from"
    )
    anchors = 0
    if old == NONE:
        anchors = second.number_input(
            "Units to keep as anchors", min_value=0, value=0, key="launch_anchors",
            help="Rated again in later rounds, to tell who moved; 20 to 50 are usual",
        )  # fmt: skip
    over = {}
    with st.expander("More of some: by user signal"):
        st.caption("Of the units, so many from outputs with a user signal:")
        for column, (signal, words) in zip(st.columns(3), SIGNALS.items(), strict=True):
            wanted = column.number_input(words, min_value=0, value=0, key=f"launch_{signal}")
            if wanted:
                over[signal] = int(wanted)
        seed = st.text_input(
            "Seed", value="1", key="launch_seed",
            help="The same seed and outputs draw the same sample anywhere",
        )  # fmt: skip
    return {
        "filters": filters,
        "units": int(units),
        "by": "segment" if by else None,
        "allocate": allocate,
        "anchors": int(anchors),
        "anchors_from": None if old == NONE else old,
        "oversample": over,
        "seed": seed.strip() or "1",
    }


def _filters(among: Choices) -> dict[str, Any]:
    """Which outputs may be drawn, with how many they are."""
    with st.expander("Only some of them: by segment, configuration or time"):
        first, second = st.columns(2)
        segments = first.multiselect(
            "Only these segments", list(among.sizes), key="launch_segments", wrap=True
        )
        configurations = second.multiselect(
            "Only these configurations",
            among.configurations,
            key="launch_configurations",
            wrap=True,
        )
        since = first.date_input("From this day on (UTC)", value=None, key="launch_since")
        until = second.date_input("Before this day (UTC)", value=None, key="launch_until")
    found = {
        "segments": tuple(segments),
        "configurations": tuple(configurations),
        "since": datetime.combine(since, time(), UTC) if since else None,
        "until": datetime.combine(until, time(), UTC) if until else None,
    }
    with session.lead_reads() as (db, lead):
        sizes = population.within(db, Filters.model_validate(found), by=lead)
    st.caption(messages.as_plain_text(counted(sizes, filtered=any(found.values()))))
    return found


def counted(sizes: dict[str, int], *, filtered: bool) -> str:
    """How many outputs there are to draw from, by segment."""
    total = sum(sizes.values())
    what = f"{total} {'output' if total == 1 else 'outputs'}"
    where = "within these filters" if filtered else "in all"
    if not sizes:
        return f"No output {where}; widen them."
    named = [f"{segment} {count}" for segment, count in list(sizes.items())[:NAMED]]
    if len(sizes) > NAMED:
        named.append(f"{len(sizes) - NAMED} segments more")
    return f"{what} {where}: {', '.join(named)}."


def _raters(among: Choices) -> dict[str, Any]:
    """Who rates, seeing what; which judges are measured, and from which round on."""
    panel = st.multiselect("Raters", among.raters, key="launch_raters", wrap=True)
    if not among.raters:
        st.page_link("../pages/people.py", label="Add raters", icon=":material/group:")
    first, second = st.columns(2)
    overlap = first.number_input(
        "Raters of each unit (overlap)", min_value=1, max_value=50, value=3, key="launch_overlap"
    )
    repeats = second.number_input(
        "Units shown twice", min_value=0, value=0, key="launch_repeats",
        help="To the same rater, unannounced: how consistent is each with themselves?",
    )  # fmt: skip
    judged = first.multiselect("Judges to calibrate", among.judges, key="launch_judges", wrap=True)
    baseline = second.selectbox(
        "Baseline round", [NONE, *among.names], key="launch_baseline",
        help="Drift is measured from it; with anchors of an earlier round it is that round",
    )  # fmt: skip
    shown = st.multiselect(
        "Raters see, beside input, contexts and response", HIDEABLE, default=["reference"],
        key="launch_shown", wrap=True,
        help="A judge's score and other raters' values are never shown",
    )  # fmt: skip
    return {
        "raters": tuple(panel),
        "overlap": int(overlap),
        "repeats": int(repeats),
        "judges": tuple(judged),
        "baseline": None if baseline == NONE else baseline,
        "hide": {field: field not in shown for field in HIDEABLE},
        "lease_minutes": get_settings().lease_minutes,
        "parameters": launch_kinds.parameters(),
    }
