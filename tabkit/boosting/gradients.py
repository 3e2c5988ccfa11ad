"""The objectives by the raw score: their losses, and first and second derivatives as LightGBM takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tabkit.objective import inverse_link

Floats = NDArray[np.float64]


class Derivatives(NamedTuple):
    """Of the loss of each row, shape (n,), or (n, classes) for several."""

    gradient: Floats
    hessian: Floats


def derivatives(objective: str, y: Floats, raw: Floats, params: Mapping[str, Any]) -> Derivatives:
    """Return the derivatives at raw scores, shape (n,) or (n, classes), under LightGBM's parameters of the fit.

    The second derivatives of `poisson` and `multiclass` are those of LightGBM's steps: the former is made larger by
    ``e^poisson_max_delta_step``, which keeps steps small, the latter is ``K / (K - 1) p (1 - p)`` (Friedman 2001,
    algorithm 6).
    """
    return _DERIVATIVES[objective](y, raw, params)


def losses(objective: str, y: Floats, raw: Floats, params: Mapping[str, Any]) -> Floats:
    """Return the loss of each row, shape (n,), up to a constant: that of which `derivatives` are taken."""
    if objective == "multiclass":
        highest = raw.max(axis=1)
        chosen = np.take_along_axis(raw, y.astype(np.int64)[:, None], axis=1)[:, 0]
        return np.asarray(highest + np.log(np.exp(raw - highest[:, None]).sum(axis=1)) - chosen)
    if objective == "binary":
        return np.asarray(np.logaddexp(0, raw) - y * raw)
    if objective == "regression":
        return np.asarray((raw - y) ** 2 / 2)
    power = {"poisson": 1.0, "gamma": 2.0}.get(objective, _power(params))
    left = y * (raw if power == 1 else np.exp((1 - power) * raw) / (1 - power))
    return np.asarray((raw if power == 2 else np.exp((2 - power) * raw) / (2 - power)) - left)


def _power(params: Mapping[str, Any]) -> float:
    return float(params.get("tweedie_variance_power", 1.5))


def _binary(y: Floats, raw: Floats, _: Mapping[str, Any]) -> Derivatives:
    p = inverse_link(raw, "logit")
    return Derivatives(p - y, p * (1 - p))


def _multiclass(y: Floats, raw: Floats, _: Mapping[str, Any]) -> Derivatives:
    p, classes = inverse_link(raw, "softmax"), raw.shape[1]
    hit = y.astype(np.int64)[:, None] == np.arange(classes)
    return Derivatives(p - hit, classes / (classes - 1) * p * (1 - p))


def _regression(y: Floats, raw: Floats, _: Mapping[str, Any]) -> Derivatives:
    return Derivatives(raw - y, np.ones_like(raw))


def _poisson(y: Floats, raw: Floats, params: Mapping[str, Any]) -> Derivatives:
    mean = np.exp(raw)
    return Derivatives(mean - y, mean * np.exp(float(params.get("poisson_max_delta_step", 0.7))))


def _gamma(y: Floats, raw: Floats, _: Mapping[str, Any]) -> Derivatives:
    ratio = y * np.exp(-raw)
    return Derivatives(1 - ratio, ratio)


def _tweedie(y: Floats, raw: Floats, params: Mapping[str, Any]) -> Derivatives:
    power = _power(params)
    left, right = y * np.exp((1 - power) * raw), np.exp((2 - power) * raw)
    return Derivatives(right - left, (2 - power) * right - (1 - power) * left)


_DERIVATIVES: dict[str, Callable[[Floats, Floats, Mapping[str, Any]], Derivatives]] = {
    "binary": _binary,
    "multiclass": _multiclass,
    "regression": _regression,
    "poisson": _poisson,
    "gamma": _gamma,
    "tweedie": _tweedie,
}
