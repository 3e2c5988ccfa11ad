"""A small network on encoded features: the baseline beside the trees, with a hidden layer to hand on.

Torch is imported when a network is fitted or first scores; settings and saved models do without it. Start with `fit`.
"""

from tabkit.neural.backend import check_device
from tabkit.neural.config import MLPConfig
from tabkit.neural.embedding import embed, embed_names
from tabkit.neural.fitting import fit, fit_again
from tabkit.neural.history import Epoch, history_frame
from tabkit.neural.model import MLPModel
from tabkit.neural.tuning import Freeze, fine_tune, recalibrate

__all__ = [
    "Epoch",
    "Freeze",
    "MLPConfig",
    "MLPModel",
    "check_device",
    "embed",
    "embed_names",
    "fine_tune",
    "fit",
    "fit_again",
    "history_frame",
    "recalibrate",
]
