"""Numbers, booleans, durations and times of day: passed on as Float64, nulls kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import polars as pl

from tabkit.encoding.aim import Aim
from tabkit.encoding.encoders.drop import dropped
from tabkit.encoding.encoders.exprs import FittedExprs
from tabkit.encoding.input import Input
from tabkit.encoding.protocol import Encoder, FittedEncoder, Need, Scalars, Statistics, pool_scalars
from tabkit.encoding.sql import quoting
from tabkit.errors import ConfigError
from tabkit.schema import Family

Infinite = Literal["error", "null"]
NUMBERS: frozenset[Family] = frozenset({"number", "boolean", "duration", "time"})
"""The kinds of columns that can be read as one number."""


@dataclass(frozen=True, slots=True)
class Numeric:
    """Pass a number on as it is; NaN counts as null, and null stays null.

    Booleans become 0 and 1, durations and times of day seconds. A column without variation is left out.

    Parameters
    ----------
    infinite
        ``error`` refuses infinite numbers at the fit, ``null`` takes them for missing, then and later.
    keep
        Keep the column even if it does not vary.
    """

    infinite: Infinite = "error"
    keep: bool = False
    kind: ClassVar[str] = "numeric"
    families: ClassVar[frozenset[Family]] = NUMBERS
    needs: ClassVar[frozenset[Need]] = frozenset()

    def __post_init__(self) -> None:
        check_options(self)

    def scalars(self, column: Input, weight: pl.Expr) -> dict[str, pl.Expr]:  # noqa: ARG002
        """Ask for the range, and for infinities, which the table encoder refuses."""
        return ranges(column, self.infinite)

    def pool(self, parts: Sequence[Scalars]) -> Scalars:
        """Pool by name."""
        return pool_scalars(parts)

    def finish(self, column: Input, found: Statistics, aims: tuple[Aim, ...]) -> FittedEncoder:  # noqa: ARG002
        """Keep the column unless it never varies."""
        flat = None if self.keep else constant(found)
        if flat:
            return dropped(column, flat)
        return FittedExprs(
            column.name,
            Numeric(self.infinite),
            Numeric(self.infinite, keep=True),
            (number(column, infinite=self.infinite),),
            (column.name,),
            {
                "boolean": "a boolean",
                "duration": "a length of time, in seconds",
                "time": "a time of day, in seconds",
            }.get(column.family, "a number"),
            (number_sql(column, infinite=self.infinite),),
        )


def check_options(spec: Encoder) -> None:
    """Refuse words and flags that a specification does not know, wherever it has them."""
    infinite = getattr(spec, "infinite", "error")
    if infinite not in ("error", "null"):
        raise ConfigError(f"infinite is {infinite!r}: 'error' or 'null' was expected")
    for name in ("keep", "cyclic", "append"):
        value = getattr(spec, name, False)
        if not isinstance(value, bool):
            raise ConfigError(f"{name} is {value!r}: true or false was expected")


def ranges(column: Input, infinite: Infinite) -> dict[str, pl.Expr]:
    """Return the aggregates that show whether a number varies."""
    value = number(column, infinite=infinite)
    return {
        "low": value.min(),
        "high": value.max(),
        "missing": value.null_count(),
        "infinite": value.is_infinite().sum(),
    }


def constant(found: Statistics) -> str | None:
    """Return why a number cannot tell rows apart, or None if it can."""
    low, high = found.scalars["low"], found.scalars["high"]
    if low is None:
        return "all null"
    return f"constant ({low:g})" if low == high and not found.scalars["missing"] else None


def number(column: Input, *, infinite: Infinite = "error") -> pl.Expr:
    """Return the column as Float64 with NaN, and by choice infinities, turned into null."""
    expr = pl.col(column.name)
    if column.family == "time":
        expr = expr.cast(pl.Duration("ns"))
    if column.family in ("duration", "time"):
        expr = expr.dt.total_seconds(fractional=True)  # no cast of durations: nanoseconds end after 292 years
    value = expr.cast(pl.Float64).fill_nan(None)
    if infinite == "null":
        value = pl.when(value.is_finite()).then(value)
    return value.alias(column.name)


def number_sql(column: Input, *, infinite: Infinite = "error") -> str:
    """Return `number` in SQL."""
    name = quoting.column(column.name)
    if column.family == "duration":
        return f"(extract(epoch FROM {name}))::DOUBLE"
    if column.family == "time":
        return f"(extract(epoch FROM {name}))::DOUBLE"
    value = f"{name}::DOUBLE"
    wild = f"isnan({value})" + (f" OR isinf({value})" if infinite == "null" else "")
    return f"CASE WHEN {wild} THEN NULL ELSE {value} END" if column.family == "number" else value
