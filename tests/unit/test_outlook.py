"""What a round could tell, before it is launched."""

import io
import json
import re
from math import ceil

import pytest

from annotate import gold, outputs, people, rounds, rubric_versions
from annotate.design import checked
from annotate.desk import claim_next
from annotate.reports.outlook import Outlook, outlook
from annotate.rubric import Answer
from annotate.stats import detectable_shift, rate
from annotate.stats.planner import rate_half_width, units_for_rate
from annotate.ui.launch_outlook import more
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
    alpha, unknown = planned(sqlite_database)
    assert alpha.endswith("(at an alpha near 0.6).")
    assert 0.2 < half_width(alpha, "quality") < 1.0
    assert unknown.startswith("Nothing is foretold of failure, asked on a condition")


def test_a_pass_rate_is_foretold_where_a_criterion_says_what_passes(
    sqlite_database: Database,
) -> None:
    Desk(sqlite_database, units=40, overlap=2, raters=("Ada", "Ben"))
    assert foretold(sqlite_database).rows[0].pass_rate is None
    assert "pass rate" not in " ".join(planned(sqlite_database))
    found = foretold(sqlite_database, rubric="rag-answer")
    figure = rate(17, 20)
    assert figure.low is not None and figure.high is not None
    assert rate_half_width(17 / 20, 20) == pytest.approx((figure.high - figure.low) / 2)
    assert found.rows[0].pass_rate is not None
    assert found.rows[0].pass_rate.half_width == pytest.approx(rate_half_width(0.85, 12))
    assert found.sentences[0] == (
        f"A pass rate near 85% would be known to about ±{rate_half_width(0.85, 12):.0%} as a whole "
        "(12 fresh units)."
    )


def agreed(desk: Desk) -> None:
    """Ada and Ben nearly always agreed; a third of the units is good."""
    for name in ("Ada", "Ben"):
        while (place := desk.claim(name)) is not None:
            number = int(place.response.rsplit(" ", 1)[1])
            value = 1 + (number + (name == "Ben" and number == 3)) % 3
            failure = {"failure": Answer(tags=("stale",) if number % 4 else ())}
            desk.later(1)
            answers = {"quality": Answer(value=value), **(failure if value < 3 else {})}
            desk.submit(name, place, answers)
    desk.close()


def test_an_earlier_round_is_the_pilot(sqlite_database: Database) -> None:
    """Ada and Ben nearly always agreed: so many units will tell more than is usual."""
    desk = Desk(sqlite_database, units=40, overlap=2, raters=("Ada", "Ben"))
    usual = half_width(planned(sqlite_database)[0], "quality")
    agreed(desk)
    (said,) = planned(sqlite_database, units=30)
    assert "(as people agreed in R)" in said
    assert half_width(said, "quality") < usual * (12 / 30) ** 0.5


def test_a_criterion_asked_on_a_condition_goes_by_how_often_it_was_asked(
    sqlite_database: Database,
) -> None:
    desk = Desk(sqlite_database, units=40, overlap=2, raters=("Ada", "Ben"))
    agreed(desk)
    whole = foretold(sqlite_database, units=12).rows[0]
    quality, stale = whole.alpha["quality"], whole.alpha["failure.stale"]
    assert quality.half_width is not None
    # On 26 of the 40 units both said less than good: of twelve that is eight, which is withheld.
    assert (stale.half_width, stale.more > 0) == (None, True)
    assert foretold(sqlite_database, units=30).rows[0].alpha["failure.stale"].half_width is not None


def test_what_a_practice_or_a_norming_round_showed_is_no_pilot(sqlite_database: Database) -> None:
    desk = Desk(sqlite_database, units=40, overlap=2, raters=("Ada", "Ben"))
    agreed(desk)
    assert foretold(sqlite_database).pilot == "R"
    assert foretold(sqlite_database).work.speed_of == "these raters"
    with sqlite_database.write() as session:
        gold.promote(session, rounds.get_round(session, "R"), by=None)
        told = {"rubric": "answers", "units": 12, "raters": ("Cy", "Dee")}
        rounds.launch_round(session, checked(**told, name="P", practice={}), by=None)
        rounds.launch_round(session, checked(**told, name="N", reveals="R"), by=None)
    for name in ("P", "N"):
        answer_all(desk, name)
    found = foretold(sqlite_database, raters=("Cy", "Dee"))
    assert found.pilot == "R"
    assert (found.work.speed_of, found.work.seconds) == ("everybody", 5)


def answer_all(desk: Desk, name: str) -> None:
    """Cy and Dee answer everything in a round, a hundred seconds each, and it is closed."""
    for rater in ("Cy", "Dee"):
        while True:
            with desk.database.write() as session:
                who, where = people.get_rater(session, rater), rounds.get_round(session, name)
                place = claim_next(session, who, where, at=desk.at)
            if place is None:
                break
            desk.later(1)
            desk.submit(rater, place, {"quality": Answer(value=3)}, seconds=100)
    with desk.database.write() as session:
        rounds.close_round(session, name, by=None)


def test_a_closed_round_without_ratings_says_nothing_and_the_one_before_does(
    sqlite_database: Database,
) -> None:
    desk = Desk(sqlite_database, units=40, overlap=2, raters=("Ada", "Ben"))
    agreed(desk)
    with sqlite_database.write() as session:
        rounds.launch_round(
            session,
            checked(name="Empty", rubric="answers", units=5, overlap=2, raters=("Ada", "Ben")),
            by=None,
        )
        rounds.close_round(session, "Empty", by=None)
    assert foretold(sqlite_database).pilot == "R"


def test_binary_and_nominal_criteria_have_an_interval_too(sqlite_database: Database) -> None:
    Desk(sqlite_database, units=40)
    with sqlite_database.write() as session:
        rubric_versions.add_rubric(session, KINDS, source_name="kinds.yaml", by=None)
    alpha = foretold(sqlite_database, rubric="kinds", units=30).rows[0].alpha
    assert set(alpha) == {"right", "kind", "flaw.long", "flaw.rude"}
    assert all(reach.half_width is not None for reach in alpha.values())


KINDS = """
name: kinds
criteria:
  - id: right
    scale: binary
    points: [{value: 0, label: No, anchor: It is wrong.}, {value: 1, label: Yes, anchor: It is right.}]
  - id: kind
    scale: categorical
    options: [{id: a, label: A}, {id: b, label: B}, {id: c, label: C}]
  - id: flaw
    scale: tags
    options: [{id: long, label: Long}, {id: rude, label: Rude}]
"""


def test_units_with_unequal_chances_are_worth_less(sqlite_database: Database) -> None:
    """Equal numbers of 40 and of 20 outputs: Kish's effective size of weights 4 and 2 by 10 each."""
    Desk(sqlite_database, units=40)
    more_segments(sqlite_database, (b"small",))
    asked = {"rubric": "rag-answer", "units": 20, "allocate": "equal"}
    whole, first, _ = (row.pass_rate for row in foretold(sqlite_database, **asked).rows)
    assert whole is not None and first is not None
    worth = 60**2 / (10 * 4**2 + 10 * 2**2)
    assert whole.half_width == pytest.approx(rate_half_width(0.85, worth))
    assert first.half_width == pytest.approx(rate_half_width(0.85, 10))
    assert whole.more == ceil(units_for_rate(0.85, 0.05) * 20 / worth) - 20


def test_no_more_units_are_asked_for_than_it_says_are_there(sqlite_database: Database) -> None:
    Desk(sqlite_database, units=4)
    more_segments(sqlite_database)
    found = foretold(
        sqlite_database, units=20, anchors=4, filters={"segments": ("billing", "refunds")}
    )
    assert [row.left for row in found.rows] == [20, 10, 10]
    assert all(reach.left == row.left for row in found.rows for reach in row.alpha.values())
    assert [row["there"] for row in more(found)] == ["20", "10", "10"]
    wanting = found.rows[1].least
    assert wanting is not None
    assert more(found)[1]["alpha"] == f"+{wanting.more}"
    assert wanting.more > wanting.left


def test_what_the_round_would_withhold_is_not_promised(sqlite_database: Database) -> None:
    Desk(sqlite_database, units=4)
    more_segments(sqlite_database)
    asked = {"rubric": "rag-answer", "units": 18, "filters": {"segments": ("billing", "refunds")}}
    found = foretold(sqlite_database, **asked)
    whole, billing, _ = found.rows
    assert whole.pass_rate is not None and whole.pass_rate.half_width is not None
    assert billing.pass_rate is not None and billing.pass_rate.half_width is None
    assert {reach.half_width for reach in billing.alpha.values()} == {None}
    assert billing.alpha["relevance"].more >= 1
    assert found.sentences[-1] == (
        "Withheld, because their units are fewer than 10: billing, refunds."
    )
    few = foretold(sqlite_database, **asked, parameters={"minimum_units": 19})
    assert few.sentences[-1] == (
        "Withheld, because their units are fewer than 19: all segments together, billing, refunds."
    )
    low = foretold(sqlite_database, **asked, parameters={"minimum_units": 5})
    assert all(row.pass_rate and row.pass_rate.half_width for row in low.rows)


def test_a_practice_foretells_no_agreement(sqlite_database: Database) -> None:
    desk = Desk(sqlite_database, units=40, overlap=2, raters=("Ada", "Ben"))
    agreed(desk)
    with sqlite_database.write() as session:
        gold.promote(session, rounds.get_round(session, "R"), by=None)
    found = foretold(sqlite_database, practice={}, raters=("Cy", "Dee"))
    assert found.rows[0].rated_twice == 0
    assert found.rows[0].alpha == {}
    assert found.rows[0].pass_rate is None
    assert found.sentences == []


def test_a_comparison_foretells_the_share_of_wins(sqlite_database: Database) -> None:
    Desk(sqlite_database)
    lines = b"\n".join(
        b'{"id": "%s%d", "case": "c%d", "configuration": "%s", "input": "?", "response": "%d"}'
        % (name, n, n, name, n)
        for name in (b"base", b"new")
        for n in range(20)
    )
    with sqlite_database.write() as session:
        outputs.import_outputs(
            session, outputs.read_outputs(io.BytesIO(lines), name="p.jsonl"), by=None
        )
    found = foretold(
        sqlite_database, rubric="pairwise", compares=("base", "new"), overlap=1,
    )  # fmt: skip
    assert found.rows[0].pass_rate is None
    assert found.rows[0].preference is not None
    assert found.rows[0].preference.half_width == pytest.approx(rate_half_width(0.5, 12))
    assert "The share of pairs that the candidate wins" in found.sentences[0]


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
    (only,) = planned(sqlite_database, overlap=1, rubric="rag-answer")
    assert only.startswith("A pass rate near 85%")
    with pytest.raises(Exception, match="there is no round"):
        planned(sqlite_database, anchors_from="Nowhere")


def more_segments(database: Database, names: tuple[bytes, ...] = (b"billing", b"refunds")) -> None:
    """Twenty outputs in each of other segments."""
    lines = b"\n".join(
        b'{"id": "%s%02d", "input": "Why?", "response": "So.", "segment": "%s"}' % (name, n, name)
        for name in names
        for n in range(20)
    )
    with database.write() as session:
        read = outputs.read_outputs(io.BytesIO(lines), name="more.jsonl")
        outputs.import_outputs(session, read, by=None)


def test_of_one_segment_the_whole_is_that_segment(sqlite_database: Database) -> None:
    Desk(sqlite_database)
    more_segments(sqlite_database)
    found = foretold(sqlite_database, units=6, filters={"segments": ("billing",)})
    assert "Withheld, because their units are fewer than 10: billing." in found.sentences


def test_each_segment_says_how_many_more_units_it_would_take(sqlite_database: Database) -> None:
    Desk(sqlite_database)
    more_segments(sqlite_database)
    found = foretold(
        sqlite_database, units=20, anchors=4, filters={"segments": ("billing", "refunds")},
        parameters={"minimum_units": 8},
    )  # fmt: skip
    whole, *segments = found.rows
    assert [(row.segment, row.fresh, row.rated_twice) for row in segments] == [
        ("billing", 8, 10), ("refunds", 8, 10),
    ]  # fmt: skip
    assert (whole.segment, whole.fresh, whole.rated_twice) == (None, 16, 20)
    for row in found.rows:
        assert row.alpha["quality"].more > 0
    narrow, wide = (row.alpha["quality"].half_width for row in (whole, segments[0]))
    assert narrow is not None and wide is not None
    assert wide == pytest.approx(narrow * 2**0.5)


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
    assert [row.anchors for row in found.rows[1:]] == [5, 0, 4]
    assert found.rows[1].judge == pytest.approx(detectable_shift(0.6 / 5**0.5, tests=8))
    assert found.rows[2].judge is None
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
    assert said["rows"][0]["alpha"]["quality"].keys() == {"half_width", "more", "left"}
    assert said["work"].keys() >= {"hours", "by_rater", "speed_of"}
