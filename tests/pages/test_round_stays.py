"""The page Rate keeps the round that its rater chose: in the address, through a reload."""

import pytest
from streamlit.testing.v1 import AppTest

from annotate import rounds
from annotate.design import checked
from db.engine import Database
from tests.pages.apps import app_of
from tests.pages.conftest import Tab
from tests.unit.desk_round import Desk


def rate() -> None:
    import streamlit as st

    from annotate.ui import rating, session

    found = rating.choose_round(session.require_rater())
    st.caption("none" if found is None else found.name)


@pytest.fixture
def app(workspace_database: Database, tab: Tab) -> AppTest:
    """Ada rates in R and in S."""
    Desk(workspace_database)
    with workspace_database.write() as session:
        asked = {"rubric": "answers", "units": 2, "overlap": 1, "raters": ("Ada",)}
        rounds.launch_round(session, checked(**asked, name="S"), by=None)
    tab.sign_in("Ada")
    return app_of(rate)


def test_an_address_with_a_round_opens_it_and_another_can_be_chosen(app: AppTest) -> None:
    app.query_params["round"] = "S"
    app.run()
    assert app.caption[0].value == "S"
    app.selectbox(key="round").select("R").run()
    assert app.caption[0].value == "R"


def test_a_round_of_the_address_that_is_not_there_is_passed_over(app: AppTest) -> None:
    app.query_params["round"] = "gone"
    app.run()
    assert not app.exception
    assert app.caption[0].value == "R"
