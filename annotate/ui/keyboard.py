"""What the desk's script has to know of the form: which key chooses what, and where things stand.

The script drives native widgets by these keys. It knows no answers and decides nothing.
"""

from typing import Any

from annotate.answer import Answer
from annotate.criterion import Criterion
from annotate.ui.form import NONE_OF_THESE, Field, Form, as_choice


def described(form: Form) -> dict[str, Any]:
    """The form's fields and criteria, as JSON."""
    deciding = {name for c in form.rubric.criteria if c.show_if for name in c.show_if.names}
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
    """Which digit chooses what: {digit, key of the widget, index in it, many}."""
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
        for key, value in zip(_keys(criterion), criterion.domain, strict=False)
    ]


def _keys(criterion: Criterion) -> list[str]:
    """The digits of the points, lowest first: a point's own number where every one has a digit
    to itself (1 to 10 ends with 0), else the place in the list."""
    values = criterion.domain
    if criterion.points and all(value == int(value) and 0 <= value <= 10 for value in values):
        own = [str(int(value) % 10) for value in values]
        if len(set(own)) == len(own):
            return own
    return [str(place) for place in range(1, min(9, len(values)) + 1)]
