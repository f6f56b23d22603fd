"""A small open round and raters at its desk, for tests."""

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import col, select

from annotate import desk, outputs, people, rounds, rubric_versions
from annotate.desk import Place, Receipt
from annotate.ratings import frame
from annotate.rubric import Answer
from db.engine import Database
from db.tables import Assignment, Rater, Rating, Round, Unit

RUBRIC = """
name: answers
criteria:
  - id: quality
    scale: ordinal
    points:
      - {value: 1, label: Bad, anchor: It is wrong.}
      - {value: 2, label: Fair, anchor: It is half right.}
      - {value: 3, label: Good, anchor: It is right.}
  - id: failure
    scale: tags
    show_if: quality < 3
    options: [{id: unsupported, label: Unsupported}, {id: stale, label: Stale}]
  - id: remark
    scale: text
    required: false
"""
GOOD = {"quality": Answer(value=3)}
FAIR = {"quality": Answer(value=2), "failure": Answer(tags=("stale",))}
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class Desk:
    """An open round R; every step is a transaction of its own, at a time that the test moves."""

    def __init__(
        self, database: Database, *, units: int = 4, overlap: int = 2, **design: Any
    ) -> None:
        self.database = database
        self.at = START
        self._keys = 0
        lines = [
            json.dumps(
                {
                    "id": f"o{n:02}",
                    "input": f"Question {n}",
                    "response": f"Response {n}",
                    "contexts": [f"Context {n}"],
                    "reference": f"Reference {n}",
                    "configuration": "hidden-configuration",
                    "segment": "hidden-segment",
                    "thumb": -1,
                    "metadata": {"team": "hidden-team"},
                }
            )
            for n in range(units)
        ]
        with database.write() as session:
            file = io.BytesIO("\n".join(lines).encode())
            outputs.import_outputs(session, outputs.read_outputs(file, name="o.jsonl"), by=None)
            for name in ("Ada", "Ben", "Cy", "Dee"):
                people.add_rater(session, name)
            people.add_rater(session, "Lea", role="lead")
            people.add_rater(session, "Judge", kind="judge")
            rubric_versions.add_rubric(session, RUBRIC, source_name="answers.yaml", by=None)
            asked = {
                "name": "R",
                "rubric": "answers",
                "units": units,
                "overlap": overlap,
                "raters": ("Ada", "Ben", "Cy"),
                **design,
            }
            rounds.launch_round(session, rounds.Design(**asked), by=None, at=START)

    def later(self, minutes: float) -> None:
        """Let time pass."""
        self.at += timedelta(minutes=minutes)

    def rater(self, name: str) -> Rater:
        with self.database.read() as session:
            return people.get_rater(session, name)

    def round(self) -> Round:
        with self.database.read() as session:
            return rounds.get_round(session, "R")

    def claim(self, name: str) -> Place | None:
        with self.database.write() as session:
            return desk.claim_next(session, self.rater(name), self.round(), at=self.at)

    def take(self, name: str) -> Place:
        """Claim, where something must be left."""
        place = self.claim(name)
        assert place is not None
        return place

    def submit(
        self,
        name: str,
        place: Place | int,
        answers: Mapping[str, Answer] = GOOD,
        key: str | None = None,
        seconds: float | None = 5.0,
    ) -> Receipt:
        self._keys += 1
        with self.database.write() as session:
            return desk.submit(
                session,
                self.rater(name),
                place if isinstance(place, int) else place.assignment_id,
                answers,
                idempotency_key=key or f"key {self._keys}",
                sitting=None if isinstance(place, int) else place.sitting,
                seconds=seconds,
                at=self.at,
            )

    def draft(
        self,
        name: str,
        place: Place,
        entries: Mapping[str, Any] | None,
        screen: str | None = None,
        version: int | None = None,
    ) -> datetime | None:
        """Keep a draft; with a screen it goes by the version that the place was drawn from."""
        with self.database.write() as session:
            return desk.save_draft(
                session,
                self.rater(name),
                place.assignment_id,
                entries,
                screen=screen,
                version=place.draft_version if screen and version is None else version,
                sitting=place.sitting,
                at=self.at,
            ).held_until

    def skip(self, name: str, place: Place, reason: str = "cannot read it") -> None:
        with self.database.write() as session:
            desk.skip(session, self.rater(name), place.assignment_id, reason, at=self.at)

    def flag(self, name: str, place: Place, note: str) -> None:
        with self.database.write() as session:
            desk.flag(session, self.rater(name), place.assignment_id, note, at=self.at)

    def undo(self, name: str) -> Place:
        with self.database.write() as session:
            return desk.undo(session, self.rater(name), self.round(), at=self.at)

    def reopen(self, name: str, place: Place) -> Place:
        with self.database.write() as session:
            return desk.reopen(session, self.rater(name), place.assignment_id, at=self.at)

    def release(self, name: str, by: str | None = None) -> int:
        with self.database.write() as session:
            lead = None if by is None else people.get_rater(session, by)
            return desk.release(session, self.round(), self.rater(name), at=self.at, by=lead)

    def rate(self, name: str, answers: Mapping[str, Answer] = GOOD) -> str:
        """Claim and submit, a minute's work; the unit's key."""
        place = self.take(name)
        self.later(1)
        self.submit(name, place, answers)
        return self.unit(place).key

    def close(self) -> None:
        with self.database.write() as session:
            rounds.close_round(session, "R", by=None)

    def unit(self, place: Place) -> Unit:
        with self.database.read() as session:
            assignment = session.get_one(Assignment, place.assignment_id)
            return session.get_one(Unit, assignment.unit_id)

    def assignment(self, place: Place) -> Assignment:
        with self.database.read() as session:
            return session.get_one(Assignment, place.assignment_id)

    def missing(self) -> dict[str, int]:
        """Submissions still wanted, by unit."""
        with self.database.read() as session:
            return {u.key: u.missing for u in session.exec(select(Unit).order_by(col(Unit.rank)))}

    def stored(self) -> list[Rating]:
        """Every rating, in order."""
        with self.database.read() as session:
            return list(session.exec(select(Rating).order_by(col(Rating.id))))

    def in_force(self) -> dict[str, float | str | None]:
        """The value or abstention by criterion, as statistics see it; of a round of one unit."""
        with self.database.read() as session:
            rows = frame(session).to_dict("records")
        return {r["criterion"]: r["abstained"] or r["text"] or r["value"] for r in rows}
