"""The levels of a text column: their codes, and the target's statistics by level and fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.target import Target

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
    def from_frame(cls, frame: pl.DataFrame, *, folds: int) -> LevelStatistics:
        """Build the arrays from a long frame, as `to_frame` or the query of `query` gives it."""
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


def query(frame: pl.LazyFrame, column: str, *, target: Target, fold: pl.Expr, weight: pl.Expr) -> pl.LazyFrame:
    """Aggregate the target by level and fold, in the long form that `LevelStatistics.from_frame` reads."""
    y = target.expr()
    parts = [y] if target.task != "multiclass" else [(y == k).cast(pl.Float64) for k in range(len(target.classes))]
    mass = weight.sum()
    means = [(weight * part).sum() / mass for part in parts]
    return frame.group_by(pl.col(column).cast(pl.String).alias("level"), fold.alias("fold")).agg(
        pl.len().cast(pl.Float64).alias("rows"),
        mass.cast(pl.Float64).alias("weight"),
        *((weight * part).sum().alias(f"sum_{c}") for c, part in enumerate(parts)),
        *(
            (weight * (part - mean) ** 2).sum().alias(f"scatter_{c}")
            for c, (part, mean) in enumerate(zip(parts, means, strict=True))
        ),
    )


def _ratio(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
