"""Assign rows to folds for cross-fitting: by chance, by group, by time, or as given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit import splits
from tabkit.encoding.statistics import Floats, Integers
from tabkit.errors import ConfigError, FitError
from tabkit.schema import dtype_name, family


@dataclass(frozen=True, slots=True, eq=False)
class Folds:
    """The folds of n rows.

    Parameters
    ----------
    fold
        Shape (n,): numbers from 0, without gaps.
    count
        How many there are.
    past
        Whether they are blocks of time, each of which is encoded by earlier ones only.
    time
        Shape (n,): the rank of each row's time, equal times alike; None without a time.
    """

    fold: Integers
    count: int
    past: bool = False
    time: Integers | None = None


def divide(
    n: int,
    *,
    folds: int,
    seed: int,
    y: Sequence[Floats],
    is_class: bool,
    other: pl.DataFrame,
    given: NDArray[np.integer[Any]] | None,
    out_of_fold: bool = True,
) -> Folds:
    """Return the folds: as given, else by time, else by group, else by chance and even within each class.

    Parameters
    ----------
    y
        The targets, of which the first is spread evenly if `is_class`.
    other
        Columns ``groups`` and ``time``, as far as they are given.
    out_of_fold
        Whether rows are encoded by the others' folds. If not, values do not hang on the folds, and fewer rows or groups
        than folds will do.
    """
    ranks = _ranks(other["time"]) if "time" in other.columns else None
    if given is not None and other.columns:
        both = " and ".join(name for name in ("groups", "time") if name in other.columns)
        if both:
            raise ConfigError(
                f"folds are given, and {both} too: they can contradict each other", advice="give one of them"
            )
    if given is not None:
        fold = _given(given, n)
        return Folds(fold, int(fold.max()) + 1, time=ranks)
    if ranks is not None:
        fold = splits.time_blocks(n, folds=min(folds, n), time=ranks).astype(np.int64)
        return Folds(fold, int(fold.max()) + 1, past=True, time=ranks)
    if not y:  # nothing to hide from a row
        return Folds(np.zeros(n, dtype=np.int64), 1)
    groups, classes = None, None
    if "groups" in other.columns:
        groups = _codes(other["groups"])
    elif is_class:
        classes = y[0].astype(np.uint16)  # the index of a class
    lots = n if groups is None else int(groups.max(initial=-1)) + 1
    if lots < folds and not out_of_fold:
        return Folds(np.arange(n) % folds, folds)
    return Folds(splits.kfold(n, folds=folds, seed=seed, groups=groups, stratify=classes), folds)


def _given(given: NDArray[np.integer[Any]], n: int) -> Integers:
    fold = np.asarray(given)
    if fold.shape != (n,) or fold.dtype.kind not in "iu" or fold.min() < 0:
        raise ConfigError(
            f"folds have shape {fold.shape} and type {fold.dtype}; "
            f"one whole number from 0 for each of the {n:,} rows was expected",
            advice="make them with tabkit.splits.kfold",
        )
    distinct, numbered = np.unique(fold, return_inverse=True)
    if len(distinct) < 2:
        raise ConfigError("folds put all rows in one fold; at least two were expected")
    return numbered.astype(np.int64)


def _ranks(time: pl.Series) -> Integers:
    if family(time.dtype) not in ("number", "date", "datetime", "time", "duration"):
        raise FitError(
            f"the time is {dtype_name(time.dtype)}: dates, times or numbers were expected", advice="parse the column"
        )
    _refuse_missing(time, "time")
    return time.rank("dense").cast(pl.Int64).to_numpy() - 1


def _codes(groups: pl.Series) -> Integers:
    _refuse_missing(groups, "group")
    return groups.rank("dense").cast(pl.Int64).to_numpy() - 1


def _refuse_missing(values: pl.Series, what: str) -> None:
    missing = values.null_count() + (int(values.is_nan().sum()) if values.dtype.is_float() else 0)
    if missing:
        raise FitError(
            f"the {what} is null in {missing:,} of {len(values):,} rows", advice="fill it, or leave these out"
        )
