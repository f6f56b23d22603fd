"""Statistics: pure functions on arrays, frozen dataclasses out.

Nothing here reads a clock, a global seed or a database; numpy, scipy and krippendorff are all
that it imports.
"""

from annotate.stats.agreement import (
    Agreement,
    agreement,
    gwet_ac,
    intra_rater,
    krippendorff_alpha,
    pairwise_kappa,
    percent_agreement,
)
from annotate.stats.association import Weights, cohen_kappa
from annotate.stats.calibration import (
    Calibration,
    Ceiling,
    Thresholds,
    Verdict,
    calibrate,
    lower_median,
)
from annotate.stats.contrasts import Contrast, RoundScores
from annotate.stats.drift import Drift, DriftVerdict, across, drift
from annotate.stats.figure import Figure, Level, Reason, counts, not_enough
from annotate.stats.multiplicity import benjamini_hochberg, benjamini_yekutieli, holm

__all__ = [
    "Agreement",
    "Calibration",
    "Ceiling",
    "Contrast",
    "Drift",
    "DriftVerdict",
    "Figure",
    "Level",
    "Reason",
    "RoundScores",
    "Thresholds",
    "Verdict",
    "Weights",
    "across",
    "agreement",
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "calibrate",
    "cohen_kappa",
    "counts",
    "drift",
    "gwet_ac",
    "holm",
    "intra_rater",
    "krippendorff_alpha",
    "lower_median",
    "not_enough",
    "pairwise_kappa",
    "percent_agreement",
]
