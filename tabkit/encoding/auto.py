"""The default choice: an encoder by the kind of column and the number of its levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from tabkit.encoding.aim import Aim
from tabkit.encoding.encoders.dates import DateParts
from tabkit.encoding.encoders.drop import dropped
from tabkit.encoding.encoders.frequency import Frequency
from tabkit.encoding.encoders.numeric import Infinite, Numeric
from tabkit.encoding.encoders.onehot import OneHot
from tabkit.encoding.encoders.target import Target
from tabkit.encoding.input import Input
from tabkit.encoding.protocol import Encoder, FittedEncoder, Need, Scalars, Statistics, pool_scalars
from tabkit.encoding.smoothing import Smoothing, check_smoothing
from tabkit.errors import ConfigError, FitError
from tabkit.schema import Family


@dataclass(frozen=True, slots=True)
class AutoText:
    """Text: one-hot up to `max_onehot` levels, above that the smoothed mean of the target.

    Without a target, levels above that are encoded by how often they occur. Text in which no level repeats tells
    nothing about new rows and is left out.
    """

    max_onehot: int = 10
    smoothing: Smoothing = "auto"
    kind: ClassVar[str] = "auto_text"
    families: ClassVar[frozenset[Family]] = frozenset({"text"})
    needs: ClassVar[frozenset[Need]] = frozenset({"levels"})

    def __post_init__(self) -> None:
        check_smoothing(self.smoothing)
        if not isinstance(self.max_onehot, int) or self.max_onehot < 0:
            raise ConfigError(f"max_onehot is {self.max_onehot!r}: a whole number from 0 was expected")

    def scalars(self, column: Input, weight: pl.Expr) -> dict[str, pl.Expr]:  # noqa: ARG002
        """Ask for nothing beside the levels."""
        return {}

    def pool(self, parts: Sequence[Scalars]) -> Scalars:
        """Pool by name."""
        return pool_scalars(parts)

    def finish(self, column: Input, found: Statistics, aims: tuple[Aim, ...]) -> FittedEncoder:
        """Choose by what was found."""
        if found.levels is None:
            raise FitError(f"the encoder of {column.name!r} is chosen by its levels")
        levels, rows = len(found.levels.levels), found.levels.rows[:-1].sum(axis=1)
        if levels > self.max_onehot and rows.max() <= 1:
            return dropped(column, f"looks like an identifier: {levels:,} levels, none repeats")
        many: Encoder = Target(smoothing=self.smoothing) if aims else Frequency()
        return (OneHot() if levels <= self.max_onehot else many).finish(column, found, aims)


def choose(column: Input, *, max_onehot: int, smoothing: Smoothing, infinite: Infinite) -> Encoder | None:
    """Return the default encoder of a column; None for a kind that cannot be encoded or is all null."""
    if column.family == "text":
        return AutoText(max_onehot=max_onehot, smoothing=smoothing)
    options: tuple[Encoder, ...] = (Numeric(infinite=infinite), DateParts())
    return next((encoder for encoder in options if column.family in encoder.families), None)
