"""Columns as small integer codes: bins of numbers and times, frequent levels of text, and missing values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.predicates import Bound, Condition, Level, Levels, Not, Null, Range
from tabkit.predicates.exprs import comparable, missing_expr
from tabkit.rules.cuts import cut
from tabkit.rules.goal import Mask
from tabkit.schema import dtype_name, family

Codes: TypeAlias = NDArray[np.unsignedinteger[Any]]
Rows: TypeAlias = NDArray[np.int64]

_ORDERED = ("number", "date", "datetime", "duration")
_NAMED = ("text", "boolean")


@dataclass(frozen=True, slots=True, eq=False)
class BinnedColumn:
    """A column as integer codes of bins or levels.

    Parameters
    ----------
    column
        Its name.
    codes
        Shape (n,), from 0 to `groups` - 1. Of an ordered column the bins, ascending, then missing values; of levels
        the levels, all others, then missing values.
    cuts
        Of an ordered column: where each bin but the first begins. Durations in seconds.
    levels
        Of the others: what the first codes stand for.
    ordered
        Which of the two it is.
    """

    column: str
    codes: Codes
    cuts: tuple[Bound, ...]
    levels: tuple[Level, ...]
    ordered: bool

    @property
    def groups(self) -> int:
        """The number of codes, including the last one, for missing values."""
        return len(self.cuts) + 2 if self.ordered else len(self.levels) + 2

    @property
    def named(self) -> int:
        """How many of the first codes a condition can refer to."""
        return len(self.cuts) + 1 if self.ordered else len(self.levels)

    def condition(self, member: Mask) -> Condition:
        """Return the condition of some codes, of shape (groups,).

        These are missing values alone, all but missing values, neighbouring bins, or levels: of most of them, those
        left out are named; a level that comes later is inside, and null never is.

        >>> axis = BinnedColumn("age", np.zeros(1, dtype=np.uint8), (30, 45), (), True)
        >>> axis.condition(np.array([False, True, False, False]))
        Range(column='age', ge=30, gt=None, le=None, lt=45, null=False)
        >>> axis.condition(np.array([True, True, True, False]))
        Not(condition=Null(column='age'))
        """
        if member[-1]:
            return Null(column=self.column)
        inside = np.flatnonzero(member)
        if inside.size == self.groups - 1:
            return Not(Null(column=self.column))
        if not self.ordered:
            return self._levels(member)
        low, high = int(inside[0]), int(inside[-1])
        # The first and the last bin have no outer end: new data may lie beyond the sample's.
        return Range(
            column=self.column,
            ge=self.cuts[low - 1] if low else None,
            lt=self.cuts[high] if high < len(self.cuts) else None,
        )

    def _levels(self, member: Mask) -> Condition:
        """Name the levels inside or, where these are fewer and every level is known, the others."""
        inside = tuple(level for level, found in zip(self.levels, member, strict=False) if found)
        outside = tuple(level for level, found in zip(self.levels, member, strict=False) if not found)
        seen = np.bincount(self.codes, minlength=self.groups)
        if len(inside) <= len(outside) or seen[-2]:
            return Levels(column=self.column, levels=inside)
        if not outside:
            return Not(Null(column=self.column))
        return Not(Levels(column=self.column, levels=outside, null=True))


@dataclass(frozen=True, slots=True)
class Axes:
    """The binned columns, and the columns that cannot be binned.

    Parameters
    ----------
    found
        In the order of the columns.
    constant
        Columns with one value, or none, in the rows.
    unusable
        Columns that no condition can be on, with their types or what else is the matter.
    """

    found: tuple[BinnedColumn, ...]
    constant: tuple[str, ...]
    unusable: tuple[tuple[str, str], ...]


def axes(
    frame: pl.DataFrame, columns: Sequence[str], *, rows: Rows | None, bins: int, most_levels: int, slack: float = 0.0
) -> Axes:
    """Bin the columns.

    Parameters
    ----------
    frame
        The rows. Null and NaN are missing values; infinite ones are in the outer bins.
    columns
        Those that are meant. Lists, structs, binary data, times of day and objects cannot be used.
    rows
        The positions of n rows of them, by which bins and levels are chosen too; None for all.
    bins, slack
        See `tabkit.rules.cuts.cut`.
    most_levels
        How many levels, the most frequent ones, have a code of their own.

    Examples
    --------
    >>> frame = pl.DataFrame({"age": [20, 30, None, 40], "job": ["a", "b", "b", None], "tags": [["x"]] * 4})
    >>> found = axes(frame, frame.columns, rows=None, bins=20, most_levels=1)
    >>> [(axis.column, axis.codes.tolist(), axis.cuts, axis.levels) for axis in found.found]
    [('age', [0, 1, 3, 2], (30, 40), ()), ('job', [1, 0, 0, 2], (), ('b',))]
    >>> found.unusable
    (('tags', 'List(String)'),)
    """
    binned: list[BinnedColumn] = []
    constant: list[str] = []
    unusable: list[tuple[str, str]] = []
    schema = frame.schema  # made anew at each access
    for column in columns:
        dtype = schema[column]
        if not column or column == "*" or (column.startswith("^") and column.endswith("$")):
            unusable.append((column, "a name that Polars reads as a pattern"))
            continue
        if family(dtype) not in (*_ORDERED, *_NAMED, "null"):
            unusable.append((column, dtype_name(dtype)))
            continue
        series = frame[column]
        try:
            axis = _axis(series if rows is None else series[rows], bins=bins, most_levels=most_levels, slack=slack)
        except (ArithmeticError, pl.exceptions.PolarsError, pl.exceptions.PanicException):  # years beyond all calendars
            unusable.append((column, f"{dtype_name(dtype)} out of range"))
            continue
        if axis is None:
            constant.append(column)
        else:
            binned.append(axis)
    return Axes(tuple(binned), tuple(constant), tuple(unusable))


def _axis(series: pl.Series, *, bins: int, most_levels: int, slack: float) -> BinnedColumn | None:
    kind = family(series.dtype)
    if kind == "null" or series.null_count() == len(series):
        return None
    plain = pl.DataFrame([series.alias("value")])
    missing = plain.select(missing_expr("value", series.dtype)).to_series().to_numpy().astype(np.bool_)
    axis = (
        _ordered(plain, missing, series.name, bins=bins, slack=slack)
        if kind in _ORDERED
        else _leveled(plain, missing, series.name, most_levels=most_levels)
    )
    return axis if np.count_nonzero(np.bincount(axis.codes, minlength=1)) > 1 else None


def _ordered(plain: pl.DataFrame, missing: Mask, name: str, *, bins: int, slack: float) -> BinnedColumn:
    dtype = plain.schema["value"]
    values = plain.select(comparable("value", dtype)).to_series().to_physical().cast(pl.Float64).to_numpy().copy()
    values[missing] = np.nan
    bounds, cuts = cut(values, bins=bins, slack=slack, kind=family(dtype), whole=dtype.is_integer())
    codes = np.searchsorted(cuts, values, side="right")
    codes[missing] = len(cuts) + 1
    return BinnedColumn(name, _small(codes, len(cuts) + 2), bounds, (), True)


def _leveled(plain: pl.DataFrame, missing: Mask, name: str, *, most_levels: int) -> BinnedColumn:
    text = plain["value"].cast(pl.String)
    counts = text.drop_nulls().value_counts(name="rows").sort(["rows", "value"], descending=[True, False])
    kept = counts["value"].head(most_levels).to_list()
    others = len(kept)
    codes = text.replace_strict(kept, list(range(others)), default=others, return_dtype=pl.Int64).to_numpy().copy()
    codes[missing] = others + 1
    boolean = plain.schema["value"] == pl.Boolean
    levels = tuple(level == "true" for level in kept) if boolean else tuple(kept)
    return BinnedColumn(name, _small(codes, others + 2), (), levels, False)


def _small(codes: NDArray[np.int64], groups: int) -> Codes:
    return codes.astype(np.uint8 if groups <= 256 else np.uint32)
