"""Dates and datetimes: their calendar parts, as far as they vary, as numbers or as points on a circle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import polars as pl

from tabkit.encoding.aim import Aim
from tabkit.encoding.encoders.circle import circle, circle_sql
from tabkit.encoding.encoders.drop import dropped
from tabkit.encoding.encoders.exprs import FittedExprs
from tabkit.encoding.encoders.numeric import check_options
from tabkit.encoding.encoders.parts import checked, flat, ranges, varying
from tabkit.encoding.input import Input
from tabkit.encoding.protocol import FittedEncoder, Need, Scalars, Statistics, pool_scalars
from tabkit.encoding.sql import quoting
from tabkit.errors import ConfigError
from tabkit.schema import Family

# period and first value of each part; a year does not come round
_PERIODS: dict[str, tuple[int, int] | None] = {
    "year": None,
    "quarter": (4, 1),
    "month": (12, 1),
    "week": (53, 1),
    "day": (31, 1),
    "ordinal_day": (366, 1),
    "weekday": (7, 1),
    "hour": (24, 0),
    "minute": (60, 0),
    "second": (60, 0),
    "days": None,
}
_DATE_PARTS = ("year", "month", "day", "weekday")
_TIME_PARTS = ("hour", "minute")
_OF_TIME = ("hour", "minute", "second")
_SQL = {"ordinal_day": "doy", "weekday": "isodow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DateParts:
    """Year, month, day of the month, ISO weekday (Monday is 1), and of datetimes hour and minute.

    Times with a zone are taken in that zone. Parts that do not vary at the fit are left out; null stays null,
    and of a date that is either null or always the same the first part stays, for its nulls.

    Parameters
    ----------
    parts
        Which parts, of year, quarter, month, week (ISO), day, ordinal_day (1 to 366), weekday, hour, minute,
        second, and days (since 1970-01-01). None takes those above.
    cyclic
        Give each part that comes round as a pair, ``sin`` and ``cos`` of its angle, so that December is near January.
    keep
        Keep parts even if they do not vary.
    """

    parts: tuple[str, ...] | None = None
    cyclic: bool = False
    keep: bool = False
    kind: ClassVar[str] = "dates"
    families: ClassVar[frozenset[Family]] = frozenset({"date", "datetime"})
    needs: ClassVar[frozenset[Need]] = frozenset()

    def __post_init__(self) -> None:
        check_options(self)
        if self.parts is None:
            return
        object.__setattr__(self, "parts", checked(self.parts, tuple(_PERIODS), what="date"))

    def scalars(self, column: Input, weight: pl.Expr) -> dict[str, pl.Expr]:  # noqa: ARG002
        """Ask for the range of each part."""
        return ranges({part: _part(column.name, part) for part in self._parts(column)})

    def pool(self, parts: Sequence[Scalars]) -> Scalars:
        """Pool by name."""
        return pool_scalars(parts)

    def finish(self, column: Input, found: Statistics, aims: tuple[Aim, ...]) -> FittedEncoder:  # noqa: ARG002
        """Keep the parts that vary."""
        parts = self._parts(column)
        if not self.keep:
            parts = varying(parts, found)
            if not parts:
                return dropped(column, flat(found, otherwise="constant"))
        frozen = replace(self, parts=parts, keep=True)
        features, statements = _features(column, parts, cyclic=self.cyclic)
        return FittedExprs(
            column.name,
            self,
            frozen,
            tuple(features.values()),
            tuple(features),
            "a date: its parts that vary",
            tuple(statements),
        )

    def _parts(self, column: Input) -> tuple[str, ...]:
        if self.parts is None:
            return _DATE_PARTS + (_TIME_PARTS if column.family == "datetime" else ())
        if column.family == "date" and set(self.parts) & set(_OF_TIME):
            raise ConfigError(
                f"{column.name!r} is a date without time of day: it has no {', '.join(_OF_TIME)}",
                advice="leave these parts out",
            )
        return self.parts


def _features(column: Input, parts: Sequence[str], *, cyclic: bool) -> tuple[dict[str, pl.Expr], list[str]]:
    features: dict[str, pl.Expr] = {}
    statements = []
    for part in parts:
        expr, sql, period = _part(column.name, part), _part_sql(column, part), _PERIODS[part]
        if cyclic and period is not None:
            for name, wave in circle(expr, *period).items():
                features[f"{column.name} {part} {name}"] = wave
            statements += circle_sql(sql, *period)
        else:
            features[f"{column.name} {part}"] = expr
            statements.append(sql)
    return features, statements


def _part(column: str, part: str) -> pl.Expr:
    date = pl.col(column).dt
    # no `epoch`: of times with a zone it counts the days of UTC
    expr: pl.Expr = date.date() if part == "days" else getattr(date, part)()
    return expr.cast(pl.Int32)


def _part_sql(column: Input, part: str) -> str:
    name, zone = quoting.column(column.name), getattr(column.dtype, "time_zone", None)
    if zone:
        name = f"({name} AT TIME ZONE {quoting.text(zone)})"
    if part == "days":
        return f"date_diff('day', DATE '1970-01-01', {name}::DATE)"
    return f"extract({_SQL.get(part, part)} FROM {name})::INTEGER"
