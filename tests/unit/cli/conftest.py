"""The command line in this process, against a workspace of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from annotate import workspace
from tests.command_line import CommandLine


@pytest.fixture
def run(
    tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CommandLine]:
    """The command line in an empty workspace."""
    (tmp_path / "annotate.db").write_bytes(migrated_file.read_bytes())
    monkeypatch.chdir(tmp_path)
    yield CommandLine(tmp_path, f"sqlite:///{tmp_path}/annotate.db")
    for url in [url for url in workspace._opened if str(tmp_path) in url]:
        workspace._opened.pop(url).dispose()
