"""Words on pages: messages, guidelines, and the options that the product serves with."""

import os

import pytest
from streamlit import config

from annotate.cli import serve
from annotate.ui.messages import as_plain_text
from annotate.ui.rating import unwrapped
from tests.pages.apps import app_of


def failing() -> None:
    import streamlit as st

    from annotate.errors import RoundClosed
    from annotate.ui import messages
    from db.engine import StorageFull

    def press() -> None:
        with messages.kept_errors():
            raise StorageFull("the disk is full")

    messages.show_kept()
    st.button("Press", on_click=press)
    with messages.shown_errors():
        raise RoundClosed("round *first* is closed")
    st.text("and goes on")


def test_a_refusal_is_drawn_as_a_sentence_and_the_page_goes_on() -> None:
    app = app_of(failing).run()
    assert [box.value for box in app.warning] == [r"Round \*first\* is closed."]
    assert app.text[0].value == "and goes on"


def test_a_refusal_in_a_callback_is_shown_once() -> None:
    app = app_of(failing).run()
    app.button[0].click().run()
    assert [box.value for box in app.error] == ["The disk is full."]
    app.run()
    assert not app.error


def redrawn() -> None:
    import streamlit as st

    from annotate.ui import messages
    from db.engine import StorageFull

    def press(refused: bool) -> None:
        with messages.kept_errors():
            if refused:
                raise StorageFull("the disk is full")

    messages.show_kept(seconds=60)
    st.button("Press", on_click=press, args=(True,))
    st.button("Mend", on_click=press, args=(False,))


def test_where_the_page_is_drawn_anew_by_itself_a_refusal_stands_until_the_next_step() -> None:
    app = app_of(redrawn).run()
    app.button[0].click().run()
    app.run()
    assert [box.value for box in app.error] == ["The disk is full."]
    app.button[1].click().run()
    assert not app.error


def test_guidelines_lose_the_line_breaks_of_their_file_and_keep_their_lists() -> None:
    text = (
        "How to proceed\n"
        "1. Read the question and say to yourself what an answer would\n"
        "   have to tell.\n"
        "2. Read the context.\n"
        "\n"
        "Every statement that could be true or false is a claim, be it a figure,\n"
        "a name or a date.\n"
        "- Greetings are none.\n"
    )
    assert unwrapped(text).split("\n") == [
        "How to proceed",
        "1. Read the question and say to yourself what an answer would have to tell.",
        "2. Read the context.",
        "",
        "Every statement that could be true or false is a claim, be it a figure, a name or a date.",
        "- Greetings are none.",
    ]


def test_a_judges_version_can_be_copied_and_a_mail_address_is_no_link() -> None:
    assert as_plain_text("strict@1 beside word-overlap@2. a@b.c") == (
        "strict@1 beside word-overlap@2. a@\u2060b.c"
    )


def test_every_option_of_ours_is_one_of_streamlit() -> None:
    options = serve.house_options()
    assert options["runner.postScriptGC"] is False
    for name in options:
        assert serve.variable(name) == config._config_options_template[name].env_var


def test_a_variable_wins_over_the_option_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "STREAMLIT_SERVER_MAX_UPLOAD_SIZE" not in os.environ
    assert serve.house_options()["server.maxUploadSize"] == 500
    monkeypatch.setenv("STREAMLIT_SERVER_MAX_UPLOAD_SIZE", "5")
    assert "server.maxUploadSize" not in serve.house_options()


def test_a_port_that_is_taken_is_refused_with_the_mend() -> None:
    import socket

    from annotate.errors import BadInput

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match=f"port {port}: .*; choose another with --port"):
            serve.free_port("127.0.0.1", port)
