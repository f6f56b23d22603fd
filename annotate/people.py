"""Who rates, who leads, and how they get in."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any, Literal
from unicodedata import normalize

import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotate import events
from annotate.errors import BadInput, Conflict, NotAllowed, NotFound
from annotate.settings import get_settings
from db.tables import Rater, SignIn, now

KINDS = ("human", "judge", "metric")
ROLES = ("rater", "lead")
MAX_NAME = 100


@dataclass(frozen=True)
class SignIns:
    """One rater's sign-ins."""

    browsers: int
    """Signed in at this moment."""
    latest: datetime
    """When one was last made, ended or not."""


def require_lead(session: Session, by: Rater | None) -> None:
    """Refuse anybody but a lead; None is the command line on the server itself.

    What is stored at this moment decides: a page may have been open since before a revocation.
    """
    if by is None:
        return
    stored = session.exec(select(Rater.role, Rater.revoked_at).where(Rater.id == by.id)).first()
    if stored is None or stored[0] != "lead" or stored[1] is not None:
        raise NotAllowed("only a lead may do this; ask a lead of your round")


def add_rater(
    session: Session,
    name: str,
    *,
    email: str | None = None,
    role: str = "rater",
    kind: str = "human",
    identity: dict[str, Any] | None = None,
    simulated: bool = False,
    by: Rater | None = None,
) -> Rater:
    """Add a rater. Raises BadInput for a name that cannot be shown, Conflict for a taken one."""
    require_lead(session, by)
    name = normalize("NFC", name.strip())
    email = (email or "").strip() or None
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise BadInput(f"rater name {name[:40]!r}: give 1 to {MAX_NAME} printable characters")
    if role not in ROLES:
        raise BadInput(f"role {role!r} is not one of {', '.join(ROLES)}")
    if kind not in KINDS:
        raise BadInput(f"kind {kind!r} is not one of {', '.join(KINDS)}")
    if kind != "human" and role == "lead":
        raise BadInput(f"{name}: a {kind} cannot be a lead; only people lead")
    if session.exec(select(Rater).where(Rater.name == name)).first() is not None:
        raise Conflict(f"there is a rater {name!r} already; choose another name")
    _refuse_taken_identity(session, name, email)
    rater = Rater(
        name=name,
        email=email,
        role=role,
        kind=kind,
        identity=identity,
        simulated=simulated,
    )
    session.add(rater)
    session.flush()
    events.record(session, "added rater", f"rater:{name}", by=by, kind=kind, role=role)
    return rater


def _refuse_taken_identity(session: Session, name: str, email: str | None) -> None:
    """A proxy names people by e-mail or name: nobody may be taken for somebody else."""
    for rater in session.exec(select(Rater).where(Rater.kind == "human")):
        if email and rater.email and email.casefold() == rater.email.casefold():
            raise Conflict(f"{email} is the e-mail of {rater.name} already; give another one")
        if rater.email and name.casefold() == rater.email.casefold():
            raise Conflict(f"{name} is the e-mail of {rater.name}; choose another name")
        if email and email.casefold() == rater.name.casefold():
            raise Conflict(f"there is a rater called {email} already; give another e-mail")


def get_rater(session: Session, name: str) -> Rater:
    """The rater of that name; NotFound names similar ones."""
    composed = normalize("NFC", name)
    found = session.exec(select(Rater).where(Rater.name == composed)).first()
    if found is not None:
        return found
    known = list(session.exec(select(Rater.name)))
    close = get_close_matches(name, known, n=3)
    mend = (
        f"did you mean {', '.join(close)}?" if close else f'`annotate rater add "{name}"` adds it'
    )
    raise NotFound(f"there is no rater {name!r}; {mend}")


def list_raters(session: Session, kind: str | None = None, *, by: Rater | None) -> list[Rater]:
    """Every rater, by name; or those of one kind."""
    require_lead(session, by)
    statement = select(Rater).order_by(Rater.name)
    if kind is not None:
        if kind not in KINDS:
            raise BadInput(f"kind {kind!r} is not one of {', '.join(KINDS)}")
        statement = statement.where(Rater.kind == kind)
    return list(session.exec(statement))


def new_link(session: Session, rater: Rater, *, by: Rater | None) -> str:
    """The token of a new personal link; the earlier link stops working."""
    require_lead(session, by)
    if rater.kind != "human":
        raise BadInput(f"{rater.name} is a {rater.kind}; only people get a link")
    if rater.revoked_at is not None:
        raise NotAllowed(f"{rater.name} is revoked; restore them first")
    token = secrets.token_urlsafe(32)
    rater.link_hash = _hashed(token)
    session.add(rater)
    events.record(session, "made link", f"rater:{rater.name}", by=by)
    return token


def revoke(session: Session, rater: Rater, *, by: Rater | None) -> None:
    """Take a rater's access away at once: link, password and sign-ins. Their ratings stay."""
    require_lead(session, by)
    rater.link_hash = None
    rater.password_hash = None  # it may be what was lost: `restore` must not bring it back
    rater.revoked_at = rater.revoked_at or now()
    session.add(rater)
    end_sign_ins(session, rater)
    events.record(session, "revoked", f"rater:{rater.name}", by=by)


def restore(session: Session, rater: Rater, *, by: Rater | None) -> None:
    """Let a revoked rater back in; they need a new link or a new password."""
    require_lead(session, by)
    rater.revoked_at = None
    session.add(rater)
    events.record(session, "restored", f"rater:{rater.name}", by=by)


def join(session: Session, token: str) -> str:
    """Sign a browser in by a personal link; the token for its cookie."""
    rater = session.exec(select(Rater).where(Rater.link_hash == _hashed(token))).first()
    if rater is None or rater.revoked_at is not None:
        raise NotAllowed("this link is not valid any more; ask the lead for a new one")
    return sign_in_as(session, rater, way="link")


def sign_in_as(session: Session, rater: Rater, *, way: Literal["link", "password", "oidc"]) -> str:
    """A new sign-in of this rater; the token for the browser's cookie."""
    token = secrets.token_urlsafe(32)
    assert rater.id is not None
    session.add(
        SignIn(
            rater_id=rater.id,
            token_hash=_hashed(token),
            expires_at=now() + timedelta(days=get_settings().session_days),
        )
    )
    events.record(session, "signed in", f"rater:{rater.name}", by=rater, way=way)
    return token


def signed_in(session: Session, token: str) -> Rater | None:
    """Who holds this cookie token: not expired, not ended, not revoked."""
    return session.exec(_SIGNED_IN, params={"token": _hashed(token), "at": now()}).first()


# Asked at every script run and every draft: built once.
_SIGNED_IN = (
    select(Rater)
    .join(SignIn, col(SignIn.rater_id) == Rater.id)
    .where(
        SignIn.token_hash == sa.bindparam("token"),
        col(SignIn.ended_at).is_(None),
        col(SignIn.expires_at) > sa.bindparam("at"),
        col(Rater.revoked_at).is_(None),
    )
)


def sign_ins(session: Session, *, by: Rater | None) -> dict[int, SignIns]:
    """The sign-ins of everybody who ever signed in, by rater id."""
    require_lead(session, by)
    at = now()
    standing = sa.case(
        (sa.and_(col(SignIn.ended_at).is_(None), col(SignIn.expires_at) > at), 1), else_=0
    )
    rows = session.exec(
        select(SignIn.rater_id, sa.func.sum(standing), sa.func.max(SignIn.created_at)).group_by(
            col(SignIn.rater_id)
        )
    ).all()
    return {rater: SignIns(int(browsers), latest) for rater, browsers, latest in rows}


def sign_out(session: Session, token: str) -> None:
    """End the sign-in behind this cookie token."""
    session.execute(
        sa.update(SignIn)
        .where(col(SignIn.token_hash) == _hashed(token), col(SignIn.ended_at).is_(None))
        .values(ended_at=now())
    )


def sign_out_everywhere(session: Session, rater: Rater, *, by: Rater | None) -> None:
    """End every sign-in of this rater. For leads, and each person for themselves."""
    if by is None or by.id != rater.id:
        require_lead(session, by)
    end_sign_ins(session, rater)
    events.record(session, "signed out everywhere", f"rater:{rater.name}", by=by)


def end_sign_ins(session: Session, rater: Rater, *, but: str | None = None) -> None:
    """As `sign_out_everywhere`, as a part of a step that says itself what it is.

    but: the cookie token of a sign-in that goes on.
    """
    rater.signed_out_at = now()
    session.add(rater)
    ended = sa.update(SignIn).where(
        col(SignIn.rater_id) == rater.id, col(SignIn.ended_at).is_(None)
    )
    if but is not None:
        ended = ended.where(col(SignIn.token_hash) != _hashed(but))
    session.execute(ended.values(ended_at=now()))


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
