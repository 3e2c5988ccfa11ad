"""Scales of an axis: linear, logarithmic, or logarithmic away from zero."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
ScaleKind = Literal["linear", "log", "symlog"]

_SKEWED = 8.0  # one tail so many times the other: a logarithm reads better
_FEW = 50  # with fewer values than this an axis is even: tails cannot be told


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places between 0 and 1, and back.

    Parameters
    ----------
    kind
        ``linear``, ``log`` (all values above zero), or ``symlog``: ``asinh(x / unit)``, even near zero and
        logarithmic far from it.
    low, high
        The least and the greatest value, which lie at 0 and 1; `low` is below `high`.
    unit
        Of ``symlog``: where it turns from even to logarithmic.

    Examples
    --------
    >>> scale = Scale("log", 1.0, 100.0)
    >>> scale.places(np.array([1.0, 10.0, 100.0, np.inf])).tolist(), scale.value(0.5)
    ([0.0, 0.5, 1.0, 1.0], 10.0)
    """

    kind: ScaleKind
    low: float
    high: float
    unit: float = 1.0

    def places(self, values: Floats) -> Floats:
        """Return the place of each value, shape (n,); infinite ones lie at the ends, NaN stays NaN."""
        low, high = self._along(np.array([self.low, self.high]))
        with np.errstate(divide="ignore", invalid="ignore"):
            along = self._along(values)
        places: Floats = np.clip((along - low) / (high - low), 0.0, 1.0)
        return places

    def value(self, place: float) -> float:
        """Return the value at a place."""
        low, high = self._along(np.array([self.low, self.high]))
        along = float(low + place * (high - low))
        if self.kind == "log":
            return float(10.0**along)
        return self.unit * math.sinh(along) if self.kind == "symlog" else along

    def _along(self, values: Floats) -> Floats:
        if self.kind == "log":
            return np.log10(values)
        return np.arcsinh(values / self.unit) if self.kind == "symlog" else values


def scale_of(values: Floats) -> Scale:
    """Choose the scale of finite values, shape (n,), of which at least two differ.

    A column is skewed if one of its tails, from the median to the 1st or the 99th percentile, is eight times as long
    as the other.

    >>> scale_of(np.exp(np.linspace(-5, 5, 100))).kind, scale_of(np.arange(10.0)).kind
    ('log', 'linear')
    """
    low, high = float(values.min()), float(values.max())
    first, middle, last = np.quantile(values, [0.01, 0.5, 0.99])
    left, right = float(middle - first), float(last - middle)
    longer, shorter = max(left, right), min(left, right)
    if len(values) < _FEW:
        return Scale("linear", low, high)
    far = (high - low) > 50 * (last - first) if last > first else False
    if longer <= _SKEWED * shorter and not far:
        return Scale("linear", low, high)
    if low > 0:
        return Scale("log", low, high) if high / low > 10 else Scale("linear", low, high)
    away = np.abs(values[values != 0])
    unit = float(np.median(away)) if len(away) else 1.0
    return Scale("symlog", low, high, unit) if max(-low, high) > 10 * unit else Scale("linear", low, high)
