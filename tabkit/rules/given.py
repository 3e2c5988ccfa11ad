"""Rules as settings hold them: the path of a file, or the rules themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from tabkit import predicates
from tabkit.errors import ConfigError, SourceError
from tabkit.predicates.rule import Rule
from tabkit.untrusted import toml

GivenRules = str | tuple[Rule, ...]
"""Rules as settings hold them: the path of a file, or the rules themselves."""


def content_of(path: str | Path) -> dict[str, Any]:
    """Return what a file of rules holds as plain data; `SourceError` if it cannot be read, or is not TOML."""
    advice = "give a TOML file as `tabkit rules suggest` writes"
    return toml.read(path, what="the rules file", kind=SourceError, advice=advice)


def no_rules(path: str) -> ConfigError:
    """Return what is said of a file of rules to show that is not there."""
    return ConfigError(f"there is no file of rules {path!r}", advice="check its name, or leave --rules out")


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
