"""What a lead's pages ask and do: filters, uploads, launching what was previewed, people."""

import json
import re
from collections.abc import Mapping

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from annotate import design_words, outputs, people
from annotate.errors import NotAllowed
from annotate.ui.session import later
from db.engine import Database
from db.tables import Output, Rating, Round
from tests.pages.apps import app_of
from tests.pages.conftest import Tab
from tests.unit.desk_round import Desk

CHANGED = "The outputs, anchors or rubric changed since the preview"


def listing() -> None:
    from annotate.ui import stock

    stock.show_listing()


def importing_outputs() -> None:
    from annotate.ui import messages, stock

    with messages.shown_errors():
        stock.show_import()


def launching_a_round() -> None:
    from annotate.ui import launching, messages

    with messages.shown_errors():
        launching.show()


def one_round() -> None:
    from annotate import rounds
    from annotate.ui import messages, round_view, session

    with session.database().read() as db:
        round_ = rounds.get_round(db, "R")
    with messages.shown_errors():
        round_view._show_import(round_)


def staff() -> None:
    from annotate.ui import messages, panel

    messages.show_kept()
    with messages.shown_errors():
        panel.show_people()
    panel.show_adding()


def lines(*rows: Mapping[str, object]) -> bytes:
    return "\n".join(json.dumps({"input": "q", "response": "r", **row}) for row in rows).encode()


def store(database: Database, *rows: Mapping[str, object]) -> None:
    import io

    with database.write() as session:
        read = outputs.read_outputs(io.BytesIO(lines(*rows)), name="more.jsonl")
        outputs.import_outputs(session, read, by=None)


def shown_ids(app: AppTest) -> list[str]:
    return list(app.dataframe[0].value["id"]) if app.dataframe else []


@pytest.mark.usefixtures("as_lead")
def test_outputs_are_filtered_by_configuration_and_counted(workspace_database: Database) -> None:
    store(
        workspace_database,
        {"id": "a", "configuration": "old"},
        {"id": "b", "configuration": "new"},
        {"id": "c", "configuration": "new"},
    )
    app = app_of(listing).run()
    choice = app.selectbox(key="outputs_configuration")
    assert choice.options == ["All (3)", "new (2)", "old (1)"]
    choice.select("new").run()
    assert shown_ids(app) == ["b", "c"]
    assert not app.exception


@pytest.mark.usefixtures("as_lead")
def test_a_changed_filter_begins_at_the_first_page(workspace_database: Database) -> None:
    store(workspace_database, *({"id": f"o{n:03}"} for n in range(60)), {"id": "z"})
    app = app_of(listing).run()
    app.number_input(key="outputs_page").set_value(2).run()
    assert shown_ids(app)[-1] == "z"
    app.text_input(key="outputs_search").set_value("o00").run()
    assert shown_ids(app)[0] == "o000"
    assert len(shown_ids(app)) == 10


@pytest.mark.usefixtures("as_lead")
def test_an_upload_says_what_would_happen_before_anything_is_stored(
    workspace_database: Database,
) -> None:
    store(workspace_database, {"id": "a"})
    app = app_of(importing_outputs).run()
    file = ("o.jsonl", lines({"id": "a"}, {"id": "b"}), "application/jsonl")
    app.file_uploader[0].set_value(file).run()
    assert {m.label: m.value for m in app.metric}["New"] == "1"
    assert len(stored_outputs(workspace_database)) == 1
    app.button[0].click().run()
    assert [s.value for s in app.success] == ["Imported 1 outputs; 1 were there already."]
    assert stored_outputs(workspace_database) == ["a", "b"]
    assert not app.metric, "the uploader is empty again"


@pytest.mark.usefixtures("as_lead")
def test_an_upload_in_conflict_shows_both_versions_and_stores_nothing(
    workspace_database: Database,
) -> None:
    store(workspace_database, {"id": "a", "response": "mine"})
    app = app_of(importing_outputs).run()
    file = ("o.jsonl", lines({"id": "a", "response": "theirs"}, {"id": "b"}), "application/jsonl")
    app.file_uploader[0].set_value(file).run()
    conflict = app.dataframe[-1].value.iloc[0]
    assert (conflict["stored"], conflict["offered"]) == ("mine", "theirs")
    assert app.button[0].disabled
    app.checkbox(key="outputs_skip").check().run()
    app.button[0].click().run()
    said = "Imported 1 outputs; 0 were there already; 1 in conflict were left out."
    assert [s.value for s in app.success] == [said]


def stored_outputs(database: Database) -> list[str]:
    with database.read() as session:
        return sorted(session.exec(select(Output.key)).all())


def test_ratings_are_uploaded_with_their_plan_first(workspace_database: Database, tab: Tab) -> None:
    Desk(workspace_database)
    tab.sign_in("Lea")
    app = app_of(one_round).run()
    rows = "output_id,rater,criterion,value\no00,Judge,quality,2\no01,Judge,quality,3\n"
    app.file_uploader[0].set_value(("judge.csv", rows.encode(), "text/csv")).run()
    app.selectbox(key=re_key(app, "ratings_kind")).select("judge").run()
    assert {m.label: m.value for m in app.metric}["New"] == "2"
    app.button[0].click().run()
    assert not app.exception
    assert [s.value for s in app.success] == ["Imported 2 ratings; 0 were there already."]
    with workspace_database.read() as session:
        assert len(session.exec(select(Rating)).all()) == 2


def re_key(app: AppTest, start: str) -> str:
    """The key of the select box whose key begins so."""
    return next(str(box.key) for box in app.selectbox if re.match(start, str(box.key)))


@pytest.fixture
def previewed(workspace_database: Database, tab: Tab) -> AppTest:
    """The launch form of a round S, filled in and previewed."""
    Desk(workspace_database)
    tab.sign_in("Lea")
    app = app_of(launching_a_round).run()
    app.text_input(key="launch_name").set_value("S")
    app.selectbox(key="launch_rubric").select("answers@1")
    app.multiselect(key="launch_raters").set_value(["Ada", "Ben", "Cy"])
    app.number_input(key="launch_units").set_value(4)
    app.run()
    next(b for b in app.button if b.label == "Preview the sample").click().run()
    assert not app.exception
    assert not app.error, [box.value for box in app.error]
    return app


def launch(app: AppTest) -> None:
    next(b for b in app.button if b.label == "Launch").click().run()
    assert not app.exception


def rounds_named(database: Database) -> list[str]:
    with database.read() as session:
        return sorted(session.exec(select(Round.name)).all())


def test_what_was_previewed_is_launched(previewed: AppTest, workspace_database: Database) -> None:
    assert rounds_named(workspace_database) == ["R"]
    launch(previewed)
    assert rounds_named(workspace_database) == ["R", "S"]


def test_a_sample_that_changed_since_its_preview_is_not_launched(
    previewed: AppTest, workspace_database: Database
) -> None:
    store(workspace_database, *({"id": f"late{n}", "segment": "new"} for n in range(50)))
    launch(previewed)
    assert [box.value.startswith(CHANGED) for box in previewed.error] == [True]
    assert rounds_named(workspace_database) == ["R"]


@pytest.mark.usefixtures("as_lead")
def test_a_person_who_is_refused_stays_in_the_form(workspace_database: Database) -> None:
    with workspace_database.write() as session:
        people.add_rater(session, "Ada")
    app = app_of(staff).run()
    app.text_input(key="person_name").set_value("Ada")
    app.text_input(key="person_email").set_value("ada@example.org")
    click(app, "Add")
    assert ["Ada" in box.value for box in app.error] == [True]
    assert app.text_input(key="person_email").value == "ada@example.org"
    app.text_input(key="person_name").set_value("Ada Two")
    click(app, "Add")
    assert app.text_input(key="person_name").value == ""
    with workspace_database.read() as session:
        assert people.get_rater(session, "Ada Two").email == "ada@example.org"


def click(app: AppTest, label: str) -> None:
    next(b for b in app.button if b.label == label).click().run()


@pytest.mark.parametrize("label", ["Personal link", "Revoke", "Restore", "Add"])
def test_who_has_signed_out_elsewhere_does_nothing_on_a_page_that_still_stands(
    workspace_database: Database, as_lead: Tab, label: str
) -> None:
    with workspace_database.write() as session:
        people.add_rater(session, "Ada")
        people.revoke(session, people.add_rater(session, "Ben"), by=None)
    app = app_of(staff).run()
    app.text_input(key="person_name").set_value("Lea II")
    app.selectbox(key="person_role").select("lead")
    before = everybody(workspace_database)
    as_lead.sign_out_elsewhere()
    click(app, label)
    assert everybody(workspace_database) == before
    assert "You are signed out" in app.error[0].value


def everybody(database: Database) -> list[tuple[str, str, bool, bool]]:
    with database.read() as session:
        return [
            (r.name, r.role, r.link_hash is not None, r.revoked_at is not None)
            for r in people.list_raters(session, by=None)
        ]


@pytest.mark.usefixtures("as_lead")
def test_nor_does_who_leads_no_more(workspace_database: Database) -> None:
    app = app_of(staff).run()
    app.text_input(key="person_name").set_value("Lea II")
    with workspace_database.write() as session:
        people.get_rater(session, "Lea").role = "rater"
    before = everybody(workspace_database)
    click(app, "Add")
    assert everybody(workspace_database) == before
    assert "Only a lead" in app.error[0].value


def test_nothing_is_launched_by_who_has_signed_out(
    previewed: AppTest, workspace_database: Database, tab: Tab
) -> None:
    tab.sign_out_elsewhere()
    launch(previewed)
    assert rounds_named(workspace_database) == ["R"]


def test_a_download_asks_again_who_is_signed_in(as_lead: Tab) -> None:
    """It is made when it is asked for, outside the script and long after the page was drawn."""
    make = later(lambda lead: lead.name)
    assert make() == "Lea"
    as_lead.sign_out_elsewhere()
    with pytest.raises(NotAllowed, match="you are signed out"):
        make()


def test_a_frozen_design_reads_as_sentences(workspace_database: Database) -> None:
    Desk(workspace_database, units=4, overlap=2, repeats=1)
    with workspace_database.read() as session:
        design = session.exec(select(Round)).one().design
    said = design_words.sentences(design)
    assert said[0] == "Rubric answers@1."
    assert said[1].startswith("4 fresh units drawn from 4 outputs")
    assert "1 unit is shown twice to the same rater, unannounced." in said
    assert "Each unit is rated by 2 of: Ada, Ben, Cy." in said
