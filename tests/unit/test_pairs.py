"""Pairs: two configurations side by side, each rater in an order of their own."""

import io
import json
from collections import Counter

import pytest
from sqlmodel import Session, select

from annotate import desk, gold, outputs, own_history, pairs, people, rounds, rubric_versions
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


def test_the_design_of_pairs_launches_again_elsewhere(
    paired: Database, sqlite_database: Database
) -> None:
    with paired.read() as session:
        document = rounds.design_document(session, rounds.get_round(session, "P"), by=None)
    if sqlite_database.url == paired.url:
        return
    filled(sqlite_database)
    with sqlite_database.write() as session:
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
        rounds.plan_round(session, design(**more))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"anchors": 3}, "takes no anchors"),
        ({"practice": {}}, "both practice and compares"),
        ({"compares": ("v1", "v1")}, "names one configuration twice"),
        ({"hide": {"configuration": False}}, "a comparison is blind"),
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
        once = pairs.turned(answers, rubric)
        assert pairs.turned(once, rubric) == answers
        assert (once == answers) is False
    assert pairs.turned({"better": Answer(abstained="cannot_judge")}, rubric) == {
        "better": Answer(abstained="cannot_judge")
    }


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
