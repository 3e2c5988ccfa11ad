"""Settings of the table encoder, as a file or the command line gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import Field

from tabkit.config import Config
from tabkit.encoding import registry
from tabkit.encoding.encoders.rule import RuleFeature
from tabkit.encoding.protocol import Encoder
from tabkit.encoding.table.choosing import Key
from tabkit.encoding.table.encoder import TableEncoder
from tabkit.errors import ConfigError
from tabkit.predicates import Rule


class EncodingConfig(Config):
    """How columns become features; see `TableEncoder` for each.

    Parameters
    ----------
    exclude
        Columns that are no features, such as what is known only after the target.
    known
        Columns that are known before the target, however well they tell it: they are not asked about.
    columns
        Encoders by column: a table with ``kind`` and the encoder's parameters, or a list of such tables.
    crosses
        Columns that are crossed: tables with ``columns``, ``kind`` and the encoder's parameters.
    past_only
        In `train`, with a time role: encode each row by earlier ones only, the oldest ones by nothing (null). `encode`
        always does.

    Examples
    --------
    >>> config = EncodingConfig(columns={"tailnum": {"kind": "log_target", "smoothing": 20}})
    >>> config.encoder(seed=0).columns["tailnum"][0].smoothing
    20
    """

    exclude: list[str] = Field(default_factory=list)
    known: list[str] = Field(default_factory=list)
    default: Literal["auto", "drop"] = "auto"
    columns: dict[str, dict[str, Any] | list[dict[str, Any]]] = Field(default_factory=dict)
    crosses: list[dict[str, Any]] = Field(default_factory=list)
    max_onehot: int = Field(default=10, ge=0)
    smoothing: Annotated[float, Field(ge=0, allow_inf_nan=False)] | Literal["auto"] = "auto"
    folds: int = Field(default=5, ge=2)
    past_only: bool = False
    infinite: Literal["error", "null"] = "error"

    def encoder(self, *, seed: int, rules: Sequence[Rule | RuleFeature] = ()) -> TableEncoder:
        """Return the specification, with rules as further features."""
        return TableEncoder(
            default=self.default,
            columns=self._columns(),
            rules=rules,
            max_onehot=self.max_onehot,
            smoothing=self.smoothing,
            folds=self.folds,
            infinite=self.infinite,
            seed=seed,
        )

    def _columns(self) -> dict[Key, Sequence[Encoder]]:
        found: dict[Key, list[Encoder]] = {}
        for name, value in self.columns.items():
            found[name] = [_encoder(item, name) for item in ([value] if isinstance(value, dict) else value)]
        for cross in self.crosses:
            columns = cross.get("columns")
            if not isinstance(columns, list) or len(columns) < 2 or not all(isinstance(c, str) for c in columns):
                raise ConfigError(
                    f"a cross is given as {cross!r}", advice='name at least two columns: columns = ["shop", "weekday"]'
                )
            rest = {name: value for name, value in cross.items() if name != "columns"}
            found.setdefault(tuple(columns), []).append(_encoder(rest, " x ".join(columns)))
        return dict(found)


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
