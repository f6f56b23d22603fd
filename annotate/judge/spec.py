"""`judge.yaml`: which model grades what, by which rubric, and how it is asked."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from annotate import rubric_file
from annotate.errors import BadRubric
from annotate.rubric_file import Kind
from annotate.rubric_text import Number, Slug, Text, Words, bad, refusal

Engine = Literal["chat", "decisions", "lexical"]
Part = Literal["input", "contexts", "response", "reference"]

OPENAI = "https://api.openai.com/v1"
BOUNDS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
"""Parameters by which a judge's file bounds its answers."""
DECIDES = ("model", "messages", "response_format", "stream", "n")
"""Parameters of a request that this product sets itself."""
NOT_DECISIVE = frozenset({"name", "api_key_env", "timeout", "concurrency", "prices", "samples"})
"""What of a judge's file cannot change an answer."""
MAX_SHOTS = 8
MAX_SAMPLES = 10
FILE = Kind(
    "judge",
    "write at least a name, a model and a rubric",
    "start with `name:`, `model:` and `rubric:` at the left margin",
)
_KEY_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*_(API_KEY|TOKEN)", re.ASCII)
_SECRET = re.compile(r"api[-_]?key|authorization|password|secret|(?:^|[-_])token$", re.IGNORECASE)
_MENDS = {
    "name": "give the judge a short name such as `strict`",
    "rubric": "name one of `annotate rubric list`",
    "criteria": "list ids of the rubric's criteria, or leave it out for all",
    "sees": "list some of input, contexts, response and reference",
    "needs": "list some of what it sees",
    "parameters": "write what its server takes as `name: value`, or leave it out",
    "shots": f"give a whole number from 0 to {MAX_SHOTS}",
    "samples": f"give a whole number from 1 to {MAX_SAMPLES}",
    "concurrency": "give a whole number from 1 to 64",
    "timeout": "give seconds, more than 0 and 600 at most",
    "cut_points": "write `criterion: [score, ...]`, as `annotate judge refit` prints them",
    "prices": "write `{input: ..., output: ...}`, USD for a million tokens",
    **dict.fromkeys(("input", "output", "cached"), "give USD for a million tokens, 0 or more"),
}


class BadJudge(BadRubric):
    """A judge's file cannot be used: `judge.yaml: model: is missing; ...`."""


class Prices(BaseModel):
    """USD for a million tokens, where the price list does not know the model."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    input: Annotated[Number, Field(ge=0)]
    output: Annotated[Number, Field(ge=0)]
    cached: Annotated[Number, Field(ge=0)] | None = None


class Spec(BaseModel):
    """What a judge's file says. What can change an answer is in `decisive`; the rest is not.

    sees: what of an output the judge is shown; never who made it, nor what others said.
    needs: without one of these it cannot judge, and is not asked.
    criteria: which of the rubric's; empty for all that have values.
    parameters: sent with each request as they are; nothing is sent unless it is asked for here.
    shots: examples from the `shot` split for each criterion.
    critique: whether it gives evidence and reasons before its level.
    samples: how often each output is judged; more than once measures its own noise.
    cut_points: by criterion, the scores from which each next level is given instead of the one
        that the model named; fitted to people on the dev split, without a new call.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Slug
    engine: Engine = "chat"
    model: Text | None = None
    base_url: Text | None = None
    rubric: Text
    criteria: tuple[Slug, ...] = ()
    sees: tuple[Part, ...] = ("input", "contexts", "response")
    needs: tuple[Part, ...] = ("response",)
    parameters: dict[str, Any] = {}
    shots: Annotated[int, Field(ge=0, le=MAX_SHOTS, strict=True)] = 0
    critique: StrictBool = True
    samples: Annotated[int, Field(ge=1, le=MAX_SAMPLES, strict=True)] = 1
    cut_points: dict[Slug, tuple[Number, ...]] = {}
    api_key_env: Text = "OPENAI_API_KEY"
    timeout: Annotated[Number, Field(gt=0, le=600)] = 120.0
    concurrency: Annotated[int, Field(ge=1, le=64, strict=True)] = 8
    prices: Prices | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name, cuts in self.cut_points.items():
            # Two that are the same leave a point that nobody uses without an answer.
            if not cuts or list(cuts) != sorted(cuts):
                raise bad("do not rise", "give them in ascending order", f"cut_points.{name}")
        if self.engine == "lexical":
            for name in ("model", "base_url"):
                if getattr(self, name) is not None:
                    raise bad("is given for lexical, which asks no server", "leave it out", name)
            return self
        if self.model is None:
            raise bad("is missing", "name the model as its server calls it", "model")
        if self.base_url is not None:
            parts = urlsplit(self.base_url)
            if parts.username or parts.password:
                raise bad(
                    "holds a password",
                    "put the key into the variable api_key_env names",
                    "base_url",
                )
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise bad(
                    f"is {self.base_url[:60]!r}",
                    "write for example http://localhost:8092/v1",
                    "base_url",
                )
        for name in DECIDES:
            if name in self.parameters:
                raise bad("is decided by annotate", "leave it out", f"parameters.{name}")
        if "response" not in self.sees:
            raise bad("leaves out the response", "a judge must see what it judges", "sees")
        for name in self.needs:
            if name not in self.sees:
                raise bad(f"needs {name}, which the judge does not see", "add it to sees", "needs")
        return self

    @model_validator(mode="after")
    def _new(self, info: ValidationInfo) -> Self:
        """What a file may not say by now; versions that are stored already stay readable."""
        if (info.context or {}).get("stored"):
            return self
        if not may_hold_a_key(self.api_key_env):
            raise bad(f"is {self.api_key_env[:60]!r}", KEY_MEND, "api_key_env")
        for name in _names(self.parameters):
            if _SECRET.search(name.rpartition(".")[2]):
                raise bad(
                    "would be stored and shown",
                    "put the key into the variable that api_key_env names",
                    f"parameters.{name[:60]}",
                )
        parts = urlsplit(self.base_url or "")
        if parts.query or parts.fragment:
            raise bad(
                "has a part after the path, which may hold a key",
                "leave out what follows ? or #, and put the key into the variable that "
                "api_key_env names",
                "base_url",
            )
        for name in BOUNDS:
            bound = self.parameters.get(name, 1)
            if isinstance(bound, bool) or not isinstance(bound, int) or bound < 1:
                raise bad(
                    f"is {str(bound)[:60]!r}", "give a whole number above 0", f"parameters.{name}"
                )
        if self.engine != "chat" and self.shots:
            raise bad(
                f"is given for {self.engine}, which takes no examples", "leave it out", "shots"
            )
        if self.engine == "lexical" and self.parameters:
            raise bad("is given for lexical, which asks no server", "leave it out", "parameters")
        return self

    @property
    def server(self) -> str:
        """Where its model is asked."""
        return (self.base_url or OPENAI).rstrip("/")

    def document(self) -> dict[str, Any]:
        """The judge as JSON values; `from_document` reads it back."""
        return self.model_dump(mode="json", exclude_none=True)

    def decisive(self) -> dict[str, Any]:
        """What of it can change an answer."""
        # The rubric counts by what it says, not by its name.
        left_out = NOT_DECISIVE | {"rubric"} | (set() if self.cut_points else {"cut_points"})
        if self.engine != "chat":
            # Only a chat takes examples and gives reasons.
            left_out |= {"shots", "critique"}
        return self.model_dump(mode="json", exclude=set(left_out)) | {"base_url": self.server}


def _names(value: Any) -> Iterator[str]:
    """Every key of mappings within mappings and lists, with its path."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield str(name)
            yield from (f"{name}.{further}" for further in _names(inner))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _names(inner)


KEY_MEND = (
    "name a variable that ends in _API_KEY or _TOKEN; any other may hold what no judge's server is "
    "to be sent"
)


def may_hold_a_key(name: str) -> bool:
    """Whether the variable's name says that it holds the key of a server."""
    return _KEY_NAME.fullmatch(name) is not None


WORDS = Words({"": tuple(Spec.model_fields), "prices": tuple(Prices.model_fields)}, _MENDS)


def from_document(
    document: Mapping[str, Any], source: str = "judge.yaml", *, stored: bool = False
) -> Spec:
    """The judge that a document says; BadJudge names `source` and the path in it.

    stored: it is a version in the workspace, which was taken by the rules of its day.
    """
    try:
        return Spec.model_validate(dict(document), context={"stored": stored})
    except ValidationError as error:
        raise BadJudge(source, *refusal(error, WORDS)) from None


def parse(text: str, source: str = "judge.yaml") -> Spec:
    """The judge that a YAML text says; BadJudge says what is wrong, where, and the mend."""
    return from_document(rubric_file.document(text, source, FILE), source)


def load(path: Path | str) -> Spec:
    """The judge in a YAML file."""
    path = Path(path)
    return parse(rubric_file.read(path, FILE), path.name)


def digest(document: Any) -> str:
    """SHA-256 of a document as canonical JSON, sixteen hexadecimal digits."""
    canonical = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
