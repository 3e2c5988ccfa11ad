"""Rules found in data, and proved on rows that nobody has looked at."""

from tabkit.predicates import Levels, Not, Null, Range, Rule, either, expr, without
from tabkit.rules.config import SuggestConfig
from tabkit.rules.discovery import suggest
from tabkit.rules.goal import Aimed, Goal, aim
from tabkit.rules.ledger import Ledger
from tabkit.rules.measurement import Measured, masks, measure, wilson
from tabkit.rules.relevance import useful, usefulness
from tabkit.rules.saved import RuleFile, read, write
from tabkit.rules.similarity import Overlap, most_alike, overlap
from tabkit.rules.suggestion import Suggestion, Suggestions

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
