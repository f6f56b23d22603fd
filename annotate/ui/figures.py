"""How a figure looks: the value with its interval and n, or the reason why there is none."""

import altair as alt
import pandas as pd
import streamlit as st

from annotate.stats import Figure


def words(figure: Figure, *, percent: bool = False, signed: bool = False) -> str:
    """`0.71 [0.66, 0.76]`, or the reason."""
    if figure.value is None:
        return figure.reason or "undefined"

    def number(value: float) -> str:
        if percent:
            return f"{value:.0%}"
        return f"{value:+.2f}" if signed else f"{value:.2f}"

    if figure.low is None or figure.high is None:
        return number(figure.value)
    return f"{number(figure.value)} [{number(figure.low)}, {number(figure.high)}]"


def intervals(
    figures: dict[str, Figure],
    *,
    title: str,
    reference: dict[str, Figure] | None = None,
    reference_name: str = "human ceiling",
    domain: tuple[float, float] | None = None,
) -> None:
    """A dot and its interval per name, the pooled figure first; `reference` as a hollow dot.

    Names without a number stand beside the axis with their reason, never at zero.
    """
    rows = [
        {"name": name, "value": f.value, "low": f.low, "high": f.high, "n": f.n, "of": title}
        for name, f in figures.items()
    ]
    others = [
        {"name": name, "value": f.value, "low": f.low, "high": f.high, "n": f.n,
         "of": reference_name}
        for name, f in (reference or {}).items()
    ]  # fmt: skip
    data = pd.DataFrame([row for row in rows + others if row["value"] is not None])
    if data.empty:
        return
    scale = alt.Scale(domain=list(domain)) if domain else alt.Scale(zero=False, nice=True)
    offset = alt.YOffset("of:N", sort=[title, reference_name])
    base = alt.Chart(data).encode(
        y=alt.Y("name:N", sort=list(figures), title=None),
        yOffset=offset,
        color=alt.Color(
            "of:N",
            title=None,
            sort=[title, reference_name],
            scale=alt.Scale(range=["#2f8f78", "#8a8f98"]),
            legend=alt.Legend(orient="top", columns=1) if others else None,
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
        x=alt.X("low:Q", scale=scale, title=title), x2="high:Q"
    )
    dots = base.mark_point(size=70, filled=True, opacity=1).encode(
        x=alt.X("value:Q", scale=scale, title=title),
        shape=alt.Shape("of:N", legend=None, sort=[title, reference_name],
                        scale=alt.Scale(range=["circle", "diamond"])),
    )  # fmt: skip
    height = 34 * len({row["name"] for row in rows}) * (1.4 if others else 1) + 60
    st.altair_chart((bars + dots).properties(height=height), width="stretch")


def download(document: object, name: str) -> None:
    """A button for the same figures as a JSON document."""
    import json

    st.download_button(
        "Download these figures (JSON)",
        json.dumps(document, indent=2, ensure_ascii=False),
        file_name=name,
        mime="application/json",
        on_click="ignore",
    )
