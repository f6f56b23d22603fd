"""A page of a test's own, driven without a browser."""

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

PATIENCE_S = 60
"""How long one run of a page may take: a busy machine needs longer than Streamlit's three seconds."""


def app_of(page: Callable[[], object]) -> AppTest:
    """The page as its visitor's tab; not run yet."""
    return AppTest.from_function(page, default_timeout=PATIENCE_S)
