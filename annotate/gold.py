"""Gold: labels that the team accepts, promoted from rounds and exported into golden datasets."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotate import (
    adjudication,
    events,
    gold_file,
    people,
    references,
    rounds,
    rubric_versions,
)
from annotate.errors import BadInput, NotAllowed, NotFound
from db.tables import Gold, Output, Rater, Round, Rubric, Unit, now

LABEL = 80
"""Characters of an ideal answer that lists show."""
KINDS = ("golden", "adversarial", "regression")
RESOLVE = ("workspace", "file")


@dataclass(frozen=True)
class GoldDispute:
    """A label in force from another round says something else."""

    output: str
    criterion: str
    in_force: str
    """Its label."""
    how: str
    round: str
    offered: str
    """The label of the round that is promoted."""
    offered_how: str

    def __str__(self) -> str:
        return (
            f"{self.output}, {self.criterion}: {self.in_force} ({self.how}, {self.round}) is in "
            f"force, {self.offered} ({self.offered_how}) is offered"
        )


@dataclass(frozen=True)
class Promotion:
    """What a promotion did, or would do."""

    added: int = 0
    changed: int = 0
    same: int = 0
    conflicts: list[GoldDispute] = field(default_factory=list)
    """Labels of other rounds that say something else; they stay unless they are to be replaced."""
    left: dict[str, int] = field(default_factory=dict)
    """Units x criteria without gold, by reason."""


def promote(
    session: Session,
    round_: Round,
    *,
    kind: str = "golden",
    criteria: Sequence[str] | None = None,
    outputs: Iterable[str] | None = None,
    replace: bool = False,
    by: Rater | None,
    dry_run: bool = False,
) -> Promotion:
    """Accept a closed round's consensus as gold.

    Left out, and counted by reason: what is disputed, what only one rater saw or wrote. The same
    label again is a no-op. What the same round has come to since, an adjudication say, retires the
    earlier label, which stays as history.
    replace: do so too with labels that come from another round; without it they stay in force,
        and are reported.
    """
    people.require_lead(session, by)
    _known_kind(kind)
    if round_.status != "closed":
        raise NotAllowed(
            f"round {round_.name} is {round_.status}; close it first: its consensus can still change"
        )
    if round_.design.get("compares"):
        raise NotAllowed(
            f"round {round_.name} says which of two outputs is better, not what each is worth; "
            "gold comes from rounds that rate outputs one by one"
        )
    wanted = None if outputs is None else set(outputs)
    rubric = session.get_one(Rubric, round_.rubric_id)
    for criterion in criteria or ():
        if criterion not in {ideal.id for ideal in references.criteria(session, round_)}:
            rounds.rubric_of(session, round_).rating_key(criterion)  # refuses one that is not there
    stored = _in_force(session)
    ids = _output_ids(session, round_)
    names = dict(session.exec(select(Round.id, Round.name)).all())
    conflicts: list[GoldDispute] = []
    added = changed = same = 0
    left: dict[str, int] = defaultdict(int)
    for new, output, asked, reason in _offered(session, round_, rubric, kind=kind, by=by):
        if criteria is not None and asked not in criteria:
            continue
        if wanted is not None and output not in wanted:
            continue
        if reason is not None:
            left[reason] += 1
            continue
        new.output_id = ids[output]
        old = stored.get((output, new.criterion))
        if old is not None and _same(old, new):
            same += 1
            continue
        if old is not None and not replace and _elsewhere(old, new):
            conflicts.append(
                GoldDispute(
                    output, asked, old.label, old.how, names[old.round_id],
                    new.label, new.how,
                )
            )  # fmt: skip
            continue
        if old is None:
            added += 1
        else:
            changed += 1
        if dry_run:
            continue
        if old is not None:
            old.retired_at = now()
            session.add(old)
            session.flush()
        session.add(new)
    if not dry_run and (added or changed):
        events.record(
            session, "promoted gold", f"round:{round_.name}", by=by, kind=kind, added=added,
            changed=changed,
        )  # fmt: skip
    return Promotion(added, changed, same, conflicts, dict(left))


def _offered(
    session: Session, round_: Round, rubric: Rubric, *, kind: str, by: Rater | None
) -> Iterator[tuple[Gold, str, str, str | None]]:
    """What a round's consensus and ideal answers would make gold: the label, its output's key, the
    criterion that was asked, and why it cannot be."""
    assert round_.id is not None
    common: dict[str, Any] = {
        "output_id": 0,  # the caller's, who has looked them up
        "round_id": round_.id,
        "rubric_hash": rubric.hash,
        "kind": kind,
        "promoted_by": by.id if by else None,
    }
    for decision in adjudication.decisions(session, round_):
        result = decision.consensus
        undecided = result.value is None or decision.open
        gold = Gold(
            **common,
            criterion=decision.criterion,
            value=result.value,
            label=decision.label or "",
            votes={f"{value:g}": n for value, n in sorted(result.votes.items())},
            agreement=result.agreement,
            how=result.how,
            raters=[*decision.raters, *filter(None, [decision.adjudicated_by])],
        )
        reason = (result.reason or result.how) if undecided else None
        yield gold, decision.output, decision.criterion, reason
    for ideal in references.ideals(session, round_, by=by):
        gold = Gold(
            **common,
            # One reference a case, whatever the criterion is called that asked for it.
            criterion=gold_file.REFERENCE,
            value=None,
            text=ideal.chosen,
            label=" ".join((ideal.chosen or "").split())[:LABEL],
            votes={},
            agreement=1.0,
            how=ideal.how,
            raters=[name for name, _ in ideal.written],
        )
        yield gold, ideal.output, ideal.criterion, ideal.reason


def _known_kind(kind: str | None) -> None:
    if kind is not None and kind not in KINDS:
        raise BadInput(f"kind {kind!r} is not one of {', '.join(KINDS)}")


def _same(old: Gold, new: Gold) -> bool:
    """Whether a promotion would change nothing that matters.

    A later round that comes to the same value confirms the label; the first one stays its source.
    """
    said = [(gold.value, gold.text, gold.label, gold.kind) for gold in (old, new)]
    if said[0] != said[1]:
        return False
    return old.round_id != new.round_id or (old.votes, old.how) == (new.votes, new.how)


def _elsewhere(old: Gold, new: Gold) -> bool:
    """Whether another round came to another value."""
    said = [(gold.value, gold.text, gold.label) for gold in (old, new)]
    return old.round_id != new.round_id and said[0] != said[1]


def _in_force(session: Session) -> dict[tuple[str, str], Gold]:
    rows = session.exec(
        select(Gold, Output.key)
        .join(Output, col(Output.id) == Gold.output_id)
        .where(col(Gold.retired_at).is_(None))
    )
    return {(key, gold.criterion): gold for gold, key in rows}


def _output_ids(session: Session, round_: Round) -> dict[str, int]:
    rows = session.exec(
        select(Output.key, Unit.output_id)
        .join(Unit, col(Unit.output_id) == Output.id)
        .where(Unit.round_id == round_.id)
    )
    return dict(rows.all())


@dataclass(frozen=True)
class GoldLabel:
    """A gold label in force, as lists and pages show it."""

    output: str
    segment: str
    criterion: str
    """`reference` for a text."""
    value: float | None
    """None for a text: an ideal answer, the case's reference."""
    label: str
    votes: dict[str, int]
    agreement: float
    how: str
    kind: str
    round: str
    raters: tuple[str, ...]
    text: str | None = None


def list_gold(
    session: Session,
    *,
    kind: str | None = None,
    round_name: str | None = None,
    by: Rater | None,
) -> list[GoldLabel]:
    """The gold labels in force, by output and criterion."""
    people.require_lead(session, by)
    statement = (
        select(Gold, Output, Round.name)
        .join(Output, col(Output.id) == Gold.output_id)
        .join(Round, col(Round.id) == Gold.round_id)
        .where(col(Gold.retired_at).is_(None))
        .order_by(Output.key, Gold.criterion)
    )
    _known_kind(kind)
    if kind is not None:
        statement = statement.where(Gold.kind == kind)
    if round_name is not None:
        statement = statement.where(Round.name == round_name)
    return [
        GoldLabel(
            output.key,
            output.segment,
            "reference" if gold.value is None else gold.criterion,
            gold.value,
            gold.label,
            gold.votes,
            gold.agreement,
            gold.how,
            gold.kind,
            name,
            tuple(gold.raters),
            gold.text,
        )  # fmt: skip
        for gold, output, name in session.exec(statement)
    ]


def lines(
    session: Session, *, kind: str | None = None, stamp: bool = False, by: Rater | None
) -> Iterator[gold_file.Line]:
    """The golden dataset's lines, one a case, sorted by id.

    stamp: record now as the time of export of labels that were never exported before; the same
    time is written at every later export, so that equal gold gives equal bytes.
    """
    people.require_lead(session, by)
    statement = (
        select(Gold, Output, Round.name, Rubric)
        .join(Output, col(Output.id) == Gold.output_id)
        .join(Round, col(Round.id) == Gold.round_id)
        .join(Rubric, col(Rubric.id) == Round.rubric_id)
        .where(col(Gold.retired_at).is_(None))
        .order_by(Output.key, Gold.criterion)
    )
    _known_kind(kind)
    if kind is not None:
        statement = statement.where(Gold.kind == kind)
    grouped: dict[str, list[tuple[Gold, Output, str, Rubric]]] = defaultdict(list)
    for gold, output, round_name, rubric in session.exec(statement):
        if stamp and gold.exported_at is None:
            gold.exported_at = now().replace(microsecond=0)
            session.add(gold)
        grouped[output.key].append((gold, output, round_name, rubric))
    for key in sorted(grouped):
        yield _line(grouped[key])


def _line(rows: list[tuple[Gold, Output, str, Rubric]]) -> gold_file.Line:
    newest, output, round_name, rubric = max(rows, key=lambda row: row[0].id or 0)
    labels = [(gold, gold.value, stored) for gold, _, _, stored in rows if gold.value is not None]
    in_files = {gold.criterion: _in_files(gold.criterion, stored) for gold, _, stored in labels}
    ideal = next((gold.text for gold, _, _, _ in rows if gold.text is not None), None)
    line: gold_file.Line = {
        "id": output.key,
        "input": output.input,
        "contexts": output.contexts,
        "response": output.response,
        "reference": output.reference if ideal is None else ideal,
        "configuration": output.configuration,
        "labels": {
            gold.criterion: {
                "value": in_files[gold.criterion](known),
                "label": gold.label,
                "votes": {
                    str(in_files[gold.criterion](float(value))): count
                    for value, count in gold.votes.items()
                },
                "agreement": round(gold.agreement, 6),
                "how": gold.how,
            }
            for gold, known, _ in labels
        },
        "kind": newest.kind,
        "segment": output.segment,
    }
    exported = max((g.exported_at for g, _, _, _ in rows if g.exported_at), default=None)
    line["provenance"] = {
        "round": round_name,
        "rubric": f"{rubric.name}@{rubric.version}",
        "rubric_hash": newest.rubric_hash,
        "raters": sorted({name for gold, _, _, _ in rows for name in gold.raters}),
        "exported_at": exported.isoformat().replace("+00:00", "Z") if exported else None,
        "hash": gold_file.content_hash(line),
    }
    return line


def _in_files(criterion: str, rubric: Rubric) -> Callable[[float], int | float | str]:
    """How files have a criterion's values: the number of a point, the id of an option."""
    options = rubric_versions.loaded(rubric).rating_key(criterion).options

    def written(value: float) -> int | float | str:
        if options:
            return options[int(value)]
        return int(value) if value.is_integer() else value

    return written


def merged(
    session: Session,
    text: str,
    *,
    name: str,
    kind: str | None = None,
    resolve: str | None = None,
    stamp: bool = False,
    by: Rater | None,
) -> gold_file.Merge:
    """The gold in force brought into a golden dataset's text; the file itself is the caller's.

    stamp: this is the export itself, not a preview: record when labels were first exported, and
    the export. With conflicts and no `resolve` nothing is recorded.
    """
    people.require_lead(session, by)
    if resolve is not None and resolve not in RESOLVE:
        raise BadInput(f"resolve {resolve!r} is not one of {', '.join(RESOLVE)}")
    preview = gold_file.merge(
        text,
        lines(session, kind=kind, by=by),
        name=name,
        earlier=_earlier(session),
        resolve=resolve,
    )
    if not stamp or preview.conflicts:
        return preview
    if not (preview.added or preview.changed or preview.same):
        raise BadInput(
            "there is no gold to export yet; `annotate gold promote ROUND` accepts a closed "
            "round's consensus"
        )
    result = gold_file.merge(
        text,
        lines(session, kind=kind, stamp=True, by=by),
        name=name,
        earlier=_earlier(session),
        resolve=resolve,
    )
    events.record(
        session,
        "exported gold",
        f"file:{name}",
        by=by,
        added=len(result.added),
        changed=len(result.changed),
        hash=result.hash,
    )
    return result


def diff(
    session: Session, path: Path, *, kind: str | None = None, by: Rater | None
) -> gold_file.Merge:
    """What a merge into this file would do; nothing is written."""
    return merged(session, read_text(path), name=path.name, kind=kind, by=by)


def export(
    session: Session,
    path: Path,
    *,
    kind: str | None = None,
    merge: bool = False,
    resolve: str | None = None,
    by: Rater | None,
) -> gold_file.Merge:
    """Write the golden dataset to a file, whole or not at all.

    merge: bring it into the file that stands there. With conflicts and no `resolve`, nothing is
    written and the result lists them.
    """
    if path.suffix.lower() in (".csv", ".tsv", ".parquet", ".gz", ".xlsx"):
        raise BadInput(f"{path.name}: a golden dataset is JSON Lines; name it {path.stem}.jsonl")
    if path.exists() and not merge:
        raise BadInput(f"{path.name} exists; add --merge to bring the gold into it")
    text = read_text(path) if path.exists() else ""
    result = merged(session, text, name=path.name, kind=kind, resolve=resolve, stamp=True, by=by)
    if not result.conflicts and result.text != text:
        temporary = path.with_name(path.name + ".part")
        try:
            temporary.write_bytes(result.text.encode())
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise BadInput(f"{path}: {error.strerror}; nothing was written") from None
    return result


def read_text(path: Path) -> str:
    """A golden dataset's text; it must exist and be UTF-8."""
    try:
        return decoded(path.read_bytes(), path.name)
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror}; check the path") from None


def decoded(data: bytes, name: str) -> str:
    """Bytes of a golden dataset as text; BadInput names the byte that is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{name}: byte {error.start} is not UTF-8; save it as UTF-8") from None


def _earlier(session: Session) -> dict[tuple[str, str], list[int | float | str]]:
    """Values that were gold once, by output and criterion; and references that were the case's."""
    rows = session.exec(
        select(Output, Gold, Rubric)
        .join(Output, col(Output.id) == Gold.output_id)
        .join(Round, col(Round.id) == Gold.round_id)
        .join(Rubric, col(Rubric.id) == Round.rubric_id)
        .where(
            sa.or_(
                col(Gold.text).is_not(None),
                sa.and_(col(Gold.retired_at).is_not(None), col(Gold.exported_at).is_not(None)),
            )
        )
    )
    found: dict[tuple[str, str], list[int | float | str]] = defaultdict(list)
    for output, old, rubric in rows:
        if old.value is not None:
            found[output.key, old.criterion].append(_in_files(old.criterion, rubric)(old.value))
        elif old.text is not None:
            # The output's own reference, and ideal answers that others have replaced.
            found[output.key, gold_file.REFERENCE].append(old.text)
            if output.reference is not None:
                found[output.key, gold_file.REFERENCE].append(output.reference)
    return found


def as_json(label: GoldLabel) -> dict[str, Any]:
    """A gold label as a JSON object."""
    return dict(json.loads(json.dumps(label.__dict__ | {"raters": list(label.raters)})))
