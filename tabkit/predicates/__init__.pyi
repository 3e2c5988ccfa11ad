from .condition import Bound, Condition, Level, Levels, Not, Null, Range, negate
from .exprs import check, expr
from .plain import from_dict, to_dict
from .rule import Rule, either, text, without

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
