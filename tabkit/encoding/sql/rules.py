"""Rules in DuckDB's SQL: they match the same rows as their Polars expressions, and are never NULL."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tabkit.encoding.sql import quoting
from tabkit.predicates import Condition, Level, Levels, Not, Null, Range, Rule
from tabkit.schema import family

_SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
_TYPES = {"date": "DATE", "datetime": "TIMESTAMP"}
Dtypes = Mapping[str, pl.DataType]


def statement(rule: Rule, dtypes: Dtypes) -> str:
    """Return 1 for the rows of a rule and 0 for all others, as DOUBLE.

    >>> print(statement(Rule(all_of=(Range(column="age", ge=30),)), {"age": pl.Int64()}))
    CASE WHEN (coalesce(t."age" >= 30, FALSE) AND NOT (t."age" IS NULL)) THEN 1.0::DOUBLE ELSE 0.0::DOUBLE END
    """
    return f"CASE WHEN {_rule(rule, dtypes)} THEN 1.0::DOUBLE ELSE 0.0::DOUBLE END"


def _rule(rule: Rule, dtypes: Dtypes) -> str:
    parts = [_condition(condition, dtypes[condition.column]) for condition in rule.all_of]
    if rule.any_of:
        parts.append(f"({' OR '.join(_rule(option, dtypes) for option in rule.any_of)})")
    parts += [f"NOT {_rule(exception, dtypes)}" for exception in rule.none_of]
    return parts[0] if len(parts) == 1 else f"({' AND '.join(parts)})" if parts else "TRUE"


def _condition(condition: Condition, dtype: pl.DataType) -> str:
    if isinstance(condition, Not):
        return f"NOT {_condition(condition.condition, dtype)}"
    missing = _missing(condition.column, dtype)
    if isinstance(condition, Null):
        return f"({missing})"
    inside = _range(condition, dtype) if isinstance(condition, Range) else _levels(condition, dtype)
    both = f"OR {missing}" if condition.null else f"AND NOT ({missing})"
    return f"(coalesce({inside}, FALSE) {both})"


def _missing(column: str, dtype: pl.DataType) -> str:
    name = quoting.column(column)
    return f"{name} IS NULL OR isnan({name}::DOUBLE)" if dtype.is_float() else f"{name} IS NULL"


def _range(condition: Range, dtype: pl.DataType) -> str:
    given = {sign: bound for name, sign in _SIGNS.items() if (bound := getattr(condition, name)) is not None}
    return " AND ".join(
        f"{_value(condition.column, dtype, bound)} {sign} {_literal(bound, dtype)}" for sign, bound in given.items()
    )


def _levels(condition: Levels, dtype: pl.DataType) -> str:
    pairs = [(_value(condition.column, dtype, level), _literal(level, dtype)) for level in condition.levels]
    return " OR ".join(f"{value} = {literal}" for value, literal in pairs)


def _value(column: str, dtype: pl.DataType, compared: Level) -> str:
    """Return what is compared: of durations seconds, of times their own clock."""
    name, kind = quoting.column(column), family(dtype)
    if kind == "duration":
        return f"(extract(epoch FROM {name}))::DOUBLE"
    if kind == "datetime":
        zone = getattr(dtype, "time_zone", None)
        return f"({name} AT TIME ZONE {quoting.text(zone)})::TIMESTAMP" if zone else f"{name}::TIMESTAMP"
    if kind == "number":
        cast = _number(dtype, compared)
        return f"{name}::{cast}" if cast else name
    return f"{name}::{'VARCHAR' if kind == 'text' else 'DATE' if kind == 'date' else 'BOOLEAN'}"


def _literal(value: Level, dtype: pl.DataType) -> str:
    kind = family(dtype)
    if kind in _TYPES:
        return f"{_TYPES[kind]} {quoting.text(str(value))}"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        cast = "DOUBLE" if kind == "duration" else _number(dtype, value)
        return f"{value!r}::{cast}" if cast else repr(value)
    return quoting.text(str(value))


def _number(dtype: pl.DataType, compared: Level) -> str:
    """Return the type in which numbers are compared; none where both are whole, and keep all their digits."""
    return "" if dtype.is_integer() and isinstance(compared, int) else "DOUBLE"
