"""A fitted table encoder as one SQL query, for scoring inside a warehouse."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal, get_args

import polars as pl

from tabkit.encoding.input import ABSENT, BETWEEN, Input
from tabkit.encoding.protocol import FittedEncoder, Sql
from tabkit.encoding.sql import quoting
from tabkit.errors import ConfigError
from tabkit.schema import family

Dialect = Literal["duckdb"]


def query(encoders: Iterable[tuple[Input, FittedEncoder]], *, dialect: Dialect, table: str, keep: Iterable[str]) -> str:
    """Return a query that gives the outputs of the encoders; see `FittedTable.to_sql`."""
    if dialect not in get_args(Dialect):
        raise ConfigError(f"unknown SQL dialect {dialect!r}", advice=f"known dialects: {', '.join(get_args(Dialect))}")
    _refuse_names(encoders := list(encoders), keep := list(keep))
    tables: list[str] = []
    joins: list[str] = []
    columns = [quoting.column(name) for name in keep]
    for source, encoder in encoders:
        sql = encoder.sql(source)
        exprs: Sequence[str] = sql.exprs
        if sql.levels is not None:
            name = f"tabkit_levels_{len(tables)}"
            key = _key(source)
            tables.append(_table(name, source, sql))
            joins.append(f"LEFT JOIN {name} ON {key} = {name}.level")
            exprs = _look_ups(name, key, source, sql)
        columns += [f"{expr} AS {quoting.name(out)}" for expr, out in zip(exprs, encoder.outputs, strict=True)]
    head = "WITH " + ",\n".join(tables) + "\n" if tables else ""
    body = ",\n  ".join(columns)
    return "\n".join([f"{head}SELECT\n  {body}", f"FROM {quoting.name(table)} AS t", *joins])


def _refuse_names(encoders: Sequence[tuple[Input, FittedEncoder]], keep: Sequence[str]) -> None:
    """Refuse names that a database takes for one: it does not tell capitals from small letters."""
    read = dict.fromkeys([name for source, _ in encoders for name in source.columns] + list(keep))
    made = [*keep, *(name for _, encoder in encoders for name in encoder.outputs)]
    for what, names in (("columns", list(read)), ("features", made)):
        small = [name.lower() for name in names]
        twice = [name for name in names if small.count(name.lower()) > 1]
        if twice:
            raise ConfigError(
                f"{what} that SQL cannot tell apart: {', '.join(map(repr, twice[:6]))}",
                advice="rename them, or do not keep what is a feature already",
            )


def _key(source: Input) -> str:
    """Return what is joined: numbers as numbers, since databases write them in different ways, all else as text."""
    if len(source.columns) > 1:
        parts = [f"coalesce({_text(single)}, {quoting.text(ABSENT)})" for single in source.singles()]
        absent = " AND ".join(f"{quoting.column(name)} IS NULL" for name in source.columns)
        return f"CASE WHEN {absent} THEN NULL ELSE {f' || {quoting.text(BETWEEN)} || '.join(parts)} END"
    name, kind = quoting.column(source.name), _kind(source)
    if isinstance(source.dtype, pl.Decimal):  # as text, all digits, without needless zeros
        return f"regexp_replace(regexp_replace({name}::VARCHAR, '(\\.[0-9]*?)0+$', '\\1'), '\\.$', '')"
    if kind in ("DOUBLE", "FLOAT"):
        return f"CASE WHEN isnan({name}::{kind}) THEN NULL ELSE {name}::{kind} END"
    return f"{name}::{kind}"


def _kind(source: Input) -> str:
    """Return the type that levels are joined in."""
    if source.family != "number" or len(source.columns) > 1 or isinstance(source.dtype, pl.Decimal):
        return "VARCHAR"
    return "HUGEINT" if source.dtype.is_integer() else "FLOAT" if source.dtype == pl.Float32 else "DOUBLE"


def _text(single: Input) -> str:
    if family(single.dtype) == "number" and not single.dtype.is_integer():
        raise ConfigError(
            f"{single.described} in a cross cannot be written in SQL: databases write such numbers in different ways",
            advice="cast the column to text or to whole numbers first",
        )
    return f"{quoting.column(single.name)}::VARCHAR"


def _table(name: str, source: Input, sql: Sql) -> str:
    """Return a table of levels and values, written as lists: DuckDB reads them a hundred times faster than rows."""
    if sql.levels is None or sql.values is None:
        raise ConfigError(f"{name} has no levels")
    columns = [f"{_unnest(sql.levels.to_list(), _kind(source))} AS level"]
    for c in range(sql.values.shape[1]):
        values = pl.Series(sql.values[:-2, c], nan_to_null=True).to_list()
        columns.append(f"{_unnest(values, 'DOUBLE')} AS v{c}")
    return f"{name} AS (SELECT\n  " + ",\n  ".join(columns) + "\n)"


def _unnest(values: list[Any], kind: str) -> str:
    written = json.dumps(values, ensure_ascii=False)
    return f"unnest(from_json({quoting.text(written)}, '[\"{kind}\"]'))"


def _look_ups(name: str, key: str, source: Input, sql: Sql) -> list[str]:
    if sql.values is None:
        return []
    *_, null, unseen = sql.values.tolist()
    found = []
    for c in range(len(null)):
        of_null = _error(f"{source.name} is null") if sql.refuse_null else quoting.number(null[c])
        of_new = _error(f"{source.name} has a level never seen") if sql.refuse_unseen else quoting.number(unseen[c])
        cases = f"WHEN {key} IS NULL THEN {of_null} WHEN {name}.level IS NULL THEN {of_new}"
        found.append(f"CASE {cases} ELSE {name}.v{c} END")
    return found


def _error(what: str) -> str:
    return f"error({quoting.text(what)})"
