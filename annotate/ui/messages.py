"""The one place where what went wrong becomes words on a page."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from annotate.errors import AnnotateError, RoundClosed, StaleAssignment, in_words
from db.engine import DatabaseError

_KEPT, _LASTING = "messages_from_callback", "messages_lasting"


def show_error(error: AnnotateError | DatabaseError) -> None:
    """Draw the message. Its text may quote what a file or a person gave: it is drawn as text."""
    draw = st.warning if isinstance(error, RoundClosed | StaleAssignment) else st.error
    draw(as_plain_text(in_words(error)))


@contextmanager
def shown_errors() -> Iterator[None]:
    """Draw what a step refuses instead of a traceback; the rest of the page goes on."""
    try:
        yield
    except (AnnotateError, DatabaseError) as error:
        show_error(error)


def keep(error: AnnotateError | DatabaseError) -> None:
    """For callbacks, which run before anything is drawn: keep the message for `show_kept`."""
    st.session_state.setdefault(_KEPT, []).append(error)


@contextmanager
def kept_errors() -> Iterator[None]:
    """Keep what a step in a callback refuses."""
    st.session_state.pop(_LASTING, None)
    try:
        yield
    except (AnnotateError, DatabaseError) as error:
        keep(error)


def show_kept(*, seconds: float = 0.0, far: bool = False) -> None:
    """Draw, once, what callbacks kept.

    In a place of its own, which is there without an error too: what stands below keeps its place,
    and a text that somebody is typing there is not drawn anew.
    seconds: for a fragment that is drawn anew by itself: how long it is drawn, unless another step
    is taken.
    far: for a page whose steps may stand far below: it is told where the person is, too.
    """
    at = time.monotonic()
    with st.container():
        if found := st.session_state.pop(_KEPT, []):
            st.session_state[_LASTING] = (at + seconds, found)
            for error in found if far else []:
                st.toast(as_plain_text(in_words(error)), icon=":material/error:", duration="long")
        until, lasting = st.session_state.get(_LASTING, (at, []))
        for error in found or (lasting if at < until else []):
            show_error(error)


def show_unexpected(error: Exception) -> bool:
    """The last resort for what no page has met; the server's log holds the traceback.

    Returns True: Streamlit's own message, which offers to send the error elsewhere, stays away.
    """
    if isinstance(error, AnnotateError | DatabaseError):
        show_error(error)
    else:
        st.error(
            "Something went wrong that should not have. What was acknowledged as saved is "
            "stored. Reload the page; if it happens again, tell your lead what you did and when: "
            "the server's log has the details."
        )
    return True


_ANYWHERE = re.compile(r"[\\`*_\[\]<>$~|]|&(?=#?\w+;)")
# Addresses, emoji names and icon names are looked for after Markdown's own escapes are gone.
_AFTERWARDS = re.compile(
    r"(?<=:)(?=//|[A-Za-z+-])|(?<=www)(?=\.)|(?<=@)(?=[\w\\-]+\.\w)", re.IGNORECASE
)
_WORD_JOINER = "\u2060"
_AT_START = re.compile(r"^(\s*)([#+=-]|\d+(?=[.)]))", re.MULTILINE)


def as_plain_text(text: str) -> str:
    """Text that Markdown draws as it was written: no link, image, formula, HTML or directive.

    For labels and messages, which Streamlit always reads as Markdown. An invisible word joiner
    keeps addresses from becoming links; names such as `strict@1` are none, and can be copied. Outputs are drawn by `st.text` instead, untouched.
    """
    escaped = _ANYWHERE.sub(lambda found: "\\" + found.group(), text)
    # A list or heading begins where a line begins; a number's dot is what makes it a list.
    escaped = _AT_START.sub(
        lambda found: (
            f"{found[1]}{found[2]}\\" if found[2].isdigit() else f"{found[1]}\\{found[2]}"
        ),
        escaped,
    )
    return _AFTERWARDS.sub(_WORD_JOINER, escaped).replace("\n", "  \n")
