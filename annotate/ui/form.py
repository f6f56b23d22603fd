"""The rubric as a form of native widgets.

Choosing a value costs no script run: every widget keeps it in the browser until a button is
pressed. Only criteria on which others depend rerun, and then only the form. Every widget's key
carries the assignment, so nothing carries over to the next unit.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st

from annotate import pairs
from annotate.rubric import Answer, Criterion, Problem, Rubric, Span
from annotate.ui import quote
from annotate.ui.messages import as_plain_text

ABSTENTIONS = {"not_applicable": "Not applicable", "cannot_judge": "Cannot judge"}
NONE_OF_THESE = "none_of_these"
_CHOICES = {NONE_OF_THESE: "None of these", **ABSTENTIONS}

Part = Literal["choice", "tags", "text", "instead", "rationale", "evidence"]


@dataclass(frozen=True)
class Field:
    """One widget of the form: its key, and what it can say."""

    name: str
    """`criterion:part`, by which a draft keeps it."""
    key: str
    options: tuple[str, ...] | None = None
    """The values to choose from, in the order shown; None for a text."""
    many: bool = False

    def accepts(self, value: object) -> bool:
        """Whether the widget can show this value."""
        if self.options is None:
            return isinstance(value, str)
        if self.many:
            return isinstance(value, list) and all(one in self.options for one in value)
        return value in self.options


@dataclass(frozen=True)
class Form:
    """The form of one assignment: which widgets there are and what they say."""

    assignment_id: int
    rubric: Rubric
    contexts: list[str]
    response: str
    rival: str | None = None
    rival_contexts: list[str] | None = None
    """None where the other response has none of its own."""

    @property
    def texts(self) -> dict[str, str]:
        """What evidence may point into, by span field."""
        return quote.texts(self.contexts, self.response, self.rival, self.rival_contexts)

    def key(self, criterion: Criterion, part: Part) -> str:
        """The widget's key in the session."""
        return f"rate:{self.assignment_id}:{criterion.id}:{part}"

    @property
    def fields(self) -> list[Field]:
        """Every widget that the form may have, in order."""
        return [field for criterion in self.rubric.criteria for field in self.fields_of(criterion)]

    def fields_of(self, criterion: Criterion) -> list[Field]:
        """The widgets of one criterion."""

        def field(part: Part, options: Iterable[str] | None = None, many: bool = False) -> Field:
            chosen = None if options is None else tuple(options)
            return Field(f"{criterion.id}:{part}", self.key(criterion, part), chosen, many)

        fields = []
        match criterion.scale:
            case "tags":
                fields.append(field("tags", (option.id for option in criterion.options), True))
                fields.append(field("instead", (NONE_OF_THESE, *criterion.abstain)))
            case "text":
                fields.append(field("text"))
                if criterion.required and criterion.abstain:
                    fields.append(field("instead", criterion.abstain))
            case _:
                fields.append(
                    field("choice", (*map(as_choice, criterion.domain), *criterion.abstain))
                )
        if criterion.scale != "text":
            fields.append(field("rationale"))
        if criterion.evidence:
            fields.append(field("evidence"))
        return fields

    def restore(self, entries: Mapping[str, Any], state: MutableMapping[Any, Any]) -> None:
        """Put a draft into the widgets, before they are drawn for the first time.

        entries: what was entered, by field name; what no widget can show is left out.
        """
        for field in self.fields:
            if field.accepts(entries.get(field.name)):
                state[field.key] = entries[field.name]

    @property
    def aside(self) -> str:
        """Where the session keeps what was entered under criteria that are not asked now."""
        return f"rate:{self.assignment_id}:aside"

    def bring_back(self, shown: Collection[str], state: MutableMapping[Any, Any]) -> None:
        """Put aside what stands under criteria that are not shown, and back once they are.

        shown: the ids of the criteria that are about to be drawn. A widget that is not drawn loses
        its value, and a condition flips back as fast as a finger slips.
        """
        aside = dict(state.get(self.aside) or {})
        for criterion in self.rubric.criteria:
            for field in self.fields_of(criterion):
                if criterion.id in shown:
                    before = aside.pop(field.name, None)
                    if before and not state.get(field.key):
                        state[field.key] = before
                elif state.get(field.key):
                    aside[field.name] = state[field.key]
        state[self.aside] = aside

    def fill(self, answers: Mapping[str, Answer], state: MutableMapping[Any, Any]) -> None:
        """Put submitted answers into the widgets, before they are drawn for the first time."""
        for criterion in self.rubric.criteria:
            if criterion.id in answers:
                for part, value in self._widgets(criterion, answers[criterion.id]).items():
                    state[self.key(criterion, part)] = value

    def entered(self, state: Mapping[Any, Any]) -> dict[str, Any]:
        """What stands in the widgets, also in those that are not asked now, by field name."""
        said = {field.name: state.get(field.key) for field in self.fields}
        for name, before in (state.get(self.aside) or {}).items():
            said[name] = said.get(name) or before
        return {name: value for name, value in said.items() if value}

    def read(self, state: Mapping[Any, Any]) -> tuple[dict[str, Answer], list[Problem]]:
        """The answers to the criteria that are asked, and why they cannot be submitted yet."""
        answers: dict[str, Answer] = {}
        own: list[Problem] = []
        for criterion in self.rubric.criteria:
            answer, unread = self._answer(criterion, state)
            answers[criterion.id] = answer
            own.extend(unread)
        shown = self.rubric.shown(answers)
        answers = {name: answers[name] for name in shown if answers[name] != Answer()}
        problems = [problem for problem in own if problem.criterion in shown]
        found = {(problem.criterion, problem.field) for problem in problems}
        for problem in self.rubric.check_answers(
            answers, {name: len(text) for name, text in self.texts.items()}
        ):
            if (problem.criterion, problem.field) not in found:
                problems.append(problem)
        return answers, problems

    def _widgets(self, criterion: Criterion, answer: Answer) -> dict[Part, Any]:
        """What each widget shows for an answer."""
        widgets: dict[Part, Any] = {"rationale": answer.rationale or ""}
        if criterion.evidence:
            texts = quote.places(criterion, self.texts)
            widgets["evidence"] = "\n".join(quote.written(one, texts) for one in answer.evidence)
        if criterion.scale in {"tags", "text"}:
            widgets["instead"] = answer.abstained
            if criterion.scale == "text":
                widgets["text"] = answer.text or ""
            else:
                widgets["tags"] = list(answer.tags or ())
                if answer.tags == ():
                    widgets["instead"] = NONE_OF_THESE
        elif answer.abstained is not None:
            widgets["choice"] = answer.abstained
        elif answer.value is not None:
            widgets["choice"] = as_choice(answer.value)
        return widgets

    def _answer(
        self, criterion: Criterion, state: Mapping[Any, Any]
    ) -> tuple[Answer, list[Problem]]:
        def said(part: Part) -> Any:
            return state.get(self.key(criterion, part))

        problems: list[Problem] = []
        value: float | None = None
        tags: tuple[str, ...] | None = None
        text: str | None = None
        instead = said("choice") or said("instead")
        abstained = instead if instead in ABSTENTIONS else None
        if criterion.scale == "tags":
            chosen = tuple(said("tags") or ())
            if chosen and instead == NONE_OF_THESE:
                mend = "take back one of the two"
                problems.append(
                    Problem(criterion.id, "answer", "has tags and “none of these”", mend)
                )
            tags = chosen or (() if instead == NONE_OF_THESE else None)
        elif criterion.scale == "text":
            text = (said("text") or "").strip() or None
        elif instead and abstained is None:
            value = float(instead)
        evidence, lost = self._evidence(criterion, said("evidence") or "")
        return (
            Answer(
                value=value,
                tags=tags,
                text=text,
                abstained=abstained,
                rationale=(said("rationale") or "").strip() or None,
                evidence=evidence,
            ),
            problems + lost,
        )

    def _evidence(self, criterion: Criterion, lines: str) -> tuple[tuple[Span, ...], list[Problem]]:
        if not criterion.evidence:
            return (), []
        texts = quote.places(criterion, self.texts)
        spans, lost = quote.read(lines, texts)
        if not lost:
            return spans, []
        where = "context" if criterion.evidence == "contexts" else "response"
        what = f"“{lost[0][:60]}” is not in the {where}"
        mend = "mark it again, copy it letter by letter, or clear the line"
        return spans, [Problem(criterion.id, "evidence", what, mend)]


def draw(form: Form, problems: Iterable[Problem] = ()) -> None:
    """Draw the form into the present container, with the problems beside their criteria."""
    by_criterion: dict[str, list[Problem]] = {}
    for problem in problems:
        by_criterion.setdefault(problem.criterion, []).append(problem)
    deciding = form.rubric.deciding

    def body() -> None:
        shown = tuple(criterion.id for criterion in form.rubric.criteria)
        if deciding:
            answers, _ = form.read(st.session_state)
            shown = form.rubric.shown(answers)
            form.bring_back(shown, st.session_state)
        for criterion in form.rubric.criteria:
            if criterion.id in shown:
                _criterion(
                    form,
                    criterion,
                    "rerun" if criterion.id in deciding else "ignore",
                    by_criterion.get(criterion.id, []),
                )
        if deciding:
            st.html(f'<i hidden data-drawn-for="{drawn_for(form, shown, st.session_state)}"></i>')

    if deciding:
        _in_fragment(body)
    else:
        body()


def drawn_for(form: Form, shown: Collection[str], state: Mapping[Any, Any]) -> str:
    """Which choices the form was drawn for, as far as others hang on them: `0;1,2;`.

    Drawn behind the criteria, so that a key waits until what the one before decided stands there.
    The places of what is chosen, for every widget of every criterion that decides; nothing is
    chosen where the criterion itself is not shown.
    """
    found = []
    deciding = form.rubric.deciding
    for criterion in form.rubric.criteria:
        if criterion.id not in deciding:
            continue
        for field in form.fields_of(criterion):
            if field.options is not None:
                said = state.get(field.key) if criterion.id in shown else None
                chosen = said if field.many else [said]
                places = [str(n) for n, one in enumerate(field.options) if one in (chosen or ())]
                found.append(",".join(places))
    # Not by spaces: the browser's copy of the page has none at the end of an attribute.
    return ";".join(found)


@st.fragment
def _in_fragment(body: Callable[[], None]) -> None:
    body()


def _criterion(
    form: Form,
    criterion: Criterion,
    on_change: Literal["rerun", "ignore"],
    problems: list[Problem],
) -> None:
    """One criterion: question, answer, reason, and what is wrong with them."""
    with st.container(key=f"criterion-{criterion.id}", gap="xsmall"):
        label = as_plain_text(criterion.question.strip())
        if not criterion.required:
            label += " (optional)"
        for index, problem in enumerate(problems):
            with st.container(key=f"problem-{criterion.id}-{index}"):
                st.markdown(f":red[:material/error: {problem_in_words(problem)}]")
        match criterion.scale:
            case "tags":
                _tags(form, criterion, label, on_change)
            case "text":
                _text(form, criterion, label)
            case _:
                _choice(form, criterion, label, on_change)
        _rationale(
            form, criterion, opened=any(p.field in {"rationale", "evidence"} for p in problems)
        )


def _choice(
    form: Form, criterion: Criterion, label: str, on_change: Literal["rerun", "ignore"]
) -> None:
    """Points or categories, one below the other with their anchors; abstentions come last."""
    words: dict[str, str] = {}
    captions: list[str] = []
    for point in criterion.points:
        name = as_plain_text(point.label)
        words[as_choice(point.value)] = (
            f"{point.value:g} · {name}" if criterion.scale == "ordinal" else name
        )
        captions.append(as_plain_text((point.anchor or "").strip()))
    for code, option in enumerate(criterion.options):
        label_ = pairs.WORDS[code] if criterion.scale == "preference" else option.label
        words[as_choice(code)] = as_plain_text(label_)
        captions.append(as_plain_text((option.anchor or "").strip()))
    for abstention in criterion.abstain:
        words[abstention] = f":gray[{ABSTENTIONS[abstention]}]"
        captions.append("")
    st.radio(
        label,
        list(words),
        index=None,
        format_func=words.__getitem__,
        captions=captions,
        key=form.key(criterion, "choice"),
        on_change=on_change,
    )


def _tags(
    form: Form, criterion: Criterion, label: str, on_change: Literal["rerun", "ignore"]
) -> None:
    """Any of the tags, or one of the answers that exclude them."""
    names = {option.id: as_plain_text(option.label) for option in criterion.options}
    anchors = [
        f"**{names[option.id]}**: {as_plain_text(option.anchor.strip())}"
        for option in criterion.options
        if option.anchor
    ]
    st.pills(
        label,
        list(names),
        selection_mode="multi",
        format_func=names.__getitem__,
        help="\n\n".join(anchors) or None,
        key=form.key(criterion, "tags"),
        on_change=on_change,
        wrap=True,
    )
    _instead(form, criterion, [NONE_OF_THESE, *criterion.abstain], on_change)


def _text(form: Form, criterion: Criterion, label: str) -> None:
    key = form.key(criterion, "text")
    ideal = criterion.becomes == "reference"
    st.text_area(
        label,
        key=key,
        on_change="ignore",
        height=160 if ideal else 96,
        placeholder="What the answer should have been, as it could be sent" if ideal else None,
    )
    if ideal and form.rival is None:
        st.button(
            "Begin with the response",
            key=f"{key}:begin",
            type="tertiary",
            on_click=_begin_with,
            args=(key, form.response),
            help="Copies the response here, to be corrected",
        )
    if criterion.required and criterion.abstain:
        _instead(form, criterion, list(criterion.abstain), "ignore")


def _begin_with(key: str, response: str) -> None:
    if not st.session_state.get(key):
        st.session_state[key] = response


def _instead(
    form: Form, criterion: Criterion, choices: list[str], on_change: Literal["rerun", "ignore"]
) -> None:
    st.pills(
        f"Instead of an answer to: {as_plain_text(criterion.question)}",
        choices,
        format_func=_CHOICES.__getitem__,
        key=form.key(criterion, "instead"),
        on_change=on_change,
        label_visibility="collapsed",
    )


def _rationale(form: Form, criterion: Criterion, *, opened: bool) -> None:
    """Why, in the rater's words, and the passages that decided."""
    if criterion.scale == "text" and not criterion.evidence:
        return
    parts: tuple[Part, ...] = ("rationale", "evidence")
    said = any(st.session_state.get(form.key(criterion, part)) for part in parts)
    with st.expander(rationale_label(criterion), expanded=opened or said, type="compact"):
        if criterion.scale != "text":
            st.text_area(
                f"Rationale for: {as_plain_text(criterion.question)}",
                key=form.key(criterion, "rationale"),
                on_change="ignore",
                placeholder="What decided, in a sentence",
                label_visibility="collapsed",
                height=80,
            )
        if criterion.evidence:
            where = "context" if criterion.evidence == "contexts" else "response"
            st.text_area(
                "Evidence: passages that decided, one a line",
                key=form.key(criterion, "evidence"),
                on_change="ignore",
                placeholder=f"Select words in the {where} and mark them, or paste them here",
                height=80,
            )


def rationale_label(criterion: Criterion) -> str:
    """The rationale's heading, with when it is required."""
    rule = criterion.rationale
    limits = []
    if rule.required_below is not None:
        limits.append(f"below {rule.required_below:g}")
    if rule.required_above is not None:
        limits.append(f"above {rule.required_above:g}")
    what = "Rationale and evidence" if criterion.evidence else "Rationale"
    if criterion.scale == "text":
        return "Evidence (optional)"
    if rule.required:
        return f"{what} (required)"
    return f"{what} (required {' and '.join(limits)})" if limits else f"{what} (optional)"


def problem_in_words(problem: Problem) -> str:
    """A problem as its criterion shows it; the criterion itself is named by its place."""
    noun = "The evidence:" if problem.field == "evidence" else "This"
    return as_plain_text(f"{noun} {problem.problem}; {problem.mend}.")


def as_choice(value: float) -> str:
    """A number of a scale as the radio's option."""
    return f"{value:.15g}"
