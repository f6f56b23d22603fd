"""The `annotate` command in the test's own process."""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

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
    """The `annotate` command against one database, as a person would run it in a folder."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url

    def __call__(self, *words: str, code: int | tuple[int, ...] = 0) -> Done:
        """Run one command; it must end with this exit code, or one of these.

        In this process: a new interpreter per command would spend its time importing.
        """
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ANNOTATE_DATABASE_URL", self.url)
            patch.setattr(sys, "argv", ["annotate", *words])
            patch.chdir(self.folder)
            get_settings.cache_clear()
            with (
                redirect_stdout(out),
                redirect_stderr(err),
                pytest.raises(SystemExit) as ended,
            ):
                main()
        get_settings.cache_clear()
        said = out.getvalue(), err.getvalue()
        codes = code if isinstance(code, tuple) else (code,)
        assert (ended.value.code or 0) in codes, (words, *said)
        return Done(*said)

    def refused(self, *words: str) -> str:
        """Run a command that must be refused: exit 2, nothing on standard output; its one line."""
        done = self(*words, code=2)
        assert done.out == ""
        assert done.err.startswith("annotate: ")
        assert done.err.count("\n") == 1
        return done.err.removeprefix("annotate: ").rstrip("\n")
