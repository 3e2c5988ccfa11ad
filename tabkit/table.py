"""The rows of a fit: read once, checked against their roles; refused rows are counted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.frames import Source, collect, describe, scan
from tabkit.refused import no_rows, refused_rows
from tabkit.roles import Roles, RolesLike
from tabkit.schema import dtype_name, family
from tabkit.target import TargetColumn

NULL_TARGET = "null target"


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Rows that a model can be fitted on.

    Parameters
    ----------
    frame
        All rows with their role and feature columns.
    roles
        Which column plays which part.
    name
        How messages and lineage call the source.
    dropped
        How many rows were left out, by reason.
    weight_mean
        What the weights were divided by, so that their mean over all rows is one: regularisation counts weights
        as rows, and must not depend on their unit. None without a weight role.
    refused
        The rows that were left out, ``row`` and ``reason`` first: of very many the first; see `tabkit.refused`.
    """

    frame: pl.DataFrame
    roles: Roles
    name: str
    dropped: dict[str, int]
    weight_mean: float | None = None
    refused: pl.DataFrame = field(default_factory=no_rows)

    @property
    def short_name(self) -> str:
        """The source without its folders, for lineage: they are this machine's own.

        >>> Table(pl.DataFrame(), Roles(), "'/home/me/new/a.parquet' and 2 more", {}).short_name
        'a.parquet and 2 more'
        """
        return re.sub(r"""(['"])(?:.*[/\\\\])?(.+)\1""", r"\2", self.name)

    def numbers(self, role: str) -> NDArray[np.float64] | None:
        """Return a role's column as Float64, shape (n,); None if the role is not given."""
        column = getattr(self.roles, role)
        return None if column is None else self.frame[column].cast(pl.Float64).to_numpy()

    def times(self) -> NDArray[np.float64] | NDArray[np.int64] | None:
        """Return the time column as numbers that sort like it, shape (n,); None without a time role."""
        if self.roles.time is None:
            return None
        column = self.frame[self.roles.time]
        # NumPy has no numbers of 128 bits, which Decimal and Int128 are made of.
        wide = isinstance(column.dtype, pl.Decimal | pl.Int128 | pl.UInt128)
        return (column.cast(pl.Float64) if wide else column.to_physical()).to_numpy()

    def span(self) -> tuple[str, str] | None:
        """Return the first and the last time as text; None without a time role."""
        if self.roles.time is None:
            return None
        column = self.frame[self.roles.time]
        return str(column.min()), str(column.max())


def read(
    source: Source,
    roles: RolesLike,
    *,
    exclude: Sequence[str] = (),
    drop_null_target: bool = False,
    dtypes: Mapping[str, pl.DataType] | None = None,
) -> Table:
    """Read the rows of a fit into memory and check them.

    Parameters
    ----------
    source
        Anything that `tabkit.frames.scan` takes.
    roles
        A target is not needed here; the check that it can be learned is `tabkit.target.infer`.
    exclude
        Columns that are not read at all.
    drop_null_target
        Leave out rows without a target (null or NaN), and count them, instead of refusing them later.
    dtypes
        Types by column, for formats that carry none.

    Raises
    ------
    SourceError
        If the source cannot be read.
    SchemaError
        If role or excluded columns are missing, the time is of a type without order, a weight or exposure is
        no number, or a role column holds lists, structs or the like.
    ConfigError
        If a role column is excluded, or rows without a target shall be left out and no target is given.
    FitError
        If there are no rows, or ids repeat, or an id, time, weight, exposure or group is null or impossible.
    """
    roles = Roles.of(roles)
    _check_settings(roles, exclude, drop_null_target=drop_null_target)
    lazy, name = scan(source, dtypes=dtypes), describe(source)
    schema = lazy.collect_schema()
    wanted = {f"{column!r} ({role})": column for role, column in roles.given().items()}
    wanted |= {f"{column!r} (excluded)": column for column in exclude}
    missing = [label for label, column in wanted.items() if column not in schema]
    if missing:
        raise SchemaError(
            f"{name} lacks columns: {', '.join(missing)}",
            advice=f"its columns are {', '.join(map(repr, schema.names()[:40]))}",
        )
    frame = collect(lazy.drop(dict.fromkeys(exclude)), what=name)
    if frame.is_empty():
        raise FitError(f"{name} has no rows", advice="check the export that made it")
    dropped: dict[str, int] = {}
    refused = no_rows()
    if drop_null_target and roles.target is not None:
        whole = frame
        known = pl.col(roles.target).is_not_null()
        if frame.schema[roles.target].is_float():
            known = known & pl.col(roles.target).is_not_nan()
        frame = frame.filter(known)
        dropped[NULL_TARGET] = whole.height - frame.height
        if dropped[NULL_TARGET]:
            refused = refused_rows(whole, ~known, NULL_TARGET)
        if frame.is_empty():
            raise FitError(
                f"target {roles.target!r} is null in every row of {name}",
                advice="check the column's name and the export",
            )
    _check(frame, roles, name)
    if roles.weight is None:
        return Table(frame, roles, name, dropped, refused=refused)
    weight = frame[roles.weight].cast(pl.Float64)
    mean = float(weight.to_numpy().mean())
    return Table(frame.with_columns(weight / mean), roles, name, dropped, mean, refused)


def _check_settings(roles: Roles, exclude: Sequence[str], *, drop_null_target: bool) -> None:
    both = [f"{column!r} ({role})" for role, column in roles.given().items() if column in exclude]
    if both:
        raise ConfigError(
            f"columns have a role and are excluded: {', '.join(both)}",
            advice="role columns are never features; take them off the excluded ones, or drop the role",
        )
    if drop_null_target and roles.target is None:
        raise ConfigError("rows without a target shall be left out, but no target is given", advice="name the target")


def _check(frame: pl.DataFrame, roles: Roles, name: str) -> None:
    for role, column in roles.given().items():
        if family(frame.schema[column]) == "other":
            raise SchemaError(
                f"{role} {column!r} is {dtype_name(frame.schema[column])}; a single plain value per row was expected",
                advice="unnest or cast it first",
            )
    for role in ("id", "time", "weight", "exposure", "group"):
        column = getattr(roles, role)
        missing = 0 if column is None else _missing(frame[column])
        if missing:
            raise FitError(
                f"{role} {column!r} is null (or NaN) in {missing:,} of {frame.height:,} rows of {name}",
                advice="fill it, or remove these rows",
            )
    if roles.id is not None:
        _check_id(frame[roles.id], name)
    if roles.time is not None:
        _check_time(frame[roles.time])
    for role, low in (("weight", "zero or more"), ("exposure", "above zero")):
        column = getattr(roles, role)
        if column is not None:
            _check_number(frame[column], f"{role} {column!r}", low)


def _missing(values: pl.Series) -> int:
    return values.null_count() + (int(values.is_nan().sum()) if values.dtype.is_float() else 0)


def _check_time(times: pl.Series) -> None:
    kind = family(times.dtype)
    if kind not in ("number", "date", "datetime"):
        raise SchemaError(
            f"time {times.name!r} is {dtype_name(times.dtype)}; a date, a datetime or a number was expected",
            advice="write times as ISO 8601 (2024-12-31, 2024-12-31T23:59:00Z), or parse the column yourself with the "
            "order that it has: pl.col(name).str.to_date('%m/%d/%Y') where the month comes first",
        )
    if kind == "number" and not times.cast(pl.Float64).is_finite().all():
        raise FitError(f"time {times.name!r} is infinite in some rows", advice="repair or remove these rows")


def _check_id(ids: pl.Series, name: str) -> None:
    repeated = len(ids) - ids.n_unique()
    if repeated:
        examples = ids.filter(ids.is_duplicated()).unique(maintain_order=True).head(3).to_list()
        raise FitError(
            f"id {ids.name!r} repeats: {repeated:,} rows of {name} have an id that came before, "
            f"such as {', '.join(map(repr, examples))}",
            advice="remove the repeated rows, or use another column; rows of one customer may share a --group",
        )


def _check_number(values: pl.Series, label: str, low: str) -> None:
    if family(values.dtype) != "number":
        raise SchemaError(
            f"{label} is {dtype_name(values.dtype)}; a number was expected", advice="cast it, or choose another column"
        )
    numbers = values.cast(pl.Float64)
    good = numbers.is_finite() & ((numbers > 0) if low == "above zero" else (numbers >= 0))
    if not good.all():
        raise FitError(
            f"{label} must be finite and {low}; it is not in {(~good).sum():,} of {len(good):,} rows",
            advice="repair or remove these rows",
        )
    if not (numbers > 0).any():
        raise FitError(f"{label} is zero in all rows: no row would count", advice="choose another column")


def labels(table: Table, target: TargetColumn) -> NDArray[np.float64]:
    """Return the target as numbers, shape (n,): 0/1, a class's index, or the value."""
    return table.frame.select(target.expr()).to_series().to_numpy()
