"""Rules in a TOML file: what people read, edit and keep beside their code."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from tabkit.errors import ConfigError, SourceError, TabkitError
from tabkit.predicates import Rule, from_dict, to_dict
from tabkit.staging import staged_file

FORMAT = 1
_KNOWN = {"format", "found", "rules"}


@dataclass(frozen=True, slots=True)
class RuleFile:
    """What a file of rules holds.

    Parameters
    ----------
    rules
        In the order of the file; their names differ.
    found
        Where they come from, as plain data: source, target, split, how many rules were tried. Empty if written by hand.
    measured
        By name: what was measured when a rule was saved.
    """

    rules: tuple[Rule, ...]
    found: Mapping[str, Any] = field(default_factory=dict)
    measured: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def with_rule(self, rule: Rule, measured: Mapping[str, Any] | None = None) -> RuleFile:
        """Return the file with one more rule, in place of one of its name if there is one."""
        rules = tuple(known for known in self.rules if known.name != rule.name)
        kept = {name: values for name, values in self.measured.items() if name != rule.name}
        return RuleFile((*rules, rule), self.found, kept if measured is None else {**kept, rule.name: measured})


def read(path: str | Path) -> RuleFile:
    """Read a file of rules.

    Raises
    ------
    SourceError
        If it cannot be read, or is not TOML.
    ConfigError
        If it holds anything but rules: the error names the rule, and what was expected.
    """
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise SourceError(
            f"the rules {str(path)!r} cannot be read: {error}",
            advice="give a TOML file as `tabkit rules suggest` writes",
        ) from error
    return parse(values, what=str(path))


def parse(values: Mapping[str, Any], *, what: str) -> RuleFile:
    """Understand what a file of rules holds; see `read`."""
    unknown = [name for name in values if name not in _KNOWN]
    rules = values.get("rules", [])
    if unknown or not isinstance(rules, list):
        raise ConfigError(
            f"{what!r} holds {', '.join(map(repr, unknown)) or 'rules that are no list'}",
            advice="a file of rules has [[rules]] tables, and may have format and [found]",
        )
    if values.get("format", FORMAT) != FORMAT:
        raise ConfigError(
            f"{what!r} has format {values['format']!r}; this tabkit reads format {FORMAT}", advice="upgrade tabkit-ml"
        )
    found = values.get("found", {})
    if not isinstance(found, Mapping):
        raise ConfigError(f"found in {what!r} is {found!r}; a table was expected")
    read_rules: list[Rule] = []
    measured: dict[str, Mapping[str, Any]] = {}
    for index, item in enumerate(rules):
        rule, numbers = _rule(item, index=index, what=what)
        read_rules.append(rule)
        measured |= {rule.name: numbers} if numbers else {}
    _check_names(read_rules, what)
    return RuleFile(tuple(read_rules), found, measured)


def write(path: str | Path, content: RuleFile) -> None:
    """Write a file of rules; what stood there before is replaced in one step, or still stands.

    Raises
    ------
    ConfigError
        If it cannot be written, or two rules have one name.
    """
    _check_names(content.rules, str(path))
    text = to_toml(content)
    with staged_file(path, kind=ConfigError) as hidden:
        hidden.write_text(text, encoding="utf-8")


def to_toml(content: RuleFile) -> str:
    """Return the text of a file of rules.

    >>> from tabkit.predicates import Range
    >>> print(to_toml(RuleFile((Rule(name="young", all_of=(Range(column="age", lt=30),)),))))
    format = 1
    <BLANKLINE>
    [[rules]]
    name = "young"
    all_of = [
        { column = "age", lt = 30 },
    ]
    <BLANKLINE>
    """
    rules = [
        {**to_dict(rule), **({"measured": dict(content.measured[rule.name])} if rule.name in content.measured else {})}
        for rule in content.rules
    ]
    whole = {"format": FORMAT, **({"found": dict(content.found)} if content.found else {}), "rules": rules}
    return tomli_w.dumps(_without_nulls(whole))


def _rule(item: object, *, index: int, what: str) -> tuple[Rule, Mapping[str, Any]]:
    if not isinstance(item, Mapping):
        raise ConfigError(f"rule {index + 1} of {what!r} is {item!r}; a table was expected")
    numbers = item.get("measured", {})
    name = item.get("name", f"rule_{index + 1}")
    try:
        rule = from_dict({"name": name, **{key: value for key, value in item.items() if key != "measured"}})
    except TabkitError as error:
        raise ConfigError(f"rule {name!r} of {what!r}: {error.problem}", advice=error.advice) from error
    return rule, numbers if isinstance(numbers, Mapping) else {}


def _check_names(rules: Sequence[Rule], what: str) -> None:
    names = [rule.name for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            f"{what!r} has several rules called {', '.join(map(repr, twice))}",
            advice="a name is a feature: give each its own",
        )


def _without_nulls(value: Any) -> Any:
    """Leave out what is None: TOML has no null."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list | tuple) else value
