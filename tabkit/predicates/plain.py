"""Rules as plain data for TOML and JSON; input is checked field by field and never evaluated."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import polars as pl

from tabkit.errors import ConfigError
from tabkit.predicates.condition import Condition, Levels, Not, Null, Range
from tabkit.predicates.limits import check_levels, check_name, check_parts
from tabkit.predicates.rule import Rule
from tabkit.schema import family

Dtypes = Mapping[str, pl.DataType]

_BOUNDS = ("ge", "gt", "le", "lt")
_CONDITION = {"column", *_BOUNDS, "levels", "null", "not"}
_RULE = {"name", "all_of", "any_of", "none_of"}
_DEEPEST = 8  # deeper rules no person reads


def to_dict(rule: Rule) -> dict[str, Any]:
    """Return a rule as plain data; dates stay dates, as TOML knows them; in JSON they are text.

    >>> to_dict(Rule(name="young", all_of=(Range(column="age", lt=30), Not(Null(column="job")))))
    {'name': 'young', 'all_of': [{'column': 'age', 'lt': 30}, {'column': 'job', 'null': True, 'not': True}]}
    """
    found: dict[str, Any] = {"name": rule.name}
    if rule.all_of:
        found["all_of"] = [_to_condition(condition) for condition in rule.all_of]
    for part in ("any_of", "none_of"):
        if getattr(rule, part):
            found[part] = [to_dict(inner) for inner in getattr(rule, part)]
    return found


def from_dict(values: object, dtypes: Mapping[str, pl.DataType] | None = None) -> Rule:
    """Rebuild what `to_dict` gave.

    Parameters
    ----------
    values
        A table with ``name``, ``all_of``, ``any_of`` and ``none_of``.
    dtypes
        Types of the columns, for data from JSON, which writes dates and datetimes as text (ISO 8601).

    Raises
    ------
    ConfigError
        If anything else was given: an unknown key, a value of the wrong type, an empty range, rules too deep in rules,
        more than 200 conditions in all, 10,000 levels in one, or names of more than 1,000 characters.
    """
    if isinstance(values, Mapping):
        check_parts(values)
    return _from_rule(values, dtypes or {}, depth=0)


def _to_condition(condition: Condition) -> dict[str, Any]:
    if isinstance(condition, Not):
        return {**_to_condition(condition.condition), "not": True}
    found: dict[str, Any] = {"column": condition.column}
    if isinstance(condition, Null):
        return {**found, "null": True}
    if isinstance(condition, Range):
        found |= {name: bound for name in _BOUNDS if (bound := getattr(condition, name)) is not None}
    else:
        found["levels"] = list(condition.levels)
    return found | ({"null": True} if condition.null else {})


def _from_rule(values: object, dtypes: Dtypes, *, depth: int) -> Rule:
    if not isinstance(values, Mapping):
        raise ConfigError(f"a rule is given as {values!r}", advice="a table with name, all_of, any_of, none_of")
    _known(values, _RULE, "a rule")
    if depth > _DEEPEST:
        raise ConfigError(f"rules stand more than {_DEEPEST} deep in rules", advice="write them flatter")
    check_name(values.get("name"), "a rule")
    parts = {name: _list(values, name) for name in ("all_of", "any_of", "none_of")}
    return Rule(
        name=values.get("name", "rule"),
        all_of=tuple(_from_condition(item, dtypes) for item in parts["all_of"]),
        any_of=tuple(_from_rule(item, dtypes, depth=depth + 1) for item in parts["any_of"]),
        none_of=tuple(_from_rule(item, dtypes, depth=depth + 1) for item in parts["none_of"]),
    )


def _from_condition(values: object, dtypes: Dtypes) -> Condition:
    if not isinstance(values, Mapping):
        raise ConfigError(f"a condition is given as {values!r}", advice='such as {column = "age", ge = 30, lt = 45}')
    _known(values, _CONDITION, "a condition")
    column = values.get("column", "")
    check_name(column, "a column")
    null, negated = (_flag(values, name, column) for name in ("null", "not"))
    kind = family(dtypes[column]) if isinstance(column, str) and column in dtypes else None
    bounds = {name: _dated(values[name], kind) for name in _BOUNDS if name in values}
    if bounds and "levels" in values:
        raise ConfigError(f"the condition on {column!r} has bounds and levels", advice="write two conditions")
    condition: Range | Levels | Null
    if "levels" in values:
        levels = _list(values, "levels")
        check_levels(levels, column)
        condition = Levels(column=column, levels=tuple(_dated(level, kind) for level in levels), null=null)
    elif bounds:
        condition = Range(column=column, **bounds, null=null)
    elif null:
        condition = Null(column=column)
    else:
        raise ConfigError(
            f"the condition on {column!r} says nothing", advice="give ge, gt, le or lt, or levels, or null = true"
        )
    return Not(condition) if negated else condition


def _known(values: Mapping[Any, Any], known: set[str], what: str) -> None:
    unknown = [name for name in values if name not in known]
    if unknown:
        raise ConfigError(
            f"{what} has unknown keys: {', '.join(map(repr, unknown))}",
            advice=f"the keys are {', '.join(sorted(known))}",
        )


def _dated(value: object, kind: str | None) -> Any:
    """Read a text as the date or datetime that the column holds."""
    if kind not in ("date", "datetime") or not isinstance(value, str):
        return value
    try:
        return (datetime.date if kind == "date" else datetime.datetime).fromisoformat(value)
    except ValueError as error:
        raise ConfigError(f"{value!r} is no {kind}", advice="write it as 2026-01-31 or 2026-01-31T12:00:00") from error


def _list(values: Mapping[Any, Any], name: str) -> list[Any]:
    found = values.get(name, [])
    if not isinstance(found, list):
        raise ConfigError(f"{name} is {found!r}; a list was expected")
    return found


def _flag(values: Mapping[Any, Any], name: str, column: object) -> bool:
    found = values.get(name, False)
    if not isinstance(found, bool):
        raise ConfigError(f"{name} of the condition on {column!r} is {found!r}; true or false was expected")
    return found
