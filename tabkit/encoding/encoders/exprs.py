"""The fitted encoder of columns without levels: a few expressions that do not use the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from tabkit.encoding.input import Input
from tabkit.encoding.protocol import Encoder, Sql, Training
from tabkit.errors import ConfigError


@dataclass(frozen=True, slots=True, eq=False)
class FittedExprs:
    """Expressions of one column.

    Parameters
    ----------
    column
        What is encoded: `Input.name`.
    spec, frozen
        The specification that learns anew from other rows, and the one that makes the same features again.
    features
        The expressions, named.
    statements
        The same in SQL; None where SQL cannot say it.
    why
        Why this encoder was chosen.
    """

    column: str
    spec: Encoder
    frozen: Encoder
    features: tuple[pl.Expr, ...]
    outputs: tuple[str, ...]
    why: str
    statements: tuple[str, ...] | None = None
    levels: ClassVar[int | None] = None

    @property
    def kind(self) -> str:
        """The specification's."""
        return self.spec.kind

    def exprs(self, code: pl.Expr) -> list[pl.Expr]:  # noqa: ARG002  # the protocol's signature
        """Return the expressions."""
        return [expr.alias(name) for expr, name in zip(self.features, self.outputs, strict=True)]

    def training(self, rows: Training) -> list[pl.Series] | None:  # noqa: ARG002
        """Return None: `exprs` serves the rows of the fit too."""
        return None

    def sql(self, source: Input) -> Sql:
        """Return the statements."""
        if self.statements is None:
            raise ConfigError(
                f"{type(self.spec).__name__} of {source.name!r} cannot be written in SQL",
                advice="leave the column out, or encode it with the library",
            )
        return Sql(self.statements)
