"""Two rounds beside each other: what can be compared, and what is said of what cannot."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from annotate import exchange, outputs, people, rounds, rubric_versions
from annotate.design import Design
from annotate.errors import BadInput
from annotate.judge.splits import split_of
from annotate.progress import Count, counts
from annotate.reports.calibration import judges_by_round
from annotate.reports.drift import DriftReport, drift_report
from annotate.reports.opening import record_opening
from annotate.reports.timeline import MovedUnits, Timeline, moved_units, timeline
from annotate.rounds import get_round
from db.engine import Database
from db.tables import now
from tests.unit.categories_round import KINDS
from tests.unit.two_rounds import FEWER, REMARKED, RENAMED, UNITS, shown, two_rounds

SEEN = "the judge has seen their case, as an example or to fit its cut points."


@pytest.mark.parametrize(
    ("rubric", "why"),
    [
        (FEWER, "quality.points[3] (Good) is not there any more"),
        (RENAMED, "quality.points[2].label was Fair and is Poor"),
    ],
)
def test_a_criterion_on_another_scale_is_not_compared_and_the_report_says_why(
    database: Database, rubric: str, why: str
) -> None:
    two_rounds(database, rubric=rubric, judge_moves=0)
    with database.read() as session:
        before, after = get_round(session, "R"), get_round(session, "S")
        report = drift_report(session, before, after, judge="Judge", by=None)
        line = timeline(session, after, judge="Judge", by=None)
        with pytest.raises(BadInput, match="quality cannot be compared between R and S"):
            moved_units(session, before, after, judge="Judge", criterion="quality", by=None)
    assert "quality" not in {row.criterion for row in report.rows}
    assert not report.rows and report.nothing_found == "Nothing of it can be compared with R."
    (said,) = [fact for fact in report.facts if fact.startswith("quality is not compared")]
    assert why in said
    assert {p.round for p in line.points if p.criterion == "quality"} == {"S"}
    (said,) = [fact for fact in line.facts if fact.startswith("R is not in the line of quality")]
    assert why in said


def test_a_version_that_leaves_the_scale_alone_is_compared(database: Database) -> None:
    two_rounds(database, rubric=REMARKED)
    with database.read() as session:
        before, after = get_round(session, "R"), get_round(session, "S")
        report = drift_report(session, before, after, judge="Judge", by=None)
        line = timeline(session, after, judge="Judge", by=None)
    assert {row.criterion for row in report.rows} == {"quality"}
    assert any(fact.startswith("The rubric changed") for fact in report.facts)
    assert not any("not compared" in fact for fact in report.facts)
    assert {p.round for p in line.points if p.criterion == "quality"} == {"R", "S"}


def test_what_the_judge_was_shown_is_left_out_everywhere_and_counted(database: Database) -> None:
    two_rounds(database)
    for name in ("R", "S"):
        open_test_split(database, name)
    with database.read() as session:
        before, after = get_round(session, "R"), get_round(session, "S")
        whole_list = moved_units(
            session, before, after, judge="Judge", criterion="quality", by=None
        )
        whole = timeline(session, after, judge="Judge", by=None)
    moved = whole_list.rows
    assert (len(moved), whole_list.left_out, whole_list.held_back) == (9, [], 0)
    assert not whole.facts
    with database.write() as session:
        cases = [moved[0].output, "n03", "n04"]
        people.get_rater(session, "Judge").identity = shown(cases)
    with database.read() as session:
        fewer = moved_units(session, before, after, judge="Judge", criterion="quality", by=None)
        line = timeline(session, after, judge="Judge", by=None)
    assert {one.output for one in moved} - {one.output for one in fewer.rows} == {moved[0].output}
    assert fewer.left_out == [f"Left out are 1 anchors: {SEEN}"]
    sizes = {
        p.round: p.of_people.n for p in line.points if (p.criterion, p.segment) == ("quality", None)
    }
    assert sizes == {"R": UNITS - 9, "S": UNITS - 2}
    assert line.facts == [f"Left out are 2 units: {SEEN}"]


def test_cut_points_of_one_criterion_take_nothing_from_another_and_are_told_as_what_they_are(
    database: Database,
) -> None:
    two_rounds(database, tags=True)

    def asked(criterion: str) -> tuple[MovedUnits, Timeline, DriftReport]:
        with database.write() as session:
            judge = people.get_rater(session, "Judge")
            judge.identity = {"spec": {"cut_points": {criterion: [1.5, 2.5]}}}
            judge.created_at = now() + timedelta(days=1)
        with database.read() as session:
            before, after = get_round(session, "R"), get_round(session, "S")
            return (
                moved_units(session, before, after, judge="Judge", criterion="quality", by=None),
                timeline(session, after, judge="Judge", by=None),
                drift_report(session, before, after, judge="Judge", by=None),
            )

    moved, line, report = asked("failure.stale")
    assert len(moved.rows) + moved.held_back == 9
    told = [said for said in (*moved.left_out, *line.facts, *report.facts) if "Left" in said]
    assert [said.partition(" are ")[0] for said in told] == ["Left out of failure.stale"]
    moved, line, report = asked("quality")
    assert [row.output for row in moved.rows if split_of(row.output) == "dev"] == []
    (said,) = moved.left_out
    assert said.endswith(f"anchors: {SEEN}")
    (said,) = [fact for fact in line.facts if fact.startswith("Left out of quality are")]
    assert said.endswith(f"units: {SEEN}")
    (said,) = [fact for fact in report.facts if fact.startswith("Left out are")]
    assert said.endswith(f"now: {SEEN}")


def test_units_of_a_closed_test_split_are_counted_and_not_told_of(database: Database) -> None:
    two_rounds(database, judge_moves=1)
    with database.write() as session:
        people.get_rater(session, "Judge").identity = None

    def moved() -> MovedUnits:
        with database.read() as session:
            return moved_units(
                session, get_round(session, "R"), get_round(session, "S"), judge="Judge",
                criterion="quality", by=None,
            )  # fmt: skip

    assert moved().held_back == 0, "a judge whose scores are imported has nothing to open"
    test = [one.output for one in moved().rows if split_of(one.output) == "test"]
    assert test
    with database.write() as session:
        people.get_rater(session, "Judge").identity = {"spec": {"model": "m"}}
    for name in ("R", "S"):
        found = moved()
        assert found.held_back == len(test)
        assert [one.output for one in found.rows if split_of(one.output) == "test"] == []
        open_test_split(database, name)
    assert [one.output for one in moved().rows if split_of(one.output) == "test"] == test


def test_categories_that_moved_are_told_by_their_labels(database: Database) -> None:
    with database.write() as session:
        rubric_versions.add_rubric(session, KINDS, source_name="kinds.yaml", by=None)
        lines = [{"id": f"k{n:02}", "input": "Q", "response": f"R {n}"} for n in range(12)]
        outputs.import_outputs(
            session, outputs.read_outputs(as_file(lines), name="k.jsonl"), by=None
        )
        for name in ("Ada", "Ben"):
            people.add_rater(session, name)
        people.add_rater(session, "J", kind="judge")
        shared: dict[str, Any] = {"rubric": "kinds", "overlap": 2, "raters": ("Ada", "Ben")}
        rounds.launch_round(session, Design(name="K", units=8, anchors=4, **shared), by=None)
        rounds.launch_round(
            session, Design(name="L", units=4, anchors_from="K", baseline="K", **shared), by=None
        )
    for name, said in (
        ("K", {"Ada": "how-to", "Ben": "other", "J": "how-to"}),
        ("L", {"Ada": "how-to", "Ben": "how-to", "J": "other"}),
    ):
        with database.write() as session:
            round_ = get_round(session, name)
            keys = [one["key"] for one in rounds.design_document(session, round_, by=None)["units"]]
            for rater, value in said.items():
                rows = [
                    {"output_id": key, "rater": rater, "criterion": "kind", "value": value}
                    for key in keys
                ]
                exchange.import_ratings(
                    session, as_file(rows), round=round_, name="r.jsonl",
                    kind="judge" if rater == "J" else "human", by=None,
                )  # fmt: skip
    with database.read() as session:
        found = moved_units(
            session, get_round(session, "K"), get_round(session, "L"), judge="J", criterion="kind",
            by=None,
        )  # fmt: skip
    assert found.categories and len(found.rows) == 4
    for one in found.rows:
        assert (one.judge, one.by_judge) == (("How-to", "Other"), 1.0)
        assert (one.people, one.by_people) == (("How-to or Other", "How-to"), 1.0)


def open_test_split(database: Database, name: str) -> None:
    with database.write() as session:
        judge, round_ = people.get_rater(session, "Judge"), get_round(session, name)
        record_opening(session, judge, round_, "quality", by=None)


def as_file(rows: Sequence[Mapping[str, object]]) -> io.BytesIO:
    return io.BytesIO("\n".join(map(json.dumps, rows)).encode())


def statements(database: Database, ask: Callable[[Session], object]) -> int:
    """How many statements an answer takes."""
    asked: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        asked.append(statement)

    with database.read() as session:
        connection = session.connection()
        sa.event.listen(connection, "before_cursor_execute", note)
        ask(session)
    return len(asked)


def test_many_rounds_are_asked_about_in_as_few_statements_as_one(database: Database) -> None:
    two_rounds(database)
    with database.read() as session:
        one, both = [get_round(session, "S")], [get_round(session, name) for name in "RS"]
        assert judges_by_round(session, both, by=None) == {"R": ["Judge"], "S": ["Judge"]}
        assert counts(session, both, by=None) == {
            "R": Count(UNITS, 2 * UNITS, 2 * UNITS),
            "S": Count(UNITS + 9, 2 * (UNITS + 9), 2 * (UNITS + 9)),
        }
    for ask in (judges_by_round, counts):
        few, many = (
            statements(database, lambda session, of=of, ask=ask: ask(session, of, by=None))  # type: ignore[misc]
            for of in (one, both)
        )
        assert few == many > 0


def test_rounds_without_a_shared_anchor_say_what_to_do_and_promise_nothing(
    database: Database,
) -> None:
    two_rounds(database, shared=False)
    with database.read() as session:
        before, after = get_round(session, "R"), get_round(session, "S")
        report = drift_report(session, before, after, judge="Judge", by_segment=False, by=None)
    (row,) = report.rows
    assert row.sentence == "Not enough ratings: the two rounds share no anchor."
    assert row.result.needed is None
    assert (
        "S was launched without anchors, so nothing can tell who moved: launch the next round with "
        "the anchors of R (--anchors-from R)."
    ) in report.facts


def test_a_baseline_without_anchors_has_none_to_give(database: Database) -> None:
    two_rounds(database, anchors=0)
    with database.read() as session:
        before, after = get_round(session, "R"), get_round(session, "S")
        report = drift_report(session, before, after, judge="Judge", by_segment=False, by=None)
    assert any(
        fact.startswith("R was launched without anchors") and "a number of anchors" in fact
        for fact in report.facts
    )
