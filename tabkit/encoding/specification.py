"""Build a table encoder from settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from tabkit.encoding import registry
from tabkit.encoding.config import EncodingConfig
from tabkit.encoding.encoders.rule import RuleFeature
from tabkit.encoding.protocol import Encoder
from tabkit.encoding.table.choosing import Key
from tabkit.encoding.table.encoder import TableEncoder
from tabkit.errors import ConfigError
from tabkit.predicates import Rule


def table_encoder(config: EncodingConfig, *, seed: int, rules: Sequence[Rule | RuleFeature] = ()) -> TableEncoder:
    """Return the table encoder of settings, with rules as further features.

    Raises
    ------
    ConfigError
        If an encoder is of no known kind, has other parameters, or a cross names fewer than two columns.

    Examples
    --------
    >>> config = EncodingConfig(columns={"tailnum": {"kind": "log_target", "smoothing": 20}})
    >>> table_encoder(config, seed=0).columns["tailnum"][0].smoothing
    20
    """
    return TableEncoder(
        default=config.default,
        columns=_columns(config),
        rules=rules,
        max_onehot=config.max_onehot,
        smoothing=config.smoothing,
        folds=config.folds,
        infinite=config.infinite,
        seed=seed,
    )


def _columns(config: EncodingConfig) -> dict[Key, Sequence[Encoder]]:
    encoders: dict[Key, list[Encoder]] = {}
    for name, value in config.columns.items():
        encoders[name] = [_encoder(item, name) for item in ([value] if isinstance(value, dict) else value)]
    for cross in config.crosses:
        columns = cross.get("columns")
        if not isinstance(columns, list) or len(columns) < 2 or not all(isinstance(c, str) for c in columns):
            raise ConfigError(
                f"a cross is given as {cross!r}", advice='name at least two columns: columns = ["shop", "weekday"]'
            )
        rest = {name: value for name, value in cross.items() if name != "columns"}
        encoders.setdefault(tuple(columns), []).append(_encoder(rest, " x ".join(columns)))
    return dict(encoders)


def _encoder(values: Mapping[str, Any], column: str) -> Encoder:
    kind = values.get("kind")
    if kind not in registry.ENCODERS:
        raise ConfigError(
            f"the encoder of {column!r} is of kind {kind!r}",
            advice=f"the kinds are {', '.join(sorted(registry.ENCODERS))}",
        )
    spec = registry.ENCODERS[kind]
    known = [item.name for item in fields(spec)]
    rest = {name: value for name, value in values.items() if name != "kind"}
    unknown = [name for name in rest if name not in known]
    if unknown:
        raise ConfigError(
            f"the encoder {kind!r} of {column!r} has no parameters {', '.join(map(repr, unknown))}",
            advice=f"its parameters are {', '.join(known)}",
        )
    try:
        encoder: Encoder = spec(**rest)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the encoder {kind!r} of {column!r}: {error}", advice="check the types") from error
    return encoder
