"""Rubric files: hostile, broken and foreign ones are refused in words."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.errors import AnnotateError, BadRubric, NotFound
from annotate.rubric import load, parse
from tests.unit.small_rubric import SMALL, refused


def test_a_key_given_twice_is_refused_with_its_line() -> None:
    assert refused("name: a\nname: b\n") == (
        "rag.yaml: name: is given twice (again on line 2); keep one of them"
    )


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "{}", "\ufeff"])
def test_an_empty_file_is_refused(text: str) -> None:
    assert refused(text).startswith("rag.yaml: is empty; write at least a name and criteria")


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
