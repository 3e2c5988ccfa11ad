"""The protocol of encoders: a frozen specification that asks for statistics, and a fitted encoder that is plain data.

Fitting is one pass. Every specification says which statistics of its column it needs: scalar expressions, the
target's statistics by level and fold, or how often each number occurs. The table encoder reads all of them
together (see `survey`) and hands each specification its own. All of them can be merged, so that fitting on
parts and merging gives what one fit gives. A fitted encoder holds numbers and small frames, and gives Polars
expressions made from them: nothing is looked up in Python, and nothing but data needs saving.

Training rows and new rows are encoded by two different methods on purpose. `training` gives each row of the fit
a value that its own target had no part in; `exprs` uses all rows and is for data that was not fitted on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import polars as pl

from tabkit.encoding.aim import Aim
from tabkit.encoding.input import Input
from tabkit.encoding.statistics import Floats, Integers, LevelStatistics
from tabkit.schema import Family

Need = Literal["levels", "values"]
Scalars = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the pass over the data found for one encoder.

    Parameters
    ----------
    rows
        Rows of the fit (fewer after decay: a number, not always whole).
    nulls
        Null (or NaN) values among them.
    scalars
        The results of the specification's scalar expressions, by name.
    levels
        The targets' statistics by level and fold, if the specification needs levels.
    values
        How often each number occurs (``value``, rising, and ``rows``), if the specification needs values.
    """

    rows: float
    nulls: float
    scalars: Scalars = field(default_factory=dict)
    levels: LevelStatistics | None = None
    values: pl.DataFrame | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """The n rows of a fit, as an encoder of levels sees them.

    Parameters
    ----------
    code
        Shape (n,): the row's level, or the number of levels for null.
    fold
        Shape (n,): the row's fold, from 0.
    past
        Whether folds are blocks of time, each of which may be encoded by earlier ones only.
    y, weight
        For each aim, shape (n,): the target as numbers (a multiclass one as the index of the class), and the
        weight of 0 or more with which the row counts for this aim (None for ones).
    time
        Shape (n,): the rank of the row's time, from 0, equal times alike; None where no time was given.
    grouped
        Whether groups were given: rows of one group must not encode each other.
    seed
        For encoders that shuffle.
    """

    code: Integers
    fold: Integers
    past: bool
    y: tuple[Floats, ...]
    weight: tuple[Floats | None, ...]
    time: Integers | None
    grouped: bool
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Sql:
    """One encoder in SQL: an expression per output, or a look-up table.

    Parameters
    ----------
    exprs
        Expressions of the source's columns; with `levels` there are none.
    levels
        The n levels of a look-up table.
    values
        Shape (n + 2, outputs): the values of the levels, of null and of the unseen; NaN is null.
    refuse_null, refuse_unseen
        Whether null, or a level that is not in the table, is an error.
    """

    exprs: tuple[str, ...]
    levels: pl.Series | None = None
    values: Floats | None = None
    refuse_null: bool = False
    refuse_unseen: bool = False


class FittedEncoder(Protocol):
    """A fitted encoder of one column, or of several crossed. Implementations are frozen dataclasses."""

    @property
    def kind(self) -> str:
        """The name of its specification in a saved state."""
        ...

    @property
    def column(self) -> str:
        """What is encoded: `Input.name`."""
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
        """The specification that makes this kind of encoder again, learned anew from other rows."""
        ...

    @property
    def frozen(self) -> Encoder:
        """The specification that makes the same features from any rows: what an update keeps."""
        ...

    def exprs(self, code: pl.Expr) -> list[pl.Expr]:
        """Return one expression per output, for rows that were not fitted on.

        `code` is the level of each row, see `Levels`; encoders that need no levels do not look at it.
        """
        ...

    def training(self, rows: Training) -> list[pl.Series] | None:
        """Return one series per output, for the rows of the fit; None if `exprs` serves them too."""
        ...

    def sql(self, source: Input) -> Sql:
        """Return the mapping of `exprs` as DuckDB's SQL, or raise a `ConfigError` where it cannot be said in SQL."""
        ...


class Encoder(Protocol):
    """A specification: frozen, without data."""

    kind: ClassVar[str]

    @property
    def families(self) -> frozenset[Family]:
        """The kinds of columns it takes."""
        ...

    @property
    def needs(self) -> frozenset[Need]:
        """What it needs beside scalars."""
        ...

    def scalars(self, column: Input, weight: pl.Expr) -> dict[str, pl.Expr]:
        """Return the aggregates that it needs, by name; each gives one value. `weight` is the rows' weight."""
        ...

    def pool(self, parts: Sequence[Scalars]) -> Scalars:
        """Return the scalars of the rows of all parts together; `pool_scalars` does it for most encoders."""
        ...

    def finish(self, column: Input, found: Statistics, aims: tuple[Aim, ...]) -> FittedEncoder:
        """Make the fitted encoder from what the pass found; there are no aims in a fit without a target."""
        ...


def pool_scalars(parts: Sequence[Scalars]) -> Scalars:
    """Pool aggregates by their names: ``low...`` by the least, ``high...`` by the greatest, all others by their sum.

    >>> pool_scalars([{"low": 1, "high": 5, "wild": 2}, {"low": None, "high": 7, "wild": 1}])
    {'low': 1, 'high': 7, 'wild': 3}
    """
    return {name: _reduce(name, [part[name] for part in parts]) for name in parts[0]}


def _reduce(name: str, values: Sequence[Any]) -> Any:
    known = [value for value in values if value is not None]
    if not known:
        return None
    if name.startswith("low"):
        return min(known)
    return max(known) if name.startswith("high") else np.sum(known).item()
