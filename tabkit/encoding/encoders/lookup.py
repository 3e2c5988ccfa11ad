"""Encoders of levels: one value each for every level, for null and for unseen levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import ClassVar, Literal, Self, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.encoding.aim import Aim
from tabkit.encoding.encoders.drop import dropped
from tabkit.encoding.input import Input, shown
from tabkit.encoding.protocol import FittedEncoder, Need, Scalars, Sql, Statistics, Training, pool_scalars
from tabkit.encoding.statistics import Floats, Integers, LevelStatistics, Sums, totals
from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.schema import Family

Unseen = Literal["prior", "null", "other", "error"]
Null = Literal["level", "prior", "null", "other", "error"]
Flags = NDArray[np.bool_]
LEVELLED: frozenset[Family] = frozenset({"text", "number", "boolean", "date"})
"""The kinds of columns whose values can be taken for levels."""


def written(level: object) -> str:
    """Return a level that was declared as the text by which it is told apart; None is none.

    >>> written(True), written(1.0), written("1.50")
    ('true', '1', '1.50')
    """
    if level is None or level != level:  # noqa: PLR0124  # NaN
        raise ConfigError(f"{level!r} is declared as a level", advice="null is no level: see the encoder's `null`")
    if isinstance(level, bool):
        return str(level).lower()
    return str(int(level)) if isinstance(level, float) and level.is_integer() else str(level)


def declared_levels(levels: Sequence[object] | None) -> tuple[str, ...] | None:
    """Return levels that were declared as text, in their order; a `ConfigError` if one stands there twice.

    >>> declared_levels([1.0, "b"])
    ('1', 'b')
    """
    if levels is None:
        return None
    if isinstance(levels, str):
        raise ConfigError(f"levels are {levels!r}: a list of levels was expected")
    texts = tuple(map(written, levels))
    if len(set(texts)) < len(texts):
        raise ConfigError(f"levels hold a level twice: {texts[:20]}")
    return texts


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Levels with few rows put together: what encoders compute their values from.

    Parameters
    ----------
    names
        The K levels that stand for themselves. Cell K holds all rare ones, cell K + 1 null.
    rows
        Shape (K + 2,).
    targets
        The sums of each aim, with K + 2 cells and a single fold.
    """

    names: pl.Series
    rows: Floats
    targets: tuple[Sums, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelEncoder:
    """What all encoders of levels have in common.

    Parameters
    ----------
    rare
        Levels with fewer rows than this are put together as `other`: a number of rows from 1, or below 1 a
        share of all rows. 0 keeps every level apart.
    unseen
        What a level never seen gets: ``prior`` what is known without knowing the level (the mean of the target;
        for encoders that do not use it, 0 or null), ``null``, ``other`` what rare levels get, or ``error``.
    null
        What null gets: ``level`` treats it as a level of its own, the rest as for `unseen`.
    """

    rare: float = 0
    unseen: Unseen = "prior"
    null: Null = "level"
    kind: ClassVar[str]
    families: ClassVar[frozenset[Family]] = LEVELLED
    needs: ClassVar[frozenset[Need]] = frozenset({"levels"})

    def __post_init__(self) -> None:
        if isinstance(self.rare, bool) or not isinstance(self.rare, int | float) or not 0 <= self.rare < np.inf:
            raise ConfigError(f"rare is {self.rare!r}: a number of rows, or a share of them below 1, was expected")
        for name, options in (("unseen", get_args(Unseen)), ("null", get_args(Null))):
            if getattr(self, name) not in options:
                raise ConfigError(f"{name} is {getattr(self, name)!r}", advice=f"it may be {', '.join(options)}")

    @property
    def declared(self) -> tuple[str, ...]:
        """The levels that are known beforehand, whether or not a row of the fit has them."""
        return ()

    def outside(self, names: pl.Series) -> Flags:
        """Return which of the levels of the fit are taken for levels never seen, shape (levels,)."""
        return np.zeros(len(names), dtype=np.bool_)

    @property
    def uses_target(self) -> bool:
        """Whether the values are made from the target: then the rows of the fit are cross-fitted."""
        return False

    def scalars(self, column: Input, weight: pl.Expr) -> dict[str, pl.Expr]:  # noqa: ARG002
        """Ask for nothing beside the levels."""
        return {}

    def pool(self, parts: Sequence[Scalars]) -> Scalars:
        """Pool by name."""
        return pool_scalars(parts)

    def finish(self, column: Input, found: Statistics, aims: tuple[Aim, ...]) -> FittedEncoder:
        """Keep the statistics; all values follow from them."""
        statistics = self.levels_of(column, found, aims)
        flat = self.flat(found, statistics)
        if flat:
            return dropped(column, flat)
        self.check(column, aims)
        return FittedLookup(column.name, self, self.freeze(statistics), statistics, aims, self.names(column, aims))

    def levels_of(self, column: Input, found: Statistics, aims: tuple[Aim, ...]) -> LevelStatistics:
        """Return the statistics that were asked for, once it is sure that this encoder can use them."""
        if found.levels is None:
            raise FitError(f"{type(self).__name__} of {column.name!r} needs its levels")
        if self.uses_target and not aims:
            raise ConfigError(
                f"{type(self).__name__} of {column.name!r} encodes by the target, but there is none",
                advice="pass target=..., or encode by Frequency, Ordinal or OneHot",
            )
        if self.null == "error" and found.nulls:
            raise FitError(
                f"{column.name!r} is null in {found.nulls:,} rows, and its encoder was told to refuse null",
                advice="fill these rows, or choose another way: null='level' makes null a level of its own",
            )
        rows = found.levels.rows.sum(axis=1)[:-1]
        names = set(found.levels.levels.names.filter(pl.Series(rows > 0)).to_list())
        if self.declared and names and not names & set(self.declared):
            raise ConfigError(
                f"none of the levels that are declared for {column.name!r} is there: {list(self.declared[:5])}",
                advice=f"its levels are {sorted(names)[:5]}",
            )
        undeclared = found.levels.levels.names.filter(pl.Series(self.outside(found.levels.levels.names)))
        if self.unseen == "error" and len(undeclared):
            raise FitError(
                f"{column.name!r} has levels that were not declared: {undeclared.head(5).to_list()}, and its encoder "
                "was told to refuse unseen ones",
                advice="declare them, or choose another way: unseen='prior' gives them the mean of all rows",
            )
        return found.levels

    def flat(self, found: Statistics, statistics: LevelStatistics) -> str | None:
        """Return why these levels cannot tell rows apart, or None if they can."""
        names = statistics.levels.names
        if len(names) == 0:
            return "all null"
        return f"constant ({shown(names[0])!r})" if len(names) == 1 and not found.nulls else None

    def check(self, column: Input, aims: tuple[Aim, ...]) -> None:
        """Raise a `ConfigError` if this encoder cannot serve these targets."""

    def freeze(self, statistics: LevelStatistics) -> Self:
        """Return the specification that makes the same features from any statistics.

        A number of rows that makes a level rare becomes a share, which stays the same while rows age.
        """
        rows = float(statistics.rows.sum())
        return replace(self, rare=self.rare / rows) if 1 <= self.rare < rows else self

    def names(self, column: Input, aims: tuple[Aim, ...]) -> tuple[str, ...]:
        """Return the names of the features."""
        raise NotImplementedError

    def values(self, cells: Cells, aims: tuple[Aim, ...]) -> Floats:
        """Return the value of each cell, then of the prior, shape (K + 3, features); NaN is null."""
        raise NotImplementedError

    def training(self, fitted: FittedLookup, rows: Training) -> list[pl.Series] | None:
        """Return the values for the rows of the fit, by fold where the target is used."""
        return fitted.by_fold(rows) if self.uses_target else None


@dataclass(frozen=True, slots=True, eq=False)
class FittedLookup:
    """A value for each level: from the statistics of all rows, or of all folds but one."""

    column: str
    spec: LevelEncoder
    frozen: LevelEncoder
    statistics: LevelStatistics
    aims: tuple[Aim, ...]
    outputs: tuple[str, ...]
    _cache: dict[str, Floats] = field(default_factory=dict, repr=False)

    @property
    def kind(self) -> str:
        """The specification's."""
        return self.spec.kind

    @property
    def levels(self) -> int:
        """How many levels it knows."""
        return len(self.statistics.levels)

    @property
    def why(self) -> str:
        """The reason is the number of levels."""
        how = ", cross-fitted" if self.spec.uses_target else ""
        return f"{self.levels:,} levels{how}"

    def values(self) -> Floats:
        """Return the full-data values by code, shape (levels + 2, outputs): the levels, null, unseen."""
        if "values" not in self._cache:
            cells, index = group(self.statistics, self.frozen.rare)
            places = _places(self.frozen, index, len(cells.names))
            places[:-2][self.frozen.outside(self.statistics.levels.names)] = places[-1]
            self._cache["values"] = _values(self.frozen, cells, self.aims)[places]
        return self._cache["values"]

    def exprs(self, code: pl.Expr) -> list[pl.Expr]:
        """Return the full-data values: where the target is used **never for rows of the fit**."""
        checked = refusing(self.column, self.frozen, code, levels=self.levels)
        return [pl.lit(series(v)).gather(checked).alias(n) for v, n in zip(self.values().T, self.outputs, strict=True)]

    def training(self, rows: Training) -> list[pl.Series] | None:
        """Return values for the rows of the fit."""
        return self.spec.training(self, rows)

    def by_fold(self, rows: Training) -> list[pl.Series]:
        """Return for each row the values of the other folds, or of the earlier ones if folds are blocks of time."""
        folded, index = by_cell(self.statistics, self.spec.rare)
        tables = [self._of_others(cells, index, past=rows.past) for cells in folded.others(past=rows.past)]
        place = rows.fold.astype(np.uint32)
        place *= np.uint32(self.levels + 2)
        place += rows.code.astype(np.uint32, copy=False)
        columns = [series(np.concatenate([table[:, c] for table in tables])) for c in range(len(self.outputs))]
        return [column.gather(pl.Series(place)) for column in columns]

    def sql(self, source: Input) -> Sql:  # noqa: ARG002
        """Return the values as a look-up table."""
        return Sql(
            (), self.statistics.levels.names, self.values(), self.frozen.null == "error", self.frozen.unseen == "error"
        )

    def _of_others(self, cells: Cells, index: Integers, *, past: bool) -> Floats:
        """Return the values by code for the rows of a fold, from the rows of the others."""
        if not past and any(not sums.weight.sum() > 0 for sums in cells.targets):
            raise FitError(
                "a fold holds all rows, or all that have weight (of an arm, if there are arms): none is left to "
                f"encode {self.column!r} with",
                advice="use fewer folds, or divide the rows more evenly",
            )
        count = len(cells.names)
        places = _places(self.spec, index, count)
        # a level that the other folds do not have is unseen to them, as it will be where new rows bring one
        absent = np.append(cells.rows[:count] == 0, False)[np.minimum(index, count)]
        unseen = count + 2 if self.spec.unseen == "error" else places[-1]
        places[:-2] = np.where(absent | self.spec.outside(self.statistics.levels.names), unseen, index)
        return _values(self.spec, cells, self.aims)[places]


@dataclass(frozen=True, slots=True, eq=False)
class FoldedCells:
    """Cells, with the statistics of each fold.

    Parameters
    ----------
    names
        The K levels that stand for themselves.
    rows
        Shape (K + 2, folds).
    targets
        The sums of each aim, with K + 2 cells.
    """

    names: pl.Series
    rows: Floats
    targets: tuple[Sums, ...]

    def total(self) -> Cells:
        """Return all folds together."""
        folds = range(self.rows.shape[1])
        return Cells(self.names, self.rows.sum(axis=1), tuple(sums.pool(folds) for sums in self.targets))

    def others(self, *, past: bool) -> list[Cells]:
        """Return for each fold all others together, or all before it: in as many sums as there are folds."""
        folds = [self._fold(k) for k in range(self.rows.shape[1])]
        before = list(accumulate(folds[:-1], _together, initial=_nothing(folds[0])))
        if past:
            return before
        behind = list(accumulate(folds[:0:-1], _together, initial=_nothing(folds[0])))[::-1]
        return [_together(a, b) for a, b in zip(before, behind, strict=True)]

    def _fold(self, k: int) -> Cells:
        return Cells(self.names, self.rows[:, k], tuple(sums.pool([k]) for sums in self.targets))


def _together(a: Cells, b: Cells) -> Cells:
    return Cells(a.names, a.rows + b.rows, tuple(x.plus(y) for x, y in zip(a.targets, b.targets, strict=True)))


def _nothing(like: Cells) -> Cells:
    return Cells(like.names, np.zeros_like(like.rows), tuple(sums.scale(0.0) for sums in like.targets))


def by_cell(statistics: LevelStatistics, rare: float) -> tuple[FoldedCells, Integers]:
    """Put levels with few rows (in all folds) together.

    Returns
    -------
    tuple
        The cells, and for each level the cell that it is in, shape (levels,).
    """
    rows = statistics.rows.sum(axis=1)
    least = rare * rows.sum() if rare < 1 else rare
    kept = rows[:-1] >= least * (1 - 1e-9)  # a share that was a number of rows once must still reach it
    count = int(kept.sum())
    index = np.where(kept, np.cumsum(kept) - 1, count)
    everywhere = np.append(index, count + 1)
    folds = [totals(everywhere, statistics.rows[:, k], (count + 2,)) for k in range(statistics.folds)]
    names = statistics.levels.names if kept.all() else statistics.levels.names.filter(pl.Series(kept))
    targets = tuple(sums.at(everywhere, cells=count + 2) for sums in statistics.targets)
    return FoldedCells(names, np.stack(folds, axis=1), targets), index


def group(statistics: LevelStatistics, rare: float) -> tuple[Cells, Integers]:
    """Put levels with few rows together, and all folds; return the cells and the cell of each level."""
    folded, index = by_cell(statistics, rare)
    return folded.total(), index


def _values(spec: LevelEncoder, cells: Cells, aims: tuple[Aim, ...]) -> Floats:
    """Return the values of the kept levels, other, null and the prior, then a row of NaN."""
    table = spec.values(cells, aims)
    return np.vstack([table, np.full((1, table.shape[1]), np.nan)])


def refusing(column: str, spec: LevelEncoder, code: pl.Expr, *, levels: int) -> pl.Expr:
    """Return the codes, which raise a `SchemaError` where null or an unseen level is refused."""
    refused = {levels: "null" if spec.null == "error" else "", levels + 1: "unseen" if spec.unseen == "error" else ""}
    refused = {number: what for number, what in refused.items() if what}
    if not refused:
        return code

    def check(codes: pl.Series) -> pl.Series:
        for number, what in refused.items():
            found = int((codes == number).sum())
            if found:
                words = "is null" if what == "null" else "has levels that the fit never saw"
                raise SchemaError(
                    f"{column!r} {words} in {found:,} rows or more, and its encoder was told to refuse that",
                    advice=f"repair these rows, or fit again with another choice of {what}=",
                )
        return codes

    return code.map_batches(check, return_dtype=pl.UInt32, is_elementwise=True)


def _places(spec: LevelEncoder, index: Integers, count: int) -> Integers:
    """Return the row of the table (kept levels, other, null, prior, NaN) for each code, shape (levels + 2,)."""
    rows = {"other": count, "level": count + 1, "prior": count + 2, "null": count + 3, "error": count + 3}
    return np.append(index, [rows[spec.null], rows[spec.unseen]])


def series(values: Floats) -> pl.Series:
    """Return numbers as a series, NaN as null."""
    return pl.Series(np.ascontiguousarray(values), nan_to_null=True)
