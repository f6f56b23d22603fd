"""Where a judge and people differ, unit by unit; and the judge's line between rounds."""

import io
import json
from datetime import datetime, timedelta

import pytest
from sqlmodel import col, select

from annotate import exchange, outputs, people, rounds
from annotate.answer import Answer
from annotate.design import Design, Filters
from annotate.errors import NotAllowed, NotFound
from annotate.judge.splits import SHARES, Split, split_of
from annotate.reports.between_rounds import LEAST, between_rounds
from annotate.reports.calibration import calibration_report
from annotate.reports.disagreements import Disagreement, disagreements, judge_alone
from db.engine import Database
from db.tables import Output, Round, Unit, now
from tests.unit.categories_round import categories_round
from tests.unit.desk_round import Desk
from tests.unit.test_reports import TRUTH, judge, rated


def found(
    desk: Desk, *, segment: str | None = None, split: Split | None = None
) -> list[Disagreement]:
    with desk.database.read() as session:
        return disagreements(
            session, desk.round(), judge="Judge", criterion="quality", segment=segment,
            split=split, by=None,
        )  # fmt: skip


def test_the_units_on_which_the_judge_differs_are_told_the_farthest_first(
    database: Database,
) -> None:
    desk = rated(database)
    judge(desk, TRUTH | {"o01": 3.0, "o02": 1.2, "o04": 2.4})
    rows = found(desk)
    assert [(row.output, row.people, row.judge) for row in rows] == [
        ("o02", 3.0, 1.2), ("o01", 2.0, 3.0),
    ]  # fmt: skip
    assert [row.difference for row in rows] == pytest.approx([-1.8, 1.0])
    (ada, ben) = rows[1].sides
    assert (ada.rater, ada.value, ada.label, ben.rater) == ("Ada", 2.0, "Fair", "Ben")
    assert found(desk, segment="another") == []
    by_split = {split: found(desk, split=split) for split, _ in SHARES}
    assert sum(len(of_split) for of_split in by_split.values()) == len(rows)
    for split, of_split in by_split.items():
        assert all(split_of(row.output) == split for row in of_split)


def test_what_people_say_of_categories_is_the_commonest_and_never_a_middle(
    database: Database,
) -> None:
    round_ = categories_round(
        database,
        {"Ada": ["how-to", "how-to", "how-to"], "Ben": ["how-to", "how-to", "other"],
         "Cy": ["other", "why", "other"], "Dee": ["why", "other", "how-to"]},
        Judge=["why", "how-to", "why"],
    )  # fmt: skip
    with database.read() as session:
        rows = disagreements(session, round_, judge="Judge", criterion="kind", by=None)
    said = {row.unit: (row.people, row.labels) for row in rows}
    assert said == {
        "k00": (0.0, ("How-to", "Why")),
        "k02": (None, ("How-to or Other", "Why")),
    }
    assert {one.difference for one in rows} == {1.0}


def test_of_a_judges_runs_on_categories_the_commonest_counts(database: Database) -> None:
    """The mean of the codes of how-to, how-to and other is near none of them but why."""
    round_ = categories_round(
        database, {"Ada": ["why", "how-to"], "Ben": ["why", "how-to"]}, Judge=["how-to", "how-to"]
    )
    for run, values in (
        (2, ("other", "other")),
        (3, ("other", "how-to")),
        (4, ("how-to", "other")),
    ):
        rows = [
            {"output_id": f"k{n:02}", "rater": "Judge", "criterion": "kind", "value": value,
             "run": run}
            for n, value in enumerate(values)
        ]  # fmt: skip
        file = io.BytesIO("\n".join(map(json.dumps, rows)).encode())
        with database.write() as session:
            exchange.import_ratings(
                session, file, round=rounds.get_round(session, "K"), name="j.jsonl", kind="judge",
                by=None,
            )  # fmt: skip
    with database.read() as session:
        differ = disagreements(session, round_, judge="Judge", criterion="kind", by=None)
        report = calibration_report(session, round_, by_segment=False, by=None)
    # Two runs say how-to and two other, of either unit: how-to was said first.
    assert {row.unit: row.labels for row in differ} == {"k00": ("Why", "How-to")}
    assert report.rows[0].result.n_units == 2


def test_a_lead_who_rates_in_the_open_round_is_not_told(database: Database) -> None:
    desk = rated(database)
    judge(desk, TRUTH)
    with database.write() as session:
        lead = people.get_rater(session, "Ada")
        lead.role = "lead"
        session.add(lead)
    with database.read() as session, pytest.raises(NotAllowed, match="once it is closed"):
        disagreements(
            session, desk.round(), judge="Judge", criterion="quality", by=desk.rater("Ada")
        )


def test_no_judge_is_alone_where_nobody_has_said_anything(database: Database) -> None:
    desk = Desk(database, units=4, overlap=2, raters=("Ada", "Ben"))
    with database.read() as session:
        assert judge_alone(session, desk.round(), by=None) == {}, "nor is there a judge"
    judge(desk, dict.fromkeys(("o00", "o01"), 2.0))
    with database.read() as session:
        assert judge_alone(session, desk.round(), by=None) == {}, "nobody has rated"
    for name in ("Ada", "Ben"):
        while (place := desk.claim(name)) is not None:
            desk.submit(name, place, {"quality": Answer(abstained="cannot_judge")})
    with database.read() as session:
        assert judge_alone(session, desk.round(), by=None) == {}, "all abstained"


def test_a_judge_is_alone_on_one_criterion_though_another_has_no_value(database: Database) -> None:
    desk = Desk(database, units=2, overlap=2, raters=("Ada", "Ben"))
    for name in ("Ada", "Ben"):
        while (place := desk.claim(name)) is not None:
            desk.submit(name, place, {"quality": Answer(value=3)})
    judge(desk, {"o00": 1.0, "o01": 3.0})
    with database.read() as session:
        found = judge_alone(session, desk.round(), by=None)
    assert [(row.criterion, row.output) for row in found["Judge"]] == [("quality", "o00")]


DAYS = 35


def scored_traffic(database: Database, launched: datetime, shift: dict[str, float]) -> None:
    """Five outputs a day and segment from before the round and since, scored by the judge; from
    the third week after it on a segment may be shifted."""
    lines, values = [], []
    for segment in ("calm", "moved"):
        for day in range(-DAYS, DAYS):
            for number in range(5):
                key = f"{segment}{day + DAYS:03}-{number}"
                at = launched + timedelta(days=day, hours=number)
                lines.append({"id": key, "input": "Q", "response": key, "segment": segment,
                              "occurred_at": at.isoformat()})  # fmt: skip
                moved = shift.get(segment, 0.0) if day >= 14 else 0.0
                value = min(3.0, max(1.0, 1.5 + 0.2 * number + moved))
                values.append({"output_id": key, "rater": "Judge", "criterion": "quality",
                               "value": value})  # fmt: skip
    with database.write() as session:
        file = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
        outputs.import_outputs(session, outputs.read_outputs(file, name="more.jsonl"), by=None)
        file = io.BytesIO("\n".join(map(json.dumps, values)).encode())
        # Scores outside any round have no rubric of their own: they are of the round's criterion.
        exchange.import_ratings(session, file, round=None, name="j.jsonl", kind="judge", by=None)


@pytest.mark.parametrize("period", ["day", "week"])
def test_a_round_is_due_where_the_judges_mean_moved_and_nowhere_else(
    database: Database, period: str
) -> None:
    desk = Desk(database)
    launched = desk.round().launched_at
    assert launched is not None
    scored_traffic(database, launched, {"moved": 1.0})
    with database.read() as session:
        report = between_rounds(
            session, desk.round(), judge="Judge", criterion="quality",
            period="day" if period == "day" else "week", by=None,
        )  # fmt: skip
    assert report.due == ("moved",)
    calm, moved = report.lines
    assert calm.alarm is None and calm.baseline_size == 5 * DAYS
    assert calm.baseline.centre == pytest.approx(1.9)
    assert moved.alarm is not None and moved.alarm >= (launched + timedelta(days=14)).date()
    assert sum(moved.sizes) == 5 * DAYS, "every score since is in a period"
    document = report.as_json()
    assert document["due"] == ["moved"] and document["rows"][0]["alarm"] is None


def test_what_a_round_drew_more_often_does_not_move_the_line(database: Database) -> None:
    """A fifth of the traffic is bad, before and since. Half of what the round drew is bad,
    and that is all that was scored from before."""
    desk = Desk(database)
    launched = desk.round().launched_at
    assert launched is not None
    lines = [
        {"id": f"{n:03}", "input": "Q", "response": str(n), "segment": "uneven",
         "occurred_at": (launched - timedelta(hours=n + 1)).isoformat(),
         "thumb": -1 if n % 5 == 0 else 1}
        for n in range(240)
    ]  # fmt: skip
    lines += [
        {"id": f"since{n:03}", "input": "Q", "response": f"{n} since", "segment": "uneven",
         "occurred_at": (launched + timedelta(hours=5 * n)).isoformat(),
         "thumb": -1 if n % 5 == 0 else 1}
        for n in range(200)
    ]  # fmt: skip
    with database.write() as session:
        file = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
        outputs.import_outputs(session, outputs.read_outputs(file, name="more.jsonl"), by=None)
        design = Design(
            name="S", rubric="answers", units=80, overlap=1, raters=("Ada",),
            filters=Filters(segments=("uneven",), until=launched), oversample={"thumbs_down": 40},
        )  # fmt: skip
        rounds.launch_round(session, design, by=None)
        drawn = session.exec(
            select(Output.key)
            .join(Unit, col(Unit.output_id) == Output.id)
            .join(Round, col(Round.id) == Unit.round_id)
            .where(Round.name == "S")
        ).all()
    since = [str(line["id"]) for line in lines[240:]]
    for name, keys in (("S", drawn), (None, since)):
        rows = [
            {"output_id": key, "rater": "Judge", "criterion": "quality",
             "value": 1 if int(key.removeprefix("since")) % 5 == 0 else 3}
            for key in keys
        ]  # fmt: skip
        file = io.BytesIO("\n".join(map(json.dumps, rows)).encode())
        with database.write() as session:
            within = rounds.get_round(session, name) if name else None
            exchange.import_ratings(
                session, file, round=within, name="j.jsonl", kind="judge", by=None
            )
    bad = sum(int(key) % 5 == 0 for key in drawn)
    assert bad >= 30, "as they lie, the scores from before would have a mean of at most 2.25"
    with database.read() as session:
        report = between_rounds(session, desk.round(), judge="Judge", criterion="quality", by=None)
    (line,) = report.lines
    assert line.baseline.centre == pytest.approx(2.6)
    assert line.baseline_size == 80
    assert line.baseline.size is not None and 40 < line.baseline.size < 80
    assert (line.alarm, sum(line.sizes)) == (None, 200)


def test_a_segment_with_few_scores_from_before_has_no_chart_and_says_so(
    database: Database,
) -> None:
    desk = Desk(database)
    with database.read() as session:
        nothing = between_rounds(session, desk.round(), judge="Judge", criterion="quality", by=None)
        assert (nothing.lines, nothing.without, nothing.due) == ((), {}, ())
        with pytest.raises(NotFound):
            between_rounds(session, desk.round(), judge="Judge", criterion="wit", by=None)
    scored_traffic(database, now(), {})
    with database.write() as session:
        rounds.launch_round(
            session,
            Design(name="early", rubric="answers", units=1, overlap=1, raters=("Ada",)),
            by=None,
            at=now() - timedelta(days=DAYS - 3),
        )
        report = between_rounds(
            session, rounds.get_round(session, "early"), judge="Judge", criterion="quality", by=None
        )
    assert report.lines == ()
    assert f"{LEAST} are needed" in report.without["calm"]
