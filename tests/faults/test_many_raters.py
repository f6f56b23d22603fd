"""Eight raters at once, each a process; three are killed in the middle of their work."""

import json
import multiprocessing
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from annotate import people
from db.engine import Database
from db.tables import Assignment, Output, Rater, Rating, Unit
from tests.faults import rater_process
from tests.unit.desk_round import Desk

RATERS = ("Ada", "Ben", "Cy", "Dee", "Eve", "Fay", "Gus", "Hal")
KILLED = ("Ben", "Dee", "Gus")
UNITS, OVERLAP = 60, 3
PATIENCE = 60
"""Seconds until a process counts as hanging."""
# Processes come from a server that has imported the product once: seconds less for each.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.faults.rater_process"])


class Process:
    """A rater's process, and what it has said and acknowledged."""

    def __init__(self, folder: Path, url: str, name: str, life: int) -> None:
        self.receipts = folder / f"{name}.{life}.jsonl"
        self.said = folder / f"{name}.{life}.txt"
        self._process = CONTEXT.Process(
            target=rater_process.main,
            args=(url, name, self.receipts, self.said, f"{name}.{life}"),
            daemon=True,
        )
        self._process.start()

    def acknowledged(self) -> list[dict[str, Any]]:
        """Its receipts; a last line that the kill cut off was never acknowledged."""
        if not self.receipts.exists():
            return []
        *lines, _ = self.receipts.read_text().split("\n")
        return [json.loads(line) for line in lines]

    def kill(self) -> None:
        """`kill -9`."""
        self._process.kill()
        assert self.finished() == -signal.SIGKILL, "it was killed before it was done"

    def finished(self) -> int | None:
        """Wait for its end; the exit code, None if it hangs."""
        self._process.join(PATIENCE)
        return self._process.exitcode


def test_raters_killed_in_the_middle_lose_nothing_and_take_no_place_twice(
    database: Database, tmp_path: Path
) -> None:
    with database.write() as session:
        for name in RATERS[4:]:
            people.add_rater(session, name)
    desk = Desk(database, units=UNITS, overlap=OVERLAP, raters=RATERS)
    url = database.url.render_as_string(hide_password=False)

    ended = work(tmp_path, url)

    said = "".join(process.said.read_text() for process in ended)
    assert "database is locked" not in said
    assert said == ""
    receipts = [receipt for process in ended for receipt in process.acknowledged()]
    assert len(receipts) >= UNITS * OVERLAP - len(KILLED)
    assert_acknowledged_ratings_are_stored_once(database, receipts)
    assert_no_place_was_taken_twice(database)
    assert set(desk.missing().values()) == {0}, "what the killed had claimed was finished"


def work(folder: Path, url: str) -> list[Process]:
    """Let all raters work to the end, killing and restarting some; every process there was."""
    chance = random.Random(20260105)
    processes = {name: Process(folder, url, name, 1) for name in RATERS}
    ended = []
    for name in KILLED:
        victim, moment = processes[name], chance.randint(2, 9)
        deadline = time.monotonic() + PATIENCE
        while len(victim.acknowledged()) < moment:
            assert time.monotonic() < deadline, victim.said.read_text()
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.03))
        victim.kill()
        ended.append(victim)
        processes[name] = Process(folder, url, name, 2)
    for process in processes.values():
        assert process.finished() == 0, process.said.read_text()
    return [*ended, *processes.values()]


def assert_acknowledged_ratings_are_stored_once(
    database: Database, receipts: list[dict[str, Any]]
) -> None:
    """Each under the right rater, unit and assignment."""
    with database.read() as session:
        rows = session.exec(
            select(Rating, Rater.name, Output.response, Assignment)
            .join(Rater, col(Rater.id) == Rating.rater_id)
            .join(Unit, col(Unit.id) == Rating.unit_id)
            .join(Output, col(Output.id) == Unit.output_id)
            .join(Assignment, col(Assignment.id) == Rating.assignment_id)
        ).all()
    stored = Counter(row[0].rationale for row in rows)
    assert set(stored.values()) == {1}
    found = {row[0].rationale: row for row in rows}
    for receipt in receipts:
        rating, rater, response, assignment = found[receipt["key"]]
        assert receipt["key"].split()[0] == rater
        assert receipt["response"] == response
        assert receipt["assignment_id"] == assignment.id
        assert (assignment.unit_id, assignment.rater_id) == (rating.unit_id, rating.rater_id)


def assert_no_place_was_taken_twice(database: Database) -> None:
    """No unit has more than k counted, and each misses what is not counted."""
    with database.read() as session:
        units = session.exec(select(Unit)).all()
        submitted = [a for a in session.exec(select(Assignment)) if a.submitted_at is not None]
        current = session.exec(
            select(Rating.unit_id, Rating.rater_id).where(col(Rating.supersedes_id).is_(None))
        ).all()
    counted = Counter(a.unit_id for a in submitted if not a.extra)
    for unit in units:
        assert unit.id is not None
        assert counted[unit.id] <= OVERLAP
        assert unit.missing == unit.overlap - counted[unit.id]
    assert len(set(current)) == len(current), "somebody rated a unit twice"
    assert len(current) == len(submitted)
