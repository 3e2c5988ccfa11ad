"""How strongly one column is related to a goal, on one scale for all types of columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tabkit.rules.bins import Codes, axes
from tabkit.rules.goal import Floats, Goal


def usefulness(codes: Codes, signal: Floats, *, groups: int) -> float:
    """Return how much of a number's variance the groups explain, corrected for how many groups there are.

    This is epsilon squared, the R squared of group means adjusted for degrees of freedom (Kelley 1935, "An unbiased
    correlation ratio measure"): ``1 - (SSW / (n - B)) / (SST / (n - 1))`` with the sums of squares within groups and
    in total and the number B of groups that have rows; below zero it is given as zero. Groups that say nothing get
    about zero, however many they are.

    Parameters
    ----------
    codes
        Shape (n,), from 0 to `groups` - 1; a missing value is a group like the others.
    signal
        Shape (n,), finite: `Goal.signal`.
    groups
        How many codes there are.

    Returns
    -------
    float
        From 0 to 1; 0 too where it cannot be said: no more rows than groups, or a constant signal.

    Examples
    --------
    >>> usefulness(np.array([0, 0, 1, 1], dtype=np.uint8), np.array([1.0, 1.0, 3.0, 3.0]), groups=2)
    1.0
    >>> usefulness(np.array([0, 1, 0, 1], dtype=np.uint8), np.array([1.0, 1.0, 3.0, 3.0]), groups=2)
    0.0
    """
    counts = np.bincount(codes, minlength=groups)
    with_rows = counts > 0
    n, filled = len(signal), int(with_rows.sum())
    if n <= filled:
        return 0.0
    # About the mean, so that a large constant in the signal costs no digits.
    centred = signal - signal.mean()
    total = float(centred @ centred)
    if total <= 0:
        return 0.0
    sums = np.bincount(codes, weights=centred, minlength=groups)[with_rows]
    within = max(total - float((sums**2 / counts[with_rows]).sum()), 0.0)
    return max(0.0, 1 - (within / (n - filled)) / (total / (n - 1)))


def useful(
    frame: pl.DataFrame,
    goal: Goal,
    columns: Sequence[str] | None = None,
    *,
    sample: int = 50_000,
    bins: int = 20,
    most_levels: int = 30,
    seed: int = 0,
) -> dict[str, float]:
    """Return the usefulness of columns for a goal, the most useful first; nothing where one arm alone has rows.

    Parameters
    ----------
    frame
        The n rows of the goal.
    goal
        What columns are to be useful for.
    columns
        Those that are meant; by default all but the goal's own. Constant ones, and those of types that no condition
        can be on, are left out.
    sample
        On how many rows, drawn by `seed`, it is measured.
    bins, most_levels
        How fine numbers and text are.

    Examples
    --------
    >>> frame = pl.DataFrame({"a": [1, 1, 2, 2], "b": ["x", "y", "x", "y"], "y": [0.0, 0.0, 1.0, 1.0]})
    >>> useful(frame, Goal("y", "share", frame["y"].to_numpy(), positive="1"))
    {'a': 1.0, 'b': 0.0}
    """
    if columns is None:
        columns = [name for name in frame.columns if name not in (goal.name, goal.treatment)]
    rows = None
    if frame.height > sample:
        rows = np.sort(np.random.default_rng(seed).choice(frame.height, sample, replace=False)).astype(np.int64)
    own = goal if rows is None else goal.take(rows)
    if own.treated is not None and own.treated.all() == own.treated.any():
        return {}
    signal = own.signal()
    found = axes(frame, columns, rows=rows, bins=bins, most_levels=most_levels).found
    values = {axis.column: usefulness(axis.codes, signal, groups=axis.groups) for axis in found}
    return dict(sorted(values.items(), key=lambda item: -item[1]))
