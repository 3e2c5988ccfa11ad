"""Means and quantiles of draws, under the names that tables have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

QUANTILES = (0.03, 0.5, 0.97)  # a 94 % interval and the median


def described(kind: str, draws: Floats, quantiles: Sequence[float], *, wide: Floats | None = None) -> dict[str, Floats]:
    """Return mean and quantiles over the last axis, under names such as ``value_mean`` and ``value_q03``.

    Where `wide` is given, the quantiles are those of these draws.

    >>> sorted(described("value", np.array([[1.0, 3.0]]), [0.5]))
    ['value_mean', 'value_q50']
    """
    found = {f"{kind}_mean": draws.mean(axis=-1)}
    method: Any = "inverted_cdf" if kind == "purchases" else "linear"
    levels: Any = np.quantile(draws if wide is None else wide, quantiles, axis=-1, method=method) if quantiles else []
    return found | {f"{kind}_{named(q)}": level for q, level in zip(quantiles, levels, strict=True)}


def named(quantile: float) -> str:
    """Return the name of a quantile.

    >>> named(0.03), named(0.5), named(0.975)
    ('q03', 'q50', 'q97.5')
    """
    percent = round(100 * quantile, 6)
    return f"q{percent:02.0f}" if percent == int(percent) else f"q{percent:g}"
