"""Pairs: two configurations side by side, each rater in an order of their own."""

import io
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from annotate import (
    adjudication,
    desk,
    exchange,
    gold,
    outputs,
    own_card,
    own_history,
    pairs,
    people,
    rating_export,
    rounds,
    rubric_versions,
)
from annotate.design import document_hash
from annotate.desk import Place
from annotate.errors import BadInput, BadRubric, NotAllowed, NotFound
from annotate.reports.preference import preference_report
from annotate.rubric import Answer, Span, builtin, parse
from db.engine import Database
from db.tables import Rater, Rating, Round, Unit, now

RUBRIC = """
name: which
criteria:
  - {id: better, question: Which is better?, scale: preference, evidence: response}
  - id: because
    scale: tags
    show_if: better != tie
    required: false
    options: [{id: truth, label: Truth}, {id: length, label: Length}]
"""
CASES = 24


def filled(database: Database) -> None:
    """Cases 0..23 with an output of v1 and v2; the last two of v1 only."""
    lines = [
        {
            "id": f"{version}-{case:02}",
            "case": f"case {case}",
            "input": f"Question {case}",
            "response": f"{version} says {case}",
            "configuration": version,
            "segment": "billing" if case % 2 else "onboarding",
        }
        for case in range(CASES + 2)
        for version in ("v1", "v2")
        if version == "v1" or case < CASES
    ]
    with database.write() as session:
        file = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
        outputs.import_outputs(session, outputs.read_outputs(file, name="o.jsonl"), by=None)
        for name in ("Ada", "Ben", "Cy"):
            people.add_rater(session, name)
        rubric_versions.add_rubric(session, RUBRIC, source_name="which.yaml", by=None)


def design(**more: object) -> rounds.Design:
    fields = {
        "name": "P",
        "rubric": "which",
        "units": CASES,
        "overlap": 2,
        "raters": ("Ada", "Ben", "Cy"),
        "compares": ("v1", "v2"),
    }
    return rounds.Design.model_validate(fields | more)


@pytest.fixture
def paired(database: Database) -> Database:
    filled(database)
    with database.write() as session:
        rounds.launch_round(session, design(), by=None)
    return database


def of(session: Session, name: str) -> tuple[Rater, Round]:
    return people.get_rater(session, name), rounds.get_round(session, "P")


def claimed(database: Database, name: str) -> Place | None:
    with database.write() as session:
        return desk.claim_next(session, *of(session, name), at=now())


def submit(database: Database, name: str, place: Place, answers: dict[str, Answer]) -> None:
    with database.write() as session:
        rater, _ = of(session, name)
        desk.submit(
            session, rater, place.assignment_id, answers,
            idempotency_key=f"{name} {place.assignment_id} {place.reopened}", at=now(),
        )  # fmt: skip


def test_a_pair_is_one_case_of_both_configurations(paired: Database) -> None:
    with paired.read() as session:
        units = session.exec(select(Unit)).all()
        document = rounds.design_document(session, rounds.get_round(session, "P"), by=None)
    assert len(units) == CASES
    assert {(u["output"][:2], u["rival"][:2], u["output"][3:] == u["rival"][3:])
            for u in document["units"]} == {("v1", "v2", True)}  # fmt: skip
    assert {u["inclusion_probability"] for u in document["units"]} == {1.0}


@pytest.fixture
def elsewhere(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    """Another workspace, empty."""
    path = tmp_path / "elsewhere.db"
    shutil.copy(migrated_file, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.dispose()


def test_the_design_of_pairs_launches_again_elsewhere(
    paired: Database, elsewhere: Database
) -> None:
    with paired.read() as session:
        document = rounds.design_document(session, rounds.get_round(session, "P"), by=None)
    filled(elsewhere)
    with elsewhere.write() as session:
        again = rounds.launch_frozen(session, document, by=None)
        assert again.design_hash == document["hash"]
        assert rounds.design_document(session, again, by=None) == document


def test_what_a_rater_says_of_a_and_b_is_stored_of_base_and_candidate(paired: Database) -> None:
    orders: Counter[str] = Counter()
    for name in ("Ada", "Ben", "Cy"):
        while (place := claimed(paired, name)) is not None:
            assert place.rival is not None
            shown = {place.response[:2], place.rival[:2]}
            assert shown == {"v1", "v2"}
            # Everybody prefers v2, wherever it stands, and marks its first two letters.
            second = place.rival.startswith("v2")
            field = "rival" if second else "response"
            span = Span(field=field, start=0, end=2)
            submit(paired, name, place, {"better": Answer(value=float(second), evidence=(span,))})
            orders[f"{name} {'ab' if second else 'ba'}"] += 1
    with paired.read() as session:
        stored = session.exec(select(Rating).where(Rating.criterion == "better")).all()
        report = preference_report(session, rounds.get_round(session, "P"), by=None)
    assert {rating.value for rating in stored} == {pairs.SECOND}
    assert all(r.evidence == [{"field": "rival", "start": 0, "end": 2}] for r in stored)
    recorded = Counter(r.seen[-1] for r in stored if r.seen)
    assert recorded == {
        "order:ab": sum(n for o, n in orders.items() if o.endswith("ab")),
        "order:ba": sum(n for o, n in orders.items() if o.endswith("ba")),
    }
    assert all(orders[f"{name} {order}"] for name in ("Ada", "Ben") for order in ("ab", "ba"))
    everything = report.rows[0]
    assert (everything.share.value, everything.votes["candidate"]) == (1.0, 2 * CASES)
    assert everything.p is not None and everything.p < 0.001
    assert [row.segment for row in report.rows] == [None, "billing", "onboarding"]
    assert report.first_shown.value is not None and 0.2 < report.first_shown.value < 0.8


def test_a_position_bias_is_told_apart_from_a_preference(paired: Database) -> None:
    for name in ("Ada", "Ben"):
        while (place := claimed(paired, name)) is not None:
            submit(paired, name, place, {"better": Answer(value=pairs.FIRST)})
    with paired.read() as session:
        report = preference_report(session, rounds.get_round(session, "P"), by=None)
    assert report.first_shown.value == 1.0
    share = report.rows[0].share
    assert share.low is not None and share.high is not None and share.low < 0.5 < share.high


def test_whether_the_order_decides_goes_by_the_votes_that_stand(paired: Database) -> None:
    for name in ("Ada", "Ben"):
        while (place := claimed(paired, name)) is not None:
            submit(paired, name, place, {"better": Answer(value=pairs.FIRST)})
            with paired.write() as session:
                back = desk.undo(session, *of(session, name), at=now())
            submit(paired, name, back, {"better": Answer(value=pairs.SECOND)})
    with paired.write() as session:
        # Kept and not counted: a vote that came after its place had been given to others.
        unit = session.exec(select(Unit)).first()
        cy = people.get_rater(session, "Cy")
        assert unit is not None and cy.id is not None
        session.add(
            Rating(
                round_id=unit.round_id, unit_id=unit.id, output_id=unit.output_id, rater_id=cy.id,
                criterion="better", value=pairs.FIRST, seen=["order:ab"], extra=True,
            )
        )  # fmt: skip
    with paired.read() as session:
        report = preference_report(session, rounds.get_round(session, "P"), by=None)
    assert report.first_shown.value == 0.0


def test_of_several_outputs_of_a_case_the_first_key_counts_on_every_engine(
    database: Database,
) -> None:
    # By letter code, "B" comes before "a"; by the order of a language it comes after.
    lines = [
        {"id": key, "case": "one", "input": "Q", "response": key, "configuration": "v1"}
        for key in ("a", "B")
    ] + [{"id": "c", "case": "one", "input": "Q", "response": "c", "configuration": "v2"}]
    with database.write() as session:
        if session.get_bind().dialect.name == "postgresql":
            collation = 'ALTER TABLE output ALTER COLUMN key TYPE varchar COLLATE "und-x-icu"'
            session.connection().exec_driver_sql(collation)
        file = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
        outputs.import_outputs(session, outputs.read_outputs(file, name="o.jsonl"), by=None)
        assert set(pairs.rivals(session, "v1", "v2")) == {"B"}


def test_a_reopened_pair_comes_back_as_it_was_answered(paired: Database) -> None:
    span = Span(field="response", start=0, end=2)
    seen = set()
    for _ in range(8):
        place = claimed(paired, "Ada")
        assert place is not None
        answers = {"better": Answer(value=pairs.FIRST, evidence=(span,)),
                   "because": Answer(tags=("truth",))}  # fmt: skip
        submit(paired, "Ada", place, answers)
        with paired.write() as session:
            back = desk.undo(session, *of(session, "Ada"), at=now())
        assert (back.response, back.rival) == (place.response, place.rival)
        assert back.answers == answers
        submit(paired, "Ada", back, answers)
        seen.add(place.response[:2])
    assert seen == {"v1", "v2"}


@pytest.mark.parametrize("field", ["configuration", "metadata", "signals"])
def test_a_design_document_can_show_no_more_of_a_pair(paired: Database, field: str) -> None:
    with paired.read() as session:
        document = rounds.design_document(session, rounds.get_round(session, "P"), by=None)
    forged = renamed(document, "forged", shown=[*document["shown"], field])
    with paired.write() as session, pytest.raises(BadInput, match="a comparison is blind"):
        rounds.launch_frozen(session, forged, by=None)


def test_no_pair_has_a_response_whose_worth_its_raters_were_told(database: Database) -> None:
    filled(database)
    polite = "name: polite\ncriteria:\n  - {id: polite, scale: binary}"
    alone: dict[str, object] = {"name": "alone", "rubric": "polite", "compares": None, "units": 4}
    with database.write() as session:
        rubric_versions.add_rubric(session, polite, source_name="polite.yaml", by=None)
        only = {"configurations": ("v2",)}
        round_ = rounds.launch_round(
            session, design(**alone, raters=("Ada", "Ben"), filters=only), by=None
        )
        for name in ("Ada", "Ben"):
            rater = people.get_rater(session, name)
            while (place := desk.claim_next(session, rater, round_, at=now())) is not None:
                desk.submit(
                    session, rater, place.assignment_id, {"polite": Answer(value=1)},
                    idempotency_key=f"{name} {place.assignment_id}", at=now(),
                )  # fmt: skip
        rounds.close_round(session, "alone", by=None)
        gold.promote(session, round_, by=None)
        practised = design(**alone | {"name": "training"}, raters=("Cy",), practice={})
        rounds.launch_round(session, practised, by=None)
        plan = rounds.plan_round(session, design(raters=("Ada", "Ben", "Cy")), by=None)
        told = set(session.exec(select(Unit.key).join(Round).where(Round.name == "training")))
    assert len(told) == 4 and len(plan.units) == CASES - 4
    assert not told & {unit.rival for unit in plan.units}


def test_pairs_are_not_talked_over(paired: Database) -> None:
    with paired.write() as session:
        rounds.close_round(session, "P", by=None)
        with pytest.raises(NotAllowed, match="round P compares pairs"):
            rounds.plan_round(session, design(name="talk", compares=None, reveals="P"), by=None)


def test_the_configuration_of_neither_response_reaches_the_screen(paired: Database) -> None:
    place = claimed(paired, "Ada")
    assert place is not None
    assert (place.configuration, place.signals, place.metadata) == (None, None, None)


def test_ties_and_both_bad_count_half_to_each(paired: Database) -> None:
    values = [pairs.TIE, pairs.BOTH_BAD]
    for name in ("Ada", "Ben"):
        while (place := claimed(paired, name)) is not None:
            submit(paired, name, place, {"better": Answer(value=values[place.done % 2])})
    with paired.read() as session:
        row = preference_report(session, rounds.get_round(session, "P"), by=None).rows[0]
    assert (row.share.value, row.p) == (0.5, 1.0)
    assert row.votes["tie"] + row.votes["both_bad"] == 2 * CASES


def prefer(database: Database, **by_rater: str) -> None:
    """Everybody rates all that waits for them and prefers the response of one configuration."""
    for name, wins in by_rater.items():
        while (place := claimed(database, name)) is not None:
            value = pairs.FIRST if place.response.startswith(wins) else pairs.SECOND
            submit(database, name, place, {"better": Answer(value=value)})


def test_a_dispute_says_what_stood_as_a_for_each_vote(paired: Database) -> None:
    prefer(paired, Ada="v1", Ben="v2")
    with paired.read() as session:
        round_ = rounds.get_round(session, "P")
        found = adjudication.disputes(session, round_, by=None)
        ids = {name: people.get_rater(session, name).id or 0 for name in ("Ada", "Ben")}
        rival = pairs.rival_of(session, round_, found[0].decision.unit)
    assert len(found) == CASES
    votes = [(d.decision.unit, vote) for d in found for vote in d.votes]
    assert all(v.swapped == pairs.swapped("1", ids[v.rater], unit) for unit, v in votes)
    assert {vote.swapped for _, vote in votes} == {True, False}
    assert rival is not None and rival.configuration == "v2"


def test_a_card_shows_both_responses_in_the_raters_own_order_and_words(database: Database) -> None:
    filled(database)
    with database.write() as session:
        rounds.launch_round(session, design(overlap=3), by=None)
    prefer(database, Ada="v2", Ben="v2", Cy="v1")
    with database.write() as session:
        rounds.close_round(session, "P", by=None)
    seen = set()
    for name, wins in (("Cy", "v1"), ("Ada", "v2")):
        with database.read() as session:
            found = own_card.card(session, *of(session, name)).differences
        assert len(found) == (3 if name == "Cy" else 0)
        for one in found:
            assert {one.response[:2], (one.rival or "")[:2]} == {"v1", "v2"}
            a_wins = one.response.startswith(wins)
            assert (one.yours, one.consensus) == (
                ("A is better", "B is better") if a_wins else ("B is better", "A is better")
            )
            seen.add(a_wins)
    assert seen


def test_no_gold_comes_from_pairs(paired: Database) -> None:
    with paired.write() as session:
        rounds.close_round(session, "P", by=None)
        with pytest.raises(NotAllowed, match="which of two outputs is better"):
            gold.promote(session, rounds.get_round(session, "P"), by=None)


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({"compares": ("v1", "v9")}, NotFound, "no output has the configuration 'v9'; there are"),
        ({"compares": None}, BadInput, "say which two configurations are compared"),
        ({"rubric": "rag-answer"}, BadInput, "asks for no preference"),
        (
            {"filters": {"configurations": ("v2",)}},
            NotFound,
            "no case has outputs of both v1 and v2",
        ),
    ],
)
def test_a_comparison_that_cannot_be_is_refused(
    database: Database, more: dict[str, object], error: type[Exception], message: str
) -> None:
    filled(database)
    with database.read() as session, pytest.raises(error, match=message):
        rounds.plan_round(session, design(**more), by=None)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"anchors": 3}, "takes no anchors"),
        ({"practice": {}}, "both practice and compares"),
        ({"compares": ("v1", "v1")}, "names one configuration twice"),
        ({"hide": {"configuration": False}}, "a comparison is blind: configuration"),
        ({"hide": {"metadata": False}}, "a comparison is blind: metadata"),
        ({"hide": {"signals": False}}, "a comparison is blind: signals"),
    ],
)
def test_a_design_that_contradicts_itself_is_refused(more: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        design(**more)


def test_a_condition_cannot_tell_the_two_apart() -> None:
    with pytest.raises(BadRubric, match="raters see A and B and not which is which"):
        parse(RUBRIC.replace("better != tie", "better == base"), "which.yaml")
    with pytest.raises(BadRubric, match="a preference has base, candidate, tie, both_bad"):
        parse(
            "name: x\ncriteria:\n  - {id: a, scale: preference, options: [{id: l, label: L}, "
            "{id: r, label: R}]}",
            "x.yaml",
        )


def test_the_order_is_each_raters_own_and_even() -> None:
    units = [str(n) for n in range(2_000)]
    share = sum(pairs.swapped("seed", 1, unit) for unit in units) / len(units)
    alike = sum(pairs.swapped("s", 1, u) == pairs.swapped("s", 2, u) for u in units) / len(units)
    assert 0.45 < share < 0.55 and 0.45 < alike < 0.55


def test_turning_twice_gives_the_same_back() -> None:
    rubric = builtin("pairwise")
    spans = (Span(field="response", start=0, end=3), Span(field="rival", start=1, end=2))
    for value in (0.0, 1.0, 2.0, 3.0):
        answers = {
            "better": Answer(value=value, evidence=spans),
            "because": Answer(tags=("truth",)),
        }
        once = pairs.turned(answers, rubric, apart=True)
        assert pairs.turned(once, rubric, apart=True) == answers
        assert (once == answers) is False
    abstained = {"better": Answer(abstained="cannot_judge")}
    assert pairs.turned(abstained, rubric, apart=False) == abstained


BY_CONTEXT = RUBRIC.replace("evidence: response", "evidence: contexts")


def compared_with_contexts(
    database: Database, of: Callable[[str], dict[str, object]], **more: object
) -> None:
    """Round P over eight cases; `of` says what the output of a configuration has besides."""
    lines = [
        {"id": f"{version}-{case}", "case": f"case {case}", "input": "Q", "segment": "s",
         "response": f"{version} says {case}", "configuration": version, **of(version)}
        for case in range(8) for version in ("v1", "v2")
    ]  # fmt: skip
    with database.write() as session:
        file = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
        outputs.import_outputs(session, outputs.read_outputs(file, name="o.jsonl"), by=None)
        for name in ("Ada", "Ben"):
            people.add_rater(session, name)
        rubric_versions.add_rubric(session, BY_CONTEXT, source_name="which.yaml", by=None)
        fields = {"units": 8, "overlap": 1, "raters": ("Ada", "Ben")} | more
        rounds.launch_round(session, design(**fields), by=None)


def test_each_response_stands_beside_its_own_contexts_and_reference(database: Database) -> None:
    compared_with_contexts(
        database, lambda version: {"contexts": [f"{version} read this"], "reference": version}
    )
    orders = set()
    while (place := claimed(database, "Ada")) is not None:
        a, b = place.response[:2], (place.rival or "")[:2]
        assert (place.contexts, place.rival_contexts) == ((f"{a} read this",), (f"{b} read this",))
        assert (place.reference, place.rival_reference) == (a, b)
        submit(database, "Ada", place, {"better": Answer(value=pairs.TIE)})
        orders.add(a)
    assert orders == {"v1", "v2"}


def test_contexts_that_both_were_given_are_shown_once_and_stay_in_their_place(
    database: Database,
) -> None:
    compared_with_contexts(
        database,
        lambda version: {
            "contexts": ["Both read this"],
            "reference": "R" if version == "v2" else None,
        },
    )
    span = Span(field="contexts[0]", start=0, end=4)
    while (place := claimed(database, "Ada")) is not None:
        assert (place.contexts, place.rival_contexts) == (("Both read this",), None)
        # One reference is the case's, whichever output brought it.
        assert (place.reference, place.rival_reference) == ("R", None)
        submit(database, "Ada", place, {"better": Answer(value=pairs.TIE, evidence=(span,))})
    assert {r.evidence[0]["field"] for r in ratings_of(database) if r.evidence} == {"contexts[0]"}


def test_a_passage_in_either_sides_contexts_is_stored_of_base_and_candidate_and_comes_back(
    database: Database, tmp_path: Path
) -> None:
    compared_with_contexts(
        database, lambda v: {"contexts": [f"{v} read this", "and that"] if v == "v2" else []}
    )
    for name in ("Ada", "Ben"):
        while (place := claimed(database, name)) is not None:
            assert sorted((len(place.contexts), len(place.rival_contexts or ()))) == [0, 2]
            # The passage is the candidate's, wherever it stands.
            field = "contexts[1]" if place.contexts else "rival_contexts[1]"
            span = Span(field=field, start=0, end=3)
            beyond = span.model_copy(update={"end": 99})
            with pytest.raises(BadInput, match="which the text does not have"):
                submit(database, name, place, {"better": Answer(value=0, evidence=(beyond,))})
            answers = {"better": Answer(value=pairs.TIE, evidence=(span,))}
            submit(database, name, place, answers)
            with database.write() as session:
                back = desk.undo(session, *of(session, name), at=now())
            assert back.answers == answers
            submit(database, name, back, answers)
            if place.done == 3:
                break
    spans = [r.evidence for r in ratings_of(database)]
    assert spans == [[{"field": "rival_contexts[1]", "start": 0, "end": 3}]] * 8
    file = tmp_path / "ratings.csv"
    with database.read() as session:
        round_ = rounds.get_round(session, "P")
        rating_export.export_ratings(session, round_, file, by=None)
        document = rounds.design_document(session, round_, by=None)
    with database.write() as session:
        rounds.launch_frozen(session, renamed(document, "again"), by=None)
        text = file.read_text().replace(",P,", ",again,")
        exchange.import_ratings(
            session, io.BytesIO(text.encode()), name="r.csv",
            round=rounds.get_round(session, "again"), by=None,
        )  # fmt: skip
    assert [r.evidence for r in ratings_of(database, "again")] == spans


def ratings_of(database: Database, name: str = "P") -> list[Rating]:
    """What stands on `better`."""
    with database.read() as session:
        found = session.exec(
            select(Rating).join(Round).where(Rating.criterion == "better", Round.name == name)
        ).all()
    superseded = {rating.supersedes_id for rating in found}
    return [rating for rating in found if rating.id not in superseded]


def renamed(document: dict[str, Any], name: str, **more: Any) -> dict[str, Any]:
    """A design document of another name, its hash made to fit."""
    changed = {**document, "name": name, **more}
    return {**changed, "hash": document_hash(changed)}


def test_the_own_history_shows_of_a_pair_what_stood_as_a_and_searches_both(
    paired: Database,
) -> None:
    stood_as_a = {}
    for _ in range(8):
        place = claimed(paired, "Ada")
        assert place is not None
        submit(paired, "Ada", place, {"better": Answer(value=2)})
        stood_as_a[place.assignment_id] = place.response
    assert {response[:2] for response in stood_as_a.values()} == {"v1", "v2"}
    with paired.read() as session:
        own = own_history.history(session, *of(session, "Ada"))
        found = own_history.history(session, *of(session, "Ada"), search="V2 says")
    assert {unit.assignment_id: unit.excerpt for unit in own} == stood_as_a
    assert len(found) == 8
