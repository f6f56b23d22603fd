"""The content of the demo workspace: complete, consistent, and what the product itself accepts."""

import json
import re
from collections import defaultdict
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import pytest

from annotate import rubric
from annotate.answer import Answer
from annotate.output_rows import read_outputs

CONTENT = resources.files("annotate.demo")
SCORES = ("faithfulness", "relevance", "completeness")
RAG_ANSWER = rubric.builtin("rag-answer")


def lines(name: str) -> list[dict[str, Any]]:
    text = CONTENT.joinpath(name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


OUTPUTS = lines("outputs.jsonl")
TRUTHS = {truth["id"]: truth for truth in lines("truth.jsonl")}


def words(output: dict[str, Any]) -> str:
    """Everything in an output that somebody reads."""
    return json.dumps(output, ensure_ascii=False)


def test_the_product_reads_every_output_as_it_is_written() -> None:
    with resources.as_file(CONTENT.joinpath("outputs.jsonl")) as path:
        rows = [row for _, row in read_outputs(path)]
    assert [row.id for row in rows] == [output["id"] for output in OUTPUTS]
    assert [row.contexts for row in rows] == [output["contexts"] for output in OUTPUTS]
    assert [row.metadata for row in rows] == [output["metadata"] for output in OUTPUTS]


def test_ids_are_unique_and_there_are_enough_of_them() -> None:
    assert len({output["id"] for output in OUTPUTS}) == len(OUTPUTS) >= 60


def test_four_areas_of_the_product_have_at_least_twenty_cases_each() -> None:
    cases: defaultdict[str, set[str]] = defaultdict(set)
    for output in OUTPUTS:
        cases[output["segment"]].add(output["case"])
    assert len(cases) == 4
    assert all(len(found) >= 20 for found in cases.values())


def test_four_configurations_follow_each_other() -> None:
    first: dict[str, str] = {}
    for output in sorted(OUTPUTS, key=lambda output: str(output["occurred_at"])):
        first.setdefault(output["configuration"], output["occurred_at"])
    assert list(first) == ["assistant-1.8", "assistant-1.9", "assistant-2.0", "assistant-2.0-fast"]


def test_every_output_happened_in_the_three_months_before_the_end_of_october() -> None:
    for output in OUTPUTS:
        at = datetime.fromisoformat(output["occurred_at"])
        assert datetime(2026, 8, 1, tzinfo=UTC) <= at < datetime(2026, 10, 31, tzinfo=UTC)


def test_every_output_has_an_input_an_answer_and_one_to_four_passages() -> None:
    for output in OUTPUTS:
        assert output["input"], output["id"]
        assert output["response"].strip(), output["id"]
        assert 1 <= len(output["contexts"]) <= 4, output["id"]
        assert all(passage.strip() for passage in output["contexts"]), output["id"]


def test_a_help_page_reads_the_same_wherever_it_was_retrieved() -> None:
    pages = {passage for output in OUTPUTS for passage in output["contexts"]}
    titles = [page.split("\n", 1)[0] for page in pages]
    assert len(titles) == len(set(titles))


def test_at_least_ten_cases_were_answered_by_two_configurations() -> None:
    answered: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for output in OUTPUTS:
        answered[output["case"]].append(output)
    shared = [found for found in answered.values() if len(found) > 1]
    assert len(shared) >= 10
    for found in shared:
        assert len({output["configuration"] for output in found}) == len(found)
        assert all(output["input"] == found[0]["input"] for output in found)


def test_the_fast_configuration_is_the_fastest() -> None:
    times: defaultdict[str, list[float]] = defaultdict(list)
    for output in OUTPUTS:
        if output["error"] is None:
            times[output["configuration"]].append(output["latency_ms"])
            assert output["ttft_ms"] <= output["latency_ms"]
    slowest_fast = max(times.pop("assistant-2.0-fast"))
    assert all(slowest_fast < sorted(found)[len(found) // 2] for found in times.values())


def test_an_output_that_failed_says_sorry_and_answers_nothing() -> None:
    failed = [output for output in OUTPUTS if output["error"]]
    assert len(failed) == 2
    for output in failed:
        assert output["response"].startswith("Sorry")
        assert TRUTHS[output["id"]]["completeness"] == 1


def test_the_truth_is_known_for_every_output_and_for_no_other() -> None:
    assert set(TRUTHS) == {output["id"] for output in OUTPUTS}
    assert len(TRUTHS) == len(lines("truth.jsonl"))


@pytest.mark.parametrize("truth", TRUTHS.values(), ids=TRUTHS.keys())
def test_a_rater_who_knows_the_truth_could_submit_it(truth: dict[str, Any]) -> None:
    answers = {
        score: Answer(value=float(truth[score]), rationale=truth["why"] or None) for score in SCORES
    }
    if "failure" in RAG_ANSWER.shown(answers):
        assert truth["failure"] and truth["why"]
        answers["failure"] = Answer(tags=tuple(truth["failure"]))
    else:
        assert not truth["failure"]
    assert RAG_ANSWER.check_answers(answers) == []
    assert 0 <= truth["difficulty"] <= 1


def test_every_failure_that_the_rubric_names_occurs_and_most_outputs_have_none() -> None:
    known = {option.id for option in RAG_ANSWER.criterion("failure").options}
    assert {tag for truth in TRUTHS.values() for tag in truth["failure"]} == known
    good = sum(not truth["failure"] for truth in TRUTHS.values())
    assert 0.55 <= good / len(TRUTHS) <= 0.75


def test_every_point_of_every_score_occurs() -> None:
    for score in SCORES:
        assert {truth[score] for truth in TRUTHS.values()} == {1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(r"<script>", id="script tag"),
        pytest.param(r"!\[[^]]*\]\(http", id="Markdown image"),
        pytest.param(r"(?<!!)\[[^]]+\]\(http", id="Markdown link"),
        pytest.param(r"\$\\\\frac", id="LaTeX"),
        pytest.param(r"ignore the rubric", id="prompt injection"),
        pytest.param(r"[\u0600-\u06ff]", id="Arabic"),
        pytest.param(r"[\u0590-\u05ff]", id="Hebrew"),
        pytest.param("\u200b", id="zero-width space"),
        pytest.param(r"```", id="code block"),
        pytest.param(r"\|---\|", id="table"),
        pytest.param(r"[\U0001f300-\U0001faff]", id="emoji"),
        pytest.param(r'\\"event\\": ', id="JSON"),
    ],
)
def test_text_that_must_stay_inert_occurs(hostile: str) -> None:
    assert any(re.search(hostile, words(output)) for output in OUTPUTS)


def test_no_address_leads_to_anybody_real() -> None:
    text = "\n".join(words(output) for output in OUTPUTS)
    mail = re.findall(r"[\w.+-]+@([\w.-]+\w)", text)
    sites = re.findall(r"https?://([\w.-]+\w)", text)
    assert mail and sites
    assert set(mail) == {"example.com"}
    assert all(site.endswith(".example.com") for site in sites)
