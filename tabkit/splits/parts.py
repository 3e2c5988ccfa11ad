"""Divide rows into those to fit on and those to test on: by time, group, class or chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tabkit.errors import ConfigError, FitError
from tabkit.splits.inputs import Rows, check_one_way, check_rows, codes_of, generator_of, tells_apart, times_of

Way = Literal["time", "group", "class", "chance"]
"""What rows are divided by."""


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
    check_one_way(time=time, groups=groups, stratify=stratify)
    check_rows(n)
    if not 0 < share < 1:
        raise ConfigError(
            f"share must lie strictly between 0 and 1, got {share!r}", advice="write 0.2 to test on a fifth"
        )
    generator = generator_of(seed)
    if time is not None:
        tested = _newest(times_of(time, n=n), target=share * n)
    elif groups is not None:
        tested = _whole_groups(codes_of(groups, name="groups", n=n), target=share * n, generator=generator)
    else:
        codes = np.zeros(n, dtype=np.int64) if stratify is None else codes_of(stratify, name="stratify", n=n)
        tested = _shares(codes, share=share, generator=generator)
    return _holdout(tested, share=share)


def way_of(*, time: ArrayLike | None = None, groups: ArrayLike | None = None, classes: ArrayLike | None = None) -> Way:
    """Return by which of what is known rows are divided: the one policy for all rooms.

    By time where rows differ in it, for that guards best against leaks from the future; else by groups, whose rows are
    alike; else by chance, within classes if there are any. What is the same in all rows divides nothing.

    Examples
    --------
    >>> way_of(time=[1, 1, 1], groups=["a", "b", "a"]), way_of(time=[1, 1], groups=["a", "a"], classes=[0, 1])
    ('group', 'class')
    """
    if time is not None and tells_apart(time):
        return "time"
    if groups is not None and tells_apart(groups):
        return "group"
    return "chance" if classes is None else "class"


def divide(
    n: int,
    *,
    share: float,
    seed: int,
    time: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    classes: ArrayLike | None = None,
) -> Holdout:
    """Divide n rows as `way_of` says.

    Parameters and errors are those of `holdout`, with `classes` to stratify by.

    Examples
    --------
    >>> divide(4, share=0.5, seed=0, time=[1, 1, 1, 1], groups=["a", "b", "a", "b"]).test.size
    2
    """
    way = way_of(time=time, groups=groups, classes=classes)
    return holdout(
        n,
        share=share,
        seed=seed,
        time=time if way == "time" else None,
        groups=groups if way == "group" else None,
        stratify=classes if way in ("class", "chance") else None,
    )


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


def _holdout(tested: NDArray[np.bool_], *, share: float) -> Holdout:
    test, train = np.flatnonzero(tested), np.flatnonzero(~tested)
    if not test.size or not train.size:
        empty = "test" if not test.size else "train"
        raise FitError(
            f"a share of {share:g} of {tested.size} rows leaves the {empty} part empty",
            advice="use more rows, or a share nearer to one half",
        )
    return Holdout(train=train.astype(np.int64), test=test.astype(np.int64))
