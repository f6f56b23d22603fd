"""A round's life: planned by reading, frozen under a hash, closed; and how far it is."""

import io
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from annotate import desk, events, outputs, people, rounds, rubric_versions, sampling
from annotate.answer import Answer
from annotate.design import checked
from annotate.errors import AnnotateError, BadInput, Conflict, NotAllowed, NotFound, RoundClosed
from annotate.rounds import Design, Plan
from annotate.verification import verify
from db.engine import Database
from db.tables import Assignment, Event, Output, Round, Rubric, Unit, now

SEGMENTS = ("billing", "refunds", "reports")
RATERS = ("Ada", "Ben", "Cleo")
RUBRIC = """
name: short
criteria:
  - id: tone
    question: Is the tone right?
    scale: categorical
    options: [{id: warm, label: Warm}, {id: cold, label: Cold}]
  - id: quality
    question: How good is the answer?
    scale: ordinal
    points:
      - {value: 1, label: Bad, anchor: It does not answer.}
      - {value: 2, label: Fair, anchor: It answers in part.}
      - {value: 3, label: Good, anchor: It answers.}
"""


def rows(count: int, **fields: Callable[[int], Any]) -> bytes:
    """JSON Lines of outputs o000, o001 ..., segments in turn; fields by number."""
    return b"".join(
        json.dumps(
            {
                "id": f"o{n:03}",
                "input": f"Question {n}?",
                "response": f"Answer {n}.",
                "segment": SEGMENTS[n % 3],
                **{name: value(n) for name, value in fields.items()},
            }
        ).encode()
        + b"\n"
        for n in range(count)
    )


def furnish(database: Database, file: bytes) -> Database:
    """Outputs, three raters, a lead and a rubric."""
    with database.write() as session:
        found = outputs.read_outputs(io.BytesIO(file), format="jsonl")
        outputs.import_outputs(session, found, by=None)
        for name in RATERS:
            people.add_rater(session, name)
        people.add_rater(session, "Lea", role="lead")
        rubric_versions.add_rubric(session, RUBRIC, by=None)
    return database


@pytest.fixture
def workspace(database: Database) -> Database:
    """120 outputs in three segments, on both engines."""
    return furnish(database, rows(120))


@pytest.fixture
def signals(sqlite_database: Database) -> Database:
    """140 outputs, 20 of them with a thumb down and 7 escalated, one of these with both."""
    file = rows(140, thumb=lambda n: -1 if n % 7 == 0 else 0, escalated=lambda n: n % 20 == 0)
    return furnish(sqlite_database, file)


def asked(**fields: Any) -> Design:
    return checked(**{"name": "q3", "rubric": "short", "units": 30, "raters": RATERS, **fields})


def planned(database: Database, **fields: Any) -> Plan:
    with database.read() as session:
        return rounds.plan_round(session, asked(**fields), by=None)


def launched(database: Database, **fields: Any) -> str:
    with database.write() as session:
        return rounds.launch_round(session, asked(**fields), by=None).name


def rate(database: Database, name: str, quality: Callable[[str], int]) -> None:
    """Everybody rates everything that is left, at the desk."""
    for rater_name in RATERS:
        while True:
            with database.write() as session:
                rater = people.get_rater(session, rater_name)
                place = desk.claim_next(session, rater, rounds.get_round(session, name), at=now())
                if place is None:
                    break
                desk.submit(
                    session,
                    rater,
                    place.assignment_id,
                    {
                        "tone": Answer(value=0),
                        "quality": Answer(value=quality(place.response)),
                    },
                    idempotency_key=f"{name}{rater_name}{place.assignment_id}",
                    seconds=2.0,
                    at=now(),
                )


def units(session: Session, name: str) -> list[Unit]:
    round_ = rounds.get_round(session, name)
    return list(session.exec(select(Unit).where(Unit.round_id == round_.id).order_by(Unit.rank)))  # type: ignore[arg-type]


def test_a_plan_writes_nothing_not_even_a_built_in_rubric(workspace: Database) -> None:
    with workspace.write() as session:
        before = session.exec(select(sa.func.count()).select_from(Event)).one()
        plan = rounds.plan_round(session, asked(rubric="rag-answer"), by=None)
    assert len(plan.units) == 30
    with workspace.read() as session:
        assert rounds.list_rounds(session, by=None) == []
        assert [row.name for row in rubric_versions.list_rubrics(session, by=None)] == ["short"]
        assert session.exec(select(sa.func.count()).select_from(Event)).one() == before


def test_a_launch_freezes_exactly_what_the_plan_showed(workspace: Database) -> None:
    fields = {"rubric": "rag-answer", "anchors": 9, "repeats": 3}
    promised = rounds.planned_document(planned(workspace, **fields))
    launched(workspace, **fields)
    with workspace.read() as session:
        round_ = rounds.get_round(session, "q3")
        document = rounds.design_document(session, round_, by=None)
        assert document == promised
        assert round_.design_hash == document["hash"] == promised["hash"]
        assert round_.status == "open"
        assert [unit.missing for unit in units(session, "q3")] == [3] * 33
        rubric = session.get_one(Rubric, round_.rubric_id)
        assert (rubric.name, rubric.version) == ("rag-answer", 1)
        assert verify(session) == []


def test_the_same_outputs_in_another_order_give_the_same_round_on_another_engine(
    sqlite_database: Database, postgresql_database: Database
) -> None:
    lines = rows(120).splitlines(keepends=True)
    furnish(sqlite_database, b"".join(lines))
    furnish(postgresql_database, b"".join(reversed(lines)))
    one, other = (
        rounds.planned_document(planned(database, anchors=10, repeats=5))
        for database in (sqlite_database, postgresql_database)
    )
    assert one == other


def test_the_sample_is_the_first_of_each_stratum_by_hash(workspace: Database) -> None:
    plan = planned(workspace, units=30, seed="2026")
    for segment in SEGMENTS:
        keys = [f"o{n:03}" for n in range(120) if SEGMENTS[n % 3] == segment]
        first = sorted(keys, key=lambda key: sampling.order(key, "2026"))[:10]
        assert {unit.key for unit in plan.units if unit.segment == segment} == set(first)


def test_fresh_units_carry_their_probability_and_anchors_none(workspace: Database) -> None:
    plan = planned(workspace, units=30, anchors=9)
    fresh = [unit for unit in plan.units if unit.purpose == "fresh"]
    anchors = [unit for unit in plan.units if unit.purpose == "anchor"]
    assert Counter(unit.stratum for unit in anchors) == dict.fromkeys(SEGMENTS, 3)
    assert {unit.inclusion_probability for unit in fresh} == {7 / 40}
    assert {unit.inclusion_probability for unit in anchors} == {None}
    assert sum(1 / (unit.inclusion_probability or 0) for unit in fresh) == pytest.approx(120)
    assert [(s.population, s.fresh, s.anchors) for s in plan.strata] == [(40, 7, 3)] * 3


def test_without_strata_there_is_one_called_all(workspace: Database) -> None:
    plan = planned(workspace, by=None)
    assert [(s.stratum, s.population, s.fresh) for s in plan.strata] == [("all", 120, 30)]


def test_an_over_sampled_signal_is_a_stratum_with_its_own_probability(signals: Database) -> None:
    plan = planned(signals, units=40, oversample={"thumbs_down": 12, "escalated": 3})
    by_stratum = {s.stratum: s for s in plan.strata}
    down = [s for s in plan.strata if s.stratum.endswith(" / thumbs down")]
    escalated = [s for s in plan.strata if s.stratum.endswith(" / escalated")]
    assert sum(s.fresh for s in down) == 12
    assert sum(s.fresh for s in escalated) == 3
    # o000 is both: the graver signal names its stratum, and it is in one only.
    assert sum(s.population for s in escalated) == 7
    assert sum(s.population for s in down) == 19
    assert sum(s.population for s in plan.strata) == 140
    for unit in plan.units:
        stratum = by_stratum[unit.stratum]
        assert unit.inclusion_probability == stratum.fresh / stratum.population
    estimate = sum(1 / (unit.inclusion_probability or 0) for unit in plan.units)
    assert estimate == pytest.approx(140)


def test_what_a_signal_lacks_is_drawn_elsewhere_with_a_warning(signals: Database) -> None:
    plan = planned(signals, units=40, oversample={"escalated": 30})
    assert len(plan.units) == 40
    assert "30 units are asked of escalated, 7 outputs have it" in " ".join(plan.warnings)


def test_anchors_leave_fresh_units_to_small_strata(signals: Database) -> None:
    plan = planned(signals, units=40, anchors=10, oversample={"thumbs_down": 6})
    assert sum(s.anchors for s in plan.strata) == 10
    assert all(s.fresh >= 2 for s in plan.strata)


def test_neyman_gives_more_units_to_the_segment_where_ratings_vary(workspace: Database) -> None:
    launched(workspace, units=30)

    def quality(response: str) -> int:
        number = int(response.removeprefix("Answer ").rstrip("."))
        return 1 + 2 * (number // 3 % 2) if SEGMENTS[number % 3] == "billing" else 3

    rate(workspace, "q3", quality)
    plan = planned(workspace, name="q4", units=30, allocate="neyman", criterion="quality")
    fresh = {s.stratum: s.fresh for s in plan.strata}
    assert fresh == {"billing": 20, "refunds": 5, "reports": 5}
    assert planned(workspace, name="q4", units=30, allocate="neyman").units == plan.units


def test_a_later_round_rates_the_same_anchors_and_nothing_else_of_its_baseline(
    workspace: Database,
) -> None:
    launched(workspace, anchors=12)
    launched(workspace, name="q4", anchors_from="q3")
    with workspace.read() as session:
        first, second = units(session, "q3"), units(session, "q4")
        anchors = {u.key for u in first if u.purpose == "anchor"}
        assert {u.key for u in second if u.purpose == "anchor"} == anchors
        assert len(anchors) == 12
        fresh = {u.key for u in second if u.purpose == "fresh"}
        assert len(fresh) == 30
        assert not fresh & {u.key for u in first}
        # 90 outputs are left, 30 in each segment.
        assert {u.inclusion_probability for u in second if u.purpose == "fresh"} == {1 / 3}
        round_ = rounds.get_round(session, "q4")
        assert round_.baseline_id == rounds.get_round(session, "q3").id


def test_repeats_come_half_a_round_after_their_originals(workspace: Database) -> None:
    launched(workspace, units=30, repeats=6)
    with workspace.read() as session:
        found = units(session, "q3")
        rank = {u.id: u.rank for u in found}
        repeats = [u for u in found if u.purpose == "repeat"]
        assert [u.rank for u in found] == list(range(36))
        assert len(repeats) == 6
        for unit in repeats:
            original = session.get_one(Unit, unit.repeats_id)
            assert unit.key == f"{original.key}#repeat"
            assert unit.output_id == original.output_id
            assert unit.inclusion_probability is None
            assert unit.rank - rank[original.id] >= 15


def test_the_order_of_work_is_hashed_so_that_segments_and_purposes_mix(
    workspace: Database,
) -> None:
    plan = planned(workspace, units=60, anchors=20)
    ordered = sorted(plan.units, key=lambda unit: unit.rank)
    assert [u.key for u in ordered] == sorted(
        (u.key for u in plan.units), key=lambda key: sampling.order(key, "1:rank")
    )
    assert len({u.segment for u in ordered[:12]}) == 3


def test_filters_decide_what_may_be_drawn(sqlite_database: Database) -> None:
    file = rows(
        60,
        occurred_at=lambda n: f"2026-03-{1 + n % 30:02}T12:00:00Z",
        configuration=lambda n: f"v{n % 2}",
    )
    furnish(sqlite_database, file)
    filters = {
        "segments": ("billing",),
        "configurations": ("v0",),
        "since": datetime(2026, 3, 10),
        "until": datetime(2026, 3, 20, tzinfo=UTC),
    }
    plan = planned(sqlite_database, filters=filters, units=99)
    expected = {
        f"o{n:03}" for n in range(60) if n % 3 == 0 and n % 2 == 0 and 10 <= 1 + n % 30 < 20
    }
    assert {unit.key for unit in plan.units} == expected
    assert expected


REFUSALS: list[tuple[dict[str, Any], type[AnnotateError], str]] = [
    ({"raters": ()}, BadInput, "a round needs raters; name them"),
    ({"raters": ("Ada", "Ben")}, BadInput, "overlap 3 needs 3 raters, 2 are named; name more"),
    ({"raters": ("Ada", "Ada", "Ben")}, BadInput, "'Ada' is named twice"),
    ({"raters": ("Ada", "Ben", "Cloe")}, NotFound, "no rater 'Cloe'; did you mean Cleo"),
    ({"rubric": "shrot"}, NotFound, "no rubric 'shrot'; there are chat, pairwise"),
    ({"rubric": "short@7"}, NotFound, "short has no version 7; its latest is 1"),
    ({"baseline": "q2"}, NotFound, "no round 'q2'; none has been launched yet"),
    ({"anchors_from": "q2"}, NotFound, "no round 'q2'"),
    ({"anchors": 31}, BadInput, "31 anchors are asked for among 30 units; ask for fewer"),
    ({"repeats": 31}, BadInput, "31 repeats of 30 units; ask for fewer"),
    (
        {"oversample": {"thumbs_down": 31}},
        BadInput,
        "31 units are asked of user signals, 30 in all",
    ),
    ({"filters": {"segments": ["biling"]}}, NotFound, "no output has the segment 'biling'; there"),
    ({"filters": {"since": "2030-01-01T00:00:00Z"}}, NotFound, "no output to draw from; import"),
    ({"allocate": "neyman"}, BadInput, "variance of earlier ratings of quality, and there are no"),
    ({"allocate": "neyman", "by": None}, BadInput, "stratify by segment"),
    ({"judges": ("Ada",)}, BadInput, "Ada is a person"),
]


@pytest.mark.parametrize(("fields", "error", "words"), REFUSALS)
def test_a_design_that_cannot_be_launched_is_refused_with_the_mend(
    sqlite_database: Database, fields: dict[str, Any], error: type[AnnotateError], words: str
) -> None:
    furnish(sqlite_database, rows(60))
    with pytest.raises(error, match=words):
        planned(sqlite_database, **fields)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"units": 0}, "units is '0'; give at least 1"),
        ({"overlap": 0}, "overlap is '0'; give at least 1"),
        ({"name": "a/b"}, "the round's name 'a/b' cannot be used"),
        (
            {"allocate": "most"},
            "allocate is 'most'; give one of 'proportional', 'equal' or 'neyman'",
        ),
        ({"oversample": {"thumb": 3}}, "oversample.thumb"),
        ({"oversample": {"escalated": -3}}, "oversample.escalated is '-3'; give at least"),
        ({"unit": 3}, "unit is no field of a design; leave it out"),
    ],
)
def test_a_field_that_makes_no_sense_is_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        asked(**fields)


def test_a_revoked_rater_a_judge_and_a_taken_name_are_refused(workspace: Database) -> None:
    launched(workspace)
    with workspace.write() as session:
        people.revoke(session, people.get_rater(session, "Cleo"), by=None)
        people.add_rater(session, "gpt-5", kind="judge")
    with pytest.raises(NotAllowed, match="rater Cleo is revoked; restore them or choose another"):
        planned(workspace, name="q4")
    with pytest.raises(BadInput, match="gpt-5 is a judge; a round's raters are people"):
        planned(workspace, name="q4", raters=("Ada", "Ben", "gpt-5"))
    with pytest.raises(Conflict, match="there is a round 'q3' already; choose another name"):
        planned(workspace)


def test_a_round_without_anchors_lends_none(workspace: Database) -> None:
    launched(workspace)
    with pytest.raises(BadInput, match="round q3 has no anchors; name a round that has"):
        planned(workspace, name="q4", anchors_from="q3")


def test_a_baseline_that_rated_everything_leaves_nothing_to_draw(workspace: Database) -> None:
    launched(workspace, units=120, anchors=10)
    with pytest.raises(NotFound, match="has been rated in round q3; import newer outputs"):
        planned(workspace, name="q4", anchors_from="q3")


def test_asking_for_more_than_there_is_takes_all_and_says_so(workspace: Database) -> None:
    plan = planned(workspace, units=500)
    assert len(plan.units) == 120
    assert {unit.inclusion_probability for unit in plan.units} == {1.0}
    assert "500 units are asked for and 120 outputs are there: all of them are taken" in (
        plan.warnings
    )


def test_a_plan_warns_of_what_a_lead_would_regret(workspace: Database) -> None:
    assert planned(workspace, anchors=10).warnings == []
    launched(workspace, name="q2", units=3)
    with workspace.write() as session:
        people.revoke(session, people.get_rater(session, "Lea"), by=None)
        rubric_versions.add_rubric(session, RUBRIC + "title: Shorter\n", by=None)
    plan = planned(workspace, units=5, anchors=2, overlap=1, baseline="q2")
    said = " | ".join(plan.warnings)
    for words in (
        "2 anchors say little about drift",
        "a baseline without shared anchors cannot tell who moved",
        "round q2 had another rubric version",
        "a variance needs two units in a stratum; one in",
        "with overlap 1 there is no agreement to measure",
        "nobody here is a lead",
    ):
        assert words in said


def test_only_a_lead_launches_and_closes(workspace: Database) -> None:
    with workspace.write() as session:
        ada, lea = (people.get_rater(session, name) for name in ("Ada", "Lea"))
        with pytest.raises(NotAllowed, match="only a lead"):
            rounds.launch_round(session, asked(), by=ada)
        round_ = rounds.launch_round(session, asked(), by=lea)
        with pytest.raises(NotAllowed, match="only a lead"):
            rounds.close_round(session, "q3", by=ada)
        with pytest.raises(NotAllowed, match="only a lead"):
            rounds.launch_frozen(session, rounds.design_document(session, round_, by=None), by=ada)
        rounds.close_round(session, "q3", by=lea)
    with workspace.read() as session:
        log = [(e.action, e.subject, e.rater_id) for e in events.history(session, limit=2)]
        assert log == [("closed", "round:q3", lea.id), ("launched", "round:q3", lea.id)]


def test_closing_ends_open_claims_and_keeps_what_was_submitted(workspace: Database) -> None:
    launched(workspace, units=3)
    with workspace.write() as session:
        round_ = rounds.get_round(session, "q3")
        ada, ben = (people.get_rater(session, name) for name in ("Ada", "Ben"))
        place = desk.claim_next(session, ada, round_, at=now())
        assert place is not None
        answers = {"tone": Answer(value=0), "quality": Answer(value=3)}
        desk.submit(session, ada, place.assignment_id, answers, idempotency_key="k", at=now())
        assert desk.claim_next(session, ben, round_, at=now()) is not None
        rounds.close_round(session, "q3", by=None)
    with workspace.write() as session:
        round_ = rounds.get_round(session, "q3")
        assert (round_.status, round_.closed_at is not None) == ("closed", True)
        states = Counter(a.state for a in session.exec(select(Assignment)))
        assert states == {"submitted": 1, "expired": 1}
        assert verify(session) == []
        with pytest.raises(RoundClosed, match="closed already"):
            rounds.close_round(session, "q3", by=None)


def test_an_exported_design_launches_the_very_round_elsewhere(
    workspace: Database, tmp_path: Any
) -> None:
    launched(workspace, anchors=10, repeats=4, oversample={"escalated": 1})
    with workspace.read() as session:
        document = rounds.design_document(session, rounds.get_round(session, "q3"), by=None)
    exported = json.loads(json.dumps(document))
    other = Database(f"sqlite:///{tmp_path}/elsewhere.db").ready()
    with other.write() as session:
        found = outputs.read_outputs(io.BytesIO(rows(150)), format="jsonl")
        outputs.import_outputs(session, found, by=None)
        for name in RATERS:
            people.add_rater(session, name)
        round_ = rounds.launch_frozen(session, exported, by=None)
        assert round_.design_hash == exported["hash"]
        assert rounds.rubric_of(session, round_).name == "short"
    with other.read() as session:
        assert rounds.design_document(session, rounds.get_round(session, "q3"), by=None) == document
        assert verify(session) == []
        with pytest.raises(Conflict, match="a round is launched once"):
            rounds.launch_frozen(session, exported, by=None)
    other.dispose()


def test_a_design_document_means_the_same_outputs_raters_and_words(
    sqlite_database: Database,
) -> None:
    furnish(sqlite_database, rows(60))
    document = rounds.planned_document(planned(sqlite_database))
    with sqlite_database.write() as session:
        key = document["units"][0]["key"]
        session.connection().exec_driver_sql("DROP TRIGGER output_refuses_update")
        session.exec(select(Output).where(Output.key == key)).one().content_hash = "other"
    for changed, error, words in (
        (document, Conflict, f"output '{key}' has other content here than in the design"),
        ({**document, "seed": "2"}, BadInput, "was changed after it was exported"),
        ({**document, "overlap": float("nan")}, BadInput, "was changed after it was exported"),
        ({"name": "q3"}, BadInput, "this is not a design document; `annotate round design NAME`"),
        (rehashed({**document, "raters": ["Zoe"]}), NotFound, "no rater 'Zoe'"),
        (rehashed({**document, "baseline": "q2"}), NotFound, "no round 'q2'"),
        (rehashed({**document, "units": []}), BadInput, "units is '..'; give at least 1"),
        (rehashed({k: v for k, v in document.items() if k != "raters"}), BadInput,
         "raters is missing"),
        (rehashed({**document, "units": document["units"] * 2}), BadInput, "stands twice"),
    ):  # fmt: skip
        with pytest.raises(error, match=words), sqlite_database.write() as session:
            rounds.launch_frozen(session, changed, by=None)
    with sqlite_database.read() as session:
        assert session.exec(select(Round)).all() == []


def rehashed(document: dict[str, Any]) -> dict[str, Any]:
    from annotate.design import document_hash

    return {**document, "hash": document_hash(document)}


def test_progress_counts_units_and_submissions_by_rater_and_segment(workspace: Database) -> None:
    launched(workspace, units=6, overlap=2)
    with workspace.write() as session:
        round_ = rounds.get_round(session, "q3")
        ada, ben = (people.get_rater(session, name) for name in ("Ada", "Ben"))
        answers = {"tone": Answer(value=1), "quality": Answer(value=2)}
        for rater in (ada, ben):
            place = desk.claim_next(session, rater, round_, at=now())
            assert place is not None
            desk.submit(session, rater, place.assignment_id, answers, idempotency_key="k",
                        seconds=30.0, at=now())  # fmt: skip
        skipped = desk.claim_next(session, ada, round_, at=now())
        assert skipped is not None
        desk.flag(session, ada, skipped.assignment_id, "a customer's name")
        desk.skip(session, ada, skipped.assignment_id, "I know this case", at=now())
        assert desk.claim_next(session, ben, round_, at=now()) is not None
    with workspace.read() as session:
        found = rounds.progress(session, rounds.get_round(session, "q3"), by=None)
    assert (found.units, found.done, found.assignments, found.submitted) == (6, 1, 12, 2)
    assert found.by_rater["Ada"] == rounds.RaterProgress(
        submitted=1, skipped=1, flagged=1, seconds=30
    )
    assert found.by_rater["Ben"] == rounds.RaterProgress(submitted=1, claimed=1, seconds=30)
    assert found.by_rater["Cleo"] == rounds.RaterProgress()
    assert {s: c["units"] for s, c in found.by_segment.items()} == dict.fromkeys(SEGMENTS, 2)
    assert sum(c["submitted"] for c in found.by_segment.values()) == 2
    assert [(note["kind"], note["text"]) for note in found.notes] == [
        ("flag", "a customer's name"),
        ("skip", "I know this case"),
    ]
    assert json.loads(json.dumps(found.as_json()))["by_segment"]["billing"]["assignments"] == 4


def test_a_broken_store_is_told_in_words(sqlite_database: Database) -> None:
    furnish(sqlite_database, rows(30))
    launched(sqlite_database, units=3)
    with sqlite_database.write() as session:
        session.execute(sa.update(Unit).where(Unit.rank == 0).values(missing=1))  # type: ignore[arg-type]
        session.connection().exec_driver_sql("DROP TRIGGER output_refuses_update")
        session.execute(sa.update(Output).values(content_hash="other"))
    with sqlite_database.read() as session:
        problems = verify(session)
    assert "output o000 is not what was imported under this id" in problems
    assert any("counted submissions are missing on record" in problem for problem in problems)
    assert "round q3: its design does not fit its hash" in problems


def test_where_only_outputs_with_a_signal_are_left_more_of_them_are_drawn(
    signals: Database,
) -> None:
    """Of 140 outputs 7 are escalated: 138 units need 5 of them, though only 3 were asked for."""
    plan = planned(signals, units=138, oversample={"escalated": 3})
    assert len(plan.units) == 138
    assert "more units are drawn of outputs with a user signal" in " ".join(plan.warnings)
    for stratum in plan.strata:
        assert stratum.fresh <= stratum.population


@pytest.mark.parametrize("field", ["name", "seed"])
def test_control_characters_reach_no_design(field: str) -> None:
    with pytest.raises(BadInput, match=field):
        checked(**{"name": "R", "rubric": "short", "units": 3, field: "a\x1b[31m"})


def test_outputs_without_a_time_are_left_out_of_a_span_of_time_and_counted(
    sqlite_database: Database,
) -> None:
    some = rows(60, occurred_at=lambda n: "2026-03-01" if n < 40 else None)
    furnish(sqlite_database, some)
    plan = planned(sqlite_database, units=10, filters={"since": datetime(2026, 2, 1, tzinfo=UTC)})
    assert "20 outputs have no time (occurred_at) and are left out" in plan.warnings
    assert sum(stratum.population for stratum in plan.strata) == 40
