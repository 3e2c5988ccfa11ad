"""What customers are worth: `tabkit.cltv`, for scripts."""

from tabkit.cltv.model import CLTVModel, LifetimeModel, fit, horizon_of, load

__all__ = ["CLTVModel", "LifetimeModel", "fit", "horizon_of", "load"]
