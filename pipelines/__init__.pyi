from . import lifetime_value, propensity, report, uplift
from .bundles import load

__all__ = ["lifetime_value", "load", "propensity", "report", "uplift"]
