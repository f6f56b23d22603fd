"""What the calibration page draws: a judge's verdict on a criterion, and what stands behind it."""

from collections.abc import Sequence

import streamlit as st
from sqlmodel import Session

from annotate.reports.calibration import CalibrationReport, CalibrationRow, Correlation
from annotate.reports.disagreements import disagreements, held_back
from annotate.stats import AlternativeAnnotatorTest, Dependence, Verdict, p_words
from annotate.ui import choose, disagreeing, figures, messages
from db.tables import Rater, Round

DEPENDS = {"length": "length of the response", "configuration": "configuration"}
COLOURS = {
    "trust": "green",
    "watch": "orange",
    "do not use": "red",
    "ALARM": "red",
    "WATCH": "orange",
    "STABLE": "green",
}
CEILING, FLOOR = "people with people (ceiling)", "word overlap (floor)"


def show_how_to_score(round_: Round) -> None:
    """What to do where no judge has scored the round."""
    st.info("No judge has scored this round yet.")
    st.page_link("../pages/judges.py", label="Have a judge grade it", icon=":material/smart_toy:")
    st.caption(
        messages.as_plain_text(
            "Scores that you have already come in on the page Rounds, or with "
            f"annotate rating import FILE --round {round_.name} --kind judge"
        )
    )


def show_verdict(verdict: str, where: str, why: str) -> None:
    """The verdict in words, where and why; its colour only repeats it."""
    where, why = messages.as_plain_text(where), messages.as_plain_text(why)
    st.markdown(f":{COLOURS.get(verdict, 'gray')}-badge[{verdict}] **{where}**: {why}")


def show_left_out(report: CalibrationReport) -> None:
    """How many units do not count because the judge has seen their case."""
    pooled = [row for row in report.rows if row.segment is None]
    most = max((row.left_out for row in pooled), default=0)
    if most:
        st.caption(
            f"{most} units are left out: the judge has seen their case, as an example or to fit "
            "its cut points. What it has seen says nothing of what it can do."
        )


def show_criterion(rows: Sequence[CalibrationRow], floors: dict[str, list[CalibrationRow]]) -> None:
    """One criterion over all segments: the verdicts that ask for something, and the chart.

    floors: the rows of word-overlap baselines in the same round, by name.
    """
    for row in rows:
        if row is rows[0] or row.result.verdict not in (Verdict.TRUST, Verdict.NOT_ENOUGH):
            where = f"{choose.segment_name(row.segment)}, {row.result.n_units} units"
            show_verdict(row.result.verdict, where, row.result.verdict_reason)
    if few := [r.segment or "" for r in rows[1:] if r.result.verdict is Verdict.NOT_ENOUGH]:
        st.caption(messages.as_plain_text(f"Not enough ratings in: {', '.join(few)}."))
    beside = {
        CEILING: {choose.segment_name(r.segment): r.result.ceiling.weighted_kappa for r in rows}
    }
    judge, criterion = rows[0].judge, rows[0].criterion
    for name, of_floor in floors.items():
        below = [r for r in of_floor if r.criterion == criterion]
        if name == judge:
            st.caption("This is the word-overlap baseline: the floor for judges, and no judge.")
        elif below:
            beside[FLOOR] = {
                choose.segment_name(r.segment): r.result.judge_leave_one_out.weighted_kappa
                for r in below
            }
            _show_floor(rows[0], below[0])
    figures.intervals(
        {choose.segment_name(r.segment): r.result.judge_leave_one_out.weighted_kappa for r in rows},
        beside=beside,
        title="kappa, judge with people",
    )


def _show_floor(judge: CalibrationRow, floor: CalibrationRow) -> None:
    """Whether the judge is worth more than counting words."""
    one, other = judge.result.weighted_kappa, floor.result.weighted_kappa
    if one.value is None or other.value is None:
        return
    if other.low is not None and one.value <= (other.high or other.value):
        st.warning(
            f"Counting shared words follows people with a kappa of {figures.words(other)}, this "
            f"judge with {figures.words(one)}: it has not shown that it is worth its cost."
        )


def chosen_row(rows: Sequence[CalibrationRow], *, key: str) -> CalibrationRow:
    """The segment to look into."""
    names = {choose.segment_name(row.segment): row for row in rows}
    name = st.selectbox("Segment", list(names), key=key, width=420)
    return names[name]


def show_row(row: CalibrationRow) -> None:
    """One cell of the matrix: its main figures and the confusion of its points."""
    result = row.result
    show_verdict(
        result.verdict,
        f"{choose.segment_name(row.segment)}, {row.criterion}",
        result.verdict_reason,
    )
    left, right = st.columns(2, gap="large")
    with left:
        st.dataframe(
            [
                {"figure": name, "judge": said}
                for name, said in (
                    ("weighted kappa with people", figures.words(result.weighted_kappa)),
                    ("of people (ceiling)", figures.words(result.ceiling.weighted_kappa)),
                    ("bias in points", figures.words(result.bias, signed=True)),
                    ("passes found (TPR)", figures.words(result.tpr, percent=True)),
                    ("fails found (TNR)", figures.words(result.tnr, percent=True)),
                    ("answered (coverage)", figures.words(result.coverage, percent=True)),
                    ("the same twice", figures.words(row.noise.same, percent=True)),
                )
            ],
            hide_index=True,
            width="stretch",
        )
    with right:
        if not result.confusion:
            st.caption("Units by what people and the judge say are shown once there are enough.")
            return
        labels = [f"{value:g}" for value in result.confusion_labels]
        st.dataframe(
            [
                {
                    "people say": label,
                    **{f"judge {c}": n for c, n in zip(labels, row_, strict=True)},
                }
                for label, row_ in zip(labels, result.confusion, strict=True)
            ],
            hide_index=True,
            width="stretch",
        )
        st.caption(
            "Units by what people say (rows) and by the judge's nearest point (columns). People's "
            "middle value, the lower one of two; of categories the commonest, ties left out."
        )


def show_disagreements(db: Session, round_: Round, row: CalibrationRow, lead: Rater) -> None:
    """The units behind the figures, with both sides' reasons."""
    found = disagreements(
        db, round_, judge=row.judge, criterion=row.criterion, segment=row.segment, by=lead
    )
    held = held_back(
        db, round_, judge=row.judge, criterion=row.criterion, segment=row.segment, by=lead
    )
    if held:
        st.caption(
            f"{held} units of the test split are held back, so that nothing is tuned on them. It "
            "is opened on the page Judges."
        )
    disagreeing.show(
        found, key=f"calibration/{round_.id}/{row.judge}/{row.criterion}/{row.segment}"
    )
    if found:
        figures.download(
            [one.as_json() for one in found],
            f"disagreements-{round_.name}-{row.criterion}.json",
            label="Download all disagreements (JSON)",
        )


def show_figures(rows: Sequence[CalibrationRow]) -> None:
    """Every figure of one criterion, segment by segment."""
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


def show_alternative(test: AlternativeAnnotatorTest) -> None:
    """The alternative annotator test, and how far it hangs on its epsilon."""
    if test.winning_rate is None or test.advantage is None:
        st.text(f"Cannot tell: {test.reason}.")
        return
    answer = "Yes" if test.passed else "No"
    st.text(
        f"{answer}: it holds its own against {test.winning_rate:.0%} of the people "
        f"(half are asked for), and is at least as close to the others as a person is on "
        f"{test.advantage:.0%} of the units."
    )
    st.dataframe(
        [
            {
                "it may lose (epsilon)": f"{epsilon:.2f}",
                "people against whom it holds its own": f"{rate:.0%}",
            }
            for epsilon, rate in test.winning_rate_at.items()
        ],
        hide_index=True,
        width="stretch",
    )
    st.caption(
        f"Each person is left out in turn, and judge and person are compared with the rest. "
        f"Epsilon, here {test.epsilon:g}, is what the judge may lose for its lower cost: a "
        "judgement of value, which is why every row is shown."
    )


def show_dependence(row: CalibrationRow) -> None:
    """Whether the judge's error goes with what quality does not depend on."""
    if row.correlation is None:
        st.text("Categories have no distances: there is no error in points.")
        return
    _show_correlation(row.correlation)
    st.dataframe(
        [line for name, found in row.dependence.items() for line in _lines(DEPENDS[name], found)],
        hide_index=True,
        width="stretch",
    )
    st.caption(
        "Error is judge less people, in points: a judge that likes long answers errs upwards "
        "with every doubling of the length. p is of no dependence at all."
    )


def _show_correlation(found: Correlation) -> None:
    within, between = found.within_case, found.between_configurations
    left = f", {within.constant} cases without a difference left out" if within.constant else ""
    st.text(f"Ranking outputs of one case (Spearman): {figures.words(within.figure)}{left}")
    st.text(f"Ranking configurations by their means: {figures.words(between)}")


def _lines(name: str, found: Dependence) -> list[dict[str, str | int]]:
    return [
        {
            "depends on": name,
            "which": group,
            "error (points)": figures.words(figure, signed=True),
            "units": figure.n,
            "p": p_words(found.p),
        }
        for group, figure in found.figures.items()
    ]
