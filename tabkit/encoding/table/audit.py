"""Audit of target leakage: flip a target, and test whether the encoded features reveal it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.encoding.statistics import Floats
from tabkit.encoding.table.fitted import FittedTable
from tabkit.metrics import auc
from tabkit.target import TargetColumn

Encode = Callable[[pl.DataFrame], tuple[FittedTable, pl.DataFrame]]
_MOVED = 1e-9  # relative: what a flipped target moves beyond rounding
_LEAF = 10  # rows in a leaf, as small as trees that overfit have them


@dataclass(frozen=True, slots=True, eq=False)
class Audit:
    """What an audit found; see `TableEncoder.audit`.

    Parameters
    ----------
    features
        A row per feature: ``feature``, ``column``, ``encoder``; ``moved``, how far the encoding of a row moved at
        most when its own target was flipped, in standard deviations of the feature; ``auc_train`` and ``auc_test``,
        how well fine bins of this feature alone know the target of further rows of the fit and of held-out
        rows; ``gap`` between them; and ``noise``, three times the standard error of the gap.
    rows, test_rows
        Rows of the fit and held out.
    """

    features: pl.DataFrame
    rows: int
    test_rows: int

    @property
    def suspects(self) -> list[str]:
        """The features that moved with their own target, or know that of the rows of the fit too well."""
        wrong = (pl.col("moved") > _MOVED) | (pl.col("gap") > pl.col("noise"))
        return self.features.filter(wrong)["feature"].to_list()


def audited(
    encode: Encode, train: pl.DataFrame, test: pl.DataFrame, target: TargetColumn, *, flips: Sequence[int], seed: int
) -> Audit:
    """Audit an encoder on rows to fit on and rows held out; `flips` are rows whose target is flipped.

    `encode` fits on rows and returns them encoded for training; it must always divide them into the same folds.
    """
    fitted, features = encode(train)
    moved = [_distance(features, encode(_flipped(train, target, row))[1], row) for row in flips]
    y, y_test = (frame.select(target.expr()).to_series().to_numpy() for frame in (train, test))
    new = fitted.transform(test)
    rows = []
    for part in fitted.parts:
        for i, name in enumerate(part.encoder.outputs):
            is_positive = _positive(target, y, i, len(part.encoder.outputs))
            found = _read(features[name], is_positive(y), new[name], is_positive(y_test), seed=seed)
            rows.append((name, part.source, part.encoder.kind, *found))
    names = ["feature", "column", "encoder", "auc_train", "auc_test", "noise"]
    table = pl.DataFrame(rows, schema=names, orient="row").with_columns(
        pl.Series("moved", np.max(moved, axis=0) if moved else None, dtype=pl.Float64),
        gap=pl.col("auc_train") - pl.col("auc_test"),
    )
    order = ("feature", "column", "encoder", "moved", "auc_train", "auc_test", "gap", "noise")
    return Audit(table.select(order), train.height, test.height)


def _flipped(frame: pl.DataFrame, target: TargetColumn, row: int) -> pl.DataFrame:
    """Return the frame with another label in one row, or the farthest number that the column holds."""
    values = frame[target.name]
    others = values.filter(values != values[row])
    other = others[0]
    if target.task == "regression":
        low, high = values.min(), values.max()
        other = high if values[row] - low < high - values[row] else low
    changed = pl.when(pl.int_range(pl.len()) == row).then(pl.lit(other, dtype=values.dtype)).otherwise(target.name)
    return frame.with_columns(changed.alias(target.name))


def _distance(features: pl.DataFrame, again: pl.DataFrame, row: int) -> Floats:
    """Return how far each feature of a row moved, in standard deviations; a null that came or went counts as one."""
    found = []
    for name in features.columns:
        before, after = features[name][row], again[name][row]
        if before is None or after is None:
            found.append(float((before is None) != (after is None)))
            continue
        spread = float(np.nanstd(_numbers(features[name])))
        found.append(abs(float(before) - float(after)) / (spread or 1.0))
    return np.array(found)


def _positive(target: TargetColumn, y: Floats, output: int, outputs: int) -> Callable[[Floats], NDArray[np.bool_]]:
    """Return which rows are positive: of several classes the feature's own, of a number what exceeds its median."""
    if target.task == "regression":
        middle = np.median(y)
        return lambda values: values > middle
    classes = len(target.classes)
    own = output if outputs == classes > 2 else classes - 1
    return lambda values: values == own


def _read(
    feature: pl.Series, y: NDArray[np.bool_], new: pl.Series, y_test: NDArray[np.bool_], *, seed: int
) -> tuple[float | None, float | None, float | None]:
    """Return the AUC of bins on further rows of the fit and on held-out rows, and three times the gap's error."""
    half = np.random.default_rng(seed).permutation(len(y)) < len(y) // 2
    parts = (y[half], y[~half], y_test)
    if any(part.all() or not part.any() for part in parts):
        return None, None, None
    x, x_test = _numbers(feature), _numbers(new)
    edges = _edges(x[half])
    mass, ones = (np.bincount(_bins(x[half], edges), weights=w, minlength=len(edges) + 2) for w in (None, y[half]))
    share = (ones + y[half].mean()) / (mass + 1)
    found = [_auc(part, share[_bins(rows, edges)]) for part, rows in ((y[~half], x[~half]), (y_test, x_test))]
    return found[0][0], found[1][0], 3 * float(np.hypot(found[0][1], found[1][1]))


def _edges(x: Floats) -> Floats:
    """Return the upper edges of bins that hold some ten rows each, equal numbers together."""
    known = np.sort(x[~np.isnan(x)])
    return np.unique(known[_LEAF - 1 :: _LEAF])


def _bins(x: Floats, edges: Floats) -> NDArray[np.int64]:
    """Return the bin of each number; NaN has the last one to itself."""
    return np.where(np.isnan(x), len(edges) + 1, np.searchsorted(edges, x, side="left"))


def _auc(y: NDArray[np.bool_], score: Floats) -> tuple[float, float]:
    """Return the AUC and its standard error (Hanley and McNeil 1982, eq. 1 and 2)."""
    a = float(auc(y.astype(np.float64), score))
    ones, zeros = int(y.sum()), int((~y).sum())
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    variance = (a * (1 - a) + (ones - 1) * (q1 - a * a) + (zeros - 1) * (q2 - a * a)) / (ones * zeros)
    return a, float(np.sqrt(max(variance, 0.0)))


def _numbers(feature: pl.Series) -> Floats:
    return feature.cast(pl.Float64).fill_null(float("nan")).to_numpy()
