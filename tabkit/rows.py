"""The rows of a fit as arrays: numeric features by name, target, weights, offset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit import forked
from tabkit.errors import FitError, SchemaError
from tabkit.schema import dtype_name

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Encoded rows with what is known about them.

    Parameters
    ----------
    features
        n rows of numeric columns; null and NaN mean missing.
    y
        Shape (n,): 0/1, a class's index, or a number. Never null.
    weight
        Shape (n,), not negative; None for equal weights.
    offset
        Shape (n,), on the raw scale: log(exposure) for a log link; None for zero.
    categorical
        Features that are codes of categories, from 0: trees divide their values into sets, not at a point.
    """

    features: pl.DataFrame
    y: Floats
    weight: Floats | None = None
    offset: Floats | None = None
    categorical: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("y", "weight", "offset"):
            values = getattr(self, name)
            if values is None:
                continue
            array = np.asarray(values, dtype=np.float64)
            if array.shape != (self.features.height,):
                raise FitError(f"{name} has shape {array.shape}; ({self.features.height},) was expected")
            if name != "y" and not np.isfinite(array).all():
                raise FitError(f"{name} is null, NaN or infinite in {int((~np.isfinite(array)).sum()):,} rows")
            object.__setattr__(self, name, array)
        if self.weight is not None and ((self.weight < 0).any() or not self.weight.sum() > 0):
            raise FitError("weights must not be negative, and some must be above zero")

    def weights(self) -> Floats:
        """Return the weights, ones where none were given."""
        return np.ones(self.features.height) if self.weight is None else self.weight

    def offsets(self) -> Floats:
        """Return the offsets, zeros where none were given."""
        return np.zeros(self.features.height) if self.offset is None else self.offset


def matrix(features: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    """Return the named columns in that order as floats or integers, which is all that a model may see.

    LightGBM aborts the whole process on text, so other types are refused here; it also takes columns in any
    order without complaint, so they are chosen by name.

    Raises
    ------
    SchemaError
        If a column is missing or not numeric.
    """
    forked.check()
    missing = [name for name in names if name not in features.columns]
    if missing:
        raise SchemaError(f"missing features: {', '.join(map(repr, missing[:20]))}", advice="encode the rows first")
    chosen = features.select(names)
    wrong = [f"{n!r} ({dtype_name(t)})" for n, t in chosen.schema.items() if not _is_number(t)]
    if wrong:
        raise SchemaError(f"features that are no numbers: {', '.join(wrong[:20])}", advice="encode the rows first")
    casts = [pl.col(n).cast(_plain(t)) for n, t in chosen.schema.items() if _plain(t) != t]
    return chosen.with_columns(casts) if casts else chosen


def _is_number(dtype: Any) -> bool:
    return bool(dtype.is_numeric() or dtype in (pl.Boolean, pl.Null))


def _plain(dtype: Any) -> Any:
    if dtype == pl.Boolean:
        return pl.UInt8
    plain = dtype in (pl.Float32, pl.Float64) or (dtype.is_integer() and dtype not in (pl.Int128, pl.UInt128))
    return dtype if plain else pl.Float64
