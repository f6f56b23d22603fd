"""Watching a round on its page: one speed, one table by rater, and nothing that would unblind."""

from datetime import timedelta

import pytest
import streamlit as st
from sqlmodel import col, select
from streamlit.testing.v1 import AppTest

from annotate import people
from db.engine import Database
from db.tables import Output, Rating
from tests.pages.apps import app_of
from tests.pages.conftest import Tab
from tests.unit.desk_round import Desk
from tests.unit.test_reports import judge


def one_round() -> None:
    from annotate import rounds
    from annotate.ui import messages, round_view, session

    with messages.shown_errors():
        with session.database().read() as db:
            round_ = rounds.get_round(db, "R")
        round_view.show(round_)


@pytest.fixture
def desk(workspace_database: Database, tab: Tab, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """R, in which Ada has rated six of ten units a minute each; Lea watches."""
    # Links lead to pages of the whole app, which is not here.
    monkeypatch.setattr(st, "page_link", lambda page, *, label, icon=None: st.caption(label))
    made = Desk(workspace_database, units=10, overlap=2, judges=("Judge",))
    for _ in range(6):
        made.rate("Ada")
    tab.sign_in("Lea")
    return made


def watch() -> AppTest:
    app = app_of(one_round).run()
    assert not app.exception
    return app


def said(app: AppTest) -> str:
    return "\n".join(box.value for box in (*app.caption, *app.text, *app.markdown, *app.error))


def downloads(app: AppTest) -> list[str]:
    return [one.proto.label for one in app.get("download_button")]


@pytest.mark.usefixtures("desk")
def test_progress_speed_and_what_is_left_stand_in_one_row_a_rater() -> None:
    segments, raters = (table.value for table in watch().dataframe[:2])
    assert list(segments["submitted"]) == ["6 of 20"]
    assert list(raters["rater"]) == ["Ada", "Ben", "Cy"]
    assert list(raters["left, about"]) == ["3", "6", "6"]
    assert list(raters["a unit takes"]) == ["5 s", "", ""]
    assert list(raters.columns) == [
        "rater", "submitted", "left, about", "done", "a unit takes", "last submission"
    ]  # fmt: skip


def test_a_finished_segment_is_done_and_a_finished_round_says_no_time(desk: Desk) -> None:
    for name in ("Ben", "Cy", "Ada"):
        while desk.claim(name) is not None:
            desk.rate(name)
    app = watch()
    assert list(app.dataframe[0].value["done"]) == ["done"]
    assert "Work left" not in said(app)
    assert "Every unit has its ratings: close the round." in said(app)


def test_the_judge_that_was_chosen_is_there_with_how_far_it_is(desk: Desk) -> None:
    assert "Judge Judge is to be calibrated here and has scored nothing yet." in said(watch())
    judge(desk, {"o00": 1.0})
    assert "Judge Judge has scored 1 of 10 outputs." in said(watch())
    # "Cannot judge" is an answer, and no score.
    with desk.database.write() as session:
        scored = session.exec(select(Rating).order_by(col(Rating.id))).all()[-1]
        other = session.exec(select(Output.id).where(Output.id != scored.output_id)).first()
        session.add(
            Rating(
                round_id=scored.round_id,
                unit_id=None,
                output_id=other or 0,
                criterion="quality",
                rater_id=scored.rater_id,
                abstained="cannot_judge",
            )
        )
    assert "Judge Judge has scored 1 of 10 outputs." in said(watch())


def test_a_lead_who_rates_in_the_open_round_reads_why_instead_of_pressing_in_vain(
    desk: Desk, tab: Tab
) -> None:
    place = desk.take("Ben")
    desk.skip("Ben", place, "plainly a 1")
    notes = "Units that raters flagged or skipped, with their reason"
    assert "Download the report (HTML)" in downloads(watch())
    assert notes in said(watch())
    with desk.database.write() as session:
        people.get_rater(session, "Ada").role = "lead"
    tab.sign_in("Ada")
    app = watch()
    assert notes not in said(app), "a note may say how somebody grades"
    assert downloads(app) == ["Download the design document"]
    assert "the report are shown once it is closed" in said(app).replace("\n", " ")
    assert not app.error
    assert not app.toggle
    desk.close()
    assert "Download the report (HTML)" in downloads(watch())


def test_a_stuck_unit_is_given_back(desk: Desk) -> None:
    desk.at -= timedelta(days=30)
    desk.take("Ben")
    app = watch()
    next(b for b in app.button if b.label == "Give back all of Ben's").click().run()
    assert not app.exception
    assert not any(b.label.startswith("Give back") for b in app.button)
