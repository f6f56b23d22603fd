"""Agreement on numbers: intraclass correlation and Kendall's W, for complete tables."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from annotate.stats.figure import Figure, Floats, Reason

INCOMPLETE = "a rating is missing: use interval alpha, which allows for it"
NO_UNITS = "units do not differ"
TOO_SMALL = "fewer than two units or two raters"


@dataclass(frozen=True)
class IntraclassCorrelation:
    """The six forms of Shrout & Fleiss (1979)."""

    icc1: Figure
    """One rating, each unit rated by other raters: absolute agreement."""
    icc2: Figure
    """One rating, the raters a sample of raters: absolute agreement, ICC(A,1)."""
    icc3: Figure
    """One rating, these raters and no others: consistency, ICC(C,1)."""
    icc1k: Figure
    """The mean of the k raters, as icc1."""
    icc2k: Figure
    """The mean of the k raters, as icc2."""
    icc3k: Figure
    """The mean of the k raters, as icc3: Cronbach's alpha."""


def intraclass_correlation(values: Floats) -> IntraclassCorrelation:
    """Intraclass correlations from the two-way analysis of variance, with F intervals.

    values: (units, raters), numbers on an interval scale, no rating missing: with one missing
    every form is undefined. Shrout & Fleiss (1979), Psychological Bulletin 86; McGraw & Wong
    (1996), Psychological Methods 1. The interval of icc2k is that of icc2 stepped up by
    Spearman-Brown, as in R's psych (R's irr differs in the third decimal). Raises nothing.
    """
    n, k = values.shape
    names = [f"ICC{form}" for form in ("1", "2", "3", "1k", "2k", "3k")]
    if n < 2 or k < 2 or np.isnan(values).any():
        reason = TOO_SMALL if n < 2 or k < 2 else INCOMPLETE
        return IntraclassCorrelation(*(Figure.undefined(reason, n, name) for name in names))
    mean = values.mean()
    of_units = values.mean(axis=1)
    of_raters = values.mean(axis=0)
    rows = k * float(((of_units - mean) ** 2).sum()) / (n - 1)
    columns = n * float(((of_raters - mean) ** 2).sum()) / (k - 1)
    within = float(((values - of_units[:, None]) ** 2).sum()) / (n * (k - 1))
    rest = values - of_units[:, None] - of_raters[None, :] + mean
    error = float((rest**2).sum()) / ((n - 1) * (k - 1))
    # Below this a mean square is what rounding leaves of nothing.
    tiny = 1e-12 * float((values**2).mean())
    rows, columns, within, error = (0.0 if v <= tiny else v for v in (rows, columns, within, error))
    if rows + within <= 0:
        return IntraclassCorrelation(
            *(Figure.undefined(Reason.NO_VARIATION, n, name) for name in names)
        )
    one = _single(rows, within, n, k, n * (k - 1), names[0])
    three = _single(rows, error, n, k, (n - 1) * (k - 1), names[2])
    two = _absolute(rows, columns, error, n, k, names[1])
    steady = rows + (columns - error) / n
    of_mean = (rows - error) / steady if steady > 0 else None
    return IntraclassCorrelation(
        one,
        two,
        three,
        _stepped_up(one, k, names[3]),
        replace(_stepped_up(two, k, names[4]), value=of_mean),
        _stepped_up(three, k, names[5]),
    )


def _single(rows: float, noise: float, n: int, k: int, freedom: int, name: str) -> Figure:
    """(MSR - MS) / (MSR + (k-1) MS) with its exact F interval."""
    if rows + noise <= 0:
        return Figure.undefined(Reason.NO_VARIATION, n, name)
    value = (rows - noise) / (rows + (k - 1) * noise)
    if noise <= 0:
        return Figure(value, None, None, n, method=name, interval=NO_NOISE)
    if rows <= 0:
        return Figure(value, None, None, n, method=name, interval=NO_UNITS_APART)
    ratio = rows / noise
    low = ratio / float(stats.f.ppf(0.975, n - 1, freedom))
    high = ratio * float(stats.f.ppf(0.975, freedom, n - 1))
    return Figure(
        value,
        (low - 1) / (low + k - 1),
        (high - 1) / (high + k - 1),
        n,
        method=name,
        interval="F",
    )


NO_NOISE = "none: raters do not differ within units"
NO_UNITS_APART = "none: units do not differ"


def _absolute(rows: float, columns: float, error: float, n: int, k: int, name: str) -> Figure:
    """ICC2 with Satterthwaite's degrees of freedom (Fleiss & Shrout 1978)."""
    spread = rows + (k - 1) * error + k * (columns - error) / n
    if spread <= 0:
        return Figure.undefined(Reason.NO_VARIATION, n, name)
    value = (rows - error) / spread
    if error <= 0:
        return Figure(value, None, None, n, method=name, interval=NO_NOISE)
    if rows <= 0:
        return Figure(value, None, None, n, method=name, interval=NO_UNITS_APART)
    of_raters = columns / error
    inner = n * (1 + (k - 1) * value) - k * value
    freedom = (k - 1) * (n - 1) * (k * value * of_raters + inner) ** 2
    freedom /= (n - 1) * (k * value * of_raters) ** 2 + inner**2
    upper = float(stats.f.ppf(0.975, n - 1, freedom))
    lower = float(stats.f.ppf(0.975, freedom, n - 1))
    mixed = k * columns + (k * n - k - n) * error
    return Figure(
        value,
        n * (rows - upper * error) / (upper * mixed + n * rows),
        n * (lower * rows - error) / (mixed + n * lower * rows),
        n,
        method=name,
        interval="F, Satterthwaite",
    )


def _stepped_up(single: Figure, k: int, name: str) -> Figure:
    """Of the mean of k raters, by Spearman and Brown."""

    def step(one: float | None) -> float | None:
        # Minus infinity where raters differ within units as much as they can.
        if one is None or 1 + (k - 1) * one <= 1e-12:
            return None
        return k * one / (1 + (k - 1) * one)

    value = step(single.value)
    if value is None:
        return Figure.undefined(single.reason or NO_UNITS, single.n, name)
    low, high = step(single.low), step(single.high)
    if low is None or high is None:
        low = high = None
    return Figure(value, low, high, single.n, method=name, interval=single.interval)


@dataclass(frozen=True)
class Concordance:
    """Kendall's W with the test of no association."""

    w: Figure
    chi_square: float | None
    p: float | None


def kendall_w(values: Floats) -> Concordance:
    """Kendall's coefficient of concordance: do the raters put the units in one order?

    values: (units, raters), no rating missing; levels may differ between raters. Corrected for
    ties: W = 12 S / (m^2 (n^3 - n) - m sum(t^3 - t)), chi-square m (n - 1) W with n - 1 degrees of
    freedom. Kendall & Babington Smith (1939), Annals of Mathematical Statistics 10. W has no
    agreed interval and gets none. Raises nothing.
    """
    n, m = values.shape
    method = "Kendall's W, corrected for ties"
    if n < 2 or m < 2 or np.isnan(values).any():
        reason = TOO_SMALL if n < 2 or m < 2 else INCOMPLETE
        return Concordance(Figure.undefined(reason, n, method), None, None)
    ranks = stats.rankdata(values, axis=0)
    ties = 0.0
    for column in ranks.T:
        _, size = np.unique(column, return_counts=True)
        ties += float((size.astype(float) ** 3 - size).sum())
    whole = m**2 * (n**3 - n) - m * ties
    if whole <= 0:
        return Concordance(Figure.undefined(Reason.NO_VARIATION, n, method), None, None)
    spread = float(((ranks.sum(axis=1) - m * (n + 1) / 2) ** 2).sum())
    w = 12 * spread / whole
    chi_square = m * (n - 1) * w
    figure = Figure(w, None, None, n, method=method, interval="none: there is no agreed one")
    return Concordance(figure, chi_square, float(stats.chi2.sf(chi_square, n - 1)))
