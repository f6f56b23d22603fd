"""Who rates, who leads, and how they get in and out."""

import hashlib
from datetime import timedelta

import pytest
from sqlmodel import Session, select

from annotate import events, people
from annotate.errors import BadInput, Conflict, NotAllowed, NotFound
from db.engine import Database
from db.tables import Event, Rater, SignIn, now


@pytest.fixture
def workspace(database: Database) -> Database:
    """A database that knows Ada, a rater."""
    with database.write() as session:
        people.add_rater(session, "Ada")
    return database


def stored(session: Session, name: str = "Ada") -> Rater:
    return people.get_rater(session, name)


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\nb", "a\x1b[31mb", "zero\u200bwidth"])
def test_a_name_that_cannot_be_shown_on_one_line_is_refused(
    sqlite_database: Database, name: str
) -> None:
    with (
        pytest.raises(BadInput, match="1 to 100 printable characters"),
        sqlite_database.write() as session,
    ):
        people.add_rater(session, name)


def test_a_name_belongs_to_one_rater(workspace: Database) -> None:
    with (
        pytest.raises(Conflict, match="'Ada' already; choose another"),
        workspace.write() as session,
    ):
        people.add_rater(session, " Ada ", kind="judge")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"role": "admin"}, "role 'admin' is not one of rater, lead"),
        ({"kind": "robot"}, "kind 'robot' is not one of human, judge, metric"),
        ({"kind": "judge", "role": "lead"}, "a judge cannot be a lead"),
    ],
)
def test_an_unknown_role_or_kind_is_refused(
    sqlite_database: Database, fields: dict[str, str], words: str
) -> None:
    with pytest.raises(BadInput, match=words), sqlite_database.write() as session:
        people.add_rater(session, "Ada", **fields)  # type: ignore[arg-type]


def test_an_unknown_rater_is_answered_with_names_alike_or_with_how_to_add_one(
    workspace: Database,
) -> None:
    with workspace.read() as session:
        with pytest.raises(NotFound, match="did you mean Ada"):
            people.get_rater(session, "Adah")
        with pytest.raises(NotFound, match='`annotate rater add "Zoe"` adds it'):
            people.get_rater(session, "Zoe")


def test_raters_are_listed_by_name_and_kind(workspace: Database) -> None:
    with workspace.write() as session:
        people.add_rater(session, "gpt-5", kind="judge", identity={"model": "gpt-5"})
    with workspace.read() as session:
        assert [r.name for r in people.list_raters(session, by=None)] == ["Ada", "gpt-5"]
        assert [r.name for r in people.list_raters(session, "judge", by=None)] == ["gpt-5"]


def test_a_link_signs_a_browser_in_and_only_hashes_are_stored(workspace: Database) -> None:
    with workspace.write() as session:
        token = people.new_link(session, stored(session), by=None)
        cookie = people.join(session, token)
    with workspace.read() as session:
        found = people.signed_in(session, cookie)
        assert found is not None and found.name == "Ada"
        assert people.signed_in(session, token) is None
        assert stored(session).link_hash == hashlib.sha256(token.encode()).hexdigest()
        sign_in = session.exec(select(SignIn)).one()
        assert sign_in.token_hash == hashlib.sha256(cookie.encode()).hexdigest()


def test_a_new_link_ends_the_old_one_but_no_sign_in(workspace: Database) -> None:
    with workspace.write() as session:
        old = people.new_link(session, stored(session), by=None)
        cookie = people.join(session, old)
        people.new_link(session, stored(session), by=None)
    with workspace.write() as session:
        with pytest.raises(NotAllowed, match="not valid any more; ask the lead"):
            people.join(session, old)
        assert people.signed_in(session, cookie) is not None


def test_revoking_ends_link_and_every_sign_in_at_once(workspace: Database) -> None:
    with workspace.write() as session:
        token = people.new_link(session, stored(session), by=None)
        cookies = [people.join(session, token) for _ in range(2)]
    with workspace.write() as session:
        people.revoke(session, stored(session), by=None)
    with workspace.write() as session:
        assert [people.signed_in(session, cookie) for cookie in cookies] == [None, None]
        with pytest.raises(NotAllowed, match="not valid any more"):
            people.join(session, token)
        with pytest.raises(NotAllowed, match="restore them first"):
            people.new_link(session, stored(session), by=None)


def test_a_restored_rater_needs_a_new_link(workspace: Database) -> None:
    with workspace.write() as session:
        old = people.new_link(session, stored(session), by=None)
        cookie = people.join(session, old)
        people.revoke(session, stored(session), by=None)
        people.restore(session, stored(session), by=None)
    with workspace.write() as session:
        with pytest.raises(NotAllowed):
            people.join(session, old)
        assert people.signed_in(session, cookie) is None
        token = people.new_link(session, stored(session), by=None)
        assert people.signed_in(session, people.join(session, token)) is not None


def test_a_sign_in_expires(workspace: Database) -> None:
    with workspace.write() as session:
        cookie = people.sign_in_as(session, stored(session), way="link")
        session.exec(select(SignIn)).one().expires_at = now() - timedelta(seconds=1)
    with workspace.read() as session:
        assert people.signed_in(session, cookie) is None


def test_signing_out_ends_this_browser_and_no_other(workspace: Database) -> None:
    with workspace.write() as session:
        here, there = (people.sign_in_as(session, stored(session), way="link") for _ in range(2))
        people.sign_out(session, here)
    with workspace.read() as session:
        assert people.signed_in(session, here) is None
        assert people.signed_in(session, there) is not None


def test_a_judge_gets_no_link(database: Database) -> None:
    with database.write() as session:
        judge = people.add_rater(session, "gpt-5", kind="judge")
        with pytest.raises(BadInput, match="only people get a link"):
            people.new_link(session, judge, by=None)


def test_only_a_lead_may_lead_and_a_revoked_one_may_not(workspace: Database) -> None:
    with workspace.write() as session:
        lead = people.add_rater(session, "Lea", role="lead")
        people.add_rater(session, "Ben", by=lead)
        with pytest.raises(NotAllowed, match="only a lead"):
            people.add_rater(session, "Cleo", by=stored(session))
        with pytest.raises(NotAllowed, match="only a lead"):
            people.revoke(session, lead, by=stored(session))
        people.revoke(session, lead, by=None)
        with pytest.raises(NotAllowed, match="only a lead"):
            people.new_link(session, stored(session), by=lead)


def test_every_change_of_access_is_in_the_audit_log_with_who_did_it(database: Database) -> None:
    with database.write() as session:
        lead = people.add_rater(session, "Lea", role="lead")
        ben = people.add_rater(session, "Ben", by=lead)
        token = people.new_link(session, ben, by=lead)
        people.join(session, token)
        people.revoke(session, ben, by=lead)
    with database.read() as session:
        log = [(e.action, e.subject, e.rater_id) for e in reversed(events.history(session))]
        assert log == [
            ("added rater", "rater:Lea", None),
            ("added rater", "rater:Ben", lead.id),
            ("made link", "rater:Ben", lead.id),
            ("signed in", "rater:Ben", ben.id),
            ("revoked", "rater:Ben", lead.id),
        ]
        assert token not in repr(session.exec(select(Event)).all())


def test_sign_ins_count_the_browsers_that_are_still_in(workspace: Database) -> None:
    with workspace.write() as session:
        people.add_rater(session, "Ben")
        first = people.sign_in_as(session, stored(session), way="link")
        people.sign_in_as(session, stored(session), way="link")
        people.sign_out(session, first)
        people.sign_in_as(session, stored(session, "Ben"), way="link")
        people.revoke(session, stored(session, "Ben"), by=None)
    with workspace.read() as session:
        found = people.sign_ins(session, by=None)
        ada, ben = (found[stored(session, name).id or 0] for name in ("Ada", "Ben"))
        latest = max(s.created_at for s in session.exec(select(SignIn)) if s.ended_at is None)
    assert (ada.browsers, ben.browsers) == (1, 0)
    assert ada.latest == latest


def test_an_e_mail_is_one_persons_and_no_other_persons_name(database: Database) -> None:
    with database.write() as session:
        people.add_rater(session, "Lea", email="Lea@Example.org", role="lead")
        with pytest.raises(Conflict, match="is the e-mail of Lea already"):
            people.add_rater(session, "Ada", email="lea@example.ORG")
        with pytest.raises(Conflict, match="is the e-mail of Lea; choose another name"):
            people.add_rater(session, "lea@example.org")
        people.add_rater(session, "ben@example.org")
        with pytest.raises(Conflict, match="there is a rater called ben@example.org already"):
            people.add_rater(session, "Ben", email="ben@example.org")


def test_two_ways_to_write_a_letter_are_one_name(database: Database) -> None:
    with database.write() as session:
        people.add_rater(session, "Zoe\u0308")
        assert people.get_rater(session, "Zo\u00eb").name == "Zo\u00eb"
        with pytest.raises(Conflict, match="already"):
            people.add_rater(session, "Zo\u00eb")


def test_a_kind_that_is_not_there_is_refused(database: Database) -> None:
    with database.read() as session, pytest.raises(BadInput, match="not one of human, judge"):
        people.list_raters(session, "robot", by=None)
