"""Are a judge's probabilities what they say? Reliability, calibration error, Brier score."""

from dataclasses import dataclass

import numpy as np

from annotate.stats.bootstrap import NO_SPREAD, SEED, percentile
from annotate.stats.estimate import rate
from annotate.stats.figure import Figure, Floats, not_enough

BINS = 10
MINIMUM_UNITS = 30
RESAMPLES = 1000


@dataclass(frozen=True)
class Bin:
    """Units whose probability lies in one range."""

    low: float
    high: float
    predicted: float
    """The mean probability."""
    observed: Figure
    """The share of units that people passed."""


@dataclass(frozen=True)
class Reliability:
    """A judge's probabilities of a pass beside what people said."""

    bins: tuple[Bin, ...]
    calibration_error: Figure
    """Mean distance of predicted and observed over bins, by their units (ECE)."""
    brier: Figure
    """Mean squared distance of probability and outcome: 0 is perfect, .25 is a coin."""


def reliability(
    probability: Floats,
    passed: Floats,
    *,
    bins: int = BINS,
    minimum_units: int = MINIMUM_UNITS,
    seed: int = SEED,
) -> Reliability:
    """The reliability curve of probabilities.

    probability: (units,), of a pass, 0 to 1. passed: (units,), 1 where people passed the unit, 0
        where not; units where either is NaN do not count.
    bins: of equal numbers of units (equal probabilities stay together), because scores of a judge
        crowd at the ends and bins of equal width would be empty or huge. Naeini, Cooper &
        Hauskrecht (2015), AAAI; Guo et al. (2017), ICML; Brier (1950). Intervals: bootstrap over
        units with the bins held. The error of few units is biased upwards: read the interval.
    Raises ValueError for arrays of different length, a probability outside 0 to 1, an outcome
    other than 0 and 1, and for fewer than one bin.
    """
    if len(probability) != len(passed):
        raise ValueError(f"{len(probability)} probabilities for {len(passed)} outcomes")
    if bins < 1:
        raise ValueError("there must be at least one bin")
    both = ~(np.isnan(probability) | np.isnan(passed))
    chance, outcome = probability[both], passed[both]
    if len(chance) and (chance.min() < 0 or chance.max() > 1):
        raise ValueError("a probability lies from 0 to 1")
    if not np.isin(outcome, (0.0, 1.0)).all():
        raise ValueError("an outcome is 0 or 1")
    n = len(chance)
    if n < minimum_units:
        few = Figure.undefined(not_enough(minimum_units - n), n)
        return Reliability((), few, few)
    # Sorted, so that the order of units cannot change an interval.
    order = np.lexsort((outcome, chance))
    chance, outcome = chance[order], outcome[order]
    # The bin of the first unit with a probability is that of all that have it.
    _, first, group = np.unique(chance, return_index=True, return_inverse=True)
    place = np.unique((bins * first[group]) // n, return_inverse=True)[1]
    members = np.eye(place.max() + 1)[place]
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), RESAMPLES).astype(float)
    gap = members * (chance - outcome)[:, None]
    squared = (chance - outcome) ** 2

    def error(weights: Floats) -> Floats:
        found: Floats = np.abs(weights @ gap).sum(axis=1) / n
        return found

    whole = np.ones((1, n))
    return Reliability(
        tuple(_bin(chance[place == i], outcome[place == i]) for i in range(place.max() + 1)),
        _figure(float(error(whole)[0]), error(draws), n, "expected calibration error", seed),
        _figure(float(squared.mean()), draws @ squared / n, n, "Brier score", seed),
    )


def _bin(chance: Floats, outcome: Floats) -> Bin:
    return Bin(
        float(chance.min()), float(chance.max()), float(chance.mean()),
        rate(int(outcome.sum()), len(outcome)),
    )  # fmt: skip


def _figure(value: float, drawn: Floats, n: int, method: str, seed: int) -> Figure:
    if np.ptp(drawn) < 1e-12:
        return Figure(value, None, None, n, method=method, interval=NO_SPREAD)
    low, high = percentile(value, drawn)
    return Figure(value, low, high, n, method=method, interval="bootstrap over units", seed=seed)
