"""Rubrics: what is refused by path, the hash, the way back from a document, the built-in ones."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotate.errors import BadRubric, NotFound
from annotate.rubric import Rubric, builtin, builtin_names, builtin_text, parse
from tests.unit.small_rubric import SMALL, refused


def criterion(yaml: str) -> str:
    """A rubric of two binary criteria and this one, given as a flow mapping's inside."""
    return (
        "name: x\ncriteria:\n  - {id: first, scale: binary}\n"
        "  - {id: marks, scale: tags, options: [{id: odd, label: Odd}]}\n"
        f"  - {{id: it, {yaml}}}\n"
    )


ONE_TWO = "points: [{value: 1, label: a, anchor: A}, {value: 2, label: b, anchor: B}]"


def test_a_missing_anchor_is_named_by_its_path() -> None:
    assert refused(SMALL.replace(", anchor: All of it is.", "")) == (
        "rag.yaml: criteria[0].points[2].anchor: is missing; say what deserves this point"
    )


def test_an_empty_anchor_is_refused_like_a_missing_one() -> None:
    assert refused(SMALL.replace("anchor: All of it is.", "anchor: ''")).startswith(
        "rag.yaml: criteria[0].points[2].anchor: is empty;"
    )


def test_criteria_of_the_same_id_are_refused() -> None:
    assert refused(SMALL.replace("id: shown", "id: failure")) == (
        "rag.yaml: criteria[2].id: repeats 'failure'; give each criterion its own id"
    )


@pytest.mark.parametrize(
    ("key", "meant"), [("quesion", "question"), ("passat", "pass_at"), ("evidense", "evidence")]
)
def test_a_mistyped_key_is_answered_with_the_one_that_was_meant(key: str, meant: str) -> None:
    assert refused(criterion(f"scale: binary, {key}: 1")) == (
        f"rag.yaml: criteria[2].{key}: is not a known key; did you mean {meant}?"
    )


def test_a_mistyped_anchor_is_reported_as_the_cause_of_the_missing_one() -> None:
    assert refused(SMALL.replace("anchor: All", "anchr: All")) == (
        "rag.yaml: criteria[0].points[2].anchr: is not a known key; did you mean anchor?"
    )


def test_a_mistyped_scale_is_answered_with_the_one_that_was_meant() -> None:
    message = refused(criterion("scale: ordnal"))
    assert message == (
        "rag.yaml: criteria[2].scale: is 'ordnal'; "
        "did you mean ordinal? Allowed: binary, ordinal, categorical, preference, "
        "tags, text"
    )


@pytest.mark.parametrize(
    ("yaml", "path", "problem"),
    [
        ("scale: ordinal", "points", "is missing"),
        (
            "scale: ordinal, points: [{value: 1, label: a, anchor: A}]",
            "points",
            "has 1 of at least 2",
        ),
        (
            "scale: ordinal, points: [{value: 2, label: b, anchor: B}, "
            "{value: 2, label: a, anchor: A}]",
            "points[1].value",
            "does not rise above 2",
        ),
        (
            "scale: ordinal, points: [{value: .nan, label: a, anchor: A}, "
            "{value: 2, label: b, anchor: B}]",
            "points[0].value",
            "is nan",
        ),
        (
            "scale: ordinal, points: [{value: 1, label: a, anchor: A}, "
            "{value: .inf, label: b, anchor: B}]",
            "points[1].value",
            "is inf",
        ),
        (
            "scale: ordinal, points: [{value: '1', label: a, anchor: A}]",
            "points[0].value",
            "is '1', not a number",
        ),
        (
            "scale: ordinal, points: [{value: true, label: a, anchor: A}]",
            "points[0].value",
            "not a number",
        ),
        (
            "scale: ordinal, points: [{value: 1, label: a, anchor: A}, "
            "{value: 2, label: A, anchor: B}]",
            "points[1].label",
            "repeats an earlier label",
        ),
        (f"scale: ordinal, {ONE_TWO}, pass_at: 1", "pass_at", "at 1 it decides nothing"),
        (f"scale: ordinal, {ONE_TWO}, pass_at: 3", "pass_at", "give a number above 1, up to 2"),
        (f"scale: ordinal, {ONE_TWO}, level: nominal", "level", "write ordinal or interval"),
        (f"scale: ordinal, {ONE_TWO}, level: ratio", "level", "nominal, ordinal, interval"),
        (
            f"scale: ordinal, {ONE_TWO}, rationale: {{required_above: 2}}",
            "rationale.required_above",
            "is 2",
        ),
        (
            "scale: binary, points: [{value: 1, label: Y}, {value: 2, label: N}]",
            "points",
            "are 1, 2; a binary scale has the values 0 and 1",
        ),
        ("scale: categorical", "options", "is missing"),
        (f"scale: categorical, {ONE_TWO}", "points", "are given for a categorical scale"),
        ("scale: tags, options: [{id: A, label: a}]", "options[0].id", "is 'A'"),
        ("scale: tags, options: [{id: a.b, label: a}]", "options[0].id", "is 'a.b'"),
        (
            "scale: tags, options: [{id: a, label: a}, {id: a, label: b}]",
            "options[1].id",
            "repeats 'a'",
        ),
        ("scale: tags, options: [{id: a, label: a}], pass_at: 1", "pass_at", "leave it out"),
        ("scale: text, level: nominal", "level", "leave it out"),
        ("scale: text, rationale: {required: true}", "rationale.required", "its own reason"),
        ("scale: binary, rationale: yes", "rationale", "is not a mapping"),
        ("scale: binary, required: maybe", "required", "write true or false"),
        ("scale: binary, evidence: answer", "evidence", "response, contexts"),
        ("scale: binary, abstain: [dont_know]", "abstain[0]", "not_applicable, cannot_judge"),
        (
            "scale: binary, abstain: [cannot_judge, cannot_judge]",
            "abstain",
            "names a reason twice",
        ),
        ("scale: binary, question: 5", "question", 'put it in quotes: "5"'),
        ('scale: binary, question: "a\\eb"', "question", "control character U+001B"),
        ('scale: binary, question: "a\\0b"', "question", "control character U+0000"),
        (f"scale: binary, question: {'x' * 20_001}", "question", "is 20,001 characters long"),
        ("scale: binary, points: 3", "points", "is not a list"),
    ],
)
def test_a_criterion_that_makes_no_sense_is_refused_by_path(
    yaml: str, path: str, problem: str
) -> None:
    message = refused(criterion(yaml))
    assert message.startswith(f"rag.yaml: criteria[2].{path}: ")
    assert problem in message
    assert "; " in message


@pytest.mark.parametrize("id_", ["", "Two", "1a", "a.b", "a b", "é", "a" * 65, "and", "has"])
def test_an_id_that_is_no_slug_is_refused(id_: str) -> None:
    assert "rag.yaml: criteria[0].id: " in refused(
        f"name: x\ncriteria: [{{id: '{id_}', scale: binary}}]"
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "scale", "points", "value", "label", "show_if", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.fixed_dictionaries(
        {
            "id": st.just("a") | JSON,
            "scale": st.sampled_from(["binary", "ordinal", "categorical", "tags", "text"]) | JSON,
        },
        optional=dict.fromkeys(
            ("question", "points", "options", "level", "pass_at", "show_if")
            + ("rationale", "evidence", "abstain", "required", "odd"),
            JSON,
        ),
    )
)
def test_whatever_the_document_it_is_read_or_refused_in_words(document: dict[str, Any]) -> None:
    try:
        Rubric.from_document({"name": "x", "criteria": [document]}, "x.yaml")
    except BadRubric as error:
        assert str(error).startswith("x.yaml: criteria[0]")
        assert error.problem
        assert error.mend


def test_the_hash_does_not_depend_on_how_the_yaml_is_written() -> None:
    other = json.dumps(
        {
            "criteria": parse(SMALL).document()["criteria"],
            "title": "Small",
            "name": "small",
        }
    )
    spaced = SMALL.replace("faithfulness < 3", '"faithfulness   <3.0"  # comment')
    spaced = spaced.replace("value: 1,", "value: 1.0,")
    assert parse(SMALL).hash == parse(other).hash == parse(spaced).hash


def test_the_hash_of_a_rubric_stays_the_same_between_releases() -> None:
    """Stored rounds are frozen under it: a change here breaks every exported design."""
    assert parse(SMALL).hash == ("d36c2c7321856d10871b0af05bf3002350b8e8b501035ac430e0d318db41bc2c")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("All of it is.", "All of it was."),
        ("pass_at: 3", "pass_at: 2"),
        ("faithfulness < 3", "faithfulness <= 3"),
        ("required: false", "required: true"),
        ("How-to}, {id: why", "How-to}, {id: wherefore"),
    ],
)
def test_the_hash_changes_with_the_meaning(old: str, new: str) -> None:
    assert SMALL.count(old) == 1
    assert parse(SMALL).hash != parse(SMALL.replace(old, new)).hash


SLUGS = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True).filter(
    lambda word: word not in ("and", "or", "has")
)
WORDS = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=12
)
POINTS = st.lists(
    st.integers(-50, 50) | st.floats(-1e6, 1e6), min_size=2, max_size=6, unique_by=float
)


@st.composite
def criteria(draw: st.DrawFn) -> dict[str, Any]:
    """A criterion's document of any scale, without show_if."""
    scale = draw(st.sampled_from(["binary", "ordinal", "categorical", "tags", "text"]))
    found: dict[str, Any] = {
        "scale": scale,
        "question": draw(WORDS),
        "abstain": draw(
            st.sampled_from([[], ["cannot_judge"], ["cannot_judge", "not_applicable"]])
        ),
        "evidence": draw(st.sampled_from([None, "response", "contexts"])),
        "required": draw(st.booleans()),
    }
    if scale == "ordinal":
        values = sorted(draw(POINTS))
        found["points"] = [
            {"value": value, "label": f"{draw(WORDS)} {index}", "anchor": draw(WORDS)}
            for index, value in enumerate(values)
        ]
        found["level"] = draw(st.sampled_from([None, "ordinal", "interval"]))
        found["pass_at"] = draw(st.sampled_from([None, *values[1:]]))
        found["rationale"] = {"required_below": draw(st.sampled_from([None, *values[1:]]))}
    if scale in ("categorical", "tags"):
        found["options"] = [
            {"id": id_, "label": f"{draw(WORDS)} {id_}"}
            for id_ in draw(st.lists(SLUGS, min_size=2, max_size=5, unique=True))
        ]
    return found


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A rubric's document: later criteria may depend on the first."""
    ids = draw(st.lists(SLUGS, min_size=1, max_size=5, unique=True))
    found = [{"id": id_, **draw(criteria())} for id_ in ids]
    first = found[0]
    for later in found[1:]:
        if draw(st.booleans()) and first["scale"] != "text":
            match first["scale"]:
                case "binary":
                    later["show_if"] = f"{ids[0]} == 0"
                case "ordinal":
                    low, high = first["points"][0]["value"], first["points"][-1]["value"]
                    later["show_if"] = f"{ids[0]}>={int(low) + 1}" if high - low > 2 else None
                case scale:
                    sign = "has" if scale == "tags" else "!="
                    later["show_if"] = f"{ids[0]} {sign} {first['options'][1]['id']}"
    return {"name": draw(SLUGS), "title": draw(WORDS), "criteria": found}


@settings(max_examples=150)
@given(documents())
def test_a_rubric_comes_back_from_its_document_and_from_json(document: dict[str, Any]) -> None:
    rubric = Rubric.from_document(document)
    assert Rubric.from_document(rubric.document()) == rubric
    stored = json.loads(json.dumps(rubric.document()))
    assert Rubric.from_document(stored) == rubric
    assert Rubric.from_document(stored).hash == rubric.hash
    assert parse(json.dumps(rubric.document())) == rubric


@given(documents(), st.data())
def test_every_code_of_a_scale_encodes_to_itself(
    document: dict[str, Any], data: st.DataObject
) -> None:
    for key in Rubric.from_document(document).rating_keys():
        value = data.draw(st.sampled_from(key.domain))
        assert key.code(value) == key.encode_any(value, "judge") == value
        assert key.label(value)


def test_statistics_get_tags_one_by_one_and_no_texts() -> None:
    keys = parse(SMALL).rating_keys()
    assert [(k.key, k.criterion, k.level, k.domain, k.pass_at) for k in keys] == [
        ("faithfulness", "faithfulness", "ordinal", (1, 2, 3), 3),
        ("failure.invented", "failure", "nominal", (0, 1), None),
        ("failure.wrong-figure", "failure", "nominal", (0, 1), None),
        ("shown", "shown", "nominal", (0, 1), 1),
        ("kind", "kind", "nominal", (0, 1), None),
    ]
    assert [key.label(1) for key in keys] == ["No", "Yes", "Yes", "Yes", "Why"]
    assert keys[0].label(2.5) == "2.5"


def test_an_ordinal_scale_may_claim_equal_distances() -> None:
    text = SMALL.replace("    pass_at: 3\n", "    level: interval\n")
    key = parse(text).rating_key("faithfulness")
    assert (key.level, key.pass_at) == ("interval", None)


def test_an_unknown_criterion_is_answered_with_those_there_are() -> None:
    with pytest.raises(NotFound, match="has no criterion 'tone'; it has faithfulness, failure"):
        parse(SMALL).criterion("tone")
    with pytest.raises(NotFound, match="has no criterion 'failure' with values; it has"):
        parse(SMALL).rating_key("failure")


def test_the_built_in_rubrics_are_there() -> None:
    assert builtin_names() == ("chat", "pairwise", "rag-answer", "safety", "summary")
    with pytest.raises(NotFound, match="no built-in rubric 'rag'; there are chat, pairwise"):
        builtin("rag")


@pytest.mark.parametrize("name", builtin_names())
def test_a_built_in_rubric_has_guidelines_and_an_anchor_for_every_choice(name: str) -> None:
    rubric = builtin(name)
    assert rubric.name == name
    assert parse(builtin_text(name)).hash == rubric.hash
    assert rubric.guidelines is not None
    assert all(part in rubric.guidelines for part in ("How to proceed", "Edge cases", "Example"))
    for one in rubric.criteria:
        assert one.question.endswith(("?", "."))
        anchors = [choice.anchor for choice in one.points] + [c.anchor for c in one.options]
        assert anchors
        assert all(anchor and anchor.endswith(".") for anchor in anchors)
        assert len(set(anchors)) == len(anchors)


def test_the_rubric_of_retrieval_has_the_criteria_it_promises() -> None:
    rubric = builtin("rag-answer")
    assert [one.id for one in rubric.criteria] == [
        "faithfulness",
        "relevance",
        "completeness",
        "failure",
    ]
    faithfulness = rubric.criterion("faithfulness")
    assert faithfulness.domain == (1, 2, 3, 4, 5)
    assert (faithfulness.pass_at, faithfulness.evidence) == (4, "response")
    assert faithfulness.rationale.required_below == 3
    assert {"failure.unsupported", "failure.wrong-figure", "failure.refusal-unneeded"} <= {
        key.key for key in rubric.rating_keys()
    }
