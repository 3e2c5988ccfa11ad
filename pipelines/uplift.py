"""Whom contact changes: `tabkit.uplift`, for scripts."""

from pipelines.jobs.settings import UpliftTrainJob as UpliftConfig
from tabkit.uplift.model import UpliftModel
from tabkit.uplift.training import load, train
from tabkit.uplift.updating import UpliftUpdate, update

__all__ = ["UpliftConfig", "UpliftModel", "UpliftUpdate", "load", "train", "update"]
