"""What customers are worth: `tabkit.cltv`, for scripts."""

from tabkit.cltv.model import LifetimeModel, fit, horizon_of, load

__all__ = ["LifetimeModel", "fit", "horizon_of", "load"]
