"""The inputs of a network: scaled numbers, flags of missing values, and indices of levels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.errors import FitError, ScoringError, TabkitError
from tabkit.rows import Rows, matrix

Floats = NDArray[np.float64]
_REACH = 3.0  # standard deviations beyond which values are squeezed, so that outliers do not lead
_FAR = 1e6  # scaled: drawn in, no float32 lies nearer to the reach
_LARGEST = 1e300  # what is larger counts as this, so that differences stay finite
_MOST_CODES = 10_000_000
UNKNOWN = 0
"""The index of a level that is null, rare or was not there at the fit."""


class Batch(NamedTuple):
    """Rows as arrays.

    Parameters
    ----------
    numbers
        Shape (n, numbers), float32: scaled and clipped, 0 where missing; then one column of 0 and 1 for each feature
        that was missing somewhere at the fit.
    levels
        Shape (n, categorical features), int64: from 0, which is the unknown.
    """

    numbers: NDArray[np.float32]
    levels: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """How features become the arrays of a network; fitted on training rows, and plain data.

    Numbers lose their median and are divided by the distance of their quartiles (where that is 0, half of their
    range); then ``x / sqrt(1 + (x / 3)^2)`` draws in what lies far out, smoothly: never beyond 3 (Holzmüller,
    Grinsztajn and Steinwart 2024, "Better by default", section 3). What never varies is left out.

    Parameters
    ----------
    features
        All features, in their order.
    numbers
        Those used as numbers.
    center, scale
        By number: what is subtracted, and what is divided by.
    missing
        The numbers that get a column of their own which says whether they are missing.
    levels
        By categorical feature that is used: for each code its index, from 1; 0 for those that are too rare.
    """

    features: tuple[str, ...]
    numbers: tuple[str, ...]
    center: tuple[float, ...]
    scale: tuple[float, ...]
    missing: tuple[str, ...]
    levels: Mapping[str, NDArray[np.int64]]

    @property
    def width(self) -> int:
        """How many columns `Batch.numbers` has."""
        return len(self.numbers) + len(self.missing)

    @property
    def sizes(self) -> tuple[int, ...]:
        """By categorical feature: how many indices there are, the unknown counted."""
        return tuple(int(index.max(initial=0)) + 1 for index in self.levels.values())

    def batch(self, features: pl.DataFrame, *, kind: type[TabkitError] = ScoringError) -> Batch:
        """Return rows as arrays.

        Raises
        ------
        SchemaError
            If a feature is missing or no number.
        ScoringError
            If a number is infinite; or the error of `kind`.
        """
        data = matrix(features, self.features)
        _check_finite(data, self.numbers, kind=kind)
        return Batch(self._numbers(data), self._levels(data))

    def _numbers(self, data: pl.DataFrame) -> NDArray[np.float32]:
        known = zip(self.numbers, self.center, self.scale, strict=True)
        exprs = [_scaled(name, center, scale) for name, center, scale in known]
        exprs += [_is_missing(name).cast(pl.Float32) for name in self.missing]
        if not exprs:
            return np.zeros((data.height, 0), dtype=np.float32)
        named = [expr.alias(str(k)) for k, expr in enumerate(exprs)]
        found: NDArray[np.float32] = data.select(named).to_numpy(order="c")
        return found

    def _levels(self, data: pl.DataFrame) -> NDArray[np.int64]:
        found = np.zeros((data.height, len(self.levels)), dtype=np.int64)
        for k, (name, index) in enumerate(self.levels.items()):
            codes = data[name].cast(pl.Float64).fill_nan(None).fill_null(-1).to_numpy()
            known = _is_code(codes) & (codes < len(index))
            found[known, k] = index[codes[known].astype(np.int64)]
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "features": list(self.features),
            "numbers": list(self.numbers),
            "center": list(self.center),
            "scale": list(self.scale),
            "missing": list(self.missing),
            "levels": {name: index.tolist() for name, index in self.levels.items()},
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Inputs:
        """Rebuild what `to_dict` gave."""
        tuples = {name: tuple(state[name]) for name in ("features", "numbers", "center", "scale", "missing")}
        levels = {name: np.asarray(index or np.zeros(0, dtype=np.int64)) for name, index in state["levels"].items()}
        if any(index.dtype.kind != "i" or index.ndim != 1 for index in levels.values()):
            raise ValueError("the indices of levels are no whole numbers")
        return cls(**tuples, levels=levels)


def fit_inputs(rows: Rows, *, rare: int) -> Inputs:
    """Learn scales and levels from the rows of the fit; levels of fewer than `rare` rows join the unknown.

    Raises
    ------
    FitError
        If a number is infinite, codes do not count from 0, or no feature varies.
    """
    names = tuple(rows.features.columns)
    data = matrix(rows.features, names)
    numbers = [name for name in names if name not in rows.categorical]
    _check_finite(data, numbers, kind=FitError)
    _check_codes(data, rows.categorical)
    scales = {name: found for name in numbers if (found := _scale(data[name])) is not None}
    holes = [name for name in numbers if 0 < data.select(_is_missing(name).sum()).item() < data.height]
    levels = {n: index for n in rows.categorical if (index := _index(data[n], rare)).any()}
    if not scales and not holes and not levels:
        raise FitError("no feature varies: there is nothing to learn from", advice="use other columns")
    return Inputs(
        features=names,
        numbers=tuple(scales),
        center=tuple(center for center, _ in scales.values()),
        scale=tuple(scale for _, scale in scales.values()),
        missing=tuple(holes),
        levels=levels,
    )


def _scale(values: pl.Series) -> tuple[float, float] | None:
    """Return centre and unit, or None for a column that never varies."""
    known = values.cast(pl.Float64).fill_nan(None).drop_nulls().clip(-_LARGEST, _LARGEST).to_numpy()
    if not known.size or known.min() == known.max():
        return None
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    unit = high - low or (float(known.max()) - float(known.min())) / 2
    return float(middle), max(float(unit), 1 / _LARGEST)


def _index(codes: pl.Series, rare: int) -> NDArray[np.int64]:
    """Return by code its index: frequent levels from 1, in the order of their codes."""
    found = codes.cast(pl.Float64).fill_nan(None).drop_nulls().to_numpy()
    known = found[_is_code(found)].astype(np.int64)
    if not known.size:
        return np.zeros(0, dtype=np.int64)
    frequent = np.bincount(known) >= rare
    if frequent.sum() == 1 and known.size == len(codes) and frequent[known].all():
        return np.zeros(len(frequent), dtype=np.int64)  # a single level
    return np.where(frequent, np.cumsum(frequent), UNKNOWN).astype(np.int64)


def _is_code(codes: Floats) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (codes >= 0) & (codes == np.floor(codes))
    return found


def _is_missing(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64).fill_nan(None).is_null()


def _scaled(name: str, center: float, scale: float) -> pl.Expr:
    x = ((pl.col(name).cast(pl.Float64).fill_nan(None) - center) / scale).clip(-_FAR, _FAR)
    return (x / (1 + (x / _REACH) ** 2).sqrt()).fill_null(0.0).cast(pl.Float32)


def _check_codes(data: pl.DataFrame, names: tuple[str, ...]) -> None:
    most = {name: data[name].cast(pl.Float64).fill_nan(None).max() for name in names}
    found = [f"{name!r} ({code:g})" for name, code in most.items() if isinstance(code, float) and code >= _MOST_CODES]
    if found:
        raise FitError(
            f"codes of {_MOST_CODES:,} and more in {', '.join(found[:20])}: there is an embedding for each code below",
            advice="number the levels from 0",
        )


def _check_finite(data: pl.DataFrame, names: tuple[str, ...] | list[str], *, kind: type[TabkitError]) -> None:
    floats = [name for name in names if data.schema[name].is_float()]
    if not floats:
        return
    wild = data.select(pl.col(floats).is_infinite().sum()).row(0)
    found = [f"{name!r} ({count:,} rows)" for name, count in zip(floats, wild, strict=True) if count]
    if found:
        raise kind(
            f"infinite values in {', '.join(found[:20])}",
            advice="repair them, or encode with infinite='null', which takes them for missing",
        )
