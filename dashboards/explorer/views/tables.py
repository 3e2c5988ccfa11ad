"""The rows of a page, joined by id with further tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from dashboards.explorer.settings import ExploreConfig
from tabkit import bundle
from tabkit.cltv.model import KIND as CLTV
from tabkit.errors import ConfigError, FitError, SchemaError, TabkitError
from tabkit.frames import collect, describe, scan
from tabkit.roles import Roles
from tabkit.schema import dtype_name, family
from tabkit.table import Table, read
from tabkit.untrusted.manifest import NamedTable


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """Rows with what was joined to them.

    Parameters
    ----------
    table
        All rows of the source, in its order.
    notes
        What was joined, what was not found and what was left out, in sentences.
    """

    table: Table
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Beside:
    """What is joined: a table, how messages call it, and the id that it brings along, if it is a bundle."""

    frame: pl.LazyFrame
    name: str
    id: str | None = None


def bundles(config: ExploreConfig) -> list[Path]:
    """Return which of the sources are folders of bundles."""
    source = config.source
    return [Path(name) for name in ([source] if isinstance(source, str) else source) if _is_bundle(name)]


def columns_of(config: ExploreConfig) -> dict[str, pl.DataType]:
    """Return the types of the columns that there will be, without those that are excluded; no rows are read."""
    found = dict(scan(config.source).collect_schema())
    if config.beside:
        found = dict(_beside(config).frame.collect_schema()) | found
    return {name: dtype for name, dtype in found.items() if name not in config.exclude}


def joined(config: ExploreConfig, roles: Roles, *, written: bool = False) -> Joined:
    """Read the source, and join what is beside it by the id.

    Parameters
    ----------
    config
        Where rows are, what is beside them, and what is left out.
    roles
        Of the columns of both together.
    written
        Whether a command of tabkit wrote the source: its first column is the id then, if it can be one.

    Raises
    ------
    ConfigError
        If something is to be joined, and there is no id.
    FitError
        If ids beside the rows repeat, or none of them is an id of the rows.
    SchemaError
        If columns are missing, or the ids are of two kinds.
    """
    beside = _beside(config) if config.beside else None
    roles = replace(roles, id=roles.id or (beside.id if beside else None))
    if beside is not None and roles.id is None:
        raise ConfigError(
            "nothing says by which column the rows beside belong to those of the source",
            advice="name the column that is in both, and names each row: --id",
        )
    own = read(config.source, Roles(id=roles.id))
    frame, notes = (own.frame, []) if beside is None else _with(own, beside)
    if written and roles.id is None and (name := _named_id(frame, roles)) is not None:
        roles = replace(roles, id=name)
        notes.append(f"{name} differs in every row: it is taken for the id, and is no axis.")
    exclude = [name for name in config.exclude if name not in roles.given().values()]
    with _naming(own.name if beside is None else f"{own.name} with what is beside it"):
        table = read(frame, roles, exclude=exclude)
    return Joined(replace(table, name=own.name), tuple(notes))


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Call a joined frame by the source that it came from."""
    try:
        yield
    except TabkitError as error:
        raise type(error)(error.problem.replace("a DataFrame", name), advice=error.advice) from error


def _with(own: Table, beside: _Beside) -> tuple[pl.DataFrame, list[str]]:
    key = own.roles.id or ""
    right = _rows_beside(beside, key, own.frame.schema[key])
    twice = [name for name in right.columns if name in own.frame.columns and name != key]
    missing = int((~own.frame[key].is_in(right[key].implode())).sum())
    if missing == own.frame.height:
        raise FitError(
            f"none of the {missing:,} ids of {own.name} is in {key!r} of {beside.name}",
            advice="give the table of the same ids, written alike",
        )
    frame = own.frame.join(right.drop(twice), on=key, how="left", maintain_order="left")
    width = right.width - 1 - len(twice)
    notes = [f"{width:,} {'column was' if width == 1 else 'columns were'} joined from beside by {key}."]
    if missing:
        notes.append(f"{missing:,} of {own.frame.height:,} ids are not beside: what was joined is null there.")
    if twice:
        notes.append(f"In both, and shown as the source has it: {', '.join(twice)}.")
    return frame, notes


def _rows_beside(beside: _Beside, key: str, dtype: pl.DataType) -> pl.DataFrame:
    """Return the rows that can be joined: one for each id, of the type that ids have."""
    schema = beside.frame.collect_schema()
    if key not in schema:
        raise SchemaError(
            f"{beside.name} lacks the id {key!r}", advice=f"its columns are {', '.join(map(repr, schema.names()[:40]))}"
        )
    if family(schema[key]) != family(dtype):
        raise SchemaError(
            f"id {key!r} is {dtype_name(dtype)} in the source, but {dtype_name(schema[key])} in {beside.name}",
            advice="bring both to one type",
        )
    rows = collect(beside.frame, what=beside.name).drop_nulls(key)
    repeated = rows.height - rows[key].n_unique()
    if repeated:
        examples = rows[key].filter(rows[key].is_duplicated()).unique(maintain_order=True).head(3).to_list()
        raise FitError(
            f"id {key!r} repeats in {beside.name}: {repeated:,} rows have an id that came before, such as "
            f"{', '.join(map(repr, examples))}",
            advice="give a table with one row for each id",
        )
    return rows.with_columns(pl.col(key).cast(dtype, strict=False)).drop_nulls(key)


def _beside(config: ExploreConfig) -> _Beside:
    given: Any = config.beside
    names = [given] if isinstance(given, str) else list(given)
    if len(names) == 1 and _is_bundle(names[0]):
        return _customers(names[0])
    key = config.roles.get("id")
    dtype = None if key is None else scan(config.source).collect_schema().get(key)
    dtypes = {key: dtype} if key is not None and dtype is not None else None
    return _Beside(scan(names, dtypes=dtypes), describe(names))


def _customers(name: str) -> _Beside:
    """Return the customers of a bundle of customer value: their frequency, recency and so on."""
    found = bundle.read(name)
    if (kind := found.manifest.get("kind")) != CLTV:
        raise ConfigError(
            f"{name!r} is a bundle of kind {kind!r}: it holds no rows that could stand beside others",
            advice="give a table; of bundles, only those of tabkit cltv fit hold one: their customers",
        )
    customer = NamedTable(found.manifest, "the manifest").table("roles").text("id")
    return _Beside(found.frame("customers.parquet").lazy(), repr(name), customer)


def _named_id(frame: pl.DataFrame, roles: Roles) -> str | None:
    name = frame.columns[0]
    column = frame[name]
    kind = family(column.dtype) == "text" or column.dtype.is_integer()
    taken = name in roles.given().values() or column.null_count() > 0 or frame.height < 2
    return name if kind and not taken and column.n_unique() == frame.height else None


def _is_bundle(name: str) -> bool:
    return "://" not in name and (Path(name) / bundle.MANIFEST).is_file()
