"""Checks of what rows are divided by."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tabkit.errors import ConfigError, FitError

Rows: TypeAlias = NDArray[np.int64]
"""Row numbers or codes, shape (m,)."""


def tells_apart(values: ArrayLike) -> bool:
    """Return whether there are two values or more."""
    column = np.asarray(values)
    return column.size > 0 and bool((column != column[0]).any())


def times_of(time: ArrayLike, *, n: int) -> NDArray[Any]:
    """Return times once they are n numbers or dates without gaps."""
    times = _column(time, name="time", n=n)
    if times.dtype.kind not in "iufM":
        raise FitError(
            f"time must hold numbers or datetime64, got dtype {times.dtype}",
            advice="parse the column to dates, times or numbers first",
        )
    return times


def codes_of(values: ArrayLike, *, name: str, n: int) -> Rows:
    """Return a number from 0 for each distinct value, shape (n,)."""
    column = _column(values, name=name, n=n)
    try:
        codes: Rows = np.unique(column, return_inverse=True)[1].astype(np.int64)
    except TypeError as error:
        raise FitError(
            f"{name} must hold values of one type, got a mixture: {error}", advice="cast the column first"
        ) from error
    return codes


def classes_of(values: ArrayLike, *, n: int) -> NDArray[Any]:
    """Return numbers that tell classes apart in their order, of a type that is sorted by radix if there are few."""
    array = np.asarray(values)
    if array.dtype == np.uint16 and array.shape == (n,):
        return array
    codes = codes_of(array, name="stratify", n=n)
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


def check_rows(n: int) -> None:
    """Refuse fewer than two rows."""
    if n < 2:
        raise FitError(f"at least two rows are needed to divide them, got {n}", advice="use more rows")


def check_folds(folds: int, *, limit: int, what: str) -> None:
    """Refuse a number of folds that is none, or larger than the limit."""
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


def check_one_way(**ways: ArrayLike | None) -> None:
    """Refuse two ways to divide at once."""
    given = [name for name, values in ways.items() if values is not None]
    if len(given) > 1:
        raise ConfigError(
            f"rows are divided by one of time, groups or stratify; got {' and '.join(given)}, which can "
            "contradict each other",
            advice=f"pass {' or '.join(given)} alone; time guards best against leaks from the future",
        )


def generator_of(seed: int) -> np.random.Generator:
    """Return the generator of a seed, once it is one."""
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise ConfigError(f"seed must be a non-negative whole number, got {seed!r}", advice="try 0")
    return np.random.default_rng(seed)
