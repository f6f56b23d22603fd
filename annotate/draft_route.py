"""`POST /desk/draft`: what stands in a rater's form is kept at every change, without a script run.

Asked by the page's own script, also without entries: somebody is at work. Every answer is JSON:
`{"at", "held", "version"}` when the draft is stored, else `{"problem"}` in words for the
rater. A 409 has a `kind`: `newer` comes with the `draft` that another screen has stored and its
`version`; `person` when somebody else is signed in than whose page it is; `ended` when the unit
takes no drafts any more.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from annotate import desk, submission
from annotate.doors import from_elsewhere
from annotate.errors import (
    AnnotateError,
    DraftOutdated,
    RoundClosed,
    StaleAssignment,
    in_words,
)
from annotate.identity import RATER_HEADER
from annotate.workspace import open_database
from db.engine import DatabaseError
from db.tables import Rater, now

PATH = "/desk/draft"
MAX_BYTES = 2_000_000


class Said(BaseModel):
    """A request: which unit, what stands in its form, and how long it was worked on; and which
    screen says so, whose it is, and from which sitting and draft it was drawn."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    assignment: int = Field(gt=0, lt=2**63)
    entries: dict[str, Any] | None
    seconds: float
    owner: str
    screen: str = Field(max_length=64)
    sitting: int
    version: int


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
        return JSONResponse(await run_in_threadpool(_keep, int(rater), said))
    except _OfAnother as error:
        return _refused(409, in_words(error), kind="person")
    except DraftOutdated as error:
        return _refused(
            409, in_words(error), kind="newer", draft=error.draft, version=error.version
        )
    except (StaleAssignment, RoundClosed) as error:
        return _refused(409, in_words(error), kind="ended")
    except AnnotateError as error:
        return _refused(422, in_words(error))
    except DatabaseError as error:
        return _refused(503, in_words(error))


async def _read(request: Request) -> Said:
    """What the request says; ValueError where it cannot be read."""
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
    return Said.model_validate_json(bytes(body))


def _keep(rater_id: int, said: Said) -> dict[str, Any]:
    at = now()
    with open_database().write() as session:
        rater = session.get_one(Rater, rater_id)
        if said.owner != submission.drafts_of(rater):
            raise _OfAnother("somebody else is signed in in this browser now; reload the page")
        kept = desk.save_draft(
            session,
            rater,
            said.assignment,
            said.entries,
            seconds=said.seconds,
            screen=said.screen,
            version=said.version,
            sitting=said.sitting,
            at=at,
        )
    return {
        "at": at.isoformat(),
        "held": kept.held_until is not None,
        "version": kept.version,
    }


class _OfAnother(AnnotateError):
    """The page was drawn for another person, or from another workspace at this address."""


def _refused(status: int, problem: str, **more: Any) -> Response:
    return JSONResponse({"problem": problem, **more}, status_code=status)
