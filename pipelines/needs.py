"""Settings that a job cannot do without, or with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tabkit.config import Config
from tabkit.errors import ConfigError

_HOW = {"bundle": "as the first argument", "source": "as an argument", "output": "with -o"}


def needed(config: Config, name: str) -> Any:
    """Return a setting; `ConfigError` that says how to give it where it is missing."""
    value = getattr(config, name)
    if not value:
        raise ConfigError(f"no {name} is given", advice=f"give it {_HOW[name]}, or as {name} in the settings file")
    return value


def refuse_itself(bundle: str | Path, output: str | Path) -> None:
    """Refuse an output that is the bundle itself, or lies inside of it; `ConfigError`."""
    place = Path(output).resolve()
    if Path(bundle).resolve() in (place, *place.parents):
        raise ConfigError(
            "the output is the bundle itself, or inside of it: a bundle is never changed", advice="choose another name"
        )
