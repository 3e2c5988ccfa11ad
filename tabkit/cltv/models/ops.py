"""The array functions that likelihoods use, so that NumPy and PyTensor run the same formulas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Ops:
    """Elementwise functions of one array library.

    Parameters
    ----------
    log, log1p, exp, expm1, gammaln, logaddexp, maximum
        As NumPy and SciPy define them.
    where
        ``where(condition, a, b)``; both are computed, so that neither may be NaN where it is not taken.
    last
        Adds an axis behind all others.
    total, logsumexp
        The sum over the last axis, and the log of the sum of exponentials.
    """

    log: Function
    log1p: Function
    exp: Function
    expm1: Function
    gammaln: Function
    logaddexp: Function
    maximum: Function
    where: Function
    last: Function
    total: Function
    logsumexp: Function

    def betaln(self, a: Any, b: Any) -> Any:
        """Return the logarithm of the beta function.

        >>> round(float(NUMPY.betaln(2.0, 3.0)), 6) == round(float(np.log(1 / 12)), 6)
        True
        """
        return self.gammaln(a) + self.gammaln(b) - self.gammaln(a + b)


NUMPY = Ops(
    log=np.log,
    log1p=np.log1p,
    exp=np.exp,
    expm1=np.expm1,
    gammaln=lambda x: scipy.special.gammaln(x),  # noqa: PLW0108  # SciPy loads its parts when they are named
    logaddexp=np.logaddexp,
    maximum=np.maximum,
    where=np.where,
    last=lambda x: np.expand_dims(x, -1),
    total=lambda x: np.sum(x, axis=-1),
    logsumexp=lambda x: scipy.special.logsumexp(x, axis=-1),
)
