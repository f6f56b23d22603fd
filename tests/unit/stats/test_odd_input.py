"""Whatever the ratings, there is a figure, or a reason: no warning, no NaN, no empty certainty."""

import dataclasses
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from annotate.consensus import consensus, dawid_skene_consensus, rater_weights
from annotate.stats import (
    Figure,
    Level,
    Sample,
    Sampling,
    Weights,
    agreement,
    alternative_annotator_test,
    brennan_prediger,
    calibrate,
    cohen_kappa,
    cohen_zero_test,
    compare_paired,
    conger_kappa,
    correlation_between,
    correlation_within,
    estimate_by_segment,
    fleiss_kappa,
    group_bias,
    gwet_ac,
    intraclass_correlation,
    judge_noise,
    kendall_w,
    krippendorff_alpha,
    length_bias,
    pairwise_kappa,
    percent_agreement,
    prediction_powered_mean,
    rater_pairs,
    rogan_gladen,
    scott_pi,
    unit_spread,
    weighted_alpha,
    without_each_rater,
)
from annotate.stats.coefficients import IntervalMethod
from annotate.stats.figure import Floats

NAN = np.nan
SCALE = (1.0, 2.0, 3.0, 4.0, 5.0)
RANDOM = np.random.default_rng(1)
TABLES: dict[str, Floats] = {
    "no unit": np.empty((0, 3)),
    "no rater": np.empty((4, 0)),
    "one unit": np.array([[3.0, 3, 4]]),
    "one unit, unanimous": np.array([[3.0, 3, 3]]),
    "all missing": np.full((5, 3), NAN),
    "one rater": np.arange(1.0, 6).reshape(5, 1),
    "one value": np.full((30, 3), 2.0),
    "a constant rater": np.column_stack([np.full(30, 3.0), np.tile([1.0, 2, 3], 10)]),
    "two units": np.array([[1.0, 2], [2, 1]]),
    "no overlap": np.array([[1.0, NAN, NAN], [NAN, 2, NAN], [NAN, NAN, 3]]),
    "no disagreement": np.tile([[1.0, 1], [2, 2], [5, 5]], (10, 1)),
    "nothing but disagreement": np.tile([[1.0, 5], [5, 1]], (10, 1)),
    "twelve raters": RANDOM.integers(1, 6, (40, 12)).astype(float),
    "mostly missing": np.where(
        RANDOM.random((40, 6)) < 0.7, NAN, RANDOM.integers(1, 6, (40, 6)).astype(float)
    ),
}
LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval", "ratio")
WEIGHTS: tuple[Weights, ...] = ("unweighted", "quadratic", "ordinal", "circular", "bipolar")
INTERVALS: tuple[IntervalMethod, ...] = ("analytic", "bca", "jackknife", "percentile")


def figures(found: Any) -> Iterator[Figure]:
    """Every figure that an answer holds."""
    if isinstance(found, Figure):
        yield found
    elif dataclasses.is_dataclass(found):
        for field in dataclasses.fields(found):
            yield from figures(getattr(found, field.name))
    elif isinstance(found, list | tuple):
        for part in found:
            yield from figures(part)
    elif isinstance(found, dict):
        yield from figures(list(found.values()))


def answers(work: Callable[[], Any]) -> None:
    """An answer without a warning, whose figures are numbers or have a reason; or a refusal."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = work()
        except ValueError as refused:
            assert "broadcast" not in str(refused)
            return
    for figure in figures(found):
        assert figure.value is not None or figure.reason
        numbers = [x for x in (figure.low, figure.value, figure.high) if x is not None]
        assert np.isfinite(numbers).all()
        assert numbers == sorted(numbers)
        assert figure.low is None or figure.low < (figure.high or 0)


@pytest.fixture(params=list(TABLES.values()), ids=list(TABLES))
def values(request: pytest.FixtureRequest) -> Floats:
    """One odd table after the other."""
    table: Floats = request.param
    return table


@pytest.mark.parametrize("level", LEVELS)
def test_agreement_answers_or_says_why_not(values: Floats, level: Level) -> None:
    by: dict[str, Any] = {"domain": SCALE, "level": level}
    answers(lambda: agreement(values, minimum_units=2, resamples=50, **by))
    answers(lambda: krippendorff_alpha(values, resamples=50, **by))
    answers(lambda: rater_pairs(values, minimum_units=1, **by))
    answers(lambda: without_each_rater(values, minimum_units=1, resamples=50, **by))
    answers(lambda: unit_spread(values, **by))
    answers(lambda: rater_weights(values, **by))
    answers(lambda: intraclass_correlation(values))
    answers(lambda: kendall_w(values))


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_coefficients_answer_or_say_why_not(
    values: Floats, weights: Weights, interval: IntervalMethod
) -> None:
    by: dict[str, Any] = {"domain": SCALE, "weights": weights}
    sampling = Sampling(interval, resamples=50)
    of_many: tuple[Callable[..., Figure], ...]
    of_many = (percent_agreement, gwet_ac, fleiss_kappa, brennan_prediger, conger_kappa)
    for coefficient in (*of_many, weighted_alpha):
        answers(lambda c=coefficient: c(values, sampling=sampling, **by))  # type: ignore[misc]
    answers(lambda: pairwise_kappa(values, **by))
    if values.shape[1] > 1:
        first, second = values[:, 0], values[:, 1]
        answers(lambda: cohen_kappa(first, second, sampling=sampling, **by))
        answers(lambda: scott_pi(first, second, sampling=sampling, **by))
        answers(lambda: cohen_zero_test(first, second, **by))


@pytest.mark.parametrize("level", ["nominal", "ordinal"])
@pytest.mark.parametrize("says", ["as a person", "one value", "nothing", "any number"])
def test_judges_get_an_answer_or_a_reason(values: Floats, says: str, level: Level) -> None:
    if not values.shape[1]:
        return
    n = len(values)
    judge = {
        "as a person": values[:, 0],
        "one value": np.full(n, 3.0),
        "nothing": np.full(n, NAN),
        "any number": np.linspace(1, 5, n),
    }[says]
    person, error = values[:, 0], judge - values[:, 0]
    groups = np.array([str(i % 3) for i in range(n)], dtype=str)
    by: dict[str, Any] = {"domain": SCALE, "level": level}
    for pass_at in (None, 4.0):
        answers(lambda p=pass_at: calibrate(judge, values, pass_at=p, minimum_units=1, **by))  # type: ignore[misc]
    answers(lambda: alternative_annotator_test(judge, values, minimum_units=2, **by))
    answers(lambda: correlation_within(judge, person, groups, minimum_groups=1))
    answers(lambda: correlation_between(judge, person, groups, minimum_groups=1))
    answers(lambda: length_bias(error, np.arange(1.0, n + 1), minimum_units=1))
    answers(lambda: group_bias(error, groups, minimum_units=1))
    answers(lambda: prediction_powered_mean(person, judge, judge, minimum=1))
    answers(lambda: estimate_by_segment({"a": Sample(person, judge, judge)}, minimum=1))
    answers(lambda: compare_paired(judge, person, minimum_cases=1))
    answers(lambda: judge_noise(values, minimum_units=1))


def test_every_unit_gets_a_consensus_or_a_reason(values: Floats) -> None:
    rated = values[~np.isnan(values).all(axis=1)]
    for one in consensus(rated, level="ordinal", domain=SCALE):
        assert (one.value is None) == (one.reason is not None)
        assert one.entropy >= 0
        answers(lambda c=one: c.support)  # type: ignore[misc]
    answers(lambda: dawid_skene_consensus(values, domain=SCALE))


def test_few_labels_that_turn_the_judge_around_have_no_interval() -> None:
    """One of ten passes judged a pass, the only fail judged a fail: smoothed, it tells nothing."""
    found = rogan_gladen(
        passed=10, passed_judged_pass=1, failed=1, failed_judged_pass=0, judged=10, judged_pass=1
    )
    assert found.value == pytest.approx(1.0)
    assert found.low is None
    assert found.interval == "none: too few labels to say that the judge tells passes from fails"
