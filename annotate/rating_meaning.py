"""What a row of a ratings file means here: rater, unit, criterion, and the numbers of its value."""

from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotate.errors import BadInput, BadRow
from annotate.rating_rows import KINDS, RatingFile, RatingRow
from annotate.rubric import Criterion, Rubric
from annotate.scale import RatingKey
from db.tables import Output, Rater, Round, Unit
from db.tables import Rubric as StoredRubric

LOOKED_UP = 1000
"""Ids in one question to the database."""


class Meaning:
    """Reads the rows of one file against one round (or none)."""

    def __init__(
        self,
        session: Session,
        file: RatingFile,
        *,
        round_: Round | None,
        kind: str | None,
        add_raters: bool,
    ) -> None:
        if kind is not None and kind not in KINDS:
            raise BadInput(f'--kind "{kind}" is not one of {", ".join(KINDS)}')
        self._session = session
        self._file = file
        self._round = round_
        self._kind = kind
        self._add_raters = add_raters
        self.new_raters: dict[str, str] = {}
        """Raters to be added: kind by name."""
        self.new_leads: set[str] = set()
        """Those of them who settled disputes."""
        raters = session.exec(select(Rater)).all()
        self._kinds = {rater.name: rater.kind for rater in raters}
        self._leads = {rater.name for rater in raters if rater.role == "lead"}
        self._criteria, self._clashes = _by_key(self._load_rubrics())
        self._codes: dict[tuple[str, Any, str], float] = {}
        self._units, self._unit_of_output = self._load_units()
        self._outputs = self._load_outputs()

    def shown(self, place: tuple[int | None, int]) -> str:
        """The unit (or the output outside the round) by its key, for messages."""
        unit, output = place
        if unit is not None:
            return next(key for key, (id_, _) in self._units.items() if id_ == unit)
        return next(key for key, id_ in self._outputs.items() if id_ == output)

    def _load_rubrics(self) -> list[Rubric]:
        statement = select(StoredRubric).order_by(col(StoredRubric.version).desc())
        if self._round is not None:
            statement = statement.where(StoredRubric.id == self._round.rubric_id)
        return [Rubric.from_document(stored.document) for stored in self._session.exec(statement)]

    def _load_units(self) -> tuple[dict[str, tuple[int, int]], dict[int, int]]:
        """(unit, output) by unit key; and the unit of an output that is not a repeat."""
        if self._round is None:
            return {}, {}
        rows: Any = self._session.connection().execute(
            sa.select(col(Unit.key), col(Unit.id), col(Unit.output_id), col(Unit.purpose)).where(
                col(Unit.round_id) == self._round.id
            )
        )
        by_key: dict[str, tuple[int, int]] = {}
        of_output: dict[int, int] = {}
        for key, id_, output_id, purpose in rows:
            by_key[key] = (id_, output_id)
            if purpose != "repeat":
                of_output[output_id] = id_
        return by_key, of_output

    def _load_outputs(self) -> dict[str, int]:
        wanted = list({row.output_id for row in self._file.rows if row.output_id is not None})
        found: dict[str, int] = {}
        for start in range(0, len(wanted), LOOKED_UP):
            rows: Any = self._session.connection().execute(
                sa.select(col(Output.key), col(Output.id)).where(
                    col(Output.key).in_(wanted[start : start + LOOKED_UP])
                )
            )
            found.update(dict(rows.all()))
        return found

    def is_lead(self, rater: str) -> bool:
        """Whether this rater may settle disputes; one who is added for it is added as a lead."""
        if rater in self.new_raters:
            self.new_leads.add(rater)
            return True
        return rater in self._leads

    def settle_kind(self, row: RatingRow) -> None:
        """Give the row its rater's kind."""
        said = row.kind or self._kind
        known = self._kinds.get(row.rater) or self.new_raters.get(row.rater)
        if known is None:
            if not self._add_raters:
                add = f"annotate rater add {row.rater!r}"
                raise self._bad(
                    row,
                    "rater",
                    f'"{row.rater}" is unknown',
                    f"add it with `{add}`, or pass --add-raters",
                )
            self.new_raters[row.rater] = known = said or "human"
        elif said is not None and said != known:
            raise self._bad(
                row,
                "kind",
                f"is {said}, but {row.rater} is a {known}",
                "correct the kind, or give this rater another name",
            )
        row.kind = known

    def place(self, row: RatingRow) -> tuple[int | None, int]:
        """(unit or None, output) that a row is about."""
        if row.round and (self._round is None or row.round != self._round.name):
            here = "no round is named" if self._round is None else f"not {self._round.name}"
            raise self._bad(
                row, "round", f"is {row.round}, {here}", f"import with --round {row.round}"
            )
        if row.unit is not None:
            if row.unit in self._units:
                return self._units[row.unit]
            where = "no round is named" if self._round is None else f"not in {self._round.name}"
            raise self._bad(
                row, "unit", f'"{row.unit}" is unknown ({where})', "name a unit of the round"
            )
        assert row.output_id is not None
        output = self._outputs.get(row.output_id)
        if output is None:
            raise self._bad(
                row,
                "output_id",
                f'"{row.output_id}" is unknown',
                "import the output first, or correct the id",
            )
        outside = row.round == "" and row.kind != "human"
        unit = None if outside else self._unit_of_output.get(output)
        if unit is None and row.kind == "human":
            if self._round is None:
                raise BadInput(
                    f"{self._file.name}: people's ratings belong to a round; pass --round NAME"
                )
            raise self._bad(
                row,
                "output_id",
                f'"{row.output_id}" is not in the sample of {self._round.name}',
                "take the row out, or launch a round that has the output",
            )
        return unit, output

    def said(self, row: RatingRow) -> list[tuple[str, float | None, str | None]]:
        """(criterion's key, value, text) of each rating in a row."""
        criterion, key = self._criterion(row)
        names = criterion.keys if key == criterion.id else (key,)
        if row.abstained is not None:
            if row.value not in (None, "", []) or row.text is not None:
                raise self._bad(
                    row, "abstained", f"is {row.abstained} beside a value", "keep one of the two"
                )
            return [(name, None, None) for name in names]
        try:
            if criterion.scale == "text":
                text = row.text if row.text is not None else row.value
                if not isinstance(text, str) or not text:
                    raise self._bad(row, "text", "is empty", "give a text, or say abstained")
                return [(key, None, text)]
            if row.value is None or (row.value == "" and criterion.scale != "tags"):
                raise self._bad(row, "value", "is empty", "give a value, or say abstained")
            if criterion.scale == "tags" and row.value == "" and row.kind != "human":
                # A judge that failed leaves the cell empty too: that is no answer.
                raise self._bad(row, "value", "is empty", "write [] if no tag applies")
            if criterion.scale == "tags" and key == criterion.id:
                chosen = criterion.tags(row.value)
                return [
                    (f"{key}.{option.id}", float(option.id in chosen), None)
                    for option in criterion.options
                ]
            return [(key, self._code(criterion, key, row), None)]
        except BadRow:
            raise
        except BadInput as error:
            problem, _, mend = str(error).rpartition("; ")
            raise self._bad(row, None, problem, mend) from None

    def _code(self, criterion: Criterion, key: str, row: RatingRow) -> float:
        """The number of a value; remembered, because few values make many rows."""
        raw, kind = row.value, row.kind or "human"
        if not isinstance(raw, str | int | float):
            return _rating_key(criterion, key).encode_any(raw, kind)
        # 1 and True are the same key to a dict, and not the same value.
        asked = (f"{type(raw).__name__}:{key}", raw, kind)
        found = self._codes.get(asked)
        if found is None:
            found = self._codes[asked] = _rating_key(criterion, key).encode_any(raw, kind)
        return found

    def _criterion(self, row: RatingRow) -> tuple[Criterion, str]:
        found = self._criteria.get(row.criterion)
        if found is None:
            known = ", ".join(key for key in self._criteria) or "none"
            where = (
                "any stored rubric" if self._round is None else f"the rubric of {self._round.name}"
            )
            raise self._bad(
                row, "criterion", f'"{row.criterion}" is not in {where}', f"use one of {known}"
            )
        if row.criterion in self._clashes:
            raise self._bad(
                row,
                "criterion",
                f'"{row.criterion}" has other values in the rubrics {self._clashes[row.criterion]}',
                "name the round whose rubric is meant: --round NAME",
            )
        return found, row.criterion

    def _bad(self, row: RatingRow, field: str | None, problem: str, mend: str) -> BadRow:
        return BadRow(self._file.name, row.row, field, problem, mend)


def _codes(criterion: Criterion) -> list[tuple[str, tuple[float, ...], tuple[str, ...]]]:
    """What a stored value of the criterion means, whatever its words."""
    return [(one.key, one.domain, one.options) for one in criterion.rating_keys]


def _by_key(rubrics: list[Rubric]) -> tuple[dict[str, Criterion], dict[str, str]]:
    """Criteria by id and by tag; and by key the two rubrics whose values mean different things."""
    found: dict[str, Criterion] = {}
    source: dict[str, str] = {}
    clashes: dict[str, str] = {}
    for rubric in rubrics:
        for criterion in rubric.criteria:
            for key in (criterion.id, *criterion.keys):
                known = found.setdefault(key, criterion)
                name = source.setdefault(key, rubric.name)
                if _codes(known) != _codes(criterion):
                    clashes.setdefault(key, " and ".join(sorted({name, rubric.name})))
    return found, clashes


def _rating_key(criterion: Criterion, key: str) -> RatingKey:
    return next(one for one in criterion.rating_keys if one.key == key)
