"""Passwords: argon2, a wait after wrong ones, and the same answer whoever has the name."""

from datetime import datetime, timedelta

import pytest
from argon2 import Type
from sqlmodel import select

from annotate import passwords, people
from annotate.errors import BadInput, NotAllowed
from db.engine import Database
from db.tables import Event, FailedSignIn, Rater, now

SECRET = "correct horse battery"


@pytest.fixture
def staffed(database: Database, quick_hashes: None) -> Database:
    del quick_hashes
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


def test_a_password_is_hashed_at_the_strength_that_is_advised() -> None:
    """OWASP's cheat sheet, 2024: 46 MiB with one pass, or as much in more passes."""
    hasher = passwords._hasher
    assert hasher.type is Type.ID
    assert (hasher.memory_cost, hasher.time_cost, hasher.parallelism) == (65_536, 3, 1)


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
    for _ in range(passwords.FREE_BY_PERSON):
        assert attempt(staffed, "Ada", "wrong", at) == passwords.Attempt(None)
    waits = []
    for _ in range(4):
        # Not even the right one is looked at before the wait is over.
        tried = attempt(staffed, "Ada", SECRET, at)
        assert tried.token is None
        waits.append(tried.wait)
        at += timedelta(seconds=tried.wait)
        # By name or by e-mail: it is one person's.
        assert attempt(staffed, "ADA@example.org", "wrong", at) == passwords.Attempt(None)
    assert waits == [1, 2, 4, 8]
    at += timedelta(seconds=attempt(staffed, "Ada", "x", at).wait)
    assert attempt(staffed, "Ada", SECRET, at).token is not None
    # The right one clears them.
    assert attempt(staffed, "Ada", "wrong", at) == passwords.Attempt(None)


def test_the_wait_of_one_name_is_not_anothers_but_one_address_waits_for_all(
    staffed: Database,
) -> None:
    at = now()
    for n in range(passwords.FREE_BY_ADDRESS):
        attempt(staffed, f"name {n}", "wrong", at, address="10.0.0.9")
    assert attempt(staffed, "Ada", SECRET, at, address="10.0.0.9").wait > 0
    assert attempt(staffed, "Ada", SECRET, at, address="10.0.0.8").token is not None


def test_nobody_keeps_somebody_else_out_by_wrong_passwords(staffed: Database) -> None:
    at = now()
    for _ in range(passwords.FREE_BY_PERSON + 5):
        attempt(staffed, "Ada", "wrong", at, address="10.0.0.9")
    assert attempt(staffed, "Ada", SECRET, at, address="10.0.0.9").wait > 0
    assert attempt(staffed, "Ada", SECRET, at, address="10.0.0.8").token is not None


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:10.0.0.9", "10.0.0.9", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("10.0.0.8", "10.0.0.9", False),
        ("a-unix-socket", "another", False),
    ],
)
def test_an_address_is_the_part_that_nobody_changes_at_will(
    staffed: Database, first: str, second: str, one: bool
) -> None:
    at = now()
    for _ in range(passwords.FREE_BY_PERSON):
        attempt(staffed, "Ada", "wrong", at, address=first)
    assert (attempt(staffed, "Ada", SECRET, at, address=second).wait > 0) is one


def test_a_revoked_persons_password_does_not_come_back_with_them(staffed: Database) -> None:
    with staffed.write() as session:
        people.revoke(session, people.get_rater(session, "Ada"), by=None)
        people.restore(session, people.get_rater(session, "Ada"), by=None)
    assert attempt(staffed, "Ada", SECRET).token is None


def test_a_password_that_is_taken_away_while_it_is_looked_at_lets_nobody_in(
    staffed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = passwords._verify

    def slowly(stored: str | None, password: str) -> bool:
        with staffed.write() as session:
            passwords.remove_password(session, people.get_rater(session, "Ada"), by=None)
        return right(stored, password)

    monkeypatch.setattr(passwords, "_verify", slowly)
    assert attempt(staffed, "Ada", SECRET).token is None


def test_a_name_may_be_typed_in_either_way_that_unicode_has_for_it(staffed: Database) -> None:
    with staffed.write() as session:
        zoe = people.add_rater(session, "Zo\u00eb")
        session.flush()
        passwords.set_password(session, zoe, SECRET, by=None)
    assert attempt(staffed, "Zoe\u0308", SECRET).token is not None


def test_wrong_ones_are_forgotten_after_a_while(staffed: Database) -> None:
    at = now()
    for _ in range(passwords.FREE_BY_PERSON):
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
        passwords.set_password(session, ada, "another good secret", by=None)
    with staffed.read() as session:
        assert people.signed_in(session, token) is None
    assert attempt(staffed, "Ada", SECRET).token is None
    with staffed.write() as session:
        passwords.remove_password(session, people.get_rater(session, "Ada"), by=None)
    assert attempt(staffed, "Ada", "another good secret").token is None


def test_a_person_changes_their_own_password_and_stays_where_they_sit(staffed: Database) -> None:
    here, elsewhere = (attempt(staffed, "Ada", SECRET).token for _ in range(2))
    with staffed.read() as session:
        ada = people.get_rater(session, "Ada")
    for present in ("", "guessed"):
        with pytest.raises(BadInput, match="not your present password"):
            passwords.change(staffed, ada, "another good secret", present=present, keep=here)
    with pytest.raises(BadInput, match="the password has 5 characters"):
        passwords.change(staffed, ada, "short", present=SECRET, keep=here)
    passwords.change(staffed, ada, "another good secret", present=SECRET, keep=here)
    assert attempt(staffed, "Ada", SECRET).token is None
    assert attempt(staffed, "Ada", "another good secret").token is not None
    assert here is not None and elsewhere is not None
    with staffed.read() as session:
        assert people.signed_in(session, here) is not None
        assert people.signed_in(session, elsewhere) is None


def test_who_came_by_link_gives_themselves_a_first_password(staffed: Database) -> None:
    with staffed.read() as session:
        ben = people.get_rater(session, "Ben")
    passwords.change(staffed, ben, SECRET, present="", keep=None)
    assert attempt(staffed, "Ben", SECRET).token is not None


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
