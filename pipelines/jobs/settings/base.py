"""What settings of jobs have in common: where they come from, what is required, what columns mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from tabkit.config import Config, build, complete

Sources = str | list[str]
C = TypeVar("C", bound=Config)

SOURCE, FIRST, OUTPUT = "as an argument", "as the first argument", "with -o"
"""How settings are given that are required."""


def filled(kind: type[C], values: Mapping[str, Any]) -> C:
    """Return the settings of a job; all that is wrong, or what is missing, comes in one `ConfigError`."""
    return complete(build(kind, values))


ROWS = {
    "target": "The column to predict.",
    "id": "The column that names each row.",
    "time": "When a row was known: splits run along it.",
    "group": "Rows of one group stay in one part, unless --time divides them.",
    "weight": "Row weights.",
}
"""What roles mean where a target is predicted."""
EXPOSURE = "Time or volume at risk, for counts and amounts."
