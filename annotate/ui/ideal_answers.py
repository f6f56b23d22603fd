"""What the adjudication page draws of ideal answers: those written, and the lead's choice."""

import streamlit as st

from annotate import references, rounds
from annotate.references import Ideal
from annotate.ui import messages, session
from db.tables import Round


def show(round_: Round) -> None:
    """The outputs whose ideal answer waits for a lead."""
    with session.lead_reads() as (db, lead):
        waiting = [ideal for ideal in references.ideals(db, round_, by=lead) if ideal.open]
    if not waiting:
        return
    st.subheader("Ideal answers")
    st.caption(f"{len(waiting)} wait for you: what you take becomes the reference of its case.")
    for ideal in waiting:
        with st.expander(messages.as_plain_text(f"{ideal.output} · {ideal.criterion}")):
            _choice(ideal, round_.name)


def _choice(ideal: Ideal, round_name: str) -> None:
    widget = f"ideal/{round_name}/{ideal.unit}/{ideal.criterion}"
    if ideal.reason is not None:
        st.caption(f"{ideal.reason[0].upper()}{ideal.reason[1:]}.")
    for place, (rater, text) in enumerate(ideal.written):
        with st.container(border=True, key=f"{widget}/{place}"):
            st.caption(messages.as_plain_text(rater))
            st.text(text)
            st.button("Take this one", key=f"{widget}/take/{place}", on_click=_choose,
                      args=(round_name, ideal, text))  # fmt: skip
    own = f"{widget}/own"
    st.text_area("Or write it yourself", key=own, on_change="ignore")
    st.button("Take mine", key=f"{widget}/mine", on_click=_choose_own,
              args=(round_name, ideal, own))  # fmt: skip


def _choose_own(round_name: str, ideal: Ideal, key: str) -> None:
    _choose(round_name, ideal, st.session_state.get(key, ""))


def _choose(round_name: str, ideal: Ideal, text: str) -> None:
    with messages.kept_errors(), session.lead_writes() as (db, lead):
        references.choose(
            db, rounds.get_round(db, round_name), ideal.unit, ideal.criterion, text, by=lead
        )
