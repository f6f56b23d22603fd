"""Who stands behind what an OpenID Connect provider says of a person."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from annotate import people
from annotate.errors import NotAllowed
from annotate.settings import get_settings
from db.tables import Rater


def sign_in(session: Session, claims: Mapping[str, Any], *, said_at: datetime) -> str:
    """Sign a browser in as the person whose e-mail the provider states; the token for its cookie.

    claims: the provider's, their signature checked. said_at: when they were received; a person
    who has signed out everywhere since is not let in by them. Raises NotAllowed in words for
    the person.
    """
    email = claims.get("email")
    if not isinstance(email, str) or not email.strip():
        raise NotAllowed("your provider states no e-mail address; ask the lead for a personal link")
    # Whoever may write any address into a profile would be taken for its owner.
    verified = str(claims.get("email_verified", get_settings().oidc_trust_email)).lower() == "true"
    if not verified:
        raise NotAllowed(
            f"your provider does not say that {email} is verified; verify it there, or ask the "
            "lead for a personal link"
        )
    rater = person_with(session, email)
    if rater is None:
        raise NotAllowed(
            f"nobody here has the e-mail {email}; ask the lead to add you with this e-mail"
        )
    if rater.signed_out_at is not None and rater.signed_out_at >= said_at:
        raise NotAllowed("you have signed out since; sign in again")
    return people.sign_in_as(session, rater, way="oidc")


def person_with(session: Session, email: str) -> Rater | None:
    """The one person with this e-mail, in any case; nobody revoked, and nobody if two have it."""
    wanted = email.strip().casefold()
    found = [
        rater
        for rater in session.exec(
            select(Rater).where(
                Rater.kind == "human",
                col(Rater.revoked_at).is_(None),
                col(Rater.email).is_not(None),
            )
        )
        # Not by the database: SQLite lowers only ASCII.
        if (rater.email or "").casefold() == wanted
    ]
    return found[0] if len(found) == 1 else None
