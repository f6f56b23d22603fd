"""Ratings into the workspace: what each row means here, what is new, what contradicts.

The whole file is planned in memory before anything is stored; a plan is pure of side effects.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from annotate.errors import BadRow, RoundClosed
from annotate.rating_meaning import LOOKED_UP, Meaning
from annotate.rating_rows import RatingFile, RatingRow
from annotate.rubric import Answer, Rubric
from db.tables import Rater, Rating, Round

CONFLICTS_SHOWN = 20
ADJUDICATED = "(adjudication)"

Key = tuple[str, int | None, int, str, int, bool]
"""Rater, unit, output, criterion's key, run, adjudication: what has one current rating."""


@dataclass(slots=True)
class Entry:
    """One rating: stored (with its id), or to be stored."""

    key: Key
    value: float | None
    text: str | None
    abstained: str | None
    rated_at: datetime | None
    id: int | None = None
    row: RatingRow | None = None
    supersedes: "Entry | None" = None
    superseded: bool = False
    extra: bool = False
    assignment_id: int | None = None

    def answers_like(self, other: "Entry") -> bool:
        """Whether both say the same, whenever they said it."""
        return (self.value, self.text, self.abstained) == (
            other.value,
            other.text,
            other.abstained,
        )

    @property
    def answer(self) -> str:
        """The answer in a message."""
        if self.abstained is not None:
            return self.abstained.replace("_", " ")
        return f'"{self.text}"' if self.value is None else f"{self.value:g}"


@dataclass(frozen=True)
class RatingConflict:
    """A row says something else than the stored rating of the same rater, unit and criterion."""

    file: str
    row: int
    rater: str
    unit: str
    criterion: str
    stored: str
    offered: str

    def __str__(self) -> str:
        return (
            f"{self.file} row {self.row}: {self.rater} on {self.unit}, {self.criterion}: "
            f"stored {self.stored}, offered {self.offered}"
        )


@dataclass
class RatingPlan:
    """What an import of ratings would do, or has done."""

    rows: int = 0
    """Rows that were read; one that names several tags is a rating on each."""
    new: int = 0
    same: int = 0
    """Ratings that are stored already, or stand twice in the file."""
    corrected: int = 0
    """New ratings that supersede one: corrections in the file, or by --correct."""
    conflicting: int = 0
    conflicts: list[RatingConflict] = field(default_factory=list)
    """The first of the conflicting rows."""
    raters: list[str] = field(default_factory=list)
    """Raters that are added."""
    assignments: int = 0
    """Units that count as submitted by a person through this file."""
    extra: int = 0
    """Of these, kept and not counted: their units had all the ratings that the round asks for."""
    outside: int = 0
    """Automated ratings of outputs that are no units of the round: stored outside any round."""
    irregular: Counter[str] = field(default_factory=Counter)
    """What the rubric asks of people and their submissions lack: submissions by what it is."""
    ignored: Counter[str] = field(default_factory=Counter)
    """Columns that are no field: rows that fill them."""

    def as_json(self) -> dict[str, Any]:
        """The plan for programs."""
        return {
            "rows": self.rows,
            "new": self.new,
            "same": self.same,
            "corrected": self.corrected,
            "conflicting": self.conflicting,
            "conflicts": [vars(conflict) for conflict in self.conflicts],
            "raters_added": self.raters,
            "assignments": self.assignments,
            "extra": self.extra,
            "outside_the_round": self.outside,
            "irregular_submissions": dict(sorted(self.irregular.items())),
            "ignored_columns": dict(sorted(self.ignored.items())),
        }


class RatingPlanner:
    """Plans the rows of one file against one round (or none)."""

    def __init__(
        self,
        session: Session,
        file: RatingFile,
        *,
        round_: Round | None,
        kind: str | None,
        add_raters: bool,
        correct: bool,
    ) -> None:
        self._session = session
        self._file = file
        self._round = round_
        self._correct = correct
        self._add_raters = add_raters
        self._meaning = Meaning(session, file, round_=round_, kind=kind, add_raters=add_raters)
        self.plan = RatingPlan(ignored=file.ignored)
        self.entries: list[Entry] = []
        """What is to be stored, in order."""
        self._existing: dict[Key, list[Entry]] = defaultdict(list)
        self._numbered: dict[int, Entry] = {}

    def run(self) -> None:
        """Plan every row. Raises BadRow for the first that cannot be used."""
        entries = [entry for row in self._file.rows for entry in self._meant(row)]
        self.plan.rows = len(self._file.rows)
        self._load_existing(entries)
        for entry in entries:
            self._decide(entry)

    def answers(self, unit: int, rater: str, rubric: Rubric) -> dict[str, Answer]:
        """What a person says of a unit by all ratings in force, stored and in the file."""
        said = self._by_submission.get((unit, rater), {})
        found: dict[str, Answer] = {}
        for criterion in rubric.criteria:
            entries = {key: said[key] for key in criterion.keys if key in said}
            if not entries:
                continue
            one = next(iter(entries.values()))
            # A stored rating's rationale was looked at when it came.
            rationale = "stored" if one.row is None else one.row.rationale
            tags = tuple(
                key.partition(".")[2] for key, entry in entries.items() if entry.value == 1
            )
            if one.abstained is not None:
                answer = Answer(abstained=one.abstained)
            elif criterion.scale == "tags":
                answer = Answer(tags=tags, rationale=rationale)
            elif criterion.scale == "text":
                answer = Answer(text=one.text)
            else:
                answer = Answer(value=one.value, rationale=rationale)
            found[criterion.id] = answer
        return found

    @cached_property
    def _by_submission(self) -> dict[tuple[int, str], dict[str, Entry]]:
        """Ratings in force by (unit, rater) and criterion's key; adjudications apart."""
        found: dict[tuple[int, str], dict[str, Entry]] = defaultdict(dict)
        for (rater, unit, _, criterion, run, adjudication), entries in self._existing.items():
            current = next((e for e in reversed(entries) if not e.superseded), None)
            if unit is not None and run == 1 and not adjudication and current is not None:
                found[unit, rater][criterion] = current
        return found

    @property
    def new_raters(self) -> dict[str, str]:
        """Raters to be added: kind by name."""
        return self._meaning.new_raters

    @property
    def new_leads(self) -> set[str]:
        """Those of them who settled disputes."""
        return self._meaning.new_leads

    def _load_existing(self, entries: list[Entry]) -> None:
        """Stored ratings that rows may repeat or contradict: of the round, and of no round."""
        if self._round is not None:
            self._load(col(Rating.round_id) == self._round.id)
        # Only of outputs that the file names: a judge may have scored all of production.
        named = sorted({entry.key[2] for entry in entries})
        raters = {row.rater for row in self._file.rows}
        for start in range(0, len(named), LOOKED_UP):
            self._load(
                col(Rating.round_id).is_(None)
                & col(Rater.name).in_(raters)
                & col(Rating.output_id).in_(named[start : start + LOOKED_UP])
            )

    def _load(self, where: sa.ColumnElement[bool]) -> None:
        statement = (
            sa.select(
                col(Rating.id),
                col(Rater.name),
                col(Rating.unit_id),
                col(Rating.output_id),
                col(Rating.criterion),
                col(Rating.run),
                col(Rating.adjudication),
                col(Rating.value),
                col(Rating.text),
                col(Rating.abstained),
                col(Rating.rated_at),
                col(Rating.supersedes_id),
            )
            .join(Rater, col(Rater.id) == Rating.rater_id)
            .where(where)
            .order_by(col(Rating.id))
        )
        by_id: dict[int | None, Entry] = {}
        for (
            id_,
            rater,
            unit,
            output,
            criterion,
            run,
            adjudication,
            *said,
        ) in self._session.connection().execute(statement):
            value, text, abstained, rated_at, supersedes = said
            key = _key(rater, unit, output, criterion, run, adjudication)
            entry = Entry(key, value, text, abstained, rated_at, id=id_)
            by_id[id_] = entry
            if supersedes in by_id:
                by_id[supersedes].superseded = True
            self._existing[key].append(entry)

    def _meant(self, row: RatingRow) -> list[Entry]:
        """The ratings that a row stands for: one, or one a tag."""
        self._meaning.settle_kind(row)
        unit, output = self._meaning.place(row)
        return [
            Entry(
                _key(row.rater, unit, output, name, row.run, row.adjudication),
                value,
                text,
                row.abstained,
                row.rated_at,
                row=row,
            )
            for name, value, text in self._meaning.said(row)
        ]

    def _decide(self, entry: Entry) -> None:
        """New, the same, a correction, or a conflict."""
        row = entry.row
        assert row is not None
        rivals = self._existing[entry.key]
        known = self._known(entry, rivals)
        if known is not None:
            self.plan.same += 1
            self._number(row, known)
            return
        current = next((rival for rival in rivals if not rival.superseded), None)
        if row.supersedes is not None:
            target = self._numbered.get(row.supersedes)
            if target is None:
                raise BadRow(
                    self._file.name,
                    row.row,
                    "supersedes",
                    f"is {row.supersedes}, which no row above has as its rating",
                    "keep the rows of an export together and in order",
                )
            if not target.superseded:
                self._add(entry, supersedes=target)
                return
        if current is None:
            self._add(entry)
        elif current.row is not None and row.supersedes is None:
            raise BadRow(
                self._file.name,
                row.row,
                None,
                f"{row.rater} rates {self._shown_unit(entry)} on {entry.key[3]} "
                f"{entry.answer}, and {current.answer} in row {current.row.row}",
                "keep one of them",
            )
        elif self._correct:
            self._add(entry, supersedes=current)
        else:
            self._permit(row)
            self.plan.conflicting += 1
            if len(self.plan.conflicts) < CONFLICTS_SHOWN:
                self.plan.conflicts.append(
                    RatingConflict(
                        self._file.name,
                        row.row,
                        row.rater,
                        self._shown_unit(entry),
                        entry.key[3],
                        current.answer,
                        entry.answer,
                    )
                )

    def _known(self, entry: Entry, rivals: list[Entry]) -> Entry | None:
        """The rating that says the same: at the same time, or now, or (without a time) once."""
        alike = [rival for rival in rivals if rival.answers_like(entry)]
        for rival in alike:
            if entry.rated_at is not None and rival.rated_at == entry.rated_at:
                return rival
        row = entry.row
        assert row is not None
        if row.supersedes is not None:
            return None
        for rival in alike:
            if not rival.superseded or (entry.rated_at is None and not self._correct):
                return rival
        return None

    def _add(self, entry: Entry, supersedes: Entry | None = None) -> None:
        assert entry.row is not None
        self._permit(entry.row)
        if supersedes is not None:
            supersedes.superseded = True
            entry.supersedes = supersedes
            self.plan.corrected += 1
        self.plan.new += 1
        if entry.key[1] is None and self._round is not None:
            self.plan.outside += 1
        self._existing[entry.key].append(entry)
        self.entries.append(entry)
        self._number(entry.row, entry)

    def _permit(self, row: RatingRow) -> None:
        """What a person could not do at the desk, a file cannot do either."""
        if row.kind == "human" and row.run != 1:
            raise BadRow(
                self._file.name,
                row.row,
                "run",
                f"is {row.run}, and people rate a unit once",
                "leave it empty; what a person says later is a correction (--correct)",
            )
        if row.adjudication and not self._meaning.is_lead(row.rater):
            raise BadRow(
                self._file.name,
                row.row,
                "rater",
                f'"{row.rater}" is no lead, and this row settles a dispute',
                "name the lead who decided, or leave adjudication empty",
            )
        if self._round is None or row.kind != "human" or row.adjudication:
            return
        if self._round.status != "open":
            raise RoundClosed(
                f"round {self._round.name} is {self._round.status} and takes no ratings by people; "
                "launch a new round for them"
            )
        invited = self._round.design.get("raters")
        if invited and row.rater not in invited and not self._add_raters:
            raise BadRow(
                self._file.name,
                row.row,
                "rater",
                f'"{row.rater}" was not invited to {self._round.name}',
                "correct the name, or pass --add-raters to take these ratings all the same",
            )

    def _number(self, row: RatingRow, entry: Entry) -> None:
        if row.rating is not None:
            self._numbered[row.rating] = entry

    def _shown_unit(self, entry: Entry) -> str:
        return self._meaning.shown((entry.key[1], entry.key[2]))


def _key(
    rater: str, unit: int | None, output: int, criterion: str, run: int, adjudication: bool
) -> Key:
    """Adjudications have one current rating whoever the lead is."""
    return (ADJUDICATED if adjudication else rater, unit, output, criterion, run, adjudication)
