"""tabkit: whom to contact, what they are worth, and how sure we are.

Importing this package is cheap: the ground modules load when they are first named, the rooms
(`tabkit.encoding`, `tabkit.boosting`, ...) when they are imported.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from tabkit import threads as _threads
from tabkit.errors import (
    BundleError,
    ConfigError,
    FitError,
    ForkError,
    SchemaError,
    ScoringError,
    SourceError,
    TabkitError,
)

if TYPE_CHECKING:
    from tabkit.frames import scan
    from tabkit.roles import Roles

_threads.tell_if_asked()

__version__ = "0.1.0"

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
    "scan",
]

_LATE = {"Roles": "tabkit.roles", "scan": "tabkit.frames"}


def __getattr__(name: str) -> object:
    if name in _LATE:
        return getattr(import_module(_LATE[name]), name)
    raise AttributeError(f"module 'tabkit' has no attribute {name!r}")
