"""Settings read from a bundle, without LightGBM parameters that are refused today; a warning names them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from tabkit.boosting.refused import REFUSED
from tabkit.config import Config, settings_of

C = TypeVar("C", bound=Config)
_PARAMS = "params"


def stored(kind: type[C], config: Mapping[str, Any]) -> C:
    """Return the settings of a bundle's training, without LightGBM parameters that are refused by now.

    The trees that were grown with them stay what they are; new ones grow without.
    """
    return settings_of(kind, accepted(config))  # former versions kept the roles among them


def accepted(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as plain data, without LightGBM parameters that are refused by now.

    >>> accepted({"level": 0.9, "boosting": {"params": {"max_bin": 63, "scale_pos_weight": 3}}})
    {'level': 0.9, 'boosting': {'params': {'max_bin': 63}}}
    """
    return {name: _without(part) if isinstance(part, Mapping) else part for name, part in config.items()}


def refused_by_now(config: Mapping[str, Any], *, what: str = "The model") -> list[str]:
    """Say which LightGBM parameters a bundle was made with that are refused by now, and why; none is usual.

    >>> refused_by_now({"boosting": {"params": {"max_bin": 63}}})
    []
    """
    parts = [part.get(_PARAMS) or {} for part in config.values() if isinstance(part, Mapping)]
    names = dict.fromkeys(name for params in parts for name in params if name in REFUSED)
    return [
        f"{what} was fitted with the LightGBM parameter {name!r}, which is refused by now ({REFUSED[name]}): new trees "
        "grow without it. Retrain to be rid of it."
        for name in names
    ]


def _without(part: Mapping[str, Any]) -> dict[str, Any]:
    params = part.get(_PARAMS)
    if not isinstance(params, Mapping):
        return dict(part)
    return {**part, _PARAMS: {name: value for name, value in params.items() if name not in REFUSED}}
