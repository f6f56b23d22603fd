"""A judge's server that is not there, or goes away: each is told as what it is, and asked again."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from annotate.errors import BadInput
from annotate.judge import judges, run, spec, worker
from annotate.judge.chat import MAX_BODY, ChatEngine, shutdown_date, without_credentials
from annotate.judge.reply import Reply
from annotate.judge.worker import apart
from annotate.rounds import get_round
from db.engine import Database
from tests.unit.desk_round import Desk

Told = TypeVar("Told")
Served = Callable[[StreamReader, StreamWriter], Awaitable[None]]


def engine(base: str) -> ChatEngine:
    return ChatEngine(
        spec.from_document(
            {"name": "a", "model": "m", "rubric": "r", "base_url": base, "timeout": 1}
        )
    )


async def asked(base: str) -> Reply:
    chat = engine(base)
    try:
        return await chat.ask([{"role": "user", "content": "x"}], {})
    finally:
        await chat.close()


def sending(said: bytes) -> Served:
    async def served(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()

    return served


async def silent(reader: StreamReader, _: StreamWriter) -> None:
    await reader.read()


async def at(served: Served, asking: Callable[[str], Awaitable[Told]]) -> Told:
    """What comes of asking a server that does so with each connection, and closes it."""
    ended: list[asyncio.Task[Any]] = []

    async def closing(reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        ended.append(task)
        await served(reader, writer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(closing, "127.0.0.1", 0)
    async with server:
        told = await asking(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        await asyncio.gather(*ended)
    return told


@pytest.mark.parametrize("base", ["http://127.0.0.1:1/v1", "http://nobody.invalid/v1"])
def test_a_server_that_is_not_there_is_no_connection(base: str) -> None:
    reply = apart(asked(base))
    assert reply.kind == "transient" and reply.problem.startswith("no connection: ")


@pytest.mark.parametrize(
    ("served", "problem"),
    [
        (sending(b""), "the server cut the connection"),
        (
            sending(b'HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"a":'),
            "the server cut the connection",
        ),
        (sending(b"garbage\r\n\r\n"), "unreadable response: "),
        (
            sending(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (MAX_BODY + 1)),
            "unreadable response: it is lo",
        ),
        (silent, "the server did not answer in time"),
    ],
)
def test_a_server_that_goes_away_or_says_nothing_is_told_as_that(
    served: Served, problem: str
) -> None:
    reply = apart(at(served, asked))
    assert reply.kind == "transient" and reply.problem.startswith(problem)


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_a_proxy_that_the_environment_names_is_asked(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    nothing = sending(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")

    async def asking(proxy: str) -> tuple[Reply, Reply]:
        address = proxy.removeprefix("http://").removesuffix("/v1")
        monkeypatch.setenv("http_proxy", f"{scheme}{address}")
        monkeypatch.setenv("no_proxy", "near.invalid")
        return await asked("http://far.invalid/v1"), await asked("http://near.invalid/v1")

    through, past = apart(at(nothing, asking))
    assert through.problem.startswith("no answer in the response")
    assert past.problem.startswith("no connection: ")


@pytest.mark.parametrize(
    ("served", "problem"),
    [
        (
            sending(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"),
            "no connection: the proxy says 407 Proxy Authentication Required",
        ),
        (silent, "the server did not answer in time"),
    ],
)
def test_a_proxy_that_lets_nobody_through_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch, served: Served, problem: str
) -> None:
    async def asking(proxy: str) -> Reply:
        address = proxy.removeprefix("http://").removesuffix("/v1")
        monkeypatch.setenv("https_proxy", f"http://ada:secret@{address}")
        return await asked("https://far.invalid/v1")

    assert apart(at(served, asking)).problem == problem


def test_no_error_says_the_password_of_an_address() -> None:
    assert without_credentials(
        "at http://ada:pa%20ss@10.0.0.1:3128/x?a@b, url='https://ada@h'"
    ) == ("at http://10.0.0.1:3128/x?a@b, url='https://h'")
    assert without_credentials("http://ada:p@ss@h:1/a@b") == "http://h:1/a@b"


def test_a_proxy_of_another_kind_is_refused_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("all_proxy", "socks5://ada:secret@10.0.0.1:1080")
    monkeypatch.setenv("no_proxy", "near.invalid")
    with pytest.raises(BadInput, match="far.invalid .* socks5://10.0.0.1:1080, and only HTTP"):
        apart(asked("http://far.invalid/v1"))
    assert apart(asked("http://near.invalid/v1")).problem.startswith("no connection: ")


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (b"bad key", "HTTP 401: bad key"),
        (b'{"error": "bad key"}', "HTTP 401: bad key"),
        (b'{"error": {"message": "bad key"}}', "HTTP 401: bad key"),
        (b'{"detail": ["bad key"]}', 'HTTP 401: {"detail": ["bad key"]}'),
        (b'{"detail": "bad key"}', "HTTP 401: bad key"),
        (
            b'{"detail": [{"loc": ["body", "n"], "msg": "too long", "input": "x"}, {"msg": "no"}]}',
            "HTTP 401: body.n: too long; body: no",
        ),
        (b"", "HTTP 401: Error code: 401"),
    ],
)
def test_a_refusal_is_told_in_the_words_of_the_server(said: bytes, problem: str) -> None:
    head = "HTTP/1.1 401 No\r\nx-reason: clé\r\n\r\n".encode()
    reply = apart(at(sending(head + said), asked))
    assert (reply.kind, reply.problem) == ("fatal", problem)


def test_a_server_that_cannot_tell_of_a_shutdown_tells_of_none() -> None:
    async def told(base: str) -> object:
        chat = engine(base)
        try:
            return await shutdown_date(chat.client, "m")
        finally:
            await chat.close()

    assert apart(at(sending(b"garbage\r\n\r\n"), told)) is None


def test_a_run_whose_server_is_not_there_is_aborted_and_asks_all_again_when_it_goes_on(
    sqlite_database: Database,
) -> None:
    Desk(sqlite_database, units=3)
    document = {
        "name": "j", "model": "m", "base_url": "http://127.0.0.1:1/v1", "rubric": "answers",
        "criteria": ["quality"],
    }  # fmt: skip
    with sqlite_database.write() as session:
        judge = judges.add_judge(session, spec.from_document(document), by=None)
        number = run.plan_run(session, judge, round_=get_round(session, "R"), by=None).id
        assert number is not None
        run.start(session, number, by=None)
    ended = worker.work(sqlite_database, number, judge)
    assert (ended.state, ended.counts) == ("aborted", {"failed": 3})
    assert (ended.note or "").startswith("no question was answered: no connection: ")
    with sqlite_database.write() as session:
        assert len(run.missing(session, [run.get_run(session, number, by=None)])) == 3
        assert run.start(session, number, by=None).counts == {"queued": 3}
