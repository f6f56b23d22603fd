"""Routes beside the pages: the door in, the door out, and health."""

import hashlib
from html import escape

import sqlalchemy as sa
from sqlmodel import col, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from annotate import people
from annotate.errors import AnnotateError
from annotate.identity import COOKIE, session_cookie
from annotate.settings import get_settings
from annotate.workspace import open_database
from db.engine import DatabaseError
from db.tables import Rater

NO_LINK = "This link is not valid (any more)"
ASK_LEAD = "It may have been replaced or revoked. Ask the lead of your round for a new one."

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><style>
:root {{ color-scheme: light dark; --ink: #1d2421; --ground: #f4f5f2; --card: #fff; --go: #1f6f5c;
  --on-go: #fff }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e6eae7; --ground: #141817;
  --card: #1e2422; --go: #5cc2a3; --on-go: #10201b }} }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; color: var(--ink);
  background: var(--ground); font: 16px/1.5 system-ui, sans-serif }}
main {{ background: var(--card); border-radius: 12px; padding: 2rem; margin: 1rem;
  max-width: 26rem; overflow-wrap: anywhere }}
h1 {{ font-size: 1.375rem; margin: 0 0 .5rem }} p {{ margin: 0 0 1.25rem }}
button {{ font: inherit; font-weight: 600; padding: .625rem 1.25rem; border: 0; border-radius: 8px;
  color: var(--on-go); background: var(--go); cursor: pointer }}
a {{ color: inherit }}
</style></head><body><main><h1>{title}</h1><p>{text}</p>{action}</main></body></html>
"""


def page(title: str, text: str, *, button: str | None = None, status: int = 200) -> HTMLResponse:
    """A small page in plain HTML, everything escaped; the button posts to the same address."""
    action = (
        f'<form method="post"><button type="submit">{escape(button)}</button></form>'
        if button
        else '<a href="/">To the start</a>'
    )
    return HTMLResponse(
        _PAGE.format(title=escape(title), text=escape(text), action=action),
        status_code=status,
        headers={
            "Cache-Control": "no-store",
            # A personal link must not travel on in a Referer header.
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
            "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        },
    )


async def ask_to_join(request: Request) -> Response:
    """Show whose link it is. Following a link signs nobody in: link previews follow links too."""
    token = request.path_params["token"]
    try:
        name = await run_in_threadpool(_name_behind, token)
    except DatabaseError as error:
        return page("The database cannot be used", str(error), status=503)
    if name is None:
        return page(NO_LINK, ASK_LEAD, status=403)
    return page(
        "Sign in to annotate",
        f"This personal link belongs to {name}. Your ratings will be stored under that name.",
        button=f"Continue as {name}",
    )


async def join(request: Request) -> Response:
    """Sign this browser in as the rater to whom the link belongs."""
    if from_elsewhere(request):
        return page(NO_LINK, "Open the link itself to sign in.", status=403)
    try:
        cookie = await run_in_threadpool(_join, request.path_params["token"])
    except DatabaseError as error:
        return page("The database cannot be used", str(error), status=503)
    except AnnotateError:
        return page(NO_LINK, ASK_LEAD, status=403)
    response = RedirectResponse("/", status_code=303)
    settings = get_settings()
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=settings.session_days * 24 * 3600,
        path="/",
        httponly=True,
        samesite="lax",
        secure=settings.secure,
    )
    return response


async def ask_to_sign_out(request: Request) -> Response:
    """Ask before ending the sign-in."""
    del request
    return page(
        "Sign out",
        "You need your personal link to come back. What you have submitted is stored.",
        button="Sign out",
    )


async def sign_out(request: Request) -> Response:
    """End this browser's sign-in, here and in the database."""
    if from_elsewhere(request):
        return page("You are still signed in", "Use the sign-out link of this site.", status=403)
    token = session_cookie(request.headers)
    if token:
        await run_in_threadpool(_sign_out, token)
    response = page("You are signed out", "Follow your personal link to come back.")
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    return response


async def health(request: Request) -> Response:
    """200 when the database answers, 503 when it does not."""
    del request
    try:
        await run_in_threadpool(_ask_database)
    except Exception as error:  # whatever is wrong, the answer is "not healthy"
        problem = str(error) if isinstance(error, DatabaseError) else type(error).__name__
        return JSONResponse({"status": "unavailable", "database": problem}, status_code=503)
    return JSONResponse({"status": "ok", "database": "ok"})


def from_elsewhere(request: Request) -> bool:
    """Whether another site's page made the browser post this."""
    return request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}


def _name_behind(token: str) -> str | None:
    link_hash = hashlib.sha256(token.encode()).hexdigest()
    with open_database().read() as session:
        return session.exec(
            select(Rater.name).where(Rater.link_hash == link_hash, col(Rater.revoked_at).is_(None))
        ).first()


def _join(token: str) -> str:
    with open_database().write() as session:
        return people.join(session, token)


def _sign_out(token: str) -> None:
    with open_database().write() as session:
        people.sign_out(session, token)


def _ask_database() -> None:
    with open_database().read() as session:
        session.execute(sa.text("SELECT 1"))
