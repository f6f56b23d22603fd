"""What a round being put together would show, worked out anew at every choice."""

from itertools import count
from typing import Any

import streamlit as st

from annotate import rounds
from annotate.design import checked
from annotate.errors import AnnotateError, in_words
from annotate.planned import Plan
from annotate.reports.outlook import Outlook, Reach, Shift, outlook
from annotate.ui import messages, session

KEY = "launch_outlook"
_CSS = f"""
@media (min-width: 900px) {{
  /* What it will show stays in view beside the choices, which are longer than the window. */
  [data-testid="stColumn"]:has(> div .st-key-{KEY}) {{
    position: sticky; top: 3.75rem; align-self: flex-start;
    max-height: calc(100vh - 4.5rem); overflow-y: auto;
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
            with session.lead_reads() as (db, lead):
                plan = rounds.plan_round(
                    db, checked(**fields | {"name": fields["name"] or free}), by=lead
                )
                expected = outlook(db, plan, by=lead)
        except AnnotateError as error:
            st.info(messages.as_plain_text(in_words(error)))
            st.caption("What the round would show is worked out here as soon as it can be drawn.")
            return None
        _draw(plan, expected)
    return plan


def _draw(plan: Plan, expected: Outlook) -> None:
    with st.container(horizontal=True):
        st.metric("Units", len(plan.units), border=True)
        st.metric("Submissions", plan.assignments, border=True)
        hours = expected.work.hours
        st.metric("Hours of work", "unknown" if hours is None else f"{hours:.1f}", border=True)
    st.caption(messages.as_plain_text(expected.work.sentence()))
    st.dataframe(rows(expected), hide_index=True, width="stretch")
    st.caption(
        "± is half of a 95 % interval. Behind + stands how many more units it would take for "
        "±5 points of the pass rate, or ±0.1 of alpha."
    )
    for words, shift in (("judge", expected.judge), ("raters", expected.raters)):
        if shift is not None:
            st.write(_shift(words, shift, expected.anchors))
    for sentence in expected.sentences:
        if not sentence.startswith("On "):  # of anchors, which are said above with what more
            st.caption(messages.as_plain_text(sentence))
    for warning in plan.warnings:
        st.warning(messages.as_plain_text(f"{warning[0].upper()}{warning[1:]}."))


def rows(expected: Outlook) -> list[dict[str, str]]:
    """A row a segment, the whole round first, in words."""
    criteria = list(expected.rows[0].alpha)
    return [
        {
            "segment": row.segment or "All",
            "fresh": str(row.fresh),
            "pass rate": _reach(row.pass_rate, "{:.0%}"),
            **{f"alpha {key}": _reach(row.alpha.get(key), "{:.2f}") for key in criteria},
        }
        for row in expected.rows
    ]


def _reach(reach: Reach | None, form: str) -> str:
    if reach is None:
        return "–"
    width = "too few" if reach.half_width is None else f"±{form.format(reach.half_width)}"
    return f"{width}, +{reach.more}" if reach.more else width


def _shift(words: str, shift: Shift, anchors: int) -> str:
    more = f"; {shift.more} anchors more would find half a point" if shift.more else ""
    return (
        f"Smallest detectable drift of the {words} on {anchors} anchors: "
        f"{shift.points:.2g} points{more}."
    )
