"""The one pass over the rows of a fit: aggregates, text, target and weights, read together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.encoding.levels import Floats, LevelStatistics
from tabkit.encoding.protocol import Encoder, Input, Statistics
from tabkit.errors import FitError
from tabkit.frames import collect_all
from tabkit.target import Target


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What one pass over n rows found.

    Parameters
    ----------
    rows
        n.
    scalars
        By column, the results of its encoder's aggregates, and ``nulls``.
    text
        n rows of those columns whose levels an encoder needs, as Categorical: four bytes a value.
    y
        Shape (n,): the target as numbers, NaN where it is null.
    weight
        Shape (n,): ones where there are no weights.
    """

    rows: int
    scalars: Mapping[str, Mapping[str, Any]]
    text: pl.DataFrame
    y: Floats
    weight: Floats

    def statistics(self, column: str, *, target: Target, fold: NDArray[np.int32]) -> Statistics:
        """Return what the encoder of one column asked for."""
        classes = len(target.classes) if target.task == "multiclass" else 0
        levels = None
        if column in self.text.columns:
            levels = LevelStatistics.from_rows(
                self.text[column], y=self.y, fold=fold, weight=self.weight, classes=classes
            )
        return Statistics(self.rows, self.scalars[column]["nulls"], self.scalars[column], levels)


def survey(
    frame: pl.LazyFrame, chosen: Mapping[Input, Encoder | None], *, target: Target, weight: str | None
) -> Survey:
    """Read once what all encoders of a table need.

    Raises
    ------
    FitError
        If there are no rows, or a target or weight is null, NaN, infinite, or a weight below zero.
    """
    used = list(dict.fromkeys([*(column.name for column in chosen), target.name, *([weight] if weight else [])]))
    # Without the cache each query would read the source again; with it they share one stream.
    shared = frame.select(used).cache()
    scalars = {column.name: _scalars(column, encoder) for column, encoder in chosen.items()}
    flat = [(name, key, expr) for name, exprs in scalars.items() for key, expr in exprs.items()]
    mass = pl.col(weight).cast(pl.Float64) if weight else pl.lit(1.0)
    rows = shared.select(
        target.expr().alias("y"),
        mass.alias("weight"),
        *(_categories(c.name).alias(f"text {c.name}") for c, e in chosen.items() if e is not None and e.needs_levels),
    )
    totals = shared.select(pl.len().alias("rows"), *(expr.alias(str(i)) for i, (*_, expr) in enumerate(flat)))
    first, found = collect_all([totals, rows], what="the rows of the fit")
    values: dict[str, dict[str, Any]] = {name: {} for name in scalars}
    for (name, key, _), value in zip(flat, first.row(0)[1:], strict=True):
        values[name][key] = value
    text = found.drop("y", "weight").rename(lambda name: name.removeprefix("text "))
    y, weights = found["y"].to_numpy(), found["weight"].to_numpy()
    _check(y, weights, target=target.name, weight=weight)
    return Survey(found.height, values, text, y, weights)


def _scalars(column: Input, encoder: Encoder | None) -> dict[str, pl.Expr]:
    missing = pl.col(column.name).is_null()
    if column.dtype.is_float():
        missing = missing | pl.col(column.name).is_nan().fill_null(False)
    asked = encoder.scalars(column) if encoder is not None else {}
    return {**asked, "nulls": missing.sum()}


def _categories(column: str) -> pl.Expr:
    # Categories of its own: those of the process would keep every level that any table ever had.
    return pl.col(column).cast(pl.String).cast(pl.Categorical(pl.Categories.random()))


def _check(y: Floats, weights: Floats, *, target: str, weight: str | None) -> None:
    if len(y) == 0:
        raise FitError("the table has no rows to fit the encoder on", advice="check the export that made it")
    unknown = int((~np.isfinite(y)).sum())
    if unknown:
        raise FitError(f"target {target!r} is null, NaN or infinite in {unknown:,} rows", advice="leave these rows out")
    wrong = int((~(np.isfinite(weights) & (weights >= 0))).sum())
    if wrong or not weights.sum() > 0:
        what = f"null, NaN, infinite or negative in {wrong:,} rows" if wrong else "zero in every row"
        raise FitError(f"weight {weight!r} is {what}", advice="repair or remove these rows")
