"""Calibration and drift: can the judge still be trusted, where not, and why?"""

import streamlit as st

from annotate import rounds
from annotate.reports.calibration import judges_of
from annotate.reports.drift import CAUSES
from annotate.stats import Verdict
from annotate.ui import calibration, choose, figures, messages, reports, session

VERDICTS = {
    "trust": "green",
    "watch": "orange",
    "do not use": "red",
    "ALARM": "red",
    "WATCH": "orange",
    "STABLE": "green",
}

lead = session.require_lead()
st.title("Calibration")
st.caption("The judge compared with people who rated the same units blind.")


def show_verdict(verdict: str, where: str, why: str) -> None:
    """The verdict in words, where and why; its colour only repeats it."""
    colour = VERDICTS.get(verdict, "gray")
    where, why = messages.as_plain_text(where), messages.as_plain_text(why)
    st.markdown(f":{colour}-badge[{verdict}] **{where}**: {why}")


with messages.shown_errors(), session.database().read() as db:
    known = rounds.list_rounds(db, by=lead)
    round_ = choose.chosen_round(known, key="calibration_round")
    if round_ is None:
        st.stop()
    judges = judges_of(db, round_, by=lead)
    if not judges:
        st.info(
            "No judge has scored this round yet. Import its scores on the page Rounds, or with "
            f"`annotate rating import FILE --round {round_.name} --kind judge`."
        )
        st.stop()
    judge = st.selectbox("Judge", judges, key="calibration_judge")
    report = reports.calibration(db, round_, judge, by=lead)
    if not report.rows:
        st.info("Nobody has rated a unit that this judge scored.")
        st.stop()
    criterion = choose.chosen_criterion(
        list(dict.fromkeys(row.criterion for row in report.rows)), key="calibration_criterion"
    )
    rows = [row for row in report.rows if row.criterion == criterion]
    pooled = rows[0].result
    st.caption("The judge beside the people of this round.")
    for r in rows:
        if r is rows[0] or r.result.verdict not in (Verdict.TRUST, Verdict.NOT_ENOUGH):
            where = f"{choose.segment_name(r.segment)}, {r.result.n_units} units"
            show_verdict(r.result.verdict, where, r.result.verdict_reason)
    if left := [r.segment or "" for r in rows[1:] if r.result.verdict is Verdict.NOT_ENOUGH]:
        st.caption(messages.as_plain_text(f"Not enough ratings in: {', '.join(left)}."))
    figures.intervals(
        {choose.segment_name(r.segment): r.result.judge_leave_one_out.weighted_kappa for r in rows},
        reference={choose.segment_name(r.segment): r.result.ceiling.weighted_kappa for r in rows},
        title="kappa, judge with people",
    )
    st.dataframe(
        [
            {
                "segment": choose.segment_name(r.segment),
                "units": r.result.n_units,
                "verdict": r.result.verdict,
                "weighted kappa": figures.words(r.result.weighted_kappa),
                "ceiling": figures.words(r.result.ceiling.weighted_kappa),
                "bias (points)": figures.words(r.result.bias, signed=True),
                "AC": figures.words(r.result.judge_leave_one_out.ac),
                "AC of people": figures.words(r.result.ceiling.ac),
                "alpha with the judge": figures.words(r.result.judge_leave_one_out.alpha),
                "alpha of people": figures.words(r.result.ceiling.alpha),
                "mean error": figures.words(r.result.mae),
                "Spearman": figures.words(r.result.spearman),
                "Kendall tau-b": figures.words(r.result.kendall_tau_b),
                "passes found (TPR)": figures.words(r.result.tpr, percent=True),
                "fails found (TNR)": figures.words(r.result.tnr, percent=True),
                "answered": figures.words(r.result.coverage, percent=True),
                "judge with itself": figures.words(r.noise.same, percent=True),
                "apart by (points)": figures.words(r.noise.difference),
            }
            for r in rows
        ],
        hide_index=True,
        width="stretch",
    )
    with st.expander("Where judge and people differ"):
        labels = [f"{value:g}" for value in pooled.confusion_labels]
        st.dataframe(
            [
                {"people say": label, **{f"judge {c}": n for c, n in zip(labels, row, strict=True)}}
                for label, row in zip(labels, pooled.confusion, strict=True)
            ],
            hide_index=True,
            width="stretch",
        )
        st.caption("Units by consensus (rows) and by the judge's nearest point (columns).")
    with st.expander("May it stand in for a person?"):
        calibration.show_alternative(rows[0].alternative)
    with st.expander("On what its error depends"):
        calibration.show_dependence(rows[0])
    figures.download(report.as_json(), f"calibration-{round_.name}.json")

    st.header("Drift")
    earlier = [r for r in known if r.id != round_.id and judge in judges_of(db, r, by=lead)]
    if not earlier:
        st.info("Drift needs a second round with the same anchors, scored by the same judge.")
        st.stop()
    pinned = next((i for i, r in enumerate(earlier) if r.id == round_.baseline_id), 0)
    baseline = st.selectbox(
        "Baseline round", [r.name for r in earlier], index=pinned, key="drift_baseline"
    )
    drift = reports.drift(db, baseline, round_, judge, by=lead)
    found = [row for row in drift.rows if row.criterion == criterion]
    st.caption("This round beside the baseline, on the same anchors: who moved since then.")
    for row in found:
        show_verdict(
            row.result.verdict, choose.segment_name(row.segment), row.result.sentence(None)
        )
    for fact in drift.facts:
        st.caption(messages.as_plain_text(fact))
    with st.expander("The four contrasts"):
        st.dataframe(
            [
                {
                    "segment": choose.segment_name(row.segment),
                    "who moved": CAUSES[name],
                    "by (points)": None if c.estimate is None else f"{c.estimate:+.2f}",
                    "interval": (
                        (c.reason or "")
                        if c.low is None or c.high is None
                        else f"[{c.low:+.2f}, {c.high:+.2f}]"
                    ),
                    "p, adjusted": None if c.p_adjusted is None else f"{c.p_adjusted:.3f}",
                    "n": c.n,
                }
                for row in found
                for name, c in row.result.contrasts.items()
            ],
            hide_index=True,
            width="stretch",
        )
    figures.download(drift.as_json(), f"drift-{baseline}-{round_.name}.json")
