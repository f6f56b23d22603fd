"""Agreement figures of other Python packages beside ours: values, edge cases, speed; prints JSON.

    export UV_PROJECT_ENVIRONMENT=/tmp/bench-packages UV_PYTHON=3.13
    uv sync && uv pip install --python $UV_PROJECT_ENVIRONMENT --no-deps irrCAC
    uv run --with simpledorff --with nltk --with interrater --with iaa-kit \
        --with rater-agreement --with disagree==1.2 --with krippendorff-aleph-alpha \
        --with statsmodels --with scikit-learn --with pingouin \
        python tests/bench/bench_packages.py

What is not installed is reported so, and plain `python tests/bench/bench_packages.py` runs too.
`irrCAC` 0.4.4 asks for pandas 2; given its categories it answers the same with 3 (without them it
counts a missing rating as one). `krippendorff-aleph-alpha` asks for Python 3.13, and `disagree`
after 1.2 is empty.

An answer is a number, or null with the reason: the level that a package lacks, the name of its
exception, nan, or the reason that ours gives. Speed is that of one alpha from a matrix of units and
raters, a tenth of it missing; what would take more than 20 s is extrapolated from smaller matrices.
`interrater` gives no alpha without a bootstrap and none outside its interval: it makes 20 resamples.
"""

import importlib
import importlib.util
import json
import math
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import krippendorff
import numpy as np
import pandas as pd

from annotate.stats import (
    Figure,
    cohen_kappa,
    fleiss_kappa,
    gwet_ac,
    intraclass_correlation,
    krippendorff_alpha,
)
from annotate.stats.figure import Floats, Level, counts

Scale = tuple[float, ...]
Alpha = Callable[[Floats, Scale, Level], float]
Coefficient = Callable[[Floats, Scale], float]

REFERENCE: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "unit" / "stats" / "reference.json").read_text()
)
DATA = ("K4x12", "HK2007", "anxiety")
LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval", "ratio")
DISTANCES: tuple[Level, ...] = ("nominal", "interval")
POINTS = (1.0, 2.0, 3.0, 4.0, 5.0)
NONE = np.nan

UNUSED: Floats = np.array(
    [[1, 1], [3, 3], [3, 3], [4, 4], [4, 5], [5, 3], [5, 5], [5, 5]], dtype=np.float64
)
"""Two raters on a scale of five points who never say 2."""
UNUSED_KAPPA = 9 / 11
"""Cohen's kappa of `UNUSED` with quadratic weights: 1 - (5/8) / (55/16)."""
UNUSED_AC1 = (6 / 8 - 182 / 1024) / (1 - 182 / 1024)
"""Gwet's AC1 of `UNUSED`: chance is the sum of pi (1 - pi), 182/256, over 5 - 1."""

EDGE_CASES: dict[str, Floats] = {
    "one category only": np.array([[1, 1, 1]] * 4, dtype=np.float64),
    "no overlap": np.array(
        [[1, NONE, NONE], [NONE, 2, NONE], [NONE, NONE, 1], [2, NONE, NONE]], dtype=np.float64
    ),
    "all missing": np.full((4, 3), NONE),
    "second value only as singleton": np.array(
        [[1, 1, 1], [1, 1, NONE], [1, 1, 1], [2, NONE, NONE]], dtype=np.float64
    ),
    "one unit with two values": np.array([[1, 2]], dtype=np.float64),
    "constant rater and varying rater": np.array(
        [[1, 1], [1, 2], [1, 1], [1, 2]], dtype=np.float64
    ),
}

SIZES = (1_000, 10_000, 100_000)
RATERS, RESAMPLES, FEW_RESAMPLES, LIMIT, REPEATS = 3, 1000, 20, 20.0, 3


class Undefined(Exception):
    """A figure that has no number, with our reason."""


@dataclass(frozen=True)
class Package:
    """A way to ask a package for Krippendorff's alpha."""

    name: str
    distribution: str
    levels: tuple[Level, ...]
    alpha: Alpha


@dataclass(frozen=True)
class Question:
    """Another coefficient of some ratings, and the ways to ask packages for it."""

    name: str
    values: Floats
    domain: Scale
    reference: float
    ways: dict[str, tuple[str, Coefficient]]
    """What was called -> the distribution it is part of, and the call."""


def main() -> None:
    """Print all three parts."""
    print(
        json.dumps(
            {
                "versions": _versions(),
                "values": {"alpha": _alphas(), "other": _others()},
                "edge_cases": _edge_cases(),
                "speed": _speeds(),
            },
            indent=2,
        )
    )


def _versions() -> dict[str, str]:
    others = ("statsmodels", "scikit-learn", "pingouin")
    names = dict.fromkeys([*(p.distribution for p in PACKAGES), *others])
    return {name: _version(name) or "not installed" for name in names}


def _alphas() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in DATA:
        values, domain = _published(name)
        found[name] = {
            level: {"reference": REFERENCE[name]["krippendorff_alpha"][level]}
            | {p.name: _alpha_of(p, values, domain, level) for p in PACKAGES}
            for level in LEVELS
        }
    return found


def _others() -> dict[str, Any]:
    return {
        q.name: {"reference": q.reference}
        | {
            way: _answer(distribution, partial(_finite_of, call, q))
            for way, (distribution, call) in q.ways.items()
        }
        for q in _questions()
    }


def _finite_of(call: Coefficient, question: Question) -> Any:
    return _finite(call(question.values, question.domain))


def _edge_cases() -> dict[str, Any]:
    return {
        name: {p.name: _alpha_of(p, values, (1.0, 2.0), "nominal") for p in PACKAGES}
        for name, values in EDGE_CASES.items()
    }


def _speeds() -> dict[str, Any]:
    resampled = Package(f"annotate, {RESAMPLES:,} resamples", "annotate", LEVELS, _ours_resampled)
    return {
        level: {p.name: _speed(p, level) for p in (resampled, *PACKAGES)} for level in DISTANCES
    }


def _alpha_of(package: Package, values: Floats, domain: Scale, level: Level) -> Any:
    return _about(package, level, lambda: _finite(package.alpha(values, domain, level)))


def _speed(package: Package, level: Level) -> Any:
    return _about(package, level, lambda: _by_size(package, level))


def _about(package: Package, level: Level, ask: Callable[[], Any]) -> Any:
    if level not in package.levels:
        return {"value": None, "why": "no such level"}
    return _answer(package.distribution, ask)


def _answer(distribution: str, ask: Callable[[], Any]) -> Any:
    """What was asked for, or null with the reason, or that there is nobody to ask."""
    if _version(distribution) is None:
        return "not installed"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ask()
    except Undefined as reason:
        return {"value": None, "why": str(reason)}
    except Exception as error:
        return {"value": None, "why": type(error).__name__}


def _finite(value: float) -> Any:
    return float(value) if math.isfinite(value) else {"value": None, "why": str(value)}


@cache
def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _published(name: str) -> tuple[Floats, Scale]:
    """A published table as units and raters, with its scale."""
    table = REFERENCE[name]
    return np.array(table["raters_by_units"], dtype=np.float64).T, tuple(table["domain"])


def _by_size(package: Package, level: Level) -> dict[str, Any]:
    """Seconds by number of units; growth is taken from the last two sizes that were timed."""
    package.alpha(_ratings(100), POINTS, level)
    last, seconds, growth = SIZES[0] // 2, _seconds(package, level, SIZES[0] // 2), 1
    found: dict[str, Any] = {}
    for units in SIZES:
        expected = seconds * (units / last) ** growth
        if expected > LIMIT:
            found[f"{units:,}"] = {"extrapolated": round(expected, 1)}
            continue
        taken = _seconds(package, level, units)
        growth = max(1, round(math.log(taken / seconds) / math.log(units / last)))
        last, seconds = units, taken
        found[f"{units:,}"] = float(f"{taken:.3g}")
    return found


def _seconds(package: Package, level: Level, units: int) -> float:
    """The median of several runs, or one run that takes more than a second."""
    values = _ratings(units)
    taken: list[float] = []
    while len(taken) < REPEATS and max(taken, default=0.0) < 1:
        start = time.perf_counter()
        package.alpha(values, POINTS, level)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


@cache
def _ratings(units: int) -> Floats:
    random = np.random.default_rng(20_260_901)
    true = random.integers(1, 6, size=(units, 1))
    said = np.clip(true + random.integers(-1, 2, size=(units, RATERS)), 1, 5).astype(np.float64)
    said[random.random(said.shape) < 0.1] = np.nan
    ratings: Floats = said
    return ratings


def _number(figure: Figure) -> float:
    if figure.value is None:
        raise Undefined(figure.reason)
    return figure.value


def _ours(values: Floats, domain: Scale, level: Level) -> float:
    """Without a bootstrap: the interval is the jackknife's."""
    return _number(krippendorff_alpha(values, domain=domain, level=level, interval="jackknife"))


def _ours_resampled(values: Floats, domain: Scale, level: Level) -> float:
    return _number(krippendorff_alpha(values, domain=domain, level=level, resamples=RESAMPLES))


def _krippendorff(values: Floats, _: Scale, level: Level) -> float:
    return float(krippendorff.alpha(reliability_data=values.T, level_of_measurement=level))


def _krippendorff_domain(values: Floats, domain: Scale, level: Level) -> float:
    return float(
        krippendorff.alpha(
            reliability_data=values.T, value_domain=list(domain), level_of_measurement=level
        )
    )


def _simpledorff(values: Floats, _: Scale, level: Level) -> float:
    metrics = importlib.import_module("simpledorff.metrics")
    units, raters = np.nonzero(~np.isnan(values))
    frame = pd.DataFrame({"unit": units, "rater": raters, "value": values[units, raters]})
    alpha = importlib.import_module("simpledorff").calculate_krippendorffs_alpha_for_df(
        frame,
        experiment_col="unit",
        annotator_col="rater",
        class_col="value",
        metric_fn=metrics.nominal_metric if level == "nominal" else metrics.interval_metric,
    )
    return float(alpha)


def _nltk(values: Floats, _: Scale, level: Level) -> float:
    return float(_nltk_task(values, level).alpha())


def _nltk_task(values: Floats, level: Level) -> Any:
    metrics = importlib.import_module("nltk.metrics")
    units, raters = np.nonzero(~np.isnan(values))
    said = values[units, raters]
    return metrics.AnnotationTask(
        list(zip(raters.tolist(), units.tolist(), said.tolist(), strict=True)),
        distance=metrics.binary_distance if level == "nominal" else metrics.interval_distance,
    )


def _irrcac(values: Floats, domain: Scale, level: Level) -> float:
    weights = {"nominal": "identity", "interval": "quadratic"}.get(level, level)
    return _irrcac_of("krippendorff", values, list(domain), weights)


def _irrcac_of(
    coefficient: str, values: Floats, categories: list[float] | None, weights: str = "identity"
) -> float:
    cac = importlib.import_module("irrCAC.raw").CAC(
        pd.DataFrame(values), weights=weights, categories=categories, digits=12
    )
    return float(getattr(cac, coefficient)()["est"]["coefficient_value"])


def _interrater(values: Floats, domain: Scale, level: Level) -> float:
    weights = "identity" if level == "nominal" else "quadratic"
    return _interrater_of("KrippendorffAlpha", values, domain, weights_type=weights)


def _interrater_of(coefficient: str, values: Floats, domain: Scale, **options: str) -> float:
    """After what its cleaner would do: a unit that nobody rated is dropped."""
    package = importlib.import_module("interrater")
    values = values[~np.isnan(values).all(axis=1)]
    missing = np.isnan(values)
    places = np.where(missing, -1, np.searchsorted(domain, values)).astype(np.int8)
    names = tuple(f"{point:g}" for point in domain)
    meaning = package.RatingsSemantics(values.shape[1], package.UnorderedCategories(names))
    analyzer = getattr(package, f"{coefficient}Analyzer")
    config = getattr(package, f"{coefficient}Config")(n_resamples=FEW_RESAMPLES, **options)
    return float(analyzer(package.Ratings(places, meaning), config).estimate().point)


def _iaa_kit(values: Floats, _: Scale, level: Level) -> float:
    rows = values.tolist()
    return float(importlib.import_module("iaa_kit").alpha_value(rows, scale=level))


def _rater_agreement(values: Floats, domain: Scale, level: Level) -> float:
    rows = [[None if math.isnan(v) else v for v in rater] for rater in values.T.tolist()]
    module = importlib.import_module("raters")
    return float(module.krippendorff_alpha(rows, level=level, categories=list(domain)))


class _OldFrame(pd.DataFrame):
    """A data frame with the method that disagree 1.2 calls and pandas 2 removed."""

    def iteritems(self) -> Any:
        return self.items()


@cache
def _disagree_metrics() -> ModuleType:
    """The module, which imports its neighbour as a top-level `utils`."""
    spec = importlib.util.find_spec("disagree")
    sys.path.extend((spec and spec.submodule_search_locations) or ())
    return importlib.import_module("disagree.metrics")


def _disagree(values: Floats, _: Scale, level: Level) -> float:
    return float(_disagree_metrics().Krippendorff(_OldFrame(values)).alpha(data_type=level))


def _aleph_alpha(values: Floats, domain: Scale, level: Level) -> float:
    """From text, since numbers are refused on nominal and ordinal scales."""
    raters = [f"annotator{number}" for number in range(1, values.shape[1] + 1)]
    frame = pd.DataFrame(
        [[None if math.isnan(v) else f"{v:g}" for v in unit] for unit in values.tolist()],
        columns=raters,
        dtype=object,
    )
    frame["text"] = [f"unit {number}" for number in range(len(values))]
    result = importlib.import_module("krippendorff_alpha.compute_alpha").compute_alpha(
        df=frame,
        data_type=level,
        column_mapping={"text_col": "text", "annotator_cols": raters},
        ordinal_scale=list(range(len(domain))),
    )
    return float(result["alpha"])


PACKAGES = (
    Package("annotate", "annotate", LEVELS, _ours),
    Package("krippendorff", "krippendorff", LEVELS, _krippendorff),
    Package("krippendorff, value_domain given", "krippendorff", LEVELS, _krippendorff_domain),
    Package("simpledorff", "simpledorff", DISTANCES, _simpledorff),
    Package("nltk", "nltk", DISTANCES, _nltk),
    Package("irrCAC", "irrCAC", LEVELS, _irrcac),
    Package("interrater", "interrater", DISTANCES, _interrater),
    Package("iaa-kit", "iaa-kit", LEVELS, _iaa_kit),
    Package("rater-agreement", "rater-agreement", DISTANCES, _rater_agreement),
    Package("disagree", "disagree", LEVELS, _disagree),
    Package("krippendorff-aleph-alpha", "krippendorff-aleph-alpha", LEVELS, _aleph_alpha),
)


def _questions() -> tuple[Question, ...]:
    family = "gwet_family"
    diagnoses, five = _published("diagnoses")
    coders, scale = _published("K4x12")
    shrout = REFERENCE["icc_shrout_fleiss_1979"]
    judges = np.array(shrout["units_by_raters"], dtype=np.float64)
    fleiss = REFERENCE["diagnoses"][family]["unweighted"]["fleiss"]["est"]
    ac1 = REFERENCE["K4x12"][family]["unweighted"]["gwet_ac"]["est"]
    icc2, icc3 = shrout["icc"]["ICC2"][0], shrout["icc"]["ICC3"][0]
    return (
        Question("Fleiss' kappa, diagnoses", diagnoses, five, fleiss, FLEISS),
        Question("Gwet's AC1, K4x12", coders, scale, ac1, AC1),
        Question(
            "Gwet's AC1, a scale point unused", UNUSED, POINTS, UNUSED_AC1, AC1 | AC1_INFERRED
        ),
        Question(
            "Cohen's quadratic kappa, a scale point unused", UNUSED, POINTS, UNUSED_KAPPA, COHEN
        ),
        Question("ICC(2,1), Shrout & Fleiss", judges, (), icc2, _icc("icc2", "ICC(A,1)", "2,1")),
        Question("ICC(3,1), Shrout & Fleiss", judges, (), icc3, _icc("icc3", "ICC(C,1)", "3,1")),
    )


def _statsmodels_fleiss(values: Floats, domain: Scale) -> float:
    module = importlib.import_module("statsmodels.stats.inter_rater")
    return float(module.fleiss_kappa(counts(values, domain)))


def _statsmodels_cohen(values: Floats, domain: Scale) -> float:
    module = importlib.import_module("statsmodels.stats.inter_rater")
    return float(module.cohens_kappa(_crossed(values, domain), wt="quadratic").kappa)


def _crossed(values: Floats, domain: Scale) -> Any:
    first, second = np.searchsorted(domain, values.T)
    return np.bincount(first * len(domain) + second, minlength=len(domain) ** 2).reshape(
        len(domain), len(domain)
    )


def _sklearn_cohen(values: Floats, labels: list[float] | None) -> float:
    score = importlib.import_module("sklearn.metrics").cohen_kappa_score
    return float(score(values[:, 0], values[:, 1], labels=labels, weights="quadratic"))


def _iaa_kit_pair(function: str, values: Floats, *options: str) -> float:
    first, second = values.T.tolist()
    return float(getattr(importlib.import_module("iaa_kit"), function)(first, second, *options))


def _raters_cohen(values: Floats, domain: Scale) -> float:
    first, second = values.T.tolist()
    module = importlib.import_module("raters")
    return float(module.cohen_kappa(first, second, list(domain), weights="quadratic"))


def _icc(ours: str, pingouin: str, raters: str) -> dict[str, tuple[str, Coefficient]]:
    """The ways to one form, by its name in each package."""
    return {
        "annotate": ("annotate", lambda v, _: _number(getattr(intraclass_correlation(v), ours))),
        "pingouin": ("pingouin", lambda v, _: _pingouin_icc(v, pingouin)),
        "rater-agreement": (
            "rater-agreement",
            lambda v, _: importlib.import_module("raters").icc(v, form=raters),
        ),
    }


def _pingouin_icc(values: Floats, form: str) -> float:
    units, raters = np.indices(values.shape)
    frame = pd.DataFrame({"u": units.ravel(), "r": raters.ravel(), "v": values.ravel()})
    table = importlib.import_module("pingouin").intraclass_corr(frame, "u", "r", "v")
    return float(table.set_index("Type").loc[form, "ICC"])


FLEISS: dict[str, tuple[str, Coefficient]] = {
    "annotate": ("annotate", lambda v, d: _number(fleiss_kappa(v, domain=d))),
    "statsmodels": ("statsmodels", _statsmodels_fleiss),
    "nltk, pi": ("nltk", lambda v, _: _nltk_task(v, "nominal").pi()),
    "nltk, multi_kappa": ("nltk", lambda v, _: _nltk_task(v, "nominal").multi_kappa()),
    "irrCAC": ("irrCAC", lambda v, d: _irrcac_of("fleiss", v, list(d))),
    "interrater": ("interrater", lambda v, d: _interrater_of("FleissKappa", v, d)),
    "iaa-kit": (
        "iaa-kit",
        lambda v, _: importlib.import_module("iaa_kit").fleiss_kappa(v.tolist()),
    ),
    "rater-agreement": (
        "rater-agreement",
        lambda v, d: importlib.import_module("raters").fleiss_kappa(counts(v, d)),
    ),
    "disagree": ("disagree", lambda v, _: _disagree_metrics().Metrics(_OldFrame(v)).fleiss_kappa()),
}
AC1: dict[str, tuple[str, Coefficient]] = {
    "annotate": ("annotate", lambda v, d: _number(gwet_ac(v, domain=d, weights="unweighted"))),
    "irrCAC, categories given": ("irrCAC", lambda v, d: _irrcac_of("gwet", v, list(d))),
    "interrater": ("interrater", lambda v, d: _interrater_of("GwetAC1", v, d)),
}
AC1_INFERRED: dict[str, tuple[str, Coefficient]] = {
    "irrCAC": ("irrCAC", lambda v, _: _irrcac_of("gwet", v, None)),
    "iaa-kit": ("iaa-kit", lambda v, _: _iaa_kit_pair("ac1", v)),
}
"""Calls that take the scale from the ratings, where none is missing."""
COHEN: dict[str, tuple[str, Coefficient]] = {
    "annotate": (
        "annotate",
        lambda v, d: _number(cohen_kappa(v[:, 0], v[:, 1], domain=d, weights="quadratic")),
    ),
    "scikit-learn": ("scikit-learn", lambda v, _: _sklearn_cohen(v, None)),
    "scikit-learn, labels given": ("scikit-learn", lambda v, d: _sklearn_cohen(v, list(d))),
    "statsmodels": ("statsmodels", _statsmodels_cohen),
    "nltk": ("nltk", lambda v, _: _nltk_task(v, "interval").weighted_kappa()),
    "interrater": (
        "interrater",
        lambda v, d: _interrater_of("CohenKappa", v, d, weights_type="quadratic"),
    ),
    "iaa-kit": ("iaa-kit", lambda v, _: _iaa_kit_pair("weighted_kappa", v, "quadratic")),
    "rater-agreement": ("rater-agreement", _raters_cohen),
}


if __name__ == "__main__":
    main()
