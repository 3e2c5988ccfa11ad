"""Columns that are left out, with the reason: part of the plan, and not needed at scoring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import polars as pl


@dataclass(frozen=True, slots=True)
class FittedDrop:
    """A column that makes no feature; `why` says for what reason."""

    column: str
    why: str
    kind: ClassVar[str] = "drop"
    outputs: ClassVar[tuple[str, ...]] = ()
    levels: ClassVar[int | None] = None

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
