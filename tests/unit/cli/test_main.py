"""The command as a whole: help, version, refusals and exit codes."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.main import get_command

from annotate.cli import main as command_line
from annotate.cli.console import inert
from tests.command_line import CommandLine


def verbs() -> list[tuple[str, ...]]:
    """Every noun, and every noun with each of its verbs."""
    found: list[tuple[str, ...]] = []
    context = get_command(command_line.app).make_context("annotate", [], resilient_parsing=True)
    context.resilient_parsing = False
    group = command_line.LazyNouns()
    for noun in command_line.NOUNS:
        command = group.get_command(context, noun)
        under = getattr(command, "commands", None)
        found += [(noun, verb) for verb in under] if under else [(noun,)]
    return found


def test_the_overview_names_every_noun(run: CommandLine) -> None:
    said = run("--help").out
    for noun, line in command_line.NOUNS.items():
        assert noun in said and line in said


def test_every_noun_has_help(run: CommandLine) -> None:
    for noun in command_line.NOUNS:
        assert f"Usage: annotate {noun}" in run(noun, "--help").out


def test_every_command_shows_an_example_that_begins_as_it_is_called(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["annotate", "round"])
    found = verbs()
    assert len(found) > 20
    for words in found:
        said = " ".join(run(*words, "--help").out.split())
        assert f"Example: annotate {' '.join(words)}" in said, words


def test_help_and_version_answer_where_there_is_no_database(tmp_path: Path) -> None:
    environment = {**os.environ, "ANNOTATE_DATABASE_URL": "sqlite:////nowhere/annotate.db"}
    for word, said in (("--help", "calibration"), ("--version", version("annotate"))):
        done = subprocess.run(
            [sys.executable, "-m", "annotate", word],
            check=True,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
        )
        assert said in done.stdout


def test_help_pulls_in_neither_the_database_nor_pages() -> None:
    code = (
        "import sys; sys.argv = ['annotate', '--help']\n"
        "from annotate.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'sqlalchemy', 'streamlit', 'pandas', 'numpy', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_version_is_the_installed_one(run: CommandLine) -> None:
    assert run("--version").out.strip() == version("annotate")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rounds",), "No such command 'rounds'"),
        (("round", "start"), "No such command 'start'"),
        (("agreement",), "Missing argument 'ROUND'"),
        (("round", "status", "q3", "--color"), "No such option: --color"),
    ],
)
def test_wrong_use_is_exit_2_with_what_was_wrong(
    run: CommandLine, words: tuple[str, ...], said: str
) -> None:
    assert said in run(*words, code=2).err


def test_a_database_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    assert CommandLine(tmp_path, "mysql://localhost/annotate").refused("rater", "list") == (
        "ANNOTATE_DATABASE_URL: mysql is not supported; use SQLite or PostgreSQL"
    )


def test_a_setting_that_cannot_be_read_is_one_line(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from annotate.settings import get_settings

    monkeypatch.setenv("ANNOTATE_LEASE_MINUTES", "soon")
    get_settings.cache_clear()
    assert run.refused("rater", "list").startswith("ANNOTATE_LEASE_MINUTES: input should be")


def test_a_reader_that_stops_reading_is_no_error(tmp_path: Path, migrated_file: Path) -> None:
    (tmp_path / "annotate.db").write_bytes(migrated_file.read_bytes())
    done = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -m annotate rubric show rag-answer | head -1"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "ANNOTATE_DATABASE_URL": "sqlite:///annotate.db"},
        check=True,
    )
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_ctrl_c_is_exit_130_without_a_traceback(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from annotate.cli import console

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(console, "database", interrupted)
    assert "Traceback" not in run("rater", "list", code=130).err


def test_text_that_would_drive_a_terminal_is_shown_inert() -> None:
    assert inert("a\x1b]0;title\x07b\x9b31m") == "a\\x1b]0;title\\x07b\\x9b31m"
    assert inert("plain é 漢\n\tindented") == "plain é 漢\n\tindented"
    assert inert("a\u202egnp.exe\u200b") == "a\\u202egnp.exe\\u200b"
    assert inert("👩\u200d💻 نمی\u200cخواهم") == "👩\u200d💻 نمی\u200cخواهم"


def test_an_argument_that_is_no_utf8_is_refused(run: CommandLine) -> None:
    said = run.refused("rater", "add", "Ada", "--email", "a\udcff@example.org")
    assert said == "argument 5 is not UTF-8; check the terminal's encoding"
