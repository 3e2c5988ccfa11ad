from . import encode, explore, lifetime_value, propensity, report, rules, uplift
from .bundles import load

__all__ = ["encode", "explore", "lifetime_value", "load", "propensity", "report", "rules", "uplift"]
