"""Every encoder by the name that it has in a saved state, and specifications as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from tabkit.encoding.auto import AutoText
from tabkit.encoding.encoders.codes import Codes
from tabkit.encoding.encoders.dates import DateParts
from tabkit.encoding.encoders.drop import Drop
from tabkit.encoding.encoders.durations import DurationParts
from tabkit.encoding.encoders.frequency import Frequency
from tabkit.encoding.encoders.leaveoneout import LeaveOneOut
from tabkit.encoding.encoders.logtarget import LogTarget
from tabkit.encoding.encoders.minhash import MinHash
from tabkit.encoding.encoders.ngramhash import NGramHash
from tabkit.encoding.encoders.numeric import Numeric
from tabkit.encoding.encoders.onehot import OneHot
from tabkit.encoding.encoders.ordered import OrderedTarget
from tabkit.encoding.encoders.ordinal import Ordinal
from tabkit.encoding.encoders.quantiles import QuantileBins
from tabkit.encoding.encoders.rule import RuleFeature
from tabkit.encoding.encoders.scale import RobustScale, StandardScale
from tabkit.encoding.encoders.target import Target
from tabkit.encoding.encoders.textlength import TextLength
from tabkit.encoding.encoders.woe import WeightOfEvidence
from tabkit.encoding.protocol import Encoder
from tabkit.errors import ConfigError, SchemaError
from tabkit.untrusted.manifest import NamedTable, shown

_ALL: tuple[type[Any], ...] = (
    AutoText,
    Codes,
    DateParts,
    Drop,
    DurationParts,
    Frequency,
    LeaveOneOut,
    LogTarget,
    MinHash,
    NGramHash,
    Numeric,
    OneHot,
    OrderedTarget,
    Ordinal,
    QuantileBins,
    RobustScale,
    RuleFeature,
    StandardScale,
    Target,
    TextLength,
    WeightOfEvidence,
)
ENCODERS: dict[str, type[Any]] = {spec.kind: spec for spec in _ALL}


def to_dict(spec: Encoder) -> dict[str, Any]:
    """Return a specification as plain data.

    >>> to_dict(Target(smoothing=10.0))
    {'kind': 'target', 'rare': 0, 'unseen': 'prior', 'null': 'level', 'smoothing': 10.0, 'levels': None}
    """
    values = {item.name: getattr(spec, item.name) for item in fields(spec)}  # type: ignore[arg-type]  # a dataclass
    return {"kind": spec.kind, **{k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}}


def from_dict(values: Mapping[str, Any]) -> Encoder:
    """Rebuild what `to_dict` gave; an encoder that this version does not know is a `SchemaError`."""
    given = NamedTable(values, "an encoder of a saved state")
    kind = given.text("kind")
    if kind not in ENCODERS:
        raise SchemaError(f"unknown encoder {kind!r} in a saved state", advice="upgrade tabkit-ml")
    options = {name: value for name, value in values.items() if name != "kind"}
    try:
        spec: Encoder = ENCODERS[kind](**options)
    except (TypeError, ValueError, OverflowError, ConfigError) as error:
        raise SchemaError(f"encoder {kind!r} of a saved state: {error}", advice="upgrade tabkit-ml") from error
    for name, adapter in _types(kind).items():
        value = options.get(name, getattr(spec, name))
        try:
            adapter.validate_python(tuple(value) if isinstance(value, list) else value)
        except ValidationError as error:
            raise SchemaError(
                f"encoder {kind!r} of a saved state: {name} cannot be {shown(value)}", advice="upgrade tabkit-ml"
            ) from error
    return spec


@cache
def _types(kind: str) -> dict[str, TypeAdapter[Any]]:
    """Return, by option, what a value is checked with: the type that the encoder writes beside it."""
    cls = ENCODERS[kind]
    hints = get_type_hints(cls)
    strict = ConfigDict(strict=True, allow_inf_nan=False)
    return {item.name: TypeAdapter(hints[item.name], config=strict) for item in fields(cls)}
