"""Ratings as files: in as if submitted, out with everything, in again to the same state."""

import io
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotate import desk, exchange, outputs, people, rounds, rubric_versions
from annotate.answer import Answer
from annotate.errors import BadInput, BadRow, RoundClosed
from annotate.exchange import RatingConflicts, RatingPlan
from annotate.ratings import frame
from annotate.verification import verify
from db.engine import Database
from db.tables import Assignment, Rater, Rating, Round, Unit, now

RUBRIC = """
name: answers
criteria:
  - id: quality
    scale: ordinal
    points:
      - {value: 1, label: Bad, anchor: It is wrong.}
      - {value: 2, label: Fair, anchor: It is half right.}
      - {value: 3, label: Good, anchor: It is right.}
  - id: tone
    scale: categorical
    options: [{id: warm, label: Warm}, {id: cold, label: Cold}]
  - id: failure
    scale: tags
    options: [{id: unsupported, label: Unsupported}, {id: stale, label: Stale}]
  - id: remark
    scale: text
    required: false
"""
ADA = {"output_id": "o1", "rater": "Ada", "criterion": "quality", "value": 2}


def workspace(database: Database, overlap: int = 2) -> Database:
    """Four outputs, three of them in the round R, people Ada and Ben, judge J."""
    lines = [json.dumps({"id": f"o{n}", "input": "q", "response": "r"}) for n in range(1, 5)]
    with database.write() as session:
        file = io.BytesIO("\n".join(lines).encode())
        outputs.import_outputs(session, outputs.read_outputs(file, name="o.jsonl"), by=None)
        for name, kind in (("Ada", "human"), ("Ben", "human"), ("Cy", "human"), ("J", "judge")):
            people.add_rater(session, name, kind=kind)
        people.add_rater(session, "Lea", role="lead")
        rubric_versions.add_rubric(session, RUBRIC, source_name="answers.yaml", by=None)
        design = rounds.Design(
            name="R", rubric="answers", units=3, overlap=overlap, seed="6", raters=("Ada", "Ben")
        )
        rounds.launch_round(session, design, by=None)
    return database


@pytest.fixture
def full(database: Database) -> Database:
    return workspace(database)


@pytest.fixture
def small(sqlite_database: Database) -> Database:
    return workspace(sqlite_database)


def sampled(database: Database) -> list[str]:
    with database.read() as session:
        return sorted(session.exec(select(Unit.key)))


def jsonl(*rows: dict[str, Any]) -> io.BytesIO:
    return io.BytesIO("".join(json.dumps(row) + "\n" for row in rows).encode())


def bring(database: Database, *rows: dict[str, Any], **options: Any) -> RatingPlan:
    with database.write() as session:
        return bring_file(session, jsonl(*rows), **{"name": "ratings.jsonl", **options})


def bring_file(session: Session, file: Any, **options: Any) -> RatingPlan:
    if "round" not in options:
        options["round"] = rounds.get_round(session, "R")
    return exchange.import_ratings(session, file, by=None, **options)


def stored(database: Database) -> list[Rating]:
    with database.read() as session:
        return list(session.exec(select(Rating).order_by(col(Rating.id))))


def missing(database: Database) -> dict[str, int]:
    with database.read() as session:
        return {unit.key: unit.missing for unit in session.exec(select(Unit))}


def ada(database: Database, **changed: Any) -> dict[str, Any]:
    """Ada's rating of the first sampled output."""
    return {**ADA, "output_id": sampled(database)[0], **changed}


def test_peoples_ratings_count_as_if_they_were_submitted(full: Database) -> None:
    first, second, _ = sampled(full)
    plan = bring(
        full,
        ada(full, seconds=12.5, rated_at="2026-03-31T10:00:00Z"),
        ada(full, criterion="tone", value="cold", rated_at="2026-03-31T10:00:05Z"),
        ada(full, output_id=second),
    )
    assert (plan.new, plan.assignments, plan.extra) == (3, 2, 0)
    assert missing(full)[first] == 1
    with full.read() as session:
        assignment = session.exec(select(Assignment).join(Unit).where(Unit.key == first)).one()
        progress = rounds.progress(session, rounds.get_round(session, "R"), by=None)
    assert (assignment.state, assignment.seconds) == ("submitted", 12.5)
    assert assignment.submitted_at is not None
    assert assignment.submitted_at.isoformat() == "2026-03-31T10:00:05+00:00"
    assert progress.submitted == 2
    assert [r.assignment_id for r in stored(full)][:2] == [assignment.id] * 2


def test_a_rating_of_a_full_unit_is_kept_as_extra_and_not_counted(full: Database) -> None:
    unit = sampled(full)[0]
    plan = bring(full, *(ada(full, rater=name) for name in ("Ada", "Ben", "Cy")), add_raters=True)
    assert (plan.assignments, plan.extra) == (3, 1)
    assert missing(full)[unit] == 0
    assert [r.extra for r in stored(full)] == [False, False, True]


def test_a_claim_that_was_open_becomes_the_submission(small: Database) -> None:
    unit = sampled(small)[0]
    with small.write() as session:
        unit_id = session.exec(select(Unit.id).where(Unit.key == unit)).one()
        session.add(
            Assignment(
                round_id=1, unit_id=unit_id or 0, rater_id=1, state="claimed", claimed_at=now()
            )
        )
    bring(small, ada(small))
    with small.read() as session:
        assert session.exec(select(Assignment.state)).all() == ["submitted"]
    assert missing(small)[unit] == 1


def test_the_same_file_twice_is_a_no_op(full: Database) -> None:
    rows = [ada(full, rater=name) for name in ("Ada", "Ben")]
    bring(full, *rows)
    plan = bring(full, *rows)
    assert (plan.new, plan.same, plan.assignments) == (0, 2, 0)
    assert len(stored(full)) == 2


def test_a_differing_value_is_a_conflict_with_both_versions_and_stores_nothing(
    small: Database,
) -> None:
    unit = sampled(small)[0]
    bring(small, ada(small))
    with pytest.raises(RatingConflicts) as refused:
        bring(small, ada(small, criterion="tone", value="warm"), ada(small, value=3))
    assert str(refused.value) == (
        "1 rating contradicts a stored one, so nothing was stored:\n"
        f"  ratings.jsonl row 2: Ada on {unit}, quality: stored 2, offered 3\n"
        "pass --correct to store them as corrections that supersede the earlier ratings"
    )
    assert len(stored(small)) == 1


def test_a_correction_supersedes_and_the_earlier_rating_stays(full: Database) -> None:
    bring(full, ada(full))
    plan = bring(full, ada(full, value=3), correct=True)
    again = bring(full, ada(full, value=3), correct=True)
    first, second = stored(full)
    assert (plan.corrected, again.same) == (1, 1)
    assert (first.value, second.value, second.supersedes_id) == (2, 3, first.id)
    assert second.assignment_id == first.assignment_id


def test_tags_come_as_a_list_or_one_by_one(small: Database) -> None:
    first, second, third = sampled(small)
    bring(
        small,
        ada(small, criterion="failure", value=["stale"]),
        ada(small, criterion="failure", value="unsupported|stale", output_id=second),
        ada(small, criterion="failure", value="", output_id=third),
        ada(small, rater="Ben", criterion="failure.stale", value=1),
    )
    assert [(r.criterion, r.value) for r in stored(small)] == [
        ("failure.unsupported", 0),
        ("failure.stale", 1),
        ("failure.unsupported", 1),
        ("failure.stale", 1),
        ("failure.unsupported", 0),
        ("failure.stale", 0),
        ("failure.stale", 1),
    ]


def test_a_judge_may_score_between_points_and_outside_the_sample(full: Database) -> None:
    inside = sampled(full)[0]
    (outside,) = {"o1", "o2", "o3", "o4"} - set(sampled(full))
    plan = bring(
        full,
        ada(full, rater="J", value=2.5),
        ada(full, rater="J", value=1.25, output_id=outside),
    )
    assert (plan.new, plan.outside, plan.assignments) == (2, 1, 0)
    one, two = stored(full)
    assert (one.value, one.round_id is None) == (2.5, False)
    assert (two.value, two.round_id, two.unit_id) == (1.25, None, None)
    assert missing(full)[inside] == 2


def test_a_judge_without_a_round_is_stored_outside_any_round(small: Database) -> None:
    plan = bring(small, ada(small, rater="J", value=2.5), round=None)
    again = bring(small, ada(small, rater="J", value=2.5), round=None)
    assert (plan.new, again.same) == (1, 1)
    assert stored(small)[0].round_id is None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"output_id": "nope"},
            'output_id "nope" is unknown; import the output first, or correct the id',
        ),
        ({"unit": "nope"}, 'unit "nope" is unknown (not in R); name a unit of the round'),
        (
            {"rater": "Zoe"},
            "rater \"Zoe\" is unknown; add it with `annotate rater add 'Zoe'`, "
            "or pass --add-raters",
        ),
        (
            {"rater": "Cy"},
            'rater "Cy" was not invited to R; '
            "correct the name, or pass --add-raters to take these ratings all the same",
        ),
        (
            {"criterion": "beauty"},
            'criterion "beauty" is not in the rubric of R; use one of quality, tone, failure, '
            "failure.unsupported, failure.stale, remark",
        ),
        ({"value": 4}, "quality: 4 is not on the scale; give one of 1, 2, 3"),
        ({"value": 2.5}, "quality: 2.5 is not on the scale; give one of 1, 2, 3"),
        ({"value": "NaN"}, "quality: 'NaN' is not on the scale; give one of 1, 2, 3"),
        ({"value": "high"}, "quality: 'high' is not on the scale; give one of 1, 2, 3"),
        (
            {"rater": "J", "value": 3.5},
            "quality: 3.5 is not within the scale; give a number from 1 to 3",
        ),
        (
            {"criterion": "tone", "value": "hot"},
            "tone: 'hot' is not on the scale; give one of warm, cold",
        ),
        (
            {"criterion": "failure", "value": "old"},
            "failure: 'old' is not one of the tags; choose among unsupported, stale",
        ),
        ({"value": None}, "value is empty; give a value, or say abstained"),
        ({"value": ""}, "value is empty; give a value, or say abstained"),
        (
            {"abstained": "not_applicable"},
            "abstained is not_applicable beside a value; keep one of the two",
        ),
        (
            {"abstained": "bored"},
            'abstained is "bored"; use one of not_applicable, cannot_judge, withdrawn',
        ),
        (
            {"kind": "judge"},
            "kind is judge, but Ada is a human; correct the kind, or give this rater another name",
        ),
        ({"round": "Q"}, "round is Q, not R; import with --round Q"),
        ({"rater": ""}, "rater is empty; give a value"),
        ({"run": 0}, "run is 0; count runs from 1"),
        ({"rationale": "a\0b"}, "rationale has a NUL character; take it out"),
        (
            {"evidence": [{"field": "response"}]},
            "evidence has the span \"{'field': 'response'}\"; "
            "give a list of {field, start, end}, in characters",
        ),
        (
            {"supersedes": 7},
            "supersedes is 7, which no row above has as its rating; "
            "keep the rows of an export together and in order",
        ),
    ],
)
def test_a_row_that_cannot_be_used_is_named_with_field_and_mend(
    small: Database, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadRow) as refused:
        bring(small, ada(small, rater="Ben"), ada(small, **changed))
    assert str(refused.value) == f"ratings.jsonl row 2: {message}"
    assert stored(small) == []


def test_an_output_outside_the_sample_is_not_a_persons_to_rate(small: Database) -> None:
    (outside,) = {"o1", "o2", "o3", "o4"} - set(sampled(small))
    with pytest.raises(BadRow) as refused:
        bring(small, ada(small, output_id=outside))
    assert str(refused.value) == (
        f'ratings.jsonl row 1: output_id "{outside}" is not in the sample of R; '
        "take the row out, or launch a round that has the output"
    )
    with pytest.raises(BadInput, match="people's ratings belong to a round; pass --round NAME"):
        bring(small, ada(small), round=None)


def test_two_values_for_one_thing_in_one_file_are_refused_naming_both_rows(
    small: Database,
) -> None:
    unit = sampled(small)[0]
    with pytest.raises(BadRow) as refused:
        bring(small, ada(small), ada(small, value=3))
    assert str(refused.value) == (
        f"ratings.jsonl row 2: Ada rates {unit} on quality 3, and 2 in row 1; keep one of them"
    )


def test_a_missing_column_is_named_with_the_likely_mapping(small: Database) -> None:
    text = "id,annotator,criterion,score\n" + f"{sampled(small)[0]},Ada,quality,3\n"
    mapping = {"output_id": "id", "rater": "annotator", "value": "score"}
    with small.write() as session:
        with pytest.raises(BadInput) as refused:
            bring_file(session, io.BytesIO(text.encode()), name="r.csv")
        plan = bring_file(session, io.BytesIO(text.encode()), name="r.csv", mapping=mapping)
    assert str(refused.value) == (
        'r.csv: has no column "output_id" (its columns are id, annotator, criterion, score); '
        "name the right one: --map output_id=id"
    )
    assert plan.new == 1


def test_a_closed_round_takes_automated_ratings_and_none_by_people(small: Database) -> None:
    with small.write() as session:
        rounds.close_round(session, "R", by=None)
    assert bring(small, ada(small, rater="J")).new == 1
    with pytest.raises(RoundClosed, match="round R is closed and takes no ratings by people"):
        bring(small, ada(small))


def test_another_value_for_a_closed_round_is_refused_without_offering_a_correction(
    small: Database,
) -> None:
    bring(small, ada(small))
    with small.write() as session:
        rounds.close_round(session, "R", by=None)
    assert bring(small, ada(small)).same == 1
    for correct in (False, True):
        with pytest.raises(RoundClosed, match="round R is closed and takes no ratings by people"):
            bring(small, ada(small, value=1, rationale="no"), correct=correct)


def test_unknown_raters_are_added_when_asked_with_their_kind(small: Database) -> None:
    plan = bring(small, ada(small, rater="J2", value=1.5), kind="judge", add_raters=True)
    assert plan.raters == ["J2"]
    with small.read() as session:
        assert session.exec(select(Rater.kind).where(Rater.name == "J2")).one() == "judge"


def test_a_dry_run_stores_nothing_and_says_the_same(small: Database) -> None:
    with small.read() as session:
        plan = bring_file(
            session, jsonl(ada(small), ada(small, rater="New")), add_raters=True, dry_run=True
        )
    assert (plan.new, plan.assignments, plan.raters) == (2, 2, ["New"])
    assert stored(small) == []


def test_columns_that_are_no_field_are_counted(small: Database) -> None:
    assert bring(small, ada(small, mood="good", segment="all")).ignored == {"mood": 1}


def eventful(database: Database) -> None:
    """Corrections, abstentions, a withdrawal, tags, texts, an extra, judges, an adjudication."""
    first, second, third = sampled(database)
    (outside,) = {"o1", "o2", "o3", "o4"} - {first, second, third}
    bring(
        database,
        ada(database, seconds=3.25, rationale="=1+1", seen=["input", "response"]),
        ada(database, criterion="tone", value="cold"),
        ada(database, criterion="failure", value=["stale"]),
        ada(database, criterion="remark", value="@home\n'quoted', שלום"),
        ada(database, output_id=second, abstained="cannot_judge", value=None),
        ada(database, rater="Ben", value=3, evidence=[{"field": "response", "start": 0, "end": 1}]),
        ada(database, rater="J", value=2.123456789012345, cost_usd=0.001, latency_ms=12),
        ada(database, rater="J", value=1.5, run=2),
        ada(database, rater="J", value=1.5, output_id=outside),
        ada(database, rater="Cy", value=1),
        add_raters=True,
    )
    bring(database, ada(database, value=3), ada(database, rater="Ben", value=1), correct=True)
    bring(database, ada(database, value=2), correct=True)
    bring(
        database, ada(database, criterion="tone", value=None, abstained="withdrawn"), correct=True
    )
    bring(database, ada(database, rater="J", value=2, output_id=third, round=""), correct=True)
    bring(database, ada(database, rater="Lea", value=2, adjudication=True, rationale="Because."))


def facts(database: Database) -> tuple[list[Any], list[tuple[Any, ...]], dict[str, int]]:
    """Ratings of the round as statistics see them, submissions, and what is still missing."""
    with database.read() as session:
        found = frame(session, rounds=[rounds.get_round(session, "R")], current=False)
        found["assigned"] = [
            r.assignment_id is not None
            for r in session.exec(
                select(Rating).where(col(Rating.round_id).is_not(None)).order_by(col(Rating.id))
            )
        ]
        numbers = {id_: n for n, id_ in enumerate(found["rating_id"])}
        found["supersedes_id"] = [numbers.get(id_) for id_ in found["supersedes_id"]]
        dropped = found.drop(columns=["rating_id", "unit_id", "repeats_id"]).astype(object)
        submissions = session.connection().execute(
            sa.select(
                col(Unit.key),
                col(Rater.name),
                col(Assignment.state),
                col(Assignment.seconds),
                col(Assignment.extra),
            )
            .select_from(Assignment)
            .join(Unit, col(Unit.id) == Assignment.unit_id)
            .join(Rater, col(Rater.id) == Assignment.rater_id)
            .order_by(Unit.key, Rater.name)
        )
        rows = dropped.where(dropped.notna(), None).to_dict("records")
        return rows, [tuple(row) for row in submissions], missing(database)


@pytest.mark.parametrize("name", ["r.jsonl", "r.csv", "r.parquet", "r.csv.gz"])
def test_an_export_imports_again_to_the_same_state(
    full: Database, tmp_path: Path, migrated_file: Path, name: str
) -> None:
    eventful(full)
    path = tmp_path / name
    with full.read() as session:
        count = exchange.export_ratings(session, rounds.get_round(session, "R"), path, by=None)
    with full.write() as session:
        plan = bring_file(session, path)
    assert (plan.new, plan.same, plan.conflicting) == (0, count, 0)

    (tmp_path / "other.db").write_bytes(migrated_file.read_bytes())
    other = workspace(Database(f"sqlite:///{tmp_path / 'other.db'}"))
    with other.write() as session:
        assert bring_file(session, path, add_raters=True).new == count
    assert facts(other) == facts(full)
    with other.read() as session:
        again = tmp_path / f"again-{name}"
        exchange.export_ratings(session, rounds.get_round(session, "R"), again, by=None)
    assert again.read_bytes() == path.read_bytes()
    other.dispose()


def test_an_export_says_what_was_seen_what_was_superseded_and_in_which_sample(
    small: Database, tmp_path: Path
) -> None:
    bring(small, ada(small, seen=["input"]))
    bring(small, ada(small, value=3), correct=True)
    with small.read() as session:
        exchange.export_ratings(
            session, session.exec(select(Round)).one(), tmp_path / "r.jsonl", by=None
        )
    first, second = map(json.loads, (tmp_path / "r.jsonl").read_text().splitlines())
    assert (first["seen"], first["superseded"], first["rating"]) == (["input"], True, 1)
    assert (second["supersedes"], second["superseded"], second["value"]) == (1, False, 3)
    assert (first["purpose"], first["inclusion_probability"]) == ("fresh", 0.75)


def test_an_export_that_fails_leaves_the_file_that_stood_there(
    small: Database, tmp_path: Path
) -> None:
    bring(small, ada(small))
    with small.read() as session:
        round_ = rounds.get_round(session, "R")
        with pytest.raises(BadInput, match="r.xls: the name says no format; end it in .jsonl"):
            exchange.export_ratings(session, round_, tmp_path / "r.xls", by=None)
        with pytest.raises(BadInput, match="cannot be written"):
            exchange.export_ratings(session, round_, tmp_path / "none" / "r.csv", by=None)
    assert list(tmp_path.glob("*.part")) == []


def test_a_submission_that_was_reopened_and_is_imported_counts_once(full: Database) -> None:
    key = sampled(full)[0]
    answers = {
        "quality": Answer(value=2),
        "tone": Answer(value=0),
        "failure": Answer(tags=()),
    }
    with full.write() as session:
        ada_, round_ = people.get_rater(session, "Ada"), rounds.get_round(session, "R")
        while True:
            place = desk.claim_next(session, ada_, round_, at=now())
            assert place is not None
            desk.submit(
                session, ada_, place.assignment_id, answers, idempotency_key=str(place.assignment_id),
                seconds=1, at=now(),
            )  # fmt: skip
            unit = session.get_one(Assignment, place.assignment_id).unit_id
            if session.get_one(Unit, unit).key == key:
                break
        before = missing_in(session)
        desk.undo(session, ada_, round_, at=now())
    bring(full, {"output_id": key, "rater": "Ada", "criterion": "quality", "value": 3},
          correct=True)  # fmt: skip
    with full.read() as session:
        assert missing_in(session) == before
        assert verify(session) == []


def missing_in(session: Session) -> dict[str, int]:
    return {unit.key: unit.missing for unit in session.exec(select(Unit))}


def test_people_have_no_second_run(small: Database) -> None:
    with pytest.raises(BadRow, match="row 1: run is 2, and people rate a unit once"):
        bring(small, ada(small, run=2))
    assert stored(small) == []


def test_only_a_lead_settles_disputes_by_file(small: Database) -> None:
    with pytest.raises(BadRow, match='rater "Ada" is no lead, and this row settles a dispute'):
        bring(small, ada(small, adjudication=True))
    assert bring(small, ada(small, adjudication=True, rater="Lea")).new == 1


def test_who_is_added_for_settling_a_dispute_is_added_as_a_lead(small: Database) -> None:
    row = ada(small, rater="Max", adjudication=True)
    assert bring(small, row, add_raters=True).raters == ["Max"]
    with small.read() as session:
        assert people.get_rater(session, "Max").role == "lead"


def test_a_criterion_that_two_rubrics_code_differently_needs_a_round(small: Database) -> None:
    """Without a round, warm would be 0 by one rubric and 1 by the other."""
    other = RUBRIC.replace("name: answers", "name: other").replace(
        "[{id: warm, label: Warm}, {id: cold, label: Cold}]",
        "[{id: cold, label: Cold}, {id: warm, label: Warm}]",
    )
    with small.write() as session:
        rubric_versions.add_rubric(session, other, source_name="other.yaml", by=None)
    row = {"output_id": "o1", "rater": "J", "criterion": "tone", "value": "warm"}
    with pytest.raises(BadRow, match='"tone" has other values in the rubrics answers and other'):
        bring(small, row, round=None)
    assert bring(small, row).new == 1
    assert bring(small, {**row, "criterion": "quality", "value": 2}, round=None).new == 1


def test_a_round_that_closes_while_an_import_waits_takes_nothing(
    postgresql_database: Database,
) -> None:
    """Whoever waits for the lock looks again at what it guards."""
    database = workspace(postgresql_database)
    waiting, refused = threading.Event(), []

    def import_late() -> None:
        with pytest.raises(RoundClosed) as said, database.write() as session:
            round_ = rounds.get_round(session, "R")
            waiting.set()
            bring_file(session, jsonl(ada(database)), round=round_, name="r.jsonl")
        refused.append(str(said.value))

    with database.write() as session:
        rounds.close_round(session, "R", by=None)
        session.flush()
        late = threading.Thread(target=import_late)
        late.start()
        assert waiting.wait(10)
        time.sleep(0.3)
    late.join(20)
    assert len(refused) == 1
    assert stored(database) == []


def test_submissions_that_the_rubric_would_refuse_are_taken_and_counted(small: Database) -> None:
    first, second, _ = sampled(small)
    complete = [
        {"output_id": first, "rater": "Ada", "criterion": name, "value": value}
        for name, value in (("quality", 3), ("tone", "warm"), ("failure", "stale"))
    ]
    plan = bring(small, *complete, {**complete[0], "output_id": second})
    assert plan.irregular == {
        "tone is not answered": 1,
        "failure is not answered": 1,
    }
    assert plan.assignments == 2
    # The rest comes in another file: together they are what the rubric asks.
    rest = [{**row, "output_id": second} for row in complete[1:]]
    assert bring(small, *rest).irregular == {}


def test_an_empty_cell_of_a_judge_is_no_choice_of_no_tag(small: Database) -> None:
    row = {"output_id": sampled(small)[0], "rater": "J", "criterion": "failure", "value": ""}
    with pytest.raises(BadRow, match=r"value is empty; write \[\] if no tag applies"):
        bring(small, row)
    assert bring(small, {**row, "value": []}).new == 2
    assert bring(small, {**row, "rater": "Ada"}).new == 2
