"""What a lead is told to do with a judge, on rounds whose figures can be counted by hand."""

from itertools import pairwise

import numpy as np
import pytest

from annotate.stats import Calibration, Thresholds, Verdict, calibrate
from annotate.stats.figure import Floats

SCALE = (1.0, 2.0, 3.0, 4.0, 5.0)


def people_agree(times: int) -> Floats:
    """Two people; of eight units they give seven the same value and lie one apart on the eighth."""
    first = [1.0, 2, 3, 4, 5, 2, 4, 3]
    second = [1.0, 2, 3, 4, 5, 2, 4, 4]
    return np.tile(np.column_stack([first, second]), (times, 1))


def verdict(judge: Floats, humans: Floats, thresholds: Thresholds | None = None) -> Calibration:
    return calibrate(
        judge, humans, domain=SCALE, level="ordinal", pass_at=4.0, minimum_units=8,
        thresholds=thresholds,
    )  # fmt: skip


def test_eight_units_counted_by_hand() -> None:
    """People pass three units (4, 5, 4), the judge passes two of them and one that they fail."""
    humans = people_agree(1)
    judge = np.array([1.0, 2, 4, 4, 5, 1, 3, 3])
    found = verdict(judge, humans)
    assert (found.tpr.value, found.tpr.n) == (2 / 3, 3)
    assert (found.tnr.value, found.tnr.n) == (4 / 5, 5)
    assert found.confusion == (
        (1, 0, 0, 0, 0),
        (1, 1, 0, 0, 0),
        (0, 0, 1, 1, 0),
        (0, 0, 1, 1, 0),
        (0, 0, 0, 0, 1),
    )
    # Beside means 1, 2, 3, 4, 5, 2, 4, 3.5 the judge is 0, 0, 1, 0, 0, -1, -1, -.5 away.
    assert found.bias.value == pytest.approx(-1.5 / 8)
    assert found.mae.value == pytest.approx(3.5 / 8)
    assert (found.coverage.value, found.n_units) == (1.0, 8)


def test_a_judge_between_half_a_point_and_a_point_too_lenient_is_to_be_watched() -> None:
    humans = people_agree(12)
    judge = np.clip(humans[:, 0] + np.tile([1.0, 1, 1, 1, 0, 1, 0, 1], 12), 1, 5)
    found = verdict(judge, humans)
    assert found.bias.value == pytest.approx((6 - 0.5) / 8)
    assert found.verdict is Verdict.WATCH
    assert found.verdict_reason.startswith("0.7 points too lenient; kappa 0.")


def test_the_same_ranking_at_three_levels_gets_three_verdicts() -> None:
    """A rank correlation cannot tell these judges apart."""
    humans = people_agree(12)
    middle = humans.min(axis=1)
    judges = [middle * 0.7 + lift for lift in (0.9, 1.7, 2.4)]
    found = [verdict(judge, humans) for judge in judges]
    assert all(one.spearman == other.spearman for one, other in pairwise(found))
    assert [one.verdict for one in found] == [Verdict.TRUST, Verdict.WATCH, Verdict.DO_NOT_USE]


def test_good_agreement_on_few_units_is_trusted_only_on_more_of_them() -> None:
    """The estimate is the same; on eight units its interval still reaches too low."""
    humans = people_agree(1)
    judge = humans[:, 0].copy()
    judge[3] = 2.0
    few, many = verdict(judge, humans), verdict(np.tile(judge, 12), people_agree(12))
    assert few.weighted_kappa.value == pytest.approx(many.weighted_kappa.value)
    assert few.verdict is Verdict.WATCH
    assert few.verdict_reason.startswith("too few ratings to be sure, from ")
    assert many.verdict is Verdict.TRUST


def test_a_perfect_judge_of_people_who_contradict_each_other_is_to_be_watched() -> None:
    """Each repeats the other's value on half of the units, and says the opposite on the rest."""
    first = np.tile([1.0, 5, 1, 5], 12)
    second = np.tile([1.0, 5, 5, 1], 12)
    found = verdict(first, np.column_stack([first, second]))
    assert found.ceiling.weighted_kappa.value == pytest.approx(0.0)
    assert found.verdict is Verdict.WATCH
    assert found.verdict_reason.startswith("people's agreement with each other is 0.00")


def test_a_bias_that_few_units_cannot_exclude_is_to_be_watched() -> None:
    """One slip of three points in ten: the mean is .4 off, and .7 is still possible."""
    pairs = [(1, 1), (5, 5), (1, 1), (5, 5), (1, 2), (5, 4), (1, 1), (5, 5), (2, 1), (4, 5)]
    humans = np.array(pairs, dtype=float)
    judge = np.array([4.0, 5, 1, 5, 1, 5, 1, 5, 2, 5])
    limits = Thresholds(poor_of_ceiling=0.2, poor_bias=0.15)
    few, many = (
        verdict(np.tile(judge, times), np.tile(humans, (times, 1)), limits) for times in (3, 12)
    )
    assert few.bias.value == pytest.approx(0.4)
    assert few.verdict is Verdict.WATCH
    assert "a bias from +0.1 to +0.7 points is possible" in few.verdict_reason
    assert many.verdict is Verdict.TRUST


@pytest.mark.parametrize(
    "wrong",
    [
        {"of_ceiling": 0.4},
        {"poor_of_ceiling": -0.1},
        {"bias": 0.3},
        {"poor_bias": 1.5},
        {"ceiling": 1.0},
    ],
)
def test_thresholds_that_contradict_each_other_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Thresholds(**wrong)
