"""The `chat` engine: raw chat completions with a JSON schema, on any server that speaks OpenAI's
protocol.

Servers differ in what they accept. What one refuses is left out from then on, step by step: the
schema is asked for as `json_schema`, then as `json_object`, then in words alone; a parameter that
it names as unsupported is dropped. Nothing that could cost money is asked twice for that but the
request that was refused, which no server charges.
"""

import json
import os
import re
import time
from dataclasses import dataclass, field, replace
from datetime import date
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import aiohttp
import httpx2
import openai

from annotate.errors import BadInput
from annotate.judge.reply import Reply
from annotate.judge.spec import KEY_MEND, Spec, may_hold_a_key
from db.tables import now

Form = Literal["json_schema", "json_object", "words"]
FORMS: tuple[Form, ...] = ("json_schema", "json_object", "words")
MAX_RAW = 200_000
_UNKNOWN = re.compile(
    "unsupported|not support|unknown|unrecogni|unexpected|not permitted|not allowed|forbidden"
)
"""How servers say that they do not take a parameter or a form at all."""
NEVER_AGAIN = ("insufficient_quota", "billing_hard_limit_reached", "account_deactivated")
"""Codes of a 429 that no waiting mends."""


@dataclass
class Learned:
    """What this server and model have been found to accept."""

    form: Form = "json_schema"
    dropped: set[str] = field(default_factory=set)


def api_key(spec: Spec) -> str:
    """The key in the variable that the judge's file names; empty where there is none."""
    return os.environ.get(spec.api_key_env, "").strip()


def client(spec: Spec, *, http_client: httpx2.AsyncClient | None = None) -> openai.AsyncOpenAI:
    """The connection to a judge's server; BadInput where it needs a key and has none.

    http_client: through which it asks; None is the client's own.
    """
    if not may_hold_a_key(spec.api_key_env):
        raise BadInput(
            f"judge {spec.name}: api_key_env is {spec.api_key_env!r}; {KEY_MEND}, and add the "
            "judge's file again"
        )
    key = api_key(spec)
    if not key and spec.base_url is None:
        raise BadInput(
            f"{spec.api_key_env} is not set; put the API key into it, or name a server "
            "without one as base_url"
        )
    return openai.AsyncOpenAI(
        # A server on this machine asks for none, and the client insists on one.
        api_key=key or "none",
        base_url=spec.server,
        timeout=spec.timeout,
        http_client=http_client,
        # The run counts, pays and spaces every attempt itself.
        max_retries=0,
    )


async def shutdown_date(client_: openai.AsyncOpenAI, model: str) -> date | None:
    """The day on which the provider switches the model off, where it says so."""
    try:
        raw = await client_.models.with_raw_response.retrieve(model)
        said = json.loads(raw.text)
    except (openai.OpenAIError, aiohttp.ClientError, ValueError):
        return None
    found = said.get("shutdown_date") if isinstance(said, dict) else None
    try:
        return date.fromisoformat(found[:10]) if isinstance(found, str) else None
    except ValueError:
        return None


class ChatEngine:
    """One judge's server; close it when the run ends."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.learned = Learned()
        # Dozens of questions at once are mostly the processor's work, and this way it is least.
        self.client = client(spec, http_client=openai.DefaultAioHttpClient(timeout=spec.timeout))

    async def close(self) -> None:
        """Let go of the connections."""
        await self.client.close()

    async def ask(self, messages: list[dict[str, str]], schema: dict[str, Any]) -> Reply:
        """One answer; every failure is a `Reply` too."""
        started = time.perf_counter()
        while True:
            form, dropped = self.learned.form, frozenset(self.learned.dropped)
            try:
                # The client's own method would check and rebuild a body that is ours already.
                response = await self.client.post(
                    "/chat/completions",
                    cast_to=httpx2.Response,
                    body=self._request(messages, schema),
                )
            except openai.BadRequestError as error:
                if self._learn(error, form, dropped):
                    continue
                return failed(error, started)
            except openai.APIError as error:
                return failed(error, started)
            except (ValueError, UnicodeError, aiohttp.ClientError) as error:
                return Reply("transient", problem=f"unreadable response: {error}"[:2000])
            took = 1000 * (time.perf_counter() - started)
            return _read(response.text, response.headers.get("x-request-id"), took)

    def _request(self, messages: list[dict[str, str]], schema: dict[str, Any]) -> dict[str, Any]:
        wanted = {k: v for k, v in self.spec.parameters.items() if k not in self.learned.dropped}
        request: dict[str, Any] = {**wanted, "model": self.spec.model, "messages": messages}
        match self.learned.form:
            case "json_schema":
                request["response_format"] = {
                    "type": "json_schema",
                    "json_schema": {"name": "verdict", "schema": schema, "strict": True},
                }
                return request
            case "json_object":
                request["response_format"] = {"type": "json_object", "schema": schema}
        first, *rest = messages
        told = f"Answer with one JSON object of this schema and nothing else:\n{json.dumps(schema)}"
        request["messages"] = [{**first, "content": f"{first['content']}\n\n{told}"}, *rest]
        return request

    def _learn(self, error: openai.BadRequestError, form: Form, dropped: frozenset[str]) -> bool:
        """Whether the request is worth making again, with less: another may have learnt it."""
        if self.learned.form != form or frozenset(self.learned.dropped) != dropped:
            return True
        words = str(error).lower()
        if not _UNKNOWN.search(f"{error.code} {words}"):
            # This output's alone, say because it is too long: the next may be taken as it is.
            return False
        param = (error.param or "").partition(".")[0].partition("[")[0]
        for name in self.spec.parameters:
            if name not in dropped and (param == name or (not param and name in words)):
                self.learned.dropped.add(name)
                return True
        about_form = param == "response_format" or (
            not param and any(w in words for w in ("response_format", "json_schema", "json_object"))
        )
        if about_form and form != FORMS[-1]:
            self.learned.form = FORMS[FORMS.index(form) + 1]
            return True
        return False


def _read(text: str, request_id: str | None, latency_ms: float) -> Reply:
    """The reply in the body of a response with status 200."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return Reply("transient", problem="the response is no JSON", raw=text[:MAX_RAW])
    told = Reply(
        "transient",
        request_id=request_id,
        latency_ms=latency_ms,
        raw=text[:MAX_RAW],
        **_about(body),
    )
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        error = body.get("error") if isinstance(body, dict) else None
        said = error.get("message") if isinstance(error, dict) else error
        return replace(told, problem=f"no answer in the response: {said or 'it has no choices'}")
    choice = choices[0]
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    refusal, content = message.get("refusal"), message.get("content")
    reason = choice.get("finish_reason")
    if isinstance(refusal, str) and refusal:
        return replace(told, kind="refused", problem=refusal[:2000])
    if reason == "content_filter":
        return replace(told, kind="filtered", problem="the provider's filter took the answer away")
    if reason == "length":
        return replace(told, kind="truncated", problem="the answer was cut off at the token limit")
    if not isinstance(content, str) or not content.strip():
        return replace(told, kind="invalid", problem="the answer is empty")
    spread = choice.get("logprobs")
    tokens = spread.get("content") if isinstance(spread, dict) else None
    listed = [one for one in tokens if isinstance(one, dict)] if isinstance(tokens, list) else None
    return replace(told, kind="answered", content=content, tokens=listed)


def _about(body: Any) -> dict[str, Any]:
    """Who answered, and what it used."""
    if not isinstance(body, dict):
        return {}

    def text(name: str) -> str | None:
        return body[name][:200] if isinstance(body.get(name), str) else None

    usage = body.get("usage")
    counted: dict[str, int] = {}
    if isinstance(usage, dict):
        details = usage.get("prompt_tokens_details")
        cached = details.get("cached_tokens") if isinstance(details, dict) else None
        for name, value in (
            ("input", usage.get("prompt_tokens")),
            ("output", usage.get("completion_tokens")),
            ("cached", cached),
        ):
            if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                counted[name] = value
    return {
        "model": text("model"),
        "fingerprint": text("system_fingerprint"),
        "service_tier": text("service_tier"),
        "usage": counted,
    }


def failed(error: openai.APIError, started: float) -> Reply:
    """What came instead of an answer."""
    took = 1000 * (time.perf_counter() - started)
    if isinstance(error, openai.APIStatusError):
        code = str(error.code or "")
        said = error.message.removeprefix(f"Error code: {error.status_code} - ")
        problem = f"HTTP {error.status_code}: {said}"[:2000]
        request_id = error.request_id
        busy = error.status_code == 429 and code not in NEVER_AGAIN
        if busy or error.status_code in (408, 409) or error.status_code >= 500:
            return Reply("transient", problem=problem, retry_after=_retry_after(error),
                         busy=busy, request_id=request_id, latency_ms=took)  # fmt: skip
        if error.status_code in (400, 413, 422):
            # This output's alone: too long, or refused by a filter before it was read.
            kind = "filtered" if "content" in code and "filter" in code else "invalid"
            return Reply(kind, problem=problem, request_id=request_id, latency_ms=took)  # type: ignore[arg-type]
        return Reply("fatal", problem=problem, request_id=request_id, latency_ms=took)
    return Reply("transient", problem=_lost(error), latency_ms=took)


def _lost(error: openai.APIError) -> str:
    """Why there is no response at all."""
    # Of what aiohttp tells apart, the client makes a timeout of all.
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, aiohttp.ClientError):
        cause = cause.__cause__
    if isinstance(cause, aiohttp.ClientConnectorError):
        return f"no connection: {cause}"[:2000]
    if isinstance(cause, aiohttp.ClientError) and not isinstance(cause, aiohttp.ServerTimeoutError):
        return f"the server cut the connection: {cause}"[:2000]
    if isinstance(error, openai.APITimeoutError):
        return "the server did not answer in time"
    return f"no connection: {error.message}"[:2000]


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds that the server asks to wait, as its headers say it."""
    headers = error.response.headers
    for name, per_second in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        said = headers.get(name)
        if said is None:
            continue
        try:
            return max(0.0, float(said) / per_second)
        except ValueError:
            pass
        try:
            return max(0.0, (parsedate_to_datetime(said) - now()).total_seconds())
        except (TypeError, ValueError):
            pass
    return None
