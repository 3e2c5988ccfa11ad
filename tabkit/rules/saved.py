"""Rules in a TOML file that people read, edit and keep under version control."""

from __future__ import annotations

import datetime
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from tabkit.errors import ConfigError, TabkitError
from tabkit.predicates import Rule, from_dict, to_dict
from tabkit.rules.given import content_of
from tabkit.sources.failures import some
from tabkit.staging import staged_file

FORMAT = 1  # rises when a file of rules can no longer be read by older versions
_KNOWN = {"format", "found", "rules"}
_TEXTS = {"source", "target", "positive", "treatment", "arm", "control", "time", "group", "print", "division", "sketch"}
_COUNTS = {"tried", "rows", "seed"}
_LISTS = {"columns", "kinds"}
_PARTS = ("train", "holdout")
_MOST = 2**63  # TOML's integers have 64 bits


@dataclass(frozen=True, slots=True)
class RuleFile:
    """The content of a file of rules.

    Parameters
    ----------
    rules
        In the order of the file; their names differ.
    found
        Where they come from, as plain data: source, target, split, how many rules were tried, and what rows are known
        again by. Empty if written by hand.
    measured
        By name: what was measured when a rule was saved, on the rows to look at (``train``) and on those held out
        (``holdout``), numbers by name; and ``p``, of its test.
    """

    rules: tuple[Rule, ...]
    found: Mapping[str, Any] = field(default_factory=dict)
    measured: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def with_rule(self, rule: Rule, measured: Mapping[str, Any] | None = None) -> RuleFile:
        """Return the file with one more rule; it replaces one of the same name."""
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
    return parse(content_of(path), what=str(path))


def parse(values: Mapping[str, Any], *, what: str) -> RuleFile:
    """Parse the text of a file of rules; see `read`."""
    unknown = [name for name in values if name not in _KNOWN]
    rules = values.get("rules", [])
    if unknown or not isinstance(rules, list):
        raise ConfigError(
            f"{what!r} holds {some(unknown) or 'rules that are no list'}",
            advice="a file of rules has [[rules]] tables, and may have format and [found]",
        )
    if values.get("format", FORMAT) != FORMAT:
        raise ConfigError(
            f"{what!r} has format {values['format']!r}; this tabkit reads format {FORMAT}", advice="upgrade tabkit-ml"
        )
    origin = values.get("found", {})
    _check_found(origin, what)
    read_rules: list[Rule] = []
    measured: dict[str, Mapping[str, Any]] = {}
    for index, item in enumerate(rules):
        rule, numbers = _rule(item, index=index, what=what)
        read_rules.append(rule)
        measured |= {rule.name: numbers} if numbers else {}
    _check_names(read_rules, what)
    return RuleFile(tuple(read_rules), origin, measured)


def write(path: str | Path, content: RuleFile) -> None:
    """Write a file of rules, atomically.

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
        raise ConfigError(f"rule {_shown(name)} of {what!r}: {error.problem}", advice=error.advice) from error
    _check_measured(numbers, f"rule {name!r} of {what!r}")
    return rule, numbers


def _check_found(found: object, what: str) -> None:
    """Refuse what is no flat table, or has a known name and another type: who reads it later trusts it."""
    if not isinstance(found, Mapping):
        raise ConfigError(f"found in {what!r} is {_shown(found)}; a table was expected")
    for name, value in found.items():
        expected = _expected(name, value)
        if expected is not None:
            raise ConfigError(
                f"{name} under found in {what!r} is {_shown(value)}; {expected} was expected",
                advice="leave the line out, or write it as `tabkit rules suggest` does",
            )


def _expected(name: str, value: object) -> str | None:
    """Return what was expected under a name of ``found``; None if it came."""
    if name in _COUNTS:
        return None if _whole(value) and 0 <= value < _MOST else "a whole number from 0"  # type: ignore[operator]
    if name == "holdout":
        return None if _number(value) and 0 < value < 1 else "a share between 0 and 1"  # type: ignore[operator]
    if name in _TEXTS:
        return None if isinstance(value, str) else "text"
    texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
    if name in _LISTS:
        return None if texts else "a list of text"
    plain = isinstance(value, str | bool | datetime.date | datetime.time) or _number(value)
    return None if plain or texts else "text, a finite number, true or false, a date, or a list of text"


def _check_measured(measured: object, where: str) -> None:
    """Refuse anything but numbers by part."""
    if not isinstance(measured, Mapping):
        raise ConfigError(f"{where}: measured is {_shown(measured)}; a table was expected")
    for part, values in measured.items():
        if part == "p" and _number(values):
            continue
        if part not in _PARTS or not isinstance(values, Mapping):
            raise ConfigError(
                f"{where}: measured.{part} is {_shown(values)}; tables train and holdout and a number p were expected"
            )
        for name, value in values.items():
            if not isinstance(value, bool) and not _number(value):
                raise ConfigError(f"{where}: measured.{part}.{name} is {_shown(value)}; a finite number was expected")


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MOST


def _number(value: object) -> bool:
    return _whole(value) or (isinstance(value, float) and math.isfinite(value))


def _shown(value: object) -> str:
    # Of a whole number of more than 4,300 digits Python writes nothing.
    if isinstance(value, int) and abs(value) > _MOST:
        return "a whole number beyond 64 bits"
    said = "a table" if isinstance(value, Mapping) else "a list" if isinstance(value, list) else repr(value)
    return said if len(said) <= 100 else f"{said[:100]}..."


def _check_names(rules: Sequence[Rule], what: str) -> None:
    twice = sorted(name for name, count in Counter(rule.name for rule in rules).items() if count > 1)
    if twice:
        raise ConfigError(
            f"{what!r} has several rules called {', '.join(map(repr, twice))}",
            advice="a name is a feature: give each its own",
        )


def _without_nulls(value: Any) -> Any:
    """Leave out what is None: TOML has no null. What is not finite is none either, and would not be read again."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if not _none(item)}
    return [_without_nulls(item) for item in value] if isinstance(value, list | tuple) else value


def _none(value: object) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))
