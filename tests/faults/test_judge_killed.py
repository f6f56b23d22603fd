"""A judge's run is killed with SIGKILL in the middle: what was stored is neither lost nor paid twice."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlmodel import select

from annotate.judge import judges, run, spec
from db.engine import Database
from db.tables import JudgeRun, JudgeVerdict, Rating, now
from tests.judge_server import JudgeServer, serving
from tests.unit.desk_round import Desk

ROOT = Path(__file__).parents[2]
UNITS = 60
AT_ONCE = 6


JUDGE = ("-m", "annotate", "judge")
RUN = ("run", "strict", "--round", "R")


def command(database: Database, *words: str) -> "subprocess.Popen[str]":
    return python(database, *JUDGE, *words)


def python(database: Database, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, "ANNOTATE_DATABASE_URL": database.url.render_as_string(False)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def add_strict(database: Database, server: JudgeServer, concurrency: int) -> None:
    document = {
        "name": "strict", "model": "stub-1", "base_url": server.base, "rubric": "answers",
        "criteria": ["quality"], "concurrency": concurrency, "prices": {"input": 1, "output": 1},
    }  # fmt: skip
    with database.write() as session:
        judges.add_judge(session, spec.from_document(document), by=None)


def until_stored(database: Database, wanted: int) -> None:
    """Wait for so many verdicts, for a minute at most."""
    until = time.monotonic() + 60
    while stored(database) < wanted and time.monotonic() < until:
        time.sleep(0.02)


def test_a_run_that_is_asked_to_end_again_and_again_ends(sqlite_database: Database) -> None:
    """A terminal, `timeout` and `uv run` all pass a signal on: it comes twice, and at once."""
    database = sqlite_database
    Desk(database, units=UNITS)
    with serving(JudgeServer(level=lambda *_: 2, latency=0.2)) as server:
        add_strict(database, server, 2)
        process = command(database, *RUN)
        until_stored(database, 1)
        for number in (signal.SIGTERM, signal.SIGINT) * 10:
            process.send_signal(number)
            time.sleep(0.001)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 3, said
        assert said.count("Stopping: ") == 1 and "Run 1 is paused" in said
        with database.read() as session:
            counts = session.get_one(JudgeRun, 1).counts
        assert counts["done"] == len(server.log) and set(counts) == {"done", "queued"}
        again = command(database, "resume", "1")
        again.communicate(timeout=120)
        assert again.returncode == 0 and len(server.log) == UNITS


STUBBORN = """
import runpy
from annotate.judge import run
from db.engine import DatabaseError
pause, refused = run.pause, []

def refusing(*said, **more):
    refused.append(1)
    if len(refused) < 3:
        raise DatabaseError("another program held the database for more than 60 s")
    return pause(*said, **more)

run.pause = refusing
runpy.run_module("annotate", run_name="__main__")
"""


@pytest.mark.parametrize("fault", ["nobody reads what it says", "the database is busy"])
def test_a_run_that_is_asked_once_to_end_ends_whatever_is_in_its_way(
    sqlite_database: Database, fault: str
) -> None:
    database = sqlite_database
    Desk(database, units=UNITS)
    with serving(JudgeServer(level=lambda *_: 2, latency=0.5)) as server:
        add_strict(database, server, 2)
        busy = fault == "the database is busy"
        with python(database, *(("-c", STUBBORN, "judge") if busy else JUDGE), *RUN) as process:
            until_stored(database, 1)
            if not busy:
                assert process.stderr is not None
                process.stderr.close()
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        with database.read() as session:
            ended = session.get_one(JudgeRun, 1)
        assert ended.state == "paused" and ended.counts["queued"] > UNITS / 2
        assert ended.counts["done"] == len(server.log)


def stored(database: Database) -> int:
    with database.read() as session:
        return len(list(session.exec(select(JudgeVerdict.id))))


def test_a_killed_run_goes_on_and_pays_for_nothing_twice(sqlite_database: Database) -> None:
    database = sqlite_database
    Desk(database, units=UNITS)
    with serving(JudgeServer(level=lambda *_: 2, latency=0.05)) as server:
        add_strict(database, server, AT_ONCE)
        process = command(database, *RUN)
        kills = 0
        while kills < 2:
            until_stored(database, stored(database) + 10)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            with database.write() as session:
                found = session.get_one(JudgeRun, 1)
                assert found.state == "running"
                found.beat_at = now() - 2 * run.BEAT
                session.add(found)
            process = command(database, "resume", "1")
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
        with database.read() as session:
            ended = session.get_one(JudgeRun, 1)
            verdicts = list(session.exec(select(JudgeVerdict)))
            rated = Counter(session.exec(select(Rating.output_id)))
        assert (ended.state, ended.counts) == ("done", {"done": UNITS})
        assert len(verdicts) == len({v.key for v in verdicts}) == UNITS
        assert len(rated) == UNITS and set(rated.values()) == {1}
        # Only what was on its way at a kill is asked again, or had come that very moment.
        lost = kills * 2 * AT_ONCE
        assert UNITS <= len(server.log) <= UNITS + lost
        again = command(database, *RUN)
        again.communicate(timeout=300)
        assert len(server.log) <= UNITS + lost
