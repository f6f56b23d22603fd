"""How the rating screen looks: reading comfort by a little CSS."""

import streamlit as st

_CSS = """
.block-container { padding-bottom: 4rem; max-width: 82rem; }
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
  .st-key-form label::after { display: none !important; }
}
"""


def apply() -> None:
    """Put the styles of the rating screen into the page."""
    st.html(f"<style>{_CSS}</style>")
