from .conditions import Levels, Not, Null, Range, Rule, either, expr, without
from .config import SuggestConfig
from .discovery import suggest
from .goal import Aimed, Goal, aim
from .ledger import Ledger
from .measurement import Measured, masks, measure, wilson
from .relevance import useful, usefulness
from .saved import RuleFile, read, write
from .similarity import Overlap, RuleOverlap, most_alike, overlap
from .suggestion import Suggestion, Suggestions

__all__ = [
    "Aimed",
    "Goal",
    "Ledger",
    "Levels",
    "Measured",
    "Not",
    "Null",
    "Overlap",
    "Range",
    "Rule",
    "RuleFile",
    "RuleOverlap",
    "SuggestConfig",
    "Suggestion",
    "Suggestions",
    "aim",
    "either",
    "expr",
    "masks",
    "measure",
    "most_alike",
    "overlap",
    "read",
    "suggest",
    "useful",
    "usefulness",
    "wilson",
    "without",
    "write",
]
