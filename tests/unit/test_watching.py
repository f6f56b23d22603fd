"""Watching a round: its pace, what is stuck, the raters side by side, and its report."""

import html
import io
import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from sqlmodel import col, select

from annotate import adjudication, exchange, outputs, people, rounds, rubric_versions
from annotate.design import checked
from annotate.desk import claim_next
from annotate.errors import NotAllowed
from annotate.pace import FEWEST, outlying, pace
from annotate.reports.agreement import agreement_report
from annotate.reports.calibration import calibration_report
from annotate.reports.document import round_document
from annotate.reports.drift import drift_report
from annotate.reports.panel import panel, slips
from annotate.reports.passing import pass_rates
from annotate.reports.settled import settled
from annotate.reports.watch import watched
from annotate.rubric import Answer
from annotate.stats import rate
from db.engine import Database
from db.tables import Output, Rating, Unit
from tests.unit.desk_round import GOOD, START, Desk
from tests.unit.test_causes import HIGH, LOW, disputed
from tests.unit.test_reports import TRUTH, judge, rated

AT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def hourly(count: int) -> list[datetime]:
    return [AT - timedelta(hours=count - n) for n in range(count)]


def test_what_is_left_follows_from_the_submissions_so_far() -> None:
    found = pace(hourly(10), [30.0] * 9 + [600.0], 20, at=AT)
    assert found.seconds == 30.0, "one long break is not the usual"
    assert found.work_left == timedelta(seconds=600)
    assert found.done_at == AT + timedelta(hours=20)


def test_nothing_is_said_of_a_handful() -> None:
    few = pace(hourly(FEWEST - 1), [30.0] * (FEWEST - 1), 20, at=AT)
    assert (few.seconds, few.work_left, few.done_at) == (None, None, None)
    # Imported ratings took no time that anybody measured.
    imported = pace(hourly(10), [0.0] * 10, 20, at=AT)
    assert imported.work_left is None and imported.done_at is not None


def test_only_the_last_week_counts_for_the_pace() -> None:
    old = [at - timedelta(days=30) for at in hourly(50)]
    assert pace(old, [30.0] * 50, 20, at=AT).done_at is None
    assert pace([*old, *hourly(10)], [30.0] * 60, 20, at=AT).done_at == AT + timedelta(hours=20)


def test_a_done_round_has_no_work_left() -> None:
    found = pace(hourly(10), [30.0] * 10, 0, at=AT)
    assert (found.work_left, found.done_at, found.done) == (timedelta(0), None, True)


def test_what_is_done_is_done_however_few_submissions_it_took() -> None:
    assert pace(hourly(2), [0.0, 0.0], 0, at=AT).done
    assert not pace(hourly(2), [0.0, 0.0], 1, at=AT).done


def test_a_pause_says_nothing_of_how_fast_the_work_goes() -> None:
    """Ten a minute apart on Saturday, ten more on Sunday, nobody since: it is a minute each."""
    saturday = [AT - timedelta(days=2) + timedelta(minutes=n) for n in range(10)]
    sunday = [at + timedelta(days=1) for at in saturday]
    for submitted in (saturday, [*saturday, *sunday], [*sunday, *saturday]):
        found = pace(submitted, [30.0] * len(submitted), 20, at=AT)
        assert found.done_at == AT + timedelta(minutes=20)


def test_an_hour_is_no_pause_where_a_rating_an_hour_is_usual() -> None:
    night = [at - timedelta(hours=12) for at in hourly(4)]
    found = pace([*night, *hourly(6)], [30.0] * 10, 10, at=AT)
    assert found.done_at is not None
    assert found.done_at - AT > timedelta(hours=10)


def test_a_third_or_three_times_of_the_panels_median_stands_out() -> None:
    others = [30.0, 30.0, 31.0]
    assert [outlying(s, others) for s in (9.0, 11.0, 90.0, 91.0, None)] == [
        "fast", None, None, "slow", None,
    ]  # fmt: skip
    assert outlying(1000.0, [10.0]) == "slow", "also of two"
    assert outlying(1.0, []) is None, "nobody stands out alone"


def test_a_unit_without_a_sign_of_activity_is_stuck_and_is_given_back(database: Database) -> None:
    desk = Desk(database, units=4, overlap=1)
    place = desk.take("Ada")
    desk.later(10)
    desk.take("Ben")
    desk.later(6)
    with database.read() as session:
        found = watched(session, desk.round(), by=None, at=desk.at)
    (stuck,) = found.stuck
    assert (stuck.rater, stuck.unit, stuck.lapsed) == ("Ada", desk.unit(place).key, True)
    assert stuck.since == START
    # A draft is a sign of activity.
    desk.draft("Ada", place, {"quality:choice": "2"})
    with database.read() as session:
        assert watched(session, desk.round(), by=None, at=desk.at).stuck == []
        later = desk.at + timedelta(minutes=16)
        assert [s.rater for s in watched(session, desk.round(), by=None, at=later).stuck] == [
            "Ben", "Ada",
        ]  # fmt: skip
    # A lease that has run out is given back too.
    desk.later(60)
    assert desk.release("Ada", by="Lea") == 1
    assert desk.assignment(place).state == "expired"
    with database.read() as session:
        assert [s.rater for s in watched(session, desk.round(), by=None, at=later).stuck] == ["Ben"]


def test_what_others_have_finished_meanwhile_is_not_stuck(database: Database) -> None:
    desk = Desk(database, units=1, overlap=1)
    desk.take("Ada")
    desk.later(60)
    desk.rate("Ben")
    with database.read() as session:
        assert watched(session, desk.round(), by=None, at=desk.at).stuck == []


def test_a_unit_that_is_shown_twice_is_one_abstention(database: Database) -> None:
    desk = Desk(database, units=4, overlap=1, repeats=2, raters=("Ada",))
    handed = 0
    while (place := desk.claim("Ada")) is not None:
        desk.later(1)
        desk.submit("Ada", place, {"quality": Answer(abstained="cannot_judge")})
        handed += 1
    assert handed == 6
    with database.read() as session:
        (row,) = [r for r in panel(session, desk.round(), by=None).rows if r.criterion == "quality"]
    assert (row.ratings, row.abstained) == (0, 4)


def test_who_only_abstained_is_on_the_panel(database: Database) -> None:
    desk = rated(database)
    with database.write() as session:
        first = session.exec(select(Rating).where(Rating.criterion == "quality")).first()
        assert first is not None
        copied = first.model_dump(exclude={"id", "assignment_id", "value"})
        cy = people.get_rater(session, "Cy").id
        session.add(Rating(**copied | {"rater_id": cy, "abstained": "cannot_judge"}))
    with database.read() as session:
        rows = panel(session, desk.round(), by=None).rows
    (mine,) = [row for row in rows if row.rater == "Cy"]
    assert (mine.ratings, mine.abstained, mine.difference.value) == (0, 1, None)


def test_settled_disputes_stay_in_the_report(database: Database) -> None:
    desk = disputed(database)
    with database.write() as session:
        adjudication.adjudicate(
            session, desk.round(), "o00", "quality", 2, "Half right.", by=desk.rater("Lea")
        )
    with database.read() as session:
        text = round_document(session, desk.round(), by=None)
    assert "3 wait for a decision." in text and "ambiguous 4" in text


def test_a_settled_dispute_stands_with_its_decision_and_its_reason(database: Database) -> None:
    desk = disputed(database)
    with database.write() as session:
        for value, reason in ((3, "Too fast."), (2, "Half <right>.")):
            adjudication.adjudicate(
                session, desk.round(), "o00", "quality", value, reason, by=desk.rater("Lea")
            )
    with database.read() as session:
        first, *others = settled(session, desk.round(), by=None)
        text = round_document(session, desk.round(), by=None)
    assert (first.unit, first.criterion, first.votes) == ("o00", "quality", "Bad 1, Good 1")
    assert (first.decision, first.by, first.reason) == ("Fair", "Lea", "Half <right>.")
    assert {(one.decision, one.reason) for one in others} == {(None, None)}
    assert "Half &lt;right&gt;." in text and "Too fast." not in text
    assert "Fair (Lea)" in text


def test_what_there_is_nothing_to_say_of_is_said_once(database: Database) -> None:
    desk = disputed(database)
    with database.read() as session:
        text = round_document(session, desk.round(), by=None)
    # Ben was asked of no failure: nobody else answered what Ada did.
    assert text.count("no unit was rated twice") == 1
    assert "No figure of failure.unsupported, failure.stale: no unit was rated twice." in text


def test_no_interval_of_the_report_is_cut_off(database: Database) -> None:
    """Ada and Ben say the opposite of each other: alpha is far below -0.2."""
    desk = Desk(database, units=12, overlap=2, raters=("Ada", "Ben"))
    for name in ("Ada", "Ben"):
        for _ in range(12):
            place = desk.take(name)
            low = (int(place.response.rsplit(" ", 1)[1]) % 2 == 0) == (name == "Ada")
            desk.later(1)
            desk.submit(name, place, LOW if low else HIGH)
    with database.read() as session:
        alpha = agreement_report(session, desk.round(), by=None).rows[0].result.alpha
        text = round_document(session, desk.round(), by=None)
    assert alpha.value is not None and alpha.value < -0.5
    begins = float(re.findall(r"drawn from −([0-9.]+) to 1", text)[0])
    assert -begins <= alpha.value
    assert not re.search(r'x1="0\.0" x2="0\.0"', text)


def test_the_share_that_people_pass_is_weighted_and_withheld_as_other_figures_are(
    database: Database,
) -> None:
    desk = rated(database)
    with database.read() as session:
        assert pass_rates(session, desk.round(), by=None) == [], "nothing says what passes"
    with database.write() as session:
        rubric_versions.add_rubric(session, PASSING, source_name="passing.yaml", by=None)
        lines = b"\n".join(
            b'{"id": "%s%02d", "input": "?", "response": "%d", "segment": "%s"}' % (s, n, n, s)
            for s, size in ((b"large", 40), (b"small", 10))
            for n in range(size)
        )
        read = outputs.read_outputs(io.BytesIO(lines), name="p.jsonl")
        outputs.import_outputs(session, read, by=None)
        asked = {"name": "P", "rubric": "passing", "units": 20, "overlap": 1, "raters": ("Ada",)}
        filters = {"segments": ("large", "small")}
        rounds.launch_round(
            session, checked(**asked, allocate="equal", filters=filters), by=None
        )  # fmt: skip
        ada = people.get_rater(session, "Ada").id
        assert ada is not None
        for unit, segment in session.exec(
            select(Unit, Output.segment)
            .join(Output, col(Output.id) == Unit.output_id)
            .where(Unit.stratum != "hidden-segment")
        ).all():
            session.add(
                Rating(
                    round_id=unit.round_id, unit_id=unit.id, output_id=unit.output_id,
                    rater_id=ada, criterion="right",
                    value=float(segment == "large"), seen=[],
                )
            )  # fmt: skip
    with database.read() as session:
        round_ = rounds.get_round(session, "P")
        whole, large, small = pass_rates(session, round_, by=None)
    assert [row.segment for row in (whole, large, small)] == [None, "large", "small"]
    assert whole.figure.value == pytest.approx(0.8)  # 40 of 50 outputs
    assert (large.figure.value, small.figure.value) == (1.0, 0.0)
    assert large.figure.low == pytest.approx(rate(10, 10).low)
    assert small.figure.high == pytest.approx(rate(0, 10).high)


PASSING = """
name: passing
criteria:
  - id: right
    scale: binary
    points: [{value: 0, label: No, anchor: It is wrong.}, {value: 1, label: Yes, anchor: It is so.}]
"""


def test_the_report_says_how_the_judge_moved_since_the_baseline(database: Database) -> None:
    desk = rated(database, anchors=6)
    judge(desk, TRUTH)
    desk.close()
    with database.write() as session:
        more = b"\n".join(
            b'{"id": "n%d", "input": "?", "response": "0 %d"}' % (n, n) for n in range(8)
        )
        outputs.import_outputs(
            session, outputs.read_outputs(io.BytesIO(more), name="n.jsonl"), by=None
        )
        asked = {"name": "R2", "rubric": "answers", "units": 8, "overlap": 1, "raters": ("Ada",)}
        rounds.launch_round(session, checked(**asked, anchors_from="R"), by=None)
    with database.read() as session:
        round_ = rounds.get_round(session, "R2")
        assert "Drift since" not in round_document(session, round_, by=None), "no judge scored it"
        assert "Drift since" not in round_document(session, desk.round(), by=None), "no baseline"
    scores = {key: min(3.0, TRUTH[key] + 1) for key in TRUTH}
    lines = "\n".join(
        json.dumps({"output_id": key, "rater": "Judge", "criterion": "quality", "value": value})
        for key, value in scores.items()
    )
    with database.write() as session:
        exchange.import_ratings(
            session, io.BytesIO(lines.encode()), round=rounds.get_round(session, "R2"),
            name="j.jsonl", kind="judge", by=None,
        )  # fmt: skip
    while True:
        with database.write() as session:
            ada, round_ = people.get_rater(session, "Ada"), rounds.get_round(session, "R2")
            place = claim_next(session, ada, round_, at=desk.at)
        if place is None:
            break
        desk.later(1)
        number = int(place.response.rsplit(" ", 1)[1])
        failure = {"failure": Answer(tags=())} if number % 3 < 2 else {}
        desk.submit("Ada", place, {"quality": Answer(value=1 + number % 3), **failure})
    with database.read() as session:
        round_ = rounds.get_round(session, "R2")
        text = round_document(session, round_, by=None)
        drift = drift_report(session, desk.round(), round_, judge="Judge", by=None)
    assert "Drift since the baseline round" in text
    said = drift.rows[0]
    assert html.escape(f"quality: {said.result.verdict}. {said.sentence}", quote=False) in (
        text.replace("&#39;", "'")
    )


def test_word_overlap_is_the_floor_in_a_rounds_report_and_has_no_verdict(
    database: Database,
) -> None:
    desk = rated(database)
    judge(desk, TRUTH)
    with database.write() as session:
        identity = {"spec": {"engine": "lexical"}}
        people.add_rater(session, "A-words@1", kind="metric", identity=identity)
        rows = [
            {"output_id": key, "rater": "A-words@1", "criterion": "quality", "value": value}
            for key, value in TRUTH.items()
        ]
        exchange.import_ratings(
            session, io.BytesIO("\n".join(map(json.dumps, rows)).encode()), round=desk.round(),
            name="w.jsonl", kind="metric", by=None,
        )  # fmt: skip
    with database.read() as session:
        text = round_document(session, desk.round(), by=None)
        verdict = calibration_report(session, desk.round(), judge="Judge", by=None).rows[0].result
    title = "<h3>A-words@1: word overlap, the floor for judges and no judge</h3>"
    of_judges, _, of_floor = text.partition(title)
    of_floor, *_ = of_floor.partition("<h2>")
    assert "<h3>Judge</h3>" in of_judges and "A-words" not in of_judges.partition("<h2>Judges")[2]
    assert f'data-of="verdict">{verdict.verdict}<' in of_judges
    assert "kappa with people" in of_floor
    assert "verdict" not in of_floor and str(verdict.verdict) not in of_floor


def test_the_pace_is_told_by_segment_and_by_rater(database: Database) -> None:
    desk = Desk(database, units=10, overlap=2)
    for _ in range(6):
        desk.rate("Ada")
    with database.read() as session:
        found = watched(session, desk.round(), by=None, at=desk.at)
    assert found.whole.work_left == timedelta(seconds=5 * 14)
    assert list(found.by_segment) == ["hidden-segment"]
    assert found.by_segment["hidden-segment"] == found.whole
    ada, ben, cy = found.speeds
    assert (ada.rater, ada.submitted, ada.seconds, ada.outlying) == ("Ada", 6, 5.0, None)
    assert (ben.submitted, ben.seconds, cy.last) == (0, None, None)
    assert ada.pace.work_left == timedelta(seconds=5 * ada.left)


def test_what_is_left_is_shared_among_those_who_may_still_get_it(database: Database) -> None:
    """Six of ten units have Ada's rating and want one more, of Ben or Cy; four want two of three."""
    desk = Desk(database, units=10, overlap=2)
    for _ in range(6):
        desk.rate("Ada")
    with database.read() as session:
        left = {one.rater: one.left for one in watched(session, desk.round(), by=None).speeds}
    assert left == {"Ada": 3, "Ben": 6, "Cy": 6}  # 8/3, and 8/3 + 6/2
    with database.write() as session:
        people.revoke(session, people.get_rater(session, "Cy"), by=None)
    with database.read() as session:
        left = {one.rater: one.left for one in watched(session, desk.round(), by=None).speeds}
    assert left == {"Ada": 4, "Ben": 10, "Cy": 0}


def test_nobody_is_left_more_than_their_quota(database: Database) -> None:
    desk = Desk(database, units=10, overlap=1, quota=4)
    for _ in range(3):
        desk.rate("Ada")
    with database.read() as session:
        left = {one.rater: one.left for one in watched(session, desk.round(), by=None).speeds}
    assert left == {"Ada": 1, "Ben": 3, "Cy": 3}


def test_a_judge_that_is_to_be_calibrated_is_there_before_it_has_scored(
    database: Database,
) -> None:
    desk = rated(database, judges=("Judge",))

    def scored() -> list[tuple[str, int, int]]:
        with database.read() as session:
            found = watched(session, desk.round(), by=None).judges
        return [(one.judge, one.outputs, one.of) for one in found]

    assert scored() == [("Judge", 0, 12)]
    judge(desk, {"o00": 1.0, "o01": 2.0})
    judge(desk, {"o01": 2.0, "o02": 2.0}, inside=False)
    assert scored() == [("Judge", 3, 12)]


def test_a_repeat_that_was_answered_otherwise_is_told_with_both_answers(
    database: Database,
) -> None:
    desk = Desk(database, units=2, overlap=1, repeats=2, raters=("Ada", "Ben"))
    seen: list[str] = []
    while (place := desk.claim("Ada")) is not None:
        again = place.response in seen
        seen.append(place.response)
        changed = again and place.response == "Response 1"
        answers = {"quality": Answer(value=2), "failure": Answer(tags=())} if changed else GOOD
        desk.later(1)
        desk.submit("Ada", place, answers)
    with database.read() as session:
        found = slips(session, desk.round(), by=None)
    assert [(one.rater, one.unit, one.criterion, one.first, one.again) for one in found] == [
        ("Ada", "o01", "quality", "Good", "Fair")
    ]


def test_raters_stand_side_by_side_by_name(database: Database) -> None:
    desk = disputed(database)
    with database.read() as session:
        rows = panel(session, desk.round(), by=None).rows
    quality = [row for row in rows if row.criterion == "quality"]
    assert [(row.rater, row.difference.value, row.ratings) for row in quality] == [
        ("Ada", -2.0, 4), ("Ben", 2.0, 4),
    ]  # fmt: skip
    assert [row.use for row in quality] == [(1.0, 0.0, 0.0), (0.0, 0.0, 1.0)]
    assert quality[0].consistency.reason == "nothing was shown twice"


def test_consistency_is_the_share_of_repeats_answered_alike(database: Database) -> None:
    desk = rated(database, repeats=4)
    with database.read() as session:
        rows = panel(session, desk.round(), by=None).rows
    assert {(r.rater, r.consistency.value, r.consistency.n) for r in rows if r.criterion == "quality"} == {
        ("Ada", 1.0, 4), ("Ben", 1.0, 4),
    }  # fmt: skip


class Read(HTMLParser):
    """What a report says, and what it would fetch or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href") or k.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.cells.append(data.strip())


def test_the_report_says_what_the_pages_say_and_fetches_nothing(database: Database) -> None:
    desk = rated(database)
    judge(desk, TRUTH)
    with database.read() as session:
        text = round_document(session, desk.round(), by=None)
        alpha = agreement_report(session, desk.round(), by=None).rows[0].result.alpha
    read = Read(text)
    assert alpha.value is not None and alpha.low is not None and alpha.high is not None
    assert f"{alpha.value:.2f} [{alpha.low:.2f}, {alpha.high:.2f}]" in read.cells
    assert {"Judge", "Ada", "Ben", "All segments", "hidden-segment"} <= set(read.cells)
    assert desk.round().design_hash in text
    assert not read.addresses and not read.tags & {"script", "link", "img", "iframe", "object"}
    assert "http" not in text and "@media print" in text


def test_what_strangers_wrote_stays_text_in_the_report(database: Database) -> None:
    desk = disputed(database)
    with database.write() as session:
        rater = people.get_rater(session, "Ben")
        rater.name = "<script>alert(1)</script>"
        session.add(rater)
    with database.read() as session:
        text = round_document(session, desk.round(), by=None)
    assert "<script>" not in text and "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "ambiguous 4" in text


def test_a_lead_who_rates_in_the_open_round_gets_neither_panel_nor_report(
    database: Database,
) -> None:
    desk = disputed(database)
    with database.write() as session:
        lead = people.get_rater(session, "Ada")
        lead.role = "lead"
        session.add(lead)
    for asked in (panel, round_document):
        with database.read() as session, pytest.raises(NotAllowed, match="once it is closed"):
            asked(session, desk.round(), by=desk.rater("Ada"))
