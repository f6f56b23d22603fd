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
from annotate.stats.alternative import (
    AlternativeAnnotatorTest,
    OneAnnotator,
    alternative_annotator_test,
)
from annotate.stats.association import Weights
from annotate.stats.calibration import (
    Calibration,
    Ceiling,
    calibrate,
    lower_median,
)
from annotate.stats.coefficients import (
    Sampling,
    ZeroTest,
    brennan_prediger,
    cohen_kappa,
    cohen_zero_test,
    conger_kappa,
    fleiss_kappa,
    gwet_ac,
    percent_agreement,
    scott_pi,
    weighted_alpha,
)
from annotate.stats.comparison import (
    Comparison,
    McNemar,
    Preferences,
    bradley_terry,
    compare_by_segment,
    compare_paired,
    mcnemar,
    sign_test,
    smallest_detectable,
)
from annotate.stats.contrasts import Contrast, RoundScores
from annotate.stats.control_chart import (
    Chart,
    Stability,
    cusum_run_length,
    ewma_chart,
    ewma_limit,
    ewma_run_length,
    population_stability,
)
from annotate.stats.correlation import (
    WithinCorrelation,
    correlation_between,
    correlation_within,
)
from annotate.stats.dawid_skene import (
    DawidSkene,
    dawid_skene,
)
from annotate.stats.drift import Drift, DriftVerdict, across, drift
from annotate.stats.estimate import (
    Estimate,
    Gate,
    GateVerdict,
    gate,
    prediction_powered_mean,
    rate,
    rogan_gladen,
)
from annotate.stats.figure import Figure, Level, Reason, counts, not_enough
from annotate.stats.judge_bias import (
    Dependence,
    PositionBias,
    group_bias,
    length_bias,
    position_bias,
)
from annotate.stats.judge_noise import JudgeNoise, judge_noise
from annotate.stats.multiplicity import benjamini_hochberg, benjamini_yekutieli, holm
from annotate.stats.numeric_agreement import (
    Concordance,
    IntraclassCorrelation,
    intraclass_correlation,
    kendall_w,
)
from annotate.stats.planner import (
    anchors_for_shift,
    cases_for_pass_rates,
    cases_for_scores,
    detectable_shift,
    unit_spread,
    units_for_alpha,
    units_for_correlation,
    units_for_kappa_bound,
    units_for_kappa_test,
    units_for_rate,
)
from annotate.stats.probability import (
    Bin,
    Reliability,
    reliability,
)
from annotate.stats.verdict import Thresholds, Verdict

__all__ = [
    "Agreement",
    "AlternativeAnnotatorTest",
    "Bin",
    "Calibration",
    "Ceiling",
    "Chart",
    "Comparison",
    "Concordance",
    "Contrast",
    "DawidSkene",
    "Dependence",
    "Drift",
    "DriftVerdict",
    "Estimate",
    "Figure",
    "Gate",
    "GateVerdict",
    "IntraclassCorrelation",
    "JudgeNoise",
    "Level",
    "McNemar",
    "OneAnnotator",
    "PositionBias",
    "Preferences",
    "RaterPair",
    "Reason",
    "Reliability",
    "RoundScores",
    "Sampling",
    "Stability",
    "Thresholds",
    "Verdict",
    "Weights",
    "WithinCorrelation",
    "ZeroTest",
    "across",
    "agreement",
    "alternative_annotator_test",
    "anchors_for_shift",
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "bradley_terry",
    "brennan_prediger",
    "calibrate",
    "cases_for_pass_rates",
    "cases_for_scores",
    "cohen_kappa",
    "cohen_zero_test",
    "compare_by_segment",
    "compare_paired",
    "conger_kappa",
    "counts",
    "correlation_between",
    "correlation_within",
    "cusum_run_length",
    "dawid_skene",
    "detectable_shift",
    "drift",
    "ewma_chart",
    "ewma_limit",
    "ewma_run_length",
    "fleiss_kappa",
    "gate",
    "group_bias",
    "gwet_ac",
    "holm",
    "intra_rater",
    "intraclass_correlation",
    "kendall_w",
    "judge_noise",
    "krippendorff_alpha",
    "length_bias",
    "lower_median",
    "mcnemar",
    "not_enough",
    "pairwise_kappa",
    "percent_agreement",
    "population_stability",
    "position_bias",
    "prediction_powered_mean",
    "rate",
    "rater_pairs",
    "reliability",
    "rogan_gladen",
    "scott_pi",
    "sign_test",
    "smallest_detectable",
    "unit_spread",
    "units_for_alpha",
    "units_for_correlation",
    "units_for_kappa_bound",
    "units_for_kappa_test",
    "units_for_rate",
    "weighted_alpha",
    "without_each_rater",
]
