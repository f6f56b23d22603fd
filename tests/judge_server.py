"""A server that speaks the judge's protocol over a real socket, for tests: it answers by what it is
given, fails where it is told to, and keeps a log of every request and what it charged."""

import asyncio
import json
import math
import re
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

_DATA = re.compile(r"<(data-[^>]+)>\n(.*)\n</\1>", re.DOTALL)

Fault = Callable[[dict[str, Any]], Response]


@dataclass
class Asked:
    """One request."""

    body: dict[str, Any]
    data: dict[str, Any]
    """What was to be judged."""
    criterion: str
    """Its question."""
    status: int = 0
    usage: dict[str, int] = field(default_factory=dict)


@dataclass
class JudgeServer:
    """What it says, and what it was asked."""

    level: Callable[[dict[str, Any], str], Any] = lambda _data, _criterion: 1
    """The level for what is judged, on a criterion by its question."""
    spread: Callable[[dict[str, Any]], dict[str, float]] | None = None
    """Probabilities of the levels, where it tells them."""
    shutdown: str | None = None
    """When the model is switched off, where the provider says so."""
    latency: float = 0.0
    model: str = "stub-1"
    fingerprint: str = "fp-1"
    refuses: tuple[str, ...] = ()
    """Parameters that it does not take."""
    forms: tuple[str, ...] = ("json_schema", "json_object")
    """Forms of a response that it takes."""
    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    """What happens instead, in turn, to whatever holds this text."""
    log: list[Asked] = field(default_factory=list)
    open: int = 0
    most_open: int = 0
    base: str = ""

    @property
    def answered(self) -> list[Asked]:
        """The requests that were answered and charged."""
        return [asked for asked in self.log if asked.usage]

    def sum(self, name: str) -> int:
        """Tokens that it has charged."""
        return sum(asked.usage[name] for asked in self.answered)

    async def retrieve(self, request: Request) -> Response:
        """`GET /v1/models/{model}`."""
        name = request.path_params["name"]
        told = {"id": name, "object": "model", "created": 1, "owned_by": "stub"}
        return JSONResponse(told | ({"shutdown_date": self.shutdown} if self.shutdown else {}))

    async def complete(self, request: Request) -> Response:
        """`POST /v1/chat/completions`."""
        came = time.monotonic()
        body = await request.json()
        last = body["messages"][-1]["content"]
        found = _DATA.search(last)
        data = json.loads(found.group(2)) if found else {}
        question = re.search(r"^CRITERION: (.*)$", body["messages"][0]["content"], re.MULTILINE)
        asked = Asked(body, data, question.group(1) if question else "")
        self.log.append(asked)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            if self.latency:
                await asyncio.sleep(came + self.latency - time.monotonic())
            response = self._answer(asked)
            asked.status = response.status_code
            return response
        finally:
            self.open -= 1

    def _answer(self, asked: Asked) -> Response:
        body = asked.body
        for name in self.refuses:
            if name in body:
                return error(400, f"Unsupported parameter: '{name}'", param=name)
        form = (body.get("response_format") or {}).get("type", "words")
        if form != "words" and form not in self.forms:
            return error(400, f"'{form}' is not supported", param="response_format")
        text = json.dumps(asked.data, ensure_ascii=False)
        for key, faults in self.faults.items():
            if key in text and faults:
                fault = faults.pop(0)
                response = fault(body)
                said = bytes(response.body)
                if response.status_code == 200 and said.startswith(b"{"):
                    asked.usage = _counted(json.loads(said).get("usage") or {})
                return response
        content = json.dumps(
            {
                "evidence": [],
                "critique": f"Of {len(text)} characters.",
                "injection_suspected": False,
                "level": self.level(asked.data, asked.criterion),
            }
        )
        response = completion(content, body, model=self.model, fingerprint=self.fingerprint)
        if self.spread is not None:
            told = json.loads(bytes(response.body))
            told["choices"][0]["logprobs"] = _logprobs(content, self.spread(asked.data))
            response = JSONResponse(told)
        asked.usage = _counted(json.loads(bytes(response.body))["usage"])
        return response


def _logprobs(content: str, spread: dict[str, float]) -> dict[str, Any]:
    """The tokens of an answer; that of the level with its alternatives."""
    before, _, level = content.rpartition(": ")
    others = [{"token": w, "logprob": math.log(p)} for w, p in spread.items() if p > 0]
    return {
        "content": [
            {"token": f"{before}: ", "top_logprobs": []},
            {"token": level.rstrip("}"), "top_logprobs": others},
            {"token": "}", "top_logprobs": []},
        ]
    }


def completion(
    content: str | None,
    body: dict[str, Any],
    *,
    finish: str = "stop",
    refusal: str | None = None,
    model: str = "stub-1",
    fingerprint: str | None = "fp-1",
) -> Response:
    """A chat completion as OpenAI's servers give it."""
    asked = sum(len(m["content"]) for m in body["messages"]) // 4
    said = len(content or refusal or "") // 4 + 1
    return JSONResponse(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": model,
            "system_fingerprint": fingerprint,
            "choices": [
                {
                    "index": 0,
                    "finish_reason": finish,
                    "message": {"role": "assistant", "content": content, "refusal": refusal},
                }
            ],
            "usage": {
                "prompt_tokens": asked,
                "completion_tokens": said,
                "total_tokens": asked + said,
            },
        }
    )


def error(
    status: int,
    message: str,
    *,
    code: str | None = None,
    param: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """An error as OpenAI's servers give it."""
    return JSONResponse(
        {"error": {"message": message, "type": "error", "code": code, "param": param}},
        status_code=status,
        headers=headers,
    )


def _counted(usage: dict[str, Any]) -> dict[str, int]:
    return (
        {"input": usage.get("prompt_tokens", 0), "output": usage.get("completion_tokens", 0)}
        if usage
        else {}
    )


@contextmanager
def serving(server: JudgeServer) -> Iterator[JudgeServer]:
    """The server on a free port while the block runs."""
    app = Starlette(
        routes=[
            Route("/v1/chat/completions", server.complete, methods=["POST"]),
            Route("/v1/models/{name}", server.retrieve),
        ]
    )
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    running = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=lambda: running.run(sockets=[listener]), daemon=True)
    thread.start()
    server.base = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    try:
        while not running.started:
            if not thread.is_alive():
                raise RuntimeError("the judge's server did not start")
            threading.Event().wait(0.01)
        yield server
    finally:
        running.should_exit = True
        thread.join(timeout=10)
        listener.close()
