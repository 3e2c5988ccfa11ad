"""Rules as features of a model: read from a file or given, and checked against the table's roles."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tabkit.errors import ConfigError
from tabkit.predicates import Rule, check
from tabkit.rules.given import GivenRules
from tabkit.rules.saved import RuleFile, read
from tabkit.table import Table


def load_rules(given: GivenRules) -> RuleFile:
    """Return rules with their provenance, read from a file if a path was given."""
    return read(given) if isinstance(given, str) else RuleFile(given)


def origin(file: RuleFile) -> dict[str, Any]:
    """Return the provenance in a file of rules as JSON, with times as text and without the row sample."""
    told = {name: value for name, value in file.found.items() if name != "sketch"}
    found: dict[str, Any] = json.loads(json.dumps(told, default=str))
    return found


def rules_of(given: GivenRules) -> tuple[Rule, ...]:
    """Return the rules alone; see `load_rules`."""
    return load_rules(given).rules


def check_rules(rules: Sequence[Rule], table: Table, *, exclude: Sequence[str] = ()) -> None:
    """Refuse rules on columns with roles, on absent columns, or on columns of another type.

    Raises
    ------
    ConfigError
        If a rule looks at a column that has a role or is excluded: it would be a feature in disguise.
    SchemaError
        If columns are missing, or conditions do not fit their types.
    """
    why = {column: f"has the role {role}" for role, column in table.roles.given().items()}
    why |= dict.fromkeys(exclude, "is excluded")
    found = [
        f"{rule.name!r} looks at {name!r}, which {why[name]}"
        for rule in rules
        for name in rule.columns()
        if name in why
    ]
    if found:
        raise ConfigError(
            f"rules that cannot be features: {'; '.join(found)}",
            advice="leave these rules out, or give the column no role",
        )
    check(rules, table.frame.schema, what=table.name)
