"""One-hot columns for text with few levels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import polars as pl

from tabkit.encoding.aim import Aim
from tabkit.encoding.encoders.drop import dropped
from tabkit.encoding.encoders.lookup import LevelEncoder, Unseen, declared_levels, group, refusing
from tabkit.encoding.input import Input, shown
from tabkit.encoding.levels import KnownLevels
from tabkit.encoding.protocol import FittedEncoder, Sql, Statistics, Training
from tabkit.encoding.statistics import Integers, LevelStatistics
from tabkit.errors import FitError

_MOST = 1000  # more columns than this are a mistake, and would fill memory


@dataclass(frozen=True, slots=True, kw_only=True)
class OneHot(LevelEncoder):
    """One 0/1 column per level, named ``column=level``, then one for rare levels and one for null if there are any.

    Parameters
    ----------
    rare
        Levels with fewer rows than this (a number from 1, or a share below 1) go to ``column is other``.
    unseen
        ``other`` puts a level never seen there too, or is 0 everywhere if no level was rare; ``prior`` is 0
        everywhere, ``null`` null everywhere, ``error`` refuses it.
    null
        ``level`` gives null a column of its own, ``column is null``, if there was any at the fit; the rest as above.
    levels
        The levels that have a column, if they are known beforehand; all others are rare.
    """

    unseen: Unseen = "other"
    levels: tuple[str, ...] | None = None
    extra: tuple[str, ...] | None = None
    kind: ClassVar[str] = "onehot"

    def __post_init__(self) -> None:
        LevelEncoder.__post_init__(self)
        object.__setattr__(self, "levels", declared_levels(self.levels))
        if self.extra is not None:
            object.__setattr__(self, "extra", tuple(self.extra))

    @property
    def declared(self) -> tuple[str, ...]:
        """The given levels."""
        return self.levels or ()

    def finish(self, column: Input, found: Statistics, aims: tuple[Aim, ...]) -> FittedEncoder:
        """Keep every level that is not rare."""
        statistics = self.levels_of(column, found, aims)
        flat = self.flat(found, statistics) if self.extra is None else None
        if flat:
            return dropped(column, flat)
        frozen = self.freeze(statistics)
        columns = len(frozen.levels or ())
        if columns > _MOST:
            raise FitError(
                f"one-hot encoding of {column.name!r} would make {columns:,} columns",
                advice="group rare levels with OneHot(rare=100), or encode by Target() or Frequency()",
            )
        return FittedOneHot(column.name, self, frozen, statistics)

    def freeze(self, statistics: LevelStatistics) -> Self:
        """Keep the columns as they are."""
        if self.extra is not None:
            return self
        kept = self.levels
        if kept is None:
            kept = tuple(group(statistics, self.rare)[0].names.to_list())
        rows = statistics.rows.sum(axis=1)
        known = KnownLevels(pl.Series(kept, dtype=pl.String)).places(statistics.levels)[:-1] < len(kept)
        is_other, is_null = bool(rows[:-1][~known].any()), bool(rows[-1])
        is_other |= is_null and self.null == "other"
        extra = ("other",) * is_other + ("null",) * (is_null and self.null == "level")
        return replace(self, levels=kept, extra=extra)


@dataclass(frozen=True, slots=True, eq=False)
class FittedOneHot:
    """The levels of one column that have a column of their own, with the statistics of all."""

    column: str
    spec: OneHot
    frozen: OneHot
    statistics: LevelStatistics

    @property
    def kind(self) -> str:
        """The specification's."""
        return self.spec.kind

    @property
    def levels(self) -> int:
        """How many levels were seen."""
        return len(self.statistics.levels)

    @property
    def outputs(self) -> tuple[str, ...]:
        """One name per level, then other's, then null's."""
        names = tuple(f"{self.column}={shown(level)}" for level in self.frozen.levels or ())
        return names + tuple(f"{self.column} is {what}" for what in self.frozen.extra or ())

    @property
    def why(self) -> str:
        """The reason is the number of levels."""
        rare = self.levels - len(self.frozen.levels or ())
        return f"{self.levels:,} levels" + (f", {rare:,} of them rare" if rare > 0 else "")

    def exprs(self, code: pl.Expr) -> list[pl.Expr]:
        """Return UInt8 columns, null only where that was asked for."""
        place, checked = self._places(), refusing(self.column, self.frozen, code, levels=self.levels)
        if not np.array_equal(place, np.arange(len(place))):
            checked = pl.lit(pl.Series(place, dtype=pl.Int32)).gather(checked)
        nulls = checked == -1
        columns = [(checked == i).cast(pl.UInt8) for i in range(len(self.outputs))]
        if (place == -1).any():
            columns = [pl.when(~nulls).then(column) for column in columns]
        return [column.alias(name) for column, name in zip(columns, self.outputs, strict=True)]

    def training(self, rows: Training) -> list[pl.Series] | None:  # noqa: ARG002
        """Return None: the target has no part in it."""
        return None

    def sql(self, source: Input) -> Sql:  # noqa: ARG002
        """Return the indicators as a look-up table."""
        place = self._places()
        values = (place[:, None] == np.arange(len(self.outputs))).astype(np.float64)
        values[place == -1] = np.nan
        return Sql((), self.statistics.levels.names, values, self.frozen.null == "error", self.frozen.unseen == "error")

    def _places(self) -> Integers:
        """Return for each code which output is 1: a number past the last for none, -1 for null everywhere."""
        kept, extra = self.frozen.levels or (), self.frozen.extra or ()
        none = len(kept) + len(extra)
        at = {name: len(kept) + i for i, name in enumerate(extra)}
        place = KnownLevels(pl.Series(kept, dtype=pl.String)).places(self.statistics.levels)[:-1]
        place = np.where(place < len(kept), place, at.get("other", none))
        rules = {
            "level": at.get("null", none),
            "other": at.get("other", none),
            "prior": none,
            "null": -1,
            "error": none,
        }
        return np.append(place, [rules.get(self.frozen.null, none), rules.get(self.frozen.unseen, none)])
