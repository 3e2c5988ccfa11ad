"""What an encoder is: a frozen specification that asks for statistics, and a fitted one that is data.

Fitting is one pass. Every specification says which aggregates of its column it needs: scalar expressions,
or the target's statistics by level and fold. The table encoder reads all of them together (see `survey`) and
hands each specification its own. The fitted encoder holds only numbers and small frames, and gives Polars
expressions made from them: nothing is looked up in Python, and nothing but data needs saving.

Training rows and new rows are encoded by two different methods on purpose. `cross_exprs` gives each training
row a value that its own fold had no part in; `exprs` uses all rows and is for data that was not fitted on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import polars as pl

from tabkit.encoding.levels import LevelStatistics
from tabkit.schema import Family, family
from tabkit.target import Target


@dataclass(frozen=True, slots=True)
class Input:
    """A column that is to be encoded: its name and its Polars type."""

    name: str
    dtype: pl.DataType

    @property
    def family(self) -> Family:
        """The kind of values it holds."""
        return family(self.dtype)


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the pass over the data found for one column.

    Parameters
    ----------
    rows
        Rows of the fit.
    nulls
        Null (or NaN) values among them.
    scalars
        The results of the specification's scalar expressions, by name.
    levels
        The target's statistics by level and fold, if the specification asked for them.
    """

    rows: int
    nulls: int
    scalars: Mapping[str, Any] = field(default_factory=dict)
    levels: LevelStatistics | None = None


class FittedEncoder(Protocol):
    """A fitted encoder of one column. Implementations are frozen dataclasses."""

    kind: ClassVar[str]

    @property
    def column(self) -> str:
        """The source column."""
        ...

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the features it makes, in order; empty if the column is left out."""
        ...

    @property
    def why(self) -> str:
        """One clause that says why this encoder was chosen."""
        ...

    @property
    def levels(self) -> int | None:
        """How many levels it knows; None if it does not work by level."""
        ...

    @property
    def spec(self) -> Encoder:
        """The specification that makes this kind of encoder again on other rows."""
        ...

    def exprs(self) -> list[pl.Expr]:
        """Return one expression per output, for rows that were not fitted on."""
        ...

    def cross_exprs(self, fold: pl.Expr) -> list[pl.Expr]:
        """Return one expression per output, for the rows of the fit: out of fold where the target is used."""
        ...

    def unseen(self) -> pl.Expr | None:
        """Return a boolean expression that is true where the level is new; None if levels do not matter."""
        ...

    def state(self) -> dict[str, Any]:
        """Return plain data and frames from which `from_state` of the same class rebuilds the encoder."""
        ...

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> FittedEncoder:
        """Rebuild what `state` gave."""
        ...


class Encoder(Protocol):
    """A specification: frozen, without data."""

    @property
    def families(self) -> frozenset[Family]:
        """The kinds of columns it takes."""
        ...

    @property
    def needs_levels(self) -> bool:
        """Whether it needs the target's statistics by level and fold."""
        ...

    def scalars(self, column: Input) -> dict[str, pl.Expr]:
        """Return the aggregates that it needs, by name; each gives one value."""
        ...

    def finish(self, column: Input, found: Statistics, target: Target) -> FittedEncoder:
        """Make the fitted encoder from what the pass found."""
        ...
