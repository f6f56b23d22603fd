"""The `chat` engine: raw chat completions with a JSON schema, on any server that speaks OpenAI's
protocol.

Servers differ in what they accept. What one refuses is left out from then on, step by step: the
schema is asked for as `json_schema`, then as `json_object`, then in words alone; a parameter that
it names as unsupported is dropped. Nothing that could cost money is asked twice for that but the
request that was refused, which no server charges.
"""

import asyncio
import json
import os
import re
import ssl
import time
from dataclasses import dataclass, field, replace
from datetime import date
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

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
MAX_BODY = 8_000_000
"""No answer is that long: what sends more is not read to its end."""
LONGEST = 10
"""So many times the timeout may an answer take that has begun: servers send spaces meanwhile."""
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


@cache
def _certificates() -> ssl.SSLContext:
    """Whom to believe: read once, which takes as long as a question."""
    return httpx2.create_ssl_context()


def client(spec: Spec) -> openai.AsyncOpenAI:
    """The connection to a judge's server; BadInput where it needs a key and has none."""
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
        http_client=openai.DefaultAsyncHttpxClient(
            timeout=spec.timeout, verify=_certificates(), proxy=_proxy(spec.server), trust_env=False
        ),
        # The run counts, pays and spaces every attempt itself.
        max_retries=0,
    )


async def shutdown_date(client_: openai.AsyncOpenAI, model: str) -> date | None:
    """The day on which the provider switches the model off, where it says so."""
    try:
        raw = await client_.models.with_raw_response.retrieve(model)
        said = json.loads(raw.text)
    except (openai.OpenAIError, ValueError, RecursionError):
        return None
    found = said.get("shutdown_date") if isinstance(said, dict) else None
    try:
        return date.fromisoformat(found[:10]) if isinstance(found, str) else None
    except ValueError:
        return None


class ChatEngine:
    """One judge's server; close it when the run ends.

    What is asked is what OpenAI's client would ask, with its headers, and fails as it would. It is
    sent without that client, whose way of sending takes more of the processor than everything else
    that is done about a question: with dozens at once the server would wait for us.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.learned = Learned()
        self.client = client(spec)
        self._url = f"{spec.server}/chat/completions"
        said = {**self.client.default_headers, **self.client.auth_headers}
        self._headers = {name: value for name, value in said.items() if isinstance(value, str)}
        self._open: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Let go of the connections."""
        await self.client.close()
        if self._open is not None:
            await self._open.close()

    async def _post(self, request: dict[str, Any]) -> tuple[str, str | None]:
        """The body of the response and its `x-request-id`; raises what OpenAI's client raises."""
        if self._open is None:
            patience = self.spec.timeout
            self._open = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(sock_connect=patience, sock_read=patience),
                connector=aiohttp.TCPConnector(limit=0, ssl=_certificates()),
                proxy=_proxy(self._url),
            )
        body = json.dumps(request, ensure_ascii=False).encode(errors="replace")
        async with (
            # A proxy that is silent, and a server that does not read, count as silence too.
            asyncio.timeout(self.spec.timeout) as patience_left,
            self._open.post(self._url, data=body, headers=self._headers) as response,
        ):
            begun = asyncio.get_running_loop().time()
            patience_left.reschedule(begun + LONGEST * self.spec.timeout)
            text = await _body(response)
            if response.status >= 400:
                raise _refused(self._url, response, text)
            return text, response.headers.get("x-request-id")

    async def ask(self, messages: list[dict[str, str]], schema: dict[str, Any]) -> Reply:
        """One answer; every failure is a `Reply` too."""
        started = time.perf_counter()
        while True:
            form, dropped = self.learned.form, frozenset(self.learned.dropped)
            try:
                text, request_id = await self._post(self._request(messages, schema))
            except openai.APIStatusError as error:
                if error.status_code == 400 and self._learn(error, form, dropped):
                    continue
                return failed(error, started)
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                took = 1000 * (time.perf_counter() - started)
                return Reply("transient", problem=_lost(error), latency_ms=took)
            took = 1000 * (time.perf_counter() - started)
            return _read(text, request_id, took)

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

    def _learn(self, error: openai.APIStatusError, form: Form, dropped: frozenset[str]) -> bool:
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


def _proxy(url: str) -> str | None:
    """Through which proxy the environment has this address asked."""
    parts = urlsplit(url)
    if proxy_bypass(parts.netloc) or proxy_bypass(parts.hostname or ""):
        return None
    found = getproxies().get(parts.scheme) or getproxies().get("all")
    if not found:
        return None
    found = found if "://" in found else f"http://{found}"
    if urlsplit(found).scheme not in ("http", "https"):
        raise BadInput(
            f"the environment has {parts.hostname} asked through the proxy "
            f"{without_credentials(found)}, and only HTTP proxies are spoken to: set "
            f"{parts.scheme}_proxy to one, or name the server in no_proxy"
        )
    return found


async def _body(response: aiohttp.ClientResponse) -> str:
    said = bytearray()
    async for some in response.content.iter_any():
        said += some
        if len(said) > MAX_BODY:
            raise ValueError(f"it is longer than {MAX_BODY:,} bytes")
    return said.decode(errors="replace")


def _refused(url: str, response: aiohttp.ClientResponse, text: str) -> openai.APIStatusError:
    """A response that is no answer, as OpenAI's client would raise it."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    error = body.get("error", body) if isinstance(body, dict) else body
    return openai.APIStatusError(
        _words(error) or text.strip() or f"Error code: {response.status}",
        body=error,
        response=httpx2.Response(
            response.status, headers=response.raw_headers, request=httpx2.Request("POST", url)
        ),
    )


def _words(error: Any) -> str:
    """The reason that the body of a refusal gives; empty where it names none."""
    if not isinstance(error, dict):
        return error.strip() if isinstance(error, str) else ""
    said = error.get("message") or error.get("detail")
    if isinstance(said, list):
        # As FastAPI says it, beside a copy of what it was sent.
        found = [one for one in said if isinstance(one, dict) and isinstance(one.get("msg"), str)]
        said = "; ".join(
            f"{'.'.join(map(str, one.get('loc') or ['body']))}: {one['msg']}" for one in found
        )
    return said.strip() if isinstance(said, str) else ""


def _read(text: str, request_id: str | None, latency_ms: float) -> Reply:
    """The reply in the body of a response with status 200."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return Reply(
            "transient",
            problem="the response is no JSON",
            raw=text[:MAX_RAW],
            request_id=request_id,
            latency_ms=latency_ms,
        )
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
        # Nothing is there: most often the address is not what the judge's file should say.
        nowhere = error.status_code == 404 and not code
        where = f" at {error.request.url} (is base_url right?)" if nowhere else ""
        problem = f"HTTP {error.status_code}{where}: {said}"[:2000]
        request_id = error.request_id
        busy = error.status_code == 429 and code not in NEVER_AGAIN
        if busy or error.status_code in (408, 409) or error.status_code >= 500:
            return Reply("transient", problem=problem, retry_after=_retry_after(error),
                         busy=busy, request_id=request_id, latency_ms=took)  # fmt: skip
        if error.status_code in (400, 413, 422):
            # This output's alone: too long, or refused by a filter before it was read.
            kind = "filtered" if "content" in code and "filter" in code else "invalid"
            # Without words of the server's the body may hold what it was sent, or a number of its own.
            alike = "" if _words(error.body) else f"HTTP {error.status_code}"
            return Reply(kind, problem=problem, alike=alike, request_id=request_id, latency_ms=took)  # type: ignore[arg-type]
        return Reply("fatal", problem=problem, request_id=request_id, latency_ms=took)
    return Reply("transient", problem=_lost(error), latency_ms=took)


def without_credentials(text: str) -> str:
    """Errors name addresses, and a proxy's holds a name and a password."""
    return re.sub(r"(?<=//)[^/?#'\"\s]+@", "", text)


def _lost(error: Exception) -> str:
    """Why there is no response at all."""
    return without_credentials(_why(error))[:2000]


def _why(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"no connection: the proxy says {error.status} {error.message}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"no connection: {error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        refused = isinstance(error.os_error, ConnectionRefusedError)
        why = (
            "nothing listens there; is base_url right?"
            if refused
            else error.strerror or error.os_error
        )
        return f"no connection: {error.host}:{error.port}: {why}"
    if isinstance(error, TimeoutError | openai.APITimeoutError):
        return "the server did not answer in time"
    cut = aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | aiohttp.ClientPayloadError
    if isinstance(error, cut):
        return f"the server cut the connection: {error}"
    if isinstance(error, openai.APIError):
        return f"no connection: {error.message}"
    return f"unreadable response: {error}"


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
