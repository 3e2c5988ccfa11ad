"""Settings that a job cannot do without, or with."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from tabkit.config import Config
from tabkit.errors import ConfigError, TabkitError
from tabkit.frames import files

_HOW = {"bundle": "as the first argument", "source": "as an argument", "output": "with -o"}


def needed(config: Config, name: str) -> Any:
    """Return a setting; `ConfigError` that says how to give it where it is missing."""
    value = getattr(config, name)
    if not value:
        raise ConfigError(f"no {name} is given", advice=f"give it {_HOW[name]}, or as {name} in the settings file")
    return value


def inputs(*given: object) -> list[str]:
    """Return the files that settings name as read, which no output may replace; what is no name is passed over.

    Names that cannot be resolved yet stay as they are: what is wrong with them is said by who reads them.
    """
    found: list[str] = []
    for value in given:
        names = [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else []
        for name in (str(name) for name in names if isinstance(name, str | Path)):
            found.append(name)
            with suppress(TabkitError):
                found += files(name)
    return found
