from .fields import FOLLOWS, UNUSED, Columns, Setting, described, meanings
from .settings import (
    Config,
    ObjectiveName,
    build,
    complete,
    how_required,
    merge,
    missing,
    override,
    read,
    required,
    settings_of,
)

__all__ = [
    "FOLLOWS",
    "UNUSED",
    "Columns",
    "Config",
    "ObjectiveName",
    "Setting",
    "build",
    "complete",
    "described",
    "how_required",
    "meanings",
    "merge",
    "missing",
    "override",
    "read",
    "required",
    "settings_of",
]
