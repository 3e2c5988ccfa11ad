from . import boosting, cltv, encoding, metrics, neural, predicates, predictors, propensity, rules, scoring, uplift
from .errors import (
    BundleError,
    ConfigError,
    FitError,
    ForkError,
    SchemaError,
    ScoringError,
    SourceError,
    TabkitError,
)
from .frames import scan
from .kinds import load
from .roles import Roles

__version__: str

__all__ = [
    "BundleError",
    "ConfigError",
    "FitError",
    "ForkError",
    "Roles",
    "SchemaError",
    "ScoringError",
    "SourceError",
    "TabkitError",
    "__version__",
    "boosting",
    "cltv",
    "encoding",
    "load",
    "metrics",
    "neural",
    "predicates",
    "predictors",
    "propensity",
    "rules",
    "scan",
    "scoring",
    "uplift",
]
