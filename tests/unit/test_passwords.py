"""Passwords: argon2, a wait after wrong ones, and the same answer whoever has the name."""

from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from annotate import passwords, people
from annotate.errors import BadInput, NotAllowed
from db.engine import Database
from db.tables import Event, FailedSignIn, Rater, now

SECRET = "correct horse battery"


@pytest.fixture
def staffed(database: Database) -> Database:
    with database.write() as session:
        people.add_rater(session, "Lea", role="lead")
        people.add_rater(session, "Judge", kind="judge")
        ada = people.add_rater(session, "Ada", email="ada@example.org")
        people.add_rater(session, "Ben")
        session.flush()
        passwords.set_password(session, ada, SECRET, by=None)
    return database


def attempt(
    database: Database, name: str, password: str, at: datetime | None = None, address: str = "::1"
) -> passwords.Attempt:
    return passwords.sign_in(database, name, password, address=address, at=at or now())


def test_name_or_e_mail_with_the_password_signs_in(staffed: Database) -> None:
    for name in ("Ada", "ADA@example.org", " Ada "):
        tried = attempt(staffed, name, SECRET)
        assert tried.token is not None
        with staffed.read() as session:
            found = people.signed_in(session, tried.token)
            assert found is not None and found.name == "Ada"


def test_the_password_itself_is_stored_nowhere(staffed: Database) -> None:
    with staffed.read() as session:
        stored = people.get_rater(session, "Ada").password_hash
        said = repr(session.exec(select(Event)).all())
    assert stored is not None and stored.startswith("$argon2id$")
    assert SECRET not in stored + said


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("Ada", "wrong"),
        ("Ada", ""),
        ("Ben", SECRET),
        ("Nobody", SECRET),
        ("", ""),
        ("Judge", SECRET),
    ],
)
def test_anything_else_does_not(staffed: Database, name: str, password: str) -> None:
    assert attempt(staffed, name, password) == passwords.Attempt(None)


def test_who_is_revoked_does_not_come_in(staffed: Database) -> None:
    with staffed.write() as session:
        people.revoke(session, people.get_rater(session, "Ada"), by=None)
    assert attempt(staffed, "Ada", SECRET).token is None


def test_after_five_wrong_ones_each_further_costs_twice_the_wait(staffed: Database) -> None:
    at = now()
    for _ in range(passwords.FREE_BY_NAME):
        assert attempt(staffed, "Ada", "wrong", at) == passwords.Attempt(None)
    waits = []
    for _ in range(4):
        # Not even the right one is looked at before the wait is over.
        tried = attempt(staffed, "Ada", SECRET, at)
        assert tried.token is None
        waits.append(tried.wait)
        at += timedelta(seconds=tried.wait)
        assert attempt(staffed, "ada", "wrong", at) == passwords.Attempt(None)
    assert waits == [1, 2, 4, 8]
    at += timedelta(seconds=attempt(staffed, "Ada", "x", at).wait)
    assert attempt(staffed, "Ada", SECRET, at).token is not None
    # The right one clears the name.
    assert attempt(staffed, "Ada", "wrong", at) == passwords.Attempt(None)


def test_the_wait_of_one_name_is_not_anothers_but_one_address_waits_for_all(
    staffed: Database,
) -> None:
    at = now()
    for n in range(passwords.FREE_BY_ADDRESS):
        attempt(staffed, f"name {n}", "wrong", at, address="10.0.0.9")
    assert attempt(staffed, "Ada", SECRET, at, address="10.0.0.9").wait > 0
    assert attempt(staffed, "Ada", SECRET, at, address="10.0.0.8").token is not None


def test_wrong_ones_are_forgotten_after_a_while(staffed: Database) -> None:
    at = now()
    for _ in range(passwords.FREE_BY_NAME):
        attempt(staffed, "Ada", "wrong", at)
    at += passwords.WINDOW
    assert attempt(staffed, "Ada", "wrong", at) == passwords.Attempt(None)
    with staffed.read() as session:
        assert len(session.exec(select(FailedSignIn)).all()) == 2


def test_a_new_password_ends_every_sign_in(staffed: Database) -> None:
    token = attempt(staffed, "Ada", SECRET).token
    assert token is not None
    with staffed.write() as session:
        ada = people.get_rater(session, "Ada")
        passwords.set_password(session, ada, "another good secret", by=ada)
    with staffed.read() as session:
        assert people.signed_in(session, token) is None
    assert attempt(staffed, "Ada", SECRET).token is None
    with staffed.write() as session:
        passwords.remove_password(session, people.get_rater(session, "Ada"), by=None)
    assert attempt(staffed, "Ada", "another good secret").token is None


def test_a_password_that_is_none_is_refused_with_the_mend(staffed: Database) -> None:
    def rater(name: str) -> Rater:
        return people.get_rater(session, name)

    with staffed.write() as session:
        for bad in ("short", "x" * 1_001, "ADA@example.org"):
            with pytest.raises(BadInput, match="the password"):
                passwords.set_password(session, rater("Ada"), bad, by=None)
        with pytest.raises(BadInput, match="only people sign in"):
            passwords.set_password(session, rater("Judge"), SECRET, by=None)
        with pytest.raises(NotAllowed, match="only a lead"):
            passwords.set_password(session, rater("Ada"), SECRET, by=rater("Ben"))
        with pytest.raises(NotAllowed, match="only a lead"):
            people.sign_out_everywhere(session, rater("Ada"), by=rater("Ben"))
        passwords.set_password(session, rater("Ada"), SECRET, by=rater("Lea"))
