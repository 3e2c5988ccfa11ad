"""Encoders that split a column into parts, such as year and month, and keep the parts that vary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from tabkit.encoding.protocol import Statistics
from tabkit.errors import ConfigError


def checked(parts: Iterable[str], known: Sequence[str], *, what: str) -> tuple[str, ...]:
    """Return the parts as a tuple; a `ConfigError` if one is not known, or there are none."""
    found = (parts,) if isinstance(parts, str) else tuple(parts)
    unknown = [part for part in found if part not in known]
    if unknown or not found:
        raise ConfigError(f"unknown parts of a {what} {unknown}", advice=f"the parts are {', '.join(known)}")
    return found


def ranges(parts: Mapping[str, pl.Expr]) -> dict[str, pl.Expr]:
    """Return the aggregates that show whether each part varies."""
    lows = {f"low_{part}": expr.min() for part, expr in parts.items()}
    return lows | {f"high_{part}": expr.max() for part, expr in parts.items()}


def varying(parts: tuple[str, ...], found: Statistics) -> tuple[str, ...]:
    """Return the parts that vary; of a column that is either null or always the same the first, for its nulls."""
    kept = tuple(part for part in parts if found.scalars[f"low_{part}"] != found.scalars[f"high_{part}"])
    return kept or (parts[:1] if 0 < found.nulls < found.rows else ())


def flat(found: Statistics, *, otherwise: str) -> str:
    """Say why a column has no part that varies."""
    return "all null" if found.nulls == found.rows else otherwise
