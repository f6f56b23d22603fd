"""Parquet, read and written batch by batch."""

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from annotate.errors import BadInput
from annotate.formats import Rows
from annotate.formats.source import Source

MAGIC = b"PAR1"
BATCH = 1000
WRITTEN_BATCH = 50_000
IN_MEMORY = 64 * 1024 * 1024


class Table:
    """An open Parquet file: its columns, its number of rows, its rows."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._spool: Any = None
        try:
            self._file = pq.ParquetFile(self._seekable(source))
            self.columns: list[str] = list(self._file.schema_arrow.names)
            self.total: int = self._file.metadata.num_rows
            for name in self.columns:
                if self.columns.count(name) > 1:
                    raise BadInput(
                        f'{source.name}: column "{name}" stands twice; rename one of them'
                    )
        except BaseException as error:
            self.close()
            if isinstance(error, pa.ArrowException | OSError | ValueError):
                raise self._unreadable(error) from None
            raise

    def read(self) -> Rows:
        """(row from 1, cells by column) of each row."""
        number = 0
        try:
            for batch in self._file.iter_batches(batch_size=BATCH):
                for row in _microseconds(batch).to_pylist():
                    number += 1
                    yield number, row
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            raise self._unreadable(error) from None

    def close(self) -> None:
        """Give up the temporary copy, if there is one."""
        if self._spool is not None:
            self._spool.close()

    def _seekable(self, source: Source) -> BinaryIO:
        """The stream itself, or a temporary copy: Parquet's index stands at its end."""
        if not source.packed and source.stream.seekable():
            return source.stream
        self._spool = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115
        with source.explained():
            shutil.copyfileobj(source.stream, self._spool)
        self._spool.seek(0)
        return cast(BinaryIO, self._spool)

    def _unreadable(self, error: Exception) -> BadInput:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        return BadInput(
            f"{self._source.name}: is not a readable Parquet file ({first_line}); write it again"
        )


def write(
    stream: BinaryIO,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    types: dict[str, str],
) -> int:
    """Write rows in batches; returns their number.

    types: by column, one of text, number, integer, boolean, time, texts (a list of text); a
        column that is not named holds text.
    """
    schema = pa.schema([(name, _TYPES[types.get(name, "text")]) for name in columns])
    count = 0
    remaining = iter(rows)
    with pq.ParquetWriter(stream, schema) as writer:
        while batch := list(islice(remaining, WRITTEN_BATCH)):
            arrays = [
                pa.array(list(values), type=field.type)
                for values, field in zip(zip(*batch, strict=True), schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            count += len(batch)
    return count


_TYPES: dict[str, Any] = {
    "text": pa.string(),
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "time": pa.timestamp("us", tz="UTC"),
    "texts": pa.list_(pa.string()),
}


def _microseconds(batch: Any) -> Any:
    """The batch with its times in microseconds: what datetime and the database can hold."""
    for position, field in enumerate(batch.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            finer = pa.timestamp("us", tz=field.type.tz)
            batch = batch.set_column(
                position,
                pa.field(field.name, finer),
                batch.column(position).cast(finer, safe=False),
            )
    return batch
