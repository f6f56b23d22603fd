"""A judge beside people who rated the same units.

No single measure decides: a judge can rank as people do and still be two points too lenient. See
docs/statistics/calibration.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from annotate.stats.association import (
    Pair,
    Units,
    Weights,
    ac_of_sums,
    coefficients_of_pairs,
    figures_over_units,
    kappa_features,
    kappa_of_sums,
    mean_correlation,
    pooled_correlation,
)
from annotate.stats.bootstrap import (
    NO_SPREAD,
    SEED,
    Statistic,
    alpha_features,
    alpha_of_sums,
    alpha_statistic,
    collapse,
    unanimous,
)
from annotate.stats.estimate import rate
from annotate.stats.figure import Figure, Floats, Ints, Level, Reason, counts, not_enough, plural
from annotate.stats.means import mean_figure
from annotate.stats.verdict import Thresholds, Verdict, decide

MINIMUM_UNITS = 10
SHARED = 10
"""Where two people share fewer units than this on average (a large pool, each rating a few), no
person can be measured alone: people are then taken as interchangeable."""


@dataclass(frozen=True)
class Ceiling:
    """Agreement in the measures of a judge."""

    weighted_kappa: Figure
    spearman: Figure
    ac: Figure
    """Gwet's AC1 (nominal) or AC2: readable where nearly all is passed, as kappa is not."""
    alpha: Figure
    """Krippendorff's: of people; and with the judge in each person's place in turn, averaged."""


@dataclass(frozen=True)
class Calibration:
    """One judge on one criterion."""

    weighted_kappa: Figure
    """With each person, averaged; to be read beside `ceiling.weighted_kappa`."""
    spearman: Figure
    """With the mean of the people, pooled over units."""
    kendall_tau_b: Figure
    bias: Figure
    """Judge minus people, in points: above 0 the judge is more lenient."""
    mae: Figure
    tpr: Figure
    """Of what people pass, the share that the judge passes."""
    tnr: Figure
    """Of what people fail, the share that the judge fails."""
    coverage: Figure
    """The share of people's units that the judge answered."""
    confusion: tuple[tuple[int, ...], ...]
    """Units by consensus (rows, lower median; of categories the commonest, units without one left
    out) and judge's nearest point (columns); empty where the figures are withheld."""
    confusion_labels: tuple[float, ...]
    ceiling: Ceiling
    """People with people: each pair's kappa, each person with the mean of the others."""
    judge_leave_one_out: Ceiling
    """The judge in exactly the ceiling's measures."""
    n_units: int
    verdict: Verdict
    verdict_reason: str


def calibrate(
    judge: Floats,
    humans: Floats,
    *,
    domain: tuple[float, ...],
    level: Level,
    pass_at: float | None = None,
    minimum_units: int = MINIMUM_UNITS,
    thresholds: Thresholds | None = None,
    seed: int = SEED,
) -> Calibration:
    """Compare a judge's scores with people's ratings.

    judge: (units,), any number (outside the scale it counts as the nearest point in kappa), NaN
        where it did not answer.
    humans: (units, raters), points of the scale, NaN where nobody rated.
    domain: the whole scale, ascending. pass_at: the point from which a unit passes.
    minimum_units: units that people and the judge rated, below which every figure is "not enough
        ratings". thresholds: what the verdict decides by; None is the usual ones.
    Raises ValueError for arrays of different length, for a rating outside the scale, and for an
    infinite score.

    Kappa is Cohen's with quadratic weights (unweighted on a nominal scale) with each person,
    averaged by units shared; Spearman, Kendall's tau-b, bias and MAE are against the mean of the
    people; TPR and TNR against their lower median. Intervals: kappa and Spearman bootstrap over
    units; tau-b Brown & Benedetti (1977); bias and MAE t; rates Wilson (1927).
    """
    if len(judge) != len(humans):
        raise ValueError(f"{len(judge)} scores for {len(humans)} units")
    counts(humans, domain)  # refuses a value outside the scale
    if np.isinf(judge).any():
        raise ValueError("a judge's score cannot be infinite; NaN is no answer")
    rated = ~np.isnan(humans).all(axis=1)
    judge, humans = judge[rated], humans[rated]
    answered = ~np.isnan(judge)
    coverage = rate(int(answered.sum()), len(judge))
    judge, humans = judge[answered], humans[answered]
    n = len(judge)
    if n < minimum_units:
        return _withheld(n, minimum_units - n, coverage, domain)
    nearest = nearest_point(judge, domain)
    categories = level == "nominal" and len(domain) > 2
    middle = commonest(humans, domain) if categories else lower_median(humans)
    figures = _compared(judge, nearest, humans, domain, level, seed)
    kappa, ceiling_kappa = figures["kappa"], figures["kappa of people"]
    if categories:
        none = Figure.undefined(Reason.NOMINAL, n)
        spearman = tau = bias = mae = alone = ceiling_spearman = none
    else:
        spearman = figures["rho"]
        alone, ceiling_spearman = figures["rho alone"], figures["rho of people"]
        mean = np.nanmean(humans, axis=1)
        tau = _tau(judge, mean)
        bias = mean_figure(judge - mean, "judge minus mean of people")
        mae = mean_figure(np.abs(judge - mean), "absolute error", lowest=0.0)
    if np.ptp(nearest) == 0 and kappa.value is not None:
        # No resample differs, which says nothing of units not yet seen.
        kappa = replace(kappa, low=None, high=None, interval=f"none: {Reason.CONSTANT}")
    tpr, tnr = _pass_rates(nearest, middle, pass_at)
    ceiling = Ceiling(
        ceiling_kappa, ceiling_spearman, figures["ac of people"], figures["alpha of people"]
    )
    verdict, reason = decide(kappa, ceiling_kappa, bias, domain, thresholds or Thresholds())
    return Calibration(
        weighted_kappa=kappa,
        spearman=spearman,
        kendall_tau_b=tau,
        bias=bias,
        mae=mae,
        tpr=tpr,
        tnr=tnr,
        coverage=coverage,
        confusion=_confusion(middle, nearest, domain),
        confusion_labels=domain,
        ceiling=ceiling,
        judge_leave_one_out=Ceiling(kappa, alone, figures["ac"], figures["alpha"]),
        n_units=n,
        verdict=verdict,
        verdict_reason=reason,
    )


def lower_median(humans: Floats) -> Floats:
    """Each unit's middle rating, the lower one of two: always a point of the scale.

    humans: (units, raters), NaN where nobody rated; NaN for a unit without ratings. Raises nothing.
    """
    ordered = np.sort(humans, axis=1)
    rated = (~np.isnan(humans)).sum(axis=1)
    middle: Floats = ordered[np.arange(len(humans)), np.maximum(rated - 1, 0) // 2]
    return middle


def commonest(humans: Floats, domain: tuple[float, ...]) -> Floats:
    """Each unit's most frequent category, NaN where several are as frequent: codes have no middle.

    humans: (units, raters), points of the domain, NaN where nobody rated; NaN for a unit without
        ratings. Raises ValueError for a rating outside the domain.
    """
    leads = leading(humans, domain)
    found: Floats = np.asarray(domain, dtype=float)[leads.argmax(axis=1)]
    return np.where(leads.sum(axis=1) == 1, found, np.nan)


def leading(humans: Floats, domain: tuple[float, ...]) -> "np.typing.NDArray[np.bool_]":
    """Which categories were given as often as any other: (units, len(domain)).

    humans: as of `commonest`. Raises ValueError for a rating outside the domain.
    """
    table = counts(humans, domain)
    most = table.max(axis=1, keepdims=True, initial=0)
    found: np.typing.NDArray[np.bool_] = (table == most) & (most > 0)
    return found


def nearest_point(scores: Floats, domain: tuple[float, ...]) -> Floats:
    """The point of the scale that is nearest to each score, the lower one of two.

    scores: (units,), without NaN. Raises nothing.
    """
    scale = np.asarray(domain, dtype=float)
    found: Floats = scale[np.abs(scores[:, None] - scale[None, :]).argmin(axis=1)]
    return found


def _compared(
    judge: Floats,
    nearest: Floats,
    humans: Floats,
    domain: tuple[float, ...],
    level: Level,
    seed: int,
) -> dict[str, Figure]:
    """Judge with people beside people with people, in every measure that is resampled."""
    units = Units.of(np.column_stack([judge, nearest, humans]))
    score, point, said = units.rows[:, 0], units.rows[:, 1], units.rows[:, 2:]
    weights: Weights = "unweighted" if level == "nominal" else "quadratic"
    persons = [said[:, i] for i in range(said.shape[1])]
    with_judge = [(point, person) for person in persons]
    among = [(one, other) for i, one in enumerate(persons) for other in persons[i + 1 :]]
    means = _of_the_others(said)
    judge_alone = [(score, mean) for mean in means]
    person_alone = list(zip(persons, means, strict=True))
    everyone: Pair = (score, np.nanmean(said, axis=1))
    pool = _is_pool(said, units.weights)
    if pool:
        # A pair of interchangeable people has no order: both fill the table.
        among += [(other, one) for one, other in among]
    mean_rho = pooled_correlation if pool else mean_correlation
    of_people, replaced = _alpha_features(point, said, domain)

    def statistics(draws: Floats) -> list[Floats]:
        kappa, ac = coefficients_of_pairs(with_judge, draws, domain, weights, pooled=pool)
        ceiling, ceiling_ac = coefficients_of_pairs(among, draws, domain, weights, pooled=pool)
        alphas = [alpha_of_sums(draws @ one, domain, level) for one in replaced]
        found = [kappa, ceiling, ac, ceiling_ac]
        found += [np.mean(alphas, axis=0), alpha_of_sums(draws @ of_people, domain, level)]
        if ranked:
            found.append(mean_correlation([everyone], draws))
            found += [mean_rho(pairs, draws) for pairs in (judge_alone, person_alone)]
        return found

    ranked = level != "nominal" or len(domain) == 2
    methods = _methods(pool, weights, level, together=bool((_voices(said) >= 2).any()))
    names = list(methods) if ranked else [name for name in methods if "rho" not in name]
    figures = dict(
        zip(
            names,
            figures_over_units(units, statistics, [methods[name] for name in names], seed=seed),
            strict=True,
        )
    )
    sides = {"": with_judge, " of people": among}
    for name, pairs in sides.items():
        for measure, of_sums in {"kappa": kappa_of_sums, "ac": ac_of_sums}.items():
            figures[measure + name] = _bounded(
                figures[measure + name], units, pairs, domain, weights, of_sums
            )
    for name, table in {
        "alpha of people": humans,
        "alpha": np.column_stack([nearest, humans]),
    }.items():
        if figures[name].interval == NO_SPREAD:
            statistic = alpha_statistic(collapse(counts(table, domain)), domain, level)
            found = unanimous(statistic)
            figures[name] = replace(
                figures[name], low=found.low, high=found.high, interval=found.method
            )
    return figures


def _bounded(
    figure: Figure,
    units: Units,
    pairs: Sequence[Pair],
    domain: tuple[float, ...],
    weights: Weights,
    of_sums: Callable[[Floats, Sequence[float], Weights], Floats],
) -> Figure:
    """Perfect agreement with the exact lower limit that so many units allow."""
    if figure.interval != NO_SPREAD or not pairs:
        return figure
    features = kappa_features(pairs, domain, weights)
    ends = np.array([domain[0]]), np.array([domain[-1]])
    of_unit = float(units.weights @ features[:, 0]) / units.n
    found = unanimous(
        Statistic(
            features,
            units.weights.astype(np.int64),
            lambda sums: of_sums(sums, domain, weights),
            of_unit * kappa_features([ends], domain, weights)[0],
        )
    )
    return replace(figure, low=found.low, high=found.high, interval=found.method)


def _methods(
    pool: bool, weights: Weights, level: Level, *, together: bool
) -> dict[str, tuple[str, str]]:
    """Of each measure its name, and the reason to give where it is undefined."""
    over, pairs, alone = "averaged over people", "averaged over pairs of people", "leave one out, "
    if pool:
        over, pairs, alone = "people pooled", "pairs of people pooled", "leave one out, pooled"
    else:
        alone += over
    kappa, rho, ac = f"Cohen's kappa, {weights}, ", "Spearman's rho, ", f"Gwet's AC, {weights}, "
    alpha = f"Krippendorff's alpha, {level}, "
    lonely = Reason.NO_VARIATION if together else Reason.NOT_TWICE
    apart = Reason.CONSTANT if together else Reason.NOT_TWICE
    return {
        "kappa": (kappa + over, Reason.NO_VARIATION),
        "kappa of people": (kappa + pairs, lonely),
        "ac": (ac + over, Reason.NO_VARIATION),
        "ac of people": (ac + pairs, lonely),
        "alpha": (f"{alpha}judge in each person's place, averaged", lonely),
        "alpha of people": (f"{alpha}people", lonely),
        "rho": (f"{rho}pooled", Reason.CONSTANT),
        "rho alone": (rho + alone, apart),
        "rho of people": (rho + alone, apart),
    }


def _alpha_features(
    point: Floats, said: Floats, domain: tuple[float, ...]
) -> tuple[Floats, list[Floats]]:
    """What units add to the sums of alpha: of people, and with the judge instead of each."""
    table = counts(said, domain).astype(float)
    judged = np.searchsorted(domain, point)
    replaced = []
    for person in said.T:
        rated = np.flatnonzero(~np.isnan(person))
        changed = table.copy()
        changed[rated, np.searchsorted(domain, person[rated])] -= 1
        changed[rated, judged[rated]] += 1
        replaced.append(alpha_features(changed))
    return alpha_features(table), replaced


def _voices(said: Floats) -> Ints:
    """How many people rated each unit."""
    found: Ints = (~np.isnan(said)).sum(axis=1)
    return found


def _is_pool(said: Floats, weights: Floats) -> bool:
    """Whether people share too few units, two by two, to be measured one by one."""
    rated = ~np.isnan(said)
    voices = rated.sum(axis=1)
    people = int(rated.any(axis=0).sum())
    if people <= voices.max():
        return False
    shared = (weights * voices * (voices - 1) / 2).sum() / (people * (people - 1) / 2)
    return bool(shared < SHARED)


def _of_the_others(said: Floats) -> list[Floats]:
    """For each person the mean of the other people, on units which that person rated too."""
    rated = ~np.isnan(said)
    number = rated.sum(axis=1)
    total = np.nansum(said, axis=1)
    found = []
    for i in range(said.shape[1]):
        usable = rated[:, i] & (number >= 2)
        mean = np.full(len(said), np.nan)
        mean[usable] = (total[usable] - said[usable, i]) / (number[usable] - 1)
        # Sums in another order differ in the last bit, which would break ties between ranks.
        found.append(np.round(mean, 9))
    return found


def _tau(judge: Floats, mean: Floats) -> Figure:
    n, method = len(judge), "Kendall's tau-b, pooled"
    value = float(stats.kendalltau(judge, mean).statistic) if n > 1 else np.nan
    if np.isnan(value):
        return Figure.undefined(Reason.CONSTANT, n, method)
    if n < 5 or abs(value) > 1 - 1e-12:
        return Figure(value, None, None, n, method=method, interval="none: no variation in it")
    reach = float(stats.t.ppf(0.975, n - 1)) * _tau_error(judge, mean, value) / (1 - value**2)
    low, high = (float(np.tanh(np.arctanh(value) + side * reach)) for side in (-1, 1))
    return Figure(
        value, min(low, value), max(high, value), n,
        method=method, interval="Brown & Benedetti (1977), Fisher z",
    )  # fmt: skip


def _tau_error(first: Floats, second: Floats, tau: float) -> float:
    """The large-sample standard error of tau-b, which allows ties. Brown & Benedetti (1977)."""
    n = float(len(first))
    _, one, often = np.unique(first, return_inverse=True, return_counts=True)
    groups, other, also = np.unique(second, return_inverse=True, return_counts=True)
    # Of each unit: concordant less discordant units.
    net = np.zeros(len(first))
    for group in range(len(groups)):
        members = np.sort(first[other == group])
        below = np.searchsorted(members, first, side="left")
        above = len(members) - np.searchsorted(members, first, side="right")
        net += np.sign(other - group) * (below - above)
    rows = n**2 - float((often.astype(float) ** 2).sum())
    columns = n**2 - float((also.astype(float) ** 2).sum())
    root = np.sqrt(rows * columns)
    margins = often[one] * columns + also[other] * rows
    spread = ((2 * root * net + tau * margins) ** 2).sum() - n**3 * tau**2 * (rows + columns) ** 2
    return float(np.sqrt(max(0.0, spread))) / float(root) ** 2


def _pass_rates(nearest: Floats, middle: Floats, pass_at: float | None) -> tuple[Figure, Figure]:
    if pass_at is None:
        none = Figure.undefined(Reason.NO_PASS, len(nearest), "share")
        return none, none
    passed, judged = middle >= pass_at, nearest >= pass_at
    tpr = rate(int((passed & judged).sum()), int(passed.sum()), reason=Reason.ONE_SIDED)
    tnr = rate(int((~passed & ~judged).sum()), int((~passed).sum()), reason=Reason.ONE_SIDED)
    return tpr, tnr


def _confusion(
    middle: Floats, nearest: Floats, domain: tuple[float, ...]
) -> tuple[tuple[int, ...], ...]:
    scale = np.asarray(domain, dtype=float)
    known = ~np.isnan(middle)
    middle, nearest = middle[known], nearest[known]
    table: Ints = np.zeros((len(scale), len(scale)), dtype=np.int64)
    np.add.at(table, (np.searchsorted(scale, middle), np.searchsorted(scale, nearest)), 1)
    return tuple(tuple(int(x) for x in row) for row in table)


def _withheld(n: int, missing: int, coverage: Figure, domain: tuple[float, ...]) -> Calibration:
    few = Figure.undefined(not_enough(missing), n)
    none = Ceiling(few, few, few, few)
    return Calibration(
        weighted_kappa=few,
        spearman=few,
        kendall_tau_b=few,
        bias=few,
        mae=few,
        tpr=few,
        tnr=few,
        coverage=coverage,
        confusion=(),
        confusion_labels=domain,
        ceiling=none,
        judge_leave_one_out=none,
        n_units=n,
        verdict=Verdict.NOT_ENOUGH,
        verdict_reason=plural(missing, "unit that both people and the judge rated"),
    )
