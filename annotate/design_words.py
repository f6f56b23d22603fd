"""A round's design in plain words: what was drawn, who rates it, and what they see."""

from collections.abc import Mapping
from typing import Any

from annotate.design import Parameters

SIGNALS = {
    "thumbs_down": "Thumbs down",
    "regenerated": "Regenerated",
    "escalated": "Escalated",
}


def sentences(design: Mapping[str, Any]) -> list[str]:
    """What a frozen design says, a sentence each; `design` as the round stores it."""
    rubric = design["rubric"]
    return [
        f"Rubric {rubric['name']}@{rubric['version']}.",
        _sample(design),
        _anchors(design),
        *_kind(design),
        *_repeats(design["repeats"]),
        f"Each unit is rated by {design['overlap']} of: {', '.join(design['raters'])}.",
        f"Raters see {', '.join(design['shown'])}, and nothing else.",
        *([f"Judges to calibrate: {', '.join(design['judges'])}."] if design["judges"] else []),
        f"Drift is measured from round {design['baseline']}."
        if design["baseline"]
        else "No baseline round: drift is not measured.",
        f"Figures of fewer than {design['parameters']['minimum_units']} units are withheld.",
        _trust(Parameters.model_validate(design["parameters"])),
        f"A unit goes back after {design['lease_minutes']} minutes without activity.",
    ]


def _kind(design: Mapping[str, Any]) -> list[str]:
    """What makes the round another one than rating outputs one by one; by its newer fields."""
    said = []
    if rules := design.get("practice"):
        said.append(
            f"A practice on known answers: passed from {rules['pass_mark']:.0%} on, "
            f"{rules['tolerance']:g} points off an ordinal one are still as known."
        )
    if compared := design.get("compares"):
        said.append(
            f"Pairs: {compared[1]} against {compared[0]}, in an order that is each rater's own."
        )
    if blind := design.get("reveals"):
        said.append(f"Raters see how all voted in {blind}, and vote again.")
    if practised := design.get("qualified_by"):
        said.append(f"Every rater has passed {practised}.")
    if quota := design.get("quota"):
        said.append(f"Each rater gets at most {_counted(quota, 'unit')}.")
    return said


def _trust(parameters: Parameters) -> str:
    return (
        f"A judge is trusted from {parameters.of_ceiling:g} of people's own kappa on, with a bias "
        f"within {parameters.bias:.3g} of the scale; it is not to be used below "
        f"{parameters.poor_of_ceiling:g} or beyond {parameters.poor_bias:.3g}. People below a "
        f"kappa of {parameters.ceiling:g} calibrate no judge; epsilon is {parameters.epsilon:g}."
    )


def _sample(design: Mapping[str, Any]) -> str:
    strata = design["strata"]
    if design.get("practice") or design.get("reveals"):
        known = "with gold" if design.get("practice") else "that raters disagreed about"
        units = _counted(sum(s["anchors"] for s in strata), "unit")
        return f"{units} {known}, for every rater{_filters(design['filters'])}."
    fresh, population = (sum(s[name] for s in strata) for name in ("fresh", "population"))
    how = f"{design['allocate']} by segment" if design["by"] else "as a simple random sample"
    over = "".join(
        f", {count} of them from outputs with the signal {SIGNALS.get(signal, signal).lower()}"
        for signal, count in design["oversample"].items()
    )
    return (
        f"{_counted(fresh, 'fresh unit')} drawn from {_counted(population, 'output')}, {how}, "
        f"with seed {design['seed']}{over}{_filters(design['filters'])}."
    )


def chosen(filters: Mapping[str, Any]) -> str:
    """Which outputs filters leave, as they are stored; empty where they leave all."""
    said = [
        f"{name} {', '.join(filters[name])}"
        for name in ("segments", "configurations")
        if filters.get(name)
    ]
    if since := filters.get("since"):
        said.append(f"from {since[:10]} on")
    if until := filters.get("until"):
        said.append(f"before {until[:10]}")
    return "; ".join(said)


def _filters(filters: Mapping[str, Any]) -> str:
    said = chosen(filters)
    return f"; only {said}" if said else ""


def _anchors(design: Mapping[str, Any]) -> str:
    anchors = sum(s["anchors"] for s in design["strata"])
    if design.get("practice") or design.get("reveals"):
        return "Nothing is said of traffic: the units were not drawn from it."
    if not anchors:
        return "No anchors: no unit is meant to be rated again in a later round."
    if design["anchors_from"]:
        return f"{_counted(anchors, 'anchor')} of round {design['anchors_from']}, rated again."
    return f"{_counted(anchors, 'anchor')}, to be rated again in later rounds."


def _repeats(repeats: int) -> list[str]:
    if not repeats:
        return []
    verb = "is" if repeats == 1 else "are"
    return [f"{_counted(repeats, 'unit')} {verb} shown twice to the same rater, unannounced."]


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
