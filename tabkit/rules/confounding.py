"""Adjust outcomes for a column that treatment depends on, so that effects can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import scipy
from numpy.typing import NDArray

from tabkit.rules.bins import BinnedColumn, axes
from tabkit.rules.config import SuggestConfig
from tabkit.rules.goal import Codes, Floats, Goal, Mask
from tabkit.rules.limits import FEWEST_GROUP_ROWS

_CHANCE = 0.001  # that any column is called uneven though treatment was drawn alike everywhere
_MOST = 20  # columns that outcomes are levelled by
_PASSES = 2


def uneven(found: Sequence[BinnedColumn], treated: Mask | None, unit: Codes | None = None) -> list[BinnedColumn]:
    """Return the columns that the share of treated rows varies with (Pearson 1900), strongest first.

    Where treatment was given to units rather than rows, the statistic is divided by what that does to the variance of
    a share, the design effect (Rao and Scott 1981).

    >>> axis = BinnedColumn("age", np.repeat(np.arange(2, dtype=np.uint8), 50), (30,), (), True)
    >>> [one.column for one in uneven([axis], np.arange(100) < 45)], uneven([axis], np.arange(100) % 2 == 0)
    (['age'], [])
    """
    if treated is None:
        return []
    t, share = treated.astype(np.float64), float(treated.mean())
    sums = t - share if unit is None else np.bincount(unit, weights=t - share)
    inflated = max(1.0, float(sums @ sums) / (treated.size * share * (1 - share)))
    p_values = []
    for axis in found:
        counts = np.bincount(axis.codes, minlength=axis.groups)
        some = counts >= FEWEST_GROUP_ROWS
        means = np.bincount(axis.codes, weights=t, minlength=axis.groups)[some] / counts[some]
        statistic = float((counts[some] * (means - share) ** 2).sum()) / (share * (1 - share)) / inflated
        p_values.append(float(scipy.special.chdtrc(max(int(some.sum()) - 1, 1), statistic)))
    order = np.argsort(p_values, kind="stable")[:_MOST]
    return [found[index] for index in order if p_values[index] <= _CHANCE / len(found)]


def levelled(goal: Goal, found: Sequence[BinnedColumn]) -> Goal:
    """Return an effect's goal with `y` less the middle of both arms' means in each group of the columns.

    In a group, the treated then stand above zero by half of the effect there, and controls below by as much: what is
    left of the difference between arms is effect, however their shares differ by group. Several columns are taken to
    add up (backfitting: Buja, Hastie and Tibshirani 1989, section 2).

    >>> axis = BinnedColumn("age", np.repeat(np.arange(2, dtype=np.uint8), 20), (30,), (), True)
    >>> goal = Goal("y", "effect", np.repeat([0.0, 5.0], 20), None, np.arange(40) % 20 < np.repeat([5, 15], 20))
    >>> levelled(goal, [axis]).y.any()
    np.False_
    """
    if goal.treated is None or not found:
        return goal
    y = goal.y.astype(np.float64)
    for _ in range(_PASSES if len(found) > 1 else 1):
        for axis in found:
            y = y - _middles(y, goal.treated, axis)[axis.codes]
    return replace(goal, y=y, two=None)


def _middles(y: Floats, treated: Mask, axis: BinnedColumn) -> Floats:
    """Return by group the middle of both arms' means; the mean of all its rows where an arm has too few."""
    counts, sums = [], []
    for arm in (treated, ~treated):
        counts.append(np.bincount(axis.codes[arm], minlength=axis.groups))
        sums.append(np.bincount(axis.codes[arm], weights=y[arm], minlength=axis.groups))
    n, total = counts[0] + counts[1], sums[0] + sums[1]
    middle = sum(part / np.maximum(count, 1) for count, part in zip(counts, sums, strict=True)) / 2
    return np.asarray(np.where(np.minimum(*counts) >= FEWEST_GROUP_ROWS // 2, middle, total / np.maximum(n, 1)))


def even(frame: pl.DataFrame, goal: Goal, names: Sequence[str], held: Mask, config: SuggestConfig) -> Goal:
    """Return the goal of all rows adjusted for columns, separately for the rows held out."""
    if not names:
        return goal
    found = axes(frame, names, rows=None, bins=config.bins, most_levels=config.most_levels).found
    y = goal.y.astype(np.float64)
    for part in (np.flatnonzero(~held), np.flatnonzero(held)):
        y[part] = levelled(goal.take(part), [_part(axis, part) for axis in found]).y
    return replace(goal, y=y, two=None)


def _part(axis: BinnedColumn, rows: NDArray[np.int64]) -> BinnedColumn:
    return replace(axis, codes=axis.codes[rows])


def said(names: Sequence[str]) -> list[str]:
    """Return a note on the columns, if there are any."""
    if not names:
        return []
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return [f"who was treated follows {', '.join(map(repr, names[:5]))}{more}: outcomes were levelled by that first"]
