"""What raters learn from: known answers after a practice unit, and how all voted before norming."""

import streamlit as st

from annotate.norming import Voted
from annotate.practice import Lesson, Result
from annotate.rubric import Rubric
from annotate.ui.messages import as_plain_text


def question(rubric: Rubric, key: str) -> str:
    """The question behind a rating's key; a tag is named by its label."""
    name, _, option = key.partition(".")
    criterion = rubric.criterion(name)
    words = " ".join(criterion.question.split())
    label = next((one.label for one in criterion.options if one.id == option), None)
    return f"{words} {label}" if label else words


def show_lessons(lessons: list[Lesson], rubric: Rubric) -> None:
    """The rater's answers to the unit beside the known ones, with the reason for these."""
    st.subheader(in_short(lessons))
    for place, lesson in enumerate(lessons):
        with st.container(key=f"lesson-{place}", border=True, gap="xsmall"):
            st.markdown(f"**{as_plain_text(question(rubric, lesson.criterion))}**")
            if lesson.met:
                st.markdown(f":green[:material/check: {as_plain_text(lesson.yours)}]")
            else:
                st.markdown(f":red[:material/close: You: {as_plain_text(lesson.yours)}]")
            if lesson.yours != lesson.known:
                st.text(f"Known: {lesson.known}")
            if lesson.why:
                st.text(f"Why: {lesson.why}")
    if not lessons:
        st.write("Nothing that you were asked here is known.")


def in_short(lessons: list[Lesson]) -> str:
    """`6 of 11 as known`"""
    return f"{sum(lesson.met for lesson in lessons)} of {len(lessons)} as known"


def show_results(results: list[Result], *, own: bool) -> None:
    """How far each rater is with a practice round; a rater sees only themselves."""
    if own:
        for result in results:
            if result.passed is None:
                continue
            words = f"{result.met} of {result.asked} answers as known. "
            if result.passed:
                st.success(words + "You have passed.")
            else:
                st.warning(words + "That is below the pass mark. Talk to the lead of the round.")
        return
    st.dataframe(
        [
            {
                "rater": result.rater,
                "units": f"{result.done} of {result.units}",
                "answers as known": "" if result.share is None else f"{result.share:.0%}",
                "of": result.asked,
                "passed": {True: "yes", False: "no", None: "not finished"}[result.passed],
            }
            for result in results
        ],
        hide_index=True,
        width="stretch",
    )


def show_votes(votes: tuple[Voted, ...], rubric: Rubric) -> None:
    """How all voted blind, criterion by criterion, to be talked over."""
    with st.expander("How all voted, before anybody saw anybody", expanded=True, key="votes"):
        for criterion in dict.fromkeys(vote.criterion for vote in votes):
            st.markdown(f"**{as_plain_text(question(rubric, criterion))}**")
            for vote in votes:
                if vote.criterion == criterion:
                    why = f" ({vote.rationale})" if vote.rationale else ""
                    st.text(f"{vote.who}: {vote.said}{why}")
