"""show_if: what a condition says, and when it makes no sense."""

from itertools import product

import pytest

from annotate.condition import Condition
from annotate.rubric import Rubric, parse
from tests.unit.small_rubric import SMALL, refused


def criterion(yaml: str) -> str:
    """A rubric of two binary criteria and this one, given as a flow mapping's inside."""
    return (
        "name: x\ncriteria:\n  - {id: first, scale: binary}\n"
        "  - {id: marks, scale: tags, options: [{id: odd, label: Odd}]}\n"
        f"  - {{id: it, {yaml}}}\n"
    )


@pytest.mark.parametrize(
    ("symbol", "truth"),
    [
        ("<", (True, False, False)),
        ("<=", (True, True, False)),
        (">", (False, False, True)),
        (">=", (False, True, True)),
        ("==", (False, True, False)),
        ("!=", (True, False, True)),
    ],
)
def test_a_comparison_holds_as_its_operator_says(symbol: str, truth: tuple[bool, ...]) -> None:
    condition = condition_of(f"faithfulness {symbol} 2")
    assert tuple(condition.holds({"faithfulness": value}) for value in (1.0, 2.0, 3.0)) == truth
    assert not condition.holds({"faithfulness": None})
    assert not condition.holds({})


def test_and_binds_tighter_than_or() -> None:
    condition = condition_of("faithfulness == 1 or shown == 1 and kind == why")
    assert condition.names == ("faithfulness", "shown", "kind")
    for faithfulness, shown, kind in product((1.0, 2.0), (0.0, 1.0), (0.0, 1.0)):
        answers = {"faithfulness": faithfulness, "shown": shown, "kind": kind}
        assert condition.holds(answers) == (faithfulness == 1 or (shown == 1 and kind == 1))


def test_has_looks_into_the_chosen_tags() -> None:
    condition = condition_of("failure has invented")
    assert condition.holds({"failure": {"invented", "wrong-figure"}})
    assert not condition.holds({"failure": {"wrong-figure"}})
    assert not condition.holds({"failure": set()})
    assert not condition.holds({"failure": None})


def test_a_condition_writes_itself_in_one_way() -> None:
    assert str(condition_of("faithfulness<3   and\n shown!=0")) == "faithfulness < 3 and shown != 0"


def condition_of(text: str) -> Condition:
    """The condition, bound to the criteria of SMALL."""
    document = parse(SMALL).document()
    document["criteria"].append({"id": "last", "scale": "binary", "show_if": text})
    condition = Rubric.from_document(document).criterion("last").show_if
    assert condition is not None
    return condition


@pytest.mark.parametrize(
    ("show_if", "message"),
    [
        (
            "later == 1",
            "refers to 'later', which is no criterion; criteria before it: first, marks",
        ),
        ("it == 1", "refers to 'it', which is not asked before it"),
        ("first", "has no complete comparison at 'first'"),
        ("first <", "has no complete comparison"),
        ("first == 1 and", "has no complete comparison at 'its end'"),
        ("first == 1 first == 0", "has 'first' where `and` or `or` belongs"),
        ("(first == 1)", "cannot be read at '(first == 1)'"),
        ("__import__('os').system('true')", "cannot be read at"),
        ("first == 2", "give a number from 0 to 1"),
        ("first == 0.5", "which is no point of it; choose among 0, 1"),
        ("first == yes", "compares 'first' with yes"),
        ("first has odd", "but 'first' is binary"),
        ("marks == 1", "but 'marks' is tags; write `marks has odd`"),
        ("marks has even", "has no option 'even' of 'marks'"),
        ("'  '", "is empty"),
        ("first = 1", "cannot be read at '= 1'"),
        ("first == 1e5", "cannot be read at '1e5'"),
        (f"{'first == 1 or ' * 50} first == 1", "write it in at most 500 characters"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused_by_path(show_if: str, message: str) -> None:
    text = criterion("scale: binary").replace("id: it,", f'id: it, show_if: "{show_if}",')
    found = refused(text.replace("\"'  '\"", "'  '"))
    assert found.startswith("rag.yaml: criteria[2].show_if: ")
    assert message in found


def test_a_category_cannot_be_ordered() -> None:
    text = SMALL.replace("{id: remark, scale: text,", "{id: x, scale: text, show_if: kind < why,")
    assert refused(text).endswith("orders the categories of 'kind' by <; use == or !=")
