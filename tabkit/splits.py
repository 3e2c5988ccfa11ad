"""Split a table into rows to fit on and rows to test on: by chance, time, group or class."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tabkit.errors import ConfigError, FitError

Rows: TypeAlias = NDArray[np.int64]
"""Row numbers or codes, shape (m,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Holdout:
    """Which rows to fit on and which to test on; together each row once.

    Parameters
    ----------
    train, test
        Row numbers in rising order, shapes (n_train,) and (n_test,), neither empty.
    """

    train: Rows
    test: Rows


def holdout(
    n: int,
    *,
    share: float,
    seed: int,
    time: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    stratify: ArrayLike | None = None,
) -> Holdout:
    """Divide n rows into a part to fit on and a part to test on. At most one way but chance may be given.

    Parameters
    ----------
    n
        Number of rows.
    share
        Share of the rows to test on, strictly between 0 and 1. Parts come as close to it as whole rows,
        equal times or whole groups allow.
    seed
        Non-negative; the same seed makes the same parts. A division by time needs no chance.
    time
        When each row happened, numbers or datetime64, shape (n,). The newest rows are tested on, and rows
        of equal time stay together.
    groups
        What each row belongs to, shape (n,): whole groups go to one part.
    stratify
        The class of each row, shape (n,): each class is divided alike, to within one row.

    Raises
    ------
    FitError
        When an array has another length than `n` or missing values, or a part would be empty.
    ConfigError
        When `share` or `seed` is out of range, or more than one of the arrays is given.

    Examples
    --------
    >>> holdout(5, share=0.4, seed=0, time=[10, 30, 20, 40, 30]).test
    array([1, 3, 4])
    """
    _check_one_way(time=time, groups=groups, stratify=stratify)
    _check_rows(n)
    if not 0 < share < 1:
        raise ConfigError(
            f"share must lie strictly between 0 and 1, got {share!r}", advice="write 0.2 to test on a fifth"
        )
    generator = _generator(seed)
    if time is not None:
        tested = _newest(_times(time, n=n), target=share * n)
    elif groups is not None:
        tested = _whole_groups(_codes(groups, name="groups", n=n), target=share * n, generator=generator)
    else:
        codes = np.zeros(n, dtype=np.int64) if stratify is None else _codes(stratify, name="stratify", n=n)
        tested = _shares(codes, share=share, generator=generator)
    return _holdout(tested, share=share)


def divide(
    n: int,
    *,
    share: float,
    seed: int,
    time: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    classes: ArrayLike | None = None,
) -> Holdout:
    """Divide n rows by the first of time, groups and classes that tells rows apart, else by chance: the one policy.

    Time guards best against leaks from the future, groups against rows that are alike. What is the same in all rows
    divides nothing, and is passed over. Parameters and errors are those of `holdout`, with `classes` to stratify by.

    Examples
    --------
    >>> divide(4, share=0.5, seed=0, time=[1, 1, 1, 1], groups=["a", "b", "a", "b"]).test.size
    2
    """
    if time is not None and _tells_apart(time):
        return holdout(n, share=share, seed=seed, time=time)
    if groups is not None and _tells_apart(groups):
        return holdout(n, share=share, seed=seed, groups=groups)
    return holdout(n, share=share, seed=seed, stratify=classes)


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
    _check_one_way(time=None, groups=groups, stratify=stratify)
    _check_rows(n)
    _check_folds(folds, limit=n, what="rows")
    generator = _generator(seed)
    if groups is not None:
        codes = _codes(groups, name="groups", n=n)
        sizes = np.bincount(codes)
        _check_folds(folds, limit=sizes.size, what="groups")
        return _balanced(sizes, folds=folds, generator=generator)[codes]
    # Dealt like cards, one class after another: even within each class and over all rows at once.
    order = np.empty(n, dtype=np.int32 if n < 2**31 else np.int64)
    order[generator.permutation(n)] = np.arange(n, dtype=order.dtype)
    if stratify is not None:
        classes = _classes(stratify, n=n)
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
    _check_rows(n)
    _check_folds(folds, limit=n, what="rows")
    distinct, place, counts = np.unique(_times(time, n=n), return_inverse=True, return_counts=True)
    if distinct.size == 1:
        raise FitError(
            f"blocks of time need at least two times, but all {n} rows have {distinct[0]}",
            advice="pass the column of the event's own time, or divide without `time`",
        )
    middle = np.cumsum(counts) - counts / 2
    block = np.unique(np.floor(middle / n * folds), return_inverse=True)[1]
    return block.astype(np.int16)[place]


def _newest(times: NDArray[Any], *, target: float) -> NDArray[np.bool_]:
    """Return which rows are newer than the cut that leaves nearest to `target` of them, shape (n,)."""
    distinct, counts = np.unique(times, return_counts=True)
    if distinct.size == 1:
        raise FitError(
            f"a division by time needs at least two times, but all {times.size} rows have {distinct[0]}",
            advice="pass the column of the event's own time, or divide without `time`",
        )
    newer = times.size - np.cumsum(counts)[:-1]
    cut = distinct[np.argmin(np.abs(newer - target))]
    return np.asarray(times > cut)


def _whole_groups(codes: Rows, *, target: float, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Return which rows are in the groups drawn, shape (n,): a group is left if it overshoots too far."""
    sizes = np.bincount(codes)
    if sizes.size == 1:
        raise FitError(
            f"a division by groups needs at least two groups, but all {codes.size} rows are in one",
            advice="pass a finer group, or divide without `groups`",
        )
    chosen = np.zeros(sizes.size, dtype=np.bool_)
    total = 0
    for group in generator.permutation(sizes.size).tolist():
        size = int(sizes[group])
        if abs(total + size - target) < abs(total - target):
            chosen[group] = True
            total += size
    if not chosen.any() or chosen.all():  # neither part may be empty: the least group makes the other
        chosen[np.argmin(sizes)] ^= True
    drawn: NDArray[np.bool_] = chosen[codes]
    return drawn


def _shares(codes: Rows, *, share: float, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Return which rows are drawn, shape (n,): in all and of each class `share`, to within one row."""
    sizes = np.bincount(codes)
    whole = np.floor(share * sizes).astype(np.int64)
    rest = int(share * codes.size + 0.5) - int(whole.sum())
    # By largest remainder, ties by chance: else classes of one row would be drawn by their order.
    remainders = share * sizes - whole
    ranked = np.lexsort((generator.permutation(sizes.size), -remainders))
    whole[ranked[:rest]] += 1
    order = np.lexsort((generator.permutation(codes.size), codes))
    starts = np.cumsum(sizes) - sizes
    place = np.arange(codes.size) - starts[codes[order]]
    drawn = np.empty(codes.size, dtype=np.bool_)
    drawn[order] = place < whole[codes[order]]
    return drawn


def _balanced(sizes: Rows, *, folds: int, generator: np.random.Generator) -> NDArray[np.int16]:
    """Return the fold of each group, shape (g,): largest first, to the fold smallest so far (Graham 1969)."""
    fold = np.empty(sizes.size, dtype=np.int16)
    filled = [(0, number) for number in range(folds)]
    for group in np.lexsort((generator.permutation(sizes.size), -sizes)).tolist():
        total, number = filled[0]
        fold[group] = number
        heapq.heapreplace(filled, (total + int(sizes[group]), number))
    return fold


def _holdout(tested: NDArray[np.bool_], *, share: float) -> Holdout:
    test, train = np.flatnonzero(tested), np.flatnonzero(~tested)
    if not test.size or not train.size:
        empty = "test" if not test.size else "train"
        raise FitError(
            f"a share of {share:g} of {tested.size} rows leaves the {empty} part empty",
            advice="use more rows, or a share nearer to one half",
        )
    return Holdout(train=train.astype(np.int64), test=test.astype(np.int64))


def _tells_apart(values: ArrayLike) -> bool:
    column = np.asarray(values)
    return column.size > 0 and bool((column != column[0]).any())


def _times(time: ArrayLike, *, n: int) -> NDArray[Any]:
    times = _column(time, name="time", n=n)
    if times.dtype.kind not in "iufM":
        raise FitError(
            f"time must hold numbers or datetime64, got dtype {times.dtype}",
            advice="parse the column to dates, times or numbers first",
        )
    return times


def _codes(values: ArrayLike, *, name: str, n: int) -> Rows:
    """Return a number from 0 for each distinct value, shape (n,)."""
    column = _column(values, name=name, n=n)
    try:
        codes: Rows = np.unique(column, return_inverse=True)[1].astype(np.int64)
    except TypeError as error:
        raise FitError(
            f"{name} must hold values of one type, got a mixture: {error}", advice="cast the column first"
        ) from error
    return codes


def _classes(values: ArrayLike, *, n: int) -> NDArray[Any]:
    """Return numbers that tell classes apart in their order, of a type that is sorted by radix if there are few."""
    array = np.asarray(values)
    if array.dtype == np.uint16 and array.shape == (n,):
        return array
    codes = _codes(array, name="stratify", n=n)
    return codes.astype(np.uint16) if codes.max() < 2**16 else codes


def _column(values: ArrayLike, *, name: str, n: int) -> NDArray[Any]:
    column = np.asarray(values)
    if column.shape != (n,):
        raise FitError(
            f"{name} must have shape ({n},), one value for each row, got {column.shape}",
            advice="take it from the frame that the rows are counted in",
        )
    missing = int(np.count_nonzero(_missing(column)))
    if missing:
        raise FitError(
            f"{name} must have a value in each row; {missing} of {n} are missing or not finite",
            advice="drop those rows, or fill them with a value of their own",
        )
    return column


def _missing(column: NDArray[Any]) -> NDArray[np.bool_]:
    if column.dtype.kind == "f":
        return ~np.isfinite(column.astype(np.float64, copy=False))
    if column.dtype.kind == "O":
        # Frames hand strings over as objects, with None or NaN for a null.
        return np.array([v is None or (isinstance(v, float) and math.isnan(v)) for v in column])
    return np.isnat(column) if column.dtype.kind in "mM" else np.zeros(column.shape, dtype=np.bool_)


def _check_rows(n: int) -> None:
    if n < 2:
        raise FitError(f"at least two rows are needed to divide them, got {n}", advice="use more rows")


def _check_folds(folds: int, *, limit: int, what: str) -> None:
    if limit < 2:
        raise FitError(
            f"folds need at least two {what}; those left to divide have {limit}",
            advice="name a group column of more values (a hold-out takes some of them), or none"
            if what == "groups"
            else "use more rows",
        )
    most = min(limit, np.iinfo(np.int16).max)
    if not isinstance(folds, int | np.integer) or not 2 <= folds <= most:
        raise ConfigError(
            f"folds must be a whole number from 2 to {most} for {limit} {what}, got {folds!r}",
            advice=f"use at most as many folds as there are {what}; 5 is usual",
        )


def _check_one_way(**ways: ArrayLike | None) -> None:
    given = [name for name, values in ways.items() if values is not None]
    if len(given) > 1:
        raise ConfigError(
            f"rows are divided by one of time, groups or stratify; got {' and '.join(given)}, which can "
            "contradict each other",
            advice=f"pass {' or '.join(given)} alone; time guards best against leaks from the future",
        )


def _generator(seed: int) -> np.random.Generator:
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise ConfigError(f"seed must be a non-negative whole number, got {seed!r}", advice="try 0")
    return np.random.default_rng(seed)
