"""Whom an OpenID Connect provider's word lets in."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from annotate import oidc, people
from annotate.errors import NotAllowed
from annotate.settings import get_settings
from db.engine import Database
from db.tables import Rater, SignIn, now


@pytest.fixture
def ana(database: Database) -> Rater:
    with database.write() as session:
        return people.add_rater(session, "Ana", email="Ána@example.org")


def enter(database: Database, **claims: Any) -> Rater:
    with database.write() as session:
        token = oidc.sign_in(session, claims, said_at=now())
        rater = people.signed_in(session, token)
        assert rater is not None
        return rater


@pytest.mark.parametrize("verified", [True, "true", "True"])
def test_a_verified_address_in_any_case_is_its_owner(
    database: Database, ana: Rater, verified: object
) -> None:
    assert enter(database, email=" áNA@EXAMPLE.org", email_verified=verified).id == ana.id


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({}, "states no e-mail"),
        ({"email": ""}, "states no e-mail"),
        ({"email": 7, "email_verified": True}, "states no e-mail"),
        ({"email": "ána@example.org"}, "does not say that"),
        ({"email": "ána@example.org", "email_verified": False}, "does not say that"),
        ({"email": "ána@example.org", "email_verified": "false"}, "does not say that"),
        ({"email": "Ana", "email_verified": True}, "nobody here"),
        ({"email": "bob@example.org", "email_verified": True}, "nobody here"),
    ],
)
def test_anything_else_lets_nobody_in(
    database: Database, ana: Rater, claims: dict[str, Any], words: str
) -> None:
    del ana
    with pytest.raises(NotAllowed, match=words):
        enter(database, **claims)
    with database.read() as session:
        assert session.exec(select(SignIn)).all() == []


def test_a_provider_that_gives_the_addresses_itself_can_be_trusted_but_not_against_its_word(
    database: Database, ana: Rater, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANNOTATE_OIDC_TRUST_EMAIL", "true")
    get_settings.cache_clear()
    try:
        assert enter(database, email="ána@example.org").id == ana.id
        with pytest.raises(NotAllowed, match="does not say that"):
            enter(database, email="ána@example.org", email_verified=False)
    finally:
        get_settings.cache_clear()


def test_revoked_people_and_shared_addresses_are_nobody(database: Database, ana: Rater) -> None:
    with database.write() as session:
        session.add(Rater(name="Ben", kind="human", email="ána@EXAMPLE.org"))
    with pytest.raises(NotAllowed, match="nobody here"):
        enter(database, email="ána@example.org", email_verified=True)
    with database.write() as session:
        people.revoke(session, people.get_rater(session, "Ben"), by=None)
    assert enter(database, email="ána@example.org", email_verified=True).id == ana.id
    with database.write() as session:
        people.revoke(session, people.get_rater(session, "Ana"), by=None)
    with pytest.raises(NotAllowed, match="nobody here"):
        enter(database, email="ána@example.org", email_verified=True)


def test_what_was_said_before_signing_out_everywhere_counts_no_more(
    database: Database, ana: Rater
) -> None:
    said_at = now() - timedelta(minutes=1)
    with database.write() as session:
        people.sign_out_everywhere(session, session.get_one(Rater, ana.id), by=None)
    claims = {"email": "ána@example.org", "email_verified": True}
    with database.write() as session, pytest.raises(NotAllowed, match="signed out since"):
        oidc.sign_in(session, claims, said_at=said_at)
    assert enter(database, **claims).id == ana.id
