"""What the drift page draws: verdict and cause, contrasts, units that moved, the line of rounds."""

from collections.abc import Sequence

import altair as alt
import pandas as pd
import streamlit as st
from sqlmodel import Session

from annotate.reports.between_rounds import BetweenRounds, Line
from annotate.reports.calibration import judges_by_round, judges_of
from annotate.reports.drift import DriftReport, DriftRow, plain_name, version_there
from annotate.reports.timeline import Moved, Timeline, moved_units
from annotate.stats import p_words
from annotate.ui import calibration, choose, figures, messages, reports
from db.tables import Rater, Round

CONTRASTS = {
    "J": "Judge on anchors",
    "H": "Raters on anchors",
    "T": "Traffic",
    "C": "Judge beside people on new traffic",
}
PEOPLE, JUDGE = "people", "judge"
MOST = 20


def chosen(
    db: Session, known: list[Round], round_: Round, lead: Rater
) -> tuple[str | None, Round | None]:
    """Judge and baseline; says what is missing where there is none."""
    names = judges_of(db, round_, by=lead)
    if not names:
        calibration.show_how_to_score(round_)
        return None, None
    # A changed judge is another rater; who asks for drift means the judge whatever its version.
    plain = list(dict.fromkeys(plain_name(name) for name in names))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        judge = st.selectbox("Judge", plain, key="drift_judge", width=320)
        before = [r for r in known if (r.id or 0) < (round_.id or 0)]
        there = judges_by_round(db, before, by=lead)
        earlier = [r for r in before if _scored(there[r.name], judge)]
        if not earlier:
            st.info("Drift needs an earlier round with the same anchors, scored by this judge.")
            return judge, None
        pinned = next((i for i, r in enumerate(earlier) if r.id == round_.baseline_id), 0)
        name = st.selectbox(
            "Baseline round", [r.name for r in earlier], index=pinned, key="drift_baseline",
            width=320,
        )  # fmt: skip
    return judge, next(r for r in earlier if r.name == name)


def _scored(names: Sequence[str], judge: str) -> bool:
    return any(plain_name(name) == judge for name in names)


def show_verdicts(rows: Sequence[DriftRow], facts: Sequence[str]) -> None:
    """Every segment's verdict and sentence, and what changed on record."""
    for row in rows:
        calibration.show_verdict(
            row.result.verdict, choose.segment_name(row.segment), row.result.sentence(None)
        )
    for fact in facts:
        st.caption(messages.as_plain_text(fact))


def show_nothing(report: DriftReport) -> None:
    """No criterion can be compared: what changed on record says why."""
    st.info("The two rounds have no criterion that can be compared.")
    for fact in report.facts:
        st.caption(messages.as_plain_text(fact))


def chosen_row(rows: Sequence[DriftRow]) -> DriftRow:
    """The segment to look into: the first alarm unless the lead chooses another."""
    names = {choose.segment_name(row.segment): row for row in rows}
    alarmed = [i for i, row in enumerate(rows) if row.segment and row.result.causes]
    name = st.selectbox(
        "Segment", list(names), index=alarmed[0] if alarmed else 0, key="drift_segment", width=420
    )
    return names[name]


def show_contrasts(row: DriftRow) -> None:
    """How far each may have moved, beside what still counts as stable."""
    delta = row.result.delta
    drawn = [
        {"what": CONTRASTS[name], "value": c.estimate, "low": c.low, "high": c.high}
        for name, c in row.result.contrasts.items()
        if c.estimate is not None
    ]
    if drawn:
        base = alt.Chart(pd.DataFrame(drawn)).encode(
            y=alt.Y(
                "what:N", sort=list(CONTRASTS.values()), title=None, axis=alt.Axis(labelLimit=260)
            )
        )
        band = (
            alt.Chart(pd.DataFrame([{"low": -delta, "high": delta}]))
            .mark_rect(opacity=0.18, color="#2f8f78")
            .encode(x="low:Q", x2="high:Q")
        )
        title = alt.X("low:Q", title="moved by (points; shaded: stable)")
        bars = base.mark_rule(strokeWidth=2, color="#2f8f78").encode(x=title, x2="high:Q")
        dots = base.mark_point(size=70, filled=True, opacity=1, color="#2f8f78").encode(x="value:Q")
        st.altair_chart((band + bars + dots).properties(height=190), width="stretch")
    st.dataframe(
        [
            {
                "contrast": CONTRASTS[name],
                "units": c.n,
                "moved by": "" if c.estimate is None else f"{c.estimate:+z.2f}",
                "95 % interval": (
                    (c.reason or "")
                    if c.low is None or c.high is None
                    else f"[{c.low:+z.2f}, {c.high:+z.2f}]"
                ),
                "p, adjusted": p_words(c.p_adjusted),
                "found from": "" if c.detectable is None else f"{c.detectable:z.2f}",
            }
            for name, c in row.result.contrasts.items()
        ],
        hide_index=True,
        width="stretch",
        column_config={
            "moved by": st.column_config.Column(help="In points of the scale"),
            "found from": st.column_config.Column(
                help="The smallest move, in points, that so many units would most likely show"
            ),
        },
    )
    st.caption(
        "p, adjusted for the four, asks whether anything moved: of judge and raters the mean of "
        "these anchors, or the distance of single answers to people's. The interval says how far "
        "the mean of all such units moved. So p may be small while the interval holds 0."
    )
    for name, c in row.result.contrasts.items():
        if c.besides:
            st.caption(f"{CONTRASTS[name]}: p is small and the interval holds 0: {c.besides}.")


def show_moved(
    db: Session, baseline: Round, round_: Round, judge: str, row: DriftRow, lead: Rater
) -> None:
    """The anchors behind it, those that moved most first."""
    found = moved_units(
        db, baseline, round_, judge=judge, criterion=row.criterion, segment=row.segment, by=lead
    )
    lines = [_line(one, categories=found.categories) for one in found.rows[:MOST]]
    if lines:
        st.dataframe(lines, hide_index=True, width="stretch")
    elif not found.held_back:
        st.caption("The two rounds share no anchor here.")
    if len(found.rows) > MOST:
        st.caption(f"{MOST} of {len(found.rows)} anchors.")
    for said in found.left_out:
        st.caption(said)
    if found.held_back:
        st.caption(
            f"{found.held_back} anchors are held back: they are of the test split, which has not "
            "been opened for this judge in both rounds."
        )


def _line(one: Moved, *, categories: bool) -> dict[str, object]:
    line: dict[str, object] = {"output": one.output, "segment": one.segment}
    for who, said, by in (
        ("judge", one.judge, one.by_judge),
        ("people", one.people, one.by_people),
    ):
        line[who] = " → ".join(said)
        if categories:
            line[f"{who} moved"] = None if by is None else by != 0
        else:
            line[f"{who} moved by"] = None if by is None else round(by, 2)
    return line


def show_timeline(found: Timeline, row: DriftRow) -> None:
    """People's and the judge's means on the traffic of each round, with their intervals."""
    points = found.points
    mine = [p for p in points if (p.criterion, p.segment) == (row.criterion, row.segment)]
    for fact in found.facts:
        st.caption(messages.as_plain_text(fact))
    data = [
        {"round": p.round, "of": what, "value": f.value, "low": f.low, "high": f.high, "n": f.n,
         "version": p.judge or ""}
        for p in mine
        for what, f in ((PEOPLE, p.of_people), (JUDGE, p.of_judge))
        if f.value is not None
    ]  # fmt: skip
    if not data:
        st.caption("No round has enough fresh units here.")
        return
    rounds_ = list(dict.fromkeys(p.round for p in mine))
    base = alt.Chart(pd.DataFrame(data)).encode(
        x=alt.X("round:N", sort=rounds_, title=None, axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("of:N", sort=[PEOPLE, JUDGE]),
        color=alt.Color(
            "of:N", title=None, sort=[PEOPLE, JUDGE],
            scale=alt.Scale(domain=[PEOPLE, JUDGE], range=["#8a8f98", "#2f8f78"]),
            legend=alt.Legend(orient="top"),
        ),
        tooltip=["round:N", "of:N", "version:N", alt.Tooltip("value:Q", format=".2f"),
                 alt.Tooltip("low:Q", format=".2f"), alt.Tooltip("high:Q", format=".2f"), "n:Q"],
    )  # fmt: skip
    scale = alt.Scale(zero=False, nice=False, padding=figures.ROOM)
    bars = base.mark_rule(strokeWidth=2).encode(
        y=alt.Y("low:Q", scale=scale, title="mean on fresh units"), y2="high:Q"
    )
    dots = base.mark_point(size=70, filled=True, opacity=1).encode(
        y=alt.Y("value:Q", scale=scale),
        shape=alt.Shape(
            "of:N", legend=None, sort=[PEOPLE, JUDGE],
            scale=alt.Scale(domain=[PEOPLE, JUDGE], range=["diamond", "circle"]),
        ),
    )  # fmt: skip
    st.altair_chart((bars + dots).properties(height=280), width="stretch")
    st.dataframe(
        [
            {
                "round": p.round,
                "judge": p.judge or "did not score it",
                "people": figures.words(p.of_people),
                "judge's mean": figures.words(p.of_judge),
                "judge less people": figures.words(p.bias, signed=True),
                "fresh units": p.of_people.n,
            }
            for p in mine
        ],
        hide_index=True,
        width="stretch",
    )
    st.caption("Means of fresh units, weighted to the traffic that the round was drawn from.")


def show_between(db: Session, round_: Round, judge: str, lead: Rater) -> None:
    """The judge's mean on traffic since the round: when to look, not who moved."""
    st.caption(
        "The judge's mean on outputs since the round, beside its mean before. The chart says when "
        "a round is due; it cannot say who moved."
    )
    names = judges_of(db, round_, by=lead)
    version = version_there(judge, set(names))
    asked = [key.key for key in reports.keys_of(db, round_) if key.level != "nominal"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        criterion = st.selectbox("Criterion", asked, key="drift_between_criterion", width=320)
        period = st.segmented_control(
            "Period", ["week", "day"], default="week", key="drift_period", required=True
        )
    if criterion is None:
        return
    found = reports.between(
        db, round_, version, criterion, "day" if period == "day" else "week", by=lead
    )
    _show_lines(found)


def _show_lines(found: BetweenRounds) -> None:
    if not found.lines:
        st.caption(
            "Nothing to chart yet: have the judge score outputs from before and after the round."
        )
    elif found.due:
        st.warning(
            messages.as_plain_text(f"A round is due: {', '.join(found.due)} left its limits.")
        )
    else:
        st.caption("Every line is within its limits.")
    for line in found.lines:
        st.altair_chart(_chart(line), width="stretch")
    for segment, why in found.without.items():
        st.caption(messages.as_plain_text(f"{segment}: {why}."))
    if found.lines:
        st.caption(
            f"False alarms in any segment are {found.run_length:.0f} {found.period}s apart on "
            "average when nothing moves."
        )


def _chart(line: Line) -> alt.LayerChart:
    data = pd.DataFrame(
        {
            "begins": [day.isoformat() for day in line.begins],
            "line": line.chart.line,
            "mean": line.means,
            "n": line.sizes,
        }
    )
    base = alt.Chart(data).encode(x=alt.X("begins:N", title=None))
    drawn = base.mark_line(point=True, color="#2f8f78").encode(
        y=alt.Y("line:Q", title="standard errors"),
        tooltip=["begins:N", alt.Tooltip("mean:Q", format=".2f"), "n:Q",
                 alt.Tooltip("line:Q", format="+.2f")],
    )  # fmt: skip
    limits = (
        alt.Chart(pd.DataFrame({"limit": [line.chart.limit, -line.chart.limit]}))
        .mark_rule(strokeDash=[4, 3], color="#b3742c")
        .encode(y="limit:Q")
    )
    chart: alt.LayerChart = (drawn + limits).properties(
        height=180,
        title=f"{line.segment}: {line.baseline.centre:z.2f} before ({line.baseline_size} scores)",
    )
    return chart
