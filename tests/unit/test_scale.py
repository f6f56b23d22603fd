"""Values of files: the numbers they become, and those that are refused."""

from decimal import Decimal

import numpy as np
import pytest

from annotate.errors import BadInput
from annotate.rubric import parse
from tests.unit.small_rubric import SMALL


@pytest.mark.parametrize(
    ("id_", "raw", "code"),
    [
        ("faithfulness", 3, 3),
        ("faithfulness", " 3 ", 3),
        ("faithfulness", "3.0", 3),
        ("faithfulness", Decimal(2), 2),
        ("faithfulness", np.int64(2), 2),
        ("faithfulness", np.float32(1), 1),
        ("shown", 0, 0),
        ("shown", "1", 1),
        ("shown", True, 1),
        ("shown", np.bool_(False), 0),
        ("shown", "TRUE", 1),
        ("shown", "fail", 0),
        ("shown", "yes", 1),
        ("kind", "why", 1),
        ("kind", "how-to", 0),
        ("kind", 1.0, 1),
    ],
)
def test_a_value_of_a_file_becomes_its_number(id_: str, raw: object, code: float) -> None:
    assert parse(SMALL).criterion(id_).code(raw) == code


@pytest.mark.parametrize(
    ("id_", "raw", "message"),
    [
        ("faithfulness", 4, "faithfulness: 4 is not on the scale; give one of 1, 2, 3"),
        ("faithfulness", "2.5", "'2.5' is not on the scale"),
        ("faithfulness", float("nan"), "nan is not on the scale"),
        ("faithfulness", "inf", "'inf' is not on the scale"),
        ("faithfulness", "1_0", "'1_0' is not on the scale"),
        ("faithfulness", "٣", "is not on the scale"),
        ("faithfulness", True, "True is not on the scale"),
        ("faithfulness", None, "nothing is not on the scale"),
        ("faithfulness", "", "'' is not on the scale"),
        ("faithfulness", [3], "[3] is not on the scale"),
        ("faithfulness", 10**400, "is not on the scale"),
        ("shown", "maybe", "give one of 0, 1"),
        ("kind", "where", "kind: 'where' is not on the scale; give one of how-to, why"),
        ("kind", "1", "give one of how-to, why"),
        ("kind", True, "give one of how-to, why"),
        ("failure", 1, "give 0 or 1 for one of failure.invented, failure.wrong-figure"),
        ("remark", "good", "remark: a text has no number; give it as text"),
    ],
)
def test_a_value_outside_the_scale_is_refused_with_what_is_allowed(
    id_: str, raw: object, message: str
) -> None:
    with pytest.raises(BadInput) as caught:
        parse(SMALL).criterion(id_).code(raw)
    assert message in str(caught.value)


def test_a_judge_may_give_any_number_within_the_scale_and_a_human_may_not() -> None:
    faithfulness = parse(SMALL).criterion("faithfulness")
    assert faithfulness.encode_any("2.75", "judge") == 2.75
    assert parse(SMALL).rating_key("failure.invented").encode_any(0.3, "metric") == 0.3
    with pytest.raises(BadInput, match=r"is not on the scale"):
        faithfulness.encode_any("2.75", "human")
    with pytest.raises(BadInput, match=r"3.01 is not within the scale; give a number from 1 to 3"):
        faithfulness.encode_any(3.01, "metric")
    with pytest.raises(BadInput, match=r"give one of how-to, why"):
        parse(SMALL).criterion("kind").encode_any(0.5, "judge")


def test_tags_come_as_a_list_or_joined_by_bars() -> None:
    failure = parse(SMALL).criterion("failure")
    both = ("invented", "wrong-figure")
    assert failure.tags("wrong-figure | invented") == both
    assert failure.tags(["wrong-figure", "invented"]) == both
    assert failure.tags(np.array(["invented"])) == ("invented",)
    assert failure.tags("") == failure.tags([]) == ()
    with pytest.raises(
        BadInput, match="'odd' is not one of the tags; choose among invented, wrong"
    ):
        failure.tags("invented|odd")
    with pytest.raises(BadInput, match="1 is no list of tags"):
        failure.tags(1)
    with pytest.raises(BadInput, match="is binary, not tags"):
        parse(SMALL).criterion("shown").tags("a")
