"""Read TOML, bounded in size and depth; errors name what was read."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tabkit.errors import ConfigError, TabkitError

MOST_MEGABYTES = 4
"""Some ten thousand rules, understood within seconds; more is no file of this kind."""
DEEPEST = 64
"""Settings and rules need less than ten; Python's own limit is reached by some hundred, depending on the caller."""


def read(path: str | Path, *, what: str, kind: type[TabkitError], advice: str) -> dict[str, Any]:
    """Read a TOML file into nested dictionaries.

    Parameters
    ----------
    path
        The file, of at most `MOST_MEGABYTES`, nested at most `DEEPEST` deep.
    what
        What messages call it, such as ``settings file``.
    kind
        The error to raise if it cannot be read or is not TOML.
    advice
        What to do where the content is not TOML.

    Raises
    ------
    TabkitError
        Of `kind`.
    """
    named = f"{what} {str(path)!r}"
    try:
        raw = _bytes(path)
        if len(raw) > MOST_MEGABYTES * 2**20:
            raise kind(f"{named} is larger than {MOST_MEGABYTES} MiB", advice="check that this is the file you meant")
        return _parsed(raw.decode("utf-8-sig"))
    except OSError as error:
        raise kind(f"{named} cannot be read: {error.strerror or error}", advice="check the path") from error
    except RecursionError:
        raise kind(f"{named} is nested more than {DEEPEST} deep", advice="write it flatter") from None
    except ValueError as error:  # not UTF-8, not TOML, or no path at all
        raise kind(f"{named} is not TOML: {error}", advice=advice) from error


def value(text: str) -> Any:
    """Read `text` as one TOML value, or keep it as text.

    Raises
    ------
    ConfigError
        If it is nested more than `DEEPEST` deep.

    Examples
    --------
    >>> value("0.5"), value("true"), value("poisson"), value('{distance = 1}')
    (0.5, True, 'poisson', {'distance': 1})
    """
    try:
        found = _parsed(f"value = {text}")
    except RecursionError:
        raise ConfigError(
            f"the value {text[:20]}... is nested more than {DEEPEST} deep", advice="write it flatter"
        ) from None
    except ValueError:
        return text.strip()
    return found["value"] if len(found) == 1 else text.strip()


def _bytes(path: str | Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(MOST_MEGABYTES * 2**20 + 1)


def _parsed(text: str) -> dict[str, Any]:
    """Parse, and refuse what functions that call themselves could not walk through later."""
    found = tomllib.loads(text)
    level: list[Any] = [found]
    for _ in range(DEEPEST):
        level = [inner for item in level for inner in _inside(item)]
        if not level:
            return found
    raise RecursionError


def _inside(item: Any) -> list[Any]:
    if isinstance(item, Mapping):
        return [inner for inner in item.values() if isinstance(inner, dict | list)]
    return [inner for inner in item if isinstance(inner, dict | list)]
