"""Do two raters use the scale alike, however far they agree on single units?"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from annotate.stats.figure import Figure, Floats, Level, Reason, counts
from annotate.stats.means import mean_figure


@dataclass(frozen=True)
class Marginals:
    """How often each of two raters gives each value, on the units that both rated."""

    first: tuple[float, ...]
    """The first one's share of each value of the scale."""
    second: tuple[float, ...]
    difference: Figure
    """The mean of first minus second, in points: above 0 the first is more lenient."""
    stuart_maxwell: float | None
    """Chi-square of equal shares."""
    bhapkar: float | None
    """The same with the variance under the alternative: larger, and the more powerful."""
    freedom: int
    p: float | None
    """Of equal shares (Bhapkar's); None where the two never differ, or too alike."""


def marginal_homogeneity(
    first: Floats, second: Floats, *, domain: tuple[float, ...], level: Level
) -> Marginals:
    """Whether two raters give each value equally often, and who is more lenient by how much.

    first, second: (units,), NaN where one did not rate; only units with both count. Stuart (1955),
    Biometrika 42; Maxwell (1970); Bhapkar (1966), JASA 61: chi-square with one degree of freedom
    fewer than values on which the two differ. For two values it is McNemar's test. The difference
    has Student's t over units; categories have none.
    Raises ValueError for a value outside the scale and for arrays of different length.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} values beside {len(second)}")
    pair = np.column_stack([first, second])
    counts(pair, domain)  # refuses a value outside the scale
    pair = pair[~np.isnan(pair).any(axis=1)]
    n, q = len(pair), len(domain)
    if not n:
        none = Figure.undefined(Reason.NOT_TWICE, 0)
        return Marginals((0.0,) * q, (0.0,) * q, none, None, None, 0, None)
    places = np.searchsorted(domain, pair)
    table = np.zeros((q, q))
    np.add.at(table, (places[:, 0], places[:, 1]), 1)
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    shares = tuple((rows / n).tolist()), tuple((columns / n).tolist())
    method = "first less second, in points"
    if level == "nominal" and q > 2:
        difference = Figure.undefined(Reason.NOMINAL, n, method)
    else:
        difference = mean_figure(pair[:, 0] - pair[:, 1], method)
    spread = np.diag(rows + columns) - table - table.T
    freedom = int(np.linalg.matrix_rank(spread))
    if not freedom:
        return Marginals(*shares, difference, None, None, 0, None)
    apart = rows - columns
    chi_square = float(apart @ np.linalg.pinv(spread, hermitian=True) @ apart)
    # Every unit on which they differ, differs one way: no variance is left under the alternative.
    bhapkar = chi_square / (1 - chi_square / n) if chi_square < n * (1 - 1e-9) else None
    p = float(stats.chi2.sf(chi_square if bhapkar is None else bhapkar, freedom))
    return Marginals(*shares, difference, chi_square, bhapkar, freedom, p)
