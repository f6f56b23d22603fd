"""A judge's run against a slow server, beside what would be ideal; prints JSON.

    python -m tests.bench.bench_judge

A server in a process of its own that answers after 200 ms; 32 questions at once. Ideal is that all
32 are always on their way: questions x 200 ms / 32. What the process loads when it starts is not in
the time. `cpu_ms` is the processor time of this process for a question: on a machine that is busy
with something else, go by it and by the load.
"""

import gc
import json
import multiprocessing
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from annotate.judge import judges, run, spec, worker
from annotate.rounds import get_round
from db.engine import Database
from tests.judge_server import JudgeServer, serving
from tests.unit.desk_round import Desk

LATENCY = 0.2
AT_ONCE = 32
UNITS = 3_200
BUDGET = 0.95


def serve(told: Any, ended: Any) -> None:
    """The server's process."""
    # It inherits all that is loaded here: to go through that for garbage once took it 260 ms.
    gc.freeze()
    with serving(JudgeServer(level=lambda *_: 2, latency=LATENCY)) as server:
        told.put(server.base)
        ended.wait()
        told.put(server.most_open)


def main() -> None:
    """Run it and print the figures."""
    told: Any = multiprocessing.Queue()
    ended = multiprocessing.Event()
    process = multiprocessing.Process(target=serve, args=(told, ended), daemon=True)
    process.start()
    base = told.get(timeout=30)
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder)}/annotate.db").ready()
        Desk(database, units=UNITS)
        document = {
            "name": "bench", "model": "stub-1", "base_url": base, "rubric": "answers",
            "criteria": ["quality"], "concurrency": AT_ONCE, "prices": {"input": 1, "output": 1},
        }  # fmt: skip
        with database.write() as session:
            judge = judges.add_judge(session, spec.from_document(document), by=None)
            found = run.plan_run(session, judge, round_=get_round(session, "R"), by=None)
            run_id = found.id
            assert run_id is not None
            run.start(session, run_id, by=None)
        worker.apart(worker.Asker(judge).close())
        started, busy = time.perf_counter(), time.process_time()
        finished = worker.work(database, run_id, judge)
        took, busy = time.perf_counter() - started, time.process_time() - busy
        assert finished.counts == {"done": UNITS}, finished.counts
    ended.set()
    most = told.get(timeout=30)
    process.join(timeout=10)
    ideal = UNITS * LATENCY / AT_ONCE
    print(
        json.dumps(
            {
                "questions": UNITS,
                "at_once": most,
                "seconds": round(took, 2),
                "ideal_seconds": round(ideal, 2),
                "throughput_over_ideal": round(ideal / took, 3),
                "throughput_over_ideal_budget": BUDGET,
                "cpu_ms": round(1000 * busy / UNITS, 2),
                "load": [round(one, 1) for one in os.getloadavg()],
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
