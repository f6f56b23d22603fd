"""Routes beside the pages: the door in, the door out, and health."""

import base64
import hashlib
import math
from html import escape
from urllib.parse import parse_qsl, urlsplit

import sqlalchemy as sa
from sqlmodel import col, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from annotate import passwords, people
from annotate.errors import AnnotateError
from annotate.identity import COOKIE, session_cookie
from annotate.settings import get_settings
from annotate.workspace import open_database
from db.engine import DatabaseError
from db.tables import Rater

NO_LINK = "This link is not valid (any more)"
ASK_LEAD = "It may have been replaced or revoked. Ask the lead of your round for a new one."

NO_PASSWORDS = "There is no sign-in by password here"
ASK_LEAD_FOR_LINK = "Follow your personal link; the lead of your round has it."
LONGEST_FORM = 20_000
_PASSWORD_FIELDS = (
    '<label>Name or e-mail<input name="name" autocomplete="username" required autofocus></label>'
    '<label>Password<input name="password" type="password" autocomplete="current-password" '
    "required></label>"
)

# Who sits down here next does not read what was being written: the server has the drafts.
_FORGET_DRAFTS = (
    "for (const name of Object.keys(localStorage)) "
    'if (name.startsWith("annotate:draft:")) localStorage.removeItem(name);'
)

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
label {{ display: block; font-weight: 600; margin: 0 0 1rem }}
input {{ font: inherit; display: block; width: 100%; box-sizing: border-box; margin-top: .25rem;
  padding: .5rem .75rem; border: 1px solid color-mix(in srgb, var(--ink) 45%, transparent);
  border-radius: 8px; color: inherit; background: var(--ground) }}
:focus-visible {{ outline: 2px solid var(--go); outline-offset: 2px }}
button {{ font: inherit; font-weight: 600; padding: .625rem 1.25rem; border: 0; border-radius: 8px;
  color: var(--on-go); background: var(--go); cursor: pointer }}
a {{ color: inherit }}
</style></head><body><main><h1>{title}</h1><p>{text}</p>{action}</main></body></html>
"""


def page(
    title: str,
    text: str,
    *,
    button: str | None = None,
    fields: str = "",
    script: str = "",
    status: int = 200,
) -> HTMLResponse:
    """A small page in plain HTML, everything escaped; the button posts to the same address.

    fields: inputs of the form, as HTML that is ours.
    script: one that is ours, and the only one that the browser runs.
    """
    action = (
        f'<form method="post">{fields}<button type="submit">{escape(button)}</button></form>'
        if button
        else '<a href="/">To the start</a>'
    )
    allowed = ""
    if script:
        action += f"<script>{script}</script>"
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        allowed = f"script-src 'sha256-{digest}'; "
    return HTMLResponse(
        _PAGE.format(title=escape(title), text=escape(text), action=action),
        status_code=status,
        headers={
            "Cache-Control": "no-store",
            # A personal link must not travel on in a Referer header.
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": f"default-src 'none'; {allowed}style-src 'unsafe-inline'; "
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
    return signed_in(cookie)


def signed_in(token: str) -> Response:
    """On to the pages, with the cookie of a new sign-in."""
    response = RedirectResponse("/", status_code=303)
    settings = get_settings()
    response.set_cookie(
        COOKIE,
        token,
        max_age=settings.session_days * 24 * 3600,
        path="/",
        httponly=True,
        samesite="lax",
        secure=settings.secure,
    )
    return response


async def ask_for_password(request: Request) -> Response:
    """The form for name and password, where the settings allow passwords."""
    del request
    if not get_settings().passwords:
        return page(NO_PASSWORDS, ASK_LEAD_FOR_LINK, status=404)
    return _password_form("With your name or e-mail, and your password.")


async def enter_password(request: Request) -> Response:
    """Sign this browser in by name and password."""
    if not get_settings().passwords:
        return page(NO_PASSWORDS, ASK_LEAD_FOR_LINK, status=404)
    if from_elsewhere(request):
        return page("You are not signed in", "Open the sign-in page itself.", status=403)
    form = await _form(request)
    if form is None:
        return _password_form("That was too long for a name and a password.", status=413)
    name, password = form.get("name", ""), form.get("password", "")
    address = request.client.host if request.client else ""
    try:
        tried = await passwords.sign_in_in_turn(open_database, name, password, address=address)
    except DatabaseError as error:
        return page("The database cannot be used", str(error), status=503)
    if tried is None:
        response = _password_form(
            "Too many people are signing in at this moment. Try again in a few seconds.", status=429
        )
        response.headers["Retry-After"] = "5"
        return response
    if tried.token is not None:
        return signed_in(tried.token)
    if tried.wait > 0:
        seconds = math.ceil(tried.wait)
        words = f"Too many wrong passwords. Try again in {seconds} second{'s' * (seconds > 1)}."
        response = _password_form(words, status=429)
        response.headers["Retry-After"] = str(seconds)
        return response
    return _password_form("That name and password do not go together.", status=403)


def _password_form(text: str, *, status: int = 200) -> HTMLResponse:
    return page(
        "Sign in to annotate", text, button="Sign in", fields=_PASSWORD_FIELDS, status=status
    )


async def _form(request: Request) -> dict[str, str] | None:
    """The fields of a small form; None where it is longer than any of ours, its rest unread."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_FORM:
            return None
    return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))


async def ask_to_sign_out(request: Request) -> Response:
    """Ask before ending the sign-in."""
    del request
    return page(
        "Sign out",
        "To come back, follow your personal link or sign in again. What you have submitted is stored.",
        button="Sign out",
        fields='<label><input type="checkbox" name="everywhere" value="yes" '
        'style="display: inline; width: auto; margin-right: .5rem">'
        "in every browser of mine, not only here</label>",
    )


async def sign_out(request: Request) -> Response:
    """End this browser's sign-in, here and in the database."""
    if from_elsewhere(request):
        return page("You are still signed in", "Use the sign-out link of this site.", status=403)
    token = session_cookie(request.headers)
    form = await _form(request) or {}
    if token:
        await run_in_threadpool(_sign_out, token, form.get("everywhere") == "yes")
    response = page(
        "You are signed out",
        "To come back, follow your personal link or sign in again.",
        script=_FORGET_DRAFTS,
    )
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
    """Whether another site's page made the browser post this.

    Browsers say so in Sec-Fetch-Site, but not to a plain http address of another machine, and old
    ones never: then the page's own address must be ours. What sends none of these headers is no
    browser, and has nobody's cookie.
    """
    said = request.headers.get("sec-fetch-site")
    if said is not None:
        return said not in {"same-origin", "none"}
    page = request.headers.get("origin") or request.headers.get("referer")
    if page is None:
        return False
    # A proxy may name itself as host; what browsers ask for is then in the settings.
    ours = {request.headers.get("host", "").lower(), _place(get_settings().base_url)}
    return _place(page) not in ours


def _place(url: str) -> str:
    """Host and port of an address, as a Host header has them; "" for none, such as `null`."""
    parts = urlsplit(url.lower())
    default = {"http": ":80", "https": ":443"}.get(parts.scheme, "-")
    return parts.netloc.removesuffix(default)


def _name_behind(token: str) -> str | None:
    link_hash = hashlib.sha256(token.encode()).hexdigest()
    with open_database().read() as session:
        return session.exec(
            select(Rater.name).where(Rater.link_hash == link_hash, col(Rater.revoked_at).is_(None))
        ).first()


def _join(token: str) -> str:
    with open_database().write() as session:
        return people.join(session, token)


def _sign_out(token: str, everywhere: bool) -> None:
    with open_database().write() as session:
        rater = people.signed_in(session, token)
        if everywhere and rater is not None:
            people.sign_out_everywhere(session, rater, by=rater)
        people.sign_out(session, token)


def _ask_database() -> None:
    with open_database().read() as session:
        session.execute(sa.text("SELECT 1"))
