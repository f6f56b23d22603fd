"""Which format a file has, by its name and its content; and one door to read and write them."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from annotate.errors import BadInput
from annotate.formats import Row, delimited, jsonl
from annotate.formats.source import File, Source

FORMATS = ("jsonl", "csv", "parquet")
_SUFFIXES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": None,
    ".parquet": "parquet",
    ".pq": "parquet",
}
_MAGIC = b"PAR1"
_ZIP = b"PK\x03\x04"


class Table:
    """An open table: iterate once for (row number, row); a context manager.

    name is what messages call the file; columns are None where each row names its own (JSON
    Lines); total is None where only reading tells how many rows there are.
    """

    def __init__(self, file: File, name: str | None = None, format: str | None = None) -> None:
        self._source = Source(file, name)
        self._parquet: Any = None
        self.name = self._source.name
        self.columns: list[str] | None = None
        self.total: int | None = None
        try:
            self.format = detected(self._source, format)
            self._rows = self._opened()
        except BaseException:
            self.close()
            raise

    def _opened(self) -> Iterator[tuple[int, Row]]:
        if self.format == "jsonl":
            return jsonl.read(self._source)
        if self.format == "csv":
            self.columns, records = delimited.columns(self._source)
            return delimited.read(self._source, self.columns, records)
        # Imported here: Arrow takes a quarter of a second, and most files are text.
        from annotate.formats import parquet

        self._parquet = parquet.Table(self._source)
        self.columns, self.total = self._parquet.columns, self._parquet.total
        rows: Iterator[tuple[int, Row]] = self._parquet.read()
        return rows

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        empty = True
        for numbered in self._rows:
            empty = False
            yield numbered
        if empty:
            what = "a header and no rows" if self.columns else "no rows"
            raise BadInput(f"{self.name}: has {what}; give at least one row")

    def close(self) -> None:
        """Close the file, if it was opened here."""
        if self._parquet is not None:
            self._parquet.close()
        self._source.close()

    def __enter__(self) -> "Table":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def read_table(
    file: File, name: str | None = None, format: str | None = None
) -> Iterator[tuple[int, Row]]:
    """(row number, row) of each row of a file, opened at the first row and closed at the last."""
    with Table(file, name, format) as table:
        yield from table


def detected(source: Source, format: str | None) -> str:
    """jsonl, csv or parquet. Raises BadInput for an empty file and for a name that misleads."""
    start = source.peek(4096)
    if not start:
        raise BadInput(f"{source.name}: is empty; give at least one row")
    if format is not None:
        if format not in FORMATS:
            raise BadInput(f'"{format}" is not a format; use one of {", ".join(FORMATS)}')
        named: str | None = format
    else:
        named = format_of_name(source.name)
    if start.startswith(_ZIP):
        raise BadInput(
            f"{source.name}: is a spreadsheet or a zip archive; save it as CSV, or unpack it"
        )
    is_parquet = start.startswith(_MAGIC)
    if named == "parquet" and not is_parquet:
        raise BadInput(
            f"{source.name}: is not a Parquet file although it is named or declared as one; "
            "write it again, or pass --format jsonl or --format csv"
        )
    if is_parquet:
        return "parquet"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text and len(start) < 4096:
        raise BadInput(f"{source.name}: holds only blank lines; give at least one row")
    if format is None and named == "csv" and text.startswith(b'{"'):
        raise BadInput(
            f"{source.name}: is named as CSV and holds JSON; rename it, or pass --format jsonl"
        )
    return named or ("jsonl" if text[:1] in (b"{", b"[") else "csv")


def format_of_name(name: str) -> str | None:
    """The format that a file's name says (`.gz` apart); None when it says none."""
    path = Path(name.lower())
    if path.suffix == ".gz":
        path = path.with_suffix("")
    return _SUFFIXES.get(path.suffix)


def write_table(
    stream: BinaryIO,
    format: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    types: dict[str, str] | None = None,
) -> int:
    """Write rows (one value a column) to a binary stream; returns their number."""
    if format == "jsonl":
        return jsonl.write(stream, columns, rows)
    if format == "csv":
        return delimited.write(stream, columns, rows)
    from annotate.formats import parquet

    return parquet.write(stream, columns, rows, types or {})
