"""Foreign file formats: one module each, reading and writing rows.

`detect` opens any of them; `source` is what they share: bytes from a path, a stream or standard
input, gzip or not, as checked UTF-8 lines. A row is a dict; the row number is what people see:
the line of a JSON Lines file, the row of a spreadsheet (a CSV's header is row 1), the row of a
Parquet file from 1.
"""

from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]
Rows = Iterator[tuple[int, Row]]
