"""Numerical integrals where closed forms fail: near poles, and where hypergeometric functions overflow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tabkit.cltv.models.ops import NUMPY

Floats = NDArray[np.float64]

NODES, WEIGHTS = (part / 2 for part in np.polynomial.legendre.leggauss(32))
NODES = NODES + 0.5
"""Gauss-Legendre nodes and weights on (0, 1)."""

_STEPS = np.linspace(-6.5, 6.5, 261)


def beta_mean(function: Callable[[Floats], Floats], a: Floats, b: Floats) -> Floats:
    """Return the mean of a function of p where p is Beta(a, b), by tanh-sinh quadrature in the log-odds of p.

    Takahasi and Mori (1974): with ``logit p = pi/2 sinh(u)`` the trapezoid rule in ``u`` converges exponentially, also
    where the density has poles at 0 and 1.

    Parameters
    ----------
    function
        Takes p with an axis more than `a`, the last; bounded, and smooth in p.
    a, b
        Positive, of any one shape.

    Examples
    --------
    >>> round(float(beta_mean(lambda p: p, np.array(0.3), np.array(0.9))), 12)
    0.25
    """
    a, b = np.expand_dims(np.asarray(a, float), -1), np.expand_dims(np.asarray(b, float), -1)
    # around the middle of the density, and as wide as it is
    odds = np.log(a / b) + np.minimum(1.0, np.sqrt(1 / a + 1 / b)) * np.pi / 2 * np.sinh(_STEPS)
    p = np.exp(-np.logaddexp(0.0, -odds))
    density = -a * np.logaddexp(0.0, -odds) - b * np.logaddexp(0.0, odds) - NUMPY.betaln(a, b)
    weight = np.exp(density) * np.cosh(_STEPS)
    found: Floats = np.sum(weight * function(p), axis=-1) / np.sum(weight, axis=-1)
    return found
