"""Bytes to read from: a path, a stream or standard input, gzip or not, as checked UTF-8 lines."""

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from annotate.errors import BadInput, BadRow

FIELD_LIMIT = 1_000_000
"""Characters in one field; what people rate on a screen is far below."""
ROW_LIMIT = 64 * 1024 * 1024
"""Bytes in one line: bounds the memory that a file without line ends can take."""

File = str | Path | BinaryIO


class Source:
    """An open file: its shown name and its bytes, already unpacked; a context manager."""

    def __init__(self, file: File, name: str | None = None) -> None:
        """Open `file`: a path, `-` for standard input, or a stream (which is read from
        its start and stays open)."""
        self._owned: list[BinaryIO] = []
        if isinstance(file, str | Path) and str(file) != "-":
            path = Path(file)
            self.name = name or path.name
            try:
                raw: BinaryIO = path.open("rb")
            except FileNotFoundError:
                raise BadInput(f"{path}: there is no such file; check the name") from None
            except OSError as error:
                reason = error.strerror or str(error)
                raise BadInput(f"{path}: cannot be read ({reason}); name a readable file") from None
            self._owned.append(raw)
        elif isinstance(file, str | Path):
            self.name = name or "standard input"
            raw = sys.stdin.buffer
        else:
            self.name = name or Path(str(getattr(file, "name", "upload"))).name
            raw = file
            if raw.seekable():
                raw.seek(0)  # an upload is looked at before it is imported
        self.stream: BinaryIO = self._peekable(raw)
        self.packed = self.peek(2) == b"\x1f\x8b"
        if self.packed:
            unpacked = cast(BinaryIO, gzip.GzipFile(fileobj=self.stream, mode="rb"))
            self._owned.append(unpacked)
            self.stream = self._peekable(unpacked)

    def _peekable(self, raw: BinaryIO) -> BinaryIO:
        if hasattr(raw, "peek"):
            return raw
        # Detached on closing: the caller's own stream must stay open.
        return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, _Unclosed(raw))))

    def peek(self, size: int) -> bytes:
        """The next bytes, without taking them; fewer at the end of the file."""
        with self.explained():
            peeked: bytes = self.stream.peek(size)[:size]  # type: ignore[attr-defined]
        return peeked

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn the refusals of gzip and of the disk into words."""
        try:
            yield
        except EOFError:
            raise BadInput(
                f"{self.name}: the gzip data end too early; the file was cut off: copy it again"
            ) from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise BadInput(
                f"{self.name}: the gzip data are damaged ({error}); copy or pack the file again"
            ) from None
        except OSError as error:
            raise BadInput(
                f"{self.name}: cannot be read ({error.strerror or error}); name a readable file"
            ) from None

    def lines(self) -> Iterator[str]:
        """Lines with their ends, decoded from UTF-8, a leading byte order mark dropped.

        Raises BadRow with the offset of the first byte that is not UTF-8, of a line that is too
        long, and of a NUL.
        """
        self._refuse_utf16()
        offset = 0
        for number, raw in enumerate(self._raw_lines(), start=1):
            if len(raw) == ROW_LIMIT:
                raise BadRow(
                    self.name,
                    number,
                    None,
                    f"is longer than {ROW_LIMIT // 2**20} MB",
                    "end each row with a line end",
                )
            try:
                line = raw.decode()
            except UnicodeDecodeError as error:
                raise BadRow(
                    self.name,
                    number,
                    None,
                    f"is not UTF-8 at byte {offset + error.start} of the file "
                    f"(0x{raw[error.start]:02x})",
                    "save the file as UTF-8",
                ) from None
            if "\0" in line:
                raise BadRow(
                    self.name,
                    number,
                    None,
                    f"has a NUL byte at byte {offset + raw.index(0)} of the file",
                    "take it out, or save the file as UTF-8 text",
                )
            yield line.removeprefix("\ufeff") if number == 1 else line
            offset += len(raw)

    def _raw_lines(self) -> Iterator[bytes]:
        # Around the whole loop: entering it for every line costs as much as reading the line.
        with self.explained():
            yield from iter(partial(self.stream.readline, ROW_LIMIT), b"")

    def _refuse_utf16(self) -> None:
        if self.peek(2) in (b"\xff\xfe", b"\xfe\xff"):
            raise BadInput(f"{self.name}: is UTF-16; save the file as UTF-8")

    def close(self) -> None:
        """Close what this object opened."""
        for stream in reversed(self._owned):
            stream.close()

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class _Unclosed(io.RawIOBase):
    """A view of somebody else's stream: closing the view leaves the stream open."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._stream.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
