"""LightGBM models on encoded features, with the base score outside the trees, and their baselines."""

from tabkit.boosting.baselines import BaseRate, Linear, base_rate, linear
from tabkit.boosting.choice import KEEP, Candidate, Choice, choose
from tabkit.boosting.config import BoostingConfig
from tabkit.boosting.explanation import reason_schema, reasons
from tabkit.boosting.extension import extend
from tabkit.boosting.growth import fit
from tabkit.boosting.model import BoostedModel
from tabkit.boosting.recalibration import recalibrate
from tabkit.boosting.refitting import refit
from tabkit.boosting.updatable import refusal
from tabkit.objective import OBJECTIVES, Objective, variance_power
from tabkit.rows import Rows

__all__ = [
    "KEEP",
    "OBJECTIVES",
    "BaseRate",
    "BoostedModel",
    "BoostingConfig",
    "Candidate",
    "Choice",
    "Linear",
    "Objective",
    "Rows",
    "base_rate",
    "choose",
    "extend",
    "fit",
    "linear",
    "reason_schema",
    "reasons",
    "recalibrate",
    "refit",
    "refusal",
    "variance_power",
]
