"""Two rounds of one panel, R and S, rated and scored by rule, for tests of what moved."""

import io
import json
from collections.abc import Iterable

from sqlmodel import col, select

from annotate import exchange, outputs, people, rounds, rubric_versions
from annotate.design import Design
from db.engine import Database
from db.tables import Output, Round, Unit
from tests.unit.desk_round import RUBRIC, Desk

UNITS = 24
SEGMENT = "hidden-segment"


def shown(cases: Iterable[str]) -> dict[str, object]:
    """The identity of a judge that was shown these cases as examples."""
    return {"spec": {}, "shots": {"quality": [{"case": case} for case in cases]}}


def truth(key: str) -> int:
    """What Ada, Ben and the judge say of an output: 1, 2, 3 in turn."""
    return 1 + int(key[1:]) % 3


def two_rounds(
    database: Database,
    *,
    anchors: int = 9,
    shared: bool = True,
    rubric: str | None = None,
    judge_moves: int = 0,
    seen: Iterable[str] = (),
    tags: bool = False,
) -> Desk:
    """R and S; S has the anchors of R, and UNITS outputs of its own, n00, n01 and so on.

    shared: whether S has them. rubric: the text of the version that S is launched with; None is
    R's own. judge_moves: how far it moves in S, where the scale has room. seen: cases that it was
    shown as examples. tags: whether people also give the tag `stale` wherever it is asked for.
    """
    desk = Desk(database, units=UNITS, overlap=2, raters=("Ada", "Ben"), anchors=anchors)
    _fill(database, "R", 0, tags=tags)
    desk.close()
    with database.write() as session:
        lines = [
            {"id": f"n{n:02}", "input": "Q", "response": f"R {n}", "segment": SEGMENT}
            for n in range(UNITS)
        ]
        file = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
        outputs.import_outputs(session, outputs.read_outputs(file, name="n.jsonl"), by=None)
        if rubric is not None:
            rubric_versions.add_rubric(session, rubric, source_name="answers.yaml", by=None)
        design = Design(
            name="S", rubric="answers", units=UNITS, overlap=2, raters=("Ada", "Ben"),
            baseline="R", anchors_from="R" if shared and anchors else None,
        )  # fmt: skip
        rounds.launch_round(session, design, by=None)
        people.get_rater(session, "Judge").identity = shown(seen)
    _fill(database, "S", judge_moves, tags=tags)
    with database.write() as session:
        rounds.close_round(session, "S", by=None)
    return desk


def _fill(database: Database, name: str, judge_moves: int, *, tags: bool) -> None:
    with database.write() as session:
        round_ = rounds.get_round(session, name)
        top = rounds.rubric_of(session, round_).rating_key("quality").domain[-1]
        keys = session.exec(
            select(Output.key)
            .join(Unit, col(Unit.output_id) == Output.id)
            .join(Round, col(Round.id) == Unit.round_id)
            .where(Round.name == name)
        ).all()
        for kind, raters, moved in (
            ("human", ("Ada", "Ben"), 0),
            ("judge", ("Judge",), judge_moves),
        ):
            rows = [
                {"output_id": key, "rater": rater, "criterion": "quality",
                 "value": min(top, truth(key) + moved)}
                for key in keys
                for rater in raters
            ]  # fmt: skip
            if tags and kind == "human":
                rows += [
                    {"output_id": key, "rater": rater, "criterion": "failure.stale", "value": 1}
                    for key in keys if truth(key) < top for rater in raters
                ]  # fmt: skip
            file = io.BytesIO("\n".join(map(json.dumps, rows)).encode())
            exchange.import_ratings(session, file, round=round_, name="r.jsonl", kind=kind, by=None)


FEWER = RUBRIC.replace("      - {value: 3, label: Good, anchor: It is right.}\n", "")
FEWER = FEWER.replace("quality < 3", "quality < 2")
RENAMED = RUBRIC.replace("label: Fair", "label: Poor")
CATEGORIES = """
name: answers
criteria:
  - id: quality
    scale: categorical
    options: [{id: bad, label: Bad}, {id: fair, label: Fair}, {id: good, label: Good}]
"""
REMARKED = RUBRIC.replace("id: remark", "id: comment")
