"""Two rounds beside each other: what can be compared, and what is said of what cannot."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from annotate import people
from annotate.errors import BadInput
from annotate.progress import Count, counts
from annotate.reports.calibration import judges_by_round
from annotate.reports.drift import drift_report
from annotate.reports.timeline import moved_units, timeline
from annotate.rounds import get_round
from db.engine import Database
from tests.unit.two_rounds import FEWER, REMARKED, RENAMED, UNITS, shown, two_rounds


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
    with database.read() as session:
        before, after = get_round(session, "R"), get_round(session, "S")
        moved, none = moved_units(
            session, before, after, judge="Judge", criterion="quality", by=None
        )
        whole = timeline(session, after, judge="Judge", by=None)
    assert (len(moved), none) == (9, 0)
    assert not whole.facts
    with database.write() as session:
        cases = [moved[0].output, "n03", "n04"]
        people.get_rater(session, "Judge").identity = shown(cases)
    with database.read() as session:
        fewer, left_out = moved_units(
            session, before, after, judge="Judge", criterion="quality", by=None
        )
        line = timeline(session, after, judge="Judge", by=None)
    assert {one.output for one in moved} - {one.output for one in fewer} == {moved[0].output}
    assert left_out == 1
    sizes = {
        p.round: p.of_people.n for p in line.points if (p.criterion, p.segment) == ("quality", None)
    }
    assert sizes == {"R": UNITS - 9, "S": UNITS - 2}
    assert line.facts == [
        "2 units are left out of the line: the judge was shown their case as an example."
    ]


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
