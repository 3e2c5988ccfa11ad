"""Means of the target by level, shrunk towards the mean of all rows."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tabkit.encoding.statistics import Floats, Sums
from tabkit.errors import ConfigError

Smoothing = float | Literal["auto"]


def check_smoothing(value: object) -> None:
    """Raise a `ConfigError` unless `value` is ``auto`` or a number from 0."""
    is_number = isinstance(value, int | float | np.integer) and not isinstance(value, bool)
    if value != "auto" and not (is_number and 0 <= value < np.inf):  # type: ignore[operator]  # a number, then
        raise ConfigError(f"smoothing is {value!r}: 'auto' or a number from 0 was expected")


def smoothed(pooled: Sums, smoothing: Smoothing) -> Floats:
    """Return the means by cell, then the prior, shape (cells + 1, columns); NaN where no row has weight.

    `pooled` has a single fold. The formulas are in the docstring of `Target`.
    """
    weight, sums, scatter = pooled.weight[:, 0, None], pooled.sums[:, 0], pooled.scatter[:, 0]
    mass = weight.sum()
    if not mass > 0:
        return np.full((len(weight) + 1, sums.shape[1]), np.nan)
    prior = sums.sum(axis=0) / mass
    seen = weight > 0
    mean = np.divide(sums, weight, out=np.broadcast_to(prior, sums.shape).copy(), where=seen)
    variance = (scatter.sum(axis=0) + (weight * (mean - prior) ** 2).sum(axis=0)) / mass
    within = np.divide(scatter, weight, out=np.zeros_like(scatter), where=seen)
    share = shrinkage(weight, within, variance, smoothing)
    return np.vstack([share * mean + (1 - share) * prior, prior])


def shrinkage(weight: Floats, within: Floats, variance: Floats, smoothing: Smoothing) -> Floats:
    """Return the share with which a level's own mean counts, from 0 to 1; 0 where it has no weight.

    `within` is the variance of the target within the level, `variance` that over all rows.
    """
    if smoothing == "auto":
        top = variance * weight
        return np.divide(top, top + within, out=np.zeros(np.broadcast(top, within).shape), where=top + within > 0)
    seen = weight > 0
    return np.divide(weight, weight + smoothing, out=np.zeros_like(weight), where=seen)
