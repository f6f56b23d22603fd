"""Working on a judge: two versions on the dev split, the test split opened and logged, cut points."""

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from annotate import exchange, outputs, rubric_versions
from annotate.design import Design, Filters
from annotate.errors import AnnotateError, BadInput
from annotate.judge import judges, run, spec, worker
from annotate.judge.judges import Judge
from annotate.judge.splits import split_of
from annotate.ratings import frame
from annotate.reports.calibration import calibration_report
from annotate.reports.disagreements import disagreements, held_back
from annotate.reports.iteration import compare_judges, open_test, openings, refit
from annotate.rounds import get_round, launch_round
from annotate.stats.cut_points import fit_cut_points
from db.engine import Database
from db.tables import now
from tests.judge_server import JudgeServer, serving
from tests.unit.desk_round import START, Desk
from tests.unit.judge.test_shots import UNITS, rated


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with serving(JudgeServer()) as started:
        yield started


def truth(data: dict[str, Any]) -> int:
    return 1 + int(data["response"].split()[-1]) % 3


def lenient(data: dict[str, Any], _: str) -> int:
    """One point too much on every fifth."""
    number = int(data["response"].split()[-1])
    return min(3, truth(data) + (number % 5 == 0))


def add(desk: Desk, server: JudgeServer, **fields: Any) -> Judge:
    document = {
        "name": "strict", "model": "stub-1", "base_url": server.base, "rubric": "answers",
        "criteria": ["quality"], **fields,
    }  # fmt: skip
    with desk.database.write() as session:
        return judges.add_judge(session, spec.from_document(document), by=None)


def graded(desk: Desk, server: JudgeServer, **fields: Any) -> Judge:
    """A judge of these fields that has scored the round."""
    return worked(desk, add(desk, server, **fields))


def worked(desk: Desk, judge: Judge, name: str = "R") -> Judge:
    with desk.database.write() as session:
        run_id = run.plan_run(session, judge, round_=get_round(session, name), by=None).id
        assert run_id is not None
        run.start(session, run_id, by=None)
    assert worker.work(desk.database, run_id, judge).state == "done"
    return judge


def of_split(name: str) -> list[str]:
    return [f"o{n:02}" for n in range(UNITS) if split_of(f"o{n:02}") == name]


def test_two_versions_are_compared_on_the_dev_split_unit_by_unit(
    sqlite_database: Database, server: JudgeServer
) -> None:
    desk = rated(sqlite_database)
    server.level = lenient
    saved = graded(desk, server)
    server.level = lambda data, _: truth(data)
    current = graded(desk, server, model="stub-2")
    dev = of_split("dev")
    wrong = [o for o in dev if int(o[1:]) % 5 == 0 and int(o[1:]) % 3 != 2]
    with desk.database.read() as session:
        found = compare_judges(
            session, desk.round(), saved=saved.rater.name, current=current.rater.name,
            criterion="quality", by=None,
        )  # fmt: skip
        back = compare_judges(
            session, desk.round(), saved=current.rater.name, current=saved.rater.name,
            criterion="quality", by=None,
        )  # fmt: skip
    assert wrong and found.units == len(dev)
    assert (sorted(found.mended), found.broken) == (wrong, ())
    assert (back.mended, sorted(back.broken)) == ((), wrong)
    assert found.p == back.p and found.p is not None and found.p < 1
    kappas = [one.result.weighted_kappa.value for one in (found.saved, found.current)]
    assert kappas[0] is not None and kappas[0] < 1 and kappas[1] == pytest.approx(1.0)
    assert [row.output for row in found.saved.differing if row.output not in wrong] == []
    assert all(row.reason and len(row.sides) == 2 for row in found.saved.differing)
    # Both judges' reasons stand beside each unit, also that of the one who is right.
    assert {(one.row.output, one.change) for one in found.apart} == {(o, "mended") for o in wrong}
    assert {(one.row.output, one.change) for one in back.apart} == {(o, "broken") for o in wrong}
    for one in found.apart:
        assert one.saved is not None and one.current is not None
        assert one.saved.reason and one.current.reason
        assert int(one.saved.label) == int(one.current.label) + 1
    document = found.as_json()["apart"]
    assert [one["unit"] for one in document] == [one.row.unit for one in found.apart]
    assert document[0]["saved"]["reason"] == found.apart[0].saved.reason  # type: ignore[union-attr]


def test_the_test_split_is_opened_by_an_act_of_its_own_that_is_logged(
    sqlite_database: Database, server: JudgeServer
) -> None:
    desk = rated(sqlite_database)
    server.level = lenient
    judge = graded(desk, server)
    other = graded(desk, server, model="stub-2")
    with desk.database.read() as session:
        with pytest.raises(BadInput, match="an act of its own"):
            compare_judges(
                session, desk.round(), saved=judge.rater.name, current=other.rater.name,
                criterion="quality", split="test", by=None,
            )  # fmt: skip
        assert openings(session, "strict", by=None) == 0
    for times, name in enumerate((judge.rater.name, other.rater.name), start=1):
        with desk.database.write() as session:
            found = open_test(
                session, desk.round(), judge=name, criterion="quality", by=desk.rater("Lea")
            )
            assert openings(session, name, by=None) == times, "whatever the version"
        assert (found.split, found.units) == ("test", len(of_split("test")))
    with desk.database.read() as session:
        assert openings(session, "another", by=None) == 0


def test_what_either_was_shown_counts_for_neither(
    sqlite_database: Database, server: JudgeServer
) -> None:
    desk = rated(sqlite_database)
    server.level = lenient
    plain, taught = graded(desk, server), graded(desk, server, shots=3)
    assert {split_of(shot.case) for shot in taught.shots["quality"]} == {"shot"}
    with desk.database.read() as session:
        found = compare_judges(
            session, desk.round(), saved=plain.rater.name, current=taught.rater.name,
            criterion="quality", split="shot", by=None,
        )  # fmt: skip
    assert (found.units, found.left_out) == (len(of_split("shot")) - 3, 3)


def test_cut_points_are_fitted_from_stored_scores_and_asked_for_no_more(
    sqlite_database: Database, server: JudgeServer
) -> None:
    desk = rated(sqlite_database, units=2 * UNITS)

    def told(data: dict[str, Any]) -> dict[str, float]:
        """Expected 2.2, 2.5 and 2.8 for 1, 2 and 3."""
        top = 0.2 + 0.3 * (truth(data) - 1)
        return {"2": 1 - top, "3": top}

    server.spread = told
    server.level = lambda data, _: 3 if told(data)["3"] > 0.5 else 2
    judge = graded(desk, server, parameters={"logprobs": True, "top_logprobs": 5})
    asked = len(server.log)
    with desk.database.read() as session:
        found = refit(session, desk.round(), judge=judge.rater.name, criterion="quality", by=None)
    assert found.cuts == pytest.approx((2.35, 2.65))
    assert found.before.value is not None and found.before.value < 0.75
    assert found.after.value == pytest.approx(1.0)
    with desk.database.write() as session:
        assert found.cuts is not None
        better = judges.with_cut_points(session, judge, {"quality": found.cuts}, by=None)
    assert better.rater.name == "strict@2" and better.version != judge.version
    worked(desk, better)
    assert len(server.log) == asked, "nothing was asked, and nothing paid"
    with desk.database.read() as session:
        said = frame(session)
    for name, right in ((judge.rater.name, False), (better.rater.name, True)):
        mine = said[said["rater"] == name]
        values = dict(zip(mine["output"], mine["value"], strict=True))
        assert len(values) == 2 * UNITS
        assert all(v == 1 + int(str(o)[1:]) % 3 for o, v in values.items()) is right


def test_cut_points_that_do_not_fit_the_scale_are_refused(
    sqlite_database: Database, server: JudgeServer
) -> None:
    desk = Desk(sqlite_database)
    for cuts, said in (
        ({"quality": [1.5]}, "which 2 cut points divide; 1 are given"),
        ({"quality": [2.5, 1.5]}, "ascending"),
        ({"wit": [1.5, 2.5]}, "no criterion 'wit'"),
        ({"failure": [0.5]}, "which 0 cut"),
    ):
        with pytest.raises(AnnotateError, match=said):
            graded(desk, server, cut_points=cuts)


def test_a_refitted_judge_keeps_its_rubric_and_examples(
    sqlite_database: Database, server: JudgeServer
) -> None:
    """Whatever rounds and rubrics have come since: other examples would be asked anew."""
    desk = rated(sqlite_database)
    server.level = lambda data, _: truth(data)
    judge = graded(desk, server, shots=2)
    asked = len(server.log)
    with desk.database.write() as session:
        row = rubric_versions.get_rubric(session, "answers")
        source = row.source.replace("label: Bad", "label: Poor")
        assert source != row.source
        newer = rubric_versions.add_rubric(session, source, source_name="answers", by=None)
        assert newer.version == row.version + 1
        cuts = {"quality": (1.5, 1.5)}
        other = judges.with_cut_points(session, judge, cuts, by=None)
    assert other.rater.name == "strict@2"
    assert (other.shots, other.rubric.hash) == (judge.shots, judge.rubric.hash)
    assert other.spec.cut_points == {"quality": (1.5, 1.5)}, "a point that nobody uses"
    worked(desk, other)
    assert len(server.log) == asked, "nothing is asked again"
    with desk.database.read() as session:
        said = frame(session)
    mine = said[(said["rater"] == "strict@2") & (said["criterion"] == "quality")]
    assert sorted(mine["value"].unique()) == [1.0, 3.0]


def test_what_is_in_the_test_split_is_told_once_it_is_opened_for_this_version(
    sqlite_database: Database, server: JudgeServer
) -> None:
    desk = rated(sqlite_database)
    server.level = lambda *_: 2
    judge = graded(desk, server)
    other = graded(desk, server, model="stub-2")

    def told(name: str) -> tuple[set[str], int]:
        with desk.database.read() as session:
            asked: dict[str, Any] = {"judge": name, "criterion": "quality", "by": None}
            found = disagreements(session, desk.round(), **asked)
            return {split_of(row.output) for row in found}, held_back(
                session, desk.round(), **asked
            )

    assert told(judge.rater.name) == ({"shot", "dev"}, len(of_split("test")))
    with desk.database.read() as session, pytest.raises(BadInput, match="an act of its own"):
        disagreements(
            session, desk.round(), judge=judge.rater.name, criterion="quality", split="test",
            by=None,
        )  # fmt: skip
    with desk.database.write() as session:
        found = open_test(
            session, desk.round(), judge=judge.rater.name, criterion="quality", by=None
        )
    assert {split_of(row.output) for row in found.current.differing} == {"test"}
    assert told(judge.rater.name) == ({"shot", "dev", "test"}, 0)
    assert told(other.rater.name) == ({"shot", "dev"}, len(of_split("test")))


def test_a_test_split_of_which_nothing_was_graded_is_not_opened(
    sqlite_database: Database, server: JudgeServer
) -> None:
    desk = rated(sqlite_database)
    judge = add(desk, server)
    with desk.database.write() as session:
        with pytest.raises(BadInput, match="graded quality on no unit of the test split"):
            open_test(session, desk.round(), judge=judge.rater.name, criterion="quality", by=None)
        assert openings(session, "strict", by=None) == 0


def test_what_cut_points_were_fitted_to_says_nothing_of_the_judge_that_has_them(
    sqlite_database: Database, server: JudgeServer
) -> None:
    desk = rated(sqlite_database, units=2 * UNITS)
    server.level = lambda data, _: truth(data)
    judge = graded(desk, server)
    with desk.database.read() as session:
        found = refit(session, desk.round(), judge=judge.rater.name, criterion="quality", by=None)
    assert found.cuts is not None
    with desk.database.write() as session:
        saved = judges.with_cut_points(session, judge, {"quality": found.cuts}, by=None)
    # The same cuts by hand, in a file of their own.
    by_hand = graded(desk, server, name="hand", cut_points={"quality": list(found.cuts)})
    worked(desk, saved)
    dev = sum(split_of(f"o{n:02}") == "dev" for n in range(2 * UNITS))
    with desk.database.read() as session:
        rows = calibration_report(session, desk.round(), by_segment=False, by=None).rows
        counted = {row.judge: (row.result.n_units, row.left_out) for row in rows}
        assert counted == {
            judge.rater.name: (2 * UNITS, 0),
            saved.rater.name: (2 * UNITS - dev, dev),
            by_hand.rater.name: (2 * UNITS - dev, dev),
        }
        beside = compare_judges(
            session, desk.round(), saved=judge.rater.name, current=saved.rater.name,
            criterion="quality", by=None,
        )  # fmt: skip
        assert (beside.units, beside.left_out) == (0, dev)
        # What people rate afterwards was not there to be fitted to.
        rater = session.get_one(type(saved.rater), saved.rater.id)
        rater.created_at = START - timedelta(days=1)
        assert judges.seen_cases(session, rater) == set()
        rater.created_at = now()
        assert judges.seen_cases(session, rater, "failure") == set(), "it has cuts of quality alone"


def test_cut_points_are_tried_on_cases_that_they_were_not_fitted_to() -> None:
    """Twins share their case: with both on one side of a fold, chance looks like skill."""
    rng = np.random.default_rng(5)
    scores = np.repeat(rng.uniform(1, 3, 60), 2)
    people = np.repeat(rng.integers(1, 4, 60).astype(float), 2)
    cases = [f"case {n // 2}" for n in range(120)]
    domain = (1.0, 2.0, 3.0)
    apart = fit_cut_points(scores, people, domain=domain, groups=cases)
    mixed = fit_cut_points(scores, people, domain=domain)
    assert apart.cuts == mixed.cuts
    alone = fit_cut_points(scores[::2], people[::2], domain=domain)
    assert alone.after.value is not None and apart.after.value is not None
    assert apart.after.value == pytest.approx(alone.after.value), "each case once, or twice"
    one = fit_cut_points(scores, people, domain=domain, groups=["same"] * 120)
    assert one.cuts == mixed.cuts
    assert (one.after.value, one.after.reason) == (None, "all units are of one case")
    with pytest.raises(ValueError, match="3 groups for 120 units"):
        fit_cut_points(scores, people, domain=domain, groups=["a", "b", "c"])


BINARY = """
name: passing
criteria:
  - id: good
    scale: binary
    points: [{value: 0, label: Bad, anchor: Wrong.}, {value: 1, label: Good, anchor: Right.}]
"""


def test_a_binary_criterion_has_a_cut_point(sqlite_database: Database, server: JudgeServer) -> None:
    """The judge says 0.6 and more of what is good, and from 0.5 of what is bad."""
    desk = Desk(sqlite_database, units=2 * UNITS)

    def good(data: dict[str, Any]) -> bool:
        return int(data["response"].split()[-1]) % 2 == 1

    def told(data: dict[str, Any]) -> dict[str, float]:
        return {"1": 0.9, "0": 0.1} if good(data) else {"1": 0.6, "0": 0.4}

    server.level, server.spread = (lambda *_: 1), told
    with desk.database.write() as session:
        rubric_versions.add_rubric(session, BINARY, source_name="passing.yaml", by=None)
        asked = Design(name="B", rubric="passing", units=2 * UNITS, overlap=1, raters=("Ada",))
        launch_round(session, asked, by=None)
        lines = [
            {"output_id": f"o{n:02}", "rater": "Ada", "criterion": "good", "value": n % 2}
            for n in range(2 * UNITS)
        ]
        exchange.import_ratings(
            session, io.BytesIO("\n".join(map(json.dumps, lines)).encode()),
            round=get_round(session, "B"), name="b.jsonl", kind="human", by=None,
        )  # fmt: skip
    judge = add(
        desk, server, rubric="passing", criteria=["good"],
        parameters={"logprobs": True, "top_logprobs": 5},
    )  # fmt: skip
    worked(desk, judge, "B")
    with desk.database.write() as session:
        round_ = get_round(session, "B")
        found = refit(session, round_, judge=judge.rater.name, criterion="good", by=None)
        assert found.cuts == pytest.approx((0.75,))
        better = judges.with_cut_points(session, judge, {"good": found.cuts or ()}, by=None)
    worked(desk, better, "B")
    with desk.database.read() as session:
        said = frame(session)
    mine = said[said["rater"] == better.rater.name]
    assert all(
        value == int(str(output)[1:]) % 2
        for output, value in zip(mine["output"], mine["value"], strict=True)
    )


def test_outputs_of_one_content_are_all_fitted(
    sqlite_database: Database, server: JudgeServer
) -> None:
    """Each of two responses, good and bad, is that of half the outputs."""
    desk = Desk(sqlite_database)
    alike = [
        {"id": f"d{n}", "input": f"Q {n}", "response": f"Says {n % 2}", "segment": "d"}
        for n in range(UNITS)
    ]
    said = [
        {"output_id": f"d{n}", "rater": "Ada", "criterion": "good", "value": n % 2}
        for n in range(UNITS)
    ]
    files = [io.BytesIO("\n".join(map(json.dumps, lines)).encode()) for lines in (alike, said)]
    server.level = lambda *_: 1
    with desk.database.write() as session:
        rubric_versions.add_rubric(session, BINARY, source_name="passing.yaml", by=None)
        outputs.import_outputs(session, outputs.read_outputs(files[0], name="d.jsonl"), by=None)
        asked = Design(
            name="B", rubric="passing", units=UNITS, overlap=1, raters=("Ada",),
            filters=Filters(segments=("d",)),
        )  # fmt: skip
        launch_round(session, asked, by=None)
        exchange.import_ratings(
            session, files[1], round=get_round(session, "B"), name="b.jsonl", kind="human", by=None
        )
    server.spread = lambda data: (
        {"1": 0.9, "0": 0.1} if data["response"] == "Says 1" else {"1": 0.6, "0": 0.4}
    )
    judge = add(
        desk, server, rubric="passing", criteria=["good"], sees=["response"],
        parameters={"logprobs": True, "top_logprobs": 5},
    )  # fmt: skip
    worked(desk, judge, "B")
    assert len(server.log) == 2
    with desk.database.read() as session:
        round_ = get_round(session, "B")
        found = refit(session, round_, judge=judge.rater.name, criterion="good", by=None)
    assert found.cuts == pytest.approx((0.75,))


def test_cut_points_are_of_a_criterion_that_the_judge_grades(
    sqlite_database: Database, server: JudgeServer
) -> None:
    desk = Desk(sqlite_database)
    second = BINARY.split("criteria:\n")[1].replace("id: good", "id: brief")
    with desk.database.write() as session:
        rubric_versions.add_rubric(session, BINARY + second, source_name="two.yaml", by=None)
        launch_round(
            session,
            Design(name="B", rubric="passing", units=4, overlap=1, raters=("Ada",)),
            by=None,
        )
    judge = add(desk, server, rubric="passing", criteria=["good"])
    with desk.database.read() as session:
        round_ = get_round(session, "B")
        with pytest.raises(BadInput, match="strict@1 does not grade brief; it grades good"):
            refit(session, round_, judge=judge.rater.name, criterion="brief", by=None)
