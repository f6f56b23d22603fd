"""`POST /desk/draft`: what stands in a rater's form is kept at every change, without a script run.

Asked by the page's own script, also without entries: somebody is at work. Every answer is JSON: `{"at", "held"}` when the draft is stored,
else `{"problem"}` in words for the rater.
"""

import json
import math
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from annotate import desk
from annotate.doors import from_elsewhere
from annotate.errors import AnnotateError, RoundClosed, StaleAssignment, in_words
from annotate.identity import RATER_HEADER
from annotate.workspace import open_database
from db.engine import DatabaseError
from db.tables import Rater, now

PATH = "/desk/draft"
MAX_BYTES = 2_000_000


async def save_draft(request: Request) -> Response:
    """Keep the draft of one of the signed-in rater's own units."""
    if from_elsewhere(request):
        return _refused(403, "This page may not save drafts.")
    rater = request.headers.get(RATER_HEADER)
    if rater is None:
        return _refused(
            401,
            "You are not signed in any more, and the draft is only in this browser. "
            "Follow your personal link again.",
        )
    try:
        said = await _read(request)
    except ValueError:
        return _refused(400, "The draft could not be read. Reload the page.")
    try:
        return JSONResponse(await run_in_threadpool(_keep, int(rater), **said))
    except (StaleAssignment, RoundClosed) as error:
        return _refused(409, in_words(error))
    except AnnotateError as error:
        return _refused(422, in_words(error))
    except DatabaseError as error:
        return _refused(503, in_words(error))


async def _read(request: Request) -> dict[str, Any]:
    """The parts of the request's JSON; ValueError for anything else."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/json":
        raise ValueError(kind)
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > MAX_BYTES:
                raise ValueError("too long")
    except ClientDisconnect:
        raise ValueError("cut off") from None
    try:
        said = json.loads(body)
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(said, dict):
        raise ValueError("no object")
    assignment, entries, seconds = (said.get(k) for k in ("assignment", "entries", "seconds"))
    if not isinstance(assignment, int) or not 0 < assignment < 2**63:
        raise ValueError("assignment")
    if entries is not None and not isinstance(entries, dict):
        raise ValueError("entries")
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        raise ValueError("seconds")
    return {"assignment": assignment, "entries": entries, "seconds": float(seconds)}


def _keep(
    rater_id: int, assignment: int, entries: dict[str, Any] | None, seconds: float
) -> dict[str, Any]:
    at = now()
    with open_database().write() as session:
        rater = session.get_one(Rater, rater_id)
        held = desk.save_draft(session, rater, assignment, entries, seconds=seconds, at=at)
    return {"at": at.isoformat(), "held": held is not None}


def _refused(status: int, problem: str) -> Response:
    return JSONResponse({"problem": problem}, status_code=status)
