"""The page of judges: adding one, and all that it is asked."""

import time

import pytest
import sqlalchemy as sa
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from annotate.judge import judges, process, run, spec
from annotate.rounds import get_round
from db.tables import JudgeRun, JudgeTask, Rater, now
from tests.judge_server import JudgeServer, serving
from tests.pages.apps import app_of
from tests.pages.conftest import Tab
from tests.unit.desk_round import Desk
from tests.unit.judge.test_iteration import graded, truth
from tests.unit.judge.test_shots import rated


@pytest.fixture
def lead(tab: Tab) -> Tab:
    """A lead at a round R of the rubric `answers`."""
    Desk(tab.database)
    tab.sign_in("Lea")
    return tab


def page() -> None:
    from annotate.ui import judging, messages

    with messages.shown_errors():
        judge = judging.chosen_judge()
        if judge is not None:
            judging.show_question(judge)
    judging.show_adding()


def runs() -> None:
    from annotate.ui import judge_running

    judge_running.show_runs()


def drawn(app: AppTest) -> str:
    assert not app.exception
    return " ".join(box.value for box in [*app.error, *app.info, *app.success, *app.caption])


def written(app: AppTest, text: str) -> AppTest:
    app.text_area(key="judge_text_A model").set_value(text)
    return app.button(key="judge_add").click().run()


def judge_in(tab: Tab, text: str) -> str:
    with tab.database.write() as session:
        return judges.add_judge(session, spec.parse(text), by=None).rater.name


def test_a_refused_file_is_told_what_to_mend_and_nothing_is_added(lead: Tab) -> None:
    app = app_of(page).run()
    assert "No judge to run yet" in drawn(app)
    for text, problem in (
        ("name: strict\nmodle: x\nrubric: answers\n", "modle: is not a known key"),
        ("name: strict\nmodel: x\nrubric: nobody\n", "nobody"),
        ("name: strict\nmodel: x\nrubric: answers\ncriteria: [wit]\n", "no criterion 'wit'"),
        ("- a\n- b\n", "judge.yaml"),
        ("", "judge.yaml"),
    ):
        written(app, text)
        assert not app.exception
        assert problem in app.error[0].value and len(app.error) == 1
        assert not app.success
    with lead.database.read() as session:
        assert judges.list_judges(session, by=None) == []


def test_an_added_judge_is_there_at_once_and_chosen(lead: Tab) -> None:
    judge_in(lead, "name: aaa\nmodel: x\nrubric: answers\n")
    judge_in(lead, "name: zzz\nmodel: x\nrubric: answers\n")
    app = app_of(page).run()
    assert app.selectbox(key="judge_name").value == "zzz@1"
    text = "name: mmm\nmodel: x\nrubric: answers\ncriteria: [quality]\n"
    written(app, text)
    assert "mmm@1 was added" in drawn(app)
    assert app.selectbox(key="judge_name").value == "mmm@1"
    written(app, text)
    assert "mmm@1 is in the workspace already" in drawn(app)
    # Told once; and another choice stands.
    app.selectbox(key="judge_name").set_value("aaa@1").run()
    assert not app.success and app.selectbox(key="judge_name").value == "aaa@1"


def test_imported_judges_are_known_though_none_can_be_run(lead: Tab) -> None:
    with lead.database.write() as session:
        session.add(Rater(name="theirs-v1", kind="judge", identity={"model": "m"}))
    assert "imported scores of Judge, theirs-v1" in drawn(app_of(page).run())


def test_examples_and_the_form_of_the_data_are_shown_and_the_scoring_endpoint_has_its_own(
    lead: Tab,
) -> None:
    name = judge_in(lead, "name: taught\nmodel: x\nrubric: answers\ncriteria: [quality]\n")
    with lead.database.write() as session:
        rater = session.exec(select(Rater).where(Rater.name == name)).one()
        shot = {"fields": {"response": "**Old**"}, "answer": {"level": 2}, "case": "c"}
        rater.identity = {**(rater.identity or {}), "shots": {"quality": [shot]}}
    app = app_of(page).run()
    said = [text.value for text in app.text]
    assert any("CRITERION: Quality" in text for text in said)
    assert any(text.startswith("user: One-time tag") and "**Old**" in text for text in said)
    assert 'assistant: {"level": 2}' in said
    assert any("data-TAG" in text and '"response": "..."' in text for text in said)

    judge_in(lead, "name: z\nengine: decisions\nmodel: x\nrubric: answers\ncriteria: [quality]\n")
    app = app_of(page).run()
    assert not any("CRITERION" in text.value for text in app.text)
    assert "Good" in app.json[0].value and "judgeable" in app.json[0].value


def test_a_run_whose_process_did_not_start_says_so_and_can_be_started_again(lead: Tab) -> None:
    name = judge_in(lead, "name: strict\nmodel: x\nrubric: answers\n")
    with lead.database.write() as session:
        run.plan_run(
            session, judges.get_judge(session, name, by=None), round_=get_round(session, "R"),
            by=None,
        )  # fmt: skip
    app = app_of(runs).run()
    assert "did not start" not in drawn(app)
    with lead.database.write() as session:
        one = session.exec(select(JudgeRun)).one()
        one.started_at -= 3 * run.BEAT
    app.run()
    assert "Its process did not start" in drawn(app)
    assert [button.label for button in app.button] == ["Go on", "Cancel"]


def test_both_budgets_of_a_run_can_be_raised(lead: Tab, monkeypatch: pytest.MonkeyPatch) -> None:
    launched: list[int] = []
    monkeypatch.setattr(process, "launch", launched.append)
    name = judge_in(
        lead, "name: strict\nmodel: x\nrubric: answers\nprices: {input: 1, output: 1}\n"
    )
    with lead.database.write() as session:
        one = run.plan_run(
            session, judges.get_judge(session, name, by=None), round_=get_round(session, "R"),
            budget_usd=1, budget_tokens=10, by=None,
        )  # fmt: skip
        one.state, one.tokens, one.cost_usd = "budget_exceeded", {"input": 10}, 0.5
        number = one.id
    app = app_of(runs).run()
    app.number_input(key=f"judge_raised_tokens_{number}").set_value(1000)
    next(button for button in app.button if button.label == "Go on with it").click().run()
    assert not app.exception and not app.error
    assert "Its process is starting." in drawn(app)
    assert [button.label for button in app.button] == ["Cancel"]
    with lead.database.read() as session:
        one = session.exec(select(JudgeRun)).one()
        assert (one.budget_usd, one.budget_tokens) == (1, 1000)
    assert launched == [number]


def test_a_run_that_is_to_ask_again_waits_for_its_process(lead: Tab) -> None:
    name = judge_in(lead, "name: strict\nmodel: x\nrubric: answers\n")
    with lead.database.write() as session:
        one = run.plan_run(
            session, judges.get_judge(session, name, by=None), round_=get_round(session, "R"),
            by=None,
        )  # fmt: skip
        session.connection().execute(sa.update(JudgeTask).values(state="failed"))
        one.state, one.ended_at = "done", now()
        one.started_at -= 3 * run.BEAT
    with lead.database.write() as session:
        assert run.retry(session, one.id or 0, by=None)
    app = app_of(runs).run()
    assert [button.label for button in app.button] == ["Go on", "Cancel"]
    assert "did not start" not in drawn(app)


@pytest.mark.usefixtures("lead")
def test_what_a_runs_process_says_is_in_the_servers_log(caplog: pytest.LogCaptureFixture) -> None:
    process.launch(99)
    ends = time.monotonic() + 60
    while "there is no judge run 99" not in caplog.text:
        assert time.monotonic() < ends, caplog.text
        time.sleep(0.1)


def iterating() -> None:
    from annotate.ui import iterating, judging, messages

    with messages.shown_errors():
        judge = judging.chosen_judge()
        assert judge is not None
        iterating.show(judge)


def test_every_tag_of_a_criterion_can_be_worked_on(tab: Tab) -> None:
    desk = rated(tab.database)
    with serving(
        JudgeServer(level=lambda data, one: ["stale"] if "ail" in one else truth(data))
    ) as server:
        for model in ("stub-1", "stub-2"):
            graded(desk, server, criteria=["quality", "failure"], model=model)
    tab.sign_in("Lea")
    app = app_of(iterating).run()
    box = app.segmented_control(key="iterate_criterion")
    assert box.options == ["quality", "failure.unsupported", "failure.stale"]
    box.select("failure.stale").run()
    assert not app.exception and not app.error
    assert "units of the dev split. This one mends" in drawn(app)
    assert "This criterion has no order, so no cut points." in drawn(app)
