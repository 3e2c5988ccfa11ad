"""Conditions and rules: typed sets of rows, as Polars expressions and as plain data."""

from tabkit.predicates.condition import Bound, Condition, Level, Levels, Not, Null, Range, negate
from tabkit.predicates.exprs import check, expr
from tabkit.predicates.plain import from_dict, to_dict
from tabkit.predicates.rule import Rule, either, text, without

__all__ = [
    "Bound",
    "Condition",
    "Level",
    "Levels",
    "Not",
    "Null",
    "Range",
    "Rule",
    "check",
    "either",
    "expr",
    "from_dict",
    "negate",
    "text",
    "to_dict",
    "without",
]
