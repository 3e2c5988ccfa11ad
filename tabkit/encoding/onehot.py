"""One-hot columns for text with few levels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import polars as pl

from tabkit.encoding.drop import FittedDrop
from tabkit.encoding.levels import Levels, LevelStatistics
from tabkit.encoding.protocol import FittedEncoder, Input, Statistics
from tabkit.errors import FitError
from tabkit.schema import Family
from tabkit.target import Target


@dataclass(frozen=True, slots=True)
class OneHot:
    """One 0/1 column per level, named ``column=level``; null has its own if there was any at the fit.

    A level never seen at the fit is zero everywhere.
    """

    families: ClassVar[frozenset[Family]] = frozenset({"text"})
    needs_levels: ClassVar[bool] = True

    def scalars(self, column: Input) -> dict[str, pl.Expr]:  # noqa: ARG002
        """Ask for nothing beside the levels."""
        return {}

    def finish(self, column: Input, found: Statistics, target: Target) -> FittedEncoder:  # noqa: ARG002
        """Keep every level found."""
        if found.levels is None:
            raise FitError(f"one-hot encoding of {column.name!r} needs its levels")
        levels = found.levels.levels
        if len(levels) == 0:
            return FittedDrop(column.name, "all null")
        if len(levels) == 1 and not found.nulls:
            return FittedDrop(column.name, f"constant ({levels.names[0]!r})")
        return FittedOneHot(column.name, found.levels)


@dataclass(frozen=True, slots=True, eq=False)
class FittedOneHot:
    """Known levels of one column, with the target's statistics by level: not needed here, but what a merge needs."""

    column: str
    statistics: LevelStatistics
    kind: ClassVar[str] = "onehot"

    @property
    def known(self) -> Levels:
        """The levels that have a column."""
        return self.statistics.levels

    @property
    def levels(self) -> int:
        """How many levels have a column."""
        return len(self.known)

    @property
    def outputs(self) -> tuple[str, ...]:
        """One name per level, then null's."""
        names = tuple(f"{self.column}={level}" for level in self.known.names)
        return (*names, f"{self.column} is null") if self.statistics.rows[-1].any() else names

    @property
    def why(self) -> str:
        """The reason is the number of levels."""
        return f"text with {len(self.known)} levels"

    @property
    def spec(self) -> OneHot:
        """The same on other rows."""
        return OneHot()

    def exprs(self) -> list[pl.Expr]:
        """Return UInt8 columns, never null."""
        code = self.known.code(self.column)
        return [(code == i).cast(pl.UInt8).alias(name) for i, name in enumerate(self.outputs)]

    def cross_exprs(self, fold: pl.Expr) -> list[pl.Expr]:  # noqa: ARG002
        """Return the same: the target has no part in it."""
        return self.exprs()

    def unseen(self) -> pl.Expr | None:
        """Return true where the level has no column."""
        return self.known.unseen(self.column)

    def state(self) -> dict[str, Any]:
        """Return plain data and the statistics as a frame."""
        folds = self.statistics.rows.shape[1]
        return {"column": self.column, "folds": folds, "frames": {"statistics": self.statistics.to_frame()}}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> FittedOneHot:
        """Rebuild what `state` gave."""
        return cls(state["column"], LevelStatistics.from_frame(state["frames"]["statistics"], folds=state["folds"]))
