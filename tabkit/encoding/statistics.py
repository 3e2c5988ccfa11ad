"""Statistics of the target by level and fold, from which encoders of levels are computed; they merge and are saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.encoding.levels import KnownLevels
from tabkit.untrusted.manifest import LARGEST, damaged, numbers_of, texts_of

_WHAT = "a table of levels of the encoder"
MOST_FOLDS = 10_000
"""Folds by time are as many as there are days or blocks: those of decades."""
_MOST_CELLS = 2**28  # eight bytes each: as much as all parts of a bundle may have
Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Weight, sum and scatter of one target in cells of level and fold.

    Parameters
    ----------
    weight
        Shape (cells, folds): total weight (the number of rows where rows have no weights).
    sums
        Shape (cells, folds, columns): weighted sums. A regression or binary target has one column, a
        multiclass target one indicator per class.
    scatter
        Same shape: weighted sum of squared deviations from the mean **within cell and fold**, which
        can be pooled without cancellation (Chan, Golub and LeVeque 1983, eq. 2.1b).
    """

    weight: Floats
    sums: Floats
    scatter: Floats

    def pool(self, folds: Sequence[int]) -> Sums:
        """Pool some of the folds into a single one."""
        chosen = list(folds)
        return _pool(self.weight[:, chosen], self.sums[:, chosen], self.scatter[:, chosen], axis=1)

    def scale(self, factor: float) -> Sums:
        """Count every row `factor` times."""
        return Sums(self.weight * factor, self.sums * factor, self.scatter * factor)

    def plus(self, other: Sums) -> Sums:
        """Return the statistics of the rows of both, cell by cell."""
        return _pool(*(np.stack(pair) for pair in zip(_arrays(self), _arrays(other), strict=True)), axis=0, keep=False)

    def at(self, index: Integers, *, cells: int) -> Sums:
        """Move cell i to ``index[i]`` of `cells`, pooling those that meet."""
        if np.bincount(index, minlength=1).max() == 1:  # nobody meets
            moved = [np.zeros((cells, *a.shape[1:])) for a in _arrays(self)]
            for to, array in zip(moved, _arrays(self), strict=True):
                to[index] = array
            return Sums(*moved)
        weight, sums = _add_at(index, self.weight, cells), _add_at(index, self.sums, cells)
        mean = _ratio(sums, weight[..., None])[index]
        between = self.weight[..., None] * (_ratio(self.sums, self.weight[..., None]) - mean) ** 2
        return Sums(weight, sums, _add_at(index, self.scatter + between, cells))


@dataclass(frozen=True, slots=True, eq=False)
class LevelStatistics:
    """The statistics of all targets by level and fold.

    Parameters
    ----------
    levels
        The n levels found. Row n of every array belongs to null.
    rows
        Shape (n + 1, folds): how many rows there are.
    targets
        One `Sums` per target, with n + 1 cells.
    """

    levels: KnownLevels
    rows: Floats
    targets: tuple[Sums, ...]

    @property
    def folds(self) -> int:
        """Into how many folds the rows are divided."""
        return int(self.rows.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes of memory, the levels' names included."""
        arrays = [self.rows, *(array for sums in self.targets for array in _arrays(sums))]
        names = int(self.levels.names.estimated_size())
        return names + sum(int(array.nbytes) for array in arrays)

    def pool(self, folds: Sequence[int]) -> LevelStatistics:
        """Pool some of the folds into a single one."""
        rows = self.rows[:, list(folds)].sum(axis=1, keepdims=True)
        return LevelStatistics(self.levels, rows, tuple(sums.pool(folds) for sums in self.targets))

    def total(self) -> LevelStatistics:
        """Pool all folds into a single one."""
        return self.pool(range(self.folds))

    def scale(self, factor: float) -> LevelStatistics:
        """Count every row `factor` times."""
        return LevelStatistics(self.levels, self.rows * factor, tuple(sums.scale(factor) for sums in self.targets))

    def merge(self, other: LevelStatistics, *, append: bool = False) -> LevelStatistics:
        """Return the statistics of the rows of both; new levels go behind if `append`, else all are sorted."""
        levels = self.levels.union(other.levels, append=append)
        if not append and not levels.names.is_sorted():  # after an update
            levels = KnownLevels(levels.names.sort())
        mine, theirs = self._at(levels), other._at(levels)
        pairs = zip(mine.targets, theirs.targets, strict=True)
        return LevelStatistics(levels, mine.rows + theirs.rows, tuple(a.plus(b) for a, b in pairs))

    def _at(self, levels: KnownLevels) -> LevelStatistics:
        index, cells = levels.places(self.levels), len(levels) + 1
        rows = np.zeros((cells, self.folds))
        rows[index] = self.rows
        return LevelStatistics(levels, rows, tuple(sums.at(index, cells=cells) for sums in self.targets))

    def to_frame(self) -> pl.DataFrame:
        """Return the state as a long frame: level, fold, rows, and of target t ``weight_t sum_t_0 scatter_t_0 ...``.

        Levels stand in the order of their codes, null last; empty cells are left out.
        """
        held = self.rows != 0
        held[:-1, 0] |= ~held[:-1].any(axis=1)  # a level that is known without rows
        cell, fold = np.nonzero(held)
        names = pl.concat([self.levels.names.cast(pl.String), pl.Series([None], dtype=pl.String)])
        values = {"level": names.gather(cell), "fold": fold.astype(np.int32), "rows": self.rows[cell, fold]}
        for t, sums in enumerate(self.targets):
            values[f"weight_{t}"] = sums.weight[cell, fold]
            for c in range(sums.sums.shape[2]):
                values[f"sum_{t}_{c}"] = sums.sums[cell, fold, c]
                values[f"scatter_{t}_{c}"] = sums.scatter[cell, fold, c]
        return pl.DataFrame(values)

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, *, folds: int) -> LevelStatistics:
        """Rebuild what `to_frame` gave; anything else is a `BundleError`."""
        names = texts_of(frame, "level", what=_WHAT, nulls=True)
        fold = numbers_of(frame, "fold", what=_WHAT, whole=True, low=0, high=folds - 1).astype(np.int64)
        levels = KnownLevels(names.drop_nulls().unique(maintain_order=True))
        cell = names.to_frame("level").select(levels.code(pl.col("level"))).to_series().to_numpy()
        shape = (len(levels) + 1, folds)
        if np.prod(shape) * frame.width > _MOST_CELLS or len(np.unique(cell * np.int64(folds) + fold)) < frame.height:
            raise damaged(f"{_WHAT} has a level twice in one fold, or {folds:,} folds of {len(levels):,} levels")
        targets = sum(name.startswith("weight_") for name in frame.columns)

        def spread(names: list[str]) -> Floats:
            array = np.zeros((*shape, len(names)))
            for c, name in enumerate(names):
                low = 0.0 if name.startswith(("rows", "weight_")) else -LARGEST
                array[cell, fold, c] = numbers_of(frame, name, what=_WHAT, low=low)
            return array

        found = []
        for t in range(targets):
            columns = range(sum(name.startswith(f"sum_{t}_") for name in frame.columns))
            if not columns:
                raise damaged(f"{_WHAT} has weights, but no sums of target {t}")
            sums, scatter = (spread([f"{what}_{t}_{c}" for c in columns]) for what in ("sum", "scatter"))
            found.append(Sums(spread([f"weight_{t}"])[..., 0], sums, scatter))
        return cls(levels, spread(["rows"])[..., 0], tuple(found))


def count(
    levels: KnownLevels,
    code: Integers,
    *,
    fold: Integers,
    folds: int,
    targets: Sequence[tuple[Floats, Floats | None, int]],
) -> LevelStatistics:
    """Count the rows of a fit; sums run in row order, so that the same rows always give the same bits.

    Parameters
    ----------
    code, fold
        Shape (n,): each row's level (its number of levels for null) and fold.
    targets
        For each target its values, shape (n,) (a number, 0/1, or a class's index), the rows' weights of 0 or
        more (None for ones), and its number of classes if it is multiclass, else 0.
    """
    shape = (len(levels) + 1, folds)
    cell = code.astype(np.int64)
    cell *= folds
    cell += fold
    rows = totals(cell, None, shape)
    return LevelStatistics(levels, rows, tuple(_sums(cell, rows, y, w, classes=k) for y, w, k in targets))


def empty_like(statistics: LevelStatistics, levels: KnownLevels) -> LevelStatistics:
    """Return statistics of no rows, for other levels."""
    cells = len(levels) + 1
    targets = tuple(
        Sums(*(np.zeros((cells, *array.shape[1:])) for array in _arrays(sums))) for sums in statistics.targets
    )
    return replace(statistics, levels=levels, rows=np.zeros((cells, statistics.folds)), targets=targets)


def _sums(cell: Integers, rows: Floats, y: Floats, weight: Floats | None, *, classes: int) -> Sums:
    shape = rows.shape
    mass = rows if weight is None else totals(cell, weight, shape)
    if classes:
        indicators = classes > 1
        sums = (
            totals(cell * classes + y.astype(np.int64), weight, (*shape, classes))
            if indicators
            else totals(cell, y if weight is None else weight * y, shape)[..., None]
        )
        # of an indicator: sum of w (1 - mean)^2 over its rows and w mean^2 over the others
        return Sums(mass, sums, sums * (1 - _ratio(sums, mass[..., None])))
    sums = totals(cell, y if weight is None else weight * y, shape)
    deviation = y - _ratio(sums, mass).ravel()[cell]
    deviation *= deviation
    scatter = totals(cell, deviation if weight is None else weight * deviation, shape)
    return Sums(mass, sums[..., None], scatter[..., None])


def _pool(weight: Floats, sums: Floats, scatter: Floats, *, axis: int, keep: bool = True) -> Sums:
    mass, total = weight.sum(axis=axis, keepdims=True), sums.sum(axis=axis, keepdims=True)
    parts, mean = _ratio(sums, weight[..., None]), _ratio(total, mass[..., None])
    between = (weight[..., None] * (parts - mean) ** 2).sum(axis=axis, keepdims=True)
    pooled = (mass, total, scatter.sum(axis=axis, keepdims=True) + between)
    return Sums(*pooled) if keep else Sums(*(array.squeeze(axis) for array in pooled))


def _arrays(sums: Sums) -> tuple[Floats, Floats, Floats]:
    return sums.weight, sums.sums, sums.scatter


def _add_at(index: Integers, values: Floats, cells: int) -> Floats:
    flat = values.reshape(len(index), -1)
    columns = [totals(index, flat[:, c], (cells,)) for c in range(flat.shape[1])]
    return np.stack(columns, axis=1).reshape(cells, *values.shape[1:])


def totals(cell: Integers, values: Floats | None, shape: tuple[int, ...]) -> Floats:
    """Return the sum of the values (None: their number) by cell, reshaped."""
    sums = np.bincount(cell, weights=values, minlength=int(np.prod(shape)))
    return sums.astype(np.float64, copy=False).reshape(shape)


def _ratio(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
