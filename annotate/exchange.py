"""Ratings in and out of the workspace, as files."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

from annotate import claims, events, people, rounds
from annotate.errors import Conflict
from annotate.formats.source import File
from annotate.outputs import Progress
from annotate.rating_export import export_ratings, record_export, write_ratings
from annotate.rating_import import Entry, RatingPlan, RatingPlanner
from annotate.rating_rows import read_ratings
from annotate.rubric import Rubric
from db.tables import Assignment, Rater, Round, Unit, now

__all__ = [
    "RatingConflicts",
    "RatingPlan",
    "export_ratings",
    "import_ratings",
    "record_export",
    "write_ratings",
]

CHUNK = 2000


class RatingConflicts(Conflict):
    """Rows contradict stored ratings; nothing of the file is stored."""

    def __init__(self, plan: RatingPlan) -> None:
        self.plan = plan
        shown = "\n".join(f"  {conflict}" for conflict in plan.conflicts)
        more = plan.conflicting - len(plan.conflicts)
        rest = f"\n  and {more} more" if more else ""
        what = (
            "rating contradicts a stored one"
            if plan.conflicting == 1
            else ("ratings contradict stored ones")
        )
        super().__init__(
            f"{plan.conflicting} {what}, so nothing was stored:\n{shown}{rest}\n"
            "pass --correct to store them as corrections that supersede the earlier ratings"
        )


def import_ratings(
    session: Session,
    file: File,
    *,
    round: Round | None,
    kind: str | None = None,
    mapping: Mapping[str, str] | None = None,
    add_raters: bool = False,
    correct: bool = False,
    dry_run: bool = False,
    name: str | None = None,
    format: str | None = None,
    progress: Progress | None = None,
    by: Rater | None,
) -> RatingPlan:
    """Store the ratings of a file that are new.

    round: what people's ratings belong to. An automated rating of an output that is no unit of
        the round (or with no round) is stored outside any round.
    kind: of raters whose rows say none; a known rater's own kind is taken otherwise.
    correct: store a differing value as a correction that supersedes, instead of refusing it.
    progress: called with the ratings stored so far and all that will be; the whole file is read
        and checked before the first.

    People's ratings make submitted assignments and count towards the overlap exactly as if
    submitted at the desk; on a unit that is full they are kept as extra. A rating that says what
    is stored already is a no-op. Raises BadRow for a row that cannot be used, and (unless
    dry_run) RatingConflicts for rows that contradict stored ratings: nothing is stored then.
    """
    people.require_lead(session, by)
    read = read_ratings(file, name=name, format=format, mapping=mapping)
    if round is not None and round.id is not None and not dry_run:
        claims.one_at_a_time(session, round.id)
        # Whoever held the lock may have closed it.
        round = session.get_one(Round, round.id, populate_existing=True)
    missing = _missing(session, round, lock=not dry_run)
    planner = RatingPlanner(
        session, read, round_=round, kind=kind, add_raters=add_raters, correct=correct
    )
    planner.run()
    plan = planner.plan
    plan.raters = sorted(
        set(planner.new_raters) & {e.row.rater for e in planner.entries if e.row is not None}
    )
    if plan.conflicting and not dry_run:
        raise RatingConflicts(plan)
    submissions = _submissions(planner.entries)
    if round is not None and submissions:
        _note_irregular(planner, submissions, rounds.rubric_of(session, round))
    if dry_run or not planner.entries:
        plan.assignments = len(submissions)
        return plan
    for rater in plan.raters:
        role = "lead" if rater in planner.new_leads else "rater"
        people.add_rater(session, rater, kind=planner.new_raters[rater], role=role, by=by)
    session.flush()
    raters = {r.name: r.id for r in session.exec(select(Rater)).all() if r.id is not None}
    at = now()
    if round is not None:
        _submit(session, round, submissions, raters, missing, plan, at)
    _store(session, round, planner.entries, raters, at, progress)
    events.record(
        session,
        "ratings imported",
        read.name,
        by=by,
        round=round.name if round is not None else None,
        new=plan.new,
        same=plan.same,
        corrected=plan.corrected,
    )
    return plan


def _missing(session: Session, round_: Round | None, *, lock: bool) -> dict[int, int]:
    """Submissions still wanted, by unit; locked against the desk where it could claim meanwhile."""
    if round_ is None or round_.id is None:
        return {}
    statement = sa.select(col(Unit.id), col(Unit.missing)).where(col(Unit.round_id) == round_.id)
    if lock:
        statement = statement.with_for_update()
    rows: Any = session.connection().execute(statement)
    return dict(rows.all())


def _submissions(entries: Iterable[Entry]) -> dict[tuple[int, str], list[Entry]]:
    """People's new ratings by (unit, rater), adjudications apart: each is one submission."""
    found: dict[tuple[int, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        assert entry.row is not None
        unit = entry.key[1]
        if unit is not None and entry.row.kind == "human" and not entry.row.adjudication:
            found[unit, entry.row.rater].append(entry)
    return found


def _note_irregular(
    planner: RatingPlanner, submissions: Iterable[tuple[int, str]], rubric: Rubric
) -> None:
    """Count what the rating page would have refused.

    Taken all the same: files come from other tools and earlier rubrics, and what people said
    there is a fact. Who imports is told.
    """
    for unit, rater in submissions:
        answers = planner.answers(unit, rater, rubric)
        shown = rubric.shown(answers)
        for problem in rubric.check_answers(answers):
            planner.plan.irregular[f"{problem.criterion} {problem.problem}"] += 1
        for criterion in answers:
            if criterion not in shown:
                planner.plan.irregular[f"{criterion} is answered, and its condition hides it"] += 1


def _submit(
    session: Session,
    round_: Round,
    submissions: dict[tuple[int, str], list[Entry]],
    raters: dict[str, int],
    missing: dict[int, int],
    plan: RatingPlan,
    at: datetime,
) -> None:
    """Make submitted assignments of the submissions, and count them on their units."""
    stored: Any = session.connection().execute(
        sa.select(
            col(Assignment.unit_id),
            col(Assignment.rater_id),
            col(Assignment.id),
            col(Assignment.state),
            col(Assignment.submitted_at),
            col(Assignment.extra),
        ).where(col(Assignment.round_id) == round_.id)
    )
    known = {(unit, rater): rest for unit, rater, *rest in stored}
    fresh: list[dict[str, Any]] = []
    fresh_entries: list[list[Entry]] = []
    finished: list[dict[str, Any]] = []
    counted: dict[int, int] = {}
    for (unit, rater), entries in submissions.items():
        id_, state, before, extra = known.get((unit, raters[rater]), (None, None, None, False))
        if state != "submitted":
            plan.assignments += 1
            # What was submitted and reopened has been counted, or kept as extra, already.
            if before is None:
                extra = missing[unit] == 0 or any(
                    e.row is not None and e.row.extra for e in entries
                )
                if extra:
                    plan.extra += 1
                else:
                    missing[unit] -= 1
                    counted[unit] = missing[unit]
            submission = _submission(entries, extra, at)
            if id_ is None:
                keys = {"round_id": round_.id, "unit_id": unit, "rater_id": raters[rater]}
                fresh.append({**keys, **submission})
                fresh_entries.append(entries)
            else:
                finished.append({"b_id": id_, **submission})
        for entry in entries:
            entry.assignment_id, entry.extra = id_, extra
    _insert_assignments(session, fresh, fresh_entries)
    assignment, unit_table = _table("assignment"), _table("unit")
    if finished:
        session.connection().execute(
            sa.update(assignment).where(assignment.c.id == sa.bindparam("b_id")), finished
        )
    if counted:
        session.connection().execute(
            sa.update(unit_table)
            .where(unit_table.c.id == sa.bindparam("b_id"))
            .values(missing=sa.bindparam("b_missing")),
            [{"b_id": unit, "b_missing": left} for unit, left in counted.items()],
        )


def _submission(entries: list[Entry], extra: bool, at: datetime) -> dict[str, Any]:
    """An assignment's columns, as the desk would have left them."""
    times = [entry.rated_at or at for entry in entries]
    return {
        "state": "submitted",
        "lease_until": None,
        "claimed_at": min(times),
        "submitted_at": max(times),
        "seconds": max(entry.row.seconds or 0.0 for entry in entries if entry.row is not None),
        "extra": extra,
        "draft": None,
        "draft_at": None,
    }


def _insert_assignments(
    session: Session, rows: list[dict[str, Any]], entries: list[list[Entry]]
) -> None:
    assignment = _table("assignment")
    statement = sa.insert(assignment).returning(assignment.c.id, sort_by_parameter_order=True)
    for start in range(0, len(rows), CHUNK):
        ids = session.connection().execute(statement, rows[start : start + CHUNK]).scalars()
        for id_, submitted in zip(ids, entries[start : start + CHUNK], strict=True):
            for entry in submitted:
                entry.assignment_id = id_


def _store(
    session: Session,
    round_: Round | None,
    entries: list[Entry],
    raters: dict[str, int],
    at: datetime,
    progress: Progress | None,
) -> None:
    """Insert ratings in order; those that a later one of them supersedes learn their ids."""
    rating = _table("rating")
    returning = sa.insert(rating).returning(rating.c.id, sort_by_parameter_order=True)
    targets = {id(entry.supersedes) for entry in entries if entry.supersedes is not None}
    done = 0
    for batch in _batches(entries):
        rows = [_row(entry, round_, raters, at) for entry in batch]
        if any(id(entry) in targets for entry in batch):
            ids = session.connection().execute(returning, rows).scalars()
            for new_id, entry in zip(ids, batch, strict=True):
                entry.id = new_id
        else:
            session.connection().execute(sa.insert(rating), rows)
        done += len(batch)
        if progress is not None:
            progress(done, len(entries))


def _batches(entries: list[Entry]) -> Iterable[list[Entry]]:
    """Runs of entries, none of which supersedes another of its own run."""
    batch: list[Entry] = []
    members: set[int] = set()
    for entry in entries:
        if len(batch) == CHUNK or id(entry.supersedes) in members:
            yield batch
            batch, members = [], set()
        batch.append(entry)
        members.add(id(entry))
    if batch:
        yield batch


def _row(
    entry: Entry, round_: Round | None, raters: dict[str, int], at: datetime
) -> dict[str, Any]:
    row = entry.row
    assert row is not None
    _, unit, output, criterion, run, adjudication = entry.key
    return {
        "round_id": round_.id if round_ is not None and unit is not None else None,
        "unit_id": unit,
        "output_id": output,
        "rater_id": raters[row.rater],
        "assignment_id": entry.assignment_id,
        "criterion": criterion,
        "value": entry.value,
        "text": entry.text,
        "abstained": entry.abstained,
        "rationale": row.rationale,
        "evidence": row.evidence,
        "seen": row.seen,
        "run": run,
        "extra": entry.extra or row.extra,
        "adjudication": adjudication,
        "supersedes_id": None if entry.supersedes is None else entry.supersedes.id,
        "rated_at": entry.rated_at or at,
        "seconds": row.seconds,
        "cost_usd": row.cost_usd,
        "latency_ms": row.latency_ms,
    }


def _table(name: str) -> sa.Table:
    return SQLModel.metadata.tables[name]
