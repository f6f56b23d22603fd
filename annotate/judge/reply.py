"""What became of one request to a judge's server, whatever the server did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["answered", "refused", "truncated", "filtered", "invalid", "transient", "fatal"]


@dataclass(frozen=True)
class Reply:
    """One response, or what came instead of it.

    kind: `transient` may be asked again after a while; `fatal` stops the run, because every other
        request would meet the same; the others are this output's alone.
    """

    kind: Kind
    content: str = ""
    tokens: Sequence[Mapping[str, Any]] | None = None
    """The answer's tokens with their alternatives."""
    problem: str = ""
    alike: str = ""
    """What it has in common with others of its kind, where `problem` says more than that."""
    retry_after: float | None = None
    """Seconds that the server asks everybody to wait."""
    busy: bool = False
    """Whether it asked one too often: all wait then."""
    model: str | None = None
    fingerprint: str | None = None
    request_id: str | None = None
    service_tier: str | None = None
    usage: Mapping[str, int] = field(default_factory=dict)
    """input, output and cached tokens, as the server counts them."""
    latency_ms: float = 0.0
    raw: str | None = None
