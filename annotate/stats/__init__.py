"""Statistics: pure functions on arrays, frozen dataclasses out.

Nothing here reads a clock, a global seed or a database; numpy, scipy and krippendorff are all
that it imports.
"""

from annotate.stats.agreement import (
    Agreement,
    RaterPair,
    agreement,
    intra_rater,
    krippendorff_alpha,
    pairwise_kappa,
    rater_pairs,
    without_each_rater,
)
from annotate.stats.association import Weights
from annotate.stats.calibration import (
    Calibration,
    Ceiling,
    Thresholds,
    Verdict,
    calibrate,
    lower_median,
)
from annotate.stats.coefficients import (
    brennan_prediger,
    cohen_kappa,
    fleiss_kappa,
    gwet_ac,
    percent_agreement,
    scott_pi,
    weighted_alpha,
)
from annotate.stats.contrasts import Contrast, RoundScores
from annotate.stats.drift import Drift, DriftVerdict, across, drift
from annotate.stats.figure import Figure, Level, Reason, counts, not_enough
from annotate.stats.multiplicity import benjamini_hochberg, benjamini_yekutieli, holm
from annotate.stats.reliability import (
    Concordance,
    IntraclassCorrelation,
    intraclass_correlation,
    kendall_w,
)

__all__ = [
    "Agreement",
    "Calibration",
    "Ceiling",
    "Concordance",
    "Contrast",
    "Drift",
    "DriftVerdict",
    "Figure",
    "IntraclassCorrelation",
    "Level",
    "RaterPair",
    "Reason",
    "RoundScores",
    "Thresholds",
    "Verdict",
    "Weights",
    "across",
    "agreement",
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "brennan_prediger",
    "calibrate",
    "cohen_kappa",
    "counts",
    "drift",
    "fleiss_kappa",
    "gwet_ac",
    "holm",
    "intra_rater",
    "intraclass_correlation",
    "kendall_w",
    "krippendorff_alpha",
    "lower_median",
    "not_enough",
    "pairwise_kappa",
    "percent_agreement",
    "rater_pairs",
    "scott_pi",
    "weighted_alpha",
    "without_each_rater",
]
