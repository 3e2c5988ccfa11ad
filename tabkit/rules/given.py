"""Rules as settings hold them: the path of a file, or the rules themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator

from tabkit import predicates
from tabkit.errors import ConfigError
from tabkit.predicates.rule import Rule

GivenRules = str | tuple[Rule, ...]
"""Rules as settings hold them: the path of a file, or the rules themselves."""


def understood(value: object) -> GivenRules:
    """Return rules as settings may give them: a path, rules, or plain data as TOML holds it; `ConfigError` otherwise.

    >>> understood([{"name": "young", "all_of": [{"column": "age", "lt": 30}]}])[0].text()
    'age < 30'
    """
    if isinstance(value, str | PathLike) and str(value):
        return str(value)
    items = [value] if isinstance(value, Rule | Mapping) else value
    if not isinstance(items, Iterable) or isinstance(items, str):
        raise ConfigError(f"rules are given as {value!r}", advice="give the path of a file of rules, or a list of them")
    return tuple(item if isinstance(item, Rule) else predicates.from_dict(item) for item in items)


Rules = Annotated[
    GivenRules,
    PlainValidator(understood),
    PlainSerializer(lambda rules: rules if isinstance(rules, str) else [rule.text() for rule in rules]),
]
"""Of settings: rules as `understood` takes them."""
