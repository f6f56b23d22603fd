"""Save and next against its budgets, side by side in one run; prints JSON.

    python tests/bench/bench_desk.py

A pair is what one press of "Submit and next" costs the server: one transaction that stores the
ratings of a unit and claims the next, on an SQLite file, in a round of 50,000 units of which each
gets three raters and four criteria.

- Its latency with 1,000 and with 200,000 ratings stored, taken in turns, and their ratio.
- Pairs a second from one thread, and from 16 without a pause, with the longest wait.
- Its latency while 50 raters think 2 s between units.
- The claim of a rater who alone has half-rated 5,000 units: what the index walk costs at worst.
"""

import json
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import col, select

from annotate import desk, people, rounds, rubric_versions
from annotate.rubric import Answer
from db.engine import Database
from db.tables import Rater, Round, now

UNITS = 50_000
OVERLAP = 3
RATERS = 50
CRITERIA = ("faithfulness", "relevance", "completeness", "tone")
FEW, MANY = 1_000, 200_000
PAIRS = 400
BLOCK = 20
SECONDS = 8.0
THINKING = 2.0
ALONE = 5_000
ANSWERS = {name: Answer(value=4) for name in CRITERIA}


@dataclass
class Bench:
    """A round of 50,000 units with so many ratings stored, and its raters at work."""

    database: Database
    round: Round
    raters: list[Rater]
    before: dict[int, int]
    """What each rater has before them: assignment by rater."""
    keys: Iterator[int]

    def pair(self, rater: Rater) -> float:
        """Submit and next; its seconds, waiting for the turn included."""
        assert rater.id is not None
        key = f"{rater.id}-{next(self.keys)}"
        start = time.perf_counter()
        with self.database.write() as session:
            desk.submit(
                session, rater, self.before[rater.id], ANSWERS, idempotency_key=key, at=now()
            )
            place = desk.claim_next(session, rater, self.round, at=now())
        took = time.perf_counter() - start
        assert place is not None
        self.before[rater.id] = place.assignment_id
        return took

    def start(self) -> None:
        """Let every rater claim a first unit."""
        for rater in self.raters:
            with self.database.write() as session:
                place = desk.claim_next(session, rater, self.round, at=now())
            assert place is not None and rater.id is not None
            self.before[rater.id] = place.assignment_id


def main() -> None:
    """Run all and print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        few = prepared(Path(folder) / "few.db", FEW)
        many = prepared(Path(folder) / "many.db", MANY)
        figures = {
            **bench_flat(few, many),
            **bench_threads(many),
            **bench_thinking(many),
            **bench_alone(few),
        }
        print(json.dumps(figures, indent=2))


def bench_flat(few: Bench, many: Bench) -> dict[str, Any]:
    """Latency with few and many ratings stored, block by block in turns."""
    took: dict[int, list[float]] = {FEW: [], MANY: []}
    start = time.perf_counter()
    for block in range(PAIRS // BLOCK):
        for stored, bench in ((FEW, few), (MANY, many)):
            for number in range(BLOCK):
                rater = bench.raters[(block * BLOCK + number) % RATERS]
                took[stored].append(bench.pair(rater))
    seconds = time.perf_counter() - start
    p50 = {stored: statistics.median(times) for stored, times in took.items()}
    return {
        "pairs_a_second_one_thread": round(2 * PAIRS / seconds),
        **{f"pair_ms_{stored}_ratings": summary(times) for stored, times in took.items()},
        "p50_200k_over_1k": round(p50[MANY] / p50[FEW], 3),
        "p50_200k_over_1k_budget": 1.2,
    }


def bench_threads(bench: Bench) -> dict[str, Any]:
    """Sixteen raters without a pause."""
    times = at_once(bench, bench.raters[:16], thinking=0)
    return {
        "pairs_a_second_16_threads": round(len(times) / SECONDS),
        "pair_ms_16_threads": summary(times),
    }


def bench_thinking(bench: Bench) -> dict[str, Any]:
    """Fifty raters who think 2 s: the budget's case."""
    times = at_once(bench, bench.raters, thinking=THINKING)
    return {
        "pair_ms_50_raters_thinking": summary(times),
        "pair_ms_50_raters_thinking_budget": {"p50": 40, "p95": 150},
    }


def bench_alone(bench: Bench) -> dict[str, Any]:
    """One rater half-rates 5,000 units that nobody else has touched; then their pair."""
    rater = bench.raters[0]
    with bench.database.write() as session:
        session.connection().execute(
            sa.text(
                "INSERT INTO assignment (round_id, unit_id, rater_id, state, claimed_at,"
                " submitted_at, seconds, extra)"
                " SELECT round_id, id, :rater, 'submitted', :at, :at, 10, 0 FROM unit"
                " WHERE missing = overlap AND id NOT IN (SELECT unit_id FROM assignment)"
                " ORDER BY rank LIMIT :count"
            ),
            {"rater": rater.id, "at": "2026-01-01 00:00:00.000000", "count": ALONE},
        )
        session.connection().execute(
            sa.text(
                "UPDATE unit SET missing = missing - 1 WHERE missing = overlap AND id IN"
                " (SELECT unit_id FROM assignment WHERE rater_id = :rater AND idempotency_key"
                " IS NULL AND state = 'submitted')"
            ),
            {"rater": rater.id},
        )
    times = [bench.pair(rater) for _ in range(50)]
    return {"pair_ms_alone_with_5000_half_rated_units": summary(times)}


def at_once(bench: Bench, raters: list[Rater], *, thinking: float) -> list[float]:
    """Every rater in a thread of their own; seconds of each pair."""
    times: list[float] = []
    end = time.perf_counter() + SECONDS

    def work(rater: Rater) -> None:
        chance = random.Random(rater.name)
        while time.perf_counter() < end:
            if thinking:
                time.sleep(chance.uniform(0, 2 * thinking))
            times.append(bench.pair(rater))

    threads = [threading.Thread(target=work, args=(rater,)) for rater in raters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def summary(times: list[float]) -> dict[str, float]:
    """p50, p95 and the longest, in milliseconds."""
    ordered = sorted(times)
    return {
        "p50": round(1000 * statistics.median(ordered), 2),
        "p95": round(1000 * ordered[int(0.95 * (len(ordered) - 1))], 2),
        "max": round(1000 * ordered[-1], 2),
    }


def prepared(path: Path, ratings: int) -> Bench:
    """A launched round on disk with so many ratings stored, every rater with a unit."""
    database = Database(f"sqlite:///{path}").ready()
    rubric = "name: bench\ncriteria:\n" + "".join(
        f"  - id: {name}\n    scale: ordinal\n    points:\n"
        + "".join(f"      - {{value: {v}, label: Point {v}, anchor: So.}}\n" for v in range(1, 6))
        for name in CRITERIA
    )
    with database.write() as session:
        session.connection().execute(
            sa.text(
                "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :last)"
                " INSERT INTO output (key, case_key, configuration, segment, input, response,"
                " contexts, regenerated, escalated, metadata, content_hash, imported_at)"
                " SELECT printf('o%06d', i), i, 'v1', 'segment ' || (i % 12), '\"Why?\"',"
                " printf('%0500d', i), '[]', 0, 0, '{}', 'hash ' || i, :at FROM n"
            ),
            {"last": UNITS - 1, "at": "2026-01-01 00:00:00.000000"},
        )
        names = tuple(f"rater {number:02}" for number in range(RATERS))
        for name in names:
            people.add_rater(session, name)
        rubric_versions.add_rubric(session, rubric, source_name="bench.yaml", by=None)
        design = rounds.Design(name="R", rubric="bench", units=UNITS, overlap=OVERLAP, raters=names)
        round_ = rounds.launch_round(session, design, by=None)
        rate(session.connection(), ratings)
    with database.read() as session:
        round_ = rounds.get_round(session, "R")
        raters = list(session.exec(select(Rater).order_by(col(Rater.name))))
    bench = Bench(database, round_, raters, {}, iter(range(10**9)))
    bench.start()
    return bench


def rate(connection: sa.Connection, ratings: int) -> None:
    """The first units done by three raters each, until so many ratings are stored."""
    done = ratings // len(CRITERIA) // OVERLAP + 1
    said = {"done": done, "at": "2026-01-01 00:00:00.000000", "raters": RATERS}
    for place in range(OVERLAP):
        connection.execute(
            sa.text(
                "INSERT INTO assignment (round_id, unit_id, rater_id, state, claimed_at,"
                " submitted_at, seconds, extra, idempotency_key)"
                " SELECT round_id, id, (rank + :place) % :raters + 1, 'submitted', :at, :at, 10,"
                " 0, 'before' FROM unit WHERE rank < :done"
            ),
            {**said, "place": place},
        )
    for criterion in CRITERIA:
        connection.execute(
            sa.text(
                "INSERT INTO rating (round_id, unit_id, output_id, rater_id, assignment_id,"
                " criterion, value, run, extra, adjudication, rated_at, seconds)"
                " SELECT a.round_id, a.unit_id, u.output_id, a.rater_id, a.id, :criterion,"
                " a.id % 5 + 1, 1, 0, 0, :at, 10"
                " FROM assignment a JOIN unit u ON u.id = a.unit_id"
            ),
            {**said, "criterion": criterion},
        )
    connection.execute(sa.text("UPDATE unit SET missing = 0 WHERE rank < :done"), said)


if __name__ == "__main__":
    main()
