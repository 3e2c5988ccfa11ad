"""Choose an encoder for each column: those asked for, a default for the rest, and rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import polars as pl

from tabkit.encoding.encoders.drop import Drop
from tabkit.encoding.encoders.rule import PATTERN, RuleFeature, rule_parts
from tabkit.encoding.input import Input
from tabkit.encoding.protocol import Encoder
from tabkit.encoding.roles import RowRoles
from tabkit.errors import ConfigError, SchemaError
from tabkit.schema import dtype_name, family
from tabkit.target import TargetColumn

Key = str | tuple[str, ...]
Columns = Mapping[Key, Encoder | Sequence[Encoder]]
Default = Callable[[Input], Encoder | None] | None


def choose_parts(
    schema: pl.Schema,
    *,
    columns: Columns,
    rules: Sequence[RuleFeature],
    default: Default,
    targets: Sequence[TargetColumn],
    exclude: Iterable[str],
    roles: RowRoles,
) -> list[tuple[Input, Encoder]]:
    """Return what is encoded how: single columns in their order, then crosses, then rules.

    `default` gives the encoder of a column that is not in `columns`, None for one without values; with None for
    the default itself such columns are left out.
    """
    _check_keys(columns)
    asked = {(key,) if isinstance(key, str) else tuple(key): _listed(value) for key, value in columns.items()}
    inputs = _inputs(schema, columns, targets=targets, exclude=exclude, roles=roles)
    by_name = {column.name: column for column in inputs}
    absent = sorted({name for key in asked for name in key} - set(by_name))
    if absent:
        raise ConfigError(
            f"encoders are given for columns that are no features: {', '.join(map(repr, absent))}",
            advice="check the spelling; the target, the weight and excluded columns cannot be encoded",
        )
    taken = [column for column in inputs if (column.name,) in asked or default is not None]
    dropped = {key for key, encoders in asked.items() if all(isinstance(encoder, Drop) for encoder in encoders)}
    nested = [column.described for column in taken if column.family == "other" and column.columns not in dropped]
    if nested:
        raise SchemaError(
            f"columns that cannot be encoded: {', '.join(nested)}",
            advice="unnest structs, explode or aggregate lists, or leave these columns out",
        )
    parts = [(column, encoder) for column in taken for encoder in _encoders(default, column, asked.get(column.columns))]
    for key in (key for key in asked if len(key) > 1):
        pair = Input(key, tuple(schema[name] for name in key))
        _check_cross(pair, schema)
        parts += [(pair, encoder) for encoder in _encoders(default, pair, asked[key])]
    taken_names = [*schema.names(), *(column.name for column, _ in parts)]
    return parts + rule_parts(rules, schema, features=list(by_name), taken=taken_names)


def _listed(value: Encoder | Sequence[Encoder]) -> list[Encoder]:
    encoders = list(value) if isinstance(value, Sequence) else [value]
    wrong = [encoder for encoder in encoders if not hasattr(encoder, "finish") or isinstance(encoder, type)]
    if wrong or not encoders:
        raise ConfigError(
            f"encoders are given as {value!r}", advice="give an encoder such as Target(), or a list of encoders"
        )
    if any(isinstance(encoder, RuleFeature) for encoder in encoders):
        raise ConfigError("a rule is given as the encoder of a column", advice="pass it as one of the `rules`")
    return encoders


def _encoders(default: Default, column: Input, asked: list[Encoder] | None) -> list[Encoder]:
    if column.family == "null":
        return [Drop("all null")]
    if asked is None:
        found = default(column) if default is not None else None
        return [found] if found is not None else [Drop("all null")]
    for encoder in asked:
        if column.family not in encoder.families:
            text = "; cast it to String to encode it by its levels" if "text" in encoder.families else ""
            raise ConfigError(
                f"{type(encoder).__name__} does not take {column.described}",
                advice=f"it takes columns of these kinds: {', '.join(sorted(encoder.families))}{text}",
            )
    return asked


def _check_keys(columns: Columns) -> None:
    """Refuse keys that are no names, and crosses that would be called alike."""
    keys = [(key,) if isinstance(key, str) else key for key in columns]
    wrong = [key for key in keys if not isinstance(key, tuple) or not key or not all(isinstance(n, str) for n in key)]
    if wrong:
        raise ConfigError(
            f"encoders are given for {wrong[0]!r}", advice="give a column's name, or a tuple of names to cross them"
        )
    names = [" x ".join(key) for key in keys]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"two crosses would both be called {twice[0]!r}", advice="rename a column")


def _check_cross(pair: Input, schema: pl.Schema) -> None:
    kinds = {"text", "number", "boolean", "date"}
    wrong = [name for name, dtype in zip(pair.columns, pair.dtypes, strict=True) if family(dtype) not in kinds]
    if pair.name in schema:
        raise ConfigError(f"a cross would be called {pair.name!r}, as a column is", advice="rename that column")
    if wrong or len(set(pair.columns)) < len(pair.columns):
        raise ConfigError(
            f"columns that cannot be crossed: {pair.described}",
            advice=f"cross different columns of these kinds: {', '.join(sorted(kinds))}",
        )


def _inputs(
    schema: pl.Schema, columns: Columns, *, targets: Sequence[TargetColumn], exclude: Iterable[str], roles: RowRoles
) -> list[Input]:
    """Return the feature columns, once it is sure that every column named is there and can be named."""
    exclude = [exclude] if isinstance(exclude, str) else list(exclude)
    named = dict.fromkeys([*(target.name for target in targets), *roles.columns(), *exclude])
    absent = [name for name in named if name not in schema]
    if absent:
        raise SchemaError(
            f"columns that are not there: {', '.join(map(repr, absent))}",
            advice=f"the columns are {', '.join(map(repr, schema.names()[:40]))}",
        )
    if roles.weight and family(schema[roles.weight]) not in ("number", "boolean"):
        raise SchemaError(f"weight {roles.weight!r} is {dtype_name(schema[roles.weight])}; a number was expected")
    asked = {name for key in columns for name in ((key,) if isinstance(key, str) else key)}
    both = {name for name in (roles.groups, roles.time) if name in asked}  # features on request
    left_out = {*(t.name for t in targets), *(name for name in roles.columns() if name not in both), *exclude}
    inputs = [Input((name,), (dtype,)) for name, dtype in schema.items() if name not in left_out]
    used = [*(column.name for column in inputs), *(target.name for target in targets), *roles.columns()]
    patterns = [name for name in dict.fromkeys(used) if PATTERN.fullmatch(name)]
    if patterns:
        raise SchemaError(
            f"Polars reads these column names as patterns: {', '.join(map(repr, patterns))}",
            advice="rename them: a name may not be * or stand between ^ and $",
        )
    return inputs
