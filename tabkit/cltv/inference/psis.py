"""Pareto-smoothed importance sampling: weights of draws, and a diagnosis of how reliable they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TRUSTED = 0.7
"""The k-hat above which estimates cannot be trusted (Vehtari et al. 2024, section 3.2)."""

_PRIOR, _FEWEST = 3.0, 5  # Zhang and Stephens 2009; with fewer values in the tail no Pareto distribution is fitted


@dataclass(frozen=True, slots=True, eq=False)
class Smoothed:
    """Smoothed weights and their diagnosis.

    Parameters
    ----------
    weight
        Shape (n,), adding up to one.
    k_hat
        The shape of the tail of the raw weights: below 0.5 their variance is finite, above 0.7 nothing is sure.
    ess
        The effective number of draws.
    """

    weight: Floats
    k_hat: float
    ess: float


def smooth(log_ratio: Floats) -> Smoothed:
    """Smooth importance weights: the largest are replaced by what a generalised Pareto tail through them expects.

    Vehtari, Simpson, Gelman, Yao and Gabry 2024, "Pareto smoothed importance sampling", Journal of Machine Learning
    Research 25(72), algorithm 1. The tail is fitted as Zhang and Stephens 2009, "A new and efficient estimation method
    for the generalized Pareto distribution", Technometrics 51(3), with the prior of the former's appendix.

    Parameters
    ----------
    log_ratio
        Shape (n,): the log density wanted less that of the proposal, up to a constant; ``-inf`` for draws that are
        impossible.

    Examples
    --------
    >>> found = smooth(np.zeros(1000))
    >>> found.k_hat, round(found.ess)
    (-inf, 1000)
    """
    n = len(log_ratio)
    order = np.argsort(log_ratio, kind="stable")
    log_weights = log_ratio[order] - log_ratio.max()
    tail = int(np.ceil(min(0.2 * n, 3 * np.sqrt(n))))
    k_hat = -np.inf
    if tail >= _FEWEST and n > tail:
        cutoff = np.exp(log_weights[n - tail - 1])
        beyond = np.exp(log_weights[n - tail :]) - cutoff
        if beyond[-1] > 0 and beyond[-1] > np.finfo(float).eps * cutoff:
            k_hat, scale = _tail(np.maximum(beyond, np.finfo(float).tiny))
            expected = (np.arange(tail) + 0.5) / tail
            smoothed = cutoff + _quantile(expected, k_hat, scale)
            log_weights[n - tail :] = np.minimum(np.log(smoothed), 0.0)
    weight = np.empty(n)
    weight[order] = np.exp(log_weights - scipy.special.logsumexp(log_weights))
    return Smoothed(weight, float(k_hat), float(1 / (weight**2).sum()))


def _tail(beyond: Floats) -> tuple[float, float]:
    """Return shape and scale of a generalised Pareto distribution; `beyond` is sorted and positive."""
    n = len(beyond)
    grid = 30 + int(np.sqrt(n))
    quartile = beyond[int(n / 4 + 0.5) - 1]
    b = 1 / beyond[-1] + (1 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))) / (_PRIOR * quartile)
    k = np.mean(np.log1p(-b[:, None] * beyond), axis=1)
    likelihood = n * (np.log(-b / k) - k - 1)
    share = np.exp(likelihood - scipy.special.logsumexp(likelihood))
    found = float((b * share).sum())
    shape = float(np.mean(np.log1p(-found * beyond)))
    return (n * shape + 5.0) / (n + 10.0), -shape / found


def _quantile(p: Floats, shape: float, scale: float) -> Floats:
    if abs(shape) < 1e-12:
        return np.asarray(-scale * np.log1p(-p))
    return np.asarray(scale * np.expm1(-shape * np.log1p(-p)) / shape)
