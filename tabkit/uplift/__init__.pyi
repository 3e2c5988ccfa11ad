from .config import UpliftConfig, UpliftUpdateConfig
from .decision.policy import Value, against, assign, hajek, value
from .decision.segments import SEGMENTS, SegmentEffect, segment_effects
from .decision.verdict import Verdict
from .design.balance import beyond_chance
from .design.design import Arms, SampleRatio, arms_of, sample_ratio, shares_of, stratum_shares
from .design.overlap import Overlap
from .effects import AverageEffect, adjusted, aipw, difference, on_treated
from .ensemble.calibration import Calibration, calibrate
from .experiment import Experiment
from .learners.learners import NAMES, Effects, fit, fit_many
from .learners.plan import CrossFitting, Plan
from .learners.renewal import Change, renew
from .metrics.best_linear_predictor import BestLine, best_linear_predictor
from .metrics.groups import GroupEffects, gates
from .metrics.intervals import RankingInterval
from .metrics.ranking import auuc, qini_area, qini_normalised, uplift_area, uplift_auc_normalised
from .metrics.rate import TocCurve, autoc, rate_qini, toc_curve
from .metrics.resampling import bands, experiment_interval, experiment_paired, interval, paired
from .metrics.uplift_at_k import uplift_at
from .model import UpliftModel
from .regressor import Fitted, Kind, Learn
from .scores import arm_scores, effect_scores
from .training import load, train
from .updating import UpliftUpdate, update

__all__ = [
    "NAMES",
    "SEGMENTS",
    "Arms",
    "AverageEffect",
    "BestLine",
    "Calibration",
    "Change",
    "CrossFitting",
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
    "UpliftConfig",
    "UpliftModel",
    "UpliftUpdate",
    "UpliftUpdateConfig",
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
    "load",
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
    "train",
    "update",
    "uplift_area",
    "uplift_at",
    "uplift_auc_normalised",
    "value",
]
