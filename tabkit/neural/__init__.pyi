from .backend import check_device
from .config import MLPConfig
from .embedding import embed, embed_names
from .fitting import fit, fit_again
from .history import Epoch, history_frame
from .model import MLPModel
from .tuning import Freeze, fine_tune, recalibrate

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
