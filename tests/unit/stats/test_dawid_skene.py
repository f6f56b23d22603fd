"""Dawid and Skene's model: the published example, and what labels alone decide."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotate.stats import DawidSkene, dawid_skene
from annotate.stats.figure import Ints
from tests.unit.stats.published import REFERENCE

# Dawid & Skene (1979), table 1: 45 patients, five anaesthetists, the first three times.
ANAESTHETISTS = """
111.1.1.1.1 333.4.3.3.4 112.2.1.2.2 222.3.1.2.1 222.3.2.2.2 222.3.3.2.2 112.2.1.1.1 333.3.4.3.3
222.2.2.2.3 232.2.2.2.3 444.4.4.4.4 222.3.3.4.3 111.1.1.1.1 222.3.2.1.2 121.1.1.1.1 111.2.1.1.1
111.1.1.1.1 111.1.1.1.1 222.2.2.2.1 222.1.3.2.2 222.2.2.2.2 222.2.2.2.1 222.3.2.2.2 221.2.2.2.2
111.1.1.1.1 111.1.1.1.1 232.2.2.2.2 111.1.1.1.1 111.1.1.1.1 112.1.1.2.1 111.1.1.1.1 333.3.2.3.3
111.1.1.1.1 222.2.2.2.2 222.3.2.3.2 433.4.3.4.3 221.2.2.3.2 232.3.2.3.3 333.3.4.3.2 111.1.1.1.1
111.1.1.1.1 121.2.1.1.1 232.2.2.2.2 121.1.1.1.1 222.2.2.2.2
"""


def anaesthetists() -> tuple[Ints, Ints, Ints]:
    labels = [
        (patient, rater, int(said) - 1)
        for patient, row in enumerate(ANAESTHETISTS.split())
        for rater, column in enumerate(row.split("."))
        for said in column
    ]
    units, raters, given = np.array(labels).T
    return units, raters, given


def test_the_anaesthetists_are_those_of_dawid_and_skene() -> None:
    """R rater 1.1.0 on the same data; published prevalence .40 .42 .11 .07."""
    expected = REFERENCE["dawid_skene_1979_anesthesia"]
    units, raters, given = anaesthetists()
    found = dawid_skene(units, raters, given, n_values=4)
    assert found.prevalence == pytest.approx(expected["prevalence"], abs=5e-5)
    assert found.log_likelihood == pytest.approx(expected["loglik"], abs=1e-5)
    votes = np.zeros((45, 4))
    np.add.at(votes, (units, given), 1)
    # Reference, section 5: patients 2, 12 and 36 get another value than the plurality's.
    assert (np.flatnonzero(votes.argmax(axis=1) != found.values) + 1).tolist() == [2, 12, 36]
    assert found.advised


def crowd(random: np.random.Generator, one_coin: bool = False) -> tuple[DawidSkene, Ints, Ints]:
    """200 units, six good raters and one who guesses, three labels a unit."""
    truth = random.integers(0, 3, 200)
    units = np.repeat(np.arange(200), 3)
    raters = np.concatenate([random.choice(7, 3, replace=False) for _ in range(200)])
    right = random.random(600) < np.where(raters == 6, 1 / 3, 0.85)
    other = (truth[units] + random.integers(1, 3, 600)) % 3
    given = np.where(right, truth[units], other)
    votes = np.zeros((200, 3))
    np.add.at(votes, (units, given), 1)
    found = dawid_skene(units, raters, given, n_values=3, one_coin=one_coin, prior=1.0)
    return found, truth, votes.argmax(axis=1)


@pytest.mark.parametrize("one_coin", [False, True])
def test_who_guesses_is_found_and_weighs_less(one_coin: bool) -> None:
    found, truth, majority = crowd(np.random.default_rng(3), one_coin)
    accuracy = np.einsum("rkk->rk", found.errors).mean(axis=1)
    assert accuracy.argmin() == 6
    # With three labels a unit, whole tables of errors are not always better than a majority.
    assert (found.values == truth).mean() >= (majority == truth).mean() - (0 if one_coin else 0.03)


def test_posteriors_and_errors_are_probabilities_and_unanimity_wins() -> None:
    units = np.repeat(np.arange(10), 3)
    raters = np.tile(np.arange(3), 10)
    given = np.repeat(np.arange(10) % 2, 3)
    found = dawid_skene(units, raters, given, n_values=2)
    assert found.posterior.sum(axis=1) == pytest.approx(np.ones(10))
    assert found.errors.sum(axis=2) == pytest.approx(np.ones((3, 2)))
    assert found.values.tolist() == [n % 2 for n in range(10)]
    assert not found.advised


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (([0], [0, 1], [0]), "1 units, 2 raters"),
        (([], [], []), "there is no label"),
        (([0], [0], [2]), "from 0 to 1"),
        (([0, 2], [0, 0], [0, 1]), "every unit must have a label"),
    ],
)
def test_labels_that_cannot_be_are_refused(labels: tuple[list[int], ...], words: str) -> None:
    units, raters, given = (np.array(part, dtype=np.int64) for part in labels)
    with pytest.raises(ValueError, match=words):
        dawid_skene(units, raters, given, n_values=2)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.lists(st.integers(0, 2), min_size=2, max_size=4), min_size=2, max_size=12),
    st.randoms(use_true_random=False),
)
def test_the_order_of_labels_changes_nothing(rows: list[list[int]], random: object) -> None:
    labels = [(u, r, v) for u, row in enumerate(rows) for r, v in enumerate(row)]
    mixed = list(labels)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    one = dawid_skene(*np.array(labels).T, n_values=3, prior=0.5)
    other = dawid_skene(*np.array(mixed).T, n_values=3, prior=0.5)
    assert one.posterior == pytest.approx(other.posterior, abs=1e-6)
    assert np.isfinite(one.log_likelihood)
