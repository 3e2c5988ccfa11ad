"""Parameters that vary by group around a common one, sampled along nearly independent axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from tabkit.cltv.models.model import LEVELS, Parameter
from tabkit.cltv.models.ops import NUMPY, Ops

Floats = NDArray[np.float64]
Loglik = Callable[[Ops, Mapping[str, Any], Mapping[str, Any]], Any]

_WIDE = 4.0  # a prior variance of two standard deviations on the log scale: a factor of seven either way
_STEP = 1e-3  # of central differences: balances rounding and curvature
_LARGEST = 1e4  # a group that says nothing has this variance instead of an infinite one


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The estimates of each group alone, on the scale of the parameter: log, or log-odds of a share.

    Parameters
    ----------
    middle
        Shape (parameters,): of all groups together.
    mean, variance
        Shape (groups, parameters): the normal approximation of each group's likelihood.
    """

    middle: Floats
    mean: Floats
    variance: Floats


def seen(
    parameters: tuple[Parameter, ...],
    loglik: Loglik,
    data: Mapping[str, Any],
    weight: Floats,
    place: NDArray[np.int64],
    *,
    start: Floats,
) -> Seen:
    """Estimate each group alone: its mode and curvature under a wide prior around the common mode.

    Parameters
    ----------
    loglik
        Of the free parameters, one number per row.
    data, weight, place
        Columns, how often each row counts, and its group from 0.
    start
        Shape (parameters,): where to look first, on the parameters' own scale.
    """

    def loss(x: Floats, rows: Any, centre: Floats) -> float:
        values = {p.name: scipy.special.expit(v) if p.share else np.exp(v) for p, v in zip(parameters, x, strict=True)}
        those = {name: value[rows] if np.ndim(value) else value for name, value in data.items() if name != LEVELS}
        with np.errstate(all="ignore"):
            found = -float((weight[rows] * loglik(NUMPY, values, those)).sum())
        return (found if np.isfinite(found) else 1e12) + 0.5 * float(((x - centre) ** 2).sum()) / _WIDE

    def mode(rows: Any, centre: Floats) -> Floats:
        return np.asarray(scipy.optimize.minimize(loss, centre, args=(rows, centre), method="L-BFGS-B").x)

    middle = mode(np.arange(len(weight)), start)
    means, variances = [], []
    for group in range(int(place.max()) + 1):
        rows = np.flatnonzero(place == group)
        at = mode(rows, middle)
        curvature = _curvature(partial(loss, rows=rows, centre=middle), at)
        both = np.diag(np.linalg.inv(curvature))
        variance = np.minimum(1 / np.maximum(1 / both - 1 / _WIDE, 1 / _LARGEST), _LARGEST)
        means.append((at / both - middle / _WIDE) * variance)
        variances.append(variance)
    return Seen(middle, np.array(means), np.array(variances))


def common(ops: Ops, w: Any, scale: Any, known: Seen, place: int) -> tuple[Any, Any]:
    """Return the common parameter on its own scale from `w`, its distance from where the groups put it.

    That distance is in units of its standard deviation for this scale of groups, which is nearly N(0, 1) whatever the
    scale is. The second result is the log of the Jacobian; the prior is not part of it.
    """
    apart = 1 / (ops.last(scale**2) + known.variance[:, place])
    variance = 1 / (ops.total(apart) + 1 / _WIDE)
    centre = (ops.total(apart * known.mean[:, place]) + known.middle[place] / _WIDE) * variance
    return centre + ops.exp(0.5 * ops.log(variance)) * w, 0.5 * ops.log(variance)


def near(ops: Ops, w: Any, prior: tuple[Any, Any], data: tuple[Any, Any]) -> tuple[Any, Any]:
    """Return x of a standardised `w`, and the log density that `w` has through it: x's prior and the Jacobian.

    Where x ~ N(m, p) and data say x_hat ~ N(x, h), both together are normal too; `w` is the distance of x from their
    mean in units of their standard deviation. Neither end of p is a narrow place then, as it is for x itself where p
    may be next to 0, and for (x - m) / sqrt(p) where data say much (Papaspiliopoulos, Roberts and Sköld 2007).

    Parameters
    ----------
    prior, data
        Mean and variance each.
    """
    away, density = distance(ops, w, prior, data)
    return prior[0] + ops.exp(0.5 * ops.log(prior[1])) * away, density


def distance(ops: Ops, w: Any, prior: tuple[Any, Any], data: tuple[Any, Any]) -> tuple[Any, Any]:
    """Return the distance of x from its prior's mean in units of the prior's standard deviation, and what `near` does.

    It is added up from its parts: x less the mean has no digits left where p is next to 0.
    """
    (mean, var), (hat, hat_var) = prior, data
    # Roots as logs: PyTensor rewrites powers of such quotients for minutes.
    log_var, log_hat, log_both = ops.log(var), ops.log(hat_var), ops.log(var + hat_var)
    away = ops.exp(0.5 * log_var - log_both) * (hat - mean) + ops.exp(0.5 * (log_hat - log_both)) * w
    return away, 0.5 * (log_hat - log_both) - 0.5 * away**2


def _curvature(loss: Callable[[Floats], float], at: Floats) -> Floats:
    """Return second derivatives by central differences; directions without curvature have that of the prior."""
    size = len(at)
    steps = np.eye(size) * _STEP
    found = np.empty((size, size))
    for i in range(size):
        for j in range(i, size):
            a, b = steps[i], steps[j]
            second = loss(at + a + b) - loss(at + a - b) - loss(at - a + b) + loss(at - a - b)
            found[i, j] = found[j, i] = second / (4 * _STEP**2)
    values, axes = np.linalg.eigh(found)
    return np.asarray((axes * np.maximum(values, 1 / _WIDE)) @ axes.T)
