"""A fit: from rows to a fitted table, and to the features of those rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.encoding.encoders.lookup import LevelEncoder
from tabkit.encoding.encoders.rule import RuleFeature
from tabkit.encoding.input import Input
from tabkit.encoding.protocol import Encoder, Scalars, Training
from tabkit.encoding.roles import RowRoles
from tabkit.encoding.table.choosing import Columns, Default, choose_parts
from tabkit.encoding.table.fitted import FittedTable, assemble
from tabkit.encoding.table.fitting import SourceEncoder, WeightedAims, aims_of, fitted_part, refuse_infinite, source_of
from tabkit.encoding.table.folds import Folds, divide
from tabkit.encoding.table.source import Source
from tabkit.encoding.table.survey import Survey, survey
from tabkit.errors import ConfigError
from tabkit.frames import collect, fresh_name, reading
from tabkit.target import TargetColumn, infer

Targets = str | TargetColumn | Sequence[str | TargetColumn] | None
Made = list[pl.Series] | None
_UNSTABLE = re.compile(r"JOIN|AGGREGATE|GROUP|UNIQUE|DISTINCT|SORT|SAMPLE|SHUFFLE", flags=re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRequest:
    """What a fit is asked for: see `TableEncoder.fit`."""

    columns: Columns
    rules: Sequence[RuleFeature]
    default: Default
    folds: int
    seed: int
    target: Targets
    exclude: Iterable[str]
    roles: RowRoles
    given: NDArray[np.integer[Any]] | None
    grouped: bool
    out_of_fold: bool


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A fitted table, and what it makes of its own rows.

    Parameters
    ----------
    table
        The fitted table.
    folds
        The folds of its rows.
    made
        For each part the features of its rows, if the target was used for them; else None.
    """

    table: FittedTable
    folds: Folds
    made: tuple[Made, ...]


class _Asked(NamedTuple):
    part: int
    column: Input
    encoder: Encoder
    scalars: Scalars


class _Fitted(NamedTuple):
    source: Source
    parts: dict[int, SourceEncoder]
    made: dict[int, Made]


def fit(frame: pl.LazyFrame, order: FitRequest, *, transform: bool) -> Fit:
    """Fit in one pass over the rows; with `transform`, encode them too where the target is used."""
    with reading("the source of the fit"):
        schema = frame.collect_schema()
    targets = understood(frame, order.target)
    chosen = choose_parts(
        schema,
        columns=order.columns,
        rules=order.rules,
        default=order.default,
        targets=targets,
        exclude=order.exclude,
        roles=order.roles,
    )
    surveyed = survey(frame, chosen, targets=targets, roles=order.roles)
    refuse_infinite(surveyed, chosen)
    folds = divide(
        surveyed.rows,
        folds=order.folds,
        seed=order.seed,
        y=surveyed.y,
        is_class=bool(targets) and targets[0].task != "regression",
        other=surveyed.other,
        given=order.given,
        out_of_fold=order.out_of_fold,
    )
    weighed = aims_of(surveyed, targets)
    asked = _by_source(chosen, surveyed)

    seed, grouped = order.seed, order.grouped

    def work(name: str) -> _Fitted:
        return _fit_source(surveyed, asked[name], folds, weighed, seed=seed, grouped=grouped, transform=transform)

    # NumPy and Polars let go of Python's lock in most of this
    with ThreadPoolExecutor(min(4, pl.thread_pool_size())) as pool:
        fitted = dict(zip(asked, pool.map(work, asked), strict=True))
    parts = {i: part for item in fitted.values() for i, part in item.parts.items()}
    made = {i: series for item in fitted.values() for i, series in item.made.items()}
    table = assemble(
        tuple(parts[i] for i in range(len(chosen))),
        {name: item.source for name, item in fitted.items()},
        surveyed.nulls,
        aims=weighed.aims,
        roles=order.roles,
        folds=folds.count,
    )
    return Fit(table, folds, tuple(made[i] for i in range(len(chosen))))


def in_order(frame: pl.DataFrame | pl.LazyFrame) -> pl.LazyFrame:
    """Return rows that come in one order each time they are read; collected, if their query does not promise it."""
    if isinstance(frame, pl.DataFrame):
        return frame.lazy()
    with reading("the source of the fit"):
        plan = frame.explain(optimized=False)
        return collect(frame, what="the rows of the fit").lazy() if _UNSTABLE.search(plan) else frame


def training_frame(frame: pl.LazyFrame, fitted: Fit) -> pl.DataFrame:
    """Return the features of the rows of a fit, those that are there already without copying them."""
    table = fitted.table
    parts = list(zip(table.parts, fitted.made, strict=True))
    exprs = [expr for part, made in parts if made is None for expr in part.encoder.exprs(table.code(part.source))]
    columns: dict[str, pl.Series] = {}
    if exprs:
        aligned = frame.select(table.schema.align(frame.collect_schema()))
        columns = {c.name: c for c in collect(aligned.select(exprs), what="the rows of the fit").iter_columns()}
    for part, made in parts:
        columns |= dict(zip(part.encoder.outputs, made or (), strict=False))
    return pl.DataFrame({name: columns[name] for name in table.outputs})


def training_features(frame: pl.LazyFrame, fitted: Fit) -> pl.LazyFrame:
    """Return the features of the rows of a fit: those that use the target are there, all others are expressions."""
    table, schema = fitted.table, frame.collect_schema()
    taken = [*schema.names(), *table.outputs]
    held: dict[str, pl.Series] = {}
    exprs: list[pl.Expr] = []
    for part, made in zip(table.parts, fitted.made, strict=True):
        if made is None:
            exprs += part.encoder.exprs(table.code(part.source))
            continue
        for name, values in zip(part.encoder.outputs, made, strict=True):
            own = fresh_name(f"made {len(held)}", taken)
            held[own] = values
            exprs.append(pl.col(own).alias(name))
    rows = pl.LazyFrame(held)
    if len(held) == len(exprs):  # nothing else is read
        return rows.select(exprs)
    aligned = frame.select(table.schema.align(schema))
    return (pl.concat([aligned, rows], how="horizontal") if held else aligned).select(exprs)


def understood(frame: pl.LazyFrame, target: Targets) -> tuple[TargetColumn, ...]:
    """Return the targets, each with its task and classes."""
    if target is None:
        return ()
    given = [target] if isinstance(target, str | TargetColumn) else list(target)
    names = [item.name if isinstance(item, TargetColumn) else item for item in given]
    if len(set(names)) < len(names):
        raise ConfigError(f"a target is given twice: {', '.join(map(repr, names))}")
    return tuple(item if isinstance(item, TargetColumn) else infer(frame, item) for item in given)


def _by_source(chosen: Sequence[tuple[Input, Encoder]], found: Survey) -> dict[str, list[_Asked]]:
    """Return what is asked of each source."""
    asked: dict[str, list[_Asked]] = {}
    for i, ((column, encoder), scalars) in enumerate(zip(chosen, found.scalars, strict=True)):
        asked.setdefault(column.name, []).append(_Asked(i, column, encoder, scalars))
    return asked


def _fit_source(
    found: Survey,
    asked: Sequence[_Asked],
    folds: Folds,
    weighed: WeightedAims,
    *,
    seed: int,
    grouped: bool,
    transform: bool,
) -> _Fitted:
    """Fit all encoders of one source, and encode its rows while their levels are at hand."""
    known = [level for item in asked if isinstance(item.encoder, LevelEncoder) for level in item.encoder.declared]
    source, code = source_of(found, asked[0].column, folds, weighed, known=known)
    parts = {item.part: fitted_part(source, item.encoder, item.scalars, weighed.aims) for item in asked}
    made: dict[int, Made] = dict.fromkeys(parts)
    if transform and code is not None:
        rows = Training(code, folds.fold, folds.past, weighed.y, weighed.weight, folds.time, grouped, seed)
        made = {i: part.encoder.training(rows) if part.encoder.outputs else None for i, part in parts.items()}
    return _Fitted(source, parts, made)
