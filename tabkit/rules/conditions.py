"""What rules are made of, which `tabkit.predicates` defines and this room hands on."""

from tabkit.predicates.condition import Levels, Not, Null, Range
from tabkit.predicates.exprs import expr
from tabkit.predicates.rule import Rule, either, without

__all__ = ["Levels", "Not", "Null", "Range", "Rule", "either", "expr", "without"]
