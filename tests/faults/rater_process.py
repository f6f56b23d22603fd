"""One rater at the desk, as a process of its own that may be killed at any moment."""

import json
import os
import random
import time
from pathlib import Path

from annotate import desk, people, rounds
from annotate.desk import Place, Receipt
from annotate.rubric import Answer
from db.engine import Database
from db.tables import now


def main(url: str, name: str, receipts: Path, said: Path, seed: str) -> None:
    """Claim and submit until nothing is left for this rater; complaints go to the file `said`.

    Sometimes a draft is saved, a submission sent twice, or one undone and corrected. Each receipt
    is written, and on disk, after the transaction that it acknowledges has committed.
    """
    log = os.open(said, os.O_WRONLY | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    chance = random.Random(seed)
    database = Database(url)
    with receipts.open("a") as acknowledged:

        def submit(place: Place, resend: bool) -> None:
            key = f"{name} {chance.getrandbits(64):x}"
            receipt = send(database, name, place, key)
            line = {"key": key, "response": place.response, **vars(receipt), "at": None}
            acknowledged.write(json.dumps(line) + "\n")
            acknowledged.flush()
            os.fsync(acknowledged.fileno())
            if resend and not send(database, name, place, key).duplicate:
                raise AssertionError("a submission that was sent twice was stored twice")

        while (place := claim(database, name)) is not None:
            time.sleep(chance.uniform(0, 0.02))
            if chance.random() < 0.2:
                draft(database, name, place)
            submit(place, resend=chance.random() < 0.2)
            if chance.random() < 0.1:
                submit(undo(database, name), resend=False)
    database.dispose()


def claim(database: Database, name: str) -> Place | None:
    with database.write() as session:
        round_ = rounds.get_round(session, "R")
        return desk.claim_next(session, people.get_rater(session, name), round_, at=now())


def undo(database: Database, name: str) -> Place:
    with database.write() as session:
        round_ = rounds.get_round(session, "R")
        return desk.undo(session, people.get_rater(session, name), round_, at=now())


def draft(database: Database, name: str, place: Place) -> None:
    with database.write() as session:
        rater = people.get_rater(session, name)
        desk.save_draft(session, rater, place.assignment_id, {"quality:choice": "1"}, at=now())


def send(database: Database, name: str, place: Place, key: str) -> Receipt:
    """Submit; the rating's rationale says which submission it came with."""
    with database.write() as session:
        return desk.submit(
            session,
            people.get_rater(session, name),
            place.assignment_id,
            {"quality": Answer(value=3, rationale=key)},
            idempotency_key=key,
            at=now(),
        )
