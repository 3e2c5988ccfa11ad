"""One column as an axis: its positions, its cuts, and codes on which rules are exact.

A page works with codes of one byte. Of numbers and times a code says between which two cuts a value lies; bounds of
rules are always cuts, so that counting codes gives the same as comparing values. Of other columns it is the level.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dashboards.explorer import times
from dashboards.explorer.decimals import plain, short, steps
from dashboards.explorer.scale import Floats, Scale
from tabkit.predicates import Condition, Levels, Not, Null, Range
from tabkit.predicates.exprs import comparable, missing_expr
from tabkit.schema import family

Family = Literal["number", "duration", "date", "datetime", "text", "boolean"]
Codes: TypeAlias = NDArray[np.uint8]

MOST_CODES = 250
"""Cuts or levels of an axis, so that a code with null fits into a byte."""
_DAY = 86_400e6  # microseconds, as Polars counts


@dataclass(frozen=True, slots=True)
class Cut:
    """A place where rules may begin or end.

    Parameters
    ----------
    value
        What is compared: a number (days since 1970 of a date, microseconds of a datetime, seconds of a duration).
    after
        Whether the cut lies just above the value, so that the value itself is below it.
    """

    value: float
    after: bool = False

    @property
    def edge(self) -> float:
        """The least value above the cut."""
        return float(np.nextafter(self.value, np.inf)) if self.after else self.value


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """One column as the page shows it.

    Parameters
    ----------
    key
        How the page calls it: never the column's own name, which might be anything.
    name, dtype, family
        The column, its Polars type as text, and what kind of values it holds.
    scale
        Of numbers and times; None for levels.
    cuts
        Of numbers and times, rising.
    levels
        Of other columns, from the bottom to the top; `other` stands for all further ones.
    other
        How many further levels there are, 0 for none.
    nulls
        How many rows are null or NaN.
    usefulness
        How well the column alone tells the target; see `tabkit.rules.usefulness`.
    """

    key: str
    name: str
    dtype: str
    family: Family
    scale: Scale | None = None
    cuts: tuple[Cut, ...] = ()
    levels: tuple[str | bool, ...] = ()
    other: int = 0
    nulls: int = 0
    usefulness: float = 0.0

    @property
    def null_code(self) -> int:
        """The code of null and NaN."""
        return len(self.cuts) + 1 if self.scale is not None else len(self.levels) + 1

    def codes(self, column: pl.Series) -> Codes:
        """Return the code of each row, shape (n,)."""
        if self.scale is not None:
            values = numbers(column)
            found = np.searchsorted([cut.edge for cut in self.cuts], values, side="right")
            return np.where(np.isnan(values), self.null_code, found).astype(np.uint8)
        names = column.cast(pl.String) if self.family == "text" else column
        index = pl.Series(range(len(self.levels)), dtype=pl.UInt8)
        kept = pl.Series(self.levels, dtype=pl.String if self.family == "text" else pl.Boolean)
        level = names.replace_strict(kept, index, default=len(self.levels), return_dtype=pl.UInt8).fill_null(0)
        return np.where(names.is_null().to_numpy(), self.null_code, level.to_numpy()).astype(np.uint8)

    def places(self, column: pl.Series) -> Floats:
        """Return the place of each row between 0 and 1, shape (n,); NaN for null."""
        if self.scale is not None:
            return self.scale.places(numbers(column))
        codes = self.codes(column).astype(np.float64)
        return np.where(codes == self.null_code, np.nan, (codes + 0.5) / self.slots)

    @property
    def slots(self) -> int:
        """How many places there are for levels."""
        return max(1, len(self.levels) + (1 if self.other else 0))

    def bound(self, value: float) -> int | float | str:
        """Return the value of a cut as a rule in JSON has it: a number, or a date as text."""
        if self.family == "date":
            return times.moment(value * _DAY).date().isoformat()
        return times.moment(value).isoformat() if self.family == "datetime" else plain(value)

    def text(self, value: float) -> str:
        """Return the value of a cut as the text of a rule has it."""
        return str(times.moment(value)) if self.family == "datetime" else str(self.bound(value))

    def ticks(self, *, most: int = 8) -> list[tuple[float, str]]:
        """Return places with labels for numbers and times; levels label themselves."""
        scale = self.scale
        if scale is None:
            return []
        if self.family in ("date", "datetime"):
            unit = _DAY if self.family == "date" else 1.0
            found = times.ticks(scale.low * unit, scale.high * unit, most=most)
            return [(float(scale.places(np.array([at / unit]))[0]), name) for at, name in found]
        name = times.span if self.family == "duration" else short
        values = _round_values(scale, most=most)
        if self.dtype.startswith(("Int", "UInt")):
            values = [value for value in values if value.is_integer()]
        return [(float(at), name(value)) for at, value in zip(scale.places(np.array(values)), values, strict=True)]


def numbers(column: pl.Series) -> Floats:
    """Return a column of numbers or times as Float64, NaN for null, shape (n,); see `Cut.value` for the units."""
    frame = column.alias("x").to_frame()
    values = frame.select(comparable("x", column.dtype)).to_series()
    if family(column.dtype) in ("date", "datetime"):
        values = values.to_physical()
    return values.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def missing(column: pl.Series) -> int:
    """Return how many rows are null or NaN."""
    return int(column.alias("x").to_frame().select(missing_expr("x", column.dtype).sum()).item())


def number_of(bound: object) -> float:
    """Return a bound of a rule as the number that cuts are made of.

    >>> number_of(dt.date(1970, 1, 3)), number_of(2)
    (2.0, 2.0)
    """
    if isinstance(bound, dt.datetime):
        return times.micros(bound)
    if isinstance(bound, dt.date):
        return times.micros(dt.datetime(bound.year, bound.month, bound.day)) / _DAY
    return float(bound)  # type: ignore[arg-type]  # a number: rules hold nothing else


def cuts_of(conditions: Iterable[Condition], kind: Family) -> list[Cut]:
    """Return the cuts at which conditions on one column of numbers or times begin and end."""
    cuts: list[Cut] = []
    for condition in conditions:
        inner = condition.condition if isinstance(condition, Not) else condition
        if isinstance(inner, Range):
            for bound, after in ((inner.ge, False), (inner.lt, False), (inner.gt, True), (inner.le, True)):
                if bound is not None:
                    cuts.append(Cut(_scaled(bound, kind), after))
        elif isinstance(inner, Levels):
            cuts += [Cut(_scaled(level, kind), after) for level in inner.levels for after in (False, True)]
    return cuts


def named_levels(conditions: Iterable[Condition]) -> list[str | bool | int | float | dt.date]:
    """Return the levels that conditions on one column name."""
    inner = [condition.condition if isinstance(condition, Not) else condition for condition in conditions]
    return [level for condition in inner if isinstance(condition, Levels) for level in condition.levels]


def conditions_on(name: str, conditions: Sequence[Condition]) -> list[Condition]:
    """Return the conditions on one column that name values."""
    return [c for c in conditions if c.column == name and not isinstance(c, Null)]


def _scaled(bound: object, kind: Family) -> float:
    value = number_of(bound)
    plain_date = isinstance(bound, dt.date) and not isinstance(bound, dt.datetime)
    return value * _DAY if kind == "datetime" and plain_date else value


def _round_values(scale: Scale, *, most: int) -> list[float]:
    if scale.kind == "linear":
        return steps(scale.low, scale.high, most=most)
    low, high = (
        int(np.floor(np.log10(max(scale.unit / 10, 1e-12)))),
        int(np.ceil(np.log10(max(abs(scale.high), 1e-12)))),
    )
    if scale.kind == "log":
        low = int(np.floor(np.log10(scale.low)))
    factors = (1, 2, 5) if high - low <= most // 3 else (1,)
    powers = [float(f"{factor}e{power}") for power in range(low, high + 1) for factor in factors]
    both = powers if scale.kind == "log" else [*(-p for p in reversed(powers)), 0.0, *powers]
    inside = [value for value in both if scale.low <= value <= scale.high]
    return inside[:: max(1, -(-len(inside) // most))] or [scale.low, scale.high]
