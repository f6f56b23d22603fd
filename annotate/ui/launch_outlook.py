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
    if expected.judge is not None and expected.raters is not None:
        st.caption(_shifts(expected.judge, expected.raters, expected.anchors))
    for sentence in expected.sentences:
        if not sentence.startswith("On "):  # of anchors, which are said above with what more
            st.caption(messages.as_plain_text(sentence))
    _draw_more(expected)
    for warning in plan.warnings:
        st.warning(messages.as_plain_text(f"{warning[0].upper()}{warning[1:]}."))


def _drawn_from(plan: Plan) -> str:
    there = sum(plan.population.values())
    without = "" if plan.baseline is None else f", without those of round {plan.baseline.name}"
    return f"{there} {'output' if there == 1 else 'outputs'} can be drawn{without}."


def _draw_more(expected: Outlook) -> None:
    """What the narrow table leaves out, in tables as narrow."""
    whole = expected.rows[0]
    if wanting := more(expected):
        with st.expander("What more it would take"):
            st.dataframe(wanting, hide_index=True, width="stretch")
            st.caption(
                "More units for ±5 points of a share, or ±0.1 of alpha; and outputs that are there "
                "and not drawn."
            )
    if len(whole.alpha) > 1:
        with st.expander("Alpha by criterion"):
            st.dataframe(by_criterion(expected), hide_index=True, width="stretch")
    if whole.judge is not None and len(expected.rows) > 2:
        with st.expander("Drift by segment"):
            st.dataframe(
                [
                    {
                        "segment": row.segment or "All",
                        "anchors": row.anchors,
                        "found from": _points(row.judge),
                    }
                    for row in expected.rows
                ],
                hide_index=True,
                width="stretch",
            )


def _legend(expected: Outlook) -> str:
    whole = expected.rows[0]
    if not (whole.pass_rate or whole.preference or whole.alpha):
        return "Figures of this kind of round are not foretold."
    said = "± is half of a 95 % interval."
    if len(whole.alpha) > 1:
        said += " Alpha is that of the criterion which would be known least, of those always asked."
    return said


def rows(expected: Outlook) -> list[dict[str, str]]:
    """A row a segment, the whole round first, in words: narrow enough for the panel."""
    whole = expected.rows[0]
    return [
        {
            "segment": row.segment or "All",
            "units": str(row.fresh + row.anchors) if whole.fresh else str(row.anchors),
            **({"pass rate": width(row.pass_rate, "{:.0%}")} if whole.pass_rate else {}),
            **({"wins": width(row.preference, "{:.0%}")} if whole.preference else {}),
            **({"alpha": width(row.least, "{:.2f}")} if whole.least else {}),
        }
        for row in expected.rows
    ]


def more(expected: Outlook) -> list[dict[str, str]]:
    """Units that would be wanting, a row a segment; nothing where none is."""
    whole = expected.rows[0]
    columns = {"pass rate": whole.pass_rate, "wins": whole.preference, "alpha": whole.least}
    found = [
        {
            "segment": row.segment or "All",
            **{
                name: f"+{reach.more}" if reach is not None and reach.more else ""
                for name, reach in (
                    ("pass rate", row.pass_rate), ("wins", row.preference), ("alpha", row.least),
                )
                if columns[name] is not None
            },
            "there": str(row.left),
        }
        for row in expected.rows
    ]  # fmt: skip
    wanting = any(row.get(name) for row in found for name in columns)
    return found if wanting else []


def by_criterion(expected: Outlook) -> list[dict[str, str]]:
    """A row a criterion: as a whole, and in the segment where it would be known least."""
    whole, *segments = expected.rows
    found = []
    for key, reach in whole.alpha.items():
        least = max(
            (row for row in segments if key in row.alpha),
            key=lambda row: (row.alpha[key].half_width is None, row.alpha[key].half_width or 0.0),
            default=None,
        )
        where = "" if least is None else f"{width(least.alpha[key], '{:.2f}')} {least.segment}"
        found.append({"criterion": key, "all": width(reach, "{:.2f}"), "least known": where})
    return found


def _points(shift: float | None) -> str:
    return "too few" if shift is None else f"{shift:.2g} points"


def width(reach: Reach | None, form: str) -> str:
    """`±0.21`, or that it would be withheld."""
    if reach is None:
        return "–"
    return "withheld" if reach.half_width is None else f"±{form.format(reach.half_width)}"


def _shifts(judge: Shift, raters: Shift, anchors: int) -> str:
    def said(shift: Shift) -> str:
        if not shift.more:
            return ""
        more = "1 anchor more" if shift.more == 1 else f"{shift.more} anchors more"
        return f" ({more} would find half a point)"

    return (
        f"Smallest detectable drift on {anchors} anchors: {judge.points:.2g} points of the judge"
        f"{said(judge)}, {raters.points:.2g} of the raters{said(raters)}."
    )
