"""What the page of rubrics draws: a criterion before and after a change, and two versions."""

from collections.abc import Sequence

import streamlit as st
from sqlmodel import Session

from annotate import adjudication, rounds, rubric_versions
from annotate.reports.lab import REDUNDANT, Lab, Trial, lab
from annotate.rubric import RatingKey
from annotate.rubric_diff import Change, comparable, diff
from annotate.ui import choose, figures, messages
from db.tables import Rater, Round
from db.tables import Rubric as RubricRow

AS_IS, MERGE, CUT = "As it is", "Merge points", "Pass or fail at a cut"
EFFECTS = {
    "scale": "another scale: old and new ratings cannot be compared",
    "meaning": "another meaning: raters may seem to drift for it",
    "asking": "asked otherwise",
}
SHOWN = 12


def show_lab(db: Session, round_: Round, lead: Rater) -> None:
    """One criterion of a round on another scale."""
    keys = {key.key: key for key in rounds.rubric_of(db, round_).rating_keys()}
    name = choose.chosen_criterion(list(keys), key="lab_criterion")
    key = keys[name]
    cut, together = _change(key)
    with st.spinner("Working it out on the round's ratings"):
        found = lab(db, round_, name, cut=cut, together=together, by=lead)
    _show_trials(found)
    st.subheader("Which points raters confuse")
    _show_confusions(found)
    st.subheader("Is it a question of its own?")
    _show_beside(found)
    figures.download(found.as_json(), f"lab-{round_.name}-{name}.json")


def _change(key: RatingKey) -> tuple[float | None, tuple[tuple[float, ...], ...]]:
    """The change to try: a cut, or points to merge."""
    if len(key.domain) < 3:
        st.caption("Two values: there is nothing to merge.")
        return None, ()
    ordered = key.level != "nominal"
    how = st.segmented_control(
        "Change",
        [AS_IS, MERGE, CUT] if ordered else [AS_IS, MERGE],
        default=AS_IS,
        key=f"lab_change/{key.key}",
        required=True,
    )

    def word(value: float) -> str:
        return key.label(value) if key.options else f"{value:g} {key.label(value)}"

    if how == CUT:
        usual = key.domain.index(key.pass_at) - 1 if key.pass_at in key.domain[1:] else 0
        cut = st.selectbox(
            "Passes from", key.domain[1:], index=usual, format_func=word,
            key=f"lab_cut/{key.key}", width=420,
        )  # fmt: skip
        return cut, ()
    if how == MERGE and not ordered:
        group = st.multiselect(
            "Put together", key.domain, format_func=word, key=f"lab_merge/{key.key}", wrap=True
        )
        return None, (tuple(sorted(group)),) if len(group) > 1 else ()
    if how == MERGE:
        pairs = list(zip(key.domain, key.domain[1:], strict=False))
        chosen = st.pills(
            "Put together",
            pairs,
            selection_mode="multi",
            format_func=lambda pair: messages.as_plain_text(f"{word(pair[0])} + {word(pair[1])}"),
            key=f"lab_merge/{key.key}",
        )
        return None, _joined(chosen)
    return None, ()


def _joined(pairs: Sequence[tuple[float, float]]) -> tuple[tuple[float, ...], ...]:
    """Neighbouring pairs that share a point as one group."""
    found: list[list[float]] = []
    for low, high in sorted(pairs):
        if found and found[-1][-1] == low:
            found[-1].append(high)
        else:
            found.append([low, high])
    return tuple(tuple(group) for group in found)


def _show_trials(found: Lab) -> None:
    trials = {"as it is": found.before} | ({} if found.after is None else {"tried": found.after})
    st.dataframe(
        [_line(name, trial) for name, trial in trials.items()], hide_index=True, width="stretch"
    )
    judged = [
        {
            "judge": judge,
            "scale": name,
            "verdict": result.verdict,
            "kappa with people": figures.words(result.weighted_kappa),
            "people (ceiling)": figures.words(result.ceiling.weighted_kappa),
            "passes found (TPR)": figures.words(result.tpr, percent=True),
            "fails found (TNR)": figures.words(result.tnr, percent=True),
        }
        for judge in found.before.judges
        for name, trial in trials.items()
        for result in [trial.judges[judge]]
    ]
    if judged:
        st.dataframe(judged, hide_index=True, width="stretch")
    st.caption(
        "A coarser scale agrees more easily and says less: it is better only where its kappa or "
        "alpha, which know of chance, are no lower. The ratings stay as they are; a change is a "
        "new version of the rubric and a new round."
    )


def _line(name: str, trial: Trial) -> dict[str, object]:
    return {
        "scale": name,
        "points": " | ".join(trial.labels),
        "units": trial.agreement.n_units,
        "alpha": figures.words(trial.agreement.alpha),
        "AC": figures.words(trial.agreement.ac),
        "percent agreement": figures.words(trial.agreement.percent, percent=True),
    }


def _show_confusions(found: Lab) -> None:
    if not found.confusions:
        st.caption("Raters of the same unit always gave the same point.")
        return
    st.dataframe(
        [
            {
                "one rater": f"{one.low:g} {one.labels[0]}",
                "another": f"{one.high:g} {one.labels[1]}",
                "pairs of ratings": one.pairs,
                "units": ", ".join(one.units[:SHOWN]) + (" ..." if len(one.units) > SHOWN else ""),
            }
            for one in found.confusions
        ],
        hide_index=True,
        width="stretch",
    )


def _show_beside(found: Lab) -> None:
    if not found.beside:
        st.caption("Categories have no order to compare.")
        return
    st.dataframe(
        [
            {
                "criterion": name,
                "units": figure.n,
                "ranks units alike (Spearman)": figures.words(figure),
            }
            for name, figure in found.beside.items()
        ],
        hide_index=True,
        width="stretch",
    )
    same = [name for name, f in found.beside.items() if f.low is not None and f.low > REDUNDANT]
    if same:
        st.info(
            messages.as_plain_text(
                f"{', '.join(same)} and {found.criterion} rank units alike: raters may be asked "
                "one question twice. One of them could be dropped."
            )
        )


def show_versions(db: Session, known: Sequence[RubricRow], lead: Rater) -> None:
    """What two versions of a rubric differ in, and what leads have noted for the next."""
    if not known:
        st.info("No rubric is in the workspace yet; launching a round brings one in.")
        return
    names = list(dict.fromkeys(row.name for row in known))
    name = st.selectbox("Rubric", names, key="versions_rubric", width=420)
    versions = sorted((row for row in known if row.name == name), key=lambda row: row.version)
    _show_notes(db, name, lead)
    if len(versions) < 2:
        st.caption("It has one version so far: there is nothing to compare.")
    else:
        with st.container(horizontal=True):
            said = [f"{row.name}@{row.version}" for row in versions]
            old = st.selectbox("Before", said, index=len(said) - 2, key=f"versions_old/{name}")
            new = st.selectbox("After", said, index=len(said) - 1, key=f"versions_new/{name}")
        _show_diff(
            diff(*(rubric_versions.loaded(versions[said.index(one)]) for one in (old, new))),
            [c.id for c in rubric_versions.loaded(versions[said.index(new)]).criteria],
        )
    with st.expander("The newest version as it was written"):
        st.code(versions[-1].source, language=None, wrap_lines=True)


def _show_notes(db: Session, name: str, lead: Rater) -> None:
    notes = adjudication.guideline_notes(db, name, by=lead)
    if not notes:
        return
    st.subheader("Notes for the next version")
    st.dataframe(
        [
            {
                "criterion": note.criterion,
                "note": note.text,
                "unit": note.unit,
                "round": note.round,
                "by": note.by or "command line",
            }
            for note in notes
        ],
        hide_index=True,
        width="stretch",
    )


def _show_diff(changes: list[Change], criteria: list[str]) -> None:
    if not changes:
        st.success("Nothing differs.")
        return
    apart = [name for name in criteria if not comparable(changes, name)]
    if apart:
        st.warning(
            messages.as_plain_text(
                f"Ratings of both versions cannot be compared on: {', '.join(apart)}."
            )
        )
    for change in changes:
        with st.container(border=True):
            st.markdown(f"**{messages.as_plain_text(change.where)}** · {EFFECTS[change.effect]}")
            before, after = st.columns(2, gap="medium")
            with before:
                st.caption("Before")
                st.text("not there" if change.before is None else change.before)
            with after:
                st.caption("After")
                st.text("not there" if change.after is None else change.after)
