"""Rules: conjunctions of conditions, with alternatives and exceptions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields

from tabkit.errors import ConfigError
from tabkit.predicates.condition import Condition, Levels, Not, Null, Range

Conditions = Range | Levels | Null | Not


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The rows for which all conditions hold, any of the alternatives, and none of the exceptions.

    Parameters
    ----------
    name
        What the rule is called; as a feature, the name of its column.
    all_of
        Conditions that all must hold.
    any_of
        Rules of which at least one must hold, if there are any.
    none_of
        Rules of which none may hold.

    Examples
    --------
    >>> young = Rule(name="young", all_of=(Range(column="age", lt=30),))
    >>> retired = Rule(name="retired", all_of=(Levels(column="job", levels=("retired",)),))
    >>> print(either(young, retired, name="ends").text())
    (age < 30) or (job is "retired")
    >>> print(without(young, retired, name="still_young").text())
    age < 30 and not (job is "retired")
    """

    name: str = "rule"
    all_of: tuple[Condition, ...] = ()
    any_of: tuple[Rule, ...] = ()
    none_of: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise ConfigError(f"a rule is called {self.name!r}", advice="give it a name: it names the feature")
        for condition in self.all_of:
            if not isinstance(condition, Conditions):
                raise ConfigError(f"rule {self.name!r} holds {condition!r}, which is no condition")
        for rule in (*self.any_of, *self.none_of):
            if not isinstance(rule, Rule):
                raise ConfigError(f"rule {self.name!r} holds {rule!r}, which is no rule")

    def columns(self) -> tuple[str, ...]:
        """Return the columns that are looked at, each once, in order."""
        return tuple(dict.fromkeys(condition.column for condition in self.conditions()))

    def conditions(self) -> Iterator[Condition]:
        """Walk through all conditions, those of alternatives and exceptions too."""
        yield from self.all_of
        for rule in (*self.any_of, *self.none_of):
            yield from rule.conditions()

    def key(self) -> str:
        """Return a text that is equal for rules of equal parts, whatever their names and the order of their parts."""
        from_parts = {
            "all": sorted(dict.fromkeys(map(_key, self.all_of))),
            "any": sorted(dict.fromkeys(rule.key() for rule in self.any_of)),
            "none": sorted(dict.fromkeys(rule.key() for rule in self.none_of)),
        }
        return json.dumps(from_parts)

    def text(self) -> str:
        """Return the rule as people read it; see `tabkit.predicates.text`."""
        return text(self)


def _key(condition: Condition) -> str:
    """Return a text that is equal for equal conditions, 1 and 1.0 alike."""
    if isinstance(condition, Not):
        return f"not {_key(condition.condition)}"
    values = {item.name: getattr(condition, item.name) for item in fields(condition)}
    return repr({name: _plain(value) for name, value in values.items()})


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def either(*rules: Rule, name: str) -> Rule:
    """Return the rows of any of the rules."""
    return Rule(name=name, any_of=rules)


def without(rule: Rule, *others: Rule, name: str) -> Rule:
    """Return the rows of a rule that are in none of the others."""
    return Rule(name=name, all_of=rule.all_of, any_of=rule.any_of, none_of=(*rule.none_of, *others))


def text(rule: Rule) -> str:
    """Return a rule as people read it. It is for reading alone: nothing is ever read back from it.

    >>> text(Rule(all_of=(Range(column="age", ge=30, lt=45, null=True), Not(Null(column="first city")))))
    '(30 <= age < 45 or age is null) and "first city" is not null'
    >>> text(Rule())
    'every row'
    """
    parts = [condition_text(condition) for condition in rule.all_of]
    if rule.any_of:
        options = " or ".join(f"({text(option)})" for option in rule.any_of)
        parts.append(f"({options})" if parts and len(rule.any_of) > 1 else options)
    parts += [f"not ({text(exception)})" for exception in rule.none_of]
    return " and ".join(parts) or "every row"


def condition_text(condition: Condition) -> str:
    """Return a condition as people read it.

    >>> condition_text(Not(Levels(column="job", levels=("admin", "student"), null=True)))
    'job not in {"admin", "student"} and not null'
    >>> condition_text(Not(Range(column="age", ge=30)))
    '(not age >= 30 or age is null)'
    """
    if isinstance(condition, Not):
        return _negated(condition.condition)
    column = _named(condition.column)
    if isinstance(condition, Null):
        return f"{column} is null"
    said = _range_text(condition) if isinstance(condition, Range) else _levels_text(condition, "is", "in")
    return f"({said} or {column} is null)" if condition.null else said


def _negated(condition: Range | Levels | Null) -> str:
    column = _named(condition.column)
    if isinstance(condition, Null):
        return f"{column} is not null"
    if isinstance(condition, Range):
        low, high = condition.low, condition.high
        said = _range_text(condition)
        said = f"not ({said})" if low is not None and high is not None else f"not {said}"
    else:
        said = _levels_text(condition, "is not", "not in")
    return f"{said} and not null" if condition.null else f"({said} or {column} is null)"


def _range_text(condition: Range) -> str:
    column, low, high = _named(condition.column), condition.low, condition.high
    if low is None:
        return f"{column} {'<' if condition.le is None else '<='} {high}"
    if high is None:
        return f"{column} {'>' if condition.ge is None else '>='} {low}"
    below = "<" if condition.ge is None else "<="
    return f"{low} {below} {column} {'<' if condition.le is None else '<='} {high}"


def _levels_text(condition: Levels, one: str, several: str) -> str:
    column, shown = _named(condition.column), [_level(level) for level in condition.levels]
    return f"{column} {one} {shown[0]}" if len(shown) == 1 else f"{column} {several} {{{', '.join(shown)}}}"


def _level(level: object) -> str:
    if isinstance(level, str):
        return json.dumps(level, ensure_ascii=False)
    return str(level).lower() if isinstance(level, bool) else str(level)


def _named(column: str) -> str:
    return column if column.isidentifier() else json.dumps(column, ensure_ascii=False)
