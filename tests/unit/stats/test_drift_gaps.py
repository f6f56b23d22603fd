"""Gaps in a round are not drift; what many segments say must stand up together."""

from dataclasses import replace

import numpy as np
import pytest

from annotate.stats import Contrast, Drift, DriftVerdict, RoundScores, across, drift
from annotate.stats.figure import Floats
from tests.unit.stats.worlds import SCALE, world

NAN = np.nan
WORLDS = 150
NOISE = 2.6 * (0.05 * 0.95 / WORLDS) ** 0.5
"""What chance adds to a share of .05 in one of two hundred tests."""


def judge_flagged(worlds: list[tuple[RoundScores, RoundScores]]) -> float:
    """The share of worlds in which the judge's own p is at most .05."""
    p = [
        drift(before, after, level="ordinal", domain=SCALE).contrasts["J"].p
        for before, after in worlds
    ]
    return float(np.mean([value is not None and value <= 0.05 for value in p]))


def unrated(whole: RoundScores, anchors: slice) -> RoundScores:
    people = whole.anchors_human.copy()
    people[anchors] = NAN
    return replace(whole, anchors_human=people)


@pytest.mark.parametrize(("rated", "runs"), [(0, 1), (0, 3), (15, 1), (15, 3)])
def test_anchors_that_nobody_rated_are_no_sign_of_drift(rated: int, runs: int) -> None:
    """The earlier runs lie close to their own mean: that mean must not be the yardstick."""
    quiet = [
        tuple(
            unrated(world(seed, anchors=30, runs=runs), slice(rated, None))
            for seed in (1000 + i, 5000 + i)
        )
        for i in range(WORLDS)
    ]
    assert judge_flagged(quiet) <= 0.05 + NOISE  # type: ignore[arg-type]


@pytest.mark.parametrize(("earlier", "later"), [(3, 1), (1, 3), (5, 1)])
def test_lost_answers_of_unequally_many_runs_are_no_sign_of_drift(earlier: int, later: int) -> None:
    """The mean of five runs lies closer to people than one run does, without any drift."""

    def lossy(seed: int, runs: int) -> RoundScores:
        whole = world(seed, anchors=30, runs=runs)
        lost = np.random.default_rng(seed).random(whole.anchors_judge.shape) < 0.03
        return replace(whole, anchors_judge=np.where(lost, NAN, whole.anchors_judge))

    quiet = [(lossy(1000 + i, earlier), lossy(5000 + i, later)) for i in range(WORLDS)]
    assert judge_flagged(quiet) <= 0.05 + NOISE


def test_a_judge_that_moved_is_found_on_anchors_that_nobody_rated() -> None:
    before, after = (
        unrated(world(seed, judge=off), slice(None)) for seed, off in ((1, 0.0), (2, 0.5))
    )
    found = drift(before, after, level="ordinal", domain=SCALE)
    assert (found.verdict, found.causes) == (DriftVerdict.ALARM, ("judge",))


def test_more_runs_than_can_be_exchanged_one_by_one_are_sampled() -> None:
    """Ten runs a round can change places in 184,756 ways."""
    still, moved = (
        drift(world(1, runs=10), world(2, runs=10, judge=off), level="ordinal", domain=SCALE)
        for off in (0.0, 0.5)
    )
    assert (still.contrasts["J"].p or 0) > 0.05
    assert moved.causes == ("judge",)


def test_where_a_run_lost_its_answers_altogether_the_others_count() -> None:
    """A whole column of gaps is as if the run had not been."""
    before, after = world(1), world(2, judge=0.2)

    def padded(whole: RoundScores) -> RoundScores:
        gap = np.full((len(whole.anchors_judge), 1), NAN)
        return replace(whole, anchors_judge=np.hstack([gap, whole.anchors_judge]))

    as_it_is = drift(before, after, level="ordinal", domain=SCALE)
    assert drift(padded(before), padded(after), level="ordinal", domain=SCALE) == as_it_is


def test_anchors_of_a_class_that_the_traffic_lacks_give_no_traffic_figure() -> None:
    """Yes or no: all traffic passes, and the same people rated only anchors that fail."""

    def round_(seed: int) -> RoundScores:
        random = np.random.default_rng(seed)
        anchors: Floats = np.repeat([0.0, 1.0], 6)
        people = np.column_stack([anchors, anchors])
        people[6:, 0] = NAN
        return RoundScores(
            anchors_judge=random.integers(0, 2, size=(12, 2)).astype(float),
            anchors_human=people,
            fresh_judge=np.ones(20),
            fresh_human=np.ones((20, 2)),
            fresh_weight=np.ones(20),
            raters=("ada", f"guest {seed}"),
        )

    found = drift(round_(1), round_(2), level="nominal", domain=(0.0, 1.0))
    assert found.contrasts["T"].reason == "3 more anchors rated in both rounds"
    assert found.contrasts["H"].n == 6


def test_an_alarm_among_many_segments_names_only_the_causes_that_stand_up() -> None:
    """A sure sign of the judge does not carry a weak one of the raters with it."""

    def segment(judge: float, raters: float, verdict: DriftVerdict, *causes: str) -> Drift:
        none = Contrast(None, None, None, None, None, 0, "untested")
        contrasts = {
            "J": Contrast(0.4, 0.1, 0.7, judge, judge, 30),
            "H": Contrast(0.3, 0.1, 0.5, raters, raters, 30),
            "T": none,
            "C": none,
        }
        return Drift(verdict, causes, contrasts, 0.25)

    alarmed = segment(0.0005, 0.009, DriftVerdict.ALARM, "judge", "raters")
    calm = [segment(0.6, 0.7, DriftVerdict.CANNOT_TELL) for _ in range(24)]
    found = across([alarmed, *calm])
    assert (found[0].verdict, found[0].causes) == (DriftVerdict.ALARM, ("judge",))
    assert found[1:] == calm
    assert across([alarmed]) == [alarmed]
