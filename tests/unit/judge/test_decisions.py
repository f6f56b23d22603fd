"""OpenAI's scoring endpoint: what is asked of it, and what its answers come to."""

import json
from typing import Any

import httpx2
import pytest
from pytest_httpx2 import HTTPXMock

from annotate.judge import decisions, spec, worker
from annotate.judge.reply import Reply
from annotate.judge.verdict import Verdict
from tests.unit.judge.test_judge_verdict import ANSWERS, ORDINAL

FIELDS = {"input": "Why?", "response": "Because."}
USAGE = {
    "input_tokens": 120,
    "input_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 120,
}


def decision(*answers: dict[str, Any]) -> dict[str, Any]:
    return {"answers": list(answers), "model": "gpt-6-luna", "usage": USAGE}


def score(*shares: float, name: str = "faithfulness") -> dict[str, Any]:
    return {
        "type": "score",
        "name": name,
        "score": 0.0,
        "confidence": 0.5,
        "probabilities": [
            {"value": place, "label": str(place), "probability": share}
            for place, share in enumerate(shares)
        ],
    }


def suffices(share: float) -> dict[str, Any]:
    return {"type": "predicate", "name": decisions.JUDGEABLE, "probability": share}


def asked(criterion: str) -> tuple[Reply, Verdict]:
    """Ask the endpoint, which the test answers for."""

    async def once() -> tuple[Reply, Verdict]:
        engine = decisions.DecisionsEngine(
            spec.from_document(
                {"name": "d", "engine": "decisions", "model": "gpt-6-luna", "rubric": "answers",
                 "base_url": "http://judge.test/v1"}
            )
        )  # fmt: skip
        try:
            return await engine.decide(ANSWERS, ANSWERS.criterion(criterion), FIELDS)
        finally:
            await engine.close()

    return worker.apart(once())


def test_a_criterion_is_asked_as_a_score_over_the_raters_levels(httpx2_mock: HTTPXMock) -> None:
    httpx2_mock.add_response(json=decision(score(0.1, 0.2, 0.7), suffices(0.9)))
    reply, found = asked("faithfulness")
    (request,) = httpx2_mock.get_requests()
    assert request.url.path == "/v1/decisions"
    body = json.loads(request.content)
    question, material = body["questions"]
    assert [level["label"] for level in question["levels"]] == [
        point.label for point in ORDINAL.points
    ]
    assert ORDINAL.question in question["instructions"]
    assert "Read the context first." in question["instructions"]
    assert material["type"] == "predicate"
    assert "Because." in body["input"] and "Because." not in json.dumps(body["questions"])
    assert reply.usage == {"input": 120, "output": 0, "cached": 100}
    assert (reply.model, found.status) == ("gpt-6-luna", "ok")
    # Levels are counted from zero there; what each is worth, the rubric says.
    assert found.answer is not None and found.answer.value == 5
    assert found.score == pytest.approx(0.1 * 1 + 0.2 * 3 + 0.7 * 5)
    assert found.probabilities == pytest.approx({"1": 0.1, "3": 0.2, "5": 0.7})


def test_categories_and_tags_are_read_by_their_ids(httpx2_mock: HTTPXMock) -> None:
    choice = {
        "type": "choice", "name": "tone", "choice": "cold", "confidence": 0.6,
        "probabilities": [{"value": "warm", "probability": 0.4}, {"value": "cold", "probability": 0.6}],
    }  # fmt: skip
    httpx2_mock.add_response(json=decision(choice, suffices(0.9)))
    _, found = asked("tone")
    assert found.answer is not None and found.answer.value == 1
    tags = [
        {"type": "predicate", "name": n, "probability": p}
        for n, p in (("stale", 0.2), ("rude", 0.8))
    ]
    httpx2_mock.add_response(json=decision(*tags, suffices(0.9)))
    _, found = asked("failure")
    assert found.answer is not None and found.answer.tags == ("rude",)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (decision(score(0.1, 0.2, 0.7), suffices(0.2)), "cannot_judge"),
        (decision({"type": "refusal", "name": "faithfulness"}, suffices(0.9)), "refused"),
        (decision(score(0.1, 0.2, 0.7, 0.0), suffices(0.9)), "invalid"),
        (decision(score(0.0, 0.0, 0.1), suffices(0.9)), "invalid"),
        (decision(score(-1, 1, 1), suffices(0.9)), "invalid"),
        (decision({"type": "score"}, suffices(0.9)), "invalid"),
        (decision(), "invalid"),
        ({"answers": None}, "failed"),
        ([], "failed"),
    ],
)
def test_what_is_no_answer_is_no_score(httpx2_mock: HTTPXMock, body: Any, status: str) -> None:
    httpx2_mock.add_response(json=body)
    _, found = asked("faithfulness")
    assert (found.status, found.score) == (status, None)


def test_failures_of_the_server_are_told_apart(httpx2_mock: HTTPXMock) -> None:
    for code, kind in ((429, "transient"), (503, "transient"), (401, "fatal"), (404, "fatal")):
        httpx2_mock.add_response(status_code=code, json={"error": {"message": "no"}})
        reply, found = asked("faithfulness")
        assert (reply.kind, found.status) == (kind, "failed")
    httpx2_mock.add_exception(httpx2.ReadTimeout("slow"))
    assert asked("faithfulness")[0].kind == "transient"
