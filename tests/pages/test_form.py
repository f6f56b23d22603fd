"""The rubric form: native widgets in, answers out."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from annotate.rubric import Answer, Rubric, Span, parse
from annotate.ui import quote
from annotate.ui.form import Form
from tests.pages.apps import app_of

RUBRIC = """
name: short
criteria:
  - id: faithfulness
    question: Is every claim *supported*?
    scale: ordinal
    points:
      - {value: 1, label: Contradicted, anchor: A claim contradicts the context.}
      - {value: 2, label: Partly, anchor: Some claims have no support.}
      - {value: 3, label: Supported, anchor: Every claim can be pointed to.}
    rationale: {required_below: 2}
    evidence: contexts
  - id: failure
    question: What went wrong?
    scale: tags
    options: [{id: unsupported, label: Unsupported claim}, {id: off-topic, label: Off topic}]
    show_if: faithfulness < 3
  - id: comment
    question: Anything else?
    scale: text
    required: false
"""
CONTEXTS = ["Plans renew\n  monthly.", "Refunds take five days."]


def form() -> Form:
    return Form(7, parse(RUBRIC), CONTEXTS, "Refunds take two days.")


def read(**widgets: Any) -> tuple[dict[str, Answer], list[str]]:
    state = {f"rate:7:{key.replace('__', ':')}": value for key, value in widgets.items()}
    answers, problems = form().read(state)
    return answers, [f"{p.criterion}.{p.field}" for p in problems]


def page() -> None:
    import streamlit as st

    from annotate.rubric import parse
    from annotate.ui import form as drawn

    rubric = parse(st.session_state["yaml"])
    shown = drawn.Form(7, rubric, st.session_state["contexts"], "Refunds take two days.")
    drawn.draw(shown)


@pytest.fixture
def app() -> AppTest:
    app = app_of(page)
    app.session_state["yaml"] = RUBRIC
    app.session_state["contexts"] = CONTEXTS
    return app.run()


def test_every_point_stands_with_its_anchor_and_no_value_is_preselected(app: AppTest) -> None:
    assert not app.exception
    radio = app.radio[0]
    assert radio.value is None
    assert radio.options == [
        "1 · Contradicted",
        "2 · Partly",
        "3 · Supported",
        ":gray[Not applicable]",
        ":gray[Cannot judge]",
    ]
    assert radio.proto.captions[0] == "A claim contradicts the context."
    assert radio.label == r"Is every claim \*supported\*?"


def test_a_conditional_criterion_appears_when_its_condition_holds(app: AppTest) -> None:
    assert len(app.get("button_group")) == 0
    app.radio[0].set_value("2").run()
    assert len(app.get("button_group")) == 2
    app.radio[0].set_value("not_applicable").run()
    assert len(app.get("button_group")) == 0


def test_an_empty_form_asks_only_for_what_is_required() -> None:
    assert read() == ({}, ["faithfulness.answer"])


def test_a_choice_becomes_the_number_of_its_point() -> None:
    answers, problems = read(faithfulness__choice="3")
    assert answers == {"faithfulness": Answer(value=3)}
    assert problems == []


def test_an_abstention_stands_where_a_value_would() -> None:
    answers, problems = read(faithfulness__choice="cannot_judge")
    assert answers == {"faithfulness": Answer(abstained="cannot_judge")}
    assert problems == []


def test_none_of_these_tags_is_an_answer_and_silence_is_not() -> None:
    answers, problems = read(faithfulness__choice="2")
    assert problems == ["failure.answer"]
    answers, problems = read(faithfulness__choice="2", failure__instead="none_of_these")
    assert answers["failure"] == Answer(tags=())
    assert problems == []


def test_tags_and_none_of_these_together_are_a_contradiction() -> None:
    _, problems = read(
        faithfulness__choice="2", failure__tags=["off-topic"], failure__instead="none_of_these"
    )
    assert problems == ["failure.answer"]


def test_what_a_hidden_criterion_was_answered_is_left_out() -> None:
    answers, problems = read(faithfulness__choice="3", failure__tags=["off-topic"])
    assert list(answers) == ["faithfulness"]
    assert problems == []


def test_a_low_value_needs_its_reason() -> None:
    low = {"faithfulness__choice": "1", "failure__tags": ["unsupported"]}
    assert read(**low)[1] == ["faithfulness.rationale"]
    answers, problems = read(**low, faithfulness__rationale=" It says two days. ")
    assert answers["faithfulness"].rationale == "It says two days."
    assert problems == []


def test_a_quote_is_stored_as_the_place_where_it_stands() -> None:
    answers, problems = read(faithfulness__choice="3", faithfulness__evidence="take five days")
    assert answers["faithfulness"].evidence == (Span(field="contexts[1]", start=8, end=22),)
    assert CONTEXTS[1][8:22] == "take five days"
    assert problems == []


def test_white_space_in_a_copied_quote_may_differ() -> None:
    span = quote.find("Plans renew monthly.", {"contexts[0]": CONTEXTS[0]})
    assert span == Span(field="contexts[0]", start=0, end=len(CONTEXTS[0]))


def test_only_a_line_break_ends_a_line_of_evidence() -> None:
    text = "First part\u0085second\u2028third."
    spans, lost = quote.read(f"[response 0-{len(text)}] {text}\n", {"response": text})
    assert (spans, lost) == ((Span(field="response", start=0, end=len(text)),), [])


def test_a_quote_that_is_nowhere_is_refused_in_words() -> None:
    _, problems = form().read(
        {"rate:7:faithfulness:choice": "3", "rate:7:faithfulness:evidence": "take two days"}
    )
    assert [str(p) for p in problems] == [
        "faithfulness: “take two days” is not in the context; "
        "mark it again, copy it letter by letter, or clear the line"
    ]


@pytest.mark.parametrize(
    "answers",
    [
        {"faithfulness": Answer(value=3, evidence=(Span(field="contexts[1]", start=0, end=7),))},
        {"faithfulness": Answer(abstained="not_applicable", rationale="No claim in it.")},
        {"faithfulness": Answer(value=2), "failure": Answer(tags=("off-topic", "unsupported"))},
        {"faithfulness": Answer(value=2), "failure": Answer(tags=())},
        {"faithfulness": Answer(value=2), "failure": Answer(abstained="cannot_judge")},
        {"faithfulness": Answer(value=3), "comment": Answer(text="Fine.")},
    ],
)
def test_what_was_submitted_comes_back_into_the_form_as_it_was(
    answers: dict[str, Answer],
) -> None:
    state: dict[str, Any] = {}
    form().fill(answers, state)
    assert form().read(state) == (answers, [])
    # And so it does by way of a draft.
    again: dict[str, Any] = {}
    form().restore(form().entered(state), again)
    assert form().read(again) == (answers, [])


def test_what_no_field_can_show_is_left_out_of_a_draft() -> None:
    state: dict[str, Any] = {}
    form().restore(
        {
            "faithfulness:choice": "9",
            "failure:tags": ["unsupported", "unknown"],
            "comment:text": ["no text"],
            "faithfulness": {"value": 3},
            "faithfulness:rationale": "kept",
        },
        state,
    )
    assert state == {"rate:7:faithfulness:rationale": "kept"}


def test_marked_passages_stand_where_the_line_says_each_once() -> None:
    lines = "[context 2 8-17] take five\n[context 2 8-17] take five\n\nPlans renew monthly."
    answers, problems = read(faithfulness__choice="3", faithfulness__evidence=lines)
    assert answers["faithfulness"].evidence == (
        Span(field="contexts[1]", start=8, end=17),
        Span(field="contexts[0]", start=0, end=len(CONTEXTS[0])),
    )
    assert problems == []
    for line in ("[context 3 0-4] x", "[context 1 5-400] x", "[response 0-4] Refu"):
        _, problems = read(faithfulness__choice="3", faithfulness__evidence=line)
        assert problems == ["faithfulness.evidence"], line


def test_a_passage_may_stand_in_the_contexts_of_either_response_of_a_pair() -> None:
    pair = Form(7, parse(RUBRIC), CONTEXTS, "One.", "Two.", ["Refunds take a week."])
    lines = "[context B 1 0-7] Refunds\ntake a week\n[context 2 0-7] Refunds"
    state = {"rate:7:faithfulness:choice": "3", "rate:7:faithfulness:evidence": lines}
    answers, problems = pair.read(state)
    spans = answers["faithfulness"].evidence
    assert [(span.field, span.start, span.end) for span in spans] == [
        ("rival_contexts[0]", 0, 7), ("rival_contexts[0]", 8, 19), ("contexts[1]", 0, 7),
    ]  # fmt: skip
    assert problems == []
    again: dict[str, Any] = {}
    pair.fill(answers, again)
    assert pair.read(again) == (answers, [])
    # Where both were given the same, there is no other context to cite.
    shared = Form(7, parse(RUBRIC), CONTEXTS, "One.", "Two.")
    assert [str(p.field) for p in shared.read(state)[1]] == ["evidence"]


def test_the_form_of_another_assignment_starts_empty() -> None:
    state = {"rate:7:faithfulness:choice": "3"}
    rubric: Rubric = parse(RUBRIC)
    answers, _ = Form(8, rubric, CONTEXTS, "").read(state)
    assert answers == {}
