"""How a figure looks: the value with its interval and n, or the reason why there is none."""

from collections.abc import Mapping

import altair as alt
import pandas as pd
import streamlit as st

from annotate.stats import Figure

COLOURS = ("#2f8f78", "#8a8f98", "#b3742c")
SHAPES = ["circle", "diamond", "triangle-up"]
DASHES = [[1, 0], [1, 0], [4, 3]]
"""Of what is asked about, of the ceiling, of the floor."""
ROOM = 12
"""Pixels between the outermost figure and the end of its axis: a dot at 1 is drawn whole."""


def words(figure: Figure, *, percent: bool = False, signed: bool = False) -> str:
    """`0.71 [0.66, 0.76]`, or the reason."""
    if percent:
        return figure.words("{:.0%}")
    return figure.words("{:+z.2f}") if signed else figure.words()


def intervals(
    figures: dict[str, Figure],
    *,
    title: str,
    beside: Mapping[str, Mapping[str, Figure]] | None = None,
) -> None:
    """A dot and its interval per name, the pooled figure first.

    beside: what else is drawn beside each, by what it is called: the human ceiling, the floor. Each
    has a shape of its own. Names without a number are left out here; the table gives the reason.
    """
    sets = {title: figures, **(beside or {})}
    rows = [
        {"name": name, "value": f.value, "low": f.low, "high": f.high, "n": f.n, "of": what}
        for what, of_names in sets.items()
        for name, f in of_names.items()
        if f.value is not None
    ]
    if not rows:
        return
    scale = alt.Scale(zero=False, nice=False, padding=ROOM)
    order = list(sets)
    base = alt.Chart(pd.DataFrame(rows)).encode(
        y=alt.Y("name:N", sort=list(figures), title=None),
        yOffset=alt.YOffset("of:N", sort=order),
        color=alt.Color(
            "of:N",
            title=None,
            sort=order,
            scale=alt.Scale(domain=order, range=list(COLOURS[: len(order)])),
            legend=alt.Legend(orient="top", columns=1, labelLimit=320) if beside else None,
        ),
        tooltip=[
            alt.Tooltip("name:N", title="where"),
            alt.Tooltip("of:N", title="what"),
            alt.Tooltip("value:Q", format=".3f"),
            alt.Tooltip("low:Q", format=".3f"),
            alt.Tooltip("high:Q", format=".3f"),
            alt.Tooltip("n:Q"),
        ],
    )
    bars = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", scale=scale, title=title),
        x2="high:Q",
        strokeDash=alt.StrokeDash(
            "of:N", legend=None, sort=order, scale=alt.Scale(domain=order, range=DASHES)
        ),
    )
    dots = base.mark_point(size=70, filled=True, opacity=1).encode(
        x=alt.X("value:Q", scale=scale, title=title),
        shape=alt.Shape(
            "of:N", legend=None, sort=order, scale=alt.Scale(domain=order, range=SHAPES)
        ),
    )
    height = 34 * len({row["name"] for row in rows}) * (1 + 0.4 * len(beside or {})) + 60
    # The axis, its title and every line of the legend need their room beside one row too.
    height = max(130.0 + 30 * len(beside or {}), height)
    st.altair_chart((bars + dots).properties(height=height), width="stretch")


def download(document: object, name: str, *, label: str = "Download these figures (JSON)") -> None:
    """A button for the same figures as a JSON document."""
    import json

    st.download_button(
        label,
        json.dumps(document, indent=2, ensure_ascii=False),
        file_name=name,
        mime="application/json",
        on_click="ignore",
    )
