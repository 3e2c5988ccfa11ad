"""The levels of a text column: their codes, and the target's statistics by level and fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """The known levels of a column, in a fixed order.

    Codes are ``0 .. n-1`` for the levels, ``n`` for null and ``n + 1`` for a level never seen. The
    cast to an Enum does the look-up: it keeps row order, streams, and holds memory flat.

    Examples
    --------
    >>> levels = Levels(pl.Series(["a", "b"]))
    >>> frame = pl.DataFrame({"x": ["b", None, "new", "a"]})
    >>> frame.select(levels.code("x")).to_series().to_list()
    [1, 2, 3, 0]
    """

    names: pl.Series
    dtype: pl.Enum = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", pl.Enum(self.names))

    def __len__(self) -> int:
        """Return the number of levels, null and unseen not counted."""
        return len(self.names)

    def code(self, column: str) -> pl.Expr:
        """Return the code of each row as UInt32, never null."""
        text = pl.col(column).cast(pl.String)
        known = text.cast(self.dtype, strict=False).to_physical().cast(pl.UInt32)
        unseen = pl.lit(len(self) + 1, dtype=pl.UInt32)
        null = pl.lit(len(self), dtype=pl.UInt32)
        return pl.when(text.is_null()).then(null).otherwise(known.fill_null(unseen)).alias(column)

    def unseen(self, column: str) -> pl.Expr:
        """Return true where the level is neither known nor null."""
        return (self.code(column) == len(self) + 1).alias(column)


@dataclass(frozen=True, slots=True, eq=False)
class LevelStatistics:
    """Weight, sum and scatter of the target by level and fold: all that target encoders need.

    Parameters
    ----------
    levels
        The n levels found, sorted. Row n of every array belongs to null.
    rows
        Shape (n + 1, folds): how many rows there are.
    weight
        Same shape: their total weight (equal to `rows` where rows have no weights).
    sums
        Shape (n + 1, folds, columns): weighted sums of the target. A regression or binary target has
        one column, a multiclass target one indicator per class.
    scatter
        Same shape: weighted sum of squared deviations from the mean **within level and fold**, which
        can be pooled without cancellation (Chan, Golub and LeVeque 1983, eq. 2.1b).
    """

    levels: Levels
    rows: Floats
    weight: Floats
    sums: Floats
    scatter: Floats

    def without(self, fold: int) -> LevelStatistics:
        """Pool all folds but one into a single fold."""
        return self._pool([k for k in range(self.weight.shape[1]) if k != fold])

    def total(self) -> LevelStatistics:
        """Pool all folds into a single one."""
        return self._pool(list(range(self.weight.shape[1])))

    def _pool(self, folds: Sequence[int]) -> LevelStatistics:
        rows = self.rows[:, folds].sum(axis=1, keepdims=True)
        weight = self.weight[:, folds].sum(axis=1)
        sums = self.sums[:, folds].sum(axis=1)
        mean = _ratio(sums, weight[:, None])
        parts = _ratio(self.sums[:, folds], self.weight[:, folds, None])
        between = (self.weight[:, folds, None] * (parts - mean[:, None]) ** 2).sum(axis=1)
        scatter = self.scatter[:, folds].sum(axis=1) + between
        return LevelStatistics(self.levels, rows, weight[:, None], sums[:, None], scatter[:, None])

    def to_frame(self) -> pl.DataFrame:
        """Return the state as a long frame: level, fold, rows, weight, sum_0.., scatter_0..; empty cells left out."""
        cell, fold = np.nonzero(self.rows)
        names = pl.concat([self.levels.names.cast(pl.String), pl.Series([None], dtype=pl.String)])
        columns = range(self.sums.shape[2])
        return pl.DataFrame(
            {
                "level": names.gather(cell),
                "fold": fold.astype(np.int32),
                "rows": self.rows[cell, fold],
                "weight": self.weight[cell, fold],
                **{f"sum_{c}": self.sums[cell, fold, c] for c in columns},
                **{f"scatter_{c}": self.scatter[cell, fold, c] for c in columns},
            }
        )

    @classmethod
    def from_rows(
        cls, text: pl.Series, *, y: Floats, fold: NDArray[np.integer[Any]], weight: Floats, classes: int = 0
    ) -> LevelStatistics:
        """Count the rows of a fit; sums run in row order, so that the same rows always give the same bits.

        Parameters
        ----------
        text
            n values, as String or Categorical.
        y
            Shape (n,): a number, 0/1, or with `classes` a class's index.
        fold, weight
            Shape (n,): fold numbers from 0, weights of 0 or more.
        classes
            The number of classes of a multiclass target, else 0.
        """
        levels, code = _factorise(text)
        shape = (len(levels) + 1, int(fold.max()) + 1)
        cell = code * shape[1] + fold
        rows = _totals(cell, np.ones(len(y)), shape)
        mass = _totals(cell, weight, shape)
        if classes:
            sums = _totals(cell * classes + y.astype(np.int64), weight, (*shape, classes))
            # of an indicator: sum of w (1 - mean)^2 over its rows and w mean^2 over the others
            return cls(levels, rows, mass, sums, sums * (1 - _ratio(sums, mass[..., None])))
        sums = _totals(cell, weight * y, shape)
        scatter = _totals(cell, weight * (y - _ratio(sums, mass).ravel()[cell]) ** 2, shape)
        return cls(levels, rows, mass, sums[..., None], scatter[..., None])

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, *, folds: int) -> LevelStatistics:
        """Rebuild the arrays from the long frame that `to_frame` gave."""
        levels = Levels(frame["level"].drop_nulls().unique().sort())
        cell = frame.select(levels.code("level")).to_series().to_numpy()
        fold = frame["fold"].to_numpy()
        columns = sum(name.startswith("sum_") for name in frame.columns)
        rows, weight = (np.zeros((len(levels) + 1, folds)) for _ in range(2))
        sums, scatter = (np.zeros((len(levels) + 1, folds, columns)) for _ in range(2))
        rows[cell, fold] = frame["rows"].to_numpy()
        weight[cell, fold] = frame["weight"].to_numpy()
        for c in range(columns):
            sums[cell, fold, c] = frame[f"sum_{c}"].to_numpy()
            scatter[cell, fold, c] = frame[f"scatter_{c}"].to_numpy()
        return cls(levels, rows, weight, sums, scatter)


def _factorise(text: pl.Series) -> tuple[Levels, NDArray[np.int64]]:
    """Return the levels, sorted, and the code of each row, which is their number for null."""
    category = text.cast(pl.Categorical(pl.Categories.random())) if text.dtype == pl.String() else text
    found = category.drop_nulls().unique()
    names, held = found.cast(pl.String), found.to_physical().to_numpy()
    order = names.arg_sort().to_numpy()
    rank = np.zeros(int(held.max(initial=0)) + 1, dtype=np.int64)
    rank[held[order]] = np.arange(len(order))
    code = np.full(len(text), len(order), dtype=np.int64)
    present = category.is_not_null().to_numpy()
    code[present] = rank[category.drop_nulls().to_physical().to_numpy()]
    return Levels(names.gather(order)), code


def _totals(cell: NDArray[np.int64], values: Floats, shape: tuple[int, ...]) -> Floats:
    totals: Floats = np.bincount(cell, weights=values, minlength=int(np.prod(shape))).astype(np.float64, copy=False)
    return totals.reshape(shape)


def _ratio(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
