"""LightGBM models on encoded features, with the base score outside the trees, and their baselines."""

from tabkit.boosting.baselines import BaseRate, Linear, base_rate, linear
from tabkit.boosting.config import BoostingConfig
from tabkit.boosting.fit import fit
from tabkit.boosting.model import BoostedModel
from tabkit.boosting.objective import OBJECTIVES, Objective, variance_power
from tabkit.boosting.reasons import reason_schema, reasons
from tabkit.boosting.rows import Rows

__all__ = [
    "OBJECTIVES",
    "BaseRate",
    "BoostedModel",
    "BoostingConfig",
    "Linear",
    "Objective",
    "Rows",
    "base_rate",
    "fit",
    "linear",
    "reason_schema",
    "reasons",
    "variance_power",
]
