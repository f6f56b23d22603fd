"""Intraclass correlation and Kendall's W: published values, and tables without an answer."""

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from annotate.stats import intraclass_correlation, kendall_w
from annotate.stats.figure import Floats
from tests.unit.stats.published import REFERENCE, units

FORMS = ("icc1", "icc2", "icc3", "icc1k", "icc2k", "icc3k")


def shrout_and_fleiss() -> Floats:
    return np.array(REFERENCE["icc_shrout_fleiss_1979"]["units_by_raters"], dtype=np.float64)


def anxiety() -> Floats:
    return units(REFERENCE["anxiety"]["raters_by_units"])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["icc_shrout_fleiss_1979", "icc_anxiety"])
def test_every_form_and_interval_is_that_of_r_psych(name: str, form: str) -> None:
    """Shrout & Fleiss (1979), table 2; R psych 2.2.9; anxiety also R irr 0.84.1."""
    values = anxiety() if name == "icc_anxiety" else shrout_and_fleiss()
    expected = {k.lower(): v for k, v in REFERENCE[name]["icc"].items()}[form]
    found = getattr(intraclass_correlation(values), form)
    assert (found.value, found.low, found.high) == pytest.approx(expected, abs=1e-12)


def test_the_published_digits_of_shrout_and_fleiss() -> None:
    found = intraclass_correlation(shrout_and_fleiss())
    rounded = [round(getattr(found, form).value, 2) for form in FORMS]
    assert rounded == [0.17, 0.29, 0.71, 0.44, 0.62, 0.91]


def test_kendalls_w_is_that_of_r_irr() -> None:
    """R irr kendall(anxiety, correct=TRUE)."""
    found = kendall_w(anxiety())
    assert (found.w.value, found.chi_square, found.p) == pytest.approx(
        REFERENCE["kendall_w_anxiety"]["value"], abs=1e-12
    )


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.array([[1.0, 2], [3, np.nan]]), "a rating is missing"),
        (np.array([[1.0, 2]]), "fewer than two units or two raters"),
        (np.array([[1.0], [2]]), "fewer than two units or two raters"),
        (np.full((5, 3), 2.0), "no variation"),
    ],
    ids=["missing", "one unit", "one rater", "constant"],
)
def test_tables_without_an_answer_say_why(values: Floats, reason: str) -> None:
    correlation = intraclass_correlation(values)
    for figure in (*(getattr(correlation, form) for form in FORMS), kendall_w(values).w):
        assert figure.value is None
        assert figure.reason is not None and figure.reason.startswith(reason)


def test_raters_who_agree_in_everything_reach_one_without_an_interval() -> None:
    values = np.tile(np.arange(6.0)[:, None], (1, 3))
    found = intraclass_correlation(values)
    assert [getattr(found, form).value for form in FORMS] == pytest.approx([1.0] * 6)
    assert found.icc1.low is None
    assert kendall_w(values).w.value == pytest.approx(1.0)


def test_a_constant_severity_costs_absolute_agreement_only() -> None:
    values = shrout_and_fleiss()
    severe = values - np.array([0.0, 0, 4, 0])
    before, after = intraclass_correlation(values), intraclass_correlation(severe)
    assert after.icc3.value == pytest.approx(before.icc3.value)
    assert after.icc2.value != pytest.approx(before.icc2.value)
    assert kendall_w(severe).w.value == pytest.approx(kendall_w(values).w.value)


TABLE = st.tuples(st.integers(3, 9), st.integers(2, 4)).flatmap(
    lambda size: st.lists(
        st.lists(st.integers(0, 9).map(float), min_size=size[1], max_size=size[1]),
        min_size=size[0], max_size=size[0],
    )
).map(lambda rows: np.array(rows))  # fmt: skip


@settings(deadline=None)
@example(np.array([[1.0, 0.0]] * 3), Random(1), 1.937096273204224, 2.0)
@given(TABLE, st.randoms(use_true_random=False), st.floats(0.5, 4), st.floats(-5, 5))
def test_order_and_units_of_measurement_change_nothing(
    values: Floats, random: Any, factor: float, shift: float
) -> None:
    rows, columns = list(range(len(values))), list(range(values.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    other = values[rows][:, columns] * factor + shift
    found, again = intraclass_correlation(values), intraclass_correlation(other)
    for form in ("icc1", "icc3"):
        one, two = getattr(found, form), getattr(again, form)
        assert two.value == pytest.approx(one.value, abs=1e-6)
        if one.value is not None and one.low is not None and one.high is not None:
            assert one.low - 1e-9 <= one.value <= one.high + 1e-9
    assert kendall_w(other).w.value == pytest.approx(kendall_w(values).w.value, abs=1e-9)
