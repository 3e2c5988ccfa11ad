"""Folds of an ablation: the rows to judge on, and the rows that each fit may learn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit import division, splits
from tabkit.errors import ConfigError, FitError
from tabkit.frames import Source, collect, describe, fresh_name, scan
from tabkit.propensity.config import WorthConfig
from tabkit.propensity.limits import FEWEST_FIT_ROWS
from tabkit.roles import Roles
from tabkit.schema import dtype_name, family
from tabkit.table import Table, labels, read
from tabkit.target import TargetColumn

Marks = NDArray[np.bool_]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """The rows of one pair of fits.

    Parameters
    ----------
    number, repeat
        Which fold of which division, from 0.
    fit, test
        Places of the rows to learn from and to judge on.
    """

    number: int
    repeat: int
    fit: Places
    test: Places


def read_marked(
    source: Source, roles: Roles, settings: WorthConfig, holdout: Marks | None
) -> tuple[Table, Marks | None]:
    """Read the rows, with a mark on those that the author of the rules never saw, if there are any.

    Raises
    ------
    ConfigError
        If marks are given twice, are not true or false for each row, or true nowhere.
    """
    column, name = settings.holdout, describe(source)
    if holdout is not None:
        if column is not None:
            raise ConfigError("holdout is given twice: as marks and as a column", advice="leave one of them out")
        frame = collect(scan(source), what=name)
        marks = np.asarray(holdout)
        if marks.dtype != np.bool_ or marks.shape != (frame.height,):
            raise ConfigError(
                f"holdout is {marks.dtype} of shape {marks.shape}; true or false for each of {frame.height:,} rows was "
                "expected"
            )
        column = fresh_name("holdout", frame.columns)
        source = frame.with_columns(pl.Series(column, marks))
    options = {"exclude": settings.encoding.exclude, "drop_null_target": settings.drop_null_target}
    table = replace(read(source, roles, **options), name=name)  # type: ignore[arg-type]  # each has its own type
    if column is None:
        return table, None
    held = _marks(table, column)
    return replace(table, frame=table.frame.drop(column)), held


def folds_of(table: Table, held: Marks | None, target: TargetColumn, settings: WorthConfig) -> list[Fold]:
    """Return the pairs of fits: each judging row is judged once per division, and training rows keep their distance.

    By time each block is judged by what was learned from earlier rows, else each fold by all other rows that are not
    later; rows of its groups are never among them. What is the same in all rows to judge on is passed over.
    """
    if division.way_of(judging_rows(table, held)) == "time":
        if settings.repeats > 1:
            raise ConfigError("along time, rows are divided in one way only", advice="leave repeats out")
        found = list(_forward(table, held, target, settings))
    else:
        found = [fold for repeat in range(settings.repeats) for fold in _crossed(table, held, target, settings, repeat)]
    if not found:
        raise FitError(
            f"before none of the blocks of judging rows there are {FEWEST_FIT_ROWS} earlier ones to learn from",
            advice="use older rows too, or fewer folds",
        )
    return found


def judging_rows(table: Table, held: Marks | None) -> Table:
    """Return the rows to judge on: those that are marked, or all."""
    return table if held is None else replace(table, frame=table.frame.filter(held))


def _marks(table: Table, column: str) -> Marks:
    if column not in table.frame.columns or column in table.roles.given().values():
        raise ConfigError(
            f"holdout {column!r} is no column of {table.name}, or has a role", advice="name another column"
        )
    values = table.frame[column]
    kind = family(values.dtype)
    if kind not in ("boolean", "number") or not values.cast(pl.Float64).is_in([0.0, 1.0]).fill_null(value=False).all():
        raise ConfigError(
            f"holdout {column!r} is {dtype_name(values.dtype)}; true or false (or 1 and 0) in every row was expected"
        )
    marks: Marks = values.cast(pl.Boolean).to_numpy()
    if not marks.any():
        raise ConfigError("holdout is true in no row: there is nothing to judge on", advice="leave it out")
    return marks


def _forward(table: Table, held: Marks | None, target: TargetColumn, settings: WorthConfig) -> Iterator[Fold]:
    """Yield blocks of time that have a past worth learning from; without marks the first block is past only."""
    times = table.times()
    if times is None:
        raise ConfigError("rows are divided along a time, but none is given")
    rows = np.arange(len(times)) if held is None else np.flatnonzero(held)
    block = splits.time_blocks(len(rows), folds=settings.folds + (held is None), time=times[rows])
    y = labels(table, target)
    for number in range(int(block.max()) + 1):
        test = rows[block == number]
        fit = np.flatnonzero(times < times[test].min())
        if len(fit) >= FEWEST_FIT_ROWS and len(np.unique(y[fit])) >= max(2, len(target.classes)):
            yield Fold(number, 0, fit, test)


def _crossed(
    table: Table, held: Marks | None, target: TargetColumn, settings: WorthConfig, repeat: int
) -> Iterator[Fold]:
    height = table.frame.height
    rows = np.arange(height) if held is None else np.flatnonzero(held)
    times, codes, y = table.times(), _groups(table), labels(table, target)
    way = splits.way_of(
        groups=None if codes is None else codes[rows], classes=None if target.task == "regression" else y
    )
    fold = splits.kfold(
        len(rows),
        folds=settings.folds,
        seed=settings.seed + repeat,
        groups=codes[rows] if codes is not None and way == "group" else None,
        stratify=y[rows] if way == "class" else None,
    )
    for number in range(settings.folds):
        test = rows[fold == number]
        apart = np.ones(height, dtype=np.bool_)
        apart[test] = False
        if codes is not None:
            apart &= ~np.isin(codes, codes[test])
        if times is not None:
            apart &= times <= times[test].max()
        yield Fold(number, repeat, np.flatnonzero(apart), test)


def _groups(table: Table) -> Places | None:
    """Return the group of each row as a number; None where all are of one."""
    group = table.roles.group
    codes = None if group is None else (table.frame[group].rank("dense").to_numpy() - 1).astype(np.int64)
    return codes if codes is not None and codes.any() else None
