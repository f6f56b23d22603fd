"""`judge.yaml`: which model grades what, by which rubric, and how it is asked."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError, model_validator

from annotate import rubric_file
from annotate.errors import BadRubric
from annotate.rubric_text import Number, Slug, Text, bad, refusal

Engine = Literal["chat", "decisions", "lexical"]
Part = Literal["input", "contexts", "response", "reference"]

OPENAI = "https://api.openai.com/v1"
DECIDES = ("model", "messages", "response_format", "stream", "n")
"""Parameters of a request that this product sets itself."""
NOT_DECISIVE = frozenset({"name", "api_key_env", "timeout", "concurrency", "prices", "samples"})
"""What of a judge's file cannot change an answer."""
MAX_SHOTS = 8
MAX_SAMPLES = 10


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
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise bad(
                    f"is {self.base_url[:60]!r}",
                    "write for example http://localhost:8092/v1",
                    "base_url",
                )
            if parts.username or parts.password:
                raise bad(
                    "holds a password",
                    "put the key into the variable api_key_env names",
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
        return self.model_dump(mode="json", exclude=set(left_out)) | {"base_url": self.server}


def from_document(document: Mapping[str, Any], source: str = "judge.yaml") -> Spec:
    """The judge that a document says; BadJudge names `source` and the path in it."""
    try:
        return Spec.model_validate(dict(document))
    except ValidationError as error:
        raise BadJudge(source, *refusal(error)) from None


def parse(text: str, source: str = "judge.yaml") -> Spec:
    """The judge that a YAML text says; BadJudge says what is wrong, where, and the mend."""
    return from_document(rubric_file.document(text, source), source)


def load(path: Path | str) -> Spec:
    """The judge in a YAML file."""
    path = Path(path)
    return parse(rubric_file.read(path), path.name)


def digest(document: Any) -> str:
    """SHA-256 of a document as canonical JSON, sixteen hexadecimal digits."""
    canonical = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
