from .baselines import BaseRate, base_rate
from .config import BoostingConfig
from .explanation import reason_schema, reasons
from .extension import extend
from .growth import fit
from .inputs import OBJECTIVES, Objective, Rows, variance_power
from .model import BoostedModel
from .recalibration import recalibrate
from .refitting import refit
from .updatable import refusal

__all__ = [
    "OBJECTIVES",
    "BaseRate",
    "BoostedModel",
    "BoostingConfig",
    "Objective",
    "Rows",
    "base_rate",
    "extend",
    "fit",
    "reason_schema",
    "reasons",
    "recalibrate",
    "refit",
    "refusal",
    "variance_power",
]
