"""What the desk's script has to know of the form: which key chooses what, and where things stand.

The script drives native widgets by these keys. It knows no answers and decides nothing.
"""

from collections.abc import Sequence
from typing import Any

from annotate.answer import Answer
from annotate.criterion import Criterion
from annotate.ui.form import NONE_OF_THESE, Field, Form, as_choice


def described(form: Form) -> dict[str, Any]:
    """The form's fields and criteria, as JSON."""
    deciding = form.rubric.deciding
    return {
        "fields": [
            {"name": f.name, "key": f.key, "options": f.options, "many": f.many}
            for f in form.fields
        ],
        "criteria": [_criterion(form, c, c.id in deciding) for c in form.rubric.criteria],
    }


def _criterion(form: Form, criterion: Criterion, decides: bool) -> dict[str, Any]:
    fields = {field.name.rpartition(":")[2]: field for field in form.fields_of(criterion)}
    answers = [fields[part] for part in ("choice", "tags", "text", "instead") if part in fields]
    return {
        "id": criterion.id,
        "question": " ".join(criterion.question.split()),
        "scale": criterion.scale,
        "decides": decides,
        "passed_by": criterion.scale == "text" and not criterion.required,
        "parts": [field.key for field in answers],
        "digits": digits(criterion, fields),
        "abstain": {
            name: {"key": field.key, "index": field.options.index(name)}
            for name in criterion.abstain
            for field in answers
            if field.options and name in field.options
        },
        "rationale_key": fields["rationale"].key if "rationale" in fields else None,
        "why": [
            key
            for key, value in zip(_keys(criterion), criterion.domain, strict=False)
            if criterion.scale != "tags" and criterion.wants_rationale(Answer(value=value))
        ],
        "evidence": criterion.evidence,
        "evidence_key": fields["evidence"].key if "evidence" in fields else None,
    }


def digits(criterion: Criterion, fields: dict[str, Field]) -> list[dict[str, Any]]:
    """Which key chooses what: {digit (or letter), key of the widget, index in it, many}."""
    if criterion.scale == "text":
        return []
    if criterion.scale == "tags":
        tags, instead = fields["tags"], fields["instead"]
        assert tags.options is not None and instead.options is not None
        return [
            {"digit": str(n + 1), "key": tags.key, "index": n, "many": True}
            for n in range(min(9, len(tags.options)))
        ] + [
            {
                "digit": "0",
                "key": instead.key,
                "index": instead.options.index(NONE_OF_THESE),
                "many": False,
            }
        ]
    choice = fields["choice"]
    assert choice.options is not None
    return [
        {
            "digit": key,
            "key": choice.key,
            "index": choice.options.index(as_choice(value)),
            "many": False,
        }
        for key, value in zip(_keys(criterion), criterion.domain, strict=True)
        if key
    ]


def keys_of_points(values: Sequence[float], *, numbered: bool) -> list[str]:
    """The keys of the points, lowest first.

    numbered: whether the points have numbers. Where those have digits, a digit is that number and
    never another one: of 0 to 10, 7 is 7, and 10 gets a letter (of 1 to 10 it gets 0, which is
    free). Else it is the place in the list.
    """
    own = [_digit(value) if numbered else None for value in values]
    if not any(own):
        own = [str(place) if place <= 9 else None for place in range(1, len(values) + 1)]
    elif "0" not in own and 10 in values:
        own[list(values).index(10)] = "0"
    letters = iter(FREE_LETTERS)
    return [key or next(letters, "") for key in own]


def _keys(criterion: Criterion) -> list[str]:
    return keys_of_points(criterion.domain, numbered=bool(criterion.points))


FREE_LETTERS = "abdilmoqtuvwxyz"
"""Letters that are no command, for points without a digit."""


def _digit(value: float) -> str | None:
    return str(int(value)) if value == int(value) and 0 <= value <= 9 else None
