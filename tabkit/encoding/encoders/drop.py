"""Columns that are left out, with the reason; scoring does not need them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, get_args

import polars as pl

from tabkit.encoding.aim import Aim
from tabkit.encoding.encoders.exprs import FittedExprs
from tabkit.encoding.input import Input
from tabkit.encoding.protocol import FittedEncoder, Need, Scalars, Statistics, pool_scalars
from tabkit.schema import Family


@dataclass(frozen=True, slots=True)
class Drop:
    """Leave a column out, whatever it holds; `why` is what the plan says."""

    why: str = "left out by choice"
    kind: ClassVar[str] = "drop"
    families: ClassVar[frozenset[Family]] = frozenset(get_args(Family))
    needs: ClassVar[frozenset[Need]] = frozenset()

    def scalars(self, column: Input, weight: pl.Expr) -> dict[str, pl.Expr]:  # noqa: ARG002  # the protocol's signature
        """Ask for nothing."""
        return {}

    def pool(self, parts: Sequence[Scalars]) -> Scalars:
        """Pool by name."""
        return pool_scalars(parts)

    def finish(self, column: Input, found: Statistics, aims: tuple[Aim, ...]) -> FittedEncoder:  # noqa: ARG002
        """Leave the column out."""
        return dropped(column, self.why)


def dropped(column: Input, why: str) -> FittedEncoder:
    """Return the fitted encoder of a column that makes no feature."""
    return FittedExprs(column.name, Drop(why), Drop(why), (), (), why, ())
