"""Consensus that weighs raters by their errors: Dawid and Skene's model."""

from dataclasses import dataclass

import numpy as np

from annotate.stats.figure import Floats, Ints

MINIMUM_RATERS = 5
MINIMUM_LABELS = 20
"""Below so many raters, or labels of each, the model is less often right than the majority."""
ITERATIONS = 1000
TOLERANCE = 1e-9


@dataclass(frozen=True)
class DawidSkene:
    """Values that are probably true, and the raters' errors."""

    posterior: Floats
    """(units, values): how probable each value is."""
    prevalence: Floats
    """(values,)"""
    errors: Floats
    """(raters, true values, given values): each row adds up to 1."""
    log_likelihood: float
    iterations: int
    advised: bool
    """Whether there are raters and labels enough for it to be better than a majority."""

    @property
    def values(self) -> Ints:
        """(units,), the place of the most probable value; the lower one of two alike."""
        found: Ints = self.posterior.argmax(axis=1)
        return found


def dawid_skene(
    units: Ints,
    raters: Ints,
    given: Ints,
    *,
    n_values: int,
    prior: float = 0.0,
    one_coin: bool = False,
) -> DawidSkene:
    """Estimate true values and raters' errors together, by expectation and maximisation.

    units, raters, given: (labels,), the places of each label's unit, rater and value from 0; a
        rater may label a unit more than once. Every unit has a label.
    n_values: how many values the scale has.
    prior: counts added to every cell of the error tables (Dirichlet); 0 is maximum likelihood.
    one_coin: one error rate a rater instead of a table: for few labels.
    Dawid & Skene (1979), Maximum likelihood estimation of observer error-rates using the EM
    algorithm, Applied Statistics 28. Starts from the shares of votes. The values are nominal: an
    error of one point is as far as one of four. Use it as a second opinion: with 40 units and 3
    raters the majority was more often right.
    Raises ValueError for arrays of different length, no label, a place outside its range, and a
    unit without a label.
    """
    if not len(units) == len(raters) == len(given):
        raise ValueError(f"{len(units)} units, {len(raters)} raters, {len(given)} values")
    if not len(units):
        raise ValueError("there is no label")
    if min(units.min(), raters.min(), given.min()) < 0 or given.max() >= n_values:
        raise ValueError(f"a value must lie from 0 to {n_values - 1}, and a place from 0")
    n_units, n_raters = int(units.max()) + 1, int(raters.max()) + 1
    # (raters, units, values): how often each rater gave each unit each value.
    votes = np.zeros((n_raters, n_units, n_values))
    np.add.at(votes, (raters, units, given), 1)
    total = votes.sum(axis=0)
    if (total.sum(axis=1) == 0).any():
        raise ValueError("every unit must have a label")
    posterior = total / total.sum(axis=1, keepdims=True)
    before, step = -np.inf, 0
    while True:
        step += 1
        prevalence = posterior.mean(axis=0)
        errors = _errors(np.einsum("uk,ruv->rkv", posterior, votes), prior, one_coin)
        with np.errstate(divide="ignore"):
            logs = np.log(errors)
            joint = np.log(prevalence)[None, :] + _dot(votes, logs)
        largest = joint.max(axis=1, keepdims=True)
        weight = np.exp(joint - largest)
        likelihood = float((largest[:, 0] + np.log(weight.sum(axis=1))).sum())
        posterior = weight / weight.sum(axis=1, keepdims=True)
        if likelihood - before < TOLERANCE or step == ITERATIONS:
            break
        before = likelihood
    labels = votes.sum(axis=(1, 2))
    advised = bool((labels >= MINIMUM_LABELS).sum() >= MINIMUM_RATERS)
    return DawidSkene(posterior, prevalence, errors, likelihood, step, advised)


def _errors(table: Floats, prior: float, one_coin: bool) -> Floats:
    """Error tables from expected counts: (raters, true, given)."""
    values = table.shape[2]
    if one_coin:
        right = np.einsum("rkk->r", table) + prior
        share = right / (table.sum(axis=(1, 2)) + 2 * prior)
        same = np.eye(values)[None]
        wrong = (1 - share)[:, None, None] * (1 - same) / (values - 1)
        found: Floats = share[:, None, None] * same + wrong
        return found
    table = table + prior
    sums = table.sum(axis=2, keepdims=True)
    # A value that is never the true one tells nothing of the rater's errors on it.
    spread: Floats = np.divide(table, sums, out=np.full_like(table, 1 / values), where=sums > 0)
    return spread


def _dot(votes: Floats, logs: Floats) -> Floats:
    """sum over raters and given values of votes x log error, 0 x -inf being 0: (units, true)."""
    impossible = np.isneginf(logs)
    finite = np.where(impossible, 0.0, logs)
    never = np.einsum("ruv,rkv->uk", votes, impossible.astype(float)) > 0
    found: Floats = np.where(never, -np.inf, np.einsum("ruv,rkv->uk", votes, finite))
    return found
