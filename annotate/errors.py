"""What can go wrong in words: each message says what, where, and the mend."""

from typing import Any


class AnnotateError(Exception):
    """The base of every refusal that a person can act on."""

    exit_code = 2


def in_words(error: Exception) -> str:
    """The message as a sentence for a person: what, where, and the mend."""
    words = str(error) or type(error).__name__
    # A sentence begins with a capital; the name of a file, row or field stays as it is.
    if words.split(maxsplit=1)[0].isalpha():
        words = words[0].upper() + words[1:]
    return words if words.endswith((".", "?")) else words + "."


class BadInput(AnnotateError):
    """Something that was given cannot be used."""


class BadRow(BadInput):
    """A row of a file cannot be used: `outputs.csv row 17: segment is empty; give a value`."""

    def __init__(
        self, file: str, row: int | None, field: str | None, problem: str, mend: str
    ) -> None:
        self.file, self.row, self.field, self.problem, self.mend = file, row, field, problem, mend
        place = file if row is None else f"{file} row {row}"
        what = problem if field is None else f"{field} {problem}"
        super().__init__(f"{place}: {what}; {mend}")


class BadRubric(BadInput):
    """A rubric file cannot be used: `rag.yaml: criteria[0].points[2].anchor: is missing; ...`."""

    def __init__(self, file: str, path: str, problem: str, mend: str) -> None:
        self.file, self.path, self.problem, self.mend = file, path, problem, mend
        place = f"{file}: {path}" if path else file
        super().__init__(f"{place}: {problem}; {mend}")


class Conflict(AnnotateError):
    """What was given contradicts what is stored."""


class NotFound(AnnotateError):
    """Nothing has that name."""


class NotAllowed(AnnotateError):
    """This person, or this state, does not permit the step."""


class RoundClosed(NotAllowed):
    """The round takes no more ratings."""


class StaleAssignment(AnnotateError):
    """The screen shows a unit that is no longer this rater's to submit."""


class DraftOutdated(AnnotateError):
    """Another screen has changed the draft since this one was drawn: nothing was replaced."""

    def __init__(self, draft: dict[str, Any], version: int) -> None:
        self.draft, self.version = draft, version
        super().__init__(
            "another tab or device has stored a newer draft of this unit; that one is kept"
        )


class NothingToUndo(AnnotateError):
    """There is no submission that can be reopened."""
