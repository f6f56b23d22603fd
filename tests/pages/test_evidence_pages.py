"""The pages of evidence, clicked through: a cell of the matrix, disagreements, drift, the desk."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest

from annotate import exchange, outputs, people, rounds
from annotate.design import Design
from annotate.reports import disagreements as reported
from annotate.reports.opening import record_opening
from annotate.ui import reports
from db.engine import Database
from tests.pages.apps import app_of
from tests.pages.conftest import Tab
from tests.unit.desk_round import Desk
from tests.unit.test_causes import disputed
from tests.unit.test_reports import TRUTH, judge, rated
from tests.unit.two_rounds import FEWER, two_rounds

PAGES = Path(__file__).parents[2] / "pages"
PATIENCE = 60


def page(name: str) -> AppTest:
    app = AppTest.from_file(PAGES / f"{name}.py", default_timeout=PATIENCE).run()
    assert not app.exception, app.exception
    return app


def said(app: AppTest) -> str:
    """Everything that stands on the page as text."""
    parts = (app.markdown, app.caption, app.text, app.info, app.success, app.warning)
    return "\n".join(str(one.value) for part in parts for one in part)


def choose_cell(app: AppTest, row: int, column: str) -> None:
    """Click a cell of the page's first table, as the browser would say it."""
    clicked = WidgetState(
        id=app.dataframe[0].proto.id,
        string_value=json.dumps(
            {"selection": {"rows": [], "columns": [], "cells": [[row, column]]}}
        ),
    )
    states = app._tree.get_widget_states()
    states.widgets.append(clicked)
    app._run(states)
    assert not app.exception, app.exception


def scored(desk: Desk, name: str, kind: Any, criterion: str, values: dict[str, float]) -> None:
    """Scores of another automated rater in R."""
    rows = [
        {"output_id": key, "rater": name, "criterion": criterion, "value": value}
        for key, value in values.items()
    ]
    file = io.BytesIO("\n".join(map(json.dumps, rows)).encode())
    with desk.database.write() as session:
        exchange.import_ratings(
            session, file, round=rounds.get_round(session, "R"), name="s.jsonl", kind=kind, by=None
        )


def closed_round(database: Database) -> Desk:
    """R, in which the judge is a point too high on o00, whose people say 1 and 2, and on o01."""
    desk = rated(database)
    judge(desk, TRUTH | {"o00": 3.0, "o01": 3.0})
    scored(desk, "Judge", "judge", "failure.stale", {"o00": 0.0, "o03": 1.0, "o06": 0.0})
    desk.close()
    return desk


def test_a_cell_of_the_matrix_leads_to_its_confusion_and_its_disagreements(
    workspace_database: Database, tab: Tab
) -> None:
    closed_round(workspace_database)
    tab.sign_in("Lea")
    app = page("calibration")
    matrix = app.dataframe[0].value
    assert list(matrix.index) == ["All segments", "hidden-segment"]
    assert list(matrix.columns) == ["quality", "failure.stale"]
    confusion = next(d.value for d in app.dataframe if "people say" in d.value)
    # Of twelve units the judge is off on two: from 1 and from 2 to 3.
    assert confusion.to_numpy().tolist() == [["1", 3, 0, 1], ["2", 0, 3, 1], ["3", 0, 0, 4]]
    assert "**o00** · hidden-segment · people 1, judge 3 (+1.50)" in said(app)
    assert "**o01** · hidden-segment · people 2, judge 3 (+1.00)" in said(app)

    choose_cell(app, 1, "failure.stale")
    assert app.session_state["calibration_criterion"] == "failure.stale"
    assert app.selectbox(key="calibration_segment").value == "hidden-segment"
    assert "hidden-segment, failure.stale" in said(app)
    assert "people 1, judge 3" not in said(app)


def test_the_page_opens_with_the_newest_judge_and_word_overlap_comes_last(
    workspace_database: Database, tab: Tab
) -> None:
    desk = closed_round(workspace_database)
    with workspace_database.write() as session:
        lexical = {"spec": {"engine": "lexical"}}
        people.add_rater(session, "a-words@1", kind="metric", identity=lexical)
        people.add_rater(session, "rouge", kind="metric")
        people.add_rater(session, "young", kind="judge")
    for name, kind in (("a-words@1", "metric"), ("rouge", "metric"), ("young", "judge")):
        scored_after(desk, name, kind)
    tab.sign_in("Lea")
    box = page("calibration").selectbox(key="calibration_judge")
    assert (box.value, box.options) == ("young", ["young", "Judge", "rouge", "a-words@1"])
    drift_box = page("drift").selectbox(key="drift_judge")
    assert drift_box.options == ["young", "Judge", "rouge", "a-words"]


def scored_after(desk: Desk, name: str, kind: Any) -> None:
    """As `scored`, outside any round: R is closed."""
    rows = [
        {"output_id": key, "rater": name, "criterion": "quality", "value": value}
        for key, value in TRUTH.items()
    ]
    file = io.BytesIO("\n".join(map(json.dumps, rows)).encode())
    with desk.database.write() as session:
        exchange.import_ratings(session, file, round=None, name="s.jsonl", kind=kind, by=None)


def test_drift_is_shown_of_the_rounds_that_are_chosen(
    workspace_database: Database, tab: Tab
) -> None:
    two_rounds(workspace_database, anchors=18, judge_moves=1, seen=[f"o{n:02}" for n in range(6)])
    tab.sign_in("Lea")
    assert "anchors are held back: they are of the test split" in said(page("drift"))
    with workspace_database.write() as session:
        judge = people.get_rater(session, "Judge")
        for name in ("R", "S"):
            record_opening(session, judge, rounds.get_round(session, name), "quality", by=None)
    app = page("drift")
    assert app.selectbox(key="drift_round").value == "S"
    assert app.selectbox(key="drift_baseline").value == "R"
    assert "The judge became" in said(app) and "more lenient" in said(app)
    contrasts = next(d.value for d in app.dataframe if "contrast" in d.value)
    contrasts = contrasts.set_index("contrast")
    moved = next(d.value for d in app.dataframe if "judge moved by" in d.value)
    assert set(moved["judge moved by"]) == {0, 1}
    mean = moved["judge moved by"].mean()
    assert contrasts.loc["Judge on anchors", "moved by"] == f"{mean:+.2f}"
    assert contrasts.loc["Raters on anchors", "moved by"] == "+0.00"
    assert not set(moved["output"]) & {f"o{n:02}" for n in range(6)}
    assert f"Left out are {18 - len(moved)} anchors: the judge has seen their case" in said(app)
    assert "held back" not in said(app)
    line = next(d.value for d in app.dataframe if "judge less people" in d.value)
    assert list(line["round"]) == ["R", "S"]
    # R itself has no earlier round to be compared with.
    app.selectbox(key="drift_round").select("R").run()
    assert not app.exception
    assert "Drift needs an earlier round" in said(app)
    assert "The judge became" not in said(app)


def test_where_nothing_can_be_compared_the_page_says_why(
    workspace_database: Database, tab: Tab
) -> None:
    two_rounds(workspace_database, rubric=FEWER)
    tab.sign_in("Lea")
    app = page("drift")
    assert "The two rounds have no criterion that can be compared." in said(app)
    assert "quality is not compared" in said(app)
    assert app.header[-1].value == "Between rounds"


def test_the_desk_asks_where_a_judge_is_alone_once_that_is_chosen(
    workspace_database: Database, tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed_round(workspace_database)
    asked = []

    def counted(session: Session, round_: Any, *, by: Any) -> Any:
        asked.append(round_.name)
        return reported.judge_alone(session, round_, by=by)

    monkeypatch.setattr(reports, "alone_report", counted)
    tab.sign_in("Lea")
    app = page("adjudicate")
    causes = app.segmented_control(key="adjudicate_cause")
    assert causes.options[-1] == "Judge alone"
    assert asked == []
    causes.select("judge alone").run()
    assert not app.exception
    assert asked == ["R"]
    # On o00 people differ themselves.
    assert "**o01**" in said(app) and "**o00**" not in said(app)
    app.run()
    assert asked == ["R"], "no rating has arrived since"
    with workspace_database.write() as session:
        first = people.get_rater(session, "Judge")
        record_opening(session, first, rounds.get_round(session, "R"), "quality", by=None)
    app.run()
    assert asked == ["R", "R"], "what is held back may be another"


def test_what_is_remembered_of_the_line_is_not_shown_to_a_lead_who_rates_in_a_round_of_it(
    workspace_database: Database, tab: Tab
) -> None:
    two_rounds(workspace_database)
    fill_open_round(workspace_database)
    tab.sign_in("Lea")
    app = page("drift")
    app.selectbox(key="drift_round").select("T").run()
    app.selectbox(key="drift_baseline").select("R").run()
    line = next(d.value for d in app.dataframe if "judge less people" in d.value)
    assert list(line["round"]) == ["R", "S", "open", "T"]
    with workspace_database.write() as session:
        people.get_rater(session, "Ada").role = "lead"
    tab.sign_in("Ada")
    app = page("drift")
    app.selectbox(key="drift_round").select("T").run()
    app.selectbox(key="drift_baseline").select("R").run()
    line = next(d.value for d in app.dataframe if "judge less people" in d.value)
    assert list(line["round"]) == ["R", "S", "T"]
    assert "open is not in the line: you rate in it" in said(app)


def fill_open_round(database: Database) -> None:
    """The open round, in which Ada rates, and T after it, which is closed."""
    for name, rater in (("open", "Ada"), ("T", "Cy")):
        lines = [{"id": f"{name}{n}", "input": "Q", "response": f"R {n}"} for n in range(6)]
        with database.write() as session:
            file = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
            outputs.import_outputs(session, outputs.read_outputs(file, name="f.jsonl"), by=None)
            design = Design(
                name=name, rubric="answers", units=6, overlap=1, raters=(rater,),
                anchors_from="R", baseline="R",
            )  # fmt: skip
            round_ = rounds.launch_round(session, design, by=None)
            units = rounds.design_document(session, round_, by=None)["units"]
            for who, kind in ((rater, "human"), ("Judge", "judge")):
                rows = [
                    {"output_id": unit["key"], "rater": who, "criterion": "quality", "value": 2}
                    for unit in units
                ]
                given = io.BytesIO("\n".join(map(json.dumps, rows)).encode())
                exchange.import_ratings(
                    session, given, round=round_, name="r.jsonl", kind=kind, by=None
                )
    with database.write() as session:
        rounds.close_round(session, "T", by=None)


def test_one_more_view_is_told_apart_from_the_ratings_that_count(
    workspace_database: Database, tab: Tab
) -> None:
    from annotate import adjudication
    from tests.unit.test_causes import LOW

    desk = disputed(workspace_database, units=1)
    with workspace_database.write() as session:
        adjudication.send_to_one_more(session, desk.round(), "o00", at=desk.at, by=None)
    desk.submit("Cy", desk.take("Cy"), LOW)
    tab.sign_in("Lea")
    app = page("adjudicate")
    votes = [one.value for one in app.markdown if one.value in ("**Ada**", "**Ben**", "**Cy**")]
    assert votes == ["**Ada**", "**Ben**", "**Cy**"]
    assert [one.value for one in app.caption].count("One more view, not counted") == 1


def test_merging_points_in_the_lab_recomputes_agreement_and_calibration(
    workspace_database: Database, tab: Tab
) -> None:
    closed_round(workspace_database)
    tab.sign_in("Lea")
    app = app_of(the_lab).run()
    assert not app.exception, app.exception
    before = app.dataframe[0].value
    assert list(before["scale"]) == ["as it is"]
    app.segmented_control(key="lab_change/quality").select("Merge points").run()
    app.pills(key="lab_merge/quality").select((1.0, 2.0)).run()
    assert not app.exception, app.exception
    trials = app.dataframe[0].value.set_index("scale")
    assert list(trials["points"]) == ["1 Bad | 2 Fair | 3 Good", "1 to 2 Bad / Fair | 3 Good"]
    assert trials.loc["as it is", "percent agreement"] == before["percent agreement"].iloc[0]
    assert str(trials.loc["tried", "percent agreement"]).startswith("100%")
    judges = app.dataframe[1].value
    assert list(judges["scale"]) == ["as it is", "tried"]
    # Two of the eight that people fail are passed by the judge, on either scale.
    app.segmented_control(key="lab_change/quality").select("Pass or fail at a cut").run()
    app.selectbox(key="lab_cut/quality").select(3.0).run()
    assert not app.exception, app.exception
    tried = app.dataframe[1].value.set_index("scale").loc["tried"]
    assert str(tried["fails found (TNR)"]).startswith("75%")
    assert str(tried["passes found (TPR)"]).startswith("100%")


def compared() -> None:
    from annotate.reports.disagreements import Disagreement, Side
    from annotate.reports.iteration import Apart, Given
    from annotate.ui import disagreeing

    sides = (Side("Ada", 1.0, "Bad", "It is *wrong*."), Side("Ben", 1.0, "Bad", None))
    rows = [
        Disagreement("quality", unit, unit, "s", "c", 1.0, 3.0, ("1", "3"), 2.0, None, None, sides)
        for unit in ("o00", "o01")
    ]
    found = [
        Apart(rows[0], "broken", Given("1", "All is unsupported."), Given("3", "Fine.")),
        Apart(rows[1], "unanswered", None, Given("3", None)),
    ]
    disagreeing.show_compared(found, "strict@1", "strict@2", key="k")


def test_beside_each_unit_stand_the_reasons_of_both_judges() -> None:
    app = app_of(compared).run()
    headings = [one.value.replace("\u2060", "") for one in app.caption]
    assert headings == ["People", "strict@2: 3", "strict@1: 1", "People", "strict@2: 3", "strict@1"]
    texts = [one.value for one in app.text]
    assert texts == [
        "Ada: 1 Bad\nIt is *wrong*.", "Ben: 1 Bad", "Fine.", "All is unsupported.",
        "Ada: 1 Bad\nIt is *wrong*.", "Ben: 1 Bad", "It gave no reason.", "It gave no answer.",
    ]  # fmt: skip
    app.segmented_control(key="k/which").select("Broken (1)").run()
    assert len(app.caption) == 3


def the_lab() -> None:
    from annotate import rounds
    from annotate.ui import rubric_lab, session

    lead = session.require_lead()
    with session.database().read() as db:
        rubric_lab.show_lab(db, rounds.get_round(db, "R"), lead)
