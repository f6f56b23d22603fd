"""The process that works off a run: many questions at once, one transaction at a time.

It runs outside Streamlit, started by the command or by the page; the page only reads. What it has
asked is stored before anything else is claimed; killed at any moment it loses at most the answers
that were on their way, and those of the moment before that were not stored yet.
"""

import asyncio
import gc
import re
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from annotate.criterion import Criterion
from annotate.errors import AnnotateError
from annotate.judge import lexical, prompt, provenance, queue, verdict
from annotate.judge.chat import ChatEngine, api_key, shutdown_date, without_credentials
from annotate.judge.decisions import DecisionsEngine
from annotate.judge.judges import Judge
from annotate.judge.queue import Outcome, Task
from annotate.judge.reply import Reply
from db.engine import Database, DatabaseError
from db.tables import JudgeRun, now

BEAT_SECONDS = 1.0
"""So soon does it hear that it is to stop."""
GATHER_SECONDS = 0.05
"""So long may answers wait for others, to be stored with them: a transaction costs as much for one
as for many, and nobody waits for it."""
SWITCH_SECONDS = 0.0005
"""So soon does whoever stores leave the processor to whoever asks."""
PAUSES = (0.5, 2.0, 8.0)
"""So many seconds before the database, which has refused a step, is asked again: what the step would
have stored is paid for."""
AHEAD = 3
"""So many times as many questions are claimed as are asked at once: whatever is answered makes
room for one that is there, and need not wait for the database."""
ALIKE = 5
"""So many questions that are refused in the same words, before any is answered, and the fault is the
judge's own, such as a parameter that its server does not take."""
MORE_TOKENS = "raise max_tokens or max_completion_tokens in the parameters of the judge's file"
LEVEL_ALONE = ", or let it give the level alone (critique: false)"
TAGS = 256
"""One-time tags that are drawn at once."""
LEAST_KEY = 6
"""A shorter one is no secret, and may be part of any text."""
Result = TypeVar("Result")
Told = Callable[[JudgeRun], None]


@dataclass
class Gate:
    """When the next request may go out: a server that asks one to wait asks all."""

    until: float = 0.0
    pause: float = 0.0
    """How long it was closed last because the server was busy, and did not say until when."""

    @property
    def left(self) -> float:
        """Seconds until it is open."""
        return self.until - asyncio.get_running_loop().time()

    def close(self, seconds: float) -> None:
        """Keep everybody waiting for so long."""
        self.until = max(self.until, asyncio.get_running_loop().time() + min(seconds, 3600.0))

    def back_off(self) -> float:
        """Close it for longer than the last time; how long. What is busy once says so to all that
        ask at that moment, which counts as one time."""
        left = self.left
        if left <= 0:
            self.pause = min(60.0, 2 * self.pause or 1.0)
            left = self.pause
            self.close(left)
        return left


def work(database: Database, run_id: int, judge: Judge, told: Told | None = None) -> JudgeRun:
    """Work off a run until it is done, stopped, or out of budget; the run as it ended.

    What keeps the process from going on is noted at the run, whose page shows it, and raised.
    """
    try:
        return apart(_work(database, run_id, judge, told))
    except Exception as error:
        problem = str(error) if isinstance(error, AnnotateError) else f"its process died: {error!r}"
        with database.write() as session:
            queue.fail(session, run_id, problem, at=now())
        raise


def apart(work: Coroutine[Any, Any, Result]) -> Result:
    """Run it in a thread of its own: the main thread stays free for signals."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    # What is loaded by now stays: to go through all of it again and again for garbage would keep
    # every question waiting.
    gc.freeze()
    try:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, work).result()
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)


async def _work(database: Database, run_id: int, judge: Judge, told: Told | None) -> JudgeRun:
    known = await asyncio.to_thread(_was_answered, database, judge)
    asker = Asker(judge, known=known)
    asked: dict[asyncio.Task[Outcome | Task], int] = {}
    ended: list[Outcome | Task] = []
    """What has come and is not stored yet."""
    beaten, refusals = 0.0, 0
    tried: list[datetime] = []
    """When the step that is to be done was done, as far as it went, and the database refused it."""
    off: asyncio.Task[date | None] | None = None
    try:
        while True:
            beat = time.monotonic() - beaten >= BEAT_SECONDS
            _take(asked, ended)
            # Some at a time: a claim costs as much for one as for many.
            free = AHEAD * judge.spec.concurrency - len(asked)
            free = free if 2 * free >= judge.spec.concurrency else 0
            begun = time.monotonic()
            try:
                claimed, run = await asyncio.to_thread(
                    _step, database, run_id, judge, ended, free, asked.values(), beat, tried
                )
            except (DatabaseError, DBAPIError):
                if refusals == len(PAUSES):
                    raise
                refusals += 1
                await asyncio.sleep(PAUSES[refusals - 1])
                continue
            ended.clear()
            tried.clear()
            refusals = 0
            beaten = begun if beat else beaten
            if told is not None and run is not None:
                # Nobody may be listening any more.
                with suppress(OSError):
                    await asyncio.to_thread(told, run)
            # What is fatal may have come while earlier answers were stored: it is not taken back.
            asker.stopped |= claimed.state != "running"
            if asker.answered and off is None:
                off = asyncio.create_task(asker.shutdown_date())
            asked |= {asyncio.create_task(asker.ask(task)): task.id for task in claimed.tasks}
            if asked:
                await asyncio.wait(asked, timeout=BEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.wait(asked, timeout=GATHER_SECONDS)
            elif claimed.state != "running" or claimed.wait is None:
                break
            elif not claimed.tasks:
                await asyncio.sleep(min(claimed.wait, BEAT_SECONDS))
        if off is not None and (day := await off) is not None:
            await asyncio.to_thread(_note_shutdown, database, judge, day)
    except Exception:
        # Nothing more is asked. What is on its way is paid for: it is waited for, and stored with
        # the rest if the database takes it by then.
        asker.stopped = True
        if asked:
            await asyncio.wait(asked)
        _take(asked, ended)
        with suppress(Exception):
            await asyncio.to_thread(_store, database, run_id, judge, ended, tried)
        raise
    finally:
        for one in asked:
            one.cancel()
        if off is not None:
            off.cancel()
        await asker.close()
    return await asyncio.to_thread(_finish, database, run_id)


def _take(asked: dict[asyncio.Task[Outcome | Task], int], ended: list[Outcome | Task]) -> None:
    """Move what has come from the one to the other."""
    for one in [one for one in asked if one.done()]:
        del asked[one]
        ended.append(one.result())


def _step(
    database: Database,
    run_id: int,
    judge: Judge,
    ended: list[Outcome | Task],
    free: int,
    held: Collection[int],
    beat: bool,
    tried: list[datetime],
) -> tuple[queue.Claimed, JudgeRun | None]:
    """Store what has come and claim what there is room for, in one transaction; the run with it,
    where something was stored.

    beat: also what is done once a second: renew claims, look for lapsed ones, and count.
    tried: when this step was done before and the database refused it; this time is added.
    """
    with database.write() as session:
        at = now()
        run = _stored(session, run_id, judge, ended, held, at, tried)
        tried.append(at)
        claimed = queue.claim(session, run_id, judge, free, at=at, held=held, beat=beat)
    return claimed, run


def _store(
    database: Database,
    run_id: int,
    judge: Judge,
    ended: list[Outcome | Task],
    tried: Sequence[datetime],
) -> None:
    with database.write() as session:
        _stored(session, run_id, judge, ended, (), now(), tried, count=True)


def _stored(
    session: Session,
    run_id: int,
    judge: Judge,
    ended: list[Outcome | Task],
    held: Collection[int],
    at: datetime,
    tried: Sequence[datetime],
    *,
    count: bool = False,
) -> JudgeRun | None:
    outcomes = [one for one in ended if isinstance(one, Outcome)]
    if tried:
        ids = {one.task.id if isinstance(one, Outcome) else one.id for one in ended}
        outcomes = queue.after_refusal(session, run_id, judge, outcomes, ids.union(held), tried)
    if outcomes or count:
        queue.settle(session, run_id, judge, outcomes, at=at, count=count)
    queue.give_back(session, [one for one in ended if isinstance(one, Task)])
    return session.get_one(JudgeRun, run_id) if outcomes else None


def _was_answered(database: Database, judge: Judge) -> bool:
    with database.read() as session:
        return provenance.was_answered(session, judge.rater)


def _note_shutdown(database: Database, judge: Judge, off: date) -> None:
    with database.write() as session:
        provenance.note_shutdown(session, judge.rater, off)


def _finish(database: Database, run_id: int) -> JudgeRun:
    with database.write() as session:
        return queue.finish(session, run_id, at=now())


class Asker:
    """Asks one judge, whatever its engine."""

    def __init__(self, judge: Judge, *, known: bool = False) -> None:
        """known: whether this judge has been answered before, in whatever run."""
        self.judge = judge
        self.gate = Gate()
        self.stopped = False
        self.answered = False
        """Whether the server has answered anything."""
        self.known = known
        self._refused: Counter[str] = Counter()
        self._rendered: dict[str, tuple[list[dict[str, str]], dict[str, Any]]] = {}
        self._tags: list[str] = []
        self._room = asyncio.Semaphore(judge.spec.concurrency)
        self.engine: ChatEngine | DecisionsEngine | None = None
        if judge.spec.engine == "chat":
            self.engine = ChatEngine(judge.spec)
        elif judge.spec.engine == "decisions":
            self.engine = DecisionsEngine(judge.spec)

    async def close(self) -> None:
        if self.engine is not None:
            await self.engine.close()

    async def shutdown_date(self) -> date | None:
        """When the provider switches the model off; None where it does not say, or there is none."""
        if self.engine is None:
            return None
        return await shutdown_date(self.engine.client, self.judge.spec.model or "")

    async def ask(self, task: Task) -> Outcome | Task:
        """The answer to one question, whatever happens; the task itself where it was not asked,
        because the run has been stopped meanwhile."""
        async with self._room:
            # In short steps: a server may ask to wait for an hour, and a lead to stop meanwhile.
            while not self.stopped and self.engine is not None and (wait := self.gate.left) > 0:
                await asyncio.sleep(min(wait, BEAT_SECONDS))
            if self.stopped:
                return task
            if task.criterion in self.judge.outdated:
                self.stopped = True
                problem = self.judge.in_other_words
                return Outcome(task, verdict.Verdict("failed"), Reply("fatal", problem=problem))
            try:
                outcome = await self._ask(task)
            except Exception as error:
                # Whatever it is, the answers that came with it are stored.
                problem = without_credentials(f"it could not be asked: {error!r}")
                problem = self._without_key(problem)
                outcome = Outcome(
                    task, verdict.Verdict("failed"), Reply("transient", problem=problem)
                )
            outcome = self._held_to_the_others(outcome)
            self.stopped |= outcome.reply.kind == "fatal" or bool(outcome.stops)
            self.answered |= outcome.reply.kind == "answered"
            return outcome

    def _held_to_the_others(self, outcome: Outcome) -> Outcome:
        """What every question meets is no output's fault: it stops the run."""
        reply = outcome.reply
        refused = reply.kind == "invalid" and reply.raw is None
        if self.answered or self.known or not (refused or reply.kind == "truncated"):
            return outcome
        alike = reply.alike or reply.problem
        self._refused[alike] += 1
        if self._refused[alike] < ALIKE:
            return outcome
        if not refused:
            # It is paid for, and stored like those before it.
            mend = MORE_TOKENS + (LEVEL_ALONE if self.judge.spec.critique else "")
            stops = (
                f"{ALIKE} answers were cut off at the token limit, and none could be read: {mend}"
            )
            return replace(outcome, stops=stops)
        problem = f"the server refuses every question alike: {reply.problem}"
        return replace(
            outcome,
            verdict=verdict.Verdict("failed", problem=problem),
            reply=replace(reply, kind="fatal", problem=problem),
        )

    async def _ask(self, task: Task) -> Outcome:
        criterion = self.judge.rubric.criterion(task.criterion)
        if self.engine is None:
            found = lexical.judge(criterion, task.fields)
            return Outcome(task, found, Reply("answered"))
        if isinstance(self.engine, DecisionsEngine):
            reply, found = await self.engine.decide(self.judge.rubric, criterion, task.fields)
        else:
            messages, schema = self._same_for_all(criterion)
            last = {"role": "user", "content": prompt.user(task.fields, self._tag())}
            reply = await self.engine.ask([*messages, last], schema)
            found = verdict.of(criterion, reply)
        if reply.busy:
            reply = replace(reply, retry_after=max(reply.retry_after or 0.0, self.gate.back_off()))
        elif reply.kind == "answered":
            self.gate.pause = 0.0
        if reply.retry_after is not None:
            self.gate.close(reply.retry_after)
        raw = None if reply.raw is None else self._without_key(reply.raw)
        reply = replace(reply, problem=self._without_key(reply.problem), raw=raw)
        return Outcome(task, replace(found, problem=self._without_key(found.problem)), reply)

    def _same_for_all(self, criterion: Criterion) -> tuple[list[dict[str, str]], dict[str, Any]]:
        """What every question about a criterion begins with, and the schema of its answers."""
        if criterion.id not in self._rendered:
            said = prompt.rendered(
                self.judge.rubric,
                criterion,
                shots=self.judge.shots.get(criterion.id, ()),
                critique=self.judge.spec.critique,
            )
            self._rendered[criterion.id] = said["messages"][:-1], said["schema"]
        return self._rendered[criterion.id]

    def _tag(self) -> str:
        """A one-time tag; they are drawn by the hundred, for drawing takes the system's time."""
        if not self._tags:
            self._tags = re.findall(r".{8}", secrets.token_hex(4 * TAGS))
        return self._tags.pop()

    def _without_key(self, text: str) -> str:
        """A server may say the key that it refuses; it is stored nowhere."""
        key = api_key(self.judge.spec)
        return text.replace(key, "(the key)") if len(key) >= LEAST_KEY else text
