"""Save and next at the page against its budget, over the real websocket; prints JSON.

    python -m tests.bench.bench_page

`annotate serve` in a process of its own, raters who speak Streamlit's protocol to it: they choose
an answer to each of four criteria, press "Submit and next", and the page is drawn with the next
unit. A round of 50,000 units of which each gets three raters.

- Its latency with 1,000 and with 200,000 ratings stored, one rater in turns, and their ratio.
- Its latency while 50 raters think 2 s between units, with 200,000 ratings stored, and a draft
  sent to the server for each unit.
"""

import asyncio
import json
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx2

from annotate import people
from annotate.identity import COOKIE
from tests.bench.bench_desk import FEW, MANY, RATERS, THINKING, Bench, prepared, summary
from tests.server import Server
from tests.websocket.rater import WebsocketRater, at_the_page

SECONDS = 40.0
PAIRS = 150
BLOCK = 10


def main() -> None:
    """Run all and print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        servers = {}
        for stored in (FEW, MANY):
            (Path(folder) / str(stored)).mkdir()
            bench = prepared(Path(folder) / str(stored) / "annotate.db", stored)
            servers[stored] = (bench, Server(Path(folder) / str(stored), bench.database))
        try:
            for _, server in servers.values():
                server.start()
            figures = asyncio.run(flat(servers)) | asyncio.run(thinking(*servers[MANY]))
        finally:
            for _, server in servers.values():
                server.stop()
        print(json.dumps(figures, indent=2))


async def flat(servers: dict[int, tuple[Bench, Server]]) -> dict[str, Any]:
    """Latency with few and many ratings stored, block by block in turns."""
    took: dict[int, list[float]] = {stored: [] for stored in servers}
    few, many = (at_the_page(server.base, token(bench, 0)) for bench, server in servers.values())
    async with few as first, many as second:
        raters = dict(zip(servers, (first, second), strict=True))
        opened = {stored: await rater.open() for stored, rater in raters.items()}
        for rater in raters.values():
            for _ in range(BLOCK):
                await save_and_next(rater)
        for _ in range(PAIRS // BLOCK):
            for stored, rater in raters.items():
                took[stored].extend([await save_and_next(rater) for _ in range(BLOCK)])
    p50 = {stored: statistics.median(times) for stored, times in took.items()}
    return {
        "first_draw_ms": {str(stored): round(1000 * s, 1) for stored, s in opened.items()},
        **{f"one_rater_ms_{stored}_ratings": summary(times) for stored, times in took.items()},
        "p50_200k_over_1k": round(p50[MANY] / p50[FEW], 3),
        "p50_200k_over_1k_budget": 1.2,
    }


async def thinking(bench: Bench, server: Server) -> dict[str, Any]:
    """Fifty raters who think 2 s: the budget's case."""
    times: list[float] = []
    drafts: list[float] = []
    everybody = asyncio.Barrier(RATERS)

    async def work(number: int, client: httpx2.AsyncClient) -> None:
        chance = random.Random(number)
        mine = token(bench, number)
        async with at_the_page(server.base, mine) as rater:
            await rater.open()
            await everybody.wait()
            end = time.perf_counter() + SECONDS
            await asyncio.sleep(chance.uniform(0, 2 * THINKING))
            while time.perf_counter() < end:
                pause = chance.uniform(0, 2 * THINKING)
                await asyncio.sleep(pause / 2)
                started = time.perf_counter()
                await keep_draft(client, server, mine, rater)
                drafts.append(time.perf_counter() - started)
                await asyncio.sleep(pause / 2)
                times.append(await save_and_next(rater))

    async with httpx2.AsyncClient() as client:
        await asyncio.gather(*(work(number, client) for number in range(RATERS)))
    return {
        "pairs": len(times),
        "save_and_next_ms_50_raters_thinking": summary(times),
        "save_and_next_ms_50_raters_thinking_budget": {"p50": 40, "p95": 150},
        "draft_ms_meanwhile": summary(drafts),
    }


async def save_and_next(rater: WebsocketRater) -> float:
    """Answer every criterion and submit; the seconds until the next unit is drawn."""
    before = rater.ending(":submit")
    for key in rater.matching(":choice"):
        rater.choose(key, rater.widgets[key].proto.options[3])
    seconds = await rater.press(before)
    assert rater.ending(":submit") != before, rater.texts
    return seconds


async def keep_draft(
    client: httpx2.AsyncClient, server: Server, cookie: str, rater: WebsocketRater
) -> None:
    """As the page's script does after a change."""
    (page,) = (read for read in rater.read.values() if read.get("draft_url"))
    answer = await client.post(
        f"{server.base}/{page['draft_url']}",
        json={
            **{name: page[name] for name in ("assignment", "screen", "sitting", "version")},
            "entries": {"faithfulness:choice": "4"},
            "seconds": 1.0,
            "owner": page["name"].split(":")[0],
        },
        headers={"Cookie": f"{COOKIE}={cookie}"},
    )
    answer.raise_for_status()


def token(bench: Bench, number: int) -> str:
    """A sign-in of one of the raters."""
    with bench.database.write() as session:
        return people.sign_in_as(session, bench.raters[number], way="link")


if __name__ == "__main__":
    main()
