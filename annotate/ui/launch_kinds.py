"""What the kind of a round and its reports' thresholds add to the launch form."""

from typing import Any

import streamlit as st

from annotate.design import Parameters
from db.tables import Round

NONE = "None"
RATE, COMPARE, PRACTISE, NORM = "Rate outputs", "Compare pairs", "Practise", "Norm"
KINDS = {
    RATE: "Outputs one by one, to calibrate judges and make gold.",
    COMPARE: "Two configurations' outputs of one case side by side, in an order that is each "
    "rater's own. The rubric needs a preference; `pairwise` is one.",
    PRACTISE: "Cases with gold, the same for every rater, with the known answer after each. "
    "Units and raters count; sampling and anchors do not.",
    NORM: "What a closed round's raters disagreed about: each sees how all voted blind, you talk "
    "it over, and all vote again.",
}
KINDS_HELP = " ".join(f"{name}: {words}" for name, words in KINDS.items())


def kind_fields(kind: str, configurations: list[str], known: list[Round]) -> dict[str, Any]:
    """What the kind of round adds to the design, and what it takes away."""
    practices = [r.name for r in known if r.design.get("practice")]
    qualified = None
    if practices and kind != PRACTISE:
        chosen = st.selectbox("Raters must have passed", [NONE, *practices], key="launch_qualified")
        qualified = None if chosen == NONE else chosen
    quota = None
    if kind != PRACTISE:  # of which everybody rates every unit
        quota = st.number_input(
            "Units that one rater gets at most", min_value=1, value=None, key="launch_quota",
            placeholder="no limit",
        )  # fmt: skip
    fields: dict[str, Any] = {
        "qualified_by": qualified,
        "quota": None if quota is None else int(quota),
    }
    if kind == RATE:
        return fields
    plain: dict[str, Any] = {
        "anchors": 0,
        "anchors_from": None,
        "baseline": None,
        "judges": (),
        "oversample": {},
    }
    first, second = st.columns(2)
    if kind == COMPARE:
        base = first.selectbox("Base", configurations, key="launch_base")
        candidate = second.selectbox("Candidate", configurations, key="launch_candidate",
                                     index=min(1, len(configurations) - 1))  # fmt: skip
        return fields | plain | {"compares": (base, candidate)}
    if kind == PRACTISE:
        mark = first.number_input(
            "Passed from this share of known answers on", min_value=0.05, max_value=1.0,
            value=0.8, step=0.05, key="launch_pass_mark",
        )  # fmt: skip
        tolerance = second.number_input(
            "Points that an answer may be off", min_value=0.0, value=1.0, step=1.0,
            key="launch_tolerance",
        )  # fmt: skip
        return fields | plain | {
            "repeats": 0, "overlap": 1, "practice": {"pass_mark": mark, "tolerance": tolerance},
        }  # fmt: skip
    closed = [r.name for r in known if r.status == "closed"]
    blind = first.selectbox(
        "Blind round whose votes are shown", [NONE, *closed], key="launch_blind"
    )
    return fields | plain | {
        "repeats": 0, "overlap": 1, "reveals": None if blind == NONE else blind,
    }  # fmt: skip


THRESHOLDS = {
    "of_ceiling": (
        "Trust from this share of people's kappa",
        "0.8: a judge is trusted whose kappa with people is 80 % of theirs with each other, or more",
    ),
    "poor_of_ceiling": (
        "Do not use below this share of it",
        "0.5: a judge with less than half of people's own kappa is not to be used",
    ),
    "ceiling": (
        "Kappa that people need among themselves",
        "People who agree less than this can calibrate no judge",
    ),
    "epsilon": (
        "What it may lose against a person (epsilon)",
        "Of the alternative annotator test: what a judge's lower cost is worth",
    ),
    "bias": (
        "Trust up to this bias",
        "As a share of the scale: 0.125 is half a point from 1 to 5",
    ),
    "poor_bias": (
        "Do not use beyond this bias",
        "As a share of the scale: 0.25 is one point from 1 to 5",
    ),
}


def parameters() -> dict[str, float | None]:
    """What the round's reports decide by."""
    usual = Parameters()
    with st.expander("When a figure is shown, and when a judge is trusted"):
        first, second = st.columns(2, vertical_alignment="bottom")
        minimum = first.number_input(
            "Units that a figure needs", min_value=2, value=usual.minimum_units,
            key="launch_minimum", help="A figure of fewer units is withheld",
        )  # fmt: skip
        delta = second.number_input(
            "Drift that is still stable (points)", min_value=0.0, value=None, step=0.05,
            key="launch_delta", placeholder="as usual",
            help="Left empty it is a quarter point, or 0.05 of a pass rate",
        )  # fmt: skip
        chosen = {}
        asked = list(THRESHOLDS.items())
        for place in range(0, len(asked), 2):
            beside = st.columns(2, vertical_alignment="bottom")
            for column, (name, (words, said)) in zip(beside, asked[place:], strict=False):
                chosen[name] = column.number_input(
                    words, min_value=0.0, value=getattr(usual, name), step=0.05,
                    format="%.3f", key=f"launch_{name}", help=said,
                )  # fmt: skip
    return {"minimum_units": int(minimum), "delta": delta, **chosen}
