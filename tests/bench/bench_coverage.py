"""How often 95 % intervals hold the truth, in simulated rounds; prints JSON.

    python tests/bench/bench_coverage.py [DATA_SETS]

Each scenario draws rounds from one population whose true value is taken from 200,000 units. The
bounds are those of docs/statistics/README.md: 0.92 to 0.975 for agreement, 0.92 and more for estimates.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from annotate.stats import (
    Calibration,
    Figure,
    Sampling,
    brennan_prediger,
    calibrate,
    cohen_kappa,
    fleiss_kappa,
    gwet_ac,
    krippendorff_alpha,
    lower_median,
    prediction_powered_mean,
    rogan_gladen,
)
from annotate.stats.figure import Floats

SEED = 20_261_123
DATA_SETS = 600
POPULATION = 200_000
SCALE = (1.0, 2.0, 3.0, 4.0, 5.0)
RESAMPLED = Sampling("bca", resamples=500)
Draw = Callable[[np.random.Generator, int], Floats]


def balanced(random: np.random.Generator, units: int) -> Floats:
    """Three people on units of every quality."""
    truth = random.integers(1, 6, units)[:, None]
    found: Floats = np.clip(truth + random.choice([-1, 0, 0, 0, 1], (units, 3)), 1.0, 5.0)
    return found


def skewed(random: np.random.Generator, units: int) -> Floats:
    """Three people on units that are mostly good; a quarter of the ratings is missing."""
    truth = random.choice(5, units, p=[0.05, 0.05, 0.1, 0.2, 0.6])[:, None] + 1
    found: Floats = np.clip(truth + random.choice([-1, 0, 0, 0, 1], (units, 3)), 1.0, 5.0)
    found[random.random(found.shape) < 0.25] = np.nan
    return found


def main() -> None:
    """Run every scenario."""
    data_sets = int(sys.argv[1]) if len(sys.argv) > 1 else DATA_SETS
    print(json.dumps({"seed": SEED, "data_sets": data_sets, **_agreement(data_sets),
                      **_calibration(data_sets), **_estimates(data_sets)}, indent=2))  # fmt: skip


def _agreement(data_sets: int) -> dict[str, Any]:
    figures: dict[str, Callable[[Floats], Figure]] = {
        "alpha, ordinal": lambda v: krippendorff_alpha(
            v, domain=SCALE, level="ordinal", resamples=500
        ),
        "alpha, ordinal, percentile": lambda v: krippendorff_alpha(
            v, domain=SCALE, level="ordinal", interval="percentile", resamples=500
        ),
        "alpha, ordinal, jackknife": lambda v: krippendorff_alpha(
            v, domain=SCALE, level="ordinal", interval="jackknife"
        ),
        "AC2, quadratic": lambda v: gwet_ac(v, domain=SCALE, weights="quadratic"),
        "AC2, quadratic, BCa": lambda v: gwet_ac(
            v, domain=SCALE, weights="quadratic", sampling=RESAMPLED
        ),
        "Fleiss' kappa": lambda v: fleiss_kappa(v, domain=SCALE),
        "Brennan-Prediger": lambda v: brennan_prediger(v, domain=SCALE),
        "Cohen's kappa, quadratic": lambda v: cohen_kappa(
            v[:, 0], v[:, 1], domain=SCALE, weights="quadratic"
        ),
        "Cohen's kappa, quadratic, BCa": lambda v: cohen_kappa(
            v[:, 0], v[:, 1], domain=SCALE, weights="quadratic", sampling=RESAMPLED
        ),
    }
    found: dict[str, Any] = {}
    for name, draw in {"balanced": balanced, "skewed, a quarter missing": skewed}.items():
        random = np.random.default_rng(SEED)
        whole = draw(random, POPULATION)
        true = {what: figure(whole).value or 0.0 for what, figure in figures.items()}
        for units in (20, 50, 100):
            rounds = [draw(random, units) for _ in range(data_sets)]
            found[f"{name}, {units} units"] = {
                what: _coverage([figure(values) for values in rounds], true[what])
                for what, figure in figures.items()
            }
    return {"agreement": found}


MEASURES: dict[str, Callable[[Calibration], Figure]] = {
    "weighted kappa": lambda c: c.weighted_kappa,
    "its ceiling": lambda c: c.ceiling.weighted_kappa,
    "Spearman": lambda c: c.spearman,
    "Spearman, ceiling": lambda c: c.ceiling.spearman,
    "Kendall's tau-b": lambda c: c.kendall_tau_b,
    "bias": lambda c: c.bias,
    "MAE": lambda c: c.mae,
    "TPR": lambda c: c.tpr,
    "TNR": lambda c: c.tnr,
}


def _calibration(data_sets: int) -> dict[str, Any]:
    """A judge that is now and then a point or two above people."""
    found: dict[str, Any] = {}
    for name, draw in {"balanced": balanced, "skewed, a quarter missing": skewed}.items():
        random = np.random.default_rng(SEED)
        whole = _compared(random, draw, POPULATION)
        true = {what: figure(whole).value or 0.0 for what, figure in MEASURES.items()}
        for units in (20, 50, 100):
            rounds = [_compared(random, draw, units) for _ in range(data_sets)]
            found[f"{name}, {units} units"] = {
                what: _coverage([figure(one) for one in rounds], true[what])
                for what, figure in MEASURES.items()
            }
    return {"calibration": found}


def _compared(random: np.random.Generator, draw: Draw, units: int) -> Calibration:
    humans = draw(random, units)
    humans = humans[~np.isnan(humans).all(axis=1)]
    step = random.choice([-1, -1, 0, 0, 0, 1, 1, 2], len(humans))
    judge = np.clip(lower_median(humans) + step, 1.0, 5.0)
    return calibrate(judge, humans, domain=SCALE, level="ordinal", pass_at=4.0)


def _estimates(data_sets: int) -> dict[str, Any]:
    """A pass rate of 0.85; a judge that passes 95 % and fails 80 % rightly; 100 labels."""
    random = np.random.default_rng(SEED)
    powered, corrected, golden = [], [], []
    for _ in range(data_sets):
        truth = random.random(2000) < 0.85
        judge = np.where(truth, random.random(2000) < 0.95, random.random(2000) > 0.8)
        chosen = random.choice(2000, 100, replace=False)
        said, scored = truth[chosen], judge[chosen]
        powered.append(
            prediction_powered_mean(
                said.astype(float), scored.astype(float), judge.astype(float)
            ).figure
        )
        corrected.append(_rogan_gladen(said, scored, judge))
        half = random.random(100) < 0.5
        seen = np.where(half, random.random(100) < 0.95, random.random(100) > 0.8)
        golden.append(_rogan_gladen(half, seen, judge))
    return {
        "pass rate of 0.85": {
            "PPI++, 100 of the traffic": _coverage(powered, 0.85),
            "Rogan-Gladen, 100 of the traffic": _coverage(corrected, 0.85),
            "Rogan-Gladen, golden set of half passes": _coverage(golden, 0.85),
        }
    }


def _rogan_gladen(said: Any, scored: Any, judge: Any) -> Figure:
    return rogan_gladen(
        passed=int(said.sum()),
        passed_judged_pass=int((said & scored).sum()),
        failed=int((~said).sum()),
        failed_judged_pass=int((~said & scored).sum()),
        judged=len(judge),
        judged_pass=int(judge.sum()),
    )


def _coverage(figures: list[Figure], true: float) -> dict[str, float]:
    known = [(f.low, f.high) for f in figures if f.low is not None and f.high is not None]
    return {
        "covers": round(float(np.mean([low <= true <= high for low, high in known])), 3),
        "width": round(float(np.mean([high - low for low, high in known])), 3),
        "without": len(figures) - len(known),
    }


if __name__ == "__main__":
    main()
