"""Who will act: `tabkit.propensity`, for scripts."""

from pipelines.jobs.settings import TrainJob as TrainConfig
from tabkit.propensity.model import PropensityModel
from tabkit.propensity.training import load, train
from tabkit.propensity.updating.update import UpdateReport, update

__all__ = ["PropensityModel", "TrainConfig", "UpdateReport", "load", "train", "update"]
