"""The doors: personal links, cookies, health, and headers that prove nothing."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from annotate import doors, identity, passwords, people
from annotate.cli import serve
from annotate.errors import NotAllowed
from annotate.settings import get_settings
from db.engine import Database
from db.tables import Rater


async def whoami(request: Request) -> JSONResponse:
    return JSONResponse(
        [request.headers.get(identity.RATER_HEADER), request.headers.get(identity.WAY_HEADER)]
    )


async def whoami_on_a_socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json(websocket.headers.get(identity.RATER_HEADER))
    await websocket.close()


@pytest.fixture
def client(workspace_database: Database) -> Iterator[TestClient]:
    del workspace_database
    app = Starlette(
        routes=[
            Route("/whoami", whoami),
            WebSocketRoute("/socket", whoami_on_a_socket),
            Route("/join/{token}", doors.ask_to_join, methods=["GET"]),
            Route("/join/{token}", doors.join, methods=["POST"]),
            Route("/sign-out", doors.ask_to_sign_out, methods=["GET"]),
            Route("/sign-out", doors.sign_out, methods=["POST"]),
            Route("/health", doors.health),
        ],
        middleware=[Middleware(identity.IdentityMiddleware)],
    )
    with TestClient(app, follow_redirects=False) as client:
        yield client


def link_of(database: Database, name: str, **more: str) -> str:
    with database.write() as session:
        rater = people.add_rater(session, name, **more)  # type: ignore[arg-type]
        return f"/join/{people.new_link(session, rater, by=None)}"


def rater_named(database: Database, name: str) -> Rater:
    with database.read() as session:
        return people.get_rater(session, name)


def test_a_personal_link_signs_in_only_when_its_button_is_pressed(
    client: TestClient, workspace_database: Database
) -> None:
    link = link_of(workspace_database, "Ana")
    shown = client.get(link)
    assert "Continue as Ana" in shown.text
    assert "set-cookie" not in shown.headers
    assert client.get("/whoami").json() == [None, None]

    pressed = client.post(link)
    assert (pressed.status_code, pressed.headers["location"]) == (303, "/")
    cookie = pressed.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/" in cookie
    assert client.get("/whoami").json() == [
        str(rater_named(workspace_database, "Ana").id),
        "cookie",
    ]


def test_the_cookie_is_for_https_alone_where_the_product_is_reached_by_https(
    client: TestClient, workspace_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = link_of(workspace_database, "Ana")
    monkeypatch.setenv("ANNOTATE_BASE_URL", "https://annotate.example.org")
    get_settings.cache_clear()
    assert "Secure" in client.post(link).headers["set-cookie"]


def test_a_name_with_html_is_shown_as_it_is_written(
    client: TestClient, workspace_database: Database
) -> None:
    link = link_of(workspace_database, "<img src=x onerror=alert(1)>")
    assert "<img" not in client.get(link).text
    assert "&lt;img" in client.get(link).text


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_or_replaced_link_is_refused_with_whom_to_ask(
    client: TestClient, workspace_database: Database, method: str
) -> None:
    old = link_of(workspace_database, "Ana")
    with workspace_database.write() as session:
        people.new_link(session, people.get_rater(session, "Ana"), by=None)
    for link in (old, "/join/guess"):
        answer = client.request(method, link)
        assert answer.status_code == 403
        assert "Ask the lead" in answer.text
        assert "set-cookie" not in answer.headers


def test_a_post_from_another_site_signs_nobody_in(
    client: TestClient, workspace_database: Database
) -> None:
    link = link_of(workspace_database, "Ana")
    answer = client.post(link, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("header", ["Origin", "Referer"])
@pytest.mark.parametrize(
    ("page", "status"),
    [
        ("http://testserver", 303),
        ("http://testserver:80", 303),
        ("https://annotate.example.org", 303),  # where the settings say that people reach it
        ("http://evil.example", 403),
        ("http://testserver.evil.example", 403),
        ("http://testserver:8080", 403),
        ("null", 403),
    ],
)
def test_a_browser_that_says_no_site_is_known_by_the_page_that_it_posts_from(
    client: TestClient,
    workspace_database: Database,
    monkeypatch: pytest.MonkeyPatch,
    header: str,
    page: str,
    status: int,
) -> None:
    """Plain http to another machine: browsers send no Sec-Fetch-Site there."""
    link = link_of(workspace_database, "Ana")
    monkeypatch.setenv("ANNOTATE_BASE_URL", "https://annotate.example.org/")
    get_settings.cache_clear()
    said = page if header == "Origin" else f"{page}/join/x"
    answer = client.post(link, headers={header: said})
    assert (answer.status_code, "set-cookie" in answer.headers) == (status, status == 303)


def test_a_header_from_outside_proves_nothing(
    client: TestClient, workspace_database: Database
) -> None:
    link_of(workspace_database, "Ana")
    forged = {"X-Annotate-Rater": "1", "X-Annotate-Way": "proxy"}
    assert client.get("/whoami", headers=forged).json() == [None, None]
    with client.websocket_connect("/socket", headers=forged) as socket:
        assert socket.receive_json() is None


def test_a_websocket_carries_the_rater_of_its_cookie(
    client: TestClient, workspace_database: Database
) -> None:
    client.post(link_of(workspace_database, "Ana"))
    with client.websocket_connect("/socket", headers={"X-Annotate-Rater": "999"}) as socket:
        assert socket.receive_json() == str(rater_named(workspace_database, "Ana").id)


def test_a_revoked_rater_is_a_stranger_at_once(
    client: TestClient, workspace_database: Database
) -> None:
    client.post(link_of(workspace_database, "Ana"))
    with workspace_database.write() as session:
        people.revoke(session, people.get_rater(session, "Ana"), by=None)
    assert client.get("/whoami").json() == [None, None]


def test_signing_out_ends_the_session_in_the_database_too(
    client: TestClient, workspace_database: Database
) -> None:
    client.post(link_of(workspace_database, "Ana"))
    cookie = client.cookies[identity.COOKIE]
    assert "Sign out" in client.get("/sign-out").text
    assert client.get("/whoami").json() != [None, None]
    assert "You are signed out" in client.post("/sign-out").text
    kept = {"Cookie": f"{identity.COOKIE}={cookie}"}
    assert client.get("/whoami", headers=kept).json() == [None, None]


def test_a_trusted_proxy_names_a_rater_by_email_or_name(
    client: TestClient, workspace_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    link_of(workspace_database, "Ana", email="ana@example.org")
    ana = str(rater_named(workspace_database, "Ana").id)
    by_proxy = {"X-Forwarded-User": "ANA@example.org"}
    assert client.get("/whoami", headers=by_proxy).json() == [None, None]

    monkeypatch.setenv("ANNOTATE_TRUSTED_PROXY_HEADER", "X-Forwarded-User")
    get_settings.cache_clear()
    assert client.get("/whoami", headers=by_proxy).json() == [ana, "proxy"]
    assert client.get("/whoami", headers={"X-Forwarded-User": "Ana"}).json() == [ana, "proxy"]
    assert client.get("/whoami", headers={"X-Forwarded-User": "Bob"}).json() == [None, None]


def test_a_proxy_name_that_could_be_two_people_is_nobody(
    client: TestClient, workspace_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such pairs cannot be added any more; an older database may hold them."""
    link_of(workspace_database, "Ana", email="both@example.org")
    with workspace_database.write() as session:
        session.add(Rater(name="Ben", kind="human", email="BOTH@example.org"))
    monkeypatch.setenv("ANNOTATE_TRUSTED_PROXY_HEADER", "X-Forwarded-User")
    get_settings.cache_clear()

    def named(name: str) -> str | None:
        headers = {"X-Forwarded-User": name}
        found: list[str | None] = client.get("/whoami", headers=headers).json()
        return found[0]

    assert named("both@example.org") is None
    assert named("Ana") == str(rater_named(workspace_database, "Ana").id)


def test_health_asks_the_database(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/health").json() == {"status": "ok", "database": "ok"}
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("ANNOTATE_DATABASE_URL", f"sqlite:///{tmp_path}/file/annotate.db")
    get_settings.cache_clear()
    assert client.get("/health").status_code == 503


def test_serve_finds_a_lead_or_makes_one(workspace_database: Database) -> None:
    assert "/join/" in serve.lead_link(None)
    assert rater_named(workspace_database, "lead").role == "lead"
    link_of(workspace_database, "Ana")
    with pytest.raises(NotAllowed, match="Ana is no lead"):
        serve.lead_link("Ana")


def test_serve_takes_the_lead_who_is_there(
    client: TestClient, workspace_database: Database
) -> None:
    link_of(workspace_database, "Mia", role="lead")
    link = serve.lead_link(None)
    assert "Continue as Mia" in client.get("/join/" + link.rpartition("/")[2]).text


@pytest.fixture
def with_passwords(
    workspace_database: Database, monkeypatch: pytest.MonkeyPatch, quick_hashes: None
) -> Iterator[TestClient]:
    """Where the settings allow passwords; Ada has one."""
    del quick_hashes
    monkeypatch.setenv("ANNOTATE_PASSWORDS", "true")
    get_settings.cache_clear()
    with workspace_database.write() as session:
        ada = people.add_rater(session, "Ada")
        session.flush()
        passwords.set_password(session, ada, "correct horse battery", by=None)
    app = Starlette(
        routes=[
            Route("/whoami", whoami),
            Route("/login", doors.ask_for_password, methods=["GET"]),
            Route("/login", doors.enter_password, methods=["POST"]),
            Route("/sign-out", doors.sign_out, methods=["POST"]),
        ],
        middleware=[Middleware(identity.IdentityMiddleware)],
    )
    with TestClient(app, follow_redirects=False) as client:
        yield client


def test_name_and_password_sign_a_browser_in(with_passwords: TestClient) -> None:
    assert 'type="password"' in with_passwords.get("/login").text
    wrong = with_passwords.post("/login", data={"name": "Ada", "password": "wrong"})
    assert (wrong.status_code, "do not go together" in wrong.text) == (403, True)
    assert "set-cookie" not in wrong.headers
    right = with_passwords.post("/login", data={"name": "Ada", "password": "correct horse battery"})
    assert right.status_code == 303
    assert "HttpOnly" in right.headers["set-cookie"]
    assert with_passwords.get("/whoami").json()[1] == "cookie"


def test_too_many_wrong_passwords_cost_a_wait(with_passwords: TestClient) -> None:
    for _ in range(passwords.FREE_BY_PERSON):
        with_passwords.post("/login", data={"name": "Ada", "password": "wrong"})
    held = with_passwords.post("/login", data={"name": "Ada", "password": "correct horse battery"})
    assert (held.status_code, held.headers["retry-after"]) == (429, "1")
    assert "Try again in 1 second." in held.text


def test_another_sites_form_cannot_sign_in_and_a_flood_is_not_read(
    with_passwords: TestClient,
) -> None:
    said = {"name": "Ada", "password": "correct horse battery"}
    crossed = with_passwords.post("/login", data=said, headers={"sec-fetch-site": "cross-site"})
    assert (crossed.status_code, "set-cookie" in crossed.headers) == (403, False)
    flood = with_passwords.post("/login", data={"name": "Ada", "password": "x" * 30_000})
    assert flood.status_code == 413


def test_a_flood_that_does_not_say_how_long_it_is_is_read_no_further(
    with_passwords: TestClient,
) -> None:
    parts = []

    def body() -> Iterator[bytes]:
        for _ in range(100):
            parts.append(1)
            yield b"name=" + b"x" * 10_000

    urlencoded = {"content-type": "application/x-www-form-urlencoded"}
    assert with_passwords.post("/login", content=body(), headers=urlencoded).status_code == 413
    assert with_passwords.post("/login", data={f"f{n}": "x" for n in range(50)}).status_code == 403


def test_a_flood_of_passwords_leaves_the_rest_of_the_server_at_work(
    with_passwords: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def slowly(stored: str | None, password: str) -> bool:
        del stored, password
        return not go_on.wait(60)

    monkeypatch.setattr(passwords, "_verify", slowly)

    def knock(name: int) -> int:
        said = {"name": f"name {name}", "password": "wrong"}
        return with_passwords.post("/login", data=said).status_code

    # More than the pool of threads that all requests share.
    flood = passwords.MOST_WAITING + 50
    with ThreadPoolExecutor(flood + 1) as pool:
        try:
            knocking = [pool.submit(knock, n) for n in range(flood)]
            turned_away = [done.result() for done in islice(as_completed(knocking, 30), 50)]
            assert pool.submit(with_passwords.get, "/whoami").result(30).status_code == 200
        finally:
            go_on.set()
        answers = [one.result() for one in knocking]
    assert turned_away == [429] * 50
    assert answers.count(403) == passwords.MOST_WAITING
    # There is place again.
    assert knock(flood) == 403


def test_signing_out_everywhere_ends_the_other_browsers_too(with_passwords: TestClient) -> None:
    said = {"name": "Ada", "password": "correct horse battery"}
    cookies = []
    for _ in range(2):
        with_passwords.cookies.clear()
        with_passwords.post("/login", data=said)
        cookies.append(with_passwords.cookies[identity.COOKIE])
    with_passwords.post("/sign-out", data={"everywhere": "yes"})
    for cookie in cookies:
        with_passwords.cookies.clear()
        headers = {"cookie": f"{identity.COOKIE}={cookie}"}
        assert with_passwords.get("/whoami", headers=headers).json() == [None, None]


def test_without_the_setting_there_is_no_sign_in_by_password(
    client: TestClient, workspace_database: Database
) -> None:
    del client, workspace_database
    app = Starlette(
        routes=[
            Route("/login", doors.ask_for_password, methods=["GET"]),
            Route("/login", doors.enter_password, methods=["POST"]),
        ]
    )
    with TestClient(app) as closed:
        assert closed.get("/login").status_code == 404
        assert closed.post("/login", data={"name": "a", "password": "b"}).status_code == 404
