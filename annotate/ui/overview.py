"""What the start page draws: the next step, the rounds, and the demo's welcome."""

import streamlit as st
from sqlmodel import Session

from annotate import outputs, people
from annotate.settings import get_settings
from annotate.ui import messages, round_list, session
from db.tables import Rater, Round

SHOWN = 12
_LINK = "demo_link"


def show_demo() -> None:
    """In the demo workspace: what this is, and a link to try it as a rater."""
    name = get_settings().demo_rater
    if name is None:
        return
    with session.database().read() as db:
        visitor = people.get_rater(db, name)
    # A link is shown once, and a new one ends the one before: not at every load of the page.
    if visitor.link_hash is None:
        _new_link(name)
    with st.container(border=True):
        st.write(
            "This is the demo workspace: a fictitious product's assistant, simulated raters and a "
            "simulated judge. Nothing in it is real. A round waits for you under **Rate**; to try "
            f"it as the rater {messages.as_plain_text(name)}, open this link in a private window:"
        )
        if link := st.session_state.get(_LINK):
            st.code(link, language=None, wrap_lines=True)
        else:
            st.caption("The link was shown before and still works; a new one ends it.")
            st.button("Make a new link", on_click=_new_link, args=(name,))


def _new_link(name: str) -> None:
    with messages.kept_errors(), session.lead_writes() as (db, lead):
        token = people.new_link(db, people.get_rater(db, name), by=lead)
        st.session_state[_LINK] = get_settings().link(token)


def show_next_step(db: Session, known: list[Round], lead: Rater) -> None:
    """One sentence and one link: what a lead would do now."""
    if not outputs.segments(db, by=lead):
        _step("Begin by importing outputs that your system produced.", "outputs", "Import outputs")
    elif len(people.list_raters(db, "human", by=lead)) < 2:
        _step("Add the people who will rate.", "people", "Add raters")
    elif not known:
        _step("Launch a first calibration round.", "rounds", "Launch a round")
    elif any(r.status == "open" for r in known):
        _step("A round is open: watch it, or rate in it.", "rounds", "Watch the round")
    else:
        _step("Every round is closed: see how the judge did.", "calibration", "Calibration")


def _step(words: str, page: str, label: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.write(words)
        st.page_link(f"../pages/{page}.py", label=label, icon=":material/arrow_forward:")


def show_rounds(db: Session, known: list[Round], lead: Rater) -> None:
    """The newest rounds with how far each is."""
    if known:
        st.header("Rounds")
        round_list.show(db, known[:SHOWN], lead)
