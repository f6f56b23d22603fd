"""Sign-in by an OpenID Connect provider, through Streamlit's own login.

Streamlit asks the provider (`/auth/login`, `/oauth2callback`; section `[auth]` of
`.streamlit/secrets.toml`) and leaves what it was told in a signed cookie. `/enter` exchanges that
cookie at once for a sign-in of ours, which can be ended on the server, and deletes it.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import streamlit as st
from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.auth_util import get_cookie_with_chunks, get_secrets_auth_section
from streamlit.errors import StreamlitAuthError
from streamlit.web.server.server_util import get_cookie_secret

from annotate import doors, oidc
from annotate.errors import AnnotateError, BadInput, in_words
from annotate.ui import messages
from annotate.workspace import open_database
from db.engine import DatabaseError

PATH = "/enter"
COOKIE = "_streamlit_user"
"""Its later parts are numbered, and the provider's tokens are beside it: all begin like this."""
FRESH_SECONDS = 600


class EnterAfterLogin:
    """Send a browser that comes back from the provider on to `/enter`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Streamlit sends it to the start, with its cookie."""
        start = scope["type"] == "http" and (scope["method"], scope["path"]) == ("GET", "/")
        if start and COOKIE in Request(scope).cookies:
            await RedirectResponse(PATH, status_code=303)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


async def enter(request: Request) -> Response:
    """Exchange Streamlit's cookie for a sign-in; it is gone afterwards, whatever came of it."""
    response = await _entered(request)
    for name in request.cookies:
        if name.startswith(COOKIE):
            response.delete_cookie(name, path="/", httponly=True, samesite="lax")
    return response


async def _entered(request: Request) -> Response:
    told = claims(request.cookies)
    if told is None:
        return doors.page(
            "You are not signed in", "What your provider said has expired. Sign in again.",
            status=403,
        )  # fmt: skip
    try:
        return doors.signed_in(await run_in_threadpool(_sign_in, *told))
    except DatabaseError as error:
        return doors.page("The database cannot be used", str(error), status=503)
    except AnnotateError as error:
        return doors.page("You are not signed in", in_words(error), status=403)


def claims(cookies: Mapping[str, str]) -> tuple[dict[str, Any], datetime] | None:
    """What the provider said and when Streamlit wrote it down; None if that is not now or forged."""
    if not providers():
        return None
    written: list[datetime] = []

    def one(name: str) -> bytes | None:
        signer = URLSafeTimedSerializer(get_cookie_secret(), salt=name)
        try:
            value, at = signer.loads(
                cookies.get(name, ""), max_age=FRESH_SECONDS, return_timestamp=True
            )
        except BadData:
            return None
        written.append(at.astimezone(UTC))
        return str(value).encode()

    value = get_cookie_with_chunks(one, COOKIE)
    if value is None:
        return None
    said = json.loads(value)
    return said, min(written)


def _sign_in(said: dict[str, Any], said_at: datetime) -> str:
    with open_database().write() as session:
        return oidc.sign_in(session, said, said_at=said_at)


def providers() -> dict[str, str]:
    """The providers of `.streamlit/secrets.toml`: what each button says, by name."""
    section = get_secrets_auth_section()
    named = [
        name
        for name, value in section.items()
        if isinstance(value, Mapping) and "client_id" in value
    ]
    found = {name: f"Sign in with {name[:1].upper()}{name[1:]}" for name in named}
    if "client_id" in section:
        found = {"default": "Sign in with your organisation's account"} | found
    return found


def show_buttons() -> None:
    """One button for each provider."""
    for name, label in providers().items():
        st.button(label, key=f"provider-{name}", on_click=_ask, args=(name,), type="primary")


def _ask(name: str) -> None:
    try:
        st.login(None if name == "default" else name)
    except StreamlitAuthError as error:
        messages.keep(BadInput(f".streamlit/secrets.toml, [auth]: {' '.join(str(error).split())}"))
