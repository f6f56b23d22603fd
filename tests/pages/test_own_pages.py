"""What raters read of their own work, and the password that they give themselves."""

import pytest

from annotate import own_history, passwords, people
from annotate.settings import get_settings
from annotate.ui.rating import nothing_left_in_words
from annotate.workspace import open_database
from db.engine import Database
from tests.pages.apps import app_of
from tests.pages.conftest import Tab
from tests.unit.desk_round import GOOD, Desk


def own_password() -> None:
    from annotate.ui import messages, own_password, session

    rater = session.require_rater()
    messages.show_kept()
    own_password.show(rater)


def test_a_rater_sets_a_first_password_and_then_needs_it(
    workspace_database: Database, tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    with workspace_database.write() as session:
        people.add_rater(session, "Ada")
    tab.sign_in("Ada")
    assert not app_of(own_password).run().text_input, "where passwords are off"
    monkeypatch.setenv("ANNOTATE_PASSWORDS", "true")
    get_settings.cache_clear()
    app = app_of(own_password).run()
    app.text_input(key="own_password_new").set_value("correct horse battery")
    app.button[0].click().run()
    assert [box.value for box in app.success], [box.value for box in app.error]
    app.text_input(key="own_password_new").set_value("another horse battery")
    app.text_input(key="own_password_present").set_value("guessed")
    app.button[0].click().run()
    assert "not your present password" in app.error[0].value
    assert app.text_input(key="own_password_new").value == ""
    with open_database().read() as session:
        stored = people.get_rater(session, "Ada").password_hash
    assert passwords._verify(stored, "correct horse battery")


def test_who_lost_a_unit_to_others_is_not_thanked_for_having_rated_everything(
    workspace_database: Database,
) -> None:
    desk = Desk(workspace_database, units=1, overlap=1)
    place = desk.take("Ada")
    desk.draft("Ada", place, {"remark:text": "typed"})
    desk.later(20)
    desk.submit("Ben", desk.take("Ben"), GOOD)
    assert desk.claim("Ada") is None
    with workspace_database.read() as session:
        units = own_history.tally(session, desk.rater("Ada"), desk.round()).units
    assert units == {"expired": 1}
    assert "1 unit that you had before you was given to others" in nothing_left_in_words("R", 1)
    assert "You have rated everything" in nothing_left_in_words("R", 0)
