"""Folds of rows: by chance, class or group, or blocks of time."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tabkit.errors import FitError
from tabkit.splits.inputs import (
    Rows,
    check_folds,
    check_one_way,
    check_rows,
    classes_of,
    codes_of,
    generator_of,
    times_of,
)


def kfold(
    n: int,
    *,
    folds: int,
    seed: int,
    groups: ArrayLike | None = None,
    stratify: ArrayLike | None = None,
) -> NDArray[np.int16]:
    """Return the fold of each row, from 0 to folds - 1.

    Fold sizes differ by at most one row, also within each class when stratified. Groups go whole, the
    largest first, each to the fold that is smallest so far.

    Parameters
    ----------
    n
        Number of rows.
    folds
        How many, from 2 to n (or to the number of groups).
    seed
        Non-negative; the same seed makes the same folds.
    groups
        What each row belongs to, shape (n,): whole groups go to one fold.
    stratify
        The class of each row, shape (n,): each class is spread evenly over the folds.

    Returns
    -------
    ndarray of int16, shape (n,)

    Raises
    ------
    FitError
        When an array has another length than `n` or missing values.
    ConfigError
        When there are more folds than rows or groups, a setting is out of range, or both arrays are given.

    Examples
    --------
    >>> fold = kfold(6, folds=3, seed=0, stratify=["a", "a", "a", "b", "b", "b"])
    >>> sorted(fold[:3].tolist()), sorted(fold[3:].tolist())
    ([0, 1, 2], [0, 1, 2])
    """
    check_one_way(time=None, groups=groups, stratify=stratify)
    check_rows(n)
    check_folds(folds, limit=n, what="rows")
    generator = generator_of(seed)
    if groups is not None:
        codes = codes_of(groups, name="groups", n=n)
        sizes = np.bincount(codes)
        check_folds(folds, limit=sizes.size, what="groups")
        return _balanced(sizes, folds=folds, generator=generator)[codes]
    # Dealt like cards, one class after another: even within each class and over all rows at once.
    order = np.empty(n, dtype=np.int32 if n < 2**31 else np.int64)
    order[generator.permutation(n)] = np.arange(n, dtype=order.dtype)
    if stratify is not None:
        classes = classes_of(stratify, n=n)
        order = order[np.argsort(classes[order], kind="stable")]
    fold = np.empty(n, dtype=np.int16)
    fold[order] = np.tile(np.arange(folds, dtype=np.int16), n // folds + 1)[:n]
    return fold


def time_blocks(n: int, *, folds: int, time: ArrayLike) -> NDArray[np.int16]:
    """Return the block of time of each row, from 0 for the oldest: for encoding every row by earlier ones only.

    Blocks hold about equally many rows; rows of equal time stay together, so there may be fewer blocks.

    Parameters
    ----------
    n
        Number of rows.
    folds
        How many blocks, from 2 to n.
    time
        When each row happened, numbers or datetime64, shape (n,).

    Returns
    -------
    ndarray of int16, shape (n,)

    Raises
    ------
    FitError
        When `time` has another length than `n`, missing values, or is the same everywhere.
    ConfigError
        When there are more blocks than rows.

    Examples
    --------
    >>> time_blocks(6, folds=3, time=[3, 1, 2, 2, 5, 9])
    array([1, 0, 1, 1, 2, 2], dtype=int16)
    """
    check_rows(n)
    check_folds(folds, limit=n, what="rows")
    distinct, place, counts = np.unique(times_of(time, n=n), return_inverse=True, return_counts=True)
    if distinct.size == 1:
        raise FitError(
            f"blocks of time need at least two times, but all {n} rows have {distinct[0]}",
            advice="pass the column of the event's own time, or divide without `time`",
        )
    middle = np.cumsum(counts) - counts / 2
    block = np.unique(np.floor(middle / n * folds), return_inverse=True)[1]
    return block.astype(np.int16)[place]


def _balanced(sizes: Rows, *, folds: int, generator: np.random.Generator) -> NDArray[np.int16]:
    """Return the fold of each group, shape (g,): largest first, to the fold smallest so far (Graham 1969)."""
    fold = np.empty(sizes.size, dtype=np.int16)
    filled = [(0, number) for number in range(folds)]
    for group in np.lexsort((generator.permutation(sizes.size), -sizes)).tolist():
        total, number = filled[0]
        fold[group] = number
        heapq.heapreplace(filled, (total + int(sizes[group]), number))
    return fold
