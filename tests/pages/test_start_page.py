"""The page Start answers whether the judge can be trusted, from the newest round that it scored."""

import io
import json
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from annotate import exchange, outputs, people, rounds
from annotate.design import checked
from annotate.desk import claim_next
from db.engine import Database
from tests.pages.apps import app_of
from tests.pages.conftest import Tab
from tests.unit.desk_round import Desk
from tests.unit.test_reports import TRUTH, judge, level, rated


def standing_now() -> None:
    from annotate import rounds
    from annotate.ui import messages, session, standing

    with messages.shown_errors(), session.lead_reads() as (db, lead):
        standing.show(db, rounds.list_rounds(db, by=lead), lead)


@pytest.fixture
def desk(workspace_database: Database) -> Desk:
    """R, which Ada and Ben have rated."""
    return rated(workspace_database, anchors=6)


@pytest.fixture
def app(desk: Desk, tab: Tab, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """Lea's start page."""
    # Links lead to pages of the whole app, which is not here.
    monkeypatch.setattr(st, "page_link", lambda page, *, label, icon=None: st.caption(label))
    assert desk.round().status == "open"
    tab.sign_in("Lea")
    return app_of(standing_now)


def said(app: AppTest) -> str:
    assert not app.exception
    return "\n".join(box.value for box in (*app.caption, *app.markdown, *app.subheader, *app.error))


def close(database: Database, name: str) -> None:
    with database.write() as session:
        rounds.close_round(session, name, by=None)


def test_without_a_judge_or_a_closed_round_it_says_nothing(
    app: AppTest, workspace_database: Database
) -> None:
    assert said(app.run()) == ""
    close(workspace_database, "R")
    assert said(app.run()) == ""


def test_it_gives_the_verdict_on_every_criterion_and_what_moved(
    app: AppTest, desk: Desk, workspace_database: Database
) -> None:
    judge(desk, TRUTH)
    assert said(app.run()) == "", "the round is open"
    close(workspace_database, "R")
    first = said(app.run())
    assert "As of R, the newest round that a judge scored" in first
    assert "**quality**" in first
    assert "Judge" in first
    assert "moved" not in first
    lines = [{"id": f"n{n}", "input": "?", "response": f"Response {n}"} for n in range(8)]
    with workspace_database.write() as session:
        file = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
        outputs.import_outputs(session, outputs.read_outputs(file, name="n.jsonl"), by=None)
        rounds.launch_round(
            session,
            checked(
                name="R2", rubric="answers", units=8, overlap=2, raters=("Ada", "Ben"),
                anchors_from="R", baseline="R",
            ),
            by=None,
        )  # fmt: skip
        rows = [
            {"output_id": key, "rater": "Judge", "criterion": "quality", "value": TRUTH[key]}
            for key in (u["key"] for u in rounds.design_document(
                session, rounds.get_round(session, "R2"), by=None)["units"])
            if key in TRUTH
        ]  # fmt: skip
        exchange.import_ratings(
            session, io.BytesIO("\n".join(map(json.dumps, rows)).encode()),
            round=rounds.get_round(session, "R2"), name="j.jsonl", kind="judge", by=None,
        )  # fmt: skip
    answer(workspace_database)
    close(workspace_database, "R2")
    second = said(app.run())
    assert "As of R2" in second
    # Too few anchors to say so: that nothing is seen is no sign that nothing moved.
    assert "Whether it moved since R cannot be told. quality: " in second
    assert "more anchors" in second
    assert "No sign" not in second
    assert "In no segment are there enough ratings for a verdict on quality." in second


def answer(database: Database) -> None:
    """Ada and Ben rate R2 as they rated R."""
    from annotate import desk
    from db.tables import now

    for name in ("Ada", "Ben"):
        while True:
            with database.write() as session:
                rater, round_ = people.get_rater(session, name), rounds.get_round(session, "R2")
                place = claim_next(session, rater, round_, at=now())
                if place is None:
                    break
                desk.submit(
                    session, rater, place.assignment_id, level(place.response, name),
                    idempotency_key=f"{name} {place.assignment_id}", at=now(),
                )  # fmt: skip


def test_a_metric_is_no_judge(app: AppTest, workspace_database: Database) -> None:
    scored(workspace_database, "R", "rouge", "metric")
    close(workspace_database, "R")
    assert said(app.run()) == ""


def test_drift_from_an_open_round_is_kept_from_a_lead_who_rates_in_it(
    tab: Tab, app: AppTest, workspace_database: Database
) -> None:
    lines = [{"id": f"n{n}", "input": "?", "response": f"Response {n}"} for n in range(8)]
    with workspace_database.write() as session:
        people.get_rater(session, "Ada").role = "lead"
        file = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
        outputs.import_outputs(session, outputs.read_outputs(file, name="n.jsonl"), by=None)
        design = checked(
            name="R2", rubric="answers", units=8, overlap=1, raters=("Cy",), anchors_from="R",
            baseline="R",
        )  # fmt: skip
        rounds.launch_round(session, design, by=None)
    scored(workspace_database, "R2", "Cy", "human")
    for name in ("R", "R2"):
        scored(workspace_database, name, "Judge", "judge")
    close(workspace_database, "R2")
    assert "since R" in said(app.run())
    tab.sign_in("Ada")
    hers = app_of(standing_now).run()
    assert not hers.error
    assert "Whether it moved since R is shown once that round is closed: you rate in it." in said(
        hers
    )
    assert "No sign that it moved" not in said(hers)


def scored(database: Database, name: str, rater: str, kind: Any) -> None:
    """The rater gives every unit of the round a 2."""
    with database.write() as session:
        round_ = rounds.get_round(session, name)
        rows = [
            {"output_id": unit["key"], "rater": rater, "criterion": "quality", "value": 2}
            for unit in rounds.design_document(session, round_, by=None)["units"]
        ]
        file = io.BytesIO("\n".join(map(json.dumps, rows)).encode())
        if rater not in {one.name for one in people.list_raters(session, by=None)}:
            people.add_rater(session, rater, kind=kind)
        exchange.import_ratings(session, file, round=round_, name="s.jsonl", kind=kind, by=None)
