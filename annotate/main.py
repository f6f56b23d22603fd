"""The Streamlit script: who you are decides which pages you see."""

from pathlib import Path
from typing import Literal

import streamlit as st

from annotate.errors import AnnotateError
from annotate.ui import messages, session
from db.engine import DatabaseError
from db.tables import Rater

PAGES = Path(__file__).parents[1] / "pages"
ICON = Path(__file__).parent / "ui" / "icon.svg"

RATER = {"rate": ("Rate", "edit_square"), "home": ("My work", "checklist")}
LEAD = {
    "": {
        "start": ("Start", "home"),
        "outputs": ("Outputs", "inbox"),
        "rubrics": ("Rubrics", "fact_check"),
        "rounds": ("Rounds", "target"),
    },
    "What came of it": {
        "agreement": ("Agreement", "handshake"),
        "adjudicate": ("Adjudicate", "gavel"),
        "calibration": ("Calibration", "balance"),
        "drift": ("Drift", "trending_up"),
        "gold": ("Gold", "workspace_premium"),
    },
    "Who rates": {
        "judges": ("Judges", "smart_toy"),
        "people": ("People", "group"),
    },
}
"""A lead's pages by section of the menu, in the order of the work."""
WHO = """
:has(> .st-key-who) { position: fixed; top: .9rem; right: 3.75rem; width: auto;
  max-width: 60vw; z-index: 999991; }
.st-key-who [data-testid="stText"] { font-size: .875rem; opacity: .75; max-width: 36vw;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
"""
# Streamlit writes white on the primary colour of either theme, which cannot be read on the bright
# green of the dark one, and fades captions and headings of folded parts below 4.5 to 1.
EVERYWHERE = """
button[data-testid="stBaseButton-primary"], button[data-testid="stBaseButton-primary"] p {
  color: light-dark(#ffffff, #10201b); }
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] p,
[data-testid="stExpander"] summary, [data-testid="stExpander"] summary :is(div, span, p) {
  color: light-dark(#4e5552, #a9b0ac); opacity: 1; }
[data-testid="stRadioOption"]:not(:has(:checked)) > div > div:first-child {
  box-shadow: inset 0 0 0 1.5px light-dark(#858c88, #7d8581); }
"""
# A page link would be routed inside the app; this one leaves it.
SIGN_OUT = (
    '<a href="/sign-out" target="_self" style="color: inherit; font-size: .875rem">Sign out</a>'
)


def listed(
    pages: dict[str, tuple[str, str]], visibility: Literal["visible", "hidden"] = "visible"
) -> list[st.Page]:
    """The pages as the menu lists them."""
    return [
        st.Page(
            PAGES / f"{name}.py",
            title=title,
            icon=f":material/{icon}:",
            url_path=name,
            visibility=visibility,
        )
        for name, (title, icon) in pages.items()
    ]


def landing(page: st.Page) -> st.Page:
    """Where one lands without an address: goes on to `page`, which so keeps its own address."""

    def go_on() -> None:
        st.switch_page(page)

    return st.Page(go_on, title="annotate", default=True, visibility="hidden")


def run_for(rater: Rater) -> None:
    """List the rater's pages and run the chosen one."""
    mine = listed(RATER)
    if rater.role == "lead":
        led = {section: listed(pages) for section, pages in LEAD.items()}
        led[""].insert(0, landing(led[""][0]))
        page = st.navigation({**led, "Rating": mine}, expanded=True)
        with st.sidebar:
            show_who(rater)
    else:
        # A lead's pages are there and say whom they are for.
        others = [page for pages in LEAD.values() for page in listed(pages, visibility="hidden")]
        page = st.navigation([landing(mine[0]), *mine, *others], position="top")
        with st.container(key="who"):
            show_who(rater)
        # Beside the menu, where it takes no line of its own from the unit.
        st.html(f"<style>{WHO}</style>")
    page.run()


def show_who(rater: Rater) -> None:
    """Who is signed in, and the way out."""
    with st.container(horizontal=True, vertical_alignment="center", width="content"):
        st.text(f"Signed in as {rater.name}", width="content")
        st.html(SIGN_OUT, width="content")


# A file of our own: a symbol or an emoji as icon would be fetched from another site.
st.set_page_config(page_title="annotate", page_icon=ICON, layout="wide")
try:
    st.html(f"<style>{EVERYWHERE}</style>")
    found = session.current_rater()
    if found is None:
        st.navigation([st.Page(session.how_to_get_in, title="annotate", default=True)]).run()
    else:
        run_for(found)
except (AnnotateError, DatabaseError) as problem:
    messages.show_error(problem)
