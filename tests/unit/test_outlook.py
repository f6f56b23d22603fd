"""What a round could tell, before it is launched."""

import io
import json
import re

import pytest

from annotate import outputs, rounds
from annotate.design import checked
from annotate.reports.outlook import Outlook, outlook
from annotate.rubric import Answer
from annotate.stats import detectable_shift, rate
from annotate.stats.planner import units_for_rate
from db.engine import Database
from tests.unit.desk_round import Desk


def planned(database: Database, **design: object) -> list[str]:
    return foretold(database, **design).sentences


def foretold(database: Database, **design: object) -> Outlook:
    """The outlook of a round of twelve units by Ada and Ben."""
    asked = {
        "name": "Next", "rubric": "answers", "units": 12, "overlap": 2, "raters": ("Ada", "Ben"),
    }  # fmt: skip
    with database.read() as session:
        return outlook(
            session, rounds.plan_round(session, checked(**{**asked, **design}), by=None), by=None
        )


def half_width(said: str, criterion: str) -> float:
    found = re.search(rf"{criterion} ±([0-9.]+)", said)
    assert found is not None, said
    return float(found[1])


def test_without_an_earlier_round_it_goes_by_what_is_usual(sqlite_database: Database) -> None:
    Desk(sqlite_database, units=40, overlap=2, raters=("Ada", "Ben"))
    whole, alpha = planned(sqlite_database)
    figure = rate(10, 12)
    assert figure.low is not None and figure.high is not None
    assert f"±{(figure.high - figure.low) / 2:.0%} as a whole (12 fresh units)" in whole
    assert alpha.endswith("(at an alpha near 0.6).")
    assert 0.2 < half_width(alpha, "quality") < 1.0


def test_an_earlier_round_is_the_pilot(sqlite_database: Database) -> None:
    """Ada and Ben nearly always agreed: so many units will tell more than is usual."""
    desk = Desk(sqlite_database, units=40, overlap=2, raters=("Ada", "Ben"))
    usual = half_width(planned(sqlite_database)[1], "quality")
    for name in ("Ada", "Ben"):
        while (place := desk.claim(name)) is not None:
            number = int(place.response.rsplit(" ", 1)[1])
            value = 1 + (number + (name == "Ben" and number == 3)) % 3
            failure = {"failure": Answer(tags=())} if value < 3 else {}
            desk.later(1)
            desk.submit(name, place, {"quality": Answer(value=value), **failure})
    desk.close()
    said = planned(sqlite_database)[1]
    assert "(as people agreed in R)" in said
    assert half_width(said, "quality") < usual


def test_anchors_of_an_earlier_round_tell_what_drift_would_be_found(
    sqlite_database: Database,
) -> None:
    desk = Desk(sqlite_database, units=40, overlap=2, raters=("Ada", "Ben"), anchors=9)
    desk.close()
    newer = b"\n".join(
        b'{"id": "n%d", "input": "Why?", "response": "So."}' % number for number in range(20)
    )
    with sqlite_database.write() as session:
        read = outputs.read_outputs(io.BytesIO(newer), name="newer.jsonl")
        outputs.import_outputs(session, read, by=None)
    said = planned(sqlite_database, anchors_from="R")[-1]
    shift = detectable_shift(0.6 / 3, tests=8)
    assert said.startswith(f"On 9 anchors a judge that moved by {shift:.2g} points")


def test_one_rater_a_unit_says_nothing_of_agreement(sqlite_database: Database) -> None:
    Desk(sqlite_database, units=40, overlap=2, raters=("Ada", "Ben"))
    (only,) = planned(sqlite_database, overlap=1)
    assert only.startswith("A pass rate near 85%")
    with pytest.raises(Exception, match="there is no round"):
        planned(sqlite_database, anchors_from="Nowhere")


def more_segments(database: Database) -> None:
    """Twenty outputs in each of two other segments."""
    lines = b"\n".join(
        b'{"id": "%s%02d", "input": "Why?", "response": "So.", "segment": "%s"}' % (name, n, name)
        for name in (b"billing", b"refunds")
        for n in range(20)
    )
    with database.write() as session:
        read = outputs.read_outputs(io.BytesIO(lines), name="more.jsonl")
        outputs.import_outputs(session, read, by=None)


def test_each_segment_says_how_many_more_units_it_would_take(sqlite_database: Database) -> None:
    Desk(sqlite_database)
    more_segments(sqlite_database)
    found = foretold(
        sqlite_database, units=20, anchors=4, filters={"segments": ("billing", "refunds")}
    )
    whole, *segments = found.rows
    assert [(row.segment, row.fresh, row.rated_twice) for row in segments] == [
        ("billing", 8, 10), ("refunds", 8, 10),
    ]  # fmt: skip
    assert (whole.segment, whole.fresh, whole.rated_twice) == (None, 16, 20)
    needed = units_for_rate(0.85, 0.05)
    for row in found.rows:
        assert row.pass_rate is not None
        assert row.pass_rate.more == needed - row.fresh
        assert row.alpha["quality"].more > 0
    narrow, wide = (row.alpha["quality"].half_width for row in (whole, segments[0]))
    assert narrow is not None and wide is not None
    assert wide == pytest.approx(narrow * 2**0.5)


def test_a_segment_of_two_units_foretells_no_alpha(sqlite_database: Database) -> None:
    Desk(sqlite_database)
    more_segments(sqlite_database)
    found = foretold(sqlite_database, units=4, filters={"segments": ("billing", "refunds")})
    assert [row.alpha["quality"].half_width is None for row in found.rows] == [False, True, True]


def test_anchors_say_what_a_later_round_would_find_and_what_half_a_point_takes(
    sqlite_database: Database,
) -> None:
    Desk(sqlite_database, units=4)
    more_segments(sqlite_database)
    found = foretold(sqlite_database, units=20, anchors=9)
    assert found.judge is not None and found.raters is not None
    assert found.judge.points == pytest.approx(detectable_shift(0.6 / 3, tests=8))
    missing = found.judge.more
    assert detectable_shift(0.6 / (9 + missing) ** 0.5, tests=8) <= 0.5
    assert detectable_shift(0.6 / (8 + missing) ** 0.5, tests=8) > 0.5
    assert found.raters.more > missing
    assert foretold(sqlite_database, units=20).judge is None


def test_hours_go_by_these_raters_then_by_everybody_and_are_else_unknown(
    sqlite_database: Database,
) -> None:
    desk = Desk(sqlite_database, units=4, overlap=2, raters=("Ada", "Ben"))
    more_segments(sqlite_database)
    assert foretold(sqlite_database).work.hours is None
    for name, seconds in (("Ada", 30.0), ("Ben", 90.0)):
        while (place := desk.claim(name)) is not None:
            desk.later(3)
            desk.submit(name, place, seconds=seconds)
    work = foretold(sqlite_database, units=12).work
    assert work.speed_of == "these raters"
    assert work.submissions == 24
    assert work.seconds == 60
    assert work.by_rater == pytest.approx({"Ada": 12 * 30 / 3600, "Ben": 12 * 90 / 3600})
    assert work.hours == pytest.approx(sum(work.by_rater.values()))
    others = foretold(sqlite_database, units=12, raters=("Cy", "Dee")).work
    assert others.speed_of == "everybody"
    assert others.by_rater == pytest.approx(dict.fromkeys(("Cy", "Dee"), 12 * 60 / 3600))
    other_rubric = foretold(sqlite_database, rubric="rag-answer").work
    assert (other_rubric.hours, other_rubric.speed_of) == (None, "unknown")


def test_it_is_one_document(sqlite_database: Database) -> None:
    Desk(sqlite_database, units=40)
    said = json.loads(json.dumps(foretold(sqlite_database).as_json()))
    assert said["rows"][0]["segment"] is None
    assert said["rows"][0]["pass_rate"].keys() == {"half_width", "more"}
    assert said["work"].keys() >= {"hours", "by_rater", "speed_of"}
