"""What customers are worth: `tabkit.cltv`, for scripts."""

from tabkit.cltv.model import CLTVModel, LifetimeModel, horizon_of, load
from tabkit.cltv.training import fit
from tabkit.cltv.updating import CLTVUpdate, update

__all__ = ["CLTVModel", "CLTVUpdate", "LifetimeModel", "fit", "horizon_of", "load", "update"]
