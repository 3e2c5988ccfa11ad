"""The sample of rows that is drawn: few enough to see, with rare classes kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabkit.rules import Goal

MOST_DRAWN = 5_000  # lines that a browser draws without delay
_LEAST_RARE = 0.1  # share of the sample that a rare class gets
_STRATA = 10  # tenths of an amount are drawn alike


def drawn(goal: Goal, rows: NDArray[np.int64], *, most: int = MOST_DRAWN, seed: int = 0) -> NDArray[np.int64]:
    """Choose rows to draw: by class, a rare one with a tenth of the lines if it has so many rows, else evenly.

    Parameters
    ----------
    goal
        Of all rows.
    rows
        Those that may be drawn.
    most
        How many at most.
    seed
        Decides by chance.

    Returns
    -------
    NDArray[np.int64]
        Rising row numbers.

    Examples
    --------
    >>> goal = Goal("y", "share", np.array([1.0] + [0.0] * 99), positive="1")
    >>> chosen = drawn(goal, np.arange(100), most=10)
    >>> len(chosen), 0 in chosen
    (10, True)
    """
    if len(rows) <= most:
        return np.sort(rows)
    random = np.random.default_rng(seed)
    strata = _strata(goal, rows)
    quotas = _quotas(np.bincount(strata), most, rare=goal.kind == "share")
    chosen = [random.choice(rows[strata == index], quota, replace=False) for index, quota in enumerate(quotas)]
    return np.sort(np.concatenate(chosen))


def _strata(goal: Goal, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    if goal.kind == "share":
        return goal.y[rows].astype(np.int64)
    if goal.treated is not None:
        return goal.treated[rows].astype(np.int64)
    order = np.argsort(np.argsort(goal.y[rows], kind="stable"), kind="stable")
    return (order * _STRATA // len(rows)).astype(np.int64)


def _quotas(sizes: NDArray[np.int64], most: int, *, rare: bool) -> list[int]:
    shares = sizes * most / sizes.sum()
    if rare:
        least = np.minimum(sizes, most * _LEAST_RARE)
        shares = np.maximum(shares, least)
        large = int(shares.argmax())
        shares[large] = most - (shares.sum() - shares[large])
    found = np.floor(shares).astype(int)
    found[int(shares.argmax())] += most - int(found.sum())
    return [int(min(quota, size)) for quota, size in zip(found, sizes, strict=True)]
