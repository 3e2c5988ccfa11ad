"""Dates and datetimes: their calendar parts, as far as they vary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import polars as pl

from tabkit.encoding.drop import FittedDrop
from tabkit.encoding.protocol import FittedEncoder, Input, Statistics
from tabkit.errors import SchemaError
from tabkit.schema import Family
from tabkit.target import Target

_DATE_PARTS = ("year", "month", "day", "weekday")
_TIME_PARTS = ("hour", "minute")


@dataclass(frozen=True, slots=True)
class DateParts:
    """Year, month, day of the month, ISO weekday (Monday is 1), and of datetimes hour and minute.

    Times with a zone are taken in that zone. Parts that do not vary at the fit are left out; null stays null,
    and of a date that is either null or always the same the year stays, for its nulls.
    """

    families: ClassVar[frozenset[Family]] = frozenset({"date", "datetime"})
    needs_levels: ClassVar[bool] = False

    def scalars(self, column: Input) -> dict[str, pl.Expr]:
        """Ask for the range of each part."""
        parts = _DATE_PARTS + (_TIME_PARTS if column.family == "datetime" else ())
        lows = {f"low_{part}": _part(column.name, part).min() for part in parts}
        return lows | {f"high_{part}": _part(column.name, part).max() for part in parts}

    def finish(self, column: Input, found: Statistics, target: Target) -> FittedEncoder:  # noqa: ARG002
        """Keep the parts that vary."""
        parts = tuple(part for part in _DATE_PARTS + _TIME_PARTS if f"low_{part}" in found.scalars)
        if found.nulls == found.rows:
            return FittedDrop(column.name, "all null")
        kept = tuple(p for p in parts if found.scalars[f"low_{p}"] != found.scalars[f"high_{p}"])
        if not kept and not found.nulls:
            return FittedDrop(column.name, "constant")
        return FittedDateParts(column.name, kept or parts[:1])


@dataclass(frozen=True, slots=True)
class FittedDateParts:
    """The parts of one column that are features."""

    column: str
    parts: tuple[str, ...]
    kind: ClassVar[str] = "dates"
    levels: ClassVar[int | None] = None

    @property
    def outputs(self) -> tuple[str, ...]:
        """``column month`` and so on."""
        return tuple(f"{self.column} {part}" for part in self.parts)

    @property
    def why(self) -> str:
        """The reason is the type."""
        return "a date: its parts that vary"

    @property
    def spec(self) -> DateParts:
        """The same on other rows."""
        return DateParts()

    def exprs(self) -> list[pl.Expr]:
        """Return small integers, null where the date is."""
        return [_part(self.column, part).alias(f"{self.column} {part}") for part in self.parts]

    def cross_exprs(self, fold: pl.Expr) -> list[pl.Expr]:  # noqa: ARG002
        """Return the same: the target has no part in it."""
        return self.exprs()

    def unseen(self) -> pl.Expr | None:
        """Return None: dates have no levels."""
        return None

    def state(self) -> dict[str, Any]:
        """Return plain data."""
        return {"column": self.column, "parts": list(self.parts)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> FittedDateParts:
        """Rebuild what `state` gave; a part that this version does not know is refused."""
        unknown = set(state["parts"]) - set(_DATE_PARTS + _TIME_PARTS)
        if unknown:
            raise SchemaError(f"unknown date parts {sorted(unknown)}", advice="upgrade tabkit-ml")
        return cls(state["column"], tuple(state["parts"]))


def _part(column: str, part: str) -> pl.Expr:
    expr: pl.Expr = getattr(pl.col(column).dt, part)()
    return expr.cast(pl.Int32)
