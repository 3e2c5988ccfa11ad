"""Rules as features: 1 for rows that match a rule, 0 for others."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, get_args

import polars as pl

from tabkit.encoding.aim import Aim
from tabkit.encoding.encoders.exprs import FittedExprs
from tabkit.encoding.input import Input
from tabkit.encoding.protocol import FittedEncoder, Need, Scalars, Statistics, pool_scalars
from tabkit.encoding.sql.rules import statement
from tabkit.errors import ConfigError
from tabkit.predicates import Rule, check, expr, from_dict, to_dict
from tabkit.schema import Family, dtype_name, family

PATTERN = re.compile(r"\*|\^.*\$", flags=re.DOTALL)
"""Names that Polars reads as patterns of names."""


@dataclass(frozen=True, slots=True)
class RuleFeature:
    """A rule as a feature: UInt8, never null, whatever is null, NaN or never seen in its columns.

    Parameters
    ----------
    rule
        The rule as plain data, times as text (ISO 8601): what `RuleFeature.of` makes of a `tabkit.predicates.Rule`.
    keep
        Keep the feature even if it does not vary.
    left_out
        Why the rule makes no feature; empty for one that makes one.

    Examples
    --------
    >>> from tabkit.predicates import Range
    >>> RuleFeature.of(Rule(name="young", all_of=(Range(column="age", lt=30),))).rule
    {'name': 'young', 'all_of': [{'column': 'age', 'lt': 30}]}
    """

    rule: Mapping[str, Any] = field(default_factory=lambda: to_dict(Rule()))
    keep: bool = False
    left_out: str = ""
    kind: ClassVar[str] = "rule"
    families: ClassVar[frozenset[Family]] = frozenset(get_args(Family))
    needs: ClassVar[frozenset[Need]] = frozenset()

    def __hash__(self) -> int:
        """Go by the rule's text: plain data has no hash."""
        return hash((json.dumps(self.rule), self.keep, self.left_out))

    @classmethod
    def of(cls, rule: Rule) -> RuleFeature:
        """Return the specification of a rule."""
        return cls(_plain(to_dict(rule)))

    def columns(self) -> tuple[str, ...]:
        """Return the columns that are looked at, each once."""
        return tuple(dict.fromkeys(_walk(self.rule)))

    def read(self, dtypes: Mapping[str, pl.DataType]) -> Rule:
        """Return the rule; the types of its columns say which texts are times."""
        return from_dict(self.rule, dtypes)

    def scalars(self, column: Input, weight: pl.Expr) -> dict[str, pl.Expr]:  # noqa: ARG002  # the protocol's signature
        """Ask whether the rule holds anywhere, and everywhere."""
        inside = self._inside(column)
        return {"low": inside.min(), "high": inside.max()}

    def pool(self, parts: Sequence[Scalars]) -> Scalars:
        """Pool by name."""
        return pool_scalars(parts)

    def finish(self, column: Input, found: Statistics, aims: tuple[Aim, ...]) -> FittedEncoder:  # noqa: ARG002
        """Make the feature, unless it is the same for all rows."""
        flat = self.left_out or ("" if self.keep else _flat(found))
        if flat:
            gone = RuleFeature(self.rule, left_out=flat)
            return FittedExprs(column.name, gone, gone, (), (), flat, ())
        rule = self.read(_dtypes(column))
        return FittedExprs(
            column.name,
            RuleFeature(self.rule),
            RuleFeature(self.rule, keep=True),
            (self._inside(column),),
            (rule.name,),
            rule.text(),
            (statement(rule, _dtypes(column)),),
        )

    def _inside(self, column: Input) -> pl.Expr:
        dtypes = _dtypes(column)
        return expr(self.read(dtypes), dtypes).cast(pl.UInt8)


def specs_of(rules: Iterable[Rule | RuleFeature]) -> tuple[RuleFeature, ...]:
    """Return the specifications of rules; a `ConfigError` for anything else."""
    found = [rules] if isinstance(rules, Rule | RuleFeature) else list(rules)
    wrong = [rule for rule in found if not isinstance(rule, Rule | RuleFeature)]
    if wrong:
        raise ConfigError(
            f"a rule is given as {wrong[0]!r}", advice="give rules such as tabkit.predicates.Rule(name=..., all_of=...)"
        )
    return tuple(RuleFeature.of(rule) if isinstance(rule, Rule) else rule for rule in found)


def rule_parts(
    rules: Sequence[RuleFeature], schema: pl.Schema, *, features: Sequence[str], taken: Sequence[str]
) -> list[tuple[Input, RuleFeature]]:
    """Return what is encoded by rules, once it is sure that each can be.

    Parameters
    ----------
    features
        The columns that may be features: rules look at no others.
    taken
        Names of columns and crosses, which no rule may have.

    Raises
    ------
    ConfigError
        If rules share a name, have that of a column, or look at a target, a role or an excluded column.
    SchemaError
        If columns are missing, or of a type that the conditions do not fit.
    """
    read = [spec.read(schema) for spec in rules]
    problems = [*_names(read, taken), *_columns(read, schema, features)]
    if problems:
        raise ConfigError(
            f"rules that cannot be features: {'; '.join(problems)}",
            advice="rename these rules, or leave out these conditions",
        )
    check(read, schema)
    inputs = [Input(r.columns(), tuple(schema[name] for name in r.columns()), r.name) for r in read]
    return list(zip(inputs, rules, strict=True))


def _names(rules: Sequence[Rule], taken: Sequence[str]) -> list[str]:
    """Say which rules cannot be called as they are: a rule's name is its feature's, and its source's."""
    names = [rule.name for rule in rules]
    twice = dict.fromkeys(name for name in names if names.count(name) > 1)
    found = [f"several are called {name!r}" for name in twice]
    found += [f"{name!r} is called like a column" for name in dict.fromkeys(names) if name in taken]
    return found + [f"{name!r} is a pattern of names to Polars" for name in names if PATTERN.fullmatch(name)]


def _columns(rules: Sequence[Rule], schema: pl.Schema, features: Sequence[str]) -> list[str]:
    """Say which rules look at what is there but no feature: it would come in by the back door."""
    pairs = [(rule.name, name) for rule in rules for name in rule.columns() if name in schema]
    found = [f"{rule!r} looks at {name!r}, which is no feature" for rule, name in pairs if name not in features]
    return found + [
        f"{rule!r} looks at {name!r}, which is {dtype_name(schema[name])}"
        for rule, name in pairs
        if family(schema[name]) in ("other", "null")
    ]


def _dtypes(column: Input) -> dict[str, pl.DataType]:
    return dict(zip(column.columns, column.dtypes, strict=True))


def _walk(rule: Mapping[str, Any]) -> Iterator[str]:
    yield from (condition["column"] for condition in rule.get("all_of", ()))
    for inner in (*rule.get("any_of", ()), *rule.get("none_of", ())):
        yield from _walk(inner)


def _flat(found: Statistics) -> str:
    low, high = found.scalars["low"], found.scalars["high"]
    return "" if low != high else "true in every row" if low else "true in no row"


def _plain(value: Any) -> Any:
    """Write dates and datetimes as text, as JSON holds them."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime.date) else value
