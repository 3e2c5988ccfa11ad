"""Scale numbers by mean and standard deviation, or by median and quartiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, sqrt
from typing import ClassVar

import polars as pl

from tabkit.encoding.aim import Aim
from tabkit.encoding.encoders.drop import dropped
from tabkit.encoding.encoders.exprs import FittedExprs
from tabkit.encoding.encoders.numeric import NUMBERS, Infinite, check_options, constant, number, number_sql, ranges
from tabkit.encoding.encoders.quantiles import quantile
from tabkit.encoding.input import Input
from tabkit.encoding.protocol import Encoder, FittedEncoder, Need, Scalars, Statistics, pool_scalars
from tabkit.encoding.sql import quoting
from tabkit.errors import ConfigError
from tabkit.schema import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardScale:
    """Subtract the weighted mean and divide by the weighted standard deviation (without Bessel's correction).

    Null stays null. Booleans count as 0 and 1, durations and times of day as seconds.

    Parameters
    ----------
    infinite
        ``error`` refuses infinite numbers at the fit, ``null`` takes them for missing, then and later.
    center, scale
        What is subtracted and divided by, if they are known beforehand.
    """

    infinite: Infinite = "error"
    center: float | None = None
    scale: float | None = None
    kind: ClassVar[str] = "standard"
    families: ClassVar[frozenset[Family]] = NUMBERS
    needs: ClassVar[frozenset[Need]] = frozenset()

    def __post_init__(self) -> None:
        check_options(self)
        check_numbers(self.center, self.scale)

    def scalars(self, column: Input, weight: pl.Expr) -> dict[str, pl.Expr]:
        """Ask for the range and the moments."""
        value = number(column, infinite=self.infinite)
        own = pl.when(value.is_not_null()).then(weight).otherwise(0.0)
        mean = pl.when(own.sum() > 0).then((own * value).sum() / own.sum())
        moments = {"mass": own.sum(), "mean": mean, "scatter": (own * (value - mean) ** 2).sum()}
        return ranges(column, self.infinite) | moments

    def pool(self, parts: Sequence[Scalars]) -> Scalars:
        """Pool by name, and the moments as Chan, Golub and LeVeque (1983, eq. 2.1) do."""
        pooled = dict(pool_scalars(parts))
        known = [part for part in parts if part["mass"]]
        if known:
            mean = sum(part["mass"] * part["mean"] for part in known) / pooled["mass"]
            between = sum(part["mass"] * (part["mean"] - mean) ** 2 for part in known)
            pooled |= {"mean": mean, "scatter": sum(part["scatter"] for part in known) + between}
        return pooled

    def finish(self, column: Input, found: Statistics, aims: tuple[Aim, ...]) -> FittedEncoder:  # noqa: ARG002
        """Keep the column unless it never varies."""
        center, scale = self.center, self.scale
        if center is None or scale is None:
            flat = constant(found)
            if flat:
                return dropped(column, flat)
            facts = found.scalars
            deviation = sqrt(facts["scatter"] / facts["mass"]) if facts["mass"] else 0.0
            center = (facts["mean"] if facts["mass"] else 0.0) if center is None else center
            scale = deviation if scale is None else scale
        return scaled(column, self, replace(self, center=center, scale=scale), center, scale, self.infinite)


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustScale:
    """Subtract the median and divide by the distance of the quartiles; rows count alike, whatever their weight.

    A quantile is the least number that so many rows do not exceed (Hyndman and Fan 1996, type 1). Where the
    quartiles are equal the standard is the range. Null stays null.

    Parameters
    ----------
    infinite
        ``error`` refuses infinite numbers at the fit, ``null`` takes them for missing, then and later.
    low, high
        The quantiles whose distance is the unit.
    center, scale
        What is subtracted and divided by, if they are known beforehand.
    """

    infinite: Infinite = "error"
    low: float = 0.25
    high: float = 0.75
    center: float | None = None
    scale: float | None = None
    kind: ClassVar[str] = "robust"
    families: ClassVar[frozenset[Family]] = NUMBERS
    needs: ClassVar[frozenset[Need]] = frozenset({"values"})

    def __post_init__(self) -> None:
        check_options(self)
        check_numbers(self.center, self.scale)
        if not 0 <= self.low < self.high <= 1:
            raise ConfigError(f"low and high are {self.low!r} and {self.high!r}: 0 <= low < high <= 1 was expected")

    def scalars(self, column: Input, weight: pl.Expr) -> dict[str, pl.Expr]:  # noqa: ARG002
        """Ask for the range."""
        return ranges(column, self.infinite)

    def pool(self, parts: Sequence[Scalars]) -> Scalars:
        """Pool by name."""
        return pool_scalars(parts)

    def finish(self, column: Input, found: Statistics, aims: tuple[Aim, ...]) -> FittedEncoder:  # noqa: ARG002
        """Keep the column unless it never varies."""
        center, scale = self.center, self.scale
        if center is None or scale is None:
            flat = constant(found)
            if flat or found.values is None:
                return dropped(column, flat or "all null")
            low, middle, high = quantile(found.values, [self.low, 0.5, self.high])
            spread = high - low or found.scalars["high"] - found.scalars["low"]
            center, scale = middle if center is None else center, spread if scale is None else scale
        return scaled(column, self, replace(self, center=center, scale=scale), center, scale, self.infinite)


def check_numbers(*numbers: float | None) -> None:
    """Refuse a centre or scale that is no finite number."""
    for value in numbers:
        if value is not None and (isinstance(value, bool | str) or not isfinite(value)):
            raise ConfigError(f"center or scale is {value!r}: a finite number was expected")


def scaled(
    column: Input, spec: Encoder, frozen: Encoder, center: float, scale: float, infinite: Infinite
) -> FittedEncoder:
    """Return the fitted encoder; a scale of 0 leaves the distance from the centre as it is."""
    unit = scale or 1.0
    expr = (number(column, infinite=infinite) - center) / unit
    sql = f"(({number_sql(column, infinite=infinite)}) - {quoting.number(center)}) / {quoting.number(unit)}"
    why = f"({column.name} - {center:g}) / {unit:g}"
    return FittedExprs(column.name, spec, frozen, (expr,), (f"{column.name} {spec.kind}",), why, (sql,))
