"""Working on a judge: beside a saved version on the dev split, its cut points, and the test split."""

import streamlit as st

from annotate import rounds
from annotate.judge import judges
from annotate.judge.judges import Judge
from annotate.reports.calibration import judges_by_round
from annotate.reports.iteration import (
    Candidate,
    Iteration,
    compare_judges,
    has_cut_points,
    open_test,
    openings,
    refit,
)
from annotate.stats import p_words
from annotate.ui import choose, disagreeing, figures, messages, session
from db.tables import Round

RESULT = "iterate_test_result"


def show(judge: Judge) -> None:
    """The judge beside another one that has scored the same round."""
    st.caption(
        "Rated cases are split by their hash: 15 % may be shown to a judge as examples, 45 % (dev) "
        "are for working on its prompt, 40 % (test) say in the end what it is worth."
    )
    with session.lead_reads() as (db, lead):
        known = [r for r in rounds.list_rounds(db, by=lead) if r.status == "closed"]
        there = judges_by_round(db, known, by=lead)
        mine = [r for r in known if judge.rater.name in there[r.name]]
        if not mine:
            st.info(
                "This version has scored no closed round yet. Have it grade one, then come back."
            )
            return
        round_ = choose.chosen_round(mine, key="iterate_round")
        assert round_ is not None
        others = [name for name in there[round_.name] if name != judge.rater.name]
        asked = [key.key for one in judge.criteria for key in one.rating_keys]
        criterion = choose.chosen_criterion(asked, key="iterate_criterion")
        if others:
            earlier = [n for n in others if n.startswith(f"{judge.spec.name}@")]
            saved = st.selectbox(
                "Beside", others, key="iterate_saved", width=420,
                index=others.index(earlier[0]) if earlier else 0,
            )  # fmt: skip
            found = compare_judges(
                db, round_, saved=saved, current=judge.rater.name, criterion=criterion, by=lead
            )
            _show_iteration(found)
        else:
            st.caption("No other judge has scored this round: there is nothing to compare with.")
    st.subheader("Cut points")
    _show_refit(judge, round_, criterion)
    st.subheader("The test split")
    _show_test(judge, round_, criterion)


def _show_iteration(found: Iteration) -> None:
    if found.exploratory:
        st.warning("Exploratory: too few units were rated for a part of them to decide anything.")
    st.dataframe(
        [_line(name, one) for name, one in (("this", found.current), ("beside", found.saved))],
        hide_index=True,
        width="stretch",
    )
    p = "" if found.p is None else f" (sign test: p {p_words(found.p)})"
    left = (
        f" {found.left_out} units are left out: a judge has seen their case."
        if found.left_out
        else ""
    )
    st.caption(
        f"{found.units} units of the {found.split} split. This one mends {len(found.mended)} and "
        f"breaks {len(found.broken)}{p}.{left}"
    )
    disagreeing.show_compared(
        found.apart, found.saved.judge, found.current.judge,
        key=f"iterate/{found.round}/{found.criterion}/{found.saved.judge}",
    )  # fmt: skip


def _line(name: str, one: Candidate) -> dict[str, object]:
    return {
        "": name,
        "judge": one.judge,
        "verdict": one.result.verdict,
        "kappa with people": figures.words(one.result.weighted_kappa),
        "people (ceiling)": figures.words(one.result.ceiling.weighted_kappa),
        "false passes": one.false_passes,
        "false fails": one.false_fails,
        "bias (points)": figures.words(one.result.bias, signed=True),
        "answered": figures.words(one.result.coverage, percent=True),
    }


def _show_refit(judge: Judge, round_: Round, criterion: str) -> None:
    st.caption(
        "From which score on is the next level given? Fitted to people on the dev split from the "
        "answers that are stored: nothing is asked and nothing paid."
    )
    if not has_cut_points(judge.rubric, criterion):
        st.caption("This criterion has no order, so no cut points.")
        return
    with session.lead_reads() as (db, lead):
        found = refit(db, round_, judge=judge.rater.name, criterion=criterion, by=lead)
    if found.cuts is None:
        st.caption(f"{found.before.reason}.")
        return
    st.text(
        f"Next level from {', '.join(f'{cut:.2f}' for cut in found.cuts)}. Kappa with people: "
        f"{figures.words(found.before)} at the nearest points, {figures.words(found.after)} at "
        "these cuts, on units that were not used to fit them."
    )
    if st.button("Add the judge with these cut points", key="iterate_cuts"):
        with session.lead_writes() as (db, lead):
            made = judges.with_cut_points(db, judge, {criterion: found.cuts}, by=lead)
        st.success(
            messages.as_plain_text(
                f"{made.rater.name} was added: another rater. Have it grade the round; its answers "
                "are there already."
            )
        )


def _show_test(judge: Judge, round_: Round, criterion: str) -> None:
    with session.lead_reads() as (db, lead):
        times = openings(db, judge.rater.name, by=lead)
    opened = "never" if not times else "once" if times == 1 else f"{times} times"
    st.caption(
        f"It was opened {opened} for this judge. What is looked at often is no test any more: open "
        "it once the prompt is settled. Every opening is logged."
    )
    if st.button("Open the test split", key="iterate_test"):
        with messages.shown_errors():
            with session.lead_writes() as (db, lead):
                found = open_test(db, round_, judge=judge.rater.name, criterion=criterion, by=lead)
                st.session_state[RESULT] = (judge.rater.name, round_.name, criterion, found)
            st.rerun()
    kept = st.session_state.get(RESULT)
    if kept and kept[:3] == (judge.rater.name, round_.name, criterion):
        if times > 1:
            st.warning(f"Opened {times} times: this figure has been chosen among others.")
        st.dataframe([_line("test", kept[3].current)], hide_index=True, width="stretch")
        st.caption(f"{kept[3].units} units of the test split.")
