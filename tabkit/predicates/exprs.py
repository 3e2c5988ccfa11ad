"""Rules as Polars expressions: Boolean, never null, and defined for null, NaN and infinite values."""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Iterable, Mapping
from functools import reduce

import polars as pl
from polars import selectors

from tabkit.errors import SchemaError
from tabkit.predicates.condition import Condition, Level, Levels, Not, Null, Range
from tabkit.predicates.rule import Rule
from tabkit.schema import dtype_name, family

Dtypes = Mapping[str, pl.DataType]

# By family of the column: what bounds and levels must be, and how that is called.
_BOUNDS: dict[str, tuple[tuple[type, ...], str]] = {
    "number": ((int, float), "numbers"),
    "duration": ((int, float), "numbers of seconds"),
    "date": ((datetime.date,), "dates"),
    "datetime": ((datetime.date, datetime.datetime), "dates or datetimes"),
}
_LEVELS: dict[str, tuple[tuple[type, ...], str]] = {
    "text": ((str,), "text"),
    "boolean": ((bool,), "true or false"),
    "number": ((int, float), "numbers"),
    "date": ((datetime.date,), "dates"),
    "datetime": ((datetime.date, datetime.datetime), "dates or datetimes"),
}


def expr(rule: Rule, dtypes: Dtypes) -> pl.Expr:
    """Return a Boolean expression that is true for the rows of the rule, and never null.

    Parameters
    ----------
    rule
        A rule whose columns are all there; `check` says so.
    dtypes
        The types of the columns, such as ``frame.collect_schema()``.

    Raises
    ------
    SchemaError
        If columns are missing or of a type that the conditions do not fit.

    Examples
    --------
    >>> frame = pl.DataFrame({"age": [25.0, 40.0, None, float("nan")]})
    >>> rule = Rule(name="older", all_of=(Range(column="age", ge=30),))
    >>> frame.select(expr(rule, frame.schema)).to_series().to_list()
    [False, True, False, False]
    """
    check([rule], dtypes)
    return _rule(rule, dtypes)


def check(rules: Iterable[Rule], dtypes: Dtypes, *, what: str = "the data") -> None:
    """Raise one `SchemaError` that lists every unknown column and every condition of another type.

    >>> check([Rule(name="a", all_of=(Range(column="agee", ge=30),))], {"age": pl.Int64()})
    Traceback (most recent call last):
    tabkit.errors.SchemaError: the rules do not fit the data: rule 'a' needs column 'agee', which is not there
    To do: did you mean 'age'?
    """
    problems: list[str] = []
    close: list[str] = []
    for rule in rules:
        for condition in rule.conditions():
            if condition.column not in dtypes:
                problems.append(f"rule {rule.name!r} needs column {condition.column!r}, which is not there")
                close += difflib.get_close_matches(condition.column, list(dtypes), n=1)
                continue
            said = _misfit(condition, dtypes[condition.column])
            if said:
                problems.append(f"rule {rule.name!r}: {said}")
    if problems:
        hint = f"did you mean {' and '.join(map(repr, dict.fromkeys(close)))}?" if close else None
        raise SchemaError(
            f"the rules do not fit {what}: {'; '.join(dict.fromkeys(problems))}",
            advice=hint or "correct the rules, or give the columns their old names and types",
        )


def _misfit(condition: Condition, dtype: pl.DataType) -> str | None:
    plain = condition.condition if isinstance(condition, Not) else condition
    if isinstance(plain, Null):
        return None
    values = (
        [bound for bound in (plain.low, plain.high) if bound is not None]
        if isinstance(plain, Range)
        else list(plain.levels)
    )
    table, part = (_BOUNDS, "a range") if isinstance(plain, Range) else (_LEVELS, "levels")
    kinds, called = table.get(family(dtype), ((), ""))
    if not kinds:
        return f"column {plain.column!r} is {dtype_name(dtype)}, on which {part} cannot be"
    wrong = [value for value in values if not _fits(value, kinds)]
    if wrong:
        return f"column {plain.column!r} is {dtype_name(dtype)}: {called} were expected, not {wrong[0]!r}"
    return None


def _fits(value: Level, kinds: tuple[type, ...]) -> bool:
    if isinstance(value, bool):
        return bool in kinds
    if isinstance(value, datetime.datetime):
        return datetime.datetime in kinds
    return isinstance(value, kinds)


def _rule(rule: Rule, dtypes: Dtypes) -> pl.Expr:
    parts = [_condition(condition, dtypes[condition.column]) for condition in rule.all_of]
    if rule.any_of:
        parts.append(pl.any_horizontal([_rule(option, dtypes) for option in rule.any_of]))
    parts += [~_rule(exception, dtypes) for exception in rule.none_of]
    # Not `a & b & c`: Polars walks through expressions by recursion, and a long chain ends the process.
    return (pl.all_horizontal(parts) if parts else pl.lit(value=True)).alias(rule.name)


def _condition(condition: Condition, dtype: pl.DataType) -> pl.Expr:
    if isinstance(condition, Not):
        return ~_condition(condition.condition, dtype)
    missing = missing_expr(condition.column, dtype)
    if isinstance(condition, Null):
        return missing
    inside = _range(condition, dtype) if isinstance(condition, Range) else _levels(condition, dtype)
    inside = inside.fill_null(value=False)
    return inside | missing if condition.null else inside & ~missing


def named(column: str) -> pl.Expr:
    """Return a column by its very name: to `polars.col` some names are patterns of names."""
    return selectors.by_name(column).as_expr()


def missing_expr(column: str, dtype: pl.DataType) -> pl.Expr:
    """Return whether a value is null, or NaN."""
    missing = named(column).is_null()
    # Whole numbers and decimals too: what was one at the fit may come as a float with NaN later.
    return missing | named(column).cast(pl.Float64).is_nan().fill_null(value=False) if dtype.is_numeric() else missing


def comparable(column: str, dtype: pl.DataType) -> pl.Expr:
    """Return what bounds are compared with: decimals as floats, durations in seconds, times on their own clock."""
    values = named(column)
    if isinstance(dtype, pl.Decimal) or dtype.is_float():  # else Polars would round bounds to 32 bits
        return values.cast(pl.Float64)
    if isinstance(dtype, pl.Duration):
        return values.dt.total_nanoseconds() / 1e9 if dtype.time_unit == "ns" else values.dt.total_microseconds() / 1e6
    if isinstance(dtype, pl.Datetime):
        return values.dt.replace_time_zone(None).cast(pl.Datetime("us"))
    return values


def _range(condition: Range, dtype: pl.DataType) -> pl.Expr:
    values = comparable(condition.column, dtype)
    parts: list[pl.Expr] = [
        getattr(values, name)(pl.lit(bound))
        for name in ("ge", "gt", "le", "lt")
        if (bound := getattr(condition, name)) is not None
    ]
    return reduce(lambda a, b: a & b, parts)


def _levels(condition: Levels, dtype: pl.DataType) -> pl.Expr:
    values = comparable(condition.column, dtype)
    if family(dtype) == "text":
        values = values.cast(pl.String)
    return values.is_in(_listed(condition.levels, dtype).implode())


def _listed(levels: tuple[Level, ...], dtype: pl.DataType) -> pl.Series:
    """Return levels in the type of what they are compared with; those that no value of a column can be are left out."""
    if dtype.is_integer():
        # A level of 2.0 is 2; one of 2.5 is no whole number, and 300 is none of 8 bits.
        whole = [int(level) for level in levels if isinstance(level, int | float) and level == int(level)]
        return pl.Series(whole, dtype=pl.Int128).cast(dtype, strict=False).drop_nulls()
    if dtype.is_numeric():
        return pl.Series([float(level) for level in levels if isinstance(level, int | float)], dtype=pl.Float64)
    if isinstance(dtype, pl.Datetime):
        return pl.Series([_moment(level) for level in levels], dtype=pl.Datetime("us"))
    return pl.Series(levels, dtype=pl.String if family(dtype) == "text" else dtype)


def _moment(level: Level) -> Level:
    """Return a date as the midnight that it begins with."""
    if isinstance(level, datetime.date) and not isinstance(level, datetime.datetime):
        return datetime.datetime.combine(level, datetime.time())
    return level
