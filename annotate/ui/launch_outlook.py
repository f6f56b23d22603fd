"""What a round being put together would show, worked out anew at every choice."""

from itertools import count
from typing import Any

import streamlit as st
from sqlmodel import Session

from annotate import events, outputs, ratings, rounds
from annotate.design import checked
from annotate.errors import AnnotateError, in_words
from annotate.planned import Plan
from annotate.reports.outlook import Outlook, Reach, Shift, outlook
from annotate.ui import messages, session

KEY = "launch_outlook"
PLANNED = "launch_planned"
"""The latest plan with its outlook, and what it was worked out from."""
_CSS = f"""
@media (min-width: 900px) {{
  /* What it will show stays in view beside the choices, which are longer than the window. */
  [data-testid="stColumn"]:has(> div .st-key-{KEY}) {{
    position: sticky; top: 3.75rem; align-self: flex-start;
    max-height: calc(100vh - 4.5rem); overflow: hidden auto;
  }}
}}
"""


def show(fields: dict[str, Any], taken: list[str]) -> Plan | None:
    """The planner's panel; the plan, or None where the choices do not make a round yet.

    taken: the names of rounds there are. A round without a name yet is planned under a free one,
    which decides nothing about its sample.
    """
    st.html(f"<style>{_CSS}</style>")
    with st.container(key=KEY):
        st.subheader("4. What it will show")
        free = next(name for n in count(1) if (name := f"round {n}") not in taken)
        try:
            plan, expected = _planned(fields | {"name": fields["name"] or free})
        except AnnotateError as error:
            st.info(messages.as_plain_text(in_words(error)))
            st.caption("What the round would show is worked out here as soon as it can be drawn.")
            return None
        _draw(plan, expected)
    return plan


def _planned(fields: dict[str, Any]) -> tuple[Plan, Outlook]:
    """Worked out where a choice, or something in the workspace, has changed since the last time:
    the page is drawn anew for much else, and the draw goes through every output."""
    with session.lead_reads() as (db, lead):
        said = (fields, session.database().shown, _now(db))
        kept = st.session_state.get(PLANNED)
        if kept is not None and kept[0] == said:
            plan, expected = kept[1]
            return plan, expected
        plan = rounds.plan_round(db, checked(**fields), by=lead)
        found = plan, outlook(db, plan, by=lead)
    st.session_state[PLANNED] = said, found
    return found


def _now(db: Session) -> tuple[object, ...]:
    """What changes with everything that a plan goes by."""
    return events.latest(db), ratings.latest(db), outputs.latest(db)


def _draw(plan: Plan, expected: Outlook) -> None:
    with st.container(horizontal=True):
        st.metric("Units", len(plan.units), border=True)
        st.metric("Submissions", plan.assignments, border=True)
        hours = expected.work.hours
        st.metric("Hours of work", "unknown" if hours is None else f"{hours:.1f}", border=True)
    st.caption(messages.as_plain_text(f"{_drawn_from(plan)} {expected.work.sentence()}"))
    st.dataframe(rows(expected), hide_index=True, width="stretch")
    st.caption(_legend(expected))
    for words, shift in (("judge", expected.judge), ("raters", expected.raters)):
        if shift is not None:
            st.write(_shift(words, shift, expected.anchors))
    for sentence in expected.sentences:
        if not sentence.startswith("On "):  # of anchors, which are said above with what more
            st.caption(messages.as_plain_text(sentence))
    if details := by_criterion(expected):
        with st.expander("Alpha by criterion, drift by segment"):
            st.dataframe(details, hide_index=True, width="stretch")
    for warning in plan.warnings:
        st.warning(messages.as_plain_text(f"{warning[0].upper()}{warning[1:]}."))


def _drawn_from(plan: Plan) -> str:
    there = sum(plan.population.values())
    without = "" if plan.baseline is None else f", without those of round {plan.baseline.name}"
    return f"{there} {'output' if there == 1 else 'outputs'} can be drawn{without}."


def _legend(expected: Outlook) -> str:
    whole = expected.rows[0]
    said = []
    if whole.pass_rate or whole.preference or whole.alpha:
        said.append(
            "± is half of a 95 % interval. Behind + stands how many more units it would take for "
            "±5 points of a share, or ±0.1 of alpha."
        )
    if len(whole.alpha) > 1:
        said.append("Alpha is that of the criterion which would be known least.")
    if not said:
        return "Figures of this kind of round are not foretold."
    return " ".join(said)


def rows(expected: Outlook) -> list[dict[str, str]]:
    """A row a segment, the whole round first, in words: narrow enough for the panel."""
    whole = expected.rows[0]
    return [
        {
            "segment": row.segment or "All",
            "units": str(row.fresh + row.anchors) if whole.fresh else str(row.anchors),
            **({"pass rate": _reach(row.pass_rate, "{:.0%}")} if whole.pass_rate else {}),
            **({"wins": _reach(row.preference, "{:.0%}")} if whole.preference else {}),
            **({"alpha": _reach(row.widest_alpha, "{:.2f}")} if whole.alpha else {}),
        }
        for row in expected.rows
    ]


def by_criterion(expected: Outlook) -> list[dict[str, str]]:
    """What the narrow table leaves out, a row a segment; nothing where it leaves nothing out."""
    criteria = list(expected.rows[0].alpha)
    if len(criteria) < 2 and expected.judge is None:
        return []
    return [
        {
            "segment": row.segment or "All",
            **{key: _reach(row.alpha.get(key), "{:.2f}") for key in criteria},
            **({"drift of the judge from": _points(row.judge)} if expected.judge else {}),
        }
        for row in expected.rows
    ]


def _points(shift: float | None) -> str:
    return "too few anchors" if shift is None else f"{shift:.2g} points"


def _reach(reach: Reach | None, form: str) -> str:
    if reach is None:
        return "–"
    width = "withheld" if reach.half_width is None else f"±{form.format(reach.half_width)}"
    if not reach.more:
        return width
    return f"{width}, +{reach.more}" + (f" ({reach.left} left)" if reach.more > reach.left else "")


def _shift(words: str, shift: Shift, anchors: int) -> str:
    more = f"; {shift.more} anchors more would find half a point" if shift.more else ""
    return (
        f"Smallest detectable drift of the {words} on {anchors} anchors: "
        f"{shift.points:.2g} points{more}."
    )
