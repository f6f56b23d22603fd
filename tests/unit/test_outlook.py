"""What a round could tell, before it is launched."""

import io
import re

import pytest

from annotate import outputs, rounds
from annotate.design import checked
from annotate.reports.outlook import outlook
from annotate.rubric import Answer
from annotate.stats import detectable_shift, rate
from db.engine import Database
from tests.unit.desk_round import Desk


def planned(database: Database, **design: object) -> list[str]:
    """The outlook of a round of twelve units by Ada and Ben."""
    asked = {
        "name": "Next", "rubric": "answers", "units": 12, "overlap": 2, "raters": ("Ada", "Ben"),
    }  # fmt: skip
    with database.read() as session:
        return outlook(
            session, rounds.plan_round(session, checked(**{**asked, **design}), by=None), by=None
        )


def half_width(said: str, criterion: str) -> float:
    found = re.search(rf"{criterion} ±([0-9.]+)", said)
    assert found is not None, said
    return float(found[1])


def test_without_an_earlier_round_it_goes_by_what_is_usual(sqlite_database: Database) -> None:
    Desk(sqlite_database, units=40, overlap=2, raters=("Ada", "Ben"))
    whole, alpha = planned(sqlite_database)
    figure = rate(10, 12)
    assert figure.low is not None and figure.high is not None
    assert f"±{(figure.high - figure.low) / 2:.0%} as a whole (12 fresh units)" in whole
    assert alpha.endswith("(at an alpha near 0.6).")
    assert 0.2 < half_width(alpha, "quality") < 1.0


def test_an_earlier_round_is_the_pilot(sqlite_database: Database) -> None:
    """Ada and Ben nearly always agreed: so many units will tell more than is usual."""
    desk = Desk(sqlite_database, units=40, overlap=2, raters=("Ada", "Ben"))
    usual = half_width(planned(sqlite_database)[1], "quality")
    for name in ("Ada", "Ben"):
        while (place := desk.claim(name)) is not None:
            number = int(place.response.rsplit(" ", 1)[1])
            value = 1 + (number + (name == "Ben" and number == 3)) % 3
            failure = {"failure": Answer(tags=())} if value < 3 else {}
            desk.later(1)
            desk.submit(name, place, {"quality": Answer(value=value), **failure})
    desk.close()
    said = planned(sqlite_database)[1]
    assert "(as people agreed in R)" in said
    assert half_width(said, "quality") < usual


def test_anchors_of_an_earlier_round_tell_what_drift_would_be_found(
    sqlite_database: Database,
) -> None:
    desk = Desk(sqlite_database, units=40, overlap=2, raters=("Ada", "Ben"), anchors=9)
    desk.close()
    newer = b"\n".join(
        b'{"id": "n%d", "input": "Why?", "response": "So."}' % number for number in range(20)
    )
    with sqlite_database.write() as session:
        read = outputs.read_outputs(io.BytesIO(newer), name="newer.jsonl")
        outputs.import_outputs(session, read, by=None)
    said = planned(sqlite_database, anchors_from="R")[-1]
    shift = detectable_shift(0.6 / 3, tests=8)
    assert said.startswith(f"On 9 anchors a judge that moved by {shift:.2g} points")


def test_one_rater_a_unit_says_nothing_of_agreement(sqlite_database: Database) -> None:
    Desk(sqlite_database, units=40, overlap=2, raters=("Ada", "Ben"))
    (only,) = planned(sqlite_database, overlap=1)
    assert only.startswith("A pass rate near 85%")
    with pytest.raises(Exception, match="there is no round"):
        planned(sqlite_database, anchors_from="Nowhere")
