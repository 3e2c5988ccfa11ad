"""Durations and times of day: whole days, and the hours, minutes and seconds beyond them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import polars as pl

from tabkit.encoding.aim import Aim
from tabkit.encoding.encoders.circle import circle, circle_sql
from tabkit.encoding.encoders.drop import dropped
from tabkit.encoding.encoders.exprs import FittedExprs
from tabkit.encoding.encoders.numeric import check_options, number, number_sql
from tabkit.encoding.encoders.parts import checked, flat, ranges, varying
from tabkit.encoding.input import Input
from tabkit.encoding.protocol import FittedEncoder, Need, Scalars, Statistics, pool_scalars
from tabkit.schema import Family

# seconds in one, and after how many it comes round
_PARTS: dict[str, tuple[int, int | None]] = {
    "days": (86_400, None),
    "hours": (3_600, 24),
    "minutes": (60, 60),
    "seconds": (1, 60),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DurationParts:
    """Whole days, and the whole hours, minutes and seconds beyond them; of negative durations all are 0 or less.

    Parts that do not vary at the fit are left out; null stays null. `Numeric` gives the same as one number of seconds.

    Parameters
    ----------
    parts
        Which of days, hours, minutes and seconds.
    cyclic
        Give hours, minutes and seconds as pairs, ``sin`` and ``cos`` of their angle.
    keep
        Keep parts even if they do not vary.
    """

    parts: tuple[str, ...] = tuple(_PARTS)
    cyclic: bool = False
    keep: bool = False
    kind: ClassVar[str] = "durations"
    families: ClassVar[frozenset[Family]] = frozenset({"duration", "time"})
    needs: ClassVar[frozenset[Need]] = frozenset()

    def __post_init__(self) -> None:
        check_options(self)
        object.__setattr__(self, "parts", checked(self.parts, tuple(_PARTS), what="duration"))

    def scalars(self, column: Input, weight: pl.Expr) -> dict[str, pl.Expr]:  # noqa: ARG002
        """Ask for the range of each part."""
        return ranges({part: _part(column, part) for part in self.parts})

    def pool(self, parts: Sequence[Scalars]) -> Scalars:
        """Pool by name."""
        return pool_scalars(parts)

    def finish(self, column: Input, found: Statistics, aims: tuple[Aim, ...]) -> FittedEncoder:  # noqa: ARG002
        """Keep the parts that vary."""
        parts = self.parts
        if not self.keep:
            parts = varying(parts, found)
            if not parts:
                return dropped(column, flat(found, otherwise="constant"))
        features, statements = _features(column, parts, cyclic=self.cyclic)
        return FittedExprs(
            column.name,
            self,
            replace(self, parts=parts, keep=True),
            tuple(features.values()),
            tuple(features),
            "a duration: its parts that vary",
            tuple(statements),
        )


def _features(column: Input, parts: Sequence[str], *, cyclic: bool) -> tuple[dict[str, pl.Expr], list[str]]:
    features: dict[str, pl.Expr] = {}
    statements = []
    for part in parts:
        expr, sql, period = _part(column, part), _part_sql(column, part), _PARTS[part][1]
        if cyclic and period is not None:
            for name, wave in circle(expr, period, 0).items():
                features[f"{column.name} {part} {name}"] = wave
            statements += circle_sql(sql, period, 0)
        else:
            features[f"{column.name} {part}"] = expr
            statements.append(sql)
    return features, statements


def _part(column: Input, part: str) -> pl.Expr:
    unit, period = _PARTS[part]
    whole = (number(column) / unit).truncate()
    return whole if period is None else whole - (whole / period).truncate() * period


def _part_sql(column: Input, part: str) -> str:
    unit, period = _PARTS[part]
    whole = f"trunc({number_sql(column)} / {unit})"
    return whole if period is None else f"({whole} - trunc({whole} / {period}) * {period})"
