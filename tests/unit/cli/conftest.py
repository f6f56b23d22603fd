"""The command line in this process, against a workspace of the test's own."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from annotate import workspace
from annotate.cli.main import main
from annotate.settings import get_settings


@dataclass(frozen=True)
class Done:
    """What a command did."""

    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its standard output as one JSON document."""
        return json.loads(self.out)


class CommandLine:
    """Runs `annotate` as its entry point does, in a folder with an empty workspace."""

    def __init__(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *words: str, code: int = 0) -> Done:
        """Run one command; it must end with this exit code."""
        self._monkeypatch.setattr(sys, "argv", ["annotate", *words])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = self._capsys.readouterr()
        assert (ended.value.code or 0) == code, (said.out, said.err)
        return Done(said.out, said.err)

    def refused(self, *words: str) -> str:
        """Run a command that must be refused: exit 2, nothing on standard output; its one line."""
        done = self(*words, code=2)
        assert done.out == ""
        assert done.err.startswith("annotate: ")
        assert done.err.count("\n") == 1
        return done.err.removeprefix("annotate: ").rstrip("\n")


@pytest.fixture
def run(
    tmp_path: Path,
    migrated_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[CommandLine]:
    """The command line in an empty workspace."""
    (tmp_path / "annotate.db").write_bytes(migrated_file.read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANNOTATE_DATABASE_URL", f"sqlite:///{tmp_path}/annotate.db")
    get_settings.cache_clear()
    yield CommandLine(tmp_path, monkeypatch, capsys)
    get_settings.cache_clear()
    for url in [url for url in workspace._opened if str(tmp_path) in url]:
        workspace._opened.pop(url).dispose()
