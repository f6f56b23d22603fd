"""`annotate serve` in a process of its own, on a real database, for tests that talk to it."""

import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from annotate import people
from db.engine import Database

ROOT = Path(__file__).parents[1]

Seed = Callable[[Database], None]
"""Fills a database before its server starts."""


@dataclass
class Server:
    """`annotate serve` in a process of its own."""

    folder: Path
    database: Database
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    """0 takes a free one; a restart keeps it."""
    process: subprocess.Popen[str] = field(init=False)
    said: list[str] = field(default_factory=list)
    _listener: threading.Thread = field(init=False)

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.said.clear()
        outside = {k: v for k, v in os.environ.items() if not k.startswith("ANNOTATE_")}
        own = {"HOME": str(self.folder), "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "annotate", "serve", "--port", str(self.port), "--no-open"],
            cwd=self.folder,
            env=outside | own | self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise
        self.port = int(self.base.rpartition(":")[2])

    def kill(self) -> None:
        """As a power cut does."""
        self.process.kill()
        self._ended()

    def stop(self) -> None:
        """As whoever operates it does."""
        self.process.terminate()
        self._ended()

    def _ended(self) -> None:
        self.process.wait(timeout=20)
        self._listener.join(timeout=5)
        if self.process.stderr is not None:
            self.process.stderr.close()

    @property
    def lead_link(self) -> str:
        """The lead's personal link that it prints when it starts."""
        found = re.search(r"https?://\S+/join/\S+", "\n".join(self.said))
        assert found, self.said
        return found.group()

    @property
    def base(self) -> str:
        """Its address."""
        return self.lead_link.partition("/join/")[0]

    def link(self, name: str) -> str:
        """A fresh personal link of a rater."""
        with self.database.write() as session:
            token = people.new_link(session, people.get_rater(session, name), by=None)
        return f"{self.base}/join/{token}"

    def wait(self) -> None:
        """Until it answers; fails with what it said when it does not."""
        until = time.monotonic() + 120
        while time.monotonic() < until and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.base}/health", timeout=2):
                    return
            except (OSError, AssertionError):
                time.sleep(0.1)
        pytest.fail("the server did not come up:\n" + "\n".join(self.said))

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line.rstrip())
