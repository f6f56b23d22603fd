"""What a judge's answer comes to: only what names a level of the scale is a score."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate import rubric
from annotate.judge import verdict
from tests.unit.judge.test_judge_prompt import RUBRIC

ANSWERS = rubric.parse(RUBRIC)
ORDINAL = ANSWERS.criterion("faithfulness")


def said(**fields: Any) -> str:
    return json.dumps({"evidence": ["a quote"], "critique": "Why.", **fields})


def test_a_level_is_an_answer_with_its_reasons() -> None:
    found = verdict.read(ORDINAL, said(level=3, injection_suspected=True))
    assert (found.status, found.score, found.score_source) == ("ok", 3.0, "argmax")
    assert found.answer is not None and found.answer.value == 3
    assert (found.critique, found.evidence) == ("Why.", ("a quote",))
    assert found.injection_suspected


def test_categories_and_tags_are_read_by_their_ids() -> None:
    tone = verdict.read(ANSWERS.criterion("tone"), said(level="cold"))
    assert tone.answer is not None and tone.answer.value == 1
    failure = verdict.read(ANSWERS.criterion("failure"), said(level=["rude"]))
    assert failure.answer is not None and failure.answer.tags == ("rude",)
    none = verdict.read(ANSWERS.criterion("failure"), said(level=[]))
    assert none.answer is not None and none.answer.tags == ()


def test_an_abstention_is_an_answer_and_no_score() -> None:
    for word in ("cannot_judge", "not_applicable"):
        found = verdict.read(ORDINAL, said(level=word))
        assert found.status == "cannot_judge" and found.score is None
        assert found.answer is not None and found.answer.abstained == word
    # Where raters have no such answer the judge has none either.
    assert (
        verdict.read(ANSWERS.criterion("polite"), said(level="not_applicable")).status == "invalid"
    )


@pytest.mark.parametrize(
    "content",
    [
        "",
        "I would say 3.",
        "<html>502</html>",
        '{"level": 3',
        '{"critique": "fine"}',
        '{"level": null}',
        '{"level": true}',
        '{"level": 2}',
        '{"level": 3.2}',
        '{"level": [3]}',
        '{"level": NaN}',
        '{"level": Infinity}',
        '{"level": "good"}',
        '{"level": 1, "level": 5}',
        "[3]",
        "3",
        "[" * 100_000,
    ],
)
def test_what_names_no_level_is_never_a_score(content: str) -> None:
    found = verdict.read(ORDINAL, content)
    assert (found.status, found.answer, found.score) == ("invalid", None, None)
    assert found.problem


@pytest.mark.parametrize(
    "content",
    ['```json\n{"level": 5}\n```', '```\n{"level": 5}```', 'Here: {"level": 5}', '{"level": "5"}'],
)
def test_servers_that_wrap_their_json_are_understood(content: str) -> None:
    assert verdict.read(ORDINAL, content).score == 5


@given(st.text())
def test_no_text_at_all_breaks_the_reader(text: str) -> None:
    found = verdict.read(ORDINAL, text)
    assert found.score is None or found.score in ORDINAL.domain


def token(word: str, *others: tuple[str, float]) -> dict[str, Any]:
    return {
        "token": word,
        "top_logprobs": [{"token": w, "logprob": math.log(p)} for w, p in others],
    }


def test_the_score_is_the_mean_over_the_levels_where_probabilities_are_given() -> None:
    tokens = [
        token('{"critique": "was '), token("1", ("1", 1.0)), token('", "level'), token('": '),
        token("5", ("5", 0.6), (" 3", 0.2), ("x", 0.2)), token("}"),
    ]  # fmt: skip
    found = verdict.read(ORDINAL, '{"critique": "was 1", "level": 5}', tokens=tokens)
    assert found.probabilities == pytest.approx({"1": 0.0, "3": 0.25, "5": 0.75})
    assert found.score == pytest.approx(4.5) and found.score_source == "expected"
    assert found.answer is not None and found.answer.value == 5


def test_probabilities_of_something_else_are_no_distribution() -> None:
    """Some servers report what the model would have said before its answer was forced."""
    tokens = [token('{"level": '), token("5", ("Bill", 0.9), ("5", 0.04)), token("}")]
    found = verdict.read(ORDINAL, '{"level": 5}', tokens=tokens)
    assert (found.score, found.score_source, found.probabilities) == (5, "argmax", None)
    assert verdict.distribution(ORDINAL, []) is None
    assert verdict.distribution(ORDINAL, [token("5", ("5", 1.0))]) is None, "before any level"


@pytest.mark.parametrize(
    ("content", "pieces"),
    [
        ('{"level": 5, "critique": "it is no 1"}', ['{"level": ', "5", ', "critique": "it is no ', "1", '"}']),
        ('{"critique": "\\"level\\": 1", "level": 5}', ['{"critique": "\\"level\\": ', "1", '", "level": ', "5", "}"]),
    ],
)  # fmt: skip
def test_the_score_is_of_the_level_wherever_it_stands(content: str, pieces: list[str]) -> None:
    tokens = [token(one, (one, 1.0)) for one in pieces]
    found = verdict.read(ORDINAL, content, tokens=tokens)
    assert (found.score, found.score_source) == (5, "expected")


def test_a_level_in_several_tokens_has_no_distribution() -> None:
    tokens = [token('{"level": "'), token("5", ("5", 1.0)), token(".0", (".0", 1.0)), token('"}')]
    found = verdict.read(ORDINAL, '{"level": "5.0"}', tokens=tokens)
    assert (found.score, found.score_source) == (5, "argmax")
