"""Who will act: `tabkit.propensity`, for scripts."""

from tabkit.propensity.model import PropensityModel
from tabkit.propensity.training import load, train
from tabkit.propensity.updating.update import UpdateReport, update
from tabkit.settings import TrainConfig

__all__ = ["PropensityModel", "TrainConfig", "UpdateReport", "load", "train", "update"]
