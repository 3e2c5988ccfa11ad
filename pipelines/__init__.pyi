from . import lifetime_value, propensity, report, uplift

__all__ = ["lifetime_value", "propensity", "report", "uplift"]
