"""One writer at a time, first come, first served.

SQLite's own busy handler sleeps and retries, so under load a writer can be overtaken for
seconds. Writers therefore queue here: threads of a process in order of arrival, processes
behind the kernel's queue for a lock file. A killed process loses its lock with its life.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: SQLite's busy timeout alone keeps processes apart
    fcntl = None  # type: ignore[assignment]


class LockUnusable(Exception):
    """The lock file beside the database cannot be written."""


class FairLock:
    """A mutex that is granted in order of arrival."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held = False
        self._queue: deque[threading.Event] = deque()

    def acquire(self) -> None:
        """Wait for the turn."""
        with self._guard:
            if not self._held:
                self._held = True
                return
            turn = threading.Event()
            self._queue.append(turn)
        turn.wait()

    def release(self) -> None:
        """Hand the lock to whoever waits longest."""
        with self._guard:
            if self._queue:
                self._queue.popleft().set()
            else:
                self._held = False


class WriterLock:
    """Keeps the writers of one SQLite file in line, across threads and processes."""

    def __init__(self, path: Path) -> None:
        self._threads = FairLock()
        self._file = path.with_name(path.name + ".lock")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for the length of a `with` block."""
        self._threads.acquire()
        try:
            if fcntl is None:
                yield
                return
            try:
                handle = self._file.open("ab")
            except OSError as error:
                raise LockUnusable(f"{self._file}: {error.strerror or error}") from error
            with handle:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield  # closing the file releases the lock
        finally:
            self._threads.release()
