"""Files against their budgets, side by side in one run; prints JSON.

    python tests/bench/bench_files.py

- Import of 20,000 outputs of 2 KB from JSON Lines, as a share of the speed of a bare
  `executemany` of the same rows, already in memory and encoded, into the same table; beside it
  the share of SQLAlchemy Core's own `executemany`, which encodes JSON and times as well.
- Export of 200,000 ratings to CSV, as a multiple of the time in which pandas writes the same
  frame, already in memory.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlmodel import SQLModel, select

from annotate import exchange, outputs, people, rounds, rubric_versions
from annotate.ratings import frame
from db.engine import Database
from db.tables import Output, Rater, Round, Unit, now

OUTPUTS = 20_000
RATINGS = 200_000
REPEATS = 5


def main() -> None:
    """Run both and print the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps({**bench_import(Path(folder)), **bench_export(Path(folder))}, indent=2))


def bench_import(folder: Path) -> dict[str, Any]:
    """Seconds of the import and of a bare executemany; medians of alternating repetitions."""
    path = folder / "outputs.jsonl"
    with path.open("w") as file:
        for number in range(OUTPUTS):
            file.write(json.dumps(_output(number)) + "\n")
    imported, bare, core = [], [], []
    for repeat in range(REPEATS):
        database = Database(f"sqlite:///{folder}/import{repeat}.db").ready()
        imported.append(_seconds(partial(_import, database, path)))
        target = Database(f"sqlite:///{folder}/bare{repeat}.db").ready()
        with database.engine.connect() as connection:
            rows = [tuple(row) for row in connection.exec_driver_sql("SELECT * FROM output")]
        bare.append(_seconds(partial(_executemany, target, rows)))
        typed_target = Database(f"sqlite:///{folder}/core{repeat}.db").ready()
        with database.read() as session:
            typed = [row.model_dump() for row in session.exec(select(Output))]
        core.append(_seconds(partial(_core_executemany, typed_target, typed)))
        for used in (database, target, typed_target):
            used.dispose()
    ours, theirs, cores = (statistics.median(seconds) for seconds in (imported, bare, core))
    return {
        "outputs": OUTPUTS,
        "import_seconds": round(ours, 3),
        "executemany_seconds": round(theirs, 3),
        "import_share_of_executemany_speed": round(theirs / ours, 3),
        "import_budget": 0.5,
        "core_executemany_seconds": round(cores, 3),
        "import_share_of_core_executemany_speed": round(cores / ours, 3),
    }


def bench_export(folder: Path) -> dict[str, Any]:
    """Seconds of the export and of pandas writing the same frame."""
    database = Database(f"sqlite:///{folder}/export.db").ready()
    _rate(database)
    exported, pandas = [], []
    with database.read() as session:
        round_ = rounds.get_round(session, "R")
        same = frame(session, rounds=[round_], current=False)
        for _ in range(3):
            exported.append(
                _seconds(
                    lambda: exchange.export_ratings(session, round_, folder / "ours.csv", by=None)
                )
            )
            pandas.append(_seconds(lambda: _to_csv(same, folder / "pandas.csv")))
    database.dispose()
    ours, theirs = statistics.median(exported), statistics.median(pandas)
    return {
        "ratings": RATINGS,
        "export_seconds": round(ours, 3),
        "pandas_seconds": round(theirs, 3),
        "export_times_pandas": round(ours / theirs, 3),
        "export_budget": 3.0,
    }


def _output(number: int) -> dict[str, Any]:
    """An output of about 2 KB."""
    return {
        "id": f"trace-{number:06d}",
        "input": "How do I change the address of my account? " * 8,
        "contexts": ["Addresses are changed under Settings, Account. " * 10] * 2,
        "response": "Open Settings, choose Account, then Address. " * 14,
        "segment": f"segment-{number % 7}",
        "configuration": "v2",
        "latency_ms": 1234.5,
        "cost": {"model": 0.0123},
        "tokens": {"in": 800, "out": 120},
        "thumb": number % 3 - 1,
        "metadata": {"team": "support", "number": number},
    }


def _import(database: Database, path: Path) -> None:
    with database.write() as session:
        outputs.import_outputs(session, outputs.read_outputs(path), by=None)


def _executemany(database: Database, rows: list[tuple[Any, ...]]) -> None:
    marks = ", ".join("?" * len(rows[0]))
    connection = database.engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        cursor.executemany(f"INSERT INTO output VALUES ({marks})", rows)
        cursor.execute("COMMIT")
    finally:
        connection.close()


def _core_executemany(database: Database, rows: list[dict[str, Any]]) -> None:
    with database.write() as session:
        session.execute(sa.insert(Output), rows)


def _rate(database: Database) -> None:
    """A round of 10,000 units with five raters and four criteria."""
    units, raters = 10_000, 5
    criteria = ["faithfulness", "relevance", "completeness", "tone"]
    rubric = "name: bench\ncriteria:\n" + "".join(
        f"  - id: {name}\n    scale: ordinal\n    points:\n"
        + "".join(f"      - {{value: {v}, label: Point {v}, anchor: So.}}\n" for v in range(1, 6))
        for name in criteria
    )
    tables = SQLModel.metadata.tables
    with database.write() as session:
        source = [
            json.dumps({"id": f"o{n:05d}", "input": "q", "response": "r"}) for n in range(units)
        ]
        path = Path(str(database.path)).with_suffix(".jsonl")
        path.write_text("\n".join(source))
        outputs.import_outputs(session, outputs.read_outputs(path), by=None)
        for name in range(raters):
            people.add_rater(session, f"rater-{name}")
        rubric_versions.add_rubric(session, rubric, source_name="bench.yaml", by=None)
        rounds.launch_round(
            session,
            rounds.Design(
                name="R",
                rubric="bench",
                units=units,
                overlap=raters,
                raters=tuple(f"rater-{n}" for n in range(raters)),
            ),
            by=None,
        )
        round_id = session.exec(select(Round.id)).one()
        ids = list(session.exec(select(Unit.id, Unit.output_id)))
        people_ids = list(session.exec(select(Rater.id)))
        session.connection().execute(
            sa.insert(tables["rating"]),
            [
                {
                    "round_id": round_id,
                    "unit_id": unit,
                    "output_id": output,
                    "rater_id": rater,
                    "criterion": criterion,
                    "value": float((unit or 0) % 5 + 1),
                    "rationale": "It says what the context says.",
                    "evidence": None,
                    "seen": ["input", "contexts", "response"],
                    "run": 1,
                    "extra": False,
                    "adjudication": False,
                    "rated_at": now(),
                    "seconds": 12.5,
                }
                for unit, output in ids
                for rater in people_ids
                for criterion in criteria
            ],
        )


def _to_csv(same: pd.DataFrame, path: Path) -> None:
    same.to_csv(path, index=False)


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
