"""Whom contact changes: experiments, effects, learners, honest metrics of rankings, verdicts and policies.

Regressions are handed in (`regressor.Learn`), so that this room needs neither LightGBM nor CausalML; only `bridge` and
`forests` run CausalML, when they are called.
"""

from tabkit.uplift.decision.policy import Value, against, assign, hajek, value
from tabkit.uplift.decision.segments import SEGMENTS, SegmentEffect, segment_effects
from tabkit.uplift.decision.verdict import Verdict
from tabkit.uplift.design.balance import beyond_chance
from tabkit.uplift.design.design import Arms, SampleRatio, arms_of, sample_ratio, shares_of, stratum_shares
from tabkit.uplift.design.overlap import Overlap
from tabkit.uplift.effects import AverageEffect, adjusted, aipw, difference, on_treated
from tabkit.uplift.ensemble.calibration import Calibration, calibrate
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.learners.learners import NAMES, Effects, fit, fit_many
from tabkit.uplift.learners.plan import Plan
from tabkit.uplift.learners.renewal import Change, renew
from tabkit.uplift.metrics.best_linear_predictor import BestLine, best_linear_predictor
from tabkit.uplift.metrics.groups import GroupEffects, gates
from tabkit.uplift.metrics.intervals import RankingInterval
from tabkit.uplift.metrics.ranking import auuc, qini_area, qini_normalised, uplift_area, uplift_auc_normalised
from tabkit.uplift.metrics.rate import TocCurve, autoc, rate_qini, toc_curve
from tabkit.uplift.metrics.resampling import bands, experiment_interval, experiment_paired, interval, paired
from tabkit.uplift.metrics.uplift_at_k import uplift_at
from tabkit.uplift.regressor import Fitted, Kind, Learn
from tabkit.uplift.scores import arm_scores, effect_scores

__all__ = [
    "NAMES",
    "SEGMENTS",
    "Arms",
    "AverageEffect",
    "BestLine",
    "Calibration",
    "Change",
    "Effects",
    "Experiment",
    "Fitted",
    "GroupEffects",
    "Kind",
    "Learn",
    "Overlap",
    "Plan",
    "RankingInterval",
    "SampleRatio",
    "SegmentEffect",
    "TocCurve",
    "Value",
    "Verdict",
    "adjusted",
    "against",
    "aipw",
    "arm_scores",
    "arms_of",
    "assign",
    "autoc",
    "auuc",
    "bands",
    "best_linear_predictor",
    "beyond_chance",
    "calibrate",
    "difference",
    "effect_scores",
    "experiment_interval",
    "experiment_paired",
    "fit",
    "fit_many",
    "gates",
    "hajek",
    "interval",
    "on_treated",
    "paired",
    "qini_area",
    "qini_normalised",
    "rate_qini",
    "renew",
    "sample_ratio",
    "segment_effects",
    "shares_of",
    "stratum_shares",
    "toc_curve",
    "uplift_area",
    "uplift_at",
    "uplift_auc_normalised",
    "value",
]
