"""Every byte that a rater's page is sent in a blind round, over the real websocket.

What raters must not learn is given names that occur nowhere else, and looked for in all of it.
"""

import json
import re
import struct
from collections.abc import Iterable

import httpx2
import pytest
from google.protobuf.text_format import MessageToString
from sqlmodel import col, select
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from annotate import desk, exchange, outputs, people, rounds, rubric_versions
from annotate.design import Blind
from annotate.identity import COOKIE
from annotate.rounds import Design
from annotate.rubric import Answer
from db.engine import Database
from db.tables import Assignment, Rater, Unit, now
from tests.server import Seed, Server
from tests.websocket.conftest import cookie_of
from tests.websocket.rater import at_the_page, run

RUBRIC = """
name: two
criteria:
  - id: quality
    question: How good is it?
    scale: ordinal
    points:
      - {value: 1, label: Bad, anchor: It is wrong.}
      - {value: 2, label: Fair, anchor: It is half right.}
      - {value: 3, label: Good, anchor: It is right.}
  - {id: remark, question: Anything else?, scale: text, required: false}
"""
NOTHING = Blind(configuration=False, reference=False, metadata=False, signals=False)
OUTPUTS, UNITS, ANCHORS, REPEATS = 14, 9, 3, 3
OTHER = "Zoe-other-rater"
JUDGE = "judge-of-zq7"
JUDGED = 2.718281828
OF_THE_OUTPUT = (
    "configuration-zq7", "segment-zq7", "metadata-zq7", "reference-zq7", "case-zq7", "key-zq7",
    "98765.4321",
)  # fmt: skip
OF_OTHERS = (
    OTHER, JUDGE, "judge-rationale-zq7", "rationale-of-another-zq7", "remark-of-another-zq7",
    "draft-of-another-zq7", "skip-of-another-zq7", "flag-of-another-zq7",
)  # fmt: skip
PURPOSES = ("fresh", "repeat", "stratum", "purpose", "inclusion")
# The name of a purpose too, but the field's own word for a point's description as well.
ANCHOR = re.compile(rb"\banchor(?!s? )\b")


def fill(database: Database) -> None:
    file = database.path.with_name("outputs.jsonl")
    lines = [
        {
            "id": f"key-zq7-{n:02}", "case": f"case-zq7-{n:02}", "input": f"Question {n:02}?",
            "response": f"Answer {n:02}.", "contexts": [f"Passage {n:02}."],
            "configuration": "configuration-zq7", "segment": "segment-zq7",
            "reference": "reference-zq7", "metadata": {"team": "metadata-zq7"},
            "thumb": -1, "latency_ms": 98765.4321,
        }
        for n in range(OUTPUTS)
    ]  # fmt: skip
    file.write_text("\n".join(map(json.dumps, lines)))
    scores = database.path.with_name("judge.jsonl")
    scores.write_text(
        "\n".join(
            json.dumps(
                {"output_id": line["id"], "rater": JUDGE, "kind": "judge", "criterion": "quality",
                 "value": JUDGED, "rationale": "judge-rationale-zq7"}
            )
            for line in lines
        )
    )  # fmt: skip
    with database.write() as session:
        outputs.import_outputs(session, outputs.read_outputs(file), by=None)
        rubric_versions.add_rubric(session, RUBRIC, source_name="two.yaml", by=None)
        for name in ("Ana", OTHER):
            people.add_rater(session, name)
        people.add_rater(session, "Lea", role="lead")
        rounds.launch_round(
            session,
            Design(
                name="blind", rubric="two", units=UNITS, overlap=2, anchors=ANCHORS,
                repeats=REPEATS, raters=("Ana", OTHER), seed="7", hide=Blind(reference=True),
            ),
            by=None,
        )  # fmt: skip
    with database.write() as session:
        exchange.import_ratings(
            session, scores, round=rounds.get_round(session, "blind"), add_raters=True, by=None
        )
    rate_as_another(database)


def rate_as_another(database: Database) -> None:
    """The other rater says all that can be said; all of it is theirs."""
    with database.read() as session:
        zoe, round_ = people.get_rater(session, OTHER), rounds.get_round(session, "blind")
    for number in range(4):
        with database.write() as session:
            place = desk.claim_next(session, zoe, round_, at=now())
            assert place is not None
            aid = place.assignment_id
            desk.flag(session, zoe, aid, "flag-of-another-zq7", at=now())
            if number == 2:
                desk.skip(session, zoe, aid, "skip-of-another-zq7", at=now())
            elif number == 3:
                draft = {"remark:text": "draft-of-another-zq7"}
                desk.save_draft(session, zoe, aid, draft, at=now())
            else:
                answers = {
                    "quality": Answer(value=2, rationale="rationale-of-another-zq7"),
                    "remark": Answer(text="remark-of-another-zq7"),
                }
                desk.submit(session, zoe, aid, answers, idempotency_key=f"zoe {number}", at=now())


@pytest.fixture(scope="module")
def seed() -> Seed:
    return fill


def test_nothing_that_a_round_hides_is_ever_sent(server: Server) -> None:
    cookie = cookie_of(server, "Ana")
    sent, drawn = run(rate_all(server, cookie))

    with server.database.read() as session:
        purposes = dict(
            session.exec(
                select(Assignment.id, Unit.purpose)
                .join(Unit, col(Unit.id) == Assignment.unit_id)
                .join(Rater, col(Rater.id) == Assignment.rater_id)
                .where(Rater.name == "Ana", Assignment.state == "submitted")
            ).all()
        )
    assert len(purposes) == len(drawn) > UNITS
    assert set(purposes.values()) == {"fresh", "anchor", "repeat"}
    assert b"Answer 00." in sent or b"Answer 01." in sent
    for hidden in (*OF_THE_OUTPUT, *OF_OTHERS, *PURPOSES):
        assert hidden.encode() not in sent, hidden
    for number in (struct.pack("<d", JUDGED), struct.pack("<f", JUDGED), b"2.718"):
        assert number not in sent
    assert not ANCHOR.search(sent)
    # Nor can one purpose be told from another by anything else: but for numbers, the page is the
    # same. Before the first few there is nothing to undo and no pace, so that these differ.
    later = {unit: said for unit, said in drawn.items() if said}
    for early in list(later)[:3]:
        del later[early]
    assert {purposes[unit] for unit in later} == {"fresh", "anchor", "repeat"}
    assert len(set(later.values())) == 1


async def rate_all(server: Server, cookie: str) -> tuple[bytes, dict[int, str]]:
    """Rate everything, undo once, look at one's own work: all bytes, and each unit's page."""
    drawn: dict[int, str] = {}
    async with (
        httpx2.AsyncClient(headers={"Cookie": f"{COOKIE}={cookie}"}) as client,
        at_the_page(server.base, cookie) as rater,
        at_the_page(server.base, cookie, page="home") as work,
    ):
        await rater.open()
        answers = b""
        while rater.matching(":submit"):
            submit = rater.ending(":submit")
            unit = int(submit.split(":")[1])
            said = {"assignment": unit, "entries": {"quality:choice": "3"}, "seconds": 1.0}
            kept = await client.post(f"{server.base}/desk/draft", json=said)
            answers += kept.content + str(kept.headers).encode()
            # Kept by the browser's script as the rater chose it; the widget says the same.
            rater.choose(rater.ending("quality:choice"), "3 · Good")
            before = len(rater.frames)
            await rater.press(submit)
            if len(drawn) == 2 and "undo-last" in rater.widgets:
                await rater.press("undo-last")
                await rater.press(rater.ending(":submit"))
            elif rater.matching(":submit"):
                following = int(rater.ending(":submit").split(":")[1])
                drawn[following] = without_numbers(rater.frames[before:])
            drawn.setdefault(unit, "")
        await work.open()
    return b"".join((*rater.frames, *work.frames, answers)), drawn


def without_numbers(frames: Iterable[bytes]) -> str:
    """What is said on a page, with every number and random name taken out."""
    said = "\n".join(MessageToString(ForwardMsg.FromString(frame)) for frame in frames)
    return re.sub(r"[0-9a-f-]{36}|[0-9a-f]{32}|[0-9a-f]{16}|\d+(\.\d+)?(e-\d+)?", "#", said)


def test_what_a_round_shows_is_sent(server: Server) -> None:
    """Without this the test above could pass because it looks in the wrong place."""
    with server.database.write() as session:
        people.add_rater(session, "Open")
        rounds.launch_round(
            session,
            Design(name="open", rubric="two", units=2, overlap=1, raters=("Open",), hide=NOTHING),
            by=None,
        )

    async def look() -> bytes:
        async with at_the_page(server.base, cookie_of(server, "Open")) as rater:
            await rater.open()
        async with at_the_page(server.base, cookie_of(server, "Lea"), page="rounds") as lead:
            await lead.open()
        return b"".join((*rater.frames, *lead.frames))

    sent = run(look())
    for shown in ("configuration-zq7", "metadata-zq7", "reference-zq7", OTHER):
        assert shown.encode() in sent, shown
