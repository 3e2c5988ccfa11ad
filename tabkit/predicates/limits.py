"""Limits on the size of rules from outside: larger ones would stall whoever evaluates them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabkit.errors import ConfigError

MOST_PARTS = 200
"""Conditions of a rule, and rules inside of it, however deep."""
MOST_LEVELS = 10_000
"""Levels of a condition."""
LONGEST_NAME = 1_000
"""Characters of the name of a rule or a column."""
LONGEST_LEVEL = 100_000
"""Characters of a level."""


def check_parts(rule: Mapping[Any, Any]) -> None:
    """Refuse a rule, as plain data, of too many parts; it is walked through without recursion and built nowhere.

    >>> check_parts({"all_of": [{"column": "age", "ge": 30}] * 201})
    Traceback (most recent call last):
    tabkit.errors.ConfigError: a rule has more than 200 conditions, rules inside of it counted too
    To do: merge conditions on one column into one with several levels, or divide the rule in two
    """
    found, left = 0, [rule]
    while left:
        inner = left.pop()
        conditions = inner.get("all_of")
        lists = [part for name in ("any_of", "none_of") if isinstance(part := inner.get(name), list)]
        rules = [each for part in lists for each in part]
        found += (len(conditions) if isinstance(conditions, list) else 0) + len(rules)
        if found > MOST_PARTS:
            raise ConfigError(
                f"a rule has more than {MOST_PARTS} conditions, rules inside of it counted too",
                advice="merge conditions on one column into one with several levels, or divide the rule in two",
            )
        left += [part for part in rules if isinstance(part, Mapping)]


def check_name(name: object, what: str) -> None:
    """Refuse a name that is too long to be one; whether it is text is checked where it is used.

    >>> check_name("a" * 1_001, "a column")
    Traceback (most recent call last):
    tabkit.errors.ConfigError: the name of a column has 1,001 characters; at most 1,000 were expected
    """
    if isinstance(name, str) and len(name) > LONGEST_NAME:
        raise ConfigError(f"the name of {what} has {len(name):,} characters; at most {LONGEST_NAME:,} were expected")


def check_levels(levels: list[Any], column: object) -> None:
    """Refuse levels that are too many, or too long.

    >>> check_levels(list(range(10_001)), "age")
    Traceback (most recent call last):
    tabkit.errors.ConfigError: the condition on 'age' lists 10,001 levels; at most 10,000 were expected
    To do: write a range, or the levels outside with not = true
    """
    if len(levels) > MOST_LEVELS:
        raise ConfigError(
            f"the condition on {column!r} lists {len(levels):,} levels; at most {MOST_LEVELS:,} were expected",
            advice="write a range, or the levels outside with not = true",
        )
    longest = max((len(level) for level in levels if isinstance(level, str)), default=0)
    if longest > LONGEST_LEVEL:
        raise ConfigError(f"a level of {column!r} has {longest:,} characters; at most {LONGEST_LEVEL:,} were expected")
