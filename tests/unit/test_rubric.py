"""Rubrics: what a file may say, how it is refused, and what the object then answers."""

import json
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotate.errors import AnnotateError, BadInput, BadRubric, NotFound
from annotate.rubric import (
    Rubric,
    builtin,
    builtin_names,
    builtin_text,
    load,
    parse,
)

SMALL = """\
name: small
criteria:
  - id: faithfulness
    question: Is it true?
    scale: ordinal
    points:
      - {value: 1, label: No, anchor: Nothing is.}
      - {value: 2, label: Half, anchor: Half of it is.}
      - {value: 3, label: Yes, anchor: All of it is.}
    pass_at: 3
  - id: failure
    scale: tags
    options: [{id: invented, label: Invented}, {id: wrong-figure, label: Wrong figure}]
    show_if: faithfulness < 3
  - {id: shown, scale: binary}
  - id: kind
    scale: categorical
    options: [{id: how-to, label: How-to}, {id: why, label: Why}]
  - {id: remark, scale: text, required: false}
"""


def refused(text: str) -> str:
    """The message with which `rag.yaml` of this text is refused."""
    with pytest.raises(BadRubric) as caught:
        parse(text, "rag.yaml")
    return str(caught.value)


def criterion(yaml: str) -> str:
    """A rubric of two binary criteria and this one, given as a flow mapping's inside."""
    return (
        "name: x\ncriteria:\n  - {id: first, scale: binary}\n"
        "  - {id: marks, scale: tags, options: [{id: odd, label: Odd}]}\n"
        f"  - {{id: it, {yaml}}}\n"
    )


ONE_TWO = "points: [{value: 1, label: a, anchor: A}, {value: 2, label: b, anchor: B}]"


# What a file says


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


def test_a_key_given_twice_is_refused_with_its_line() -> None:
    assert refused("name: a\nname: b\n") == (
        "rag.yaml: name: is given twice (again on line 2); keep one of them"
    )


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "{}", "\ufeff"])
def test_an_empty_file_is_refused(text: str) -> None:
    assert refused(text).startswith("rag.yaml: is empty; write at least a name and criteria")


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
        "did you mean ordinal? Allowed: binary, ordinal, categorical, tags, text"
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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\n", "criteria: is missing; list the questions, each with an id and a scale"),
        ("name: x\ncriteria: []\n", "criteria: is empty; list at least one criterion"),
        ("name: x\ncriteria:\n", "criteria: is empty; list the questions"),
        ("criteria: [{id: a, scale: binary}]\n", "name: is missing; give the rubric a short name"),
        ("name: x\ncriteria: [hello]\n", "criteria[0]: is not a mapping;"),
        ("- name: x\n", "is not a rubric; start with `name:`"),
        ("just words", "is not a rubric; start with `name:`"),
        ("name: 'x\n", "line 2, column 1: is not valid YAML:"),
        ("name: a: b\n", "line 1, column 8: is not valid YAML:"),
        ("name: x\ncriteria:\n\t- id: a\n", "is indented by a tab; indent by spaces"),
        ("name: a\n---\nname: b\n", "begins a second document; put one rubric in a file"),
        ("name: a\0b\n", "line 1: has a NUL byte; remove it"),
        ("name: x\ntitle: a\x1b[2Jb\n", "line 2: has the control character U+001B; remove it"),
        ("name: !!python/name:os.system x\n", "has the tag !!python/name:os.system; remove"),
        ("name: !!binary aGVsbG8=\n", "name: has the tag !!binary; remove the tag"),
        ("name: &n x\n<<: *n\n", "line 2: has the merge key `<<`; write the keys out"),
        ("name: *gone\n", "line 1, column 7: is not valid YAML: found undefined alias 'gone'"),
        ("? [a]\n: b\n", "line 1: has a key that is a list or mapping; write plain keys"),
        ('"a\\eb": 1\n', "line 1: has the key 'a\\x1bb'; write plain keys"),
    ],
)
def test_a_file_that_is_no_rubric_is_refused_with_the_mend(text: str, message: str) -> None:
    assert message in refused(text)


def test_a_yaml_bomb_is_refused_before_it_goes_off() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
    assert "more than 20,000 values once aliases are resolved" in refused("\n".join(lines))


def test_an_alias_inside_its_own_anchor_is_refused() -> None:
    assert "is an alias inside its own anchor?" in refused("name: &a [*a]\n")


@pytest.mark.parametrize("text", ["[" * 50_000, "- " * 50_000, "a: " + "{a: " * 5_000, "? " * 9000])
def test_deep_nesting_is_refused(text: str) -> None:
    assert "is nested more than 12 levels deep" in refused(text)


def test_an_alias_that_shares_points_is_read_as_if_written_out() -> None:
    shared = SMALL.replace("{id: shown, scale: binary}", "{id: shown, scale: binary, abstain: *a}")
    shared = shared.replace("    pass_at: 3\n", "    pass_at: 3\n    abstain: &a [cannot_judge]\n")
    assert parse(shared).criterion("shown").abstain == ("cannot_judge",)


# Files


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    assert load(path) == parse(SMALL)
    assert load(path).hash == parse(SMALL).hash


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (SMALL.encode("utf-16"), "small.yaml: is UTF-16; save the file as UTF-8"),
        (b"name: caf\xe9\n", "small.yaml: byte 10 is not UTF-8; save the file as UTF-8"),
        (b"", "small.yaml: is empty; "),
        (b"name: \0\n", "small.yaml: line 1: has a NUL byte; "),
        (b"#" * (256 * 1024 + 1), "small.yaml: is larger than 256 KB; "),
    ],
)
def test_bytes_that_are_no_rubric_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "small.yaml"
    path.write_bytes(data)
    with pytest.raises(BadRubric) as caught:
        load(path)
    assert str(caught.value).startswith(message)


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no such file; check the path"):
        load(tmp_path / "gone.yaml")
    with pytest.raises(NotFound, match="give a readable rubric file"):
        load(tmp_path)


@given(st.text(max_size=200) | st.text("[]{}:&*!|>%@`'\"-? \n\tab1,#~<=", max_size=60))
def test_whatever_the_text_it_is_read_or_refused_in_words(text: str) -> None:
    try:
        parse(text)
    except AnnotateError as error:
        assert "; " in str(error)


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


# Hash and document


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


# What the object answers


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


@pytest.mark.parametrize(
    ("id_", "raw", "code"),
    [
        ("faithfulness", 3, 3),
        ("faithfulness", " 3 ", 3),
        ("faithfulness", "3.0", 3),
        ("faithfulness", Decimal(2), 2),
        ("faithfulness", np.int64(2), 2),
        ("faithfulness", np.float32(1), 1),
        ("shown", 0, 0),
        ("shown", "1", 1),
        ("shown", True, 1),
        ("shown", np.bool_(False), 0),
        ("shown", "TRUE", 1),
        ("shown", "fail", 0),
        ("shown", "yes", 1),
        ("kind", "why", 1),
        ("kind", "how-to", 0),
        ("kind", 1.0, 1),
    ],
)
def test_a_value_of_a_file_becomes_its_number(id_: str, raw: object, code: float) -> None:
    assert parse(SMALL).criterion(id_).code(raw) == code


@pytest.mark.parametrize(
    ("id_", "raw", "message"),
    [
        ("faithfulness", 4, "faithfulness: 4 is not on the scale; give one of 1, 2, 3"),
        ("faithfulness", "2.5", "'2.5' is not on the scale"),
        ("faithfulness", float("nan"), "nan is not on the scale"),
        ("faithfulness", "inf", "'inf' is not on the scale"),
        ("faithfulness", "1_0", "'1_0' is not on the scale"),
        ("faithfulness", "٣", "is not on the scale"),
        ("faithfulness", True, "True is not on the scale"),
        ("faithfulness", None, "nothing is not on the scale"),
        ("faithfulness", "", "'' is not on the scale"),
        ("faithfulness", [3], "[3] is not on the scale"),
        ("faithfulness", 10**400, "is not on the scale"),
        ("shown", "maybe", "give one of 0, 1"),
        ("kind", "where", "kind: 'where' is not on the scale; give one of how-to, why"),
        ("kind", "1", "give one of how-to, why"),
        ("kind", True, "give one of how-to, why"),
        ("failure", 1, "give 0 or 1 for one of failure.invented, failure.wrong-figure"),
        ("remark", "good", "remark: a text has no number; give it as text"),
    ],
)
def test_a_value_outside_the_scale_is_refused_with_what_is_allowed(
    id_: str, raw: object, message: str
) -> None:
    with pytest.raises(BadInput) as caught:
        parse(SMALL).criterion(id_).code(raw)
    assert message in str(caught.value)


def test_a_judge_may_give_any_number_within_the_scale_and_a_human_may_not() -> None:
    faithfulness = parse(SMALL).criterion("faithfulness")
    assert faithfulness.encode_any("2.75", "judge") == 2.75
    assert parse(SMALL).rating_key("failure.invented").encode_any(0.3, "metric") == 0.3
    with pytest.raises(BadInput, match=r"is not on the scale"):
        faithfulness.encode_any("2.75", "human")
    with pytest.raises(BadInput, match=r"3.01 is not within the scale; give a number from 1 to 3"):
        faithfulness.encode_any(3.01, "metric")
    with pytest.raises(BadInput, match=r"give one of how-to, why"):
        parse(SMALL).criterion("kind").encode_any(0.5, "judge")


def test_tags_come_as_a_list_or_joined_by_bars() -> None:
    failure = parse(SMALL).criterion("failure")
    both = ("invented", "wrong-figure")
    assert failure.tags("wrong-figure | invented") == both
    assert failure.tags(["wrong-figure", "invented"]) == both
    assert failure.tags(np.array(["invented"])) == ("invented",)
    assert failure.tags("") == failure.tags([]) == ()
    with pytest.raises(
        BadInput, match="'odd' is not one of the tags; choose among invented, wrong"
    ):
        failure.tags("invented|odd")
    with pytest.raises(BadInput, match="1 is no list of tags"):
        failure.tags(1)
    with pytest.raises(BadInput, match="is binary, not tags"):
        parse(SMALL).criterion("shown").tags("a")


# show_if


@pytest.mark.parametrize(
    ("symbol", "truth"),
    [
        ("<", (True, False, False)),
        ("<=", (True, True, False)),
        (">", (False, False, True)),
        (">=", (False, True, True)),
        ("==", (False, True, False)),
        ("!=", (True, False, True)),
    ],
)
def test_a_comparison_holds_as_its_operator_says(symbol: str, truth: tuple[bool, ...]) -> None:
    condition = condition_of(f"faithfulness {symbol} 2")
    assert tuple(condition.holds({"faithfulness": value}) for value in (1.0, 2.0, 3.0)) == truth
    assert not condition.holds({"faithfulness": None})
    assert not condition.holds({})


def test_and_binds_tighter_than_or() -> None:
    condition = condition_of("faithfulness == 1 or shown == 1 and kind == why")
    assert condition.names == ("faithfulness", "shown", "kind")
    for faithfulness, shown, kind in product((1.0, 2.0), (0.0, 1.0), (0.0, 1.0)):
        answers = {"faithfulness": faithfulness, "shown": shown, "kind": kind}
        assert condition.holds(answers) == (faithfulness == 1 or (shown == 1 and kind == 1))


def test_has_looks_into_the_chosen_tags() -> None:
    condition = condition_of("failure has invented")
    assert condition.holds({"failure": {"invented", "wrong-figure"}})
    assert not condition.holds({"failure": {"wrong-figure"}})
    assert not condition.holds({"failure": set()})
    assert not condition.holds({"failure": None})


def test_a_condition_writes_itself_in_one_way() -> None:
    assert str(condition_of("faithfulness<3   and\n shown!=0")) == "faithfulness < 3 and shown != 0"


def condition_of(text: str) -> Any:
    """The condition, bound to the criteria of SMALL."""
    document = parse(SMALL).document()
    document["criteria"].append({"id": "last", "scale": "binary", "show_if": text})
    return Rubric.from_document(document).criterion("last").show_if


@pytest.mark.parametrize(
    ("show_if", "message"),
    [
        (
            "later == 1",
            "refers to 'later', which is no criterion; criteria before it: first, marks",
        ),
        ("it == 1", "refers to 'it', which is not asked before it"),
        ("first", "has no complete comparison at 'first'"),
        ("first <", "has no complete comparison"),
        ("first == 1 and", "has no complete comparison at 'its end'"),
        ("first == 1 first == 0", "has 'first' where `and` or `or` belongs"),
        ("(first == 1)", "cannot be read at '(first == 1)'"),
        ("__import__('os').system('true')", "cannot be read at"),
        ("first == 2", "give a number from 0 to 1"),
        ("first == 0.5", "which is no point of it; choose among 0, 1"),
        ("first == yes", "compares 'first' with yes"),
        ("first has odd", "but 'first' is binary"),
        ("marks == 1", "but 'marks' is tags; write `marks has odd`"),
        ("marks has even", "has no option 'even' of 'marks'"),
        ("'  '", "is empty"),
        ("first = 1", "cannot be read at '= 1'"),
        ("first == 1e5", "cannot be read at '1e5'"),
        (f"{'first == 1 or ' * 50} first == 1", "write it in at most 500 characters"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused_by_path(show_if: str, message: str) -> None:
    text = criterion("scale: binary").replace("id: it,", f'id: it, show_if: "{show_if}",')
    found = refused(text.replace("\"'  '\"", "'  '"))
    assert found.startswith("rag.yaml: criteria[2].show_if: ")
    assert message in found


def test_a_category_cannot_be_ordered() -> None:
    text = SMALL.replace("{id: remark, scale: text,", "{id: x, scale: text, show_if: kind < why,")
    assert refused(text).endswith("orders the categories of 'kind' by <; use == or !=")


# Built-in rubrics


def test_the_built_in_rubrics_are_there() -> None:
    assert builtin_names() == ("chat", "rag-answer", "safety", "summary")
    with pytest.raises(NotFound, match="no built-in rubric 'rag'; there are chat, rag-answer"):
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
