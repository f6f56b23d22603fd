"""Who sends a request: one ASGI middleware in front of every page, route and websocket.

The browser holds an HttpOnly cookie with a random token; the database holds only its hash. The
middleware turns the token into a rater and tells what stands behind it in two headers of its
own, after taking away any that came from outside.
"""

from typing import Literal
from unicodedata import normalize

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from annotate import people
from annotate.settings import get_settings
from annotate.workspace import open_database
from db.engine import DatabaseError
from db.tables import Rater

COOKIE = "annotate_session"
RATER_HEADER = "x-annotate-rater"
"""The rater's id; absent for a stranger."""
WAY_HEADER = "x-annotate-way"
"""How the rater was recognised: `cookie` or `proxy`."""

Way = Literal["cookie", "proxy"]


class IdentityMiddleware:
    """Recognise the rater of every http request and websocket."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Replace identity headers from outside by what the cookie or the proxy proves."""
        if scope["type"] in {"http", "websocket"}:
            headers = MutableHeaders(raw=list(scope["headers"]))
            del headers[RATER_HEADER]
            del headers[WAY_HEADER]
            # Scripts, styles and fonts are the same for everybody: no question to the database.
            if not scope["path"].startswith(("/static/", "/assets/")):
                found = await run_in_threadpool(recognise, headers)
                if found is not None:
                    headers[RATER_HEADER], headers[WAY_HEADER] = str(found[0]), found[1]
            scope = {**scope, "headers": headers.raw}
        await self.app(scope, receive, send)


def recognise(headers: Headers) -> tuple[int, Way] | None:
    """The id of the rater whom the headers prove, and how; None for a stranger.

    Where the database cannot be asked everybody is a stranger: the page itself says why.
    """
    proxied = named_by_proxy(headers)
    cookie = session_cookie(headers)
    way: Way = "proxy" if proxied else "cookie"
    if not proxied and not cookie:
        return None
    try:
        with open_database().read() as session:
            rater = (
                person_named(session, proxied)
                if proxied
                else people.signed_in(session, cookie or "")
            )
            return None if rater is None or rater.id is None else (rater.id, way)
    except (DatabaseError, SQLAlchemyError):
        return None


def session_cookie(headers: Headers) -> str | None:
    """The token in the session cookie."""
    return cookie_parser(headers.get("cookie", "")).get(COOKIE)


def named_by_proxy(headers: Headers) -> str | None:
    """The e-mail or name that the trusted proxy states, where the settings trust one."""
    trusted = get_settings().trusted_proxy_header
    named = headers.getlist(trusted) if trusted else []
    # A proxy that adds its header to what came from outside says nothing that can be trusted.
    return (named[0] or None) if len(named) == 1 else None


def person_named(session: Session, name: str) -> Rater | None:
    """The one person with this e-mail (in any case), else with this exact name; not revoked.

    A letter may be written in either of the ways that Unicode has for it. Nobody where an e-mail is that of two: one of them would be taken for the other.
    """
    name = normalize("NFC", name)  # as names are stored
    people = session.exec(
        select(Rater).where(
            Rater.kind == "human",
            col(Rater.revoked_at).is_(None),
            sa.or_(col(Rater.email).is_not(None), col(Rater.name) == name),
        )
    ).all()
    # Not by the database: SQLite lowers only ASCII.
    named = [
        p for p in people if p.email and normalize("NFC", p.email).casefold() == name.casefold()
    ]
    found = named or [p for p in people if p.name == name]
    return found[0] if len(found) == 1 else None
