"""The default choice: an encoder by the kind of column and the number of its levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from tabkit.encoding.dates import DateParts
from tabkit.encoding.drop import FittedDrop
from tabkit.encoding.numeric import Infinite, Numeric
from tabkit.encoding.onehot import OneHot
from tabkit.encoding.protocol import Encoder, FittedEncoder, Input, Statistics
from tabkit.encoding.target import Smoothing, Target
from tabkit.errors import FitError
from tabkit.schema import Family
from tabkit.target import Target as TargetColumn


@dataclass(frozen=True, slots=True)
class AutoText:
    """Text: one-hot up to `max_onehot` levels, above that the smoothed mean of the target.

    Text in which no level repeats tells nothing about new rows and is left out.
    """

    max_onehot: int = 10
    smoothing: Smoothing = "auto"
    families: ClassVar[frozenset[Family]] = frozenset({"text"})
    needs_levels: ClassVar[bool] = True

    def scalars(self, column: Input) -> dict[str, pl.Expr]:  # noqa: ARG002
        """Ask for nothing beside the levels."""
        return {}

    def finish(self, column: Input, found: Statistics, target: TargetColumn) -> FittedEncoder:
        """Choose by what was found."""
        if found.levels is None:
            raise FitError(f"the encoder of {column.name!r} is chosen by its levels")
        levels = len(found.levels.levels)
        if levels > self.max_onehot and found.levels.total().rows[:-1].max() <= 1:
            return FittedDrop(column.name, f"looks like an identifier: {levels:,} levels, none repeats")
        chosen: Encoder = OneHot() if levels <= self.max_onehot else Target(smoothing=self.smoothing)
        return chosen.finish(column, found, target)


def choose(column: Input, *, max_onehot: int, smoothing: Smoothing, infinite: Infinite) -> Encoder | None:
    """Return the default encoder of a column; None for a kind that cannot be encoded or is all null."""
    if column.family == "text":
        return AutoText(max_onehot=max_onehot, smoothing=smoothing)
    options: tuple[Encoder, ...] = (Numeric(infinite=infinite), DateParts())
    return next((encoder for encoder in options if column.family in encoder.families), None)
