"""Two configurations on the same cases, and preferences between several."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, sparse, special, stats

from annotate.stats.bootstrap import SEED
from annotate.stats.figure import Figure, Floats, Ints, Reason, not_enough
from annotate.stats.multiplicity import holm

MINIMUM_CASES = 10
"""Cases below which two configurations are not compared."""
RESAMPLES = 9999
POWER = 0.80
SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Comparison:
    """Configuration B beside A on the same cases."""

    difference: Figure
    """Mean of B minus A, in points; in pass rate where scores are 0 and 1."""
    p: float | None
    """Of no difference, two-sided."""
    test: str
    better: int
    """Cases on which B scored higher."""
    worse: int
    same: int
    detectable: float | None
    """The smallest true difference that so many cases would find in 80 of 100 samples at .05."""
    p_adjusted: float | None = None
    """By Holm over the segments that were compared together."""


def compare_paired(
    a: Floats,
    b: Floats,
    *,
    minimum_cases: int = MINIMUM_CASES,
    seed: int = SEED,
) -> Comparison:
    """Is B better than A on the same cases?

    minimum_cases: below so many the answer is "not enough ratings".
    a, b: (cases,), a score of each configuration on each case; NaN where one has none: such cases
        do not count. Scores that are all 0 or 1 are passes and fails.
    The difference's interval is a BCa bootstrap over cases (Efron 1987). p: McNemar's mid-p for
    passes and fails, else sign flips of the differences (exact where there are at most 9,999
    ways). Cases are what is drawn: two related cases should be one.
    Raises ValueError for arrays of different length.
    """
    if len(a) != len(b):
        raise ValueError(f"{len(a)} scores beside {len(b)}")
    both = ~(np.isnan(a) | np.isnan(b))
    first, second = a[both], b[both]
    gain = second - first
    n = len(gain)
    better, worse = int((gain > 0).sum()), int((gain < 0).sum())
    if n < minimum_cases:
        few = Figure.undefined(not_enough(minimum_cases - n), n)
        return Comparison(few, None, "", better, worse, n - better - worse, None)
    binary = bool(np.isin(np.concatenate([first, second]), (0.0, 1.0)).all())
    if binary:
        test, p = "McNemar, mid-p", mcnemar(worse, better).mid_p
    else:
        test, p = "sign flips", _flips(gain, seed)
    return Comparison(
        _difference(gain, seed), p, test, better, worse, n - better - worse,
        smallest_detectable(gain),
    )  # fmt: skip


def compare_by_segment(
    scores: dict[str, tuple[Floats, Floats]],
    *,
    minimum_cases: int = MINIMUM_CASES,
    seed: int = SEED,
) -> dict[str, Comparison]:
    """`compare_paired` in every segment, with p adjusted by Holm over those that could be tested.

    scores: by segment, A's and B's scores on its cases, (cases,) each. Further arguments and errors
    as of `compare_paired`. Holm (1979).
    """
    found = {
        segment: compare_paired(a, b, minimum_cases=minimum_cases, seed=seed)
        for segment, (a, b) in scores.items()
    }
    tested = {segment: one.p for segment, one in found.items() if one.p is not None}
    adjusted = dict(zip(tested, holm(list(tested.values())), strict=True)) if tested else {}
    return {
        segment: Comparison(**{**vars(one), "p_adjusted": float(adjusted[segment])})
        if segment in adjusted
        else one
        for segment, one in found.items()
    }


def _difference(gain: Floats, seed: int) -> Figure:
    n, mean = len(gain), float(gain.mean())
    method = "mean difference over the same cases"
    if np.ptp(gain) == 0:
        return Figure(mean, None, None, n, method=method, interval="none: every case differs alike")
    found = stats.bootstrap(
        (gain,), np.mean, n_resamples=RESAMPLES, method="BCa", rng=np.random.default_rng(seed)
    ).confidence_interval
    low, high = min(float(found.low), mean), max(float(found.high), mean)
    return Figure(mean, low, high, n, method=method, interval="BCa over cases", seed=seed)


def _flips(gain: Floats, seed: int) -> float:
    moved = gain[gain != 0]
    if not len(moved):
        return 1.0
    found = stats.permutation_test(
        (moved,), np.mean, permutation_type="samples", n_resamples=RESAMPLES,
        vectorized=True, rng=np.random.default_rng(seed),
    )  # fmt: skip
    return float(found.pvalue)


def smallest_detectable(
    gain: Floats, *, power: float = POWER, significance: float = SIGNIFICANCE
) -> float | None:
    """The smallest mean difference that a paired test on so many cases would find.

    gain: (cases,), differences of a pilot, of which only the spread is used. (z_a + z_b) sd /
    sqrt(n), by the normal distribution; power: the share of samples in which it is found.
    significance: two-sided. None for fewer than two cases or where every case differs alike.
    Raises nothing.
    """
    if len(gain) < 2 or np.ptp(gain) == 0:
        return None
    reach = float(stats.norm.ppf(1 - significance / 2) + stats.norm.ppf(power))
    return reach * float(gain.std(ddof=1)) / float(np.sqrt(len(gain)))


@dataclass(frozen=True)
class McNemar:
    """Two-sided p of no difference between two pass rates on the same cases."""

    exact: float
    mid_p: float


def mcnemar(only_first: int, only_second: int) -> McNemar:
    """McNemar's test from the discordant cases: those that only one of the two passed.

    only_first, only_second: how many cases.
    exact: binomial, the sign test on passes and fails; conservative. mid_p: Fagerland, Lydersen &
    Laake (2013), The McNemar test for binary matched-pairs data, BMC Medical Research Methodology
    13: half the weight of the observed table; holds its level nearly always, and finds more.
    Raises ValueError for a count below 0.
    """
    if min(only_first, only_second) < 0:
        raise ValueError("a count of cases cannot be below 0")
    n, fewer = only_first + only_second, min(only_first, only_second)
    if not n:
        return McNemar(1.0, 1.0)
    exact = min(1.0, 2 * float(stats.binom.cdf(fewer, n, 0.5)))
    mid = exact - float(stats.binom.pmf(fewer, n, 0.5))
    return McNemar(exact, 1.0 if only_first == only_second else mid)


def sign_test(better: int, worse: int) -> float:
    """Exact two-sided p of as many cases up as down.

    better, worse: cases on which the second scored higher, and lower; cases without a difference do
    not count. Binomial (Arbuthnott 1710; Dixon & Mood 1946). Raises ValueError for a count below 0.
    """
    return mcnemar(worse, better).exact


@dataclass(frozen=True)
class Preferences:
    """Strengths of configurations from pairwise preferences."""

    strengths: tuple[Figure, ...]
    """Natural logarithm, adding up to 0: a difference of 1 is odds of 2.7 to 1."""
    tie: float | None
    """Davidson's nu: of comparisons between equals, a share of nu / (2 + nu) ends in a tie."""
    p: float | None
    """Of all being equally strong (likelihood ratio)."""


APART = "one side won every comparison with the rest: no finite strength"


def bradley_terry(wins: Ints, ties: Ints) -> Preferences:
    """The Bradley-Terry model with ties after Davidson.

    wins: (k, k), how often the row was preferred to the column. ties: (k, k), symmetric, how often
        neither was; "both bad" counts as a tie. The diagonals are not read.
    P(i over j) = s_i / (s_i + s_j + nu sqrt(s_i s_j)). Bradley & Terry (1952), Biometrika 39;
    Davidson (1970), On extending the Bradley-Terry model to accommodate ties, JASA 65. Maximum
    likelihood, intervals from the expected information. Undefined where the comparisons do not
    hang together: one group was always preferred to the rest (Ford 1957).
    Raises ValueError for tables of another shape, negative counts or asymmetric ties.
    """
    k = len(wins)
    if wins.shape != (k, k) or ties.shape != (k, k):
        raise ValueError(f"wins {wins.shape} and ties {ties.shape} must be square and alike")
    if wins.min(initial=0) < 0 or ties.min(initial=0) < 0 or (ties != ties.T).any():
        raise ValueError("counts must not be negative, and ties must be symmetric")
    off = ~np.eye(k, dtype=bool)
    won, tied = np.where(off, wins, 0).astype(float), np.where(off, ties, 0).astype(float)
    n = int(won.sum() + tied.sum() / 2)
    method = "Bradley-Terry with ties (Davidson)"
    groups, _ = sparse.csgraph.connected_components(
        sparse.csr_array(won + tied > 0), directed=True, connection="strong"
    )
    if k < 2 or groups > 1:
        none = Figure.undefined(APART if n else Reason.NO_RATINGS, n, method)
        return Preferences((none,) * k, None, None)
    if not won.any():
        level = Figure(0.0, None, None, n, method=method, interval="none: every comparison a tie")
        return Preferences((level,) * k, None, None)
    model = _Davidson.of(won, tied)
    fit = optimize.minimize(
        model.loss, np.zeros(model.design.shape[2]), jac=model.slope, method="BFGS"
    )
    covariance = np.linalg.inv(model.information(fit.x))[: k - 1, : k - 1]
    # The last strength is minus the sum of the others.
    strengths = np.append(fit.x[: k - 1], -fit.x[: k - 1].sum())
    errors = np.sqrt(np.append(np.diag(covariance), covariance.sum()))
    figures = tuple(
        Figure(
            float(s), float(s - 1.959964 * e), float(s + 1.959964 * e), n,
            method=method, interval="Wald",
        )
        for s, e in zip(strengths, errors, strict=True)
    )  # fmt: skip
    nu = float(np.exp(fit.x[k - 1])) if tied.any() else 0.0
    # With equal strengths only the share of ties is fitted, and that has a closed form.
    equal = np.zeros_like(fit.x)
    if tied.any():
        equal[k - 1] = np.log(tied.sum() / won.sum())
    ratio = max(0.0, 2 * (model.loss(equal) - float(fit.fun)))
    return Preferences(figures, nu, float(stats.chi2.sf(ratio, k - 1)))


@dataclass(frozen=True)
class _Davidson:
    """A multinomial logit of each pair: first won, second won, tie."""

    counted: Floats
    """(pairs, 3)"""
    design: Floats
    """(pairs, 3, parameters): all strengths but the last, and log nu where there are ties."""

    @classmethod
    def of(cls, won: Floats, tied: Floats) -> "_Davidson":
        k, has_ties = len(won), bool(tied.any())
        first, second = np.triu_indices(k, k=1)
        strength = np.vstack([np.eye(k - 1), -np.ones((1, k - 1))])
        outcomes = [strength[first], strength[second], (strength[first] + strength[second]) / 2]
        design = np.stack(outcomes, axis=1)
        if not has_ties:
            return cls(np.column_stack([won[first, second], won[second, first]]), design[:, :2])
        of_ties = np.zeros((len(first), 3, 1))
        of_ties[:, 2] = 1
        counted = np.column_stack([won[first, second], won[second, first], tied[first, second]])
        return cls(counted, np.concatenate([design, of_ties], axis=2))

    def _logs(self, parameters: Floats) -> Floats:
        weight = self.design @ parameters
        found: Floats = weight - special.logsumexp(weight, axis=1, keepdims=True)
        return found

    def loss(self, parameters: Floats) -> float:
        """Minus the log likelihood."""
        return -float((self.counted * self._logs(parameters)).sum())

    def slope(self, parameters: Floats) -> Floats:
        """Its gradient."""
        expected = self.counted.sum(axis=1, keepdims=True) * np.exp(self._logs(parameters))
        found: Floats = np.einsum("po,pom->m", expected - self.counted, self.design)
        return found

    def information(self, parameters: Floats) -> Floats:
        """Its expected second derivatives."""
        share = np.exp(self._logs(parameters))
        number = self.counted.sum(axis=1)
        mean = np.einsum("po,pom->pm", share, self.design)
        found: Floats = np.einsum(
            "p,po,pom,pol->ml", number, share, self.design, self.design
        ) - np.einsum("p,pm,pl->ml", number, mean, mean)
        return found
