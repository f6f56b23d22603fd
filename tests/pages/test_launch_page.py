"""Launching step by step: what it will show follows every choice, the preview shows the units."""

import io
import json
from datetime import date
from typing import Any

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from annotate import outputs, rounds
from annotate.design import checked
from annotate.planned import Plan
from annotate.ui.launch_form import counted
from db.engine import Database
from db.tables import Round
from tests.pages.apps import app_of
from tests.pages.conftest import Tab
from tests.unit.desk_round import Desk

SEGMENTS = ("billing", "refunds")


def launching_a_round() -> None:
    from annotate.ui import launching, messages

    with messages.shown_errors():
        launching.show()


@pytest.fixture
def page(workspace_database: Database, tab: Tab) -> AppTest:
    """The launch page of a workspace with a round R and outputs of two more segments."""
    Desk(workspace_database)
    lines = [
        json.dumps({"id": f"{segment}{n:02}", "segment": segment, "response": "So.",
                    "input": [{"role": "user", "content": f"*Why*\n{segment}? " + "x" * 100}],
                    "occurred_at": f"2026-0{n % 2 + 1}-05T00:00:00Z"})
        for segment in SEGMENTS
        for n in range(20)
    ]  # fmt: skip
    with workspace_database.write() as session:
        read = outputs.read_outputs(io.BytesIO("\n".join(lines).encode()), name="more.jsonl")
        outputs.import_outputs(session, read, by=None)
    tab.sign_in("Lea")
    app = app_of(launching_a_round).run()
    app.selectbox(key="launch_rubric").select("answers@1")
    app.multiselect(key="launch_segments").set_value(list(SEGMENTS))
    app.number_input(key="launch_units").set_value(20).run()
    assert not app.exception
    return app


def said(app: AppTest) -> str:
    """All that the page says in captions, notes and paragraphs."""
    return "\n".join(box.value for box in (*app.caption, *app.info, *app.markdown))


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def click(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception


def test_what_is_missing_is_said_until_the_round_can_be_drawn(page: AppTest) -> None:
    assert [box.value.startswith("A round needs raters") for box in page.info] == [True]
    page.multiselect(key="launch_raters").set_value(["Ada"]).run()
    assert "verlap 3 needs 3 raters, 1 are named" in page.info[0].value
    page.multiselect(key="launch_raters").set_value(["Ada", "Ben", "Cy"]).run()
    assert not page.info
    assert not page.error
    assert metrics(page) == {"Units": "20", "Submissions": "60", "Hours of work": "unknown"}


def test_the_outlook_follows_a_choice_without_a_button(page: AppTest) -> None:
    page.multiselect(key="launch_raters").set_value(["Ada", "Ben", "Cy"]).run()
    before = page.dataframe[0].value
    assert list(before["segment"]) == ["All", *SEGMENTS]
    assert list(before["units"]) == ["20", "10", "10"]
    page.number_input(key="launch_units").set_value(40).run()
    after = page.dataframe[0].value
    assert list(after["units"]) == ["40", "20", "20"]
    assert after["alpha"][0] != before["alpha"][0]
    assert "40 outputs can be drawn." in said(page)
    assert "Smallest detectable drift" not in said(page)
    page.number_input(key="launch_anchors").set_value(12).run()
    assert "Smallest detectable drift on 12 anchors: 0.62 points of the judge" in said(page)
    page.number_input(key="launch_overlap").set_value(2).run()
    assert metrics(page)["Submissions"] == "80"


def test_filters_say_how_many_outputs_are_within_them(page: AppTest) -> None:
    assert "40 outputs within these filters: billing 20, refunds 20." in said(page)
    page.multiselect(key="launch_segments").set_value(["refunds"]).run()
    assert "20 outputs within these filters: refunds 20." in said(page)
    page.date_input(key="launch_since").set_value(date(2026, 2, 1)).run()
    assert "10 outputs within these filters: refunds 10." in said(page)
    page.date_input(key="launch_since").set_value(date(2027, 2, 1)).run()
    assert "No output within these filters; widen them." in said(page)


def test_many_segments_are_not_all_named() -> None:
    text = counted({f"s{n}": 1 for n in range(30)}, filtered=False)
    assert text.startswith("30 outputs in all: s0 1, ")
    assert text.endswith("s11 1, 18 segments more.")


def test_the_preview_shows_every_unit_and_the_launch_freezes_them(
    page: AppTest, workspace_database: Database
) -> None:
    page.text_input(key="launch_name").set_value("S")
    page.multiselect(key="launch_raters").set_value(["Ada", "Ben", "Cy"])
    page.number_input(key="launch_anchors").set_value(10).run()
    assert not any(button.label == "Launch" for button in page.button)
    click(page, "Preview the sample")
    sample = next(t.value for t in page.dataframe if "purpose" in t.value.columns)
    assert list(sample.columns) == ["key", "segment", "purpose", "input"]
    assert sorted(sample["purpose"].unique()) == ["anchor", "fresh"]
    assert sample["input"].str.match(r"\*Why\* (billing|refunds)\? x+$").all()
    assert (sample["input"].str.len() == 80).all()
    click(page, "Launch")
    with workspace_database.read() as session:
        frozen = session.exec(select(Round).where(Round.name == "S")).one()
        from annotate import rounds

        units = rounds.design_document(session, frozen, by=None)["units"]
    assert sorted(unit["key"] for unit in units) == sorted(sample["key"])


def test_a_changed_choice_takes_the_preview_away(page: AppTest) -> None:
    page.text_input(key="launch_name").set_value("S")
    page.multiselect(key="launch_raters").set_value(["Ada", "Ben", "Cy"]).run()
    click(page, "Preview the sample")
    assert any(button.label == "Launch" for button in page.button)
    page.number_input(key="launch_units").set_value(21).run()
    assert not any(button.label == "Launch" for button in page.button)


def test_a_round_without_a_name_is_not_previewed(page: AppTest) -> None:
    page.multiselect(key="launch_raters").set_value(["Ada", "Ben", "Cy"]).run()
    assert metrics(page)["Units"] == "20"
    click(page, "Preview the sample")
    assert page.error[0].value == "The round has no name; give it one, such as 2026-q4."


def test_a_refusal_stands_once_and_what_cannot_be_drawn_is_not_previewed(page: AppTest) -> None:
    preview = next(button for button in page.button if button.label == "Preview the sample")
    assert preview.disabled
    page.multiselect(key="launch_raters").set_value(["Ada", "Ben", "Cy"])
    page.number_input(key="launch_of_ceiling").set_value(0.3).run()
    assert ["A judge cannot be trusted" in box.value for box in page.info] == [True]
    assert not page.error


def test_outputs_of_the_baseline_are_not_counted_among_those_to_draw(
    page: AppTest, workspace_database: Database
) -> None:
    with workspace_database.write() as session:
        asked = {"name": "B", "rubric": "answers", "units": 12, "overlap": 1, "raters": ("Ada",)}
        filters = {"segments": SEGMENTS}
        rounds.launch_round(session, checked(**asked, filters=filters), by=None)
    page.multiselect(key="launch_raters").set_value(["Ada", "Ben", "Cy"]).run()
    assert "40 outputs can be drawn." in said(page)
    page.selectbox(key="launch_baseline").select("B").run()
    assert "28 outputs can be drawn, without those of round B." in said(page)


def test_the_plan_is_worked_out_again_only_when_something_has_changed(
    page: AppTest, workspace_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    plan = rounds.plan_round

    def counting(*given: Any, **named: Any) -> Plan:
        drawn.append("once")
        return plan(*given, **named)

    monkeypatch.setattr(rounds, "plan_round", counting)
    page.multiselect(key="launch_raters").set_value(["Ada", "Ben", "Cy"]).run()
    page.run()
    assert len(drawn) == 1
    page.number_input(key="launch_units").set_value(25).run()
    assert len(drawn) == 2
    with workspace_database.write() as session:
        line = b'{"id": "new", "input": "?", "response": "!", "segment": "billing"}'
        read = outputs.read_outputs(io.BytesIO(line), name="new.jsonl")
        outputs.import_outputs(session, read, by=None)
    page.run()
    assert len(drawn) == 3
    assert "41 outputs can be drawn." in said(page)
