"""What the people page draws: who rates, their links, and the automated raters."""

import streamlit as st

from annotate import people
from annotate.people import SignIns
from annotate.settings import get_settings
from annotate.ui import clock, messages, session
from db.tables import Rater

LINK = "people_link"


def show_people() -> None:
    """Everybody who can sign in, with their link, and the way to take it away."""
    with session.lead_reads() as (db, lead):
        found = people.list_raters(db, "human", by=lead)
        sign_ins = people.sign_ins(db, by=lead)
    _show_link()
    for rater in found:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            with st.container(width="stretch", gap=None):
                st.markdown(f"**{messages.as_plain_text(rater.name)}**")
                st.caption(messages.as_plain_text(_said(rater, sign_ins.get(rater.id or 0))))
            if rater.revoked_at is not None:
                st.button(
                    "Restore", key=f"restore/{rater.id}", on_click=_restore, args=(rater.name,)
                )
                continue
            # Together, so that they stay side by side under the name on a phone.
            with st.container(horizontal=True, width="content"):
                st.button(
                    "Personal link",
                    key=f"link/{rater.id}",
                    on_click=_link,
                    args=(rater.name,),
                    help="Makes a new link; an earlier one stops working",
                )
                if (known := sign_ins.get(rater.id or 0)) and known.browsers:
                    st.button(
                        "Sign out",
                        key=f"sign-out/{rater.id}",
                        on_click=_sign_out,
                        args=(rater.name,),
                        help="In every browser of theirs",
                    )
                if rater.id != lead.id:
                    st.button(
                        "Revoke", key=f"revoke/{rater.id}", on_click=_revoke, args=(rater.name,)
                    )


def _said(rater: Rater, sign_ins: SignIns | None) -> str:
    """`rater · ada@example.org · signed in on 2 browsers, last on 2026-11-23`"""
    if rater.revoked_at is not None:
        access = f"access revoked on {clock.day(rater.revoked_at)}"
    elif sign_ins is None:
        access = "has a link, never signed in" if rater.link_hash else "no link yet"
    elif sign_ins.browsers:
        where = "one browser" if sign_ins.browsers == 1 else f"{sign_ins.browsers} browsers"
        access = f"signed in on {where}, last on {clock.day(sign_ins.latest)}"
    else:
        access = f"signed out, last in on {clock.day(sign_ins.latest)}"
    simulated = "simulated" if rater.simulated else None
    return " · ".join(filter(None, (rater.role, rater.email, simulated, access)))


def _show_link() -> None:
    made = st.session_state.pop(LINK, None)
    if made is None:
        return
    _link_of(*made)


@st.dialog("Personal link")
def _link_of(name: str, link: str) -> None:
    """Wherever one has scrolled to: it is there this once."""
    st.write(
        f"The personal link of {messages.as_plain_text(name)}. It is shown this once: hand it over "
        "now. Whoever opens it can sign in under that name."
    )
    st.code(link, language=None, wrap_lines=True)


def _link(name: str) -> None:
    with messages.kept_errors(), session.lead_writes() as (db, lead):
        token = people.new_link(db, people.get_rater(db, name), by=lead)
        st.session_state[LINK] = (name, get_settings().link(token))


def _sign_out(name: str) -> None:
    with messages.kept_errors(), session.lead_writes() as (db, lead):
        people.sign_out_everywhere(db, people.get_rater(db, name), by=lead)


def _revoke(name: str) -> None:
    with messages.kept_errors(), session.lead_writes() as (db, lead):
        people.revoke(db, people.get_rater(db, name), by=lead)


def _restore(name: str) -> None:
    with messages.kept_errors(), session.lead_writes() as (db, lead):
        people.restore(db, people.get_rater(db, name), by=lead)


def show_adding() -> None:
    """The form for a new person; what cannot be used stays in it to be mended."""
    with st.form("add_person"):
        left, middle, right = st.columns(3)
        left.text_input("Name", key="person_name", max_chars=people.MAX_NAME)
        middle.text_input("E-mail (optional)", key="person_email")
        right.selectbox(
            "Role", people.ROLES, key="person_role", help="A lead may do everything; a rater rates"
        )
        st.form_submit_button("Add", type="primary", on_click=_add)


def _add() -> None:
    given = st.session_state
    with messages.kept_errors():
        with session.lead_writes() as (db, lead):
            people.add_rater(
                db,
                given["person_name"],
                email=given["person_email"],
                role=given["person_role"],
                by=lead,
            )
        given["person_name"] = given["person_email"] = ""


def show_automated() -> None:
    """Judges and metrics: raters too, with their exact identity."""
    with session.lead_reads() as (db, lead):
        found = [r for r in people.list_raters(db, by=lead) if r.kind != "human"]
    if not found:
        st.caption(
            "None yet. A judge is added under Judges; both are when their ratings are imported."
        )
        return
    st.dataframe(
        [
            {
                "name": r.name,
                "kind": r.kind,
                "identity": ", ".join(f"{k}: {v}" for k, v in (r.identity or {}).items()),
            }
            for r in found
        ],
        hide_index=True,
        width="stretch",
    )
