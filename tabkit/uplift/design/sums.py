"""Features whose sum, difference or product is the outcome."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tabkit.schema import family
from tabkit.uplift.regressor import Floats

_ROWS = 4_000
"""Rows that are looked at, or five for each column if that is more: an identity holds on any."""
_LEFT = 1e-6
"""Share of the variance that may be left: rounding to cents leaves less, chance leaves more."""
_MOST = 400
"""Columns beyond which no sum is looked for: what they would need of rows and time is too much."""


def made_of(frame: pl.DataFrame, features: Sequence[str], told: Floats, *, seed: int = 0) -> list[str]:
    """Return the features that together are a column, as a sum, a difference or a product; empty if none are.

    A line is laid through half of the rows, null as zero with a flag, and has to tell the others without error; of
    positive numbers the same is done with logarithms. Features that are not needed for it are left out of the answer.

    Parameters
    ----------
    frame
        n rows.
    features
        Of which numbers, truth values and durations are looked at.
    told
        Shape (n,): the column, finite.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> frame = pl.DataFrame({name: rng.normal(size=300) for name in "abc"})
    >>> made_of(frame, ["a", "b", "c"], (frame["c"] - 2 * frame["a"]).to_numpy())
    ['a', 'c']
    """
    names = [name for name in features if family(frame.schema[name]) in ("number", "boolean", "duration")]
    if not 2 <= len(names) <= _MOST:
        return []
    rows = np.random.default_rng(seed).permutation(frame.height)[: max(_ROWS, 10 * len(names))]
    y = told[rows]
    values = {name: _numbers(frame.get_column(name))[rows] for name in names}
    found = _needed(values, y)
    if found or not (y >= 0).all() or len(np.unique(y)) < 3:
        return found
    above = y > 0  # a product that is zero says nothing of the others
    logs = {
        name: np.log(each[above])
        for name, each in values.items()
        if (each[above] > 0).all() and np.ptp(each[above]) > 0
    }
    return _needed(logs, np.log(y[above])) if len(logs) > 1 else []


def _numbers(values: pl.Series) -> Floats:
    found = values.alias("values").to_physical().cast(pl.Float64).to_numpy().astype(np.float64, copy=True)
    found[~np.isfinite(found)] = np.nan
    return found


def _needed(values: dict[str, Floats], y: Floats) -> list[str]:
    """Return the names without any of which the line fails; empty if it fails with all of them."""
    names = list(values)
    if not names or not _exact(values, names, y):
        return []
    for name in list(names):
        rest = [other for other in names if other != name]
        if rest and _exact(values, rest, y):
            names = rest
    return names


def _exact(values: dict[str, Floats], names: list[str], y: Floats) -> bool:
    """Whether a line through half of the rows tells the other half."""
    X = _design([values[name] for name in names])
    half = len(y) // 2
    fitted, left = slice(0, half), slice(half, None)
    spread = float(((y[left] - y[left].mean()) ** 2).sum()) if len(y) > half else 0.0
    if half < 2 * X.shape[1] or len(np.unique(y[left])) < 2 or min(_others(y[fitted]), _others(y[left])) < X.shape[1]:
        return False
    weights = np.linalg.lstsq(X[fitted], y[fitted] - y.mean(), rcond=1e-10)[0]
    error = float(((y[left] - y.mean() - X[left] @ weights) ** 2).sum())
    return error <= _LEFT * spread


def _others(y: Floats) -> int:
    """Return in how many rows the value is not the commonest one: a handful is told by any line."""
    return int(len(y) - np.unique(y, return_counts=True)[1].max())


def _design(columns: list[Floats]) -> Floats:
    """Return columns of mean 0 and variance 1, a flag for each with nulls, and a constant."""
    parts = [np.ones(len(columns[0]))]
    for column in columns:
        missing = np.isnan(column)
        filled = np.where(missing, 0.0, column)
        spread = float(filled.std())
        parts.append((filled - filled.mean()) / (spread if spread > 0 else 1.0))
        if 0 < missing.sum() < len(missing):
            parts.append(missing.astype(np.float64))
    return np.column_stack(parts)
