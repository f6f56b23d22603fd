"""The golden dataset as a file: stable bytes, merges that keep what they do not know."""

import json
from typing import Any

import pytest

from annotate.errors import BadRow
from annotate.gold_file import Line, canonical, content_hash, fresh, merge


def line(key: str, value: int = 4, **fields: Any) -> Line:
    found: Line = {
        "id": key,
        "input": "q",
        "contexts": ["c"],
        "reference": None,
        "labels": {"faithfulness": {"value": value, "label": "x", "votes": {"4": 3}}},
        "kind": "golden",
        "segment": "billing",
        **fields,
    }
    found["provenance"] = {"round": "r1", "exported_at": "2026-11-01T00:00:00Z"}
    found["provenance"]["hash"] = content_hash(found)
    return found


def test_a_new_file_is_sorted_and_canonical() -> None:
    text = fresh([line("b"), line("a")])
    assert [json.loads(row)["id"] for row in text.splitlines()] == ["a", "b"]
    assert text.splitlines()[0] == canonical(line("a"))


def test_merging_the_same_gold_again_changes_no_byte() -> None:
    text = fresh([line("a"), line("b")])
    result = merge(text, [line("b"), line("a")], name="g.jsonl")
    assert result.text == text
    assert (result.added, result.changed, result.same) == ([], [], ["a", "b"])


def test_a_later_export_time_alone_is_not_a_change() -> None:
    text = fresh([line("a")])
    later = line("a")
    later["provenance"] = {**later["provenance"], "exported_at": "2026-12-01T00:00:00Z"}
    assert merge(text, [later], name="g.jsonl").text == text


def test_lines_and_fields_that_nobody_knows_are_kept_byte_for_byte() -> None:
    foreign = '{"id": "zz",  "note" : "spaces stay", "labels": {}}'
    nameless = '{"comment": "no id"}'
    mine = '{"id":"a","input":"q","owner":"team","labels":{"tone":{"value":2}}}'
    result = merge("\n".join([nameless, foreign, mine, ""]), [line("a")], name="g.jsonl")
    rows = result.text.splitlines()
    assert rows[1:] == [foreign, nameless]
    merged = json.loads(rows[0])
    assert merged["owner"] == "team"
    assert merged["labels"]["tone"] == {"value": 2}
    assert merged["labels"]["faithfulness"]["value"] == 4
    assert merged["contexts"] == ["c"]
    assert (result.changed, result.kept, result.conflicts) == (["a"], 2, [])


def test_a_different_label_is_a_conflict_that_names_both_sides() -> None:
    text = fresh([line("a", value=2)])
    result = merge(text, [line("a", value=5)], name="g.jsonl")
    assert [str(c) for c in result.conflicts] == [
        "line 1, a: labels.faithfulness is 2 in the file and 5 in the workspace"
    ]
    assert json.loads(result.text)["labels"]["faithfulness"]["value"] == 2


def test_a_label_that_this_workspace_exported_before_is_out_of_date_not_in_conflict() -> None:
    text = fresh([line("a", value=2)])
    result = merge(
        text, [line("a", value=5)], name="g.jsonl", earlier={("a", "faithfulness"): [2.0]}
    )
    assert result.conflicts == []
    assert json.loads(result.text)["labels"]["faithfulness"]["value"] == 5


@pytest.mark.parametrize(("resolve", "value"), [("workspace", 5), ("file", 2)])
def test_the_lead_can_resolve_conflicts_either_way(resolve: str, value: int) -> None:
    text = fresh([line("a", value=2)])
    result = merge(text, [line("a", value=5)], name="g.jsonl", resolve=resolve)
    assert result.conflicts == []
    assert json.loads(result.text)["labels"]["faithfulness"]["value"] == value


def test_a_different_input_under_the_same_id_is_a_conflict() -> None:
    result = merge(fresh([line("a", input="other")]), [line("a")], name="g.jsonl")
    assert [c.field for c in result.conflicts] == ["input"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"id":"a"}\nnot json\n', r"g.jsonl row 2: is not JSON \(Expecting value"),
        ("[1]\n", "g.jsonl row 1: is not a JSON object"),
        ('{"id":"a"}\n\n{"id":"a"}\n', "g.jsonl row 3: id is 'a', as on line 1; keep one"),
        ('{"id":"a","x":NaN}\n', "NaN is not a JSON number"),
        ("[" * 200_000 + "\n", "row 1: is not JSON"),
    ],
)
def test_a_broken_file_is_refused_with_the_line_and_the_mend(text: str, words: str) -> None:
    with pytest.raises(BadRow, match=words):
        merge(text, [line("a")], name="g.jsonl")


def test_windows_line_ends_and_a_byte_order_mark_are_read() -> None:
    text = "\ufeff" + fresh([line("a")]).replace("\n", "\r\n")
    assert merge(text, [line("a")], name="g.jsonl").same == ["a"]


def test_windows_line_ends_and_a_byte_order_mark_are_kept() -> None:
    theirs = '\ufeff{"id":"a","note":"x"}\r\n{"id":"z"}\r\n'
    result = merge(theirs, [line("b")], name="g.jsonl")
    assert result.text.startswith('\ufeff{"id":"a","note":"x"}\r\n')
    assert result.text.endswith('{"id":"z"}\r\n')
    assert result.text.count("\r\n") == result.text.count("\n") == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"id":"a","x":"\\ud83d"}', "half a character"),
        ('{"id":"a","x":1e999}', "1e999 is too large a number"),
        ('{"id":"a","id":"b"}', '"id" stands twice in one object'),
    ],
)
def test_a_line_that_could_not_be_written_again_is_refused(text: str, words: str) -> None:
    with pytest.raises(BadRow, match=words):
        merge(text + "\n", [line("a")], name="g.jsonl")


@pytest.mark.parametrize("value", [[1], {"a": 1}, "two", None])
def test_a_label_of_another_shape_is_a_conflict_and_no_crash(value: object) -> None:
    theirs = line("a")
    (criterion,) = theirs["labels"]
    theirs["labels"][criterion]["value"] = value
    result = merge(fresh([theirs]), [line("a")], name="g.jsonl")
    assert [c.field for c in result.conflicts] == [f"labels.{criterion}"]


def test_what_the_workspace_does_not_know_is_no_conflict_whoever_wins() -> None:
    theirs = line("a", contexts=["theirs"], reference="theirs")
    ours = line("a", contexts=[], reference=None)
    for resolve in (None, "workspace", "file"):
        result = merge(fresh([theirs]), [ours], name="g.jsonl", resolve=resolve)
        assert result.conflicts == []
        assert '"contexts":["theirs"]' in result.text and '"reference":"theirs"' in result.text
