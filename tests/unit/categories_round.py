"""A small round on categories, filled from rows, for tests."""

import io
import json
from collections.abc import Mapping, Sequence

from annotate import exchange, outputs, people, rounds, rubric_versions
from annotate.design import Design
from db.engine import Database
from db.tables import Round

KINDS = """
name: kinds
criteria:
  - id: kind
    question: What is it?
    scale: categorical
    options: [{id: how-to, label: How-to}, {id: why, label: Why}, {id: other, label: Other}]
"""


def categories_round(
    database: Database, said: Mapping[str, Sequence[str]], **judged: Sequence[str]
) -> Round:
    """The round `K`: what each rater, and each judge, says of unit k00, k01 and so on."""
    units = len(next(iter(said.values())))
    with database.write() as session:
        rubric_versions.add_rubric(session, KINDS, source_name="kinds.yaml", by=None)
        lines = [{"id": f"k{n:02}", "input": "Q", "response": f"R {n}"} for n in range(units)]
        read = outputs.read_outputs(_file(lines), name="k.jsonl")
        outputs.import_outputs(session, read, by=None)
        for name in said:
            people.add_rater(session, name)
        for name in judged:
            people.add_rater(session, name, kind="judge")
        design = Design(
            name="K", rubric="kinds", units=units, overlap=len(said), raters=tuple(said)
        )
        rounds.launch_round(session, design, by=None)
    for kind, of_kind in (("human", said), ("judge", judged)):
        rows = [
            {"output_id": f"k{n:02}", "rater": name, "criterion": "kind", "value": value}
            for name, values in of_kind.items()
            for n, value in enumerate(values)
        ]
        if rows:
            with database.write() as session:
                exchange.import_ratings(
                    session, _file(rows), round=rounds.get_round(session, "K"), name="r.jsonl",
                    kind=kind, by=None,
                )  # fmt: skip
    with database.read() as session:
        return rounds.get_round(session, "K")


def _file(rows: Sequence[Mapping[str, object]]) -> io.BytesIO:
    return io.BytesIO("\n".join(map(json.dumps, rows)).encode())
