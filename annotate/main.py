"""The Streamlit script: who you are decides which pages you see."""

from pathlib import Path

import streamlit as st

from annotate.errors import AnnotateError
from annotate.ui import messages, session
from db.engine import DatabaseError
from db.tables import Rater

PAGES = Path(__file__).parents[1] / "pages"
ICON = Path(__file__).parent / "ui" / "icon.svg"

RATER = {"rate": ("Rate", "edit_square"), "home": ("My work", "checklist")}
LEAD = {
    "outputs": ("Outputs", "inbox"),
    "rounds": ("Rounds", "target"),
    "adjudicate": ("Adjudicate", "gavel"),
    "agreement": ("Agreement", "handshake"),
    "calibration": ("Calibration", "balance"),
    "gold": ("Gold", "workspace_premium"),
    "people": ("People", "group"),
}


def listed(pages: dict[str, tuple[str, str]]) -> list[st.Page]:
    """The pages as the menu lists them."""
    return [
        st.Page(PAGES / f"{name}.py", title=title, icon=f":material/{icon}:", url_path=name)
        for name, (title, icon) in pages.items()
        if (PAGES / f"{name}.py").exists()
    ]


def run_for(rater: Rater) -> None:
    """List the rater's pages and run the chosen one."""
    lead = rater.role == "lead"
    if lead:
        page = st.navigation({"": listed(RATER), "Lead": listed(LEAD)})
    else:
        page = st.navigation(listed(RATER), position="top")
    with st.sidebar if lead else st.container(key="who", horizontal_alignment="right"):
        who = "lead" if lead else "rater"
        st.caption(
            f"{messages.as_plain_text(rater.name)}, {who} · "
            '<a href="/sign-out" target="_self">Sign out</a>',
            unsafe_allow_html=True,
        )
    page.run()


# A file of our own: a symbol or an emoji as icon would be fetched from another site.
st.set_page_config(page_title="annotate", page_icon=ICON, layout="wide")
try:
    found = session.current_rater()
    if found is None:
        st.navigation([st.Page(session.how_to_get_in, title="annotate", default=True)]).run()
    else:
        run_for(found)
except (AnnotateError, DatabaseError) as problem:
    messages.show_error(problem)
