"""Outputs: checked row by row, imported once, never overwritten."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlmodel import select

from annotate import outputs
from annotate.errors import BadInput, BadRow, NotAllowed, NotFound
from annotate.formats.source import FIELD_LIMIT
from annotate.outputs import OutputRow, import_outputs, plan_import, read_outputs
from db.engine import Database
from db.tables import Event, Output, Rater

ONE = {"id": "o1", "input": "Why?", "response": "Because."}


def jsonl(*rows: dict[str, Any]) -> io.BytesIO:
    return io.BytesIO("".join(json.dumps(row) + "\n" for row in rows).encode())


def read(*rows: dict[str, Any], **options: Any) -> list[OutputRow]:
    return [row for _, row in read_outputs(jsonl(*rows), name="outputs.jsonl", **options)]


def read_csv(text: str, **options: Any) -> list[OutputRow]:
    data = io.BytesIO(text.encode())
    return [row for _, row in read_outputs(data, name="outputs.csv", **options)]


def store(database: Database, *rows: dict[str, Any], **options: Any) -> outputs.ImportPlan:
    with database.write() as session:
        return import_outputs(
            session, read_outputs(jsonl(*rows), name="outputs.jsonl"), by=None, **options
        )


def test_what_a_row_leaves_out_has_a_default() -> None:
    (row,) = read(ONE)
    assert (row.case, row.configuration, row.segment) == ("o1", "default", "all")
    assert (row.contexts, row.metadata, row.thumb, row.regenerated) == ([], {}, None, False)


def test_every_field_is_read_from_json_lines_csv_and_parquet_alike() -> None:
    at = datetime(2026, 3, 31, 12, 5, tzinfo=UTC)
    full: dict[str, Any] = {
        **ONE,
        "contexts": ["one", "two"],
        "reference": "So.",
        "case": "c",
        "configuration": "v2",
        "segment": "billing",
        "occurred_at": "2026-03-31T14:05:00+02:00",
        "latency_ms": 12.5,
        "ttft_ms": 3,
        "error": "late",
        "cost": {"model": 0.5},
        "tokens": {"in": 3},
        "thumb": -1,
        "regenerated": True,
        "escalated": False,
        "metadata": {"team": "a"},
    }
    cells = {k: json.dumps(v) if isinstance(v, list | dict) else str(v) for k, v in full.items()}
    cells["thumb"] = "down"
    quoted = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells.values())
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([{**full, "occurred_at": at}]), stream)

    (from_jsonl,) = read(full)
    (from_csv,) = read_csv(",".join(cells) + "\n" + quoted + "\n")
    ((_, from_parquet),) = read_outputs(stream, name="outputs.parquet")

    assert from_jsonl.occurred_at == at
    assert from_jsonl.cost == {"model": 0.5}
    assert from_csv.content_hash == from_jsonl.content_hash == from_parquet.content_hash


def test_a_conversation_is_kept_as_turns_and_may_be_json_in_a_cell() -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}]
    (row,) = read({**ONE, "input": turns})
    (cell,) = read({**ONE, "input": json.dumps(turns)})
    assert row.input == cell.input == turns


@pytest.mark.parametrize(
    ("field", "given", "kept"),
    [
        ("cost", 0.25, {"total": 0.25}),
        ("tokens", "12", {"total": 12}),
        ("contexts", "one text", ["one text"]),
        ("contexts", "[1] a footnote", ["[1] a footnote"]),
        ("thumb", "", None),
        ("thumb", "up", 1),
        ("regenerated", "yes", True),
        ("occurred_at", "2026-03-31T14:05:00", datetime(2026, 3, 31, 14, 5, tzinfo=UTC)),
        ("response", "<b>שלום\u200b</b> $x$ \x1b[31m", "<b>שלום\u200b</b> $x$ \x1b[31m"),
        ("response", "", ""),
        ("id", 17, "17"),
        ("metadata", {"a": 1, "b": None}, {"a": 1}),
    ],
)
def test_a_value_is_kept_as_meant(field: str, given: Any, kept: Any) -> None:
    (row,) = read({**ONE, field: given})
    assert getattr(row, field) == kept


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"id": ""}, "id is empty; give a value"),
        ({"id": "a\nb"}, "id has the control character '\\n'; take it out"),
        ({"id": "x" * 501}, "id has 501 characters; use at most 500"),
        ({"id": "o1#repeat"}, "id ends in #repeat; rename it: repeats of units use that end"),
        ({"input": None}, "input is empty; give a value"),
        (
            {"response": None},
            'response is empty; give the response ("" if the system said nothing), or say the error',
        ),
        ({"response": ["a"]}, "response is a list, not a text; give a text"),
        (
            {"response": "x" * 10_000_000},
            "response has 10,000,000 characters; at most 1,000,000 can be stored; "
            "shorten it or take the row out",
        ),
        ({"response": "a\0b"}, "response has a NUL character; take it out"),
        (
            {"response": "a\ud83d"},
            "response has half a character (lone surrogate \\ud83d); "
            "write the whole character, or take it out",
        ),
        (
            {"metadata": {"k": "\udc00"}},
            "metadata has half a character (lone surrogate \\udc00); "
            "write the whole character, or take it out",
        ),
        (
            {"input": [{"role": "user"}]},
            "input message 1 has no role and content as texts; "
            "give a text or a list of {role, content}",
        ),
        ({"contexts": [1]}, "contexts entry 1 is 1, not a text; give a list of texts"),
        ({"segment": " "}, "segment is empty; give a value"),
        (
            {"occurred_at": "31.3.2026"},
            'occurred_at is "31.3.2026", not a time; write ISO 8601, like 2026-03-31T14:05:00Z',
        ),
        (
            {"latency_ms": "12 ms"},
            'latency_ms is "12 ms", not a number; '
            "write digits with a decimal point, without units or thousands separators",
        ),
        (
            {"latency_ms": "nan"},
            "latency_ms is nan, not a finite number; leave it empty if unknown",
        ),
        ({"latency_ms": -1}, "latency_ms is -1; give a number from 0"),
        ({"cost": {"model": -1}}, "cost model is -1; give a number from 0"),
        ({"tokens": 1.5}, "tokens is 1.5; give a whole number"),
        ({"thumb": 2}, "thumb is 2; write -1, 0 or 1 (or up, down)"),
        ({"escalated": "maybe"}, 'escalated is "maybe"; write true or false'),
        ({"metadata": [1]}, "metadata is a list, not an object; give a JSON object"),
        (
            {"metadata": json.loads('{"a":' * 40 + "1" + "}" * 40)},
            "metadata is nested more than 32 levels deep; flatten it",
        ),
        (
            {"metadata": {"team": "a"}, "team": "b"},
            'metadata has "team", and so has the column "team"; rename one of them',
        ),
    ],
)
def test_a_row_that_cannot_be_used_is_named_with_field_and_mend(
    changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadRow) as refused:
        read(ONE, {**ONE, "id": "o2", **changed})
    assert str(refused.value) == f"outputs.jsonl row 2: {message}"


def test_infinity_written_as_a_huge_number_is_refused() -> None:
    data = io.BytesIO(b'{"id": "a", "input": "q", "response": "r", "latency_ms": 1e999}')
    with pytest.raises(BadRow, match="latency_ms is inf, not a finite number"):
        list(read_outputs(data, name="outputs.jsonl"))


def test_a_failed_request_needs_no_response() -> None:
    (row,) = read({"id": "a", "input": "q", "error": "timeout"})
    assert row.response == ""


def test_an_empty_segment_is_refused_unless_one_is_given() -> None:
    text = "id,input,response,segment\n" + "a,q,r,billing\n" + "b,q,r,\n"
    with pytest.raises(BadRow) as refused:
        read_csv(text)
    assert str(refused.value) == (
        "outputs.csv row 3: segment is empty; give a value or pass --segment"
    )
    assert [row.segment for row in read_csv(text, segment="other")] == ["billing", "other"]


def test_json_lines_that_name_a_segment_only_sometimes_are_refused() -> None:
    with pytest.raises(BadRow) as refused:
        read(ONE, {**ONE, "id": "o2", "segment": "billing"})
    assert str(refused.value) == (
        "outputs.jsonl row 1: segment is missing, and row 2 has one; give a value or pass --segment"
    )


def test_a_missing_column_is_named_with_the_likely_mapping() -> None:
    text = "id,prompt,answer\na,q,r\n"
    with pytest.raises(BadInput) as refused:
        read_csv(text)
    assert str(refused.value) == (
        'outputs.csv: has no column "input" (its columns are id, prompt, answer); '
        "name the right one: --map input=prompt"
    )
    (row,) = read_csv(text, mapping={"input": "prompt", "response": "answer"})
    assert (row.input, row.response) == ("q", "r")


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (
            {"response": "reply"},
            'outputs.csv: has no column "reply" for response; its columns are id, input, response',
        ),
        ({"answer": "response"}, '--map answer=response: "answer" is not a field; the fields are'),
    ],
)
def test_a_mapping_that_leads_nowhere_is_refused(mapping: dict[str, str], message: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_csv("id,input,response\na,q,r\n", mapping=mapping)
    assert str(refused.value).startswith(message)


def test_a_message_names_the_mapped_column() -> None:
    with pytest.raises(BadRow, match=r'^outputs.csv row 2: latency_ms \(column "ms"\) is "x", not'):
        read_csv("id,input,response,ms\na,q,r,x\n", mapping={"latency_ms": "ms"})


def test_columns_that_are_no_field_go_into_metadata_and_are_counted(
    sqlite_database: Database,
) -> None:
    plan = store(sqlite_database, {**ONE, "team": "a"}, {**ONE, "id": "o2"})
    assert plan.unknown == {"team": 1}
    with sqlite_database.read() as session:
        assert outputs.get_output(session, "o1", by=None).extra == {"team": "a"}


def test_a_mapping_is_suggested_from_common_names() -> None:
    columns = ["Trace ID", "question", "completion", "documents", "latency_ms", "other"]
    assert outputs.suggest_mapping(columns) == {
        "id": "Trace ID",
        "input": "question",
        "response": "completion",
        "contexts": "documents",
        "latency_ms": "latency_ms",
    }


def test_a_preview_shows_the_first_rows_and_all_columns() -> None:
    seen = outputs.preview(jsonl(ONE, {**ONE, "thumb": 1}, ONE), 2, name="outputs.jsonl")
    assert seen.columns == ["id", "input", "response", "thumb"]
    assert len(seen.rows) == 2


def test_an_import_stores_every_field(database: Database) -> None:
    given = {
        **ONE,
        "input": [{"role": "user", "content": "Größe?"}],
        "contexts": ["é"],
        "cost": {"model": 0.1},
        "occurred_at": "2026-03-31T14:05:00.123456Z",
        "thumb": 0,
        "metadata": {"deep": {"list": [1, None]}},
    }
    store(database, given)
    with database.read() as session:
        shown = outputs.shown_fields(outputs.get_output(session, "o1", by=None))
    assert shown == {
        **given,
        "case": "o1",
        "configuration": "default",
        "segment": "all",
        "occurred_at": "2026-03-31T14:05:00.123456+00:00",
    }


def test_the_same_file_twice_is_a_no_op(database: Database) -> None:
    rows = [{**ONE, "id": f"o{n}", "segment": f"s{n % 2}"} for n in range(5)]
    first = store(database, *rows)
    second = store(database, *rows)
    assert (first.new, first.same, first.by_segment) == (5, 0, {"s0": 3, "s1": 2})
    assert (second.new, second.same, second.conflicting) == (0, 5, 0)
    with database.read() as session:
        assert len(session.exec(select(Event)).all()) == 1


def test_a_conflict_shows_both_versions_and_stores_nothing(database: Database) -> None:
    store(database, ONE)
    changed = {**ONE, "response": "Otherwise.", "thumb": 1}
    with pytest.raises(outputs.OutputConflicts) as refused:
        store(database, {**ONE, "id": "o2"}, changed)
    assert str(refused.value) == (
        "1 row contradicts stored outputs, so nothing was stored:\n"
        "  outputs.jsonl row 2: o1 differs in response, thumb\n"
        "give changed outputs a new id, or leave these rows out with --skip-conflicts"
    )
    (conflict,) = refused.value.plan.conflicts
    assert conflict.stored == {"response": "Because.", "thumb": None}
    assert conflict.offered == {"response": "Otherwise.", "thumb": 1}
    with database.read() as session:
        assert [o.key for o in outputs.list_outputs(session, by=None)] == ["o1"]


def test_conflicts_can_be_left_out_and_never_overwrite(sqlite_database: Database) -> None:
    store(sqlite_database, ONE)
    plan = store(
        sqlite_database, {**ONE, "response": "No."}, {**ONE, "id": "o2"}, skip_conflicts=True
    )
    assert (plan.new, plan.conflicting) == (1, 1)
    with sqlite_database.read() as session:
        assert outputs.get_output(session, "o1", by=None).response == "Because."


def test_a_conflict_late_in_a_large_file_undoes_the_chunks_before_it(
    sqlite_database: Database,
) -> None:
    store(sqlite_database, ONE)
    rows = [{**ONE, "id": f"n{n}"} for n in range(2 * outputs.CHUNK)]
    with pytest.raises(outputs.OutputConflicts):
        store(sqlite_database, *rows, {**ONE, "response": "No."})
    with sqlite_database.read() as session:
        assert len(session.exec(select(Output)).all()) == 1


def test_an_id_twice_in_one_file_is_the_same_or_an_error_naming_both_rows(
    sqlite_database: Database,
) -> None:
    assert store(sqlite_database, ONE, ONE).same == 1
    with pytest.raises(BadRow) as refused:
        store(sqlite_database, {**ONE, "id": "o2"}, {**ONE, "id": "o2", "response": "No."})
    assert str(refused.value) == (
        'outputs.jsonl row 2: id is "o2", as in row 1, and the rest differs; '
        "give each output its own id"
    )


def test_a_plan_stores_nothing(sqlite_database: Database) -> None:
    done: list[tuple[int, int | None]] = []
    with sqlite_database.read() as session:
        rows = read_outputs(jsonl(ONE), name="outputs.jsonl")
        plan = plan_import(
            session, rows, progress=lambda n, total: done.append((n, total)), by=None
        )
        assert plan.new == 1
        assert done == [(1, None)]
        assert session.exec(select(Output)).all() == []


def test_only_a_lead_imports(sqlite_database: Database) -> None:
    with sqlite_database.write() as session, pytest.raises(NotAllowed):
        import_outputs(session, read_outputs(jsonl(ONE)), by=Rater(name="Ada", role="rater"))


def test_outputs_are_listed_searched_and_missed_in_words(database: Database) -> None:
    store(
        database,
        {**ONE, "segment": "a"},
        {"id": "100%", "input": "Größe", "response": "Na_ja", "segment": "b"},
    )
    with database.read() as session:
        assert outputs.segments(session, by=None) == {"a": 1, "b": 1}
        found = {
            term: [o.key for o in outputs.list_outputs(session, search=term, by=None)]
            for term in ("größe", "Größe", "%", "_", "because", '"')
        }
        with pytest.raises(NotFound, match='there is no output "o12"; see `annotate output list`'):
            outputs.get_output(session, "o12", by=None)
    assert found["Größe"] == ["100%"]
    assert (found["%"], found["_"], found["because"]) == (["100%"], ["100%"], ["o1"])


def test_a_file_cut_off_in_the_middle_stores_nothing(
    sqlite_database: Database, tmp_path: Path
) -> None:
    import gzip

    path = tmp_path / "outputs.jsonl.gz"
    rows = [{**ONE, "id": f"n{n}"} for n in range(2 * outputs.CHUNK)]
    path.write_bytes(gzip.compress(jsonl(*rows).getvalue())[:-50])
    with pytest.raises(BadInput, match="cut off"), sqlite_database.write() as session:
        import_outputs(session, read_outputs(path), by=None)
    with sqlite_database.read() as session:
        assert session.exec(select(Output)).all() == []


def test_a_field_may_be_as_long_as_the_limit() -> None:
    (row,) = read_csv(f"id,input,response\na,q,{'x' * FIELD_LIMIT}\n")
    assert len(row.response) == FIELD_LIMIT


def test_outputs_are_counted_and_listed_by_configuration(database: Database) -> None:
    store(database, {**ONE, "configuration": "v1"}, {**ONE, "id": "o2", "configuration": "v2"},
          {**ONE, "id": "o3", "configuration": "v2"})  # fmt: skip
    with database.read() as session:
        assert outputs.configurations(session, by=None) == {"v1": 1, "v2": 2}
        found = outputs.list_outputs(session, configuration="v2", by=None)
    assert [output.key for output in found] == ["o2", "o3"]


@pytest.mark.parametrize("hidden", ["\u202e", "\u200b", "\ufeff", "\u2066"])
def test_an_id_with_what_cannot_be_seen_is_refused(hidden: str) -> None:
    text = json.dumps({"id": f"a{hidden}b", "input": "q", "response": f"r{hidden}"})
    with pytest.raises(BadRow, match=f"id has the invisible character U\\+{ord(hidden):04X}"):
        list(outputs.read_outputs(io.BytesIO(text.encode()), name="o.jsonl"))


def test_two_ways_to_write_a_letter_are_one_id() -> None:
    rows = [{"id": i, "input": "q", "response": "r"} for i in ("Zoe\u0308", "Zo\u00eb")]
    text = "\n".join(json.dumps(row) for row in rows)
    read = list(outputs.read_outputs(io.BytesIO(text.encode()), name="o.jsonl"))
    assert {row.id for _, row in read} == {"Zo\u00eb"}


def test_the_same_file_twice_in_one_import_counts_once(database: Database) -> None:
    text = json.dumps({"id": "a", "input": "q", "response": "r"}).encode()
    rows = [row for _ in range(2) for row in read_outputs(io.BytesIO(text), name="o.jsonl")]
    with database.write() as session:
        found = import_outputs(session, rows, by=None)
    assert (found.new, found.same) == (1, 1)


@pytest.mark.parametrize("field", ["id", "response"])
def test_a_number_of_thousands_of_digits_is_no_text(field: str) -> None:
    row = {"id": '"a"', "input": '"q"', "response": '"r"', field: "9" * 5000}
    text = "{" + ",".join(f'"{name}":{value}' for name, value in row.items()) + "}"
    with pytest.raises(BadRow, match="row 1"):
        list(read_outputs(io.BytesIO(text.encode()), name="o.jsonl"))
