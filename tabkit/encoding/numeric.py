"""Numbers, booleans, durations and times of day: passed on as Float64, nulls kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import polars as pl

from tabkit.encoding.drop import FittedDrop
from tabkit.encoding.protocol import FittedEncoder, Input, Statistics
from tabkit.schema import Family
from tabkit.target import Target

Unit = Literal["number", "boolean", "duration", "time"]
Infinite = Literal["error", "null"]


@dataclass(frozen=True, slots=True)
class Numeric:
    """Pass a number on as it is; NaN counts as null, and null stays null.

    Booleans become 0 and 1, durations and times of day seconds. A column without variation is left out.

    Parameters
    ----------
    infinite
        ``error`` refuses infinite numbers at the fit, ``null`` takes them for missing, then and later.
    """

    infinite: Infinite = "error"
    families: ClassVar[frozenset[Family]] = frozenset({"number", "boolean", "duration", "time"})
    needs_levels: ClassVar[bool] = False

    def scalars(self, column: Input) -> dict[str, pl.Expr]:
        """Ask for the range, and for infinities, which the table encoder refuses."""
        value = number(column.name, unit_of(column), infinite=self.infinite)
        return {
            "low": value.min(),
            "high": value.max(),
            "missing": value.null_count(),
            "infinite": value.is_infinite().sum(),
        }

    def finish(self, column: Input, found: Statistics, target: Target) -> FittedEncoder:  # noqa: ARG002
        """Keep the column unless it never varies."""
        low, high = found.scalars["low"], found.scalars["high"]
        if low is None:
            return FittedDrop(column.name, "all null")
        if low == high and not found.scalars["missing"]:
            return FittedDrop(column.name, f"constant ({low:g})")
        return FittedNumeric(column.name, unit_of(column), self.infinite)


@dataclass(frozen=True, slots=True)
class FittedNumeric:
    """A number passed on."""

    column: str
    unit: Unit
    infinite: Infinite = "error"
    kind: ClassVar[str] = "numeric"
    levels: ClassVar[int | None] = None

    @property
    def outputs(self) -> tuple[str, ...]:
        """The column's own name."""
        return (self.column,)

    @property
    def why(self) -> str:
        """The reason is the type."""
        return {
            "number": "a number",
            "boolean": "a boolean",
            "duration": "a length of time, in seconds",
            "time": "a time of day, in seconds",
        }[self.unit]

    @property
    def spec(self) -> Numeric:
        """The same on other rows."""
        return Numeric(infinite=self.infinite)

    def exprs(self) -> list[pl.Expr]:
        """Return the number as Float64."""
        return [number(self.column, self.unit, infinite=self.infinite)]

    def cross_exprs(self, fold: pl.Expr) -> list[pl.Expr]:  # noqa: ARG002
        """Return the same: the target has no part in it."""
        return self.exprs()

    def unseen(self) -> pl.Expr | None:
        """Return None: numbers have no levels."""
        return None

    def state(self) -> dict[str, Any]:
        """Return plain data."""
        return {"column": self.column, "unit": self.unit, "infinite": self.infinite}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> FittedNumeric:
        """Rebuild what `state` gave."""
        return cls(**state)


def unit_of(column: Input) -> Unit:
    """Return how a column becomes a number."""
    units: dict[Family, Unit] = {"boolean": "boolean", "duration": "duration", "time": "time"}
    return units.get(column.family, "number")


def number(column: str, unit: Unit, *, infinite: Infinite = "error") -> pl.Expr:
    """Return the column as Float64 with NaN, and by choice infinities, turned into null."""
    expr = pl.col(column)
    if unit == "time":
        expr = expr.cast(pl.Duration("ns"))
    if unit in ("duration", "time"):
        expr = expr.dt.total_seconds(fractional=True)  # no cast of durations: nanoseconds end after 292 years
    value = expr.cast(pl.Float64).fill_nan(None)
    if infinite == "null":
        value = pl.when(value.is_finite()).then(value)
    return value.alias(column)
