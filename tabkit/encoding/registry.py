"""Every encoder by the name that it has in a saved state, and specifications as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from tabkit.encoding.auto import AutoText
from tabkit.encoding.codes import Codes
from tabkit.encoding.dates import DateParts
from tabkit.encoding.drop import Drop
from tabkit.encoding.durations import DurationParts
from tabkit.encoding.frequency import Frequency
from tabkit.encoding.leaveoneout import LeaveOneOut
from tabkit.encoding.logtarget import LogTarget
from tabkit.encoding.minhash import MinHash
from tabkit.encoding.ngramhash import NGramHash
from tabkit.encoding.numeric import Numeric
from tabkit.encoding.onehot import OneHot
from tabkit.encoding.ordered import OrderedTarget
from tabkit.encoding.ordinal import Ordinal
from tabkit.encoding.protocol import Encoder
from tabkit.encoding.quantiles import QuantileBins
from tabkit.encoding.rule import RuleFeature
from tabkit.encoding.scale import RobustScale, StandardScale
from tabkit.encoding.target import Target
from tabkit.encoding.textlength import TextLength
from tabkit.encoding.woe import WeightOfEvidence
from tabkit.errors import ConfigError, SchemaError

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
    kind = values["kind"]
    if kind not in ENCODERS:
        raise SchemaError(f"unknown encoder {kind!r} in a saved state", advice="upgrade tabkit-ml")
    try:
        spec: Encoder = ENCODERS[kind](**{name: value for name, value in values.items() if name != "kind"})
    except (TypeError, ConfigError) as error:
        raise SchemaError(f"encoder {kind!r} of a saved state: {error}", advice="upgrade tabkit-ml") from error
    return spec
