"""Sign-in by a real OpenID Connect provider: a process of its own on loopback."""

import hashlib
import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from annotate import events, people
from db.engine import Database
from tests.server import Server

PEOPLE = (
    {
        "sub": "ana",
        "email": "ANA@example.org",
        "email_verified": True,
        # More than one cookie holds: Streamlit then writes several.
        "groups": [hashlib.sha256(b"%d" % n).hexdigest() for n in range(90)],
    },
    {"sub": "mallory", "email": "ana@example.org", "email_verified": False},
    {"sub": "nobody", "email": "nobody@example.org", "email_verified": True},
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The provider's address."""
    port = free_port()
    claims = [word for one in PEOPLE for word in ("--user-claims", json.dumps(one))]
    process = subprocess.Popen(
        [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), *claims],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{address}/.well-known/openid-configuration").close()
                break
            except OSError:
                assert process.poll() is None, "the provider ended"
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def server(
    migrated_file: Path, tmp_path_factory: pytest.TempPathFactory, provider: str
) -> Iterator[Server]:
    """A server that knows the provider."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(migrated_file, folder / "annotate.db")
    database = Database(f"sqlite:///{folder}/annotate.db")
    with database.write() as session:
        people.add_rater(session, "Ana", email="ana@example.org")
        people.add_rater(session, "Lea", role="lead")
    port = free_port()
    (folder / ".streamlit").mkdir()
    (folder / ".streamlit" / "secrets.toml").write_text(f"""
        [auth]
        redirect_uri = "http://localhost:{port}/oauth2callback"
        cookie_secret = "0123456789abcdef0123456789abcdef"
        client_id = "annotate"
        client_secret = "secret"
        server_metadata_url = "{provider}/.well-known/openid-configuration"

        [auth.broken]
        client_id = "annotate"
    """)
    server = Server(folder, database, port=port)
    try:
        server.start()
        yield server
        server.stop()
    finally:
        database.dispose()


def sign_in_as(page: Page, server: Server, person: str) -> None:
    page.goto(server.base)
    page.get_by_role("button", name="Sign in with your organisation's account").click()
    page.get_by_role("button", name=person, exact=True).first.click()


def cookies(context: BrowserContext) -> dict[str, bool]:
    return {str(c.get("name")): bool(c.get("httpOnly")) for c in context.cookies()}


def test_a_verified_address_signs_its_rater_in_and_signing_out_everywhere_ends_it(
    server: Server, page: Page, context: BrowserContext
) -> None:
    sign_in_as(page, server, "ana")
    expect(page.get_by_text("Signed in as Ana")).to_be_visible()
    left = cookies(context)
    assert left["annotate_session"] is True
    assert not [name for name in left if name.startswith("_streamlit_user")]
    with server.database.read() as session:
        last = events.history(session, limit=1)[0]
        assert (last.action, last.subject, last.detail) == (
            "signed in", "rater:Ana", {"way": "oidc"},
        )  # fmt: skip
    page.goto(f"{server.base}/sign-out")
    page.get_by_label("in every browser of mine").check()
    page.get_by_role("button", name="Sign out").click()
    page.goto(server.base)
    expect(page.get_by_text("You are not signed in")).to_be_visible()


@pytest.mark.parametrize(
    ("person", "words"),
    [
        ("mallory", "does not say that ana@example.org is verified"),
        ("nobody", "nobody here has the e-mail nobody@example.org"),
    ],
)
def test_others_are_told_why_and_whom_to_ask(
    server: Server, page: Page, context: BrowserContext, person: str, words: str
) -> None:
    sign_in_as(page, server, person)
    expect(page.get_by_text(words)).to_be_visible()
    assert set(cookies(context)).isdisjoint({"annotate_session", "_streamlit_user"})
    page.get_by_role("link", name="To the start").click()
    expect(page.get_by_text("You are not signed in")).to_be_visible()


def test_what_the_provider_said_enters_nobody_who_has_signed_out_everywhere_since(
    server: Server, page: Page, context: BrowserContext
) -> None:
    sent: list[Request] = []
    page.on("request", lambda one: sent.append(one) if one.url.endswith("/enter") else None)
    sign_in_as(page, server, "ana")
    expect(page.get_by_text("Signed in as Ana")).to_be_visible()
    kept = {"Cookie": sent[0].all_headers()["cookie"]}
    assert "_streamlit_user=" in kept["Cookie"] and "_streamlit_user_1=" in kept["Cookie"]
    with server.database.write() as session:
        people.sign_out_everywhere(session, people.get_rater(session, "Ana"), by=None)
    context.clear_cookies()
    answer = context.request.get(f"{server.base}/enter", headers=kept)
    assert answer.status == 403
    assert "you have signed out since" in answer.text().lower()


def test_a_forged_or_old_word_of_the_provider_enters_nobody(
    server: Server, page: Page, context: BrowserContext
) -> None:
    context.add_cookies([{"name": "_streamlit_user", "value": "forged", "url": server.base}])
    page.goto(server.base)
    expect(page.get_by_text("What your provider said has expired")).to_be_visible()
    assert set(cookies(context)).isdisjoint({"annotate_session", "_streamlit_user"})


def test_a_provider_that_is_set_up_wrongly_says_what_is_missing(server: Server, page: Page) -> None:
    page.goto(server.base)
    page.get_by_role("button", name="Sign in with Broken").click()
    expect(page.get_by_text("client_secret")).to_be_visible()
