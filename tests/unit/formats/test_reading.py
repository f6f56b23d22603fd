"""Files as people have them: what is read, and what is refused in which words."""

import gzip
import io
import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotate.errors import BadInput
from annotate.formats.detect import Table, read_table, write_table

ROWS = [{"id": "a", "n": "1"}, {"id": "b", "n": "2"}]
JSONL = b'{"id": "a", "n": "1"}\n{"id": "b", "n": "2"}\n'
CSV = b"id,n\na,1\nb,2\n"


def rows(data: bytes, name: str, format: str | None = None) -> list[dict[str, Any]]:
    return [row for _, row in read_table(io.BytesIO(data), name, format)]


def refusal(data: bytes, name: str, format: str | None = None) -> str:
    with pytest.raises(BadInput) as refused:
        rows(data, name, format)
    return str(refused.value)


def parquet(table: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(table), stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (JSONL, "rows.jsonl"),
        (JSONL, "rows.ndjson"),
        (JSONL, "no-suffix"),
        (JSONL.replace(b"\n", b"\r\n"), "crlf.jsonl"),
        (JSONL.replace(b"\n", b"\n\n"), "blank-lines.jsonl"),
        (JSONL.rstrip(), "no-last-line-end.jsonl"),
        (b"\xef\xbb\xbf" + JSONL, "bom.jsonl"),
        (CSV, "rows.csv"),
        (CSV, "no-suffix"),
        (CSV.replace(b"\n", b"\r\n"), "crlf.csv"),
        (b"\xef\xbb\xbf" + CSV, "bom.csv"),
        (b"\xef\xbb\xbf" + b'"id","n"\n"a","1"\n"b","2"\n', "bom-and-quotes.csv"),
        (CSV.replace(b",", b";"), "semicolon.csv"),
        (CSV.replace(b",", b"\t"), "tabs.tsv"),
        (CSV.replace(b"\n", b"\n\n"), "blank-lines.csv"),
        (parquet({"id": ["a", "b"], "n": ["1", "2"]}), "rows.parquet"),
        (parquet({"id": ["a", "b"], "n": ["1", "2"]}), "no-suffix"),
    ],
)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
def test_a_file_is_recognised_by_its_name_and_its_content(
    data: bytes, name: str, packed: bool
) -> None:
    if packed:
        data, name = gzip.compress(data), name + ".gz"
    assert rows(data, name) == ROWS


def test_a_row_number_is_the_line_of_json_and_the_row_of_a_spreadsheet() -> None:
    assert [n for n, _ in read_table(io.BytesIO(b"\n" + JSONL), "a.jsonl")] == [2, 3]
    assert [n for n, _ in read_table(io.BytesIO(b'id\n"a\nb"\nc\n'), "a.csv")] == [2, 3]
    assert [n for n, _ in read_table(io.BytesIO(parquet({"id": ["a", "b"]})), "a")] == [1, 2]


def test_a_path_is_opened_and_an_upload_is_read_from_its_start_and_stays_open(
    tmp_path: Path,
) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(CSV)
    assert [row for _, row in read_table(path)] == ROWS
    upload = io.BytesIO(CSV)
    upload.read()
    assert [row for _, row in read_table(upload, "upload.csv")] == ROWS
    assert [row for _, row in read_table(upload, "upload.csv")] == ROWS
    assert not upload.closed


def test_standard_input_is_named_so_in_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(CSV + b"c\n")))
    with pytest.raises(BadInput, match="^standard input row 4: has 1 cell where the header has 2"):
        list(read_table("-"))


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b"", "a.csv", "a.csv: is empty; give at least one row"),
        (b"", "a.parquet", "a.parquet: is empty; give at least one row"),
        (gzip.compress(b"", mtime=0), "a.csv.gz", "a.csv.gz: is empty; give at least one row"),
        (b"\n \n", "a.jsonl", "a.jsonl: holds only blank lines; give at least one row"),
        (b"id,n\n", "a.csv", "a.csv: has a header and no rows; give at least one row"),
        (
            parquet({"id": pa.array([], pa.string())}),
            "a.parquet",
            "a.parquet: has a header and no rows; give at least one row",
        ),
        (
            b"id,n\na,caf\xe9\n",
            "a.csv",
            "a.csv row 2: is not UTF-8 at byte 10 of the file (0xe9); save the file as UTF-8",
        ),
        (
            JSONL + b'{"id": "\xff"}\n',
            "a.jsonl",
            "a.jsonl row 3: is not UTF-8 at byte 52 of the file (0xff); save the file as UTF-8",
        ),
        ("id,n\na,1\n".encode("utf-16"), "a.csv", "a.csv: is UTF-16; save the file as UTF-8"),
        (
            b"id,n\na,x\x00y\n",
            "a.csv",
            "a.csv row 2: has a NUL byte at byte 8 of the file; "
            "take it out, or save the file as UTF-8 text",
        ),
        (
            CSV + b"c,3,4\n",
            "a.csv",
            "a.csv row 4: has 3 cells where the header has 2; "
            "complete the row, or quote cells that hold a delimiter",
        ),
        (
            b'id,n\na,"one\nb,2\n',
            "a.csv",
            'a.csv row 2: opens a quote that is never closed; close it; write a quote inside a cell as ""',
        ),
        (
            b'id,n\na,"one\nb,"2"\n',
            "a.csv",
            "a.csv row 2: has text after a closing quote (or an earlier quote was left open); "
            'quote the whole cell; write a quote inside it as ""',
        ),
        (
            b"id,n\ra,1\r",
            "a.csv",
            "a.csv row 1: has bare carriage returns as line ends; "
            "save the file with LF or CRLF line ends",
        ),
        (
            b"id,n,id\na,1,b\n",
            "a.csv",
            'a.csv row 1: column "id" stands twice; rename or drop one of them',
        ),
        (b"id,,n\na,1,b\n", "a.csv", "a.csv row 1: column 2 has no name; name it"),
        (
            b'{"id": "a"}\n{"id": \n',
            "a.jsonl",
            "a.jsonl row 2: is not JSON (Expecting value at column 8); mend the line",
        ),
        (
            b'{"n": NaN}\n',
            "a.jsonl",
            "a.jsonl row 1: is not JSON (NaN is not a JSON number; leave the field out); mend the line",
        ),
        (
            b'{"n": -Infinity}\n',
            "a.jsonl",
            "a.jsonl row 1: is not JSON (-Infinity is not a JSON number; leave the field out); "
            "mend the line",
        ),
        (
            b'{"id": "a", "id": "b"}\n',
            "a.jsonl",
            'a.jsonl row 1: is not JSON ("id" stands twice in one object); mend the line',
        ),
        (
            b'"text"\n',
            "a.jsonl",
            "a.jsonl row 1: is a JSON text, not an object; write one object {...} a line",
        ),
        (
            b'[{"id": "a"},\n{"id": "b"}]\n',
            "a.jsonl",
            "a.jsonl: is one JSON array; write one object a line (jq -c '.[]' FILE > rows.jsonl)",
        ),
        (
            b'[{"id": "a"}]',
            "a.json",
            "a.json: is one JSON array; write one object a line (jq -c '.[]' FILE > rows.jsonl)",
        ),
        (
            b'{"id": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            "a.jsonl",
            "a.jsonl row 1: is nested too deeply; flatten the object",
        ),
        (
            CSV,
            "a.parquet",
            "a.parquet: is not a Parquet file although it is named or declared as one; "
            "write it again, or pass --format jsonl or --format csv",
        ),
        (
            JSONL,
            "a.csv",
            "a.csv: is named as CSV and holds JSON; rename it, or pass --format jsonl",
        ),
        (
            gzip.compress(CSV * 1000, mtime=0)[:-20],
            "a.csv.gz",
            "a.csv.gz: the gzip data end too early; the file was cut off: copy it again",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_place_and_mend(
    data: bytes, name: str, message: str
) -> None:
    assert refusal(data, name) == message


def test_damaged_gzip_data_are_refused() -> None:
    data = bytearray(gzip.compress(CSV * 1000))
    data[30:40] = bytes(10)
    assert "the gzip data are damaged" in refusal(bytes(data), "a.csv.gz")


def test_a_damaged_parquet_file_is_refused() -> None:
    whole = parquet({"id": ["a", "b"]})
    assert refusal(whole[:-30], "a.parquet").startswith(
        "a.parquet: is not a readable Parquet file ("
    )


def test_a_parquet_file_with_two_columns_of_one_name_is_refused() -> None:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_arrays([pa.array(["a"])] * 2, names=["id", "id"]), stream)
    message = 'a.parquet: column "id" stands twice; rename one of them'
    assert refusal(stream.getvalue(), "a.parquet") == message


def test_a_file_that_is_not_there_and_an_unknown_format_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no such file; check the name"):
        Table(tmp_path / "absent.csv")
    assert refusal(CSV, "a.csv", "xlsx") == (
        '"xlsx" is not a format; use one of jsonl, csv, parquet'
    )


def test_a_format_that_is_named_wins_over_the_file_name() -> None:
    assert rows(JSONL, "rows.csv", "jsonl") == ROWS


def test_parquet_lists_structs_and_times_arrive_as_python_values() -> None:
    at = datetime(2026, 3, 31, 14, 5, tzinfo=UTC)
    data = parquet(
        {
            "contexts": [["one", "two"]],
            "cost": [{"model": 0.5, "search": None}],
            "occurred_at": pa.array([at], pa.timestamp("ns", tz="UTC")),
            "thumb": pa.array([None], pa.int8()),
        }
    )
    assert rows(data, "a.parquet") == [
        {
            "contexts": ["one", "two"],
            "cost": {"model": 0.5, "search": None},
            "occurred_at": at,
            "thumb": None,
        }
    ]


COLUMNS = ["text", "number", "flag", "list"]
TYPES = {"number": "number", "flag": "boolean", "list": "texts"}
storable = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
@settings(deadline=None)  # a busy machine may pause any example
@given(
    st.lists(
        st.tuples(
            storable,
            st.floats(allow_nan=False, allow_infinity=False),
            st.booleans(),
            st.lists(storable),
        ),
        min_size=1,
    )
)
def test_what_is_written_is_read_back_exactly(format: str, written: list[Any]) -> None:
    stream = io.BytesIO()
    write_table(stream, format, COLUMNS, written, TYPES)
    read = rows(stream.getvalue(), f"a.{format}")
    assert [tuple(row[c] for c in COLUMNS) for row in read] == written


@settings(deadline=None)
@given(st.lists(st.tuples(storable, st.floats(allow_nan=False)), min_size=1))
def test_csv_gives_every_text_and_number_back_exactly(written: list[tuple[str, float]]) -> None:
    stream = io.BytesIO()
    write_table(stream, "csv", ["text", "number"], written)
    read = rows(stream.getvalue(), "a.csv")
    assert [(row["text"], float(row["number"])) for row in read] == written


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "'=1+1"])
def test_a_text_that_a_spreadsheet_would_run_is_neutralised_in_csv(text: str) -> None:
    stream = io.BytesIO()
    write_table(stream, "csv", ["text", "number"], [(text, -1.5)])
    cell, number = next(iter(rows_raw(stream.getvalue())))
    assert cell == "'" + text
    assert number == "-1.5"
    assert rows(stream.getvalue(), "a.csv") == [{"text": text, "number": "-1.5"}]


def rows_raw(data: bytes) -> list[list[str]]:
    import csv

    return list(csv.reader(io.StringIO(data.decode(), newline="")))[1:]


def test_an_ordinary_apostrophe_is_left_alone() -> None:
    assert rows(b"id\n'tis\n", "a.csv") == [{"id": "'tis"}]


def test_json_lines_leave_out_what_is_empty_and_refuse_nan() -> None:
    stream = io.BytesIO()
    write_table(stream, "jsonl", ["a", "b"], [(1, None)])
    assert json.loads(stream.getvalue()) == {"a": 1}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_table(io.BytesIO(), "jsonl", ["a"], [(math.nan,)])
