"""Signing in by password, where an installation wants it: argon2, and a wait after wrong ones."""

import asyncio
import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from ipaddress import IPv6Address, ip_address

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlmodel import Session, col

from annotate import events, people
from annotate.errors import BadInput, Conflict
from annotate.identity import person_named
from db.engine import Database
from db.tables import FailedSignIn, Rater, now

SHORTEST, LONGEST = 12, 1_000
WINDOW = timedelta(minutes=15)
"""For so long a wrong password counts."""
FREE_BY_PERSON, FREE_BY_ADDRESS = 5, 30
"""Wrong passwords in the window before each further one costs a wait: for one person from one
address, and from one address in all, behind which a whole team may sit."""
LONGEST_WAIT = 300.0
MOST_WAITING = 20
"""Attempts that are looked at or wait for it. Each takes a fraction of a second."""

# One thread of a computation is one core: the pages have the others.
_hasher = PasswordHasher(parallelism=1)
# A thread of their own. In the pool that all requests share, waiting attempts would take every
# thread, and nobody could be recognised and no draft kept meanwhile. And one after the other:
# attempts sent together would all be looked at before the first counts.
_in_turn = ThreadPoolExecutor(max_workers=1, thread_name_prefix="password")
_places = threading.BoundedSemaphore(MOST_WAITING)


@dataclass(frozen=True)
class Attempt:
    """What came of one attempt to sign in."""

    token: str | None
    """For the browser's cookie; None where it failed."""
    wait: float = 0.0
    """Seconds until the next attempt is looked at; this one was not, unless it is 0."""


def set_password(session: Session, rater: Rater, password: str, *, by: Rater | None) -> None:
    """Give a person a password; their sign-ins end. For leads; `change` is a person's own."""
    people.require_lead(session, by)
    _check(rater, password)
    rater.password_hash = _hasher.hash(password)
    session.add(rater)
    people.end_sign_ins(session, rater)
    events.record(session, "set password", f"rater:{rater.name}", by=by)


def change(
    database: Database, rater: Rater, password: str, *, present: str, keep: str | None
) -> None:
    """A person's own change of their password, or their first one; their other sign-ins end.

    present: the one that they have, which whoever finds their browser open does not know; anything
        where they have none.
    keep: the cookie token of the browser that they sit at.
    """
    _check(rater, password)
    with database.read() as session:
        stored = session.get_one(Rater, rater.id).password_hash
    if stored is not None and not _verify(stored, present):
        raise BadInput("that is not your present password; nothing was changed")
    # Outside the transaction: everybody who stores something would wait for it.
    hashed = _hasher.hash(password)
    with database.write() as session:
        found = session.get_one(Rater, rater.id)
        if found.password_hash != stored or found.revoked_at is not None:
            raise Conflict("your password was changed elsewhere at this moment; try again")
        found.password_hash = hashed
        people.end_sign_ins(session, found, but=keep)
        events.record(session, "set password", f"rater:{found.name}", by=found)


def _check(rater: Rater, password: str) -> None:
    if rater.kind != "human":
        raise BadInput(f"{rater.name} is a {rater.kind}; only people sign in")
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadInput(
            f"the password has {len(password)} characters; give {SHORTEST} to {LONGEST:,}, "
            "a few words say"
        )
    if password.casefold() in {rater.name.casefold(), (rater.email or "").casefold()}:
        raise BadInput("the password is the name itself; choose one that nobody guesses")


def remove_password(session: Session, rater: Rater, *, by: Rater | None) -> None:
    """Let a person in by link alone; their sign-ins end."""
    people.require_lead(session, by)
    rater.password_hash = None
    session.add(rater)
    people.end_sign_ins(session, rater)
    events.record(session, "removed password", f"rater:{rater.name}", by=by)


async def sign_in_in_turn(
    database: Callable[[], Database], name: str, password: str, *, address: str
) -> Attempt | None:
    """`sign_in`, when its turn comes; None, at once, where too many wait already."""
    if not _places.acquire(blocking=False):
        return None

    def attempt() -> Attempt:
        return sign_in(database(), name, password, address=address, at=now())

    future = _in_turn.submit(attempt)
    # Not when this function ends: a browser that gives up leaves its attempt in the queue.
    future.add_done_callback(_leave)
    return await asyncio.wrap_future(future)


def _leave(_: "Future[Attempt]") -> None:
    _places.release()


def sign_in(database: Database, name: str, password: str, *, address: str, at: datetime) -> Attempt:
    """Try a name or e-mail with a password; one attempt at a time (`sign_in_in_turn`).

    After a few wrong ones the next is not looked at before a wait, which doubles with each. They
    count for the person at the address that they came from: nobody can keep somebody else out by
    wrong passwords. That nobody has the name takes as long and says the same as that the password
    is wrong.
    """
    address = _network(address)
    with database.read() as session:
        rater = person_named(session, name.strip())
        who = name.strip().casefold() if rater is None else f"#{rater.id}"
        subjects = (_subject("person", f"{who} {address}"), _subject("address", address))
        wait = _wait(session, subjects, at)
        if wait > 0:
            return Attempt(None, wait)
        stored = rater.password_hash if rater is not None else None
    right = _verify(stored, password) and rater is not None
    with database.write() as session:
        if not right or rater is None:
            _remember(session, subjects, at)
            return Attempt(None)
        found = session.get_one(Rater, rater.id)
        if found.password_hash != stored or found.revoked_at is not None:
            return Attempt(None)  # taken away while this one was looked at
        session.execute(sa.delete(FailedSignIn).where(col(FailedSignIn.subject) == subjects[0]))
        if stored is not None and _hasher.check_needs_rehash(stored):
            found.password_hash = _hasher.hash(password)
        return Attempt(people.sign_in_as(session, found, way="password"))


def _verify(stored: str | None, password: str) -> bool:
    try:
        _hasher.verify(stored or _nobodys(), password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


@cache
def _nobodys() -> str:
    """What a password is compared with where nobody has the name: it takes as long."""
    return _hasher.hash("nobody has this password")


def _wait(session: Session, subjects: tuple[str, str], at: datetime) -> float:
    waits = [0.0]
    for subject, free in zip(subjects, (FREE_BY_PERSON, FREE_BY_ADDRESS), strict=True):
        wrong, last = session.execute(
            sa.select(sa.func.count(), sa.func.max(col(FailedSignIn.at))).where(
                col(FailedSignIn.subject) == subject, col(FailedSignIn.at) > at - WINDOW
            )
        ).one()
        if wrong >= free and last is not None:
            pause = min(2.0 ** min(wrong - free, 20), LONGEST_WAIT)
            waits.append(pause - (at - last).total_seconds())
    return max(waits)


def _remember(session: Session, subjects: tuple[str, str], at: datetime) -> None:
    session.execute(sa.delete(FailedSignIn).where(col(FailedSignIn.at) <= at - WINDOW))
    session.add_all(FailedSignIn(subject=subject, at=at) for subject in subjects)


def _subject(what: str, said: str) -> str:
    return hashlib.sha256(f"{what}:{said}".encode()).hexdigest()


def _network(address: str) -> str:
    """The address; of IPv6 the part that one customer has, whose rest anybody changes at will."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or IPv6Address(int(found) >> 64 << 64))
