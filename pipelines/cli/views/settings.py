"""The settings of a command on a terminal: a file to start from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def settings_view(result: Mapping[str, Any]) -> str:
    """Return the file as it is, whatever the width of the terminal, so that it can be written by ``>``."""
    return str(result["toml"])
