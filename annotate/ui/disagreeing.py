"""Units on which a judge and people differ, each with both sides' reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from annotate import outputs
from annotate.reports.disagreements import Disagreement
from annotate.reports.iteration import Apart, Change, Given
from annotate.ui import dispute, messages, session
from db.tables import Round

AT_ONCE = 5
SHOWN = {"All": None, "False passes": "false pass", "False fails": "false fail"}
COMPARED: dict[str, Change | None] = {
    "All": None,
    "Broken": "broken",
    "Wrong in both": "wrong in both",
    "Mended": "mended",
    "Unanswered": "unanswered",
}
NO_REASON = "It gave no reason."


@dataclass(frozen=True)
class _Card:
    """One unit as it is drawn: its line, people's sides, and what each judge says of it."""

    kind: str | None
    line: str
    row: Disagreement
    judges: tuple[tuple[str, str], ...]
    """A heading and a reason for each."""


def show(found: Sequence[Disagreement], *, key: str) -> None:
    """The list, the farthest apart first; a unit's output is fetched when it is opened."""
    if not found:
        st.caption("The judge never differs from what people say here.")
        return
    cards = [
        _Card(one.error, _line(one), one, (("Judge", one.reason or NO_REASON),)) for one in found
    ]
    _show_cards(cards, SHOWN if any(one.error for one in found) else {"All": None}, key)


def show_compared(found: Sequence[Apart], saved: str, current: str, *, key: str) -> None:
    """The units on which one of two judges differs from people, with the reasons of both."""
    if not found:
        st.caption("Both judges say what people say here.")
        return
    cards = [
        _Card(
            one.change,
            f"people {messages.as_plain_text(one.row.labels[0])} · {one.change}",
            one.row,
            (_given(current, one.current), _given(saved, one.saved)),
        )
        for one in found
    ]
    there = {one.change for one in found}
    kinds = {name: kind for name, kind in COMPARED.items() if kind is None or kind in there}
    _show_cards(cards, kinds, key)


def _given(judge: str, given: Given | None) -> tuple[str, str]:
    if given is None:
        return judge, "It gave no answer."
    return f"{judge}: {given.label}", given.reason or NO_REASON


def show_alone(found: Mapping[str, Sequence[Disagreement]], round_: Round) -> None:
    """Judge by judge the units on which people are of one mind and it is not."""
    if not found:
        st.success("No judge stands alone against people who all say the same.")
    for judge, rows in found.items():
        st.subheader(messages.as_plain_text(f"{judge} ({len(rows)})"))
        show(rows, key=f"alone/{round_.id}/{judge}")


def _show_cards(cards: Sequence[_Card], kinds: Mapping[str, str | None], key: str) -> None:
    """So many at once, of the kind that is chosen."""
    if len(kinds) > 1:
        counts = {n: sum(kind in (None, one.kind) for one in cards) for n, kind in kinds.items()}
        which = st.segmented_control(
            "Which",
            [f"{name} ({counts[name]})" for name in kinds],
            default=f"All ({counts['All']})",
            key=f"{key}/which",
            required=True,
            label_visibility="collapsed",
        )
        chosen = kinds[(which or "All").rsplit(" (", 1)[0]]
        cards = [one for one in cards if chosen in (None, one.kind)]
    more = len(cards) > AT_ONCE and st.toggle(f"Show all {len(cards)}", key=f"{key}/all")
    for place, one in enumerate(cards if more else cards[:AT_ONCE]):
        with st.container(border=True, key=f"{key}/{place}"):
            _show_card(one, f"{key}/{one.row.unit}/{one.row.criterion}")


def _line(one: Disagreement) -> str:
    error = f" · {one.error}" if one.error else ""
    apart = "" if one.categories else f" ({one.difference:+z.2f})"
    people, judge = map(messages.as_plain_text, one.labels)
    return f"people {people}, judge {judge}{apart}{error}"


def _show_card(one: _Card, key: str) -> None:
    unit, segment = map(messages.as_plain_text, (one.row.unit, one.row.segment))
    st.markdown(f"**{unit}** · {segment} · {one.line}")
    people, *judges = st.columns(1 + len(one.judges), gap="medium")
    with people:
        st.caption("People")
        for side in one.row.sides:
            st.text(
                f"{side.rater}: {side.value:g} {side.label}"
                + (f"\n{side.rationale}" if side.rationale else "")
            )
    for column, (heading, reason) in zip(judges, one.judges, strict=True):
        with column:
            st.caption(messages.as_plain_text(heading))
            st.text(reason)
    if st.toggle("Show the output", key=f"{key}/output"):
        with session.lead_reads() as (db, lead):
            dispute.show_output(outputs.get_output(db, one.row.output, by=lead), None)
