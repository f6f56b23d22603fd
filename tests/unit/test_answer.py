"""Answers: the one rule for what a rater may submit, and the ratings that it becomes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotate.answer import MAX_TEXT
from annotate.rubric import Answer, Rubric, Span, parse

RUBRIC = parse("""\
name: form
criteria:
  - id: faithfulness
    scale: ordinal
    points:
      - {value: 1, label: No, anchor: Nothing is.}
      - {value: 2, label: Half, anchor: Half of it is.}
      - {value: 3, label: Yes, anchor: All of it is.}
    evidence: response
    rationale: {required_below: 2}
  - id: failure
    scale: tags
    options: [{id: invented, label: Invented}, {id: figure, label: Wrong figure}]
    show_if: faithfulness < 3
    evidence: contexts
  - id: figure
    question: Which figure is wrong?
    scale: text
    show_if: failure has figure
  - {id: clear, scale: binary, abstain: [], rationale: {required_above: 0}}
  - {id: remark, scale: text, required: false}
""")

GOOD = {"faithfulness": Answer(value=3), "clear": Answer(value=0)}


def problems(answers: dict[str, Answer], lengths: dict[str, int] | None = None) -> list[str]:
    """What is wrong with a submission, in words."""
    return [str(problem) for problem in RUBRIC.check_answers(answers, lengths)]


def test_a_complete_submission_has_no_problem() -> None:
    assert problems(GOOD) == []
    assert problems({**GOOD, "remark": Answer(text="Nice."), "failure": Answer()}) == []


def test_what_is_asked_must_be_answered_or_abstained_from() -> None:
    assert problems({}) == [
        "faithfulness: is not answered; choose an answer, or say why you cannot",
        "clear: is not answered; choose an answer",
    ]
    assert problems({**GOOD, "faithfulness": Answer(abstained="cannot_judge")}) == []


def test_what_is_hidden_must_stay_unanswered() -> None:
    assert problems({**GOOD, "failure": Answer(tags=())}) == [
        "failure: is not asked here; leave it out unless faithfulness < 3"
    ]


def test_a_shown_criterion_can_show_another() -> None:
    low = {**GOOD, "faithfulness": Answer(value=2)}
    assert RUBRIC.shown(low) == ("faithfulness", "failure", "clear", "remark")
    assert problems(low) == ["failure: is not answered; choose an answer, or say why you cannot"]
    assert problems({**low, "failure": Answer(tags=())}) == []
    assert problems({**low, "failure": Answer(tags=("figure",))}) == [
        "figure: is not answered; choose an answer, or say why you cannot"
    ]
    named = {**low, "failure": Answer(tags=("figure",)), "figure": Answer(text="14 days")}
    assert problems(named) == []


def test_what_a_hidden_criterion_was_answered_shows_nothing() -> None:
    stale = {**GOOD, "failure": Answer(tags=("figure",)), "figure": Answer(text="14 days")}
    assert RUBRIC.shown(stale) == ("faithfulness", "clear", "remark")
    assert [line.partition(":")[0] for line in problems(stale)] == ["failure", "figure"]


def test_an_abstention_shows_nothing() -> None:
    assert "failure" not in RUBRIC.shown({"faithfulness": Answer(abstained="not_applicable")})


@pytest.mark.parametrize(
    ("id_", "answer", "message"),
    [
        ("faithfulness", Answer(value=4), "4 is not on the scale; choose among 1, 2, 3"),
        ("faithfulness", Answer(value=2.5), "2.5 is not on the scale"),
        ("faithfulness", Answer(tags=("a",)), "is not answered as its ordinal scale asks"),
        ("faithfulness", Answer(value=3, text="x"), "is not answered as its ordinal scale asks"),
        ("remark", Answer(value=1), "is not answered as its text scale asks"),
        ("clear", Answer(abstained="cannot_judge"), "cannot be 'cannot judge'; choose an answer"),
        ("faithfulness", Answer(abstained="tired"), "or choose not applicable or cannot judge"),
        (
            "faithfulness",
            Answer(value=3, abstained="cannot_judge"),
            "is both answered and abstained from; keep one of the two",
        ),
        ("faithfulness", Answer(value=1), "needs a rationale; say in a sentence what decided"),
        ("faithfulness", Answer(value=1, rationale=" \n"), "needs a rationale"),
        ("clear", Answer(value=1), "needs a rationale"),
        ("clear", Answer(value=0, evidence=(Span(field="response", start=0, end=1),)), "clear the"),
        ("remark", Answer(rationale="why"), "has a reason and no answer"),
        ("remark", Answer(text="a\0b"), "has a text with a character that is no text"),
        ("remark", Answer(text="a" * (MAX_TEXT + 1)), "has a text of 20,001 characters; shorten"),
        (
            "faithfulness",
            Answer(value=3, rationale="a" * (MAX_TEXT + 1)),
            "has a rationale of 20,001 characters; shorten it to 20,000",
        ),
        ("faithfulness", Answer(value=3, rationale="a\0"), "has a rationale with a character"),
    ],
)
def test_an_answer_that_cannot_be_taken_is_named(id_: str, answer: Answer, message: str) -> None:
    found = [line for line in problems({**GOOD, id_: answer}) if line.startswith(f"{id_}: ")]
    assert len(found) == 1
    assert message in found[0]


def test_a_text_of_the_greatest_length_is_taken() -> None:
    assert problems({**GOOD, "remark": Answer(text="a" * MAX_TEXT)}) == []


def test_a_tag_must_be_one_of_the_options_and_chosen_once() -> None:
    low = {**GOOD, "faithfulness": Answer(value=2)}
    assert problems({**low, "failure": Answer(tags=("odd",))}) == [
        "failure: has no option 'odd'; choose among invented, figure"
    ]
    assert problems({**low, "failure": Answer(tags=("invented", "invented"))}) == [
        "failure: has an option twice; choose each once"
    ]


def test_an_unknown_criterion_is_refused() -> None:
    assert problems({**GOOD, "tone": Answer(value=1)}) == [
        "tone: is not in the rubric; it has faithfulness, failure, figure, clear, remark; "
        "reload the page"
    ]


@pytest.mark.parametrize(
    ("span", "message"),
    [
        (Span(field="response", start=0, end=10), None),
        (Span(field="response", start=9, end=10), None),
        (Span(field="response", start=9, end=11), "from 9 to 11, which the text does not have"),
        (Span(field="response", start=-1, end=2), "from -1 to 2"),
        (Span(field="response", start=5, end=5), "from 5 to 5"),
        (Span(field="response", start=6, end=5), "from 6 to 5"),
        (Span(field="contexts[0]", start=0, end=1), "marked in 'contexts[0]'"),
        (Span(field="input", start=0, end=1), "mark passages in the response"),
    ],
)
def test_a_marked_passage_must_lie_within_its_text(span: Span, message: str | None) -> None:
    answers = {**GOOD, "faithfulness": Answer(value=3, evidence=(span,))}
    found = problems(answers, {"response": 10, "contexts[0]": 10})
    assert (message is None and found == []) or (message is not None and message in found[0])


def test_a_passage_of_the_contexts_names_which_context() -> None:
    def marked(field: str) -> list[str]:
        answer = Answer(tags=("invented",), evidence=(Span(field=field, start=0, end=5),))
        return problems(
            {**GOOD, "faithfulness": Answer(value=2), "failure": answer}, {"contexts[1]": 5}
        )

    assert marked("contexts[1]") == []
    assert "mark passages in the contexts" in marked("contexts[2]")[0]
    assert "mark passages in the contexts" in marked("contexts")[0]


def test_a_hundred_passages_are_enough() -> None:
    spans = tuple(Span(field="response", start=n, end=n + 1) for n in range(101))
    assert problems({**GOOD, "faithfulness": Answer(value=3, evidence=spans)}) == [
        "faithfulness: has 101 marked passages; mark at most 100"
    ]


def test_an_answer_becomes_ratings_one_a_tag() -> None:
    def ratings(id_: str, answer: Answer) -> list[tuple[object, ...]]:
        return [tuple(rating) for rating in answer.ratings(RUBRIC.criterion(id_))]

    assert ratings("faithfulness", Answer(value=2)) == [("faithfulness", 2, None, None)]
    assert ratings("failure", Answer(tags=("figure",))) == [
        ("failure.invented", 0, None, None),
        ("failure.figure", 1, None, None),
    ]
    assert ratings("failure", Answer(abstained="cannot_judge")) == [
        ("failure.invented", None, "cannot_judge", None),
        ("failure.figure", None, "cannot_judge", None),
    ]
    assert ratings("remark", Answer(text=" Nice. ")) == [("remark", None, None, "Nice.")]
    assert ratings("clear", Answer(value=0)) == [("clear", 0, None, None)]
    assert ratings("remark", Answer()) == ratings("remark", Answer(text="  ")) == []


ANSWERS = st.builds(
    Answer,
    value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    tags=st.none() | st.lists(st.text(max_size=5), max_size=3).map(tuple),
    text=st.none() | st.text(max_size=20),
    abstained=st.none() | st.sampled_from(["not_applicable", "cannot_judge", "x"]),
    rationale=st.none() | st.text(max_size=20),
    evidence=st.lists(
        st.builds(
            Span,
            field=st.sampled_from(["response", "contexts[0]", "contexts[x", ""]),
            start=st.integers(-5, 30),
            end=st.integers(-5, 30),
        ),
        max_size=2,
    ).map(tuple),
)


@given(ANSWERS)
def test_a_draft_comes_back_from_json(answer: Answer) -> None:
    assert Answer.model_validate_json(answer.model_dump_json()) == answer
    assert Answer.model_validate(answer.model_dump(mode="json")) == answer


PLAUSIBLE = st.builds(
    Answer,
    value=st.none() | st.sampled_from([0, 1, 2, 3, 2.5]),
    rationale=st.none() | st.just("Because."),
) | st.builds(
    Answer,
    tags=st.none() | st.lists(st.sampled_from(["invented", "figure"]), max_size=2).map(tuple),
    text=st.sampled_from([None, None, "", "14 days"]),
    abstained=st.sampled_from([None, None, "cannot_judge"]),
)


@settings(max_examples=300)
@given(st.fixed_dictionaries({}, optional={c.id: PLAUSIBLE for c in RUBRIC.criteria}))
def test_what_passes_the_rule_stores_only_values_of_the_scale(answers: dict[str, Answer]) -> None:
    kept = {id_: answers[id_] for id_ in RUBRIC.shown(answers) if id_ in answers}
    broken = {problem.criterion for problem in RUBRIC.check_answers(kept)}
    assert broken <= set(RUBRIC.shown(kept))
    answers = {id_: answer for id_, answer in kept.items() if id_ not in broken}
    domains = {key.key: key.domain for key in RUBRIC.rating_keys()}
    for id_, answer in answers.items():
        for key, value, abstained, text in answer.ratings(RUBRIC.criterion(id_)):
            assert sum(part is not None for part in (value, abstained, text)) == 1
            assert value is None or value in domains[key]


def test_a_condition_of_a_required_but_hidden_criterion_never_blocks() -> None:
    rubric = Rubric.from_document(
        {
            "name": "x",
            "criteria": [
                {"id": "a", "scale": "binary", "required": False},
                {"id": "b", "scale": "binary", "show_if": "a != 0"},
            ],
        }
    )
    assert rubric.check_answers({}) == []
    assert [problem.criterion for problem in rubric.check_answers({"a": Answer(value=1)})] == ["b"]
