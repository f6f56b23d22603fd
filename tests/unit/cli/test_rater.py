"""`annotate rater` and `annotate rubric`."""

import pytest

from annotate.rubric import builtin_text
from tests.command_line import CommandLine


def test_a_rater_is_added_listed_linked_revoked_and_restored(run: CommandLine) -> None:
    assert "There are no raters yet; `annotate rater add NAME`" in run("rater", "list").err
    run("rater", "add", "Ada Byron", "--email", "ada@example.com", "--role", "lead")
    run("rater", "add", "gpt-5", "--kind", "judge")
    assert run("rater", "list", "--json").json["rows"][0] == {
        "name": "Ada Byron",
        "kind": "human",
        "role": "lead",
        "email": "ada@example.com",
        "simulated": False,
        "state": "active",
    }
    assert len(run("rater", "list", "--kind", "judge", "--json").json["rows"]) == 1
    first, second = (run("rater", "link", "Ada Byron").out.strip() for _ in range(2))
    assert first.startswith("http://localhost:8501/join/")
    assert first != second
    run("rater", "revoke", "Ada Byron")
    assert "│ revoked" in run("rater", "list").out
    assert run.refused("rater", "link", "Ada Byron") == ("Ada Byron is revoked; restore them first")
    run("rater", "restore", "Ada Byron")
    assert run("rater", "link", "Ada Byron").out.startswith("http://localhost:8501/join/")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", ""), "rater name '': give 1 to 100 printable characters"),
        (("add", "a\x1b[2J"), "rater name 'a\\x1b[2J': give 1 to 100 printable characters"),
        (("add", "Zoe", "--role", "boss"), "role 'boss' is not one of rater, lead"),
        (("link", "Zoe"), "there is no rater 'Zoe'; `annotate rater add \"Zoe\"` adds it"),
        (("revoke", "Zoe"), "there is no rater 'Zoe'; `annotate rater add \"Zoe\"` adds it"),
    ],
)
def test_a_rater_that_cannot_be_is_refused(
    run: CommandLine, words: tuple[str, ...], said: str
) -> None:
    assert run.refused("rater", *words) == said


def test_a_rubric_gets_a_version_when_it_says_something_new(run: CommandLine) -> None:
    mine = run.folder / "mine.yaml"
    mine.write_text(builtin_text("summary").replace("name: summary", "name: mine"))
    assert run("rubric", "add", "mine.yaml").err == "mine@1 was added.\n"
    assert run("rubric", "add", "mine.yaml").err == "mine@1 is in the workspace already.\n"
    mine.write_text(mine.read_text() + "\n# a comment says nothing new\n")
    assert "mine@1" in run("rubric", "add", "mine.yaml").err
    first = mine.read_text()
    mine.write_text(first.replace("required_below: 3", "required_below: 2", 1))
    assert "mine@2" in run("rubric", "add", "mine.yaml").err
    rows = run("rubric", "list", "--json").json["rows"]
    assert [(r["name"], r["version"]) for r in rows if r["name"] == "mine"] == [
        ("mine", 2),
        ("mine", 1),
    ]
    assert run("rubric", "show", "mine").out == mine.read_text()
    assert "required_below: 3" in run("rubric", "show", "mine@1").out
    assert run("rubric", "show", "mine@1", "--json").json["name"] == "mine"


def test_a_built_in_rubric_is_shown_as_it_was_written_without_being_stored(
    run: CommandLine,
) -> None:
    assert run("rubric", "show", "rag-answer").out == builtin_text("rag-answer")
    assert {row["version"] for row in run("rubric", "list", "--json").json["rows"]} == {None}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "absent.yaml"), "absent.yaml: there is no such file; check the path"),
        (("show", "absent"), "there is no rubric 'absent'; there are chat, pairwise, rag-answer"),
        (("show", "chat@4"), "rubric chat has no version 4; its latest is 1"),
    ],
)
def test_a_rubric_that_is_not_there_is_refused(
    run: CommandLine, words: tuple[str, ...], said: str
) -> None:
    assert run.refused("rubric", *words).startswith(said)


def test_a_rubric_with_a_mistake_is_refused_by_its_path_in_the_file(run: CommandLine) -> None:
    (run.folder / "bad.yaml").write_text(
        builtin_text("summary").replace("scale: ordinal", "scale: ordinary", 1)
    )
    said = run.refused("rubric", "add", "bad.yaml")
    assert said.startswith("bad.yaml: criteria[0].scale")
    assert run("rubric", "list", "--json").json["rows"][0]["version"] is None
