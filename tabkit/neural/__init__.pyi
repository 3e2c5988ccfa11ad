from .backend import check_device
from .calibrate import CalibrationLine, line
from .config import MLPConfig
from .embedding import embed, embed_names
from .fitting import fit, fit_again
from .history import Epoch, history_frame
from .model import MLPModel
from .tuning import Freeze, fine_tune, recalibrate

__all__ = [
    "CalibrationLine",
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
    "line",
    "recalibrate",
]
