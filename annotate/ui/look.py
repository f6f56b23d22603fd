"""How the rating screen looks: reading comfort by a little CSS, and the next unit at its top."""

import streamlit as st

_CSS = """
.block-container { padding-bottom: 4rem; max-width: 82rem; }
.st-key-output [data-testid="stText"] {
  font-size: 1rem; line-height: 1.6; overflow-wrap: anywhere; max-width: 72ch;
  unicode-bidi: plaintext; text-align: start;
}
.st-key-output [data-testid="stCaptionContainer"],
.st-key-form > div > [data-testid="stCaptionContainer"] { letter-spacing: .02em; }
.st-key-form [data-testid="stWidgetLabel"] p { font-weight: 600; font-size: .9375rem; }
.st-key-form [data-testid="stExpander"] [data-testid="stWidgetLabel"] p { font-weight: 400; }
.st-key-form [role="radiogroup"] { gap: .35rem; }
.st-key-form [data-testid="stCaptionContainer"] p { overflow-wrap: anywhere; }
[class*="st-key-criterion-"] {
  padding-bottom: 1rem; margin-bottom: .5rem;
  border-bottom: 1px solid color-mix(in srgb, currentColor 14%, transparent);
}
@media (min-width: 900px) {
  /* The output stays in view beside a form that is longer than the window. */
  [data-testid="stColumn"]:has(> div .st-key-output) {
    position: sticky; top: 3.75rem; align-self: flex-start;
    max-height: calc(100vh - 4.5rem); overflow-y: auto;
  }
}
@media (max-width: 640px) {
  .block-container { padding-left: 1rem; padding-right: 1rem; }
}
"""

_SCROLL = """
const seen = { mark: null };
export default function ({ data }) {
  if (seen.mark === data.mark) return;
  seen.mark = data.mark;
  const behaviour = { behavior: "instant" };
  requestAnimationFrame(() => {
    const problem = data.problem
      ? document.querySelector('[class*="st-key-problem-"]') : null;
    if (problem) { problem.scrollIntoView({ block: "center", ...behaviour }); return; }
    const page = document.querySelector('[data-testid="stMain"]');
    if (page) page.scrollTo({ top: 0, ...behaviour });
    const output = document.querySelector('.st-key-output');
    const column = output ? output.closest('[data-testid="stColumn"]') : null;
    if (column) column.scrollTo({ top: 0, ...behaviour });
  });
}
"""

_scroll = st.components.v2.component("annotate_scroll", js=_SCROLL)


def apply() -> None:
    """Put the styles of the rating screen into the page."""
    st.html(f"<style>{_CSS}</style>")


def start_at(mark: str, *, problem: bool = False) -> None:
    """Scroll to the top, or to the first problem, once for every new `mark`."""
    with st.container(key="scroll", height="content"):
        _scroll(key="scroll-to", data={"mark": mark, "problem": problem}, height=1)
