"""What an answer cost, at the prices of the moment; an unknown price is None and never zero."""

from collections.abc import Mapping
from decimal import Decimal

from genai_prices import Usage, calc_price

from annotate.judge.spec import Spec
from db.tables import now

MILLION = Decimal(1_000_000)


def source(spec: Spec) -> str | None:
    """Where the price of this judge's tokens is from, in words; None where nobody knows it."""
    if spec.engine == "lexical":
        return "no server is asked"
    if spec.prices is not None:
        return "the judge's file"
    if cost(spec, {"input": 1, "output": 1}) is not None:
        return "genai-prices"
    return None


def cost(spec: Spec, usage: Mapping[str, int], *, tier: str | None = None) -> float | None:
    """USD for so many tokens; None where the price is not known, or the server counts none."""
    if spec.engine == "lexical":
        return 0.0
    if not usage:
        return None
    cached = min(usage.get("cached", 0), usage.get("input", 0))
    if spec.prices is not None:
        paid = Decimal(str(spec.prices.input)) * (usage.get("input", 0) - cached)
        per_cached = spec.prices.input if spec.prices.cached is None else spec.prices.cached
        paid += Decimal(str(per_cached)) * cached
        paid += Decimal(str(spec.prices.output)) * usage.get("output", 0)
        return float(paid / MILLION)
    used = Usage(
        input_tokens=usage.get("input", 0),
        output_tokens=usage.get("output", 0),
        cache_read_tokens=cached,
    )
    try:
        found = calc_price(
            used,
            spec.model or "",
            provider_api_url=spec.server,
            genai_request_timestamp=now(),
            price_context={"service_tier": tier} if tier else None,
        )
    except (LookupError, ValueError):
        return None
    return float(found.total_price)
