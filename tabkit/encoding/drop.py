"""Columns that are left out, with the reason: part of the plan, and not needed at scoring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, get_args

import polars as pl

from tabkit.encoding.protocol import FittedEncoder, Input, Statistics
from tabkit.schema import Family
from tabkit.target import Target


@dataclass(frozen=True, slots=True)
class Drop:
    """Leave a column out, whatever it holds; `why` is what the plan says."""

    why: str = "left out by choice"
    families: ClassVar[frozenset[Family]] = frozenset(get_args(Family))
    needs_levels: ClassVar[bool] = False

    def scalars(self, column: Input) -> dict[str, pl.Expr]:  # noqa: ARG002  # the protocol's signature
        """Ask for nothing."""
        return {}

    def finish(self, column: Input, found: Statistics, target: Target) -> FittedEncoder:  # noqa: ARG002
        """Leave the column out."""
        return FittedDrop(column.name, self.why)


@dataclass(frozen=True, slots=True)
class FittedDrop:
    """A column that makes no feature; `why` says for what reason."""

    column: str
    why: str
    kind: ClassVar[str] = "drop"
    outputs: ClassVar[tuple[str, ...]] = ()
    levels: ClassVar[int | None] = None

    @property
    def spec(self) -> Drop:
        """Leave it out again."""
        return Drop(self.why)

    def exprs(self) -> list[pl.Expr]:
        """Return no expression."""
        return []

    def cross_exprs(self, fold: pl.Expr) -> list[pl.Expr]:  # noqa: ARG002  # the protocol's signature
        """Return no expression."""
        return []

    def unseen(self) -> pl.Expr | None:
        """Return None: nothing is read."""
        return None

    def state(self) -> dict[str, Any]:
        """Return plain data."""
        return {"column": self.column, "why": self.why}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> FittedDrop:
        """Rebuild what `state` gave."""
        return cls(**state)
