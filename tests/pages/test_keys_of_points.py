"""Which key chooses which point: a digit never another number than its own."""

import pytest

from annotate.rubric import parse
from annotate.ui import keyboard
from annotate.ui.form import Form


def keys(values: list[float]) -> dict[str, str]:
    """The values that the keys choose, as the form's options."""
    points = ", ".join(f"{{value: {v}, label: Level {v}, anchor: It is {v}.}}" for v in values)
    rubric = parse(
        "name: one\ncriteria:\n"
        f"  - {{id: level, question: How much?, scale: ordinal, points: [{points}]}}\n"
    )
    form = Form(1, rubric, [], "")
    (field,) = [f for f in form.fields if f.options]
    assert field.options is not None
    described = keyboard.described(form)["criteria"][0]
    return {one["digit"]: field.options[one["index"]] for one in described["digits"]}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 3], {"1": "1", "2": "2", "3": "3"}),
        (list(range(11)), {str(n): str(n) for n in range(10)} | {"a": "10"}),
        (list(range(1, 11)), {str(n): str(n) for n in range(1, 10)} | {"0": "10"}),
        ([-2, -1, 0, 1, 2], {"a": "-2", "b": "-1", "0": "0", "1": "1", "2": "2"}),
        ([0.5, 1, 1.5, 2], {"a": "0.5", "1": "1", "b": "1.5", "2": "2"}),
        ([10, 20, 30], {"1": "10", "2": "20", "3": "30"}),
    ],
)
def test_a_digit_is_its_number_and_other_points_have_letters(
    values: list[float], expected: dict[str, str]
) -> None:
    assert keys(values) == expected


def test_no_letter_of_a_point_is_a_command() -> None:
    assert not set(keyboard.FREE_LETTERS) & set("jkncresfphg")
