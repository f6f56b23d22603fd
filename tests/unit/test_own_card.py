"""The private card: worked out from the rater's own units, whatever the size of the round."""

import pandas as pd
import pytest
from sqlmodel import Session

from annotate import adjudication, own_card
from annotate.adjudication import Decision
from db.engine import Database
from db.tables import Round
from tests.unit.desk_round import FAIR, GOOD, Desk


def test_a_card_asks_for_the_raters_own_units_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a round of 50,000 units a rater has rated a thousand."""
    desk = Desk(database, units=8, overlap=2, repeats=1)
    own = {desk.rate("Ada") for _ in range(3)}
    for name, answers in (("Ben", FAIR), ("Cy", GOOD)):
        while desk.claim(name) is not None:
            desk.rate(name, answers)
    desk.close()
    looked_at: list[pd.DataFrame] = []
    whole = adjudication.decided

    def looked(session: Session, round_: Round, found: pd.DataFrame) -> list[Decision]:
        looked_at.append(found)
        return whole(session, round_, found)

    monkeypatch.setattr(adjudication, "decided", looked)
    with database.read() as session:
        card = own_card.card(session, desk.rater("Ada"), desk.round())
        decisions = {
            (d.unit, d.criterion): d.consensus.value
            for d in adjudication.decisions(session, desk.round())
        }
    (found, everything) = looked_at
    assert set(found["unit"]) == own < set(everything["unit"])
    assert {"Ada", "Ben"} <= set(found["rater"]), "the others on these units are there"
    # What it says is what the whole round says of these units.
    met = [decisions[unit, "quality"] == 3 for unit in own]
    assert (card.units, card.as_consensus) == (3, sum(met))
