"""What customers are worth: `tabkit.cltv`, for scripts."""

from tabkit.cltv.model import CLTVModel, LifetimeModel, horizon_of, load
from tabkit.cltv.training import fit

__all__ = ["CLTVModel", "LifetimeModel", "fit", "horizon_of", "load"]
