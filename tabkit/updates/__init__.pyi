# What this room gives, read when one of it is first named; see `tabkit.updates.__init__`.
from .choice import Choice, Comparison, Update, changed, choose, shared
from .predictions import resampled
from .strategies import AUTO, KEEP, Strategy, pick
from .translation import translated
from .trials import Trial, Trials, run_trials

__all__ = [
    "AUTO",
    "KEEP",
    "Choice",
    "Comparison",
    "Strategy",
    "Trial",
    "Trials",
    "Update",
    "changed",
    "choose",
    "pick",
    "resampled",
    "run_trials",
    "shared",
    "translated",
]
