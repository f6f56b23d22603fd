"""Rubrics in the database: versions that never change."""

from functools import lru_cache

from sqlmodel import Session, col, select

from annotate import events, people, rubric
from annotate.errors import NotFound
from annotate.rubric import Rubric
from db.tables import Rater
from db.tables import Rubric as Row


def add_rubric(
    session: Session, text: str, *, source_name: str = "rubric.yaml", by: Rater | None = None
) -> Row:
    """Add a rubric's YAML as the next version of its name.

    What says the same as the latest version is that version. Raises BadRubric.
    """
    people.require_lead(session, by)
    loaded = rubric.parse(text, source_name)
    versions = _versions(session, loaded.name)
    if versions and versions[0].hash == loaded.hash:
        return versions[0]
    row = _row(loaded, versions[0].version + 1 if versions else 1, text)
    session.add(row)
    session.flush()
    events.record(session, "added rubric", f"rubric:{row.name}@{row.version}", by=by)
    return row


def get_rubric(session: Session, name: str) -> Row:
    """A rubric by `name` (its latest version) or `name@3`; writes nothing.

    A built-in that nobody has used yet is given as the version 1 that its first round makes it.
    """
    plain, _, version = name.partition("@")
    versions = _versions(session, plain)
    if not versions and plain in rubric.builtin_names():
        versions = [_row(rubric.builtin(plain), 1, rubric.builtin_text(plain))]
    if not versions:
        raise NotFound(f"there is no rubric {plain!r}; {_known(session)}")
    if not version:
        return versions[0]
    for row in versions:
        if str(row.version) == version:
            return row
    raise NotFound(f"rubric {plain} has no version {version}; its latest is {versions[0].version}")


def list_rubrics(session: Session, *, by: Rater | None) -> list[Row]:
    """Every version in the database, by name, newest first, for a lead."""
    people.require_lead(session, by)
    return list(session.exec(select(Row).order_by(Row.name, col(Row.version).desc())))


def loaded(row: Row) -> Rubric:
    """The rubric object of a row."""
    return _parsed(row.hash, row.source, f"{row.name}@{row.version}")


def frozen(session: Session, rubric_id: int, hash_: str) -> Rubric:
    """The rubric of a row that has this hash. It never changes: this process asks for it once."""
    if hash_ not in _FROZEN:
        _FROZEN[hash_] = loaded(session.get_one(Row, rubric_id))
    return _FROZEN[hash_]


_FROZEN: dict[str, Rubric] = {}


@lru_cache(maxsize=64)
def _parsed(hash_: str, source: str, name: str) -> Rubric:
    del hash_
    return rubric.parse(source, name)


def _row(loaded: Rubric, version: int, text: str) -> Row:
    return Row(
        name=loaded.name,
        version=version,
        title=loaded.title,
        document=loaded.document(),
        source=text,
        hash=loaded.hash,
    )


def _versions(session: Session, name: str) -> list[Row]:
    return list(session.exec(select(Row).where(Row.name == name).order_by(col(Row.version).desc())))


def _known(session: Session) -> str:
    names = sorted({*session.exec(select(Row.name)), *rubric.builtin_names()})
    return f"there are {', '.join(names)}; `annotate rubric add FILE.yaml` adds one"
