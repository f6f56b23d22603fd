"""Reports over a million ratings against their budget; prints JSON.

    python tests/bench/bench_reports.py [RATINGS]

A round of twelve segments and four criteria with a million ratings by people (three of each unit)
and a judge's scores beside them, and a small baseline round with the same 500 anchors, on an SQLite
file. "cold": from the database to the report. "warm": the figures of ratings that are in memory.
"cached": what a page waits for while no rating has arrived.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import sqlalchemy as sa

from annotate import people, ratings, rounds, rubric_versions
from annotate.reports import calibration, drift
from annotate.reports.agreement import agreement_report
from annotate.reports.calibration import calibration_report
from annotate.reports.drift import drift_report
from db.engine import Database
from db.tables import Rater

RATINGS = 1_000_000
ANCHORS, BASELINE = 500, 2_000
OVERLAP, RATERS = 3, 12
CRITERIA = ("faithfulness", "relevance", "completeness", "tone")
AT = "2026-01-01 00:00:00.000000"


def main() -> None:
    """Build the rounds and time the reports."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else RATINGS
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'reports.db'}").ready()
        _prepare(database, wanted // len(CRITERIA) // OVERLAP)
        print(json.dumps(_timed(database), indent=2))


def _timed(database: Database) -> dict[str, Any]:
    with database.read() as session:
        base, last = (rounds.get_round(session, name) for name in ("base", "R"))
        work: dict[str, Callable[[], object]] = {
            "agreement": lambda: agreement_report(session, last, by=None),
            "calibration": lambda: calibration_report(session, last, judge="Judge", by=None),
            "drift": lambda: drift_report(session, base, last, judge="Judge", by=None),
        }
        human = ratings.people(session, last)
        cold = {name: round(_seconds(report), 2) for name, report in work.items()}
        people_said = {"base": ratings.people(session, base), "R": human}
        judged = {r.name: calibration.scores(session, r) for r in (base, last)}
        with (
            mock.patch.object(ratings, "people", lambda _, r: people_said[r.name]),
            mock.patch.object(calibration, "scores", lambda _, r: judged[r.name]),
            mock.patch.object(drift, "scores", lambda _, r: judged[r.name]),
        ):
            warm = {name: round(_seconds(report), 2) for name, report in work.items()}
        return {
            "ratings_by_people": len(human),
            "seconds_cold": cold,
            "seconds_warm": warm,
            "budget_warm": 2.0,
            "cached_ms": round(1000 * _seconds(lambda: ratings.latest(session)), 2),
        }


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _prepare(database: Database, units: int) -> None:
    """Two launched rounds, every unit rated by three people and the judge."""
    rubric = "name: bench\ncriteria:\n" + "".join(
        f"  - id: {name}\n    scale: ordinal\n    pass_at: 4\n    points:\n"
        + "".join(f"      - {{value: {v}, label: Point {v}, anchor: So.}}\n" for v in range(1, 6))
        for name in CRITERIA
    )
    names = tuple(f"rater {number:02}" for number in range(RATERS))
    with database.write() as session:
        connection = session.connection()
        connection.execute(
            sa.text(
                "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :last)"
                " INSERT INTO output (key, case_key, configuration, segment, input, response,"
                " contexts, regenerated, escalated, metadata, content_hash, imported_at)"
                " SELECT printf('o%06d', i), i / 2, 'v' || (i % 2), 'segment ' || (i % 12),"
                " '\"Why?\"', printf('%0500d', i), '[]', 0, 0, '{}', 'hash ' || i, :at FROM n"
            ),
            {"last": units + BASELINE, "at": AT},
        )
        for name in names:
            people.add_rater(session, name)
        session.add(Rater(name="Judge", kind="judge"))
        rubric_versions.add_rubric(session, rubric, source_name="bench.yaml", by=None)
        session.flush()
        base = rounds.Design(
            name="base", units=BASELINE, anchors=ANCHORS, rubric="bench", overlap=OVERLAP,
            raters=names,
        )  # fmt: skip
        rounds.launch_round(session, base, by=None)
        more = {"name": "R", "units": units - ANCHORS, "anchors": 0, "anchors_from": "base"}
        rounds.launch_round(session, base.model_copy(update=more), by=None)
        for criterion in CRITERIA:
            _rate(connection, criterion)


def _rate(connection: sa.Connection, criterion: str) -> None:
    """People lie within a point of a unit's quality; the judge now and then is a point above."""
    for place in range(OVERLAP):
        _insert(connection, criterion, f"(u.rank + {place}) % {RATERS} + 1", "-1, 1")
    judge = "(SELECT id FROM rater WHERE name = 'Judge')"
    _insert(connection, criterion, judge, "0, 1")


def _insert(connection: sa.Connection, criterion: str, rater: str, reach: str) -> None:
    low, high = reach.split(",")
    noise = f"(CASE abs(random()) % 5 WHEN 0 THEN {low} WHEN 1 THEN {high} ELSE 0 END)"
    connection.execute(
        sa.text(
            "INSERT INTO rating (round_id, unit_id, output_id, rater_id, criterion, value, run,"
            f" extra, adjudication, rated_at, seconds) SELECT u.round_id, u.id, u.output_id,"
            f" {rater}, :criterion, max(1, min(5, 1 + u.output_id * 31 % 5 + {noise})), 1, 0, 0,"
            " :at, 10 FROM unit u"
        ),
        {"criterion": criterion, "at": AT},
    )


if __name__ == "__main__":
    main()
